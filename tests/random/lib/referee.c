// SPDX-License-Identifier: GPL-2.0-only
/* Starts the processes of a program, and sees to it that no operation blocks for long. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

/* How often it looks at the clock, without anything else to look at. */
#define TICK_NS (50 * FUZZ_MSEC)

struct match {
	struct fuzz_process process[FUZZ_PROCESSES];
	pid_t pid[FUZZ_PROCESSES];	/* 0: it has come to its end */
	unsigned int processes;
};

static void print_stack(int tid)
{
	char path[64], bytes[2048];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stack", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, bytes, sizeof(bytes));
	if (n > 0)
		fwrite(bytes, 1, n, stdout);
	close(fd);
}

/* Whether some lane has been at one line for too long. */
static bool somebody_hangs(struct fuzz_board *board,
			   const struct fuzz_program *program, uint64_t bound_ms)
{
	bool hangs = false;

	for (unsigned int i = 0; i < FUZZ_LANES; i++) {
		struct fuzz_watch *watch = &board->watch[i];
		uint64_t since = atomic_load(&watch->since);
		unsigned int line = atomic_load(&watch->line);

		if (!since || dr_now() <= since + bound_ms * FUZZ_MSEC)
			continue;
		fuzz_wrong_at(board, line ? &program->lines[line - 1] : NULL,
			      "it hangs");
		print_stack(atomic_load(&watch->tid));
		hangs = true;
	}
	return hangs;
}

static bool start(struct match *match, unsigned int i)
{
	struct fuzz_process *process = &match->process[i];

	for (unsigned int n = 0; n <= FUZZ_THREADS; n++) {
		struct fuzz_watch *watch = fuzz_watch(process->board, i + 1, n);

		atomic_store(&watch->tid, 0);
		atomic_store(&watch->since, 0);
		/* The common lines again. */
		if (!n)
			atomic_store(&watch->line, 0);
	}
	match->pid[i] = fork();
	if (!match->pid[i])
		fuzz_live(process);
	return match->pid[i] > 0;
}

/* One of our children, or of those that they left behind, has ended. */
static void reap(struct match *match, pid_t pid, int status)
{
	struct fuzz_board *board = match->process->board;
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	unsigned int i = 0;

	while (i < match->processes && match->pid[i] != pid)
		i++;
	if (i == match->processes) {
		if (status && !killed)
			fuzz_wrong_at(board, NULL, "a child ended with status %#x",
				      status);
		return;
	}
	match->pid[i] = 0;
	if (killed && match->process[i].threads) {
		if (!atomic_load(&board->wrong) && !start(match, i))
			fuzz_wrong_at(board, NULL, "no new life: %s", strerror(errno));
	} else if (status) {
		fuzz_wrong_at(board, NULL, "process %u ended with status %#x", i + 1,
			      status);
	}
}

static void match_create(struct match *match, struct fuzz_board *board,
			 const struct fuzz_program *program,
			 const struct fuzz_options *options)
{
	unsigned int i;

	match->processes = 1;
	for (i = 0; i < FUZZ_PROCESSES; i++) {
		match->process[i].board = board;
		match->process[i].program = program;
		match->process[i].options = options;
		match->process[i].number = i + 1;
	}
	for (size_t n = 0; n < program->count; n++) {
		const struct fuzz_line *line = &program->lines[n];

		if (!line->process)
			continue;
		if (line->process > match->processes)
			match->processes = line->process;
		if (line->thread > match->process[line->process - 1].threads)
			match->process[line->process - 1].threads = line->thread;
	}
}

void fuzz_referee(struct fuzz_board *board, const struct fuzz_program *program,
		  const struct fuzz_options *options)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	static struct match match;
	sigset_t set;
	int status;
	pid_t pid;

	match_create(&match, board, program, options);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (unsigned int i = 0; i < match.processes; i++)
		if (!start(&match, i))
			fuzz_wrong_at(board, NULL, "no process: %s", strerror(errno));
	for (;;) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			reap(&match, pid, status);
		if (pid < 0 && errno == ECHILD)
			return;
		if (somebody_hangs(board, program, options->bound_ms))
			break;
		sigtimedwait(&set, NULL, &tick);
	}
	for (unsigned int i = 0; i < match.processes; i++)
		if (match.pid[i] > 0)
			kill(match.pid[i], SIGKILL);
}
