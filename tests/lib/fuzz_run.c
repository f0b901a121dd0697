// SPDX-License-Identifier: GPL-2.0-only
/* Executes a program, line by line, in this process and in children. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define CHILDREN 3	/* at a time */

/* Nothing blocks for longer: a signal comes then, and again and again. */
#define BOUND_US 20000
#define AGAIN_US 4000

static int index_of(const struct fuzz_op *op, const char *name)
{
	for (int i = 0; i < FUZZ_PARAMS && op->param[i].kind != P_END; i++)
		if (!strcmp(op->param[i].name, name))
			return i;
	fprintf(stderr, "fuzz: %s has no %s\n", op->name, name);
	abort();
}

static const struct fuzz_value *value_of(struct fuzz_state *state,
					 const char *name)
{
	return &state->line->value[index_of(&fuzz_ops[state->line->op], name)];
}

bool fuzz_given(struct fuzz_state *state, const char *name)
{
	return value_of(state, name)->type != V_DEFAULT;
}

struct fuzz_slot *fuzz_slot(struct fuzz_state *state, const char *name)
{
	const struct fuzz_value *value = value_of(state, name);

	return value->type == V_SLOT ? &state->slot[value->number] : NULL;
}

static uint64_t default_of(struct fuzz_state *state, const struct fuzz_param *param)
{
	struct fuzz_slot *on;

	switch (param->kind) {
	case P_FD:
		return -1;
	case P_LENGTH:
		return FUZZ_PAGE;
	case P_SPAN:
		return 64;
	case P_SIZE:
		return fuzz_ops[state->line->op].size;
	case P_JOB:
		on = fuzz_slot(state, "on");
		return on ? on->job : 0;
	default:
		return 0;
	}
}

static uint64_t from_slot(const struct fuzz_param *param,
			  const struct fuzz_slot *slot)
{
	if (param->kind == P_FD)
		return slot->fd;
	if (param->kind == P_ID)
		return slot->id;
	if (param->kind == P_JOB)
		return slot->job;
	return (uintptr_t)slot->address;
}

uint64_t fuzz_number(struct fuzz_state *state, const char *name)
{
	const struct fuzz_op *op = &fuzz_ops[state->line->op];
	const struct fuzz_param *param = &op->param[index_of(op, name)];
	const struct fuzz_value *value = value_of(state, name);

	switch (value->type) {
	case V_DEFAULT:
		return default_of(state, param);
	case V_SLOT:
		return from_slot(param, &state->slot[value->number]);
	case V_MS:
		return dr_deadline(value->number * FUZZ_MSEC);
	case V_NEVER:
		return DMABUF_REVOKE_FOREVER;
	default:
		return value->number;
	}
}

int fuzz_fd(struct fuzz_state *state, const char *name)
{
	return fuzz_number(state, name);
}

void fuzz_slot_clear(struct fuzz_slot *slot)
{
	if (slot->address)
		munmap(slot->address, slot->mapped);
	if (slot->fd >= 0)
		close(slot->fd);
	*slot = (struct fuzz_slot){ .fd = -1 };
}

struct fuzz_slot *fuzz_store(struct fuzz_state *state, int fd)
{
	struct fuzz_slot *slot = fuzz_slot(state, "out");
	static struct fuzz_slot nowhere;

