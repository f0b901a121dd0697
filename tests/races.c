// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once, from a seed: see lib/races.h. This process starts the others,
 * sees to it that no operation blocks, and looks at the end whether all is given
 * back.
 *
 * Exit status: 0 all is well; 1 something must not be; 2 an operation hangs, or
 * what is left does not go; 3 there is nothing to test.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "races.h"

enum { STATUS_VIOLATION = 1, STATUS_HANG = 2, STATUS_SETUP = 3 };

/* How often it looks at the clock, without anything else to look at. */
#define TICK (50 * RACE_MSEC)
/* How long what is left may take to go, once nobody is left. */
#define PATIENCE (30 * RACE_SEC)

struct player {
	pid_t pid;		/* 0: has done all its lives */
	unsigned int life;
};

struct counts {
	uint64_t buffers;
	uint64_t bytes;
	uint64_t attachments;
	uint64_t jobs;
};

static const char usage[] =
	"Usage: races [--seed N] [--operations N] [--threads N] [--processes N]\n"
	"             [--faults MASK] [--bound MS] [--inject] [--plan] [--statistics]\n"
	"\n"
	"--threads is per process; --operations is the sum of all threads. No operation\n"
	"may take longer than --bound. --faults gives all buffers these bugs. --inject\n"
	"lets the kernel's fault injection fail what the threads ask for. --plan only\n"
	"prints the hash of what would be done.\n";

static bool counts_get(struct counts *counts)
{
	struct dmabuf_revoke_exporter_info exporter;
	struct dmabuf_revoke_importer_info importer;
	int exp = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	int imp = dr_open(DMABUF_REVOKE_IMPORTER_PATH);
	bool ok = exp >= 0 && imp >= 0 && !dr_exporter_info(exp, &exporter) &&
		  !dr_importer_info(imp, &importer);

	if (exp >= 0)
		close(exp);
	if (imp >= 0)
		close(imp);
	if (ok)
		*counts = (struct counts){
			exporter.buffers, exporter.bytes,
			importer.attachments, importer.jobs,
		};
	return ok;
}

/* An id below all that will be used. */
static uint64_t first_id(void)
{
	int exp = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	uint64_t id = 0;
	int fd;

	if (exp >= 0 && !dr_alloc(exp, 1, 0, &id, &fd))
		close(fd);
	if (exp >= 0)
		close(exp);
	return id;
}

static void print_file(const char *format, int pid, int tid)
{
	char path[64], bytes[2048];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), format, pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, bytes, sizeof(bytes));
	if (n > 0)
		fwrite(bytes, 1, n, stdout);
	close(fd);
}

static void print_hang(struct race_board *board, unsigned int number)
{
	struct race_worker *worker = &board->workers[number];
	unsigned int threads = board->options.threads;
	unsigned int index = atomic_load(&worker->index);

	printf("hang: seed %" PRIu64 ", process %u, thread %u, step %u (%s)\n",
	       board->options.seed, number / threads, number % threads, index,
	       race_ops[atomic_load(&worker->op)].name);
	print_file("/proc/%d/task/%d/stack", atomic_load(&worker->pid),
		   atomic_load(&worker->tid));
}

/* Whether somebody has been at one operation for too long. */
static bool somebody_hangs(struct race_board *board)
{
	const struct race_options *options = &board->options;
	unsigned int workers = options->threads * options->processes;
	bool hangs = false;

	for (unsigned int i = 0; i < workers; i++) {
		uint64_t since = atomic_load(&board->workers[i].since);

		if (since && dr_now() > since + options->bound_ns) {
			print_hang(board, i);
			hangs = true;
		}
	}
	return hangs;
}

static bool start(struct race_board *board, struct player *player,
		  unsigned int number)
{
	unsigned int threads = board->options.threads;

	for (unsigned int i = 0; i < threads; i++)
		atomic_store(&board->workers[number * threads + i].since, 0);
	player->pid = fork();
	if (!player->pid)
		_exit(race_live(board, number, player->life));
	return player->pid > 0;
}

/* One of our children, or of those that they left behind, has ended. */
static void reap(struct race_board *board, struct player *players, pid_t pid,
		 int status)
{
	unsigned int i, n = board->options.processes;

	for (i = 0; i < n && players[i].pid != pid; i++)
		;
	if (i == n)
		return;
	if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0) &&
	    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	      players[i].life < RACE_LIVES - 1)) {
		printf("violation: process %u, life %u, ended with status %#x\n",
		       i, players[i].life, status);
		atomic_fetch_add(&board->violations, 1);
	}
	players[i].pid = 0;
	if (++players[i].life < RACE_LIVES)
		start(board, &players[i], i);
}

/* True: all have come to their end. */
static bool referee(struct race_board *board, struct player *players)
{
	const struct timespec tick = { .tv_nsec = TICK };
	sigset_t set;
	int status;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	for (unsigned int i = 0; i < board->options.processes; i++)
		if (!start(board, &players[i], i))
			return false;
	for (;;) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			reap(board, players, pid, status);
		if (pid < 0 && errno == ECHILD)
			return true;
		if (somebody_hangs(board))
			return false;
		sigtimedwait(&set, NULL, &tick);
	}
}

