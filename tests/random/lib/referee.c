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

/* How often it looks what everybody does. */
#define TICK_MS 50
/* Looks until it goes without those that it has killed. */
#define LAST_LOOKS 600

struct match {
	struct fuzz_board *board;
	const struct fuzz_program *program;
	struct fuzz_process process[FUZZ_PROCESSES];
	pid_t pid[FUZZ_PROCESSES];	/* 0: it has come to its end */
	unsigned int processes;
	/* How many looks have found each at the operation that it began then. */
	uint64_t since[FUZZ_WATCHES];
	uint64_t looks[FUZZ_WATCHES];
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

/*
 * Whether somebody has been at one line for too long. Looks are counted, not the time between
 * them: where the whole machine has stood still nobody could go on.
 */
static bool somebody_hangs(struct match *match, uint64_t bound_ms)
{
	bool hangs = false;

	for (unsigned int i = 0; i < FUZZ_WATCHES; i++) {
		struct fuzz_watch *watch = &match->board->watch[i];
		uint64_t since = atomic_load(&watch->since);
		unsigned int line = atomic_load(&watch->line);

		match->looks[i] = since == match->since[i] ? match->looks[i] + 1 : 0;
		match->since[i] = since;
		if (!since || match->looks[i] * TICK_MS < bound_ms)
			continue;
		fuzz_wrong_at(match->board,
			      line ? &match->program->lines[line - 1] : NULL,
			      "it hangs");
		print_stack(atomic_load(&watch->tid));
		hangs = true;
	}
	return hangs;
}

static bool start(struct match *match, unsigned int i)
{
	match->pid[i] = fork();
	if (!match->pid[i])
		fuzz_live(&match->process[i]);
	return match->pid[i] > 0;
}

/* A process is no more; its next life begins with the common lines. */
static void clear(struct match *match, unsigned int i)
{
	struct fuzz_watch *watch = fuzz_watch(match->board, i + 1, 0);

	match->pid[i] = 0;
	for (unsigned int n = 0; n <= FUZZ_THREADS; n++) {
		atomic_store(&watch[n].tid, 0);
		atomic_store(&watch[n].since, 0);
	}
	atomic_store(&watch->line, 0);
}

/* One of our children, or of those that they left behind, has ended. */
static void reap(struct match *match, pid_t pid, int status)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	struct fuzz_board *board = match->board;
	unsigned int i = 0;

	while (i < match->processes && match->pid[i] != pid)
		i++;
	if (i == match->processes) {
		fuzz_forget_child(board, pid);
		if (status && !killed)
			fuzz_wrong_at(board, NULL, "a child ended with status %#x",
				      status);
		return;
	}
	clear(match, i);
	if (killed && match->process[i].threads) {
		if (!atomic_load(&board->wrong) && !start(match, i))
			fuzz_wrong_at(board, NULL, "no new life: %s", strerror(errno));
	} else if (status) {
		fuzz_wrong_at(board, NULL, "process %u ended with status %#x", i + 1,
			      status);
	}
}

static void match_create(struct match *match, const struct fuzz_options *options)
{
	const struct fuzz_program *program = match->program;

	match->processes = 1;
	for (unsigned int i = 0; i < FUZZ_PROCESSES; i++)
		match->process[i] = (struct fuzz_process){
			.board = match->board, .program = program,
			.options = options, .number = i + 1,
		};
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

static void kill_all(struct match *match)
{
	for (unsigned int i = 0; i < match->processes; i++)
		if (match->pid[i] > 0)
			kill(match->pid[i], SIGKILL);
	for (unsigned int i = FUZZ_LANES; i < FUZZ_WATCHES; i++) {
		pid_t child = atomic_load(&match->board->watch[i].tid);

		/* It keeps its number until it has been waited for. */
		if (child > 0)
			kill(child, SIGKILL);
	}
}

void fuzz_referee(struct fuzz_board *board, const struct fuzz_program *program,
		  const struct fuzz_options *options)
{
	static const struct timespec tick = { .tv_nsec = TICK_MS * FUZZ_MSEC };
	static struct match match;
	unsigned int looks = 0;
	sigset_t set;
	int status;
	pid_t pid;

	match.board = board;
	match.program = program;
	match_create(&match, options);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (unsigned int i = 0; i < match.processes; i++)
		if (!start(&match, i))
			fuzz_wrong_at(board, NULL, "no process: %s", strerror(errno));
	/* After a hang: until those that are killed are gone. */
	while (looks < LAST_LOOKS) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			reap(&match, pid, status);
		if (pid < 0)
			return;
		/* Who ends cuts a tick short. */
		if (sigtimedwait(&set, NULL, &tick) >= 0)
			continue;
		if (looks)
			looks++;
		else if (somebody_hangs(&match, options->bound_ms))
			looks = 1;
		if (looks)
			kill_all(&match);
	}
}
