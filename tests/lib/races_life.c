// SPDX-License-Identifier: GPL-2.0-only
/* One life of a process: its threads, its children, its signals, its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "races.h"

/* In the child of a process with threads: nothing that takes a lock of libc. */
static void child(struct race_thread *thread, const uint16_t *arg)
{
	struct race_process *process = thread->process;
	struct dmabuf_revoke_status status;
	uint64_t value;

	for (unsigned int i = 0; i < RACE_WINDOWS; i++) {
		struct race_window *window = &thread->windows[i];

		if (!window->id)
			continue;
		race_load((uint64_t *)window->address, &value);
		race_store((uint64_t *)window->address, arg[i]);
	}
	for (unsigned int i = 0; i < RACE_ATTACHMENTS; i++) {
		int fd = process->attachments[i].fd;

		if (fd < 0)
			continue;
		dr_status(fd, &status);
		dr_unmap(fd);
		close(fd);
	}
	if (arg[3] % 2)
		kill(getpid(), SIGKILL);
	_exit(0);
}

int race_fork(struct race_thread *thread, const uint16_t *arg)
{
	pid_t pid = fork();

	if (!pid)
		child(thread, arg);
	if (pid < 0)
		return -errno;
	while (waitpid(pid, NULL, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Interrupts another thread of this process, whatever it waits for. */
int race_signal(struct race_thread *thread, const uint16_t *arg)
{
	unsigned int other = arg[0] % thread->board->options.threads;
	struct race_worker *worker = thread->worker - thread->number + other;
	int tid = atomic_load(&worker->tid);

	if (!tid)
		return RACE_NOTHING;
	return syscall(SYS_tgkill, getpid(), tid, arg[1] % 2 ? SIGUSR1 : SIGUSR2) < 0 ?
	       -errno : 0;
}

static void take_step(struct race_thread *thread, unsigned int index,
		      const struct race_step *step)
{
	struct race_board *board = thread->board;
	struct race_worker *worker = thread->worker;
	int ret;

	atomic_store(&worker->op, step->op);
	atomic_store(&worker->index, index);
	atomic_store(&worker->since, dr_now());
	ret = race_ops[step->op].run(thread, step->arg);
	atomic_store(&worker->since, 0);
	if (ret != RACE_NOTHING)
		atomic_fetch_add(ret ? &board->refused[step->op] :
				       &board->done[step->op], 1);
}

/* The calling thread is what CONFIG_FAULT_INJECTION may hit, if it is set up. */
static void let_fail(struct race_thread *thread)
{
	int fd = open("/proc/thread-self/make-it-fail", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		race_violation(thread, "cannot inject faults: %s",
			       strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void *thread_main(void *arg)
{
	struct race_thread *thread = arg;
	const struct race_options *options = &thread->board->options;
	unsigned int number = thread->worker - thread->board->workers;
	uint64_t hash = 0;

	atomic_store(&thread->worker->tid, syscall(SYS_gettid));
	race_kept_begin(thread);
	if (options->inject)
		let_fail(thread);
	for (unsigned int i = 0; i < thread->length; i++) {
		struct race_step step = race_step(options, number,
						  thread->process->life, i);

		if (i == thread->death)
			kill(getpid(), SIGKILL);
		take_step(thread, i, &step);
		hash = race_hash_step(hash, &step);
	}
	race_kept_end(thread);
	atomic_store(&thread->worker->tid, 0);
	atomic_store(&thread->worker->hash, hash);
	return NULL;
}

static void process_begin(struct race_process *process)
{
	unsigned int i;

	process->importer = dr_open(DMABUF_REVOKE_IMPORTER_PATH);
	process->wild = race_reserve(RACE_WILD_WINDOWS * RACE_WINDOW_SIZE);
	for (i = 0; i < RACE_OWNERS; i++) {
		race_handle_init(&process->owners[i]);
		process->owners[i].fd = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	}
	for (i = 0; i < RACE_SLOTS; i++)
		race_handle_init(&process->buffers[i]);
	for (i = 0; i < RACE_ATTACHMENTS; i++) {
		race_handle_init(&process->attachments[i]);
		process->attachments[i].job = &process->jobs[i];
	}
	for (i = 0; i < RACE_FENCES; i++)
		race_handle_init(&process->fences[i]);
}

static void thread_begin(struct race_thread *thread, struct race_process *process,
			 unsigned int number)
{
	const struct race_options *options = &process->board->options;
	unsigned int worker = process->number * options->threads + number;

	*thread = (struct race_thread){
		.process = process,
		.board = process->board,
		.number = number,
		.worker = &process->board->workers[worker],
		.slot = RACE_SHARED_SLOTS + worker,
		.length = race_life_length(options),
		.death = race_death(options, worker, process->life),
	};
	atomic_store(&thread->worker->pid, getpid());
	pthread_create(&thread->thread, NULL, thread_main, thread);
}

/*
 * Exit status of the process, if it gets that far. It leaves everything open, for
 * the kernel to clean up.
 */
int race_live(struct race_board *board, unsigned int number, unsigned int life)
{
	unsigned int threads = board->options.threads;
	struct race_thread *thread = calloc(threads, sizeof(*thread));
	struct race_process *process = calloc(1, sizeof(*process));

	if (!thread || !process)
		return EXIT_FAILURE;
	process->board = board;
	process->number = number;
	process->life = life;
	race_signals();
	process_begin(process);
	for (unsigned int i = 0; i < threads; i++)
		atomic_store(&board->workers[number * threads + i].tid, 0);
	for (unsigned int i = 0; i < threads; i++)
		thread_begin(&thread[i], process, i);
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(thread[i].thread, NULL);
	return EXIT_SUCCESS;
}
