// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory that a buffer takes beside its own, and an attachment: by how much less
 * is free when there are many more. As many come before them, to take what the slab
 * caches have to give.
 */
#include <errno.h>
#include <stdlib.h>

#include "bench.h"
#include "ioctls.h"

#define LENGTH	4096ULL

/* Of one of them, beside its own memory; none, where the system found some meanwhile. */
static uint64_t share(uint64_t before, uint64_t after, unsigned int count, uint64_t own)
{
	uint64_t taken = before > after ? (before - after) / count : 0;

	return taken > own ? taken - own : 0;
}

/* Its memory is there when it has been mapped once. */
static int one_buffer(struct bench *bench, int exporter, struct bench_buffer *buffer)
{
	struct lane lane = { .exporter = exporter };
	uint64_t ns;
	int ret = bench_alloc(bench, exporter, LENGTH, &lane.buffer);

	if (ret)
		return ret;
	ret = exporter == BENCH_VGEM ? bench_run_attach(bench, &lane, &ns) : 0;
	if (ret)
		bench_free(bench, &lane.buffer);
	*buffer = lane.buffer;
	return ret;
}

static int of_buffers(struct bench *bench, int exporter, unsigned int count)
{
	struct bench_buffer *buffers = calloc(2 * count, sizeof(*buffers));
	uint64_t before = 0, after;
	unsigned int i = 0;
	int ret = 0;

	if (!buffers)
		return -ENOMEM;
	while (!ret && i < 2 * count) {
		if (i == count)
			before = bench_meminfo("MemFree");
		ret = one_buffer(bench, exporter, &buffers[i]);
		i += !ret;
	}
	after = bench_meminfo("MemFree");
	if (!ret)
		bench_report_memory(bench, "buffer", bench_exporters[exporter].name, count,
				    share(before, after, count, LENGTH));
	while (i)
		bench_free(bench, &buffers[--i]);
	free(buffers);
	return ret;
}

static int of_attachments(struct bench *bench, unsigned int count, bool mapped)
{
	struct crowd before, after;
	uint64_t had, has;
	int ret = bench_crowd_begin(bench, &before, LENGTH, count, 0, mapped);

	if (ret)
		return ret;
	had = bench_meminfo("MemFree");
	ret = bench_crowd_begin(bench, &after, LENGTH, count, 0, mapped);
	if (!ret) {
		has = bench_meminfo("MemFree");
		bench_report_memory(bench, mapped ? "mapped attachment" : "attachment",
				    "ours", count, share(had, has, count, 0));
		bench_crowd_end(bench, &after);
	}
	bench_crowd_end(bench, &before);
	return ret;
}

int bench_group_memory(struct bench *bench)
{
	unsigned int count = bench->brief ? 1000 : 10000;
	int exporter, ret = 0;

	if (!bench_want_descriptors(2 * count)) {
		bench_report_skipped(bench, "memory", "all", "objects", 2 * count,
				     BENCH_NO_DESCRIPTORS);
		return 0;
	}
	for (exporter = 0; !ret && exporter < BENCH_EXPORTERS; exporter++)
		if (bench->nodes[exporter] >= 0)
			ret = of_buffers(bench, exporter, count);
	if (!ret)
		ret = of_attachments(bench, count, false);
	if (!ret)
		ret = of_attachments(bench, count, true);
	return ret;
}
