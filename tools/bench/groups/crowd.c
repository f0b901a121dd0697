// SPDX-License-Identifier: GPL-2.0-only
/* A buffer of ours with what a revoke takes away: importers' mappings, the CPU's. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/exporters.h"
#include "bench/groups/crowd.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

static int join(struct bench *bench, struct crowd *crowd, uint32_t flags, bool mapped)
{
	int att = dr_attach(bench->imp, crowd->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, flags);
	int ret;

	if (att < 0)
		return att;
	ret = mapped ? dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL) : 0;
	if (ret)
		close(att);
	else
		crowd->attachments[crowd->count++] = att;
	return ret;
}

int bench_crowd_begin(struct bench *bench, struct crowd *crowd, uint64_t length,
		      unsigned int count, uint32_t flags, bool mapped)
{
	int ret;

	*crowd = (struct crowd){ .length = length };
	crowd->attachments = calloc(count + 1, sizeof(*crowd->attachments));
	if (!crowd->attachments)
		return -ENOMEM;
	ret = bench_alloc(bench, BENCH_OURS, length, &crowd->buffer);
	if (ret) {
		free(crowd->attachments);
		return ret;
	}
	while (!ret && crowd->count < count)
		ret = join(bench, crowd, flags, mapped);
	if (ret)
		bench_crowd_end(bench, crowd);
	return ret;
}

int bench_crowd_touch(struct crowd *crowd, uint64_t pages)
{
	uint64_t step = sysconf(_SC_PAGESIZE), i;
	void *memory = mmap(NULL, crowd->length, PROT_READ | PROT_WRITE, MAP_SHARED,
			    crowd->buffer.fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	crowd->memory = memory;
	for (i = 0; i < pages; i++)
		crowd->memory[i * step] = 1;
	return 0;
}

void bench_crowd_end(struct bench *bench, struct crowd *crowd)
{
	if (crowd->memory)
		munmap((void *)crowd->memory, crowd->length);
	while (crowd->count)
		close(crowd->attachments[--crowd->count]);
	free(crowd->attachments);
	bench_free(bench, &crowd->buffer);
}
