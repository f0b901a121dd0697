// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmabuf-revoke alloc
 *
 * The process holds the exporter's file, and with it the buffer, for as long as
 * it runs: until a signal, or until the program that it started has ended.
 */
#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ioctls.h"
#include "message.h"
#include "node.h"
#include "options.h"
#include "signals.h"
#include "table.h"
#include "units.h"

static const struct column columns[] = {
	{ "id", "id", CELL_NUMBER, 0 },
	{ "length", "length", CELL_SIZE, 0 },
	{ "accept_legacy", "accepts legacy importers", CELL_BOOL, 0 },
	{ "pid", "held by process", CELL_NUMBER, 0 },
	{ "fd", "as descriptor", CELL_NUMBER, 0 },
	{ 0 },
};

struct allocation {
	uint64_t id;
	uint64_t length;
	uint32_t flags;
	int fd;
};

static int allocate(int exp, struct allocation *new)
{
	struct dmabuf_revoke_query query;
	char size[UNITS_TEXT];
	int ret;

	ret = dr_alloc(exp, new->length, new->flags, &new->id, &new->fd);
	if (!ret)
		ret = dr_query(exp, new->id, &query);
	if (ret)
		return explain(ACT_ALLOC, ret, "alloc %s",
			       format_size(size, new->length));
	new->length = query.length;
	return 0;
}

static int print(const struct allocation *new, bool json)
{
	struct document *document = document_new(json);
	struct table *table = table_new(document, "buffer", NULL, LAYOUT_RECORD,
					columns);
	int status;

	table_row(table);
	table_set(table, "id", new->id);
	table_set(table, "length", new->length);
	table_set(table, "accept_legacy",
		  !!(new->flags & DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY));
	table_set(table, "pid", (uint64_t)getpid());
	table_set(table, "fd", (uint64_t)new->fd);
	status = document_print(document);
	if (!json)
		printf("\nHeld until SIGINT (Ctrl-C), SIGTERM or SIGHUP. In another terminal:\n"
		       "  dmabuf-revoke attach --pid %d --fd %d --stream\n"
		       "  dmabuf-revoke revoke %" PRIu64 "\n",
		       (int)getpid(), new->fd, new->id);
	fflush(stdout);
	return status;
}

static int hold(const struct allocation *new, bool json, const sigset_t *signals)
{
	int status = print(new, json);
	int signal;

	if (!status)
		sigwait(signals, &signal);
	return status;
}

static void set_number(const char *name, uint64_t number)
{
	char text[UNITS_TEXT];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	if (setenv(name, text, 1))
		_exit(explain(ACT_OTHER, errno, "setting %s", name));
}

static void exec_program(const struct allocation *new, char **program,
			 const sigset_t *mask)
{
	int err;

	set_number(ENVIRONMENT_FD, (uint64_t)new->fd);
	set_number(ENVIRONMENT_ID, new->id);
	fcntl(new->fd, F_SETFD, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(program[0], program);
	err = errno;
	explain(ACT_RUN, err, "%s", program[0]);
	_exit(err == ENOENT ? 127 : 126);
}

static int program_status(int state)
{
	return WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
}

/* Signals sent to us are meant for the program. */
static int await_program(pid_t pid, const sigset_t *signals)
{
	siginfo_t info;
	int state;

	for (;;) {
		if (sigwaitinfo(signals, &info) < 0)
			continue;
		if (info.si_signo == SIGCHLD) {
			if (waitpid(pid, &state, WNOHANG) == pid)
				return program_status(state);
		} else if (info.si_code != SI_KERNEL) {
			/* From the terminal (SI_KERNEL) it got the signal itself. */
			kill(pid, info.si_signo);
		}
	}
}

static int run_program(const struct allocation *new, char **program,
		       sigset_t *signals, const sigset_t *mask)
{
	char size[UNITS_TEXT];
	pid_t pid;

	signal(SIGCHLD, SIG_DFL);
	sigaddset(signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, signals, NULL);

	complain("buffer %" PRIu64 " of %s is descriptor %d of %s", new->id,
		 format_size(size, new->length), new->fd, program[0]);
	pid = fork();
	if (pid < 0)
		return explain(ACT_OTHER, errno, "%s", program[0]);
	if (!pid)
		exec_program(new, program, mask);
	return await_program(pid, signals);
}

static int alloc(struct allocation *new, char **program, bool json)
{
	sigset_t signals, mask;
	int status, exp;

	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	/* Before there is a buffer, so that no signal is missed. */
	signals_block(&signals, &mask);
	status = allocate(exp, new);
	if (!status && program)
		status = run_program(new, program, &signals, &mask);
	else if (!status)
		status = hold(new, json, &signals);
	close(exp);
	return status;
}

static int parse_length(const struct verb *verb, const char *text, uint64_t *length)
{
	int ret = parse_size(text, length);

	if (ret == -ERANGE)
		return usage(verb, "'%s' is too large a size; at most 2^64 - 1 bytes",
			     text);
	if (ret)
		return usage(verb, "'%s' is not a size; write it as %s", text,
			     SIZE_FORMS);
	return 0;
}

int verb_alloc(const struct verb *verb, int argc, char **argv)
{
	bool json = false, accept_legacy = false;
	const struct option_spec specs[] = {
		{ "accept-legacy", OPTION_FLAG, &accept_legacy, NULL,
		  "let importers in that cannot be revoked", NULL },
		OPTION_JSON(json),
		{ 0 },
	};
	struct allocation new = { 0 };
	struct arguments rest;
	char **program;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (!rest.count)
		return usage(verb, "how much? Give a size: " SIZE_FORMS);
	program = rest.count > 1 ? rest.values + 1 : NULL;
	if (program && !rest.dashes)
		return usage(verb, "unexpected argument '%s'; a program comes after --",
			     program[0]);
	if (rest.dashes && !program)
		return usage(verb, "no program after --");
	if (program && json)
		return usage(verb, "--json is not for running a program: that one prints");
	status = parse_length(verb, rest.values[0], &new.length);
	if (status)
		return status;
	if (accept_legacy)
		new.flags |= DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY;
	return alloc(&new, program, json);
}
