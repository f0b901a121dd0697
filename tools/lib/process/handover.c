// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/devices/open.h"
#include "lib/process/handover.h"
#include "lib/text/message.h"
#include "lib/text/units.h"

int parse_program(const struct verb *verb, const struct arguments *rest, bool json,
		  char ***program)
{
	*program = rest->count > 1 ? rest->values + 1 : NULL;
	if (*program && !rest->dashes)
		return usage(verb, "unexpected argument '%s'; a program comes after --",
			     **program);
	if (rest->dashes && !*program)
		return usage(verb, "no program after --");
	if (*program && json)
		return usage(verb, "--json is not for running a program: that one prints");
	return 0;
}

static void set_number(const char *name, uint64_t number)
{
	char text[UNITS_TEXT];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	if (setenv(name, text, 1))
		_exit(explain(ACT_OTHER, errno, "setting %s", name));
}

static void exec_program(const struct handover *buffer, char **program,
			 const sigset_t *mask)
{
	int err;

	set_number(ENVIRONMENT_FD, (uint64_t)buffer->fd);
	set_number(ENVIRONMENT_ID, buffer->id);
	fcntl(buffer->fd, F_SETFD, 0);
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

int run_program(const struct handover *buffer, char **program, sigset_t *signals,
		const sigset_t *mask)
{
	char size[UNITS_TEXT];
	pid_t pid;

	signal(SIGCHLD, SIG_DFL);
	sigaddset(signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, signals, NULL);

	complain("buffer %" PRIu64 " of %s is descriptor %d of %s", buffer->id,
		 format_size(size, buffer->length), buffer->fd, program[0]);
	pid = fork();
	if (pid < 0)
		return explain(ACT_OTHER, errno, "%s", program[0]);
	if (!pid)
		exec_program(buffer, program, mask);
	return await_program(pid, signals);
}

void hold_until(const struct handover *buffer, bool json, const sigset_t *signals)
{
	int signal;

	if (!json)
		printf("\nHeld until SIGINT (Ctrl-C), SIGTERM or SIGHUP. In another terminal:\n"
		       "  dmabuf-revoke attach --pid %d --fd %d --stream\n"
		       "  dmabuf-revoke revoke %" PRIu64 "\n",
		       (int)getpid(), buffer->fd, buffer->id);
	fflush(stdout);
	sigwait(signals, &signal);
}
