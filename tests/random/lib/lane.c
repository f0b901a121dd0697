// SPDX-License-Identifier: GPL-2.0-only
/* Executes the lines of a lane, one after the other. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

/* Nothing blocks for longer: a signal comes then, and again and again. */
#define BOUND_NS (20 * FUZZ_MSEC)
#define AGAIN_NS (4 * FUZZ_MSEC)

static __thread timer_t timer;

void fuzz_bound_create(void)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
	};

	event._sigev_un._tid = gettid();
	while (timer_create(CLOCK_MONOTONIC, &event, &timer))
		if (errno != EAGAIN && errno != ENOMEM)
			abort();
}

static void bound(uint64_t ns)
{
	const struct itimerspec soon = {
		.it_value.tv_nsec = ns,
		.it_interval.tv_nsec = ns ? AGAIN_NS : 0,
	};

	timer_settime(timer, 0, &soon, NULL);
}

static unsigned int index_of(struct fuzz_lane *lane, const char *name)
{
	int i = fuzz_find_param(lane->op, name);

	if (i >= 0)
		return i;
	fprintf(stderr, "fuzz: %s has no %s\n", lane->op->name, name);
	abort();
}

const struct fuzz_slot *fuzz_slot(struct fuzz_lane *lane, const char *name)
{
	unsigned int i = index_of(lane, name);

	return lane->line->value[i].type == V_SLOT ? &lane->view[i] : NULL;
}

struct fuzz_mapping *fuzz_mapping(struct fuzz_lane *lane, const char *name)
{
	const struct fuzz_value *value = &lane->line->value[index_of(lane, name)];

	return value->type == V_SLOT ? &lane->mapping[value->number] : NULL;
}

static uint64_t default_of(struct fuzz_lane *lane, const struct fuzz_param *param)
{
	const struct fuzz_slot *on;

	switch (param->kind) {
	case P_FD:
		return -1;
	case P_LENGTH:
		return FUZZ_PAGE;
	case P_SPAN:
		return 64;
	case P_SIZE:
		return lane->op->size;
	case P_JOB:
		on = fuzz_slot(lane, "on");
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
	if (param->kind == P_JOB)
		return slot->job;
	return param->kind == P_ID ? slot->id : 0;
}

uint64_t fuzz_number(struct fuzz_lane *lane, const char *name)
{
	unsigned int i = index_of(lane, name);
	const struct fuzz_param *param = &lane->op->param[i];
	const struct fuzz_value *value = &lane->line->value[i];

	switch (value->type) {
	case V_DEFAULT:
		return default_of(lane, param);
	case V_SLOT:
		return from_slot(param, &lane->view[i]);
	case V_SHARED:
		return param->kind == P_FD ? UINT64_MAX :
			       atomic_load(&lane->board->shared[value->number]);
	case V_MS:
		return dr_deadline(value->number * FUZZ_MSEC);
	case V_NEVER:
		return DMABUF_REVOKE_FOREVER;
	default:
		return value->number;
	}
}

int fuzz_fd(struct fuzz_lane *lane, const char *name)
{
	return fuzz_number(lane, name);
}

static void put(struct fuzz_lane *lane, unsigned int n, const struct fuzz_slot *new)
{
	struct fuzz_process *process = lane->process;
	struct fuzz_mapping *mapping = &lane->mapping[n];
	int old;

	pthread_mutex_lock(&process->lock);
	old = process->slot[n].fd;
	process->slot[n] = *new;
	pthread_mutex_unlock(&process->lock);
	/* It may be the last one, and take its time. */
	if (old >= 0)
		close(old);
	if (mapping->address)
		munmap(mapping->address, mapping->length);
	*mapping = (struct fuzz_mapping){};
}

void fuzz_clear(struct fuzz_lane *lane, unsigned int n)
{
	put(lane, n, &(struct fuzz_slot){ .fd = -1 });
}

void fuzz_store(struct fuzz_lane *lane, const struct fuzz_slot *new)
{
	const struct fuzz_value *out = &lane->line->value[index_of(lane, "out")];

	if (out->type == V_SLOT)
		put(lane, out->number, new);
	else if (new->fd >= 0)
		close(new->fd);
}

void fuzz_store_fd(struct fuzz_lane *lane, int fd)
{
	fuzz_store(lane, &(struct fuzz_slot){ .fd = fd });
}

/*
 * Where there are other threads, which may replace what is in a slot at any time, the
 * line has descriptors of its own.
 */
static void view_begin(struct fuzz_lane *lane)
{
	const struct fuzz_param *param = lane->op->param;
	struct fuzz_process *process = lane->process;

	for (unsigned int i = 0; i < FUZZ_PARAMS && param[i].kind != P_END; i++) {
		const struct fuzz_value *value = &lane->line->value[i];
		struct fuzz_slot *view = &lane->view[i];

		if (value->type != V_SLOT)
			continue;
		pthread_mutex_lock(&process->lock);
		*view = process->slot[value->number];
		if (process->threads && param[i].kind == P_FD && view->fd >= 0)
			view->fd = fcntl(view->fd, F_DUPFD_CLOEXEC, 0);
		pthread_mutex_unlock(&process->lock);
	}
}

static void view_end(struct fuzz_lane *lane)
{
	const struct fuzz_param *param = lane->op->param;

	if (!lane->process->threads)
		return;
	for (unsigned int i = 0; i < FUZZ_PARAMS && param[i].kind != P_END; i++)
		if (lane->line->value[i].type == V_SLOT && param[i].kind == P_FD &&
		    lane->view[i].fd >= 0)
			close(lane->view[i].fd);
}

static void warn(struct fuzz_lane *lane)
{
	static const char warning[] = "<4>WARNING: control of the log gate\n";
	int fd;

	if (lane->op->request == DMABUF_REVOKE_IOC_ATTACH)
		atomic_store(&lane->process->attached, true);
	if (lane->op->request != DMABUF_REVOKE_IOC_REVOKE ||
	    !atomic_load(&lane->process->attached))
		return;
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, warning, strlen(warning)) < 0)
		abort();
	close(fd);
}