static void kill_all(struct race_board *board, const struct player *players)
{
	for (unsigned int i = 0; i < board->options.processes; i++)
		if (players[i].pid > 0)
			kill(players[i].pid, SIGKILL);
}

/* What has no event to wait for: the last reference is dropped by a worker. */
static bool settle(const struct counts *before)
{
	const struct timespec pause = { .tv_nsec = RACE_MSEC };
	uint64_t deadline = dr_deadline(PATIENCE);
	struct counts now;

	while (counts_get(&now)) {
		if (!memcmp(&now, before, sizeof(now)))
			return true;
		if (dr_now() >= deadline)
			break;
		nanosleep(&pause, NULL);
	}
	printf("left behind: %" PRIi64 " buffers, %" PRIi64 " bytes, ",
	       now.buffers - before->buffers, now.bytes - before->bytes);
	printf("%" PRIi64 " attachments, %" PRIi64 " jobs\n",
	       now.attachments - before->attachments, now.jobs - before->jobs);
	return false;
}

/* Of what is done in the last lives, each of which is lived to its end. */
static uint64_t plan_hash(const struct race_options *options)
{
	unsigned int workers = options->threads * options->processes;
	unsigned int length = race_life_length(options);
	uint64_t sum = 0;

	for (unsigned int i = 0; i < workers; i++) {
		uint64_t hash = 0;

		for (unsigned int n = 0; n < length; n++) {
			struct race_step step = race_step(options, i,
							  RACE_LIVES - 1, n);

			hash = race_hash_step(hash, &step);
		}
		sum += hash;
	}
	return sum;
}

static uint64_t done_hash(struct race_board *board)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < RACE_MAX_WORKERS; i++)
		sum += atomic_load(&board->workers[i].hash);
	return sum;
}

static void print_statistics(struct race_board *board)
{
	for (unsigned int i = 0; i < race_nr_ops; i++)
		printf("%-14s %6u done, %6u refused\n", race_ops[i].name,
		       atomic_load(&board->done[i]),
		       atomic_load(&board->refused[i]));
}

static int race(const struct race_options *options, bool statistics)
{
	struct player players[RACE_MAX_WORKERS] = {};
	uint64_t began = dr_now();
	struct race_board *board;
	struct counts before;
	bool ended, settled;

	if (!counts_get(&before)) {
		fprintf(stderr, "races: no devices: %s\n", strerror(errno));
		return STATUS_SETUP;
	}
	board = race_board_create(options, first_id());
	if (!board)
		return STATUS_SETUP;
	ended = referee(board, players);
	if (!ended)
		kill_all(board, players);
	settled = settle(&before);
	if (statistics)
		print_statistics(board);
	printf("races: seed %" PRIu64 ", sequence %016" PRIx64 ", %u violations, %" PRIu64 " ms\n",
	       options->seed, done_hash(board),
	       atomic_load(&board->violations), (dr_now() - began) / RACE_MSEC);
	if (!ended || !settled)
		return STATUS_HANG;
	return atomic_load(&board->violations) ? STATUS_VIOLATION : 0;
}

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "operations", required_argument, NULL, 'o' },
	{ "threads", required_argument, NULL, 't' },
	{ "processes", required_argument, NULL, 'p' },
	{ "faults", required_argument, NULL, 'f' },
	{ "bound", required_argument, NULL, 'b' },
	{ "inject", no_argument, NULL, 'i' },
	{ "plan", no_argument, NULL, 'n' },
	{ "statistics", no_argument, NULL, 'v' },
	{}
};

/* What the command line asks for besides a race. */
struct wishes {
	bool plan;
	bool statistics;
};

static bool parse(int argc, char **argv, struct race_options *options,
		  struct wishes *wishes)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		uint64_t value = optarg ? strtoull(optarg, NULL, 0) : 0;

		if (c == 's')
			options->seed = value;
		else if (c == 'o')
			options->operations = value;
		else if (c == 't')
			options->threads = value;
		else if (c == 'p')
			options->processes = value;
		else if (c == 'f')
			options->faults = value;
		else if (c == 'b')
			options->bound_ns = value * RACE_MSEC;
		else if (c == 'i')
			options->inject = true;
		else if (c == 'n')
			wishes->plan = true;
		else if (c == 'v')
			wishes->statistics = true;
		else
			return false;
	}
	return optind == argc && options->threads && options->processes &&
	       options->threads * options->processes <= RACE_MAX_WORKERS;
}

int main(int argc, char **argv)
{
	struct race_options options = {
		.seed = 1,
		.operations = 6000,
		.threads = 4,
		.processes = 2,
		.bound_ns = 30 * RACE_SEC,
	};
	struct wishes wishes = {};

	/* Nothing is to be lost, or said twice, when processes die. */
	setvbuf(stdout, NULL, _IONBF, 0);
	if (!parse(argc, argv, &options, &wishes)) {
		fputs(usage, stderr);
		return STATUS_SETUP;
	}
	if (wishes.plan) {
		printf("sequence %016" PRIx64 "\n", plan_hash(&options));
		return 0;
	}
	return race(&options, wishes.statistics);
}
