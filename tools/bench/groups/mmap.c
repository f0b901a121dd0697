// SPDX-License-Identifier: GPL-2.0-only
/* How much a CPU pays for a mapping that it touches from end to end. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/exporters.h"
#include "bench/groups.h"
#include "bench/lanes.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

#define MAX_LENGTH	(256ULL << 20)

int bench_run_mmap(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	uint64_t begin = dr_now(), at, step = sysconf(_SC_PAGESIZE);
	volatile uint8_t *memory = mmap(NULL, lane->length, PROT_READ | PROT_WRITE,
					MAP_SHARED, lane->buffer.fd, 0);

	(void)bench;
	if (memory == MAP_FAILED)
		return -errno;
	for (at = 0; at < lane->length; at += step)
		memory[at] = 1;
	munmap((void *)memory, lane->length);
	*ns = dr_now() - begin;
	return 0;
}

int bench_group_mmap(struct bench *bench)
{
	static const char *const figures[] = { "mmap + touch + munmap", NULL };
	const struct lane model = { .figures = figures, .run = bench_run_mmap };

	return bench_by_size(bench, "mmap", &model, BENCH_ALL, true, MAX_LENGTH);
}
