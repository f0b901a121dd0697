// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fuzzer of both devices: makes a random program from a seed, or takes one from a
 * file, and executes it. See lib/fuzz.h, and docs/fuzzing.md.
 *
 * Exit status: 0 all is well; 1 something must not be, the last line says what; 2 the
 * arguments or the program are no such; 3 there is nothing to test.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { STATUS_WRONG = 1, STATUS_USAGE = 2, STATUS_SETUP = 3 };

static const char usage[] =
	"Usage: fuzz [--seed N] [--operations N] [--print]\n"
	"       fuzz --run FILE\n"
	"\n"
	"Executes the program of a seed (--print: prints it), or that in FILE (-: of\n"
	"standard input).\n"
	"  --trace FILE         write each line there before it is executed\n"
	"  --forbid OP:ERRNO    a control: takes this errno for a failure\n"
	"  --bug kmsg|crash     a control: revoke after attach logs a warning, or CRASHES\n"
	"                       THE KERNEL\n";

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "operations", required_argument, NULL, 'o' },
	{ "print", no_argument, NULL, 'p' },
	{ "run", required_argument, NULL, 'r' },
	{ "trace", required_argument, NULL, 't' },
	{ "forbid", required_argument, NULL, 'f' },
	{ "bug", required_argument, NULL, 'b' },
	{}
};

struct options {
	uint64_t seed;
	uint64_t operations;
	const char *file;
	bool print;
};

static bool forbid(struct fuzz_state *state, char *text)
{
	char *name = strchr(text, ':');
	int op;

	if (!name)
		return false;
	*name++ = 0;
	op = fuzz_find_op(text);
	state->forbidden_op = op;
	state->forbidden_errno = fuzz_errno_of(name);
	return op >= 0 && state->forbidden_errno;
}

static bool open_trace(struct fuzz_state *state, const char *path)
{
	state->trace = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
			    0600);
	return state->trace >= 0;
}

static bool parse(int argc, char **argv, struct options *options,
		  struct fuzz_state *state)
{
	bool ok = true;
	int c;

	while (ok && (c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		if (c == 's')
			options->seed = strtoull(optarg, NULL, 0);
		else if (c == 'o')
			options->operations = strtoull(optarg, NULL, 0);
		else if (c == 'p')
			options->print = true;
		else if (c == 'r')
			options->file = optarg;
		else if (c == 't')
			ok = open_trace(state, optarg);
		else if (c == 'f')
			ok = forbid(state, optarg);
		else if (c == 'b' && !strcmp(optarg, "kmsg"))
			state->bug = FUZZ_BUG_LOG;
		else if (c == 'b' && !strcmp(optarg, "crash"))
			state->bug = FUZZ_BUG_CRASH;
		else
			ok = false;
	}
	return ok && optind == argc;
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

static int execute(struct fuzz_state *state)
{
	uint64_t began, took, tried = 0;

	if (!fuzz_counts_before()) {
		perror("fuzz: no devices");
		return STATUS_SETUP;
	}
	state->board = fuzz_board_create();
	fuzz_places_create();
	fuzz_signals();
	began = dr_now();
	fuzz_run(state);
	took = dr_now() - began;
	if (!atomic_load(&state->board->wrong))
		fuzz_counts_after(state->board);
	fuzz_print_tally(state->board);
	for (unsigned int i = 0; i < fuzz_nr_ops; i++)
		tried += atomic_load(&state->board->tally[i].tried);
	printf("operations=%" PRIu64 " seconds=%.3f per_second=%.0f\n", tried,
	       took / 1e9, tried * 1e9 / (took + 1));
	if (!atomic_load(&state->board->wrong))
		return 0;
	printf("fuzz: %s\n", state->board->message);
	return STATUS_WRONG;
}

int main(int argc, char **argv)
{
	struct options options = { .seed = 1, .operations = 2000 };
	struct fuzz_state state = { .trace = -1 };
	struct fuzz_program program = {};

	/* Nothing is to be lost, or said twice, when processes die. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!parse(argc, argv, &options, &state)) {
		fputs(usage, stderr);
		return STATUS_USAGE;
	}
	if (!options.file)
		program = fuzz_plan(options.seed, options.operations);
	else if (!load(options.file, &program))
		return STATUS_USAGE;
	if (options.print) {
		for (size_t i = 0; i < program.count; i++)
			fuzz_print_line(stdout, &program.lines[i]);
		return 0;
	}
	state.program = &program;
	return execute(&state);
}
