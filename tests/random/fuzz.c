// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fuzzer of both devices: makes a random program from a seed, or takes one from a
 * file, and executes it. See lib/program.h, and docs/testing/fuzzing.md.
 *
 * Exit status: 0 all is well; 1 something must not be, the last line says what; 2 the
 * arguments or the program are no such; 3 there is nothing to test.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum { STATUS_WRONG = 1, STATUS_USAGE = 2, STATUS_SETUP = 3 };

static const char usage[] =
	"Usage: fuzz [--seed N] [--operations N] [--threads N] [--processes N] [--print]\n"
	"       fuzz --run FILE\n"
	"\n"
	"Executes the program of a seed (--print: prints it), or that in FILE (-: of\n"
	"standard input).\n"
	"  --threads N          of each process; 0: one lane; without it the seed decides\n"
	"  --bound MS           that one operation may take (30000)\n"
	"  --faults MASK        bugs that all buffers have\n"
	"  --forbid OP:ERRNO    a control: takes this errno for a failure\n"
	"  --warn               a control: a revoke after an attach logs a warning\n";

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "operations", required_argument, NULL, 'o' },
	{ "print", no_argument, NULL, 'p' },
	{ "run", required_argument, NULL, 'r' },
	{ "threads", required_argument, NULL, 'T' },
	{ "processes", required_argument, NULL, 'P' },
	{ "bound", required_argument, NULL, 'B' },
	{ "faults", required_argument, NULL, 'F' },
	{ "forbid", required_argument, NULL, 'f' },
	{ "warn", no_argument, NULL, 'w' },
	{}
};

/* What the command line asks for. */
struct wishes {
	struct fuzz_options options;
	uint64_t seed;
	uint64_t operations;
	uint64_t processes;
	uint64_t threads;
	const char *file;
	bool print;
};

static bool forbid(struct fuzz_options *options, char *text)
{
	char *name = strchr(text, ':');
	int op;

	if (!name)
		return false;
	*name++ = 0;
	op = fuzz_find_op(text);
	options->forbidden_op = op;
	options->forbidden_errno = fuzz_errno_of(name);
	return op >= 0 && options->forbidden_errno;
}

static bool take(struct wishes *wishes, int option)
{
	uint64_t n = optarg ? strtoull(optarg, NULL, 0) : 0;

	switch (option) {
	case 's':
		wishes->seed = n;
		return true;
	case 'o':
		wishes->operations = n;
		return true;
	case 'T':
		wishes->threads = n;
		return true;
	case 'P':
		wishes->processes = n;
		return true;
	case 'B':
		wishes->options.bound_ms = n;
		return true;
	case 'F':
		wishes->options.faults = n;
		return true;
	case 'p':
		wishes->print = true;
		return true;
	case 'w':
		wishes->options.warn = true;
		return true;
	case 'r':
		wishes->file = optarg;
		return true;
	case 'f':
		return forbid(&wishes->options, optarg);
	default:
		return false;
	}
}

static bool parse(int argc, char **argv, struct wishes *wishes)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		if (!take(wishes, c))
			return false;
	/* Each fourth seed has threads. */
	if (wishes->threads == UINT64_MAX)
		wishes->threads = wishes->seed % 4 ? 0 : 4;
	return optind == argc && wishes->processes && wishes->threads <= FUZZ_THREADS &&
	       wishes->processes <= FUZZ_PROCESSES;
}

static bool load(const char *path, struct fuzz_program *program)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;

	if (!in) {
		perror(path);
		return false;
	}
	return fuzz_load(in, program);
}

static int execute(const struct fuzz_program *program,
		   const struct fuzz_options *options)
{
	struct fuzz_board *board = fuzz_board_create();
	uint64_t began, took, tried = 0;

	if (!board) {
		perror("fuzz: no devices");
		return STATUS_SETUP;
	}
	began = dr_now();
	fuzz_referee(board, program, options);
	took = dr_now() - began;
	fuzz_print_tally(board);
	for (unsigned int i = 0; i < fuzz_nr_ops; i++)
		tried += atomic_load(&board->tally[i].tried);
	printf("operations=%" PRIu64 " seconds=%.3f per_second=%.0f\n", tried,
	       took / 1e9, tried * 1e9 / (took + 1));
	if (!atomic_load(&board->wrong))
		return 0;
	printf("fuzz: %s\n", board->message);
	return STATUS_WRONG;
}

int main(int argc, char **argv)
{
	struct wishes wishes = {
		.options = { .bound_ms = 30000 },
		.seed = 1,
		.operations = 2000,
		.processes = 2,
		.threads = UINT64_MAX,
	};
	struct fuzz_program program = {};

	/* Nothing is to be lost, or said twice, when processes die. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!parse(argc, argv, &wishes)) {
		fputs(usage, stderr);
		return STATUS_USAGE;
	}
	if (!wishes.file)
		program = fuzz_plan(wishes.seed, wishes.operations, wishes.processes,
				    wishes.threads);
	else if (!load(wishes.file, &program))
		return STATUS_USAGE;
	if (wishes.print) {
		for (size_t i = 0; i < program.count; i++)
			fuzz_print_line(stdout, &program.lines[i]);
		return 0;
	}
	return execute(&program, &wishes.options);
}