/* A descriptor that there is not, or that is only a path. */
static bool is_bad(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || flags & O_PATH;
}

static bool may_return(struct fuzz_lane *lane, int error)
{
	const struct fuzz_options *options = lane->process->options;

	if (error == options->forbidden_errno &&
	    lane->line->op == options->forbidden_op)
		return false;
	if (fuzz_may_return(lane->op, error))
		return true;
	return error == EBADF && lane->op->ours && is_bad(fuzz_fd(lane, "on"));
}

static void account(struct fuzz_lane *lane, long result)
{
	struct fuzz_tally *tally = &lane->board->tally[lane->line->op];
	int error = result < 0 ? -result : 0;

	if (!error)
		atomic_fetch_add(&tally->succeeded, 1);
	else if (error < FUZZ_MAX_ERRNO)
		atomic_fetch_add(&tally->error[error], 1);
	if (error && !may_return(lane, error))
		fuzz_wrong(lane, "%s is not what it may return",
			   strerrorname_np(error) ? : "an unknown errno");
	if (!error && lane->process->options->warn)
		warn(lane);
}

static void execute(struct fuzz_lane *lane, const struct fuzz_line *line)
{
	lane->line = line;
	lane->op = &fuzz_ops[line->op];
	atomic_fetch_add(&lane->board->tally[line->op].tried, 1);
	atomic_store(&lane->watch->since, dr_now());
	bound(BOUND_NS);
	view_begin(lane);
	account(lane, lane->op->run(lane));
	view_end(lane);
	atomic_store(&lane->watch->since, 0);
}

static bool is_mine(struct fuzz_lane *lane, const struct fuzz_line *line)
{
	return line->thread == lane->thread &&
	       (!line->process || line->process == lane->process->number);
}

/* Until its parent, or the referee, has waited for it, it is still watched. */
static void end_child(struct fuzz_lane *lane)
{
	atomic_store(&lane->watch->since, dr_now());
	if (lane->child_is_killed)
		kill(getpid(), SIGKILL);
	_exit(0);
}

void fuzz_run(struct fuzz_lane *lane)
{
	const struct fuzz_program *program = lane->process->program;
	size_t i = atomic_load(&lane->watch->line);

	for (; i < program->count && !atomic_load(&lane->board->wrong); i++) {
		if (!is_mine(lane, &program->lines[i]))
			continue;
		if (lane->process->is_child && !lane->child_left--)
			break;
		atomic_store(&lane->watch->line, i + 1);
		execute(lane, &program->lines[i]);
	}
	if (lane->process->is_child)
		end_child(lane);
	atomic_store(&lane->watch->since, dr_now());
	bound(BOUND_NS);
	while (lane->children)
		fuzz_reap(lane);
	fuzz_kept_end(lane);
	bound(0);
	timer_delete(timer);
	atomic_store(&lane->watch->since, 0);
}
