// SPDX-License-Identifier: GPL-2.0-only
/* A life of a process: its threads, its children, its signals, its end. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common.h"
#include "program.h"

/* One that no child has. NULL: there is none. */
static struct fuzz_watch *watch_of_child(struct fuzz_board *board)
{
	for (unsigned int i = FUZZ_LANES; i < FUZZ_WATCHES; i++) {
		int nobody = 0;

		if (atomic_compare_exchange_strong(&board->watch[i].tid, &nobody, -1))
			return &board->watch[i];
	}
	return NULL;
}

static void put_watch(struct fuzz_watch *watch)
{
	atomic_store(&watch->since, 0);
	atomic_store(&watch->tid, 0);
}

void fuzz_forget_child(struct fuzz_board *board, pid_t pid)
{
	for (unsigned int i = FUZZ_LANES; i < FUZZ_WATCHES; i++)
		if (atomic_load(&board->watch[i].tid) == pid)
			put_watch(&board->watch[i]);
}

void fuzz_reap(struct fuzz_lane *lane)
{
	pid_t pid = lane->child[--lane->children];
	int status;

	/* The child is watched itself. */
	atomic_store(&lane->watch->since, 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			abort();
	atomic_store(&lane->watch->since, dr_now());
	fuzz_forget_child(lane->board, pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		fuzz_wrong(lane, "a child has died of signal %d", WTERMSIG(status));
}

/* The child goes on with the same lines, beside its parent. */
long fuzz_fork(struct fuzz_lane *lane)
{
	struct fuzz_process *process = lane->process;
	struct fuzz_watch *watch;
	pid_t pid;

	if (process->is_child)
		return -EAGAIN;
	if (lane->children == FUZZ_CHILDREN)
		fuzz_reap(lane);
	watch = watch_of_child(lane->board);
	if (!watch)
		return -EAGAIN;
	/* So that the child finds it in order. */
	pthread_mutex_lock(&process->lock);
	pid = fork();
	pthread_mutex_unlock(&process->lock);
	if (pid < 0) {
		put_watch(watch);
		return -EAGAIN;
	}
	if (pid) {
		lane->child[lane->children++] = pid;
		return 0;
	}
	atomic_store(&watch->tid, getpid());
	atomic_store(&watch->line, atomic_load(&lane->watch->line));
	process->is_child = true;
	lane->watch = watch;
	lane->children = 0;
	lane->child_left = fuzz_number(lane, "lines") % 100;
	lane->child_is_killed = fuzz_number(lane, "kill") & 1;
	fuzz_bound_create();
	return 0;
}

long fuzz_pause(struct fuzz_lane *lane)
{
	const struct timespec time = {
		.tv_nsec = fuzz_number(lane, "us") % 4000 * 1000,
	};

	return nanosleep(&time, NULL) < 0 ? -errno : 0;
}

/* The whole process, whatever its threads are doing: the referee starts its next life. */
long fuzz_die(struct fuzz_lane *lane)
{
	struct fuzz_tally *tally = &lane->board->tally[lane->line->op];

	if (!lane->thread || lane->process->is_child)
		return -EAGAIN;
	atomic_fetch_add(&tally->succeeded, 1);
	return kill(getpid(), SIGKILL) < 0 ? -errno : 0;
}

/* Interrupts another thread of this process, whatever it waits for. */
long fuzz_signal(struct fuzz_lane *lane)
{
	unsigned int thread = fuzz_number(lane, "thread") % (FUZZ_THREADS + 1);
	struct fuzz_watch *other = fuzz_watch(lane->board, lane->process->number,
					      thread);
	int number = fuzz_number(lane, "restart") & 1 ? SIGUSR1 : SIGUSR2;
	int tid = atomic_load(&other->tid);

	if (!tid)
		return -ESRCH;
	return syscall(SYS_tgkill, getpid(), tid, number) < 0 ? -errno : 0;
}

long fuzz_hang(struct fuzz_lane *lane)
{
	sigset_t all;

	(void)lane;
	sigfillset(&all);
	for (;;)
		sigsuspend(&all);
}

static void *lane_main(void *arg)
{
	struct fuzz_lane *lane = arg;

	atomic_store(&lane->watch->tid, gettid());
	fuzz_places_create();
	fuzz_bound_create();
	fuzz_run(lane);
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

/* Closes all of them, and looks that they were all. */
static void close_slots(struct fuzz_lane *lane, int before)
{
	int now;

	for (unsigned int i = 0; i < FUZZ_SLOTS; i++)
		fuzz_clear(lane, i);
	if (lane->process->kept)
		close_range(FUZZ_KEPT_FROM, ~0U, 0);
	now = open_fds();
	if (now != before)
		fuzz_wrong_at(lane->board, NULL, "left behind: %d descriptors",
			      now - before);
}

/* What is open at the end is for the kernel to clean up, if there were threads. */
void fuzz_live(struct fuzz_process *process)
{
	struct fuzz_lane *lane = lanes_create(process);
	int before = open_fds();
	unsigned int i;

	/* Nobody is left if somebody ends the referee. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fuzz_signals();
	/* Makes its table, as long as there are no threads. */
	crc32(NULL, 0);
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
	/* The end is watched, too. */
	atomic_store(&lane->watch->line, 0);
	atomic_store(&lane->watch->since, dr_now());
	if (!process->threads)
		close_slots(lane, before);
	_exit(0);
}
