// SPDX-License-Identifier: GPL-2.0-only
/*
 * What docs/modules/matrix.md says of each kind of importer, in each state, at each event:
 * this program makes it happen and says what it saw, in the notation of that table.
 * It knows nothing of what should be; test_cells.py compares.
 *
 *   cells --list                       the cells there are: KIND STATE EVENT
 *   cells [OPTION]... KIND STATE [EVENT]...
 *       --faults MASK      DMABUF_REVOKE_FAULT_* of the buffer
 *       --misbehave MASK   DMABUF_REVOKE_MISBEHAVE_* of the attachment
 *       --delay-ms N       for those that take time
 *       --patience-ms N    for what should go by itself
 *       --let-go           unload: close everything first
 *       --device NAME      what the kind function is for
 *
 * A line for each event: "EVENT: SEEN". No TESTs: a table wants one
 * process that goes through many cells quickly. Each runs in a child of its own.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "cell.h"

#define JOB_NS (60 * MSEC)
#define ATTEMPTS 6
/* More than a cell can take, in seconds. */
#define CELL_LIMIT 60

static const struct kind {
	const char *name;
	uint32_t kind;
	uint32_t attach_flags;
	bool on_behalf;		/* of a PCI function: --device */
} kinds[] = {
	{ "dynamic", DMABUF_REVOKE_KIND_DYNAMIC, 0, false },
	{ "dynamic-worker", DMABUF_REVOKE_KIND_DYNAMIC,
	  DMABUF_REVOKE_ATTACH_DEFER_UNMAP, false },
	{ "function", DMABUF_REVOKE_KIND_DYNAMIC, 0, true },
	{ "pinned", DMABUF_REVOKE_KIND_PINNED, 0, false },
	{ "legacy-static", DMABUF_REVOKE_KIND_LEGACY_STATIC, 0, false },
	{ "legacy-rdma", DMABUF_REVOKE_KIND_LEGACY_RDMA, 0, false },
};

static const char *const states[] = {
	[MATRIX_IDLE] = "idle",
	[MATRIX_MAPPED] = "mapped",
	[MATRIX_JOB] = "job",
	[MATRIX_STREAMING] = "streaming",
	[MATRIX_VMAPPED] = "vmapped",
	[MATRIX_MMAPPED] = "mmapped",
};

static void run_cell(struct scene s, const struct matrix_event *event)
{
	alarm(CELL_LIMIT * patience());
	puts(scene_see(&s, event));
	exit(EXIT_SUCCESS);
}

/* In a child, whose death does not take the other cells with it. */
static void try_cell(struct scene s, const struct matrix_event *event)
{
	int status, attempt = 0;

	printf("%s: ", event->name);
	do {
		fflush(stdout);
		if (!must(sys(fork())))
			run_cell(s, event);
		must(sys(wait(&status)));
		s.job_ns *= 2;
		s.patience_ns += s.job_ns;
	} while (WIFEXITED(status) && WEXITSTATUS(status) == MATRIX_AGAIN &&
		 ++attempt < ATTEMPTS);

	if (WIFSIGNALED(status))
		printf("died of %s\n", strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == MATRIX_AGAIN)
		puts("the job was never in flight");
}

static int list_cells(void)
{
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t s = 0; s < ARRAY_SIZE(states); s++)
			for (size_t e = 0; e < ARRAY_SIZE(matrix_events); e++)
				printf("%s %s %s\n", kinds[k].name, states[s],
				       matrix_events[e].name);
	return EXIT_SUCCESS;
}

/* The index of @name among names that lie @stride bytes apart. */
static size_t find(const char *name, const void *names, size_t stride, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, *(const char *const *)((const char *)names +
							 i * stride)))
			return i;
	fprintf(stderr, "cells: no such kind, state or event: %s\n", name);
	exit(2);
}

#define FIND(name, array) find(name, array, sizeof((array)[0]), ARRAY_SIZE(array))

static void usage(void)
{
	fputs("Usage: cells --list\n"
	      "       cells [--faults MASK] [--misbehave MASK] [--delay-ms N]\n"
	      "             [--patience-ms N] [--let-go] [--device NAME]\n"
	      "             KIND STATE [EVENT]...\n",
	      stderr);
	exit(2);
}

static void parse_options(int argc, char **argv, struct scene *s)
{
	static const struct option options[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "faults", required_argument, NULL, 'f' },
		{ "misbehave", required_argument, NULL, 'm' },
		{ "delay-ms", required_argument, NULL, 'd' },
		{ "patience-ms", required_argument, NULL, 'p' },
		{ "let-go", no_argument, NULL, 'g' },
		{ "device", required_argument, NULL, 'D' },
		{}
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			exit(list_cells());
		case 'f':
			s->faults = strtoull(optarg, NULL, 0);
			break;
		case 'm':
			s->misbehave = strtoull(optarg, NULL, 0);
			break;
		case 'd':
			s->delay_ns = strtoull(optarg, NULL, 0) * MSEC;
			break;
		case 'p':
			s->patience_ns = strtoull(optarg, NULL, 0) * MSEC;
			break;
		case 'g':
			s->let_go_first = true;
			break;
		case 'D':
			snprintf(s->device, sizeof(s->device), "%s", optarg);
			break;
		default:
			usage();
		}
	}
}

int main(int argc, char **argv)
{
	struct scene s = { .job_ns = JOB_NS, .patience_ns = 2 * SOON };
	const struct kind *kind;

	parse_options(argc, argv, &s);
	if (argc - optind < 2)
		usage();
	kind = &kinds[FIND(argv[optind], kinds)];
	if (kind->on_behalf != !!*s.device)
		usage();
	s.kind = kind->kind;
	s.attach_flags = kind->attach_flags;
	s.state = FIND(argv[optind + 1], states);

	optind += 2;
	if (optind == argc)
		for (size_t e = 0; e < ARRAY_SIZE(matrix_events); e++)
			try_cell(s, &matrix_events[e]);
	for (; optind < argc; optind++)
		try_cell(s, &matrix_events[FIND(argv[optind], matrix_events)]);
	return EXIT_SUCCESS;
}
