// SPDX-License-Identifier: GPL-2.0-only
/* What the processes of a program know together, and what they leave behind. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

/* How long what a worker drops last may take to go. */
#define PATIENCE (30000 * FUZZ_MSEC)

struct counts {
	uint64_t buffers;
	uint64_t bytes;
	uint64_t attachments;
	uint64_t jobs;
	uint64_t descriptors;
};

static struct counts before;

static uint64_t first_id(void)
{
	int fd, exp = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	uint64_t id = 0;

	if (exp < 0)
		return 0;
	if (!dr_alloc(exp, 1, 0, &id, &fd))
		close(fd);
	close(exp);
	return id;
}

struct fuzz_board *fuzz_board_create(void)
{
	struct fuzz_board *board = mmap(NULL, sizeof(*board),
					PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED)
		abort();
	board->first_id = first_id();
	return board;
}

struct fuzz_fact *fuzz_fact(struct fuzz_board *board, uint64_t id)
{
	if (id <= board->first_id || id - board->first_id >= FUZZ_IDS)
		return NULL;
	return &board->facts[id - board->first_id];
}

/* The first of the messages is the one that counts. */
void fuzz_wrong(struct fuzz_state *state, const char *format, ...)
{
	struct fuzz_board *board = state->board;
	va_list list;
	int n;

	if (atomic_exchange(&board->wrong, 1))
		return;
	n = snprintf(board->message, sizeof(board->message), "line %u: %s: ",
		     state->line->number, fuzz_ops[state->line->op].name);
	va_start(list, format);
	vsnprintf(board->message + n, sizeof(board->message) - n, format, list);
	va_end(list);
}

void fuzz_print_tally(struct fuzz_board *board)
{
	for (unsigned int i = 0; i < fuzz_nr_ops; i++) {
		struct fuzz_tally *tally = &board->tally[i];

		if (!fuzz_ops[i].weight)
			continue;
		printf("%-15s %6u %6u", fuzz_ops[i].name,
		       atomic_load(&tally->tried),
		       atomic_load(&tally->succeeded));
		for (int error = 1; error < FUZZ_MAX_ERRNO; error++) {
			unsigned int times = atomic_load(&tally->error[error]);

			if (times)
				printf(" %s:%u", strerrorname_np(error), times);
		}
		putchar('\n');
	}
}

static uint64_t descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

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
			importer.attachments, importer.jobs, descriptors(),
		};
	return ok;
}

bool fuzz_counts_before(void)
{
	return counts_get(&before);
}

bool fuzz_counts_after(struct fuzz_board *board)
{
	const struct timespec pause = { .tv_nsec = FUZZ_MSEC };
	uint64_t deadline = dr_deadline(PATIENCE);
	struct counts now;

	/* The last reference of a dma-buf is dropped by a worker: no event tells. */
	while (counts_get(&now) && memcmp(&now, &before, sizeof(now)) &&
	       dr_now() < deadline)
		nanosleep(&pause, NULL);
	if (!memcmp(&now, &before, sizeof(now)))
		return true;
	atomic_store(&board->wrong, 1);
	snprintf(board->message, sizeof(board->message),
		 "end: left behind: %" PRId64 " buffers, %" PRId64 " bytes, %" PRId64
		 " attachments, %" PRId64 " jobs, %" PRId64 " descriptors",
		 now.buffers - before.buffers, now.bytes - before.bytes,
		 now.attachments - before.attachments, now.jobs - before.jobs,
		 now.descriptors - before.descriptors);
	return false;
}
