// SPDX-License-Identifier: GPL-2.0-only
/* What the processes of a program know together. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "program.h"

/* False: there is none of the devices. */
static bool ask(struct fuzz_board *board)
{
	struct dmabuf_revoke_importer_info info = {};
	int exp = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	int imp = dr_open(DMABUF_REVOKE_IMPORTER_PATH);
	bool ok = exp >= 0 && imp >= 0;
	int fd;

	if (ok && !dr_alloc(exp, 1, 0, &board->first_id, &fd))
		close(fd);
	if (ok)
		dr_importer_info(imp, &info);
	ok = ok && fuzz_devices_find(board, imp);
	board->static_map = info.features & DMABUF_REVOKE_FEATURE_STATIC_MAP;
	if (exp >= 0)
		close(exp);
	if (imp >= 0)
		close(imp);
	return ok;
}

struct fuzz_board *fuzz_board_create(void)
{
	struct fuzz_board *board = mmap(NULL, sizeof(*board),
					PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED)
		abort();
	return ask(board) ? board : NULL;
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

void fuzz_wrong_at(struct fuzz_board *board, const struct fuzz_line *line,
		   const char *format, ...)
{
	char text[sizeof(board->message)];
	va_list list;
	int n;

	n = line ? snprintf(text, sizeof(text), "line %u: %s: ", line->number,
			    fuzz_ops[line->op].name) :
		   snprintf(text, sizeof(text), "end: ");
	va_start(list, format);
	vsnprintf(text + n, sizeof(text) - n, format, list);
	va_end(list);
	/* The first one counts. Another thread may end the process at any time. */
	if (!atomic_exchange(&board->wrong, 1))
		memcpy(board->message, text, sizeof(text));
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
