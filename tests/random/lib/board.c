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

#include "program.h"

/* How long what a worker drops last may take to go. */
#define PATIENCE (30000 * FUZZ_MSEC)

struct counts {
	uint64_t buffers;
	uint64_t bytes;
	uint64_t attachments;
	uint64_t jobs;
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

static uint64_t features(void)
{
	struct dmabuf_revoke_importer_info info = {};
	int imp = dr_open(DMABUF_REVOKE_IMPORTER_PATH);

	if (imp < 0)
		return 0;
	dr_importer_info(imp, &info);
	close(imp);
	return info.features;
}

struct fuzz_board *fuzz_board_create(void)
{
	struct fuzz_board *board = mmap(NULL, sizeof(*board),
					PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED)
		abort();
	board->first_id = first_id();
	board->static_map = features() & DMABUF_REVOKE_FEATURE_STATIC_MAP;
	return board;
}

struct fuzz_fact *fuzz_fact(struct fuzz_board *board, uint64_t id)
{
	if (id <= board->first_id || id - board->first_id >= FUZZ_IDS)
		return NULL;
	return &board->facts[id - board->first_id];
}

bool fuzz_is_revoked(struct fuzz_board *board, uint64_t id, bool done)
{
	struct fuzz_fact *fact = fuzz_fact(board, id);

	return fact && !atomic_load(&fact->faulty) &&
	       atomic_load(done ? &fact->revoked : &fact->told);
}

struct fuzz_watch *fuzz_watch(struct fuzz_board *board, unsigned int process,
			      unsigned int thread)
{
	return &board->watch[(process - 1) * (FUZZ_THREADS + 1) + thread];
}

/* The first of the messages is the one that counts. */
static void tell(struct fuzz_board *board, const struct fuzz_line *line,
		 const char *format, va_list list)
{
	char *at = board->message;
	size_t room = sizeof(board->message);
	int n;

	if (atomic_exchange(&board->wrong, 1))
		return;
	n = line ? snprintf(at, room, "line %u: %s: ", line->number,
			    fuzz_ops[line->op].name) :
		   snprintf(at, room, "end: ");
	vsnprintf(at + n, room - n, format, list);
}

void fuzz_wrong(struct fuzz_lane *lane, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	tell(lane->board, lane->line, format, list);
	va_end(list);
}

void fuzz_wrong_at(struct fuzz_board *board, const struct fuzz_line *line,
		   const char *format, ...)
{
	va_list list;

	va_start(list, format);
	tell(board, line, format, list);
	va_end(list);
}

void fuzz_print_tally(struct fuzz_board *board)
{
	for (unsigned int i = 0; i < fuzz_nr_ops; i++) {
		struct fuzz_tally *tally = &board->tally[i];

		/* No seed has it. */
		if (fuzz_ops[i].run == fuzz_hang)
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

uint64_t fuzz_descriptors(void)
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
			importer.attachments, importer.jobs,
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
	char text[256];

	/* The last reference of a dma-buf is dropped by a worker: no event tells. */
	while (counts_get(&now) && memcmp(&now, &before, sizeof(now)) &&
	       dr_now() < deadline)
		nanosleep(&pause, NULL);
	if (!memcmp(&now, &before, sizeof(now)))
		return true;
	snprintf(text, sizeof(text), "left behind: %" PRId64 " buffers, %" PRId64
		 " bytes, %" PRId64 " attachments, %" PRId64 " jobs",
		 now.buffers - before.buffers, now.bytes - before.bytes,
		 now.attachments - before.attachments, now.jobs - before.jobs);
	puts(text);
	fuzz_wrong_at(board, NULL, "%s", text);
	return false;
}
