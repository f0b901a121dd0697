// SPDX-License-Identifier: GPL-2.0-only
/* A life of a process: its threads, its children, its signals, its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

void fuzz_reap(struct fuzz_lane *lane)
{
	pid_t pid = lane->child[--lane->children];
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			abort();
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		fuzz_wrong(lane, "a child has died of signal %d", WTERMSIG(status));
}

/* The child goes on with the same lines, beside its parent. */
long fuzz_fork(struct fuzz_lane *lane, const struct fuzz_op *op)
{
	static struct fuzz_watch nobody;
	struct fuzz_process *process = lane->process;
	pid_t pid;

	(void)op;
	if (process->is_child)
		return -EAGAIN;
	if (lane->children == FUZZ_CHILDREN)
		fuzz_reap(lane);
	/* So that the child finds it in order. */
	pthread_mutex_lock(&process->lock);
	pid = fork();
	pthread_mutex_unlock(&process->lock);
	if (pid > 0)
		lane->child[lane->children++] = pid;
	if (pid)
		return pid < 0 ? -errno : 0;
	process->is_child = true;
	lane->watch = &nobody;
	lane->children = 0;
	lane->child_left = fuzz_number(lane, "lines") % 100;
	lane->child_is_killed = fuzz_number(lane, "kill") & 1;
	fuzz_bound_create();
	return 0;
}

long fuzz_pause(struct fuzz_lane *lane, const struct fuzz_op *op)
{
	const struct timespec time = {
		.tv_nsec = fuzz_number(lane, "us") % 4000 * 1000,
	};

	(void)op;
	return nanosleep(&time, NULL) < 0 ? -errno : 0;
}

/* The whole process, whatever its threads are doing: the referee starts its next life. */
long fuzz_die(struct fuzz_lane *lane, const struct fuzz_op *op)
{
	struct fuzz_tally *tally = &lane->board->tally[lane->line->op];

	(void)op;
	if (!lane->thread || lane->process->is_child)
		return -EAGAIN;
	atomic_fetch_add(&tally->succeeded, 1);
	return kill(getpid(), SIGKILL) < 0 ? -errno : 0;
}

/* Interrupts another thread of this process, whatever it waits for. */
long fuzz_signal(struct fuzz_lane *lane, const struct fuzz_op *op)
{
	unsigned int thread = fuzz_number(lane, "thread") % (FUZZ_THREADS + 1);
	struct fuzz_watch *other = fuzz_watch(lane->board, lane->process->number,
					      thread);
	int number = fuzz_number(lane, "restart") & 1 ? SIGUSR1 : SIGUSR2;
	int tid = atomic_load(&other->tid);

	(void)op;
	if (!tid)
		return -ESRCH;
	return syscall(SYS_tgkill, getpid(), tid, number) < 0 ? -errno : 0;
}

long fuzz_hang(struct fuzz_lane *lane, const struct fuzz_op *op)
{
	sigset_t all;

	(void)lane;
	(void)op;
	sigfillset(&all);
	for (;;)
		sigsuspend(&all);
}

/* The calling thread is what CONFIG_FAULT_INJECTION may hit, if it is set up. */
static void let_fail(struct fuzz_lane *lane)
{
	int fd = open("/proc/thread-self/make-it-fail", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		fuzz_wrong_at(lane->board, NULL, "cannot inject faults: %s",
			      strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void *lane_main(void *arg)
{
	struct fuzz_lane *lane = arg;
	struct fuzz_process *process = lane->process;

	atomic_store(&lane->watch->tid, gettid());
	fuzz_places_create();
	fuzz_bound_create();
	/* Not while it opens what its threads need. */
	if (process->options->inject && (lane->thread || !process->threads))
		let_fail(lane);
	fuzz_run(lane);
	atomic_store(&lane->watch->tid, 0);
	return NULL;
}

static struct fuzz_lane *lanes_create(struct fuzz_process *process)
{
	struct fuzz_lane *lane = calloc(process->threads + 1, sizeof(*lane));

	if (!lane)
		abort();
	for (unsigned int i = 0; i <= process->threads; i++) {
		lane[i].process = process;
		lane[i].board = process->board;
		lane[i].thread = i;
		lane[i].watch = fuzz_watch(process->board, process->number, i);
	}
	return lane;
}

static void check_descriptors(struct fuzz_lane *lane, uint64_t before)
{
	uint64_t now = fuzz_descriptors();

	if (now != before)
		fuzz_wrong_at(lane->board, NULL, "left behind: %lld descriptors",
			      (long long)(now - before));
}

/* What is open at the end is for the kernel to clean up, if there were threads. */
void fuzz_live(struct fuzz_process *process)
{
	struct fuzz_lane *lane = lanes_create(process);
	uint64_t before = fuzz_descriptors();
	unsigned int i;

	fuzz_signals();
	pthread_mutex_init(&process->lock, NULL);
	for (i = 0; i < FUZZ_SLOTS; i++)
		process->slot[i].fd = -1;
	fuzz_windows_create(process);
	lane_main(lane);
	for (i = 1; i <= process->threads; i++)
		if (pthread_create(&lane[i].id, NULL, lane_main, &lane[i]))
			abort();
	for (i = 1; i <= process->threads; i++)
		pthread_join(lane[i].id, NULL);
	if (process->threads)
		_exit(0);
	for (i = 0; i < FUZZ_SLOTS; i++)
		fuzz_clear(lane, i);
	if (process->kept)
		close_range(FUZZ_KEPT_FROM, ~0U, 0);
	check_descriptors(lane, before);
	_exit(0);
}