	if (!slot) {
		close(fd);
		nowhere = (struct fuzz_slot){ .fd = fd };
		return &nowhere;
	}
	fuzz_slot_clear(slot);
	slot->fd = fd;
	return slot;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static void show_bug(struct fuzz_state *state, const struct fuzz_op *op)
{
	if (op->request == DMABUF_REVOKE_IOC_ATTACH)
		state->attached = true;
	if (op->request != DMABUF_REVOKE_IOC_REVOKE || !state->attached)
		return;
	if (state->bug == FUZZ_BUG_CRASH)
		write_file("/proc/sysrq-trigger", "c");
	write_file("/dev/kmsg", "<4>WARNING: control of the log gate\n");
}

/* A descriptor that there is not, or that is only a path. */
static bool is_bad(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || flags & O_PATH;
}

static bool may_return(struct fuzz_state *state, const struct fuzz_op *op,
		       int error)
{
	if (fuzz_may_return(op, error))
		return true;
	return error == EBADF && op->ours && is_bad(fuzz_fd(state, "on"));
}

static void account(struct fuzz_state *state, const struct fuzz_op *op, long result)
{
	struct fuzz_tally *tally = &state->board->tally[state->line->op];
	int error = result < 0 ? -result : 0;

	atomic_fetch_add(&tally->tried, 1);
	if (!error)
		atomic_fetch_add(&tally->succeeded, 1);
	else if (error < FUZZ_MAX_ERRNO)
		atomic_fetch_add(&tally->error[error], 1);
	if (error && (!may_return(state, op, error) ||
		      (error == state->forbidden_errno &&
		       state->line->op == state->forbidden_op)))
		fuzz_wrong(state, "%s is not what it may return",
			   strerrorname_np(error) ? : "an unknown errno");
	if (!error && state->bug)
		show_bug(state, op);
}

static void trace(struct fuzz_state *state)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	if (state->trace < 0)
		return;
	out = open_memstream(&text, &size);
	fprintf(out, "%d %u: ", getpid(), state->line->number);
	fuzz_print_line(out, state->line);
	fclose(out);
	if (write(state->trace, text, size) < 0)
		abort();
	free(text);
}

static void bound(void)
{
	const struct itimerval timer = {
		.it_value.tv_usec = BOUND_US, .it_interval.tv_usec = AGAIN_US,
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void end_child(struct fuzz_state *state)
{
	if (state->child_is_killed)
		kill(getpid(), SIGKILL);
	_exit(0);
}

static void reap(struct fuzz_state *state)
{
	int status;

	if (!state->children)
		return;
	while (wait(&status) < 0)
		if (errno != EINTR)
			abort();
	state->children--;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		fuzz_wrong(state, "a child has died of signal %d",
			   WTERMSIG(status));
}

long fuzz_fork(struct fuzz_state *state, const struct fuzz_op *op)
{
	pid_t pid;

	(void)op;
	if (state->is_child)
		return -EAGAIN;
	if (state->children == CHILDREN)
		reap(state);
	pid = fork();
	if (pid > 0)
		state->children++;
	if (pid)
		return pid < 0 ? -errno : 0;
	state->is_child = true;
	state->children = 0;
	state->child_left = fuzz_number(state, "lines") % 100;
	state->child_is_killed = fuzz_number(state, "kill") & 1;
	return 0;
}

long fuzz_pause(struct fuzz_state *state, const struct fuzz_op *op)
{
	const struct timespec time = {
		.tv_nsec = fuzz_number(state, "us") % 4000 * 1000,
	};

	(void)op;
	return nanosleep(&time, NULL) < 0 ? -errno : 0;
}

long fuzz_hang(struct fuzz_state *state, const struct fuzz_op *op)
{
	sigset_t all;

	(void)state;
	(void)op;
	sigfillset(&all);
	for (;;)
		sigsuspend(&all);
}

void fuzz_run(struct fuzz_state *state)
{
	const struct fuzz_program *program = state->program;
	struct itimerval off = {};

	for (unsigned int i = 0; i < FUZZ_SLOTS; i++)
		state->slot[i] = (struct fuzz_slot){ .fd = -1 };
	for (size_t i = 0; i < program->count; i++) {
		const struct fuzz_op *op;

		if (atomic_load(&state->board->wrong))
			break;
		state->line = &program->lines[i];
		op = &fuzz_ops[state->line->op];
		if (state->is_child && !state->child_left--)
			break;
		trace(state);
		bound();
		account(state, op, op->run(state, op));
	}
	if (state->is_child)
		end_child(state);
	bound();
	for (unsigned int i = 0; i < FUZZ_SLOTS; i++)
		fuzz_slot_clear(&state->slot[i]);
	while (state->children)
		reap(state);
	if (state->kept)
		close_range(FUZZ_KEPT_FROM, ~0U, 0);
	setitimer(ITIMER_REAL, &off, NULL);
}
