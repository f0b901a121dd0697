// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's memory that a buffer takes beside its own, and an attachment: by how
 * much more the slab caches have given out when there are many more. As many come
 * before them, and so does what earlier ones have left to RCU.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/exporters.h"
#include "bench/groups.h"
#include "bench/groups/crowd.h"
#include "bench/lanes.h"
#include "bench/report.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

/* Bytes given out by all slab caches; or 0. */
static uint64_t slab_bytes(void)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	uint64_t total = 0, active, all, size;
	char line[512];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %" SCNu64 " %" SCNu64 " %" SCNu64,
			   &active, &all, &size) == 3)
			total += active * size;
	fclose(file);
	return total;
}

/* Of one of them; none, where the system has freed more meanwhile. */
static uint64_t share(uint64_t before, uint64_t after, unsigned int count)
{
	return after > before ? (after - before) / count : 0;
}

/* Who is here after it finds freed what was to be freed by RCU, or nearly all. */
static void await_rcu(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* Complete when it has been mapped once. */
static int one_buffer(struct bench *bench, int exporter, struct bench_buffer *buffer)
{
	struct lane lane = { .exporter = exporter };
	uint64_t ns;
	int ret = bench_alloc(bench, exporter, bench_page(), &lane.buffer);

	if (ret)
		return ret;
	ret = bench_run_attach(bench, &lane, &ns);
	if (ret)
		bench_free(bench, &lane.buffer);
	*buffer = lane.buffer;
	return ret;
}

static int of_buffers(struct bench *bench, int exporter, unsigned int count)
{
	struct bench_buffer *buffers = calloc(2 * count, sizeof(*buffers));
	uint64_t before = 0;
	unsigned int i = 0;
	int ret = 0;

	if (!buffers)
		return -ENOMEM;
	while (!ret && i < 2 * count) {
		if (i == count) {
			await_rcu();
			before = slab_bytes();
		}
		ret = one_buffer(bench, exporter, &buffers[i]);
		i += !ret;
	}
	await_rcu();
	if (!ret)
		bench_report_memory(bench, "buffer", bench_exporters[exporter].name, count,
				    share(before, slab_bytes(), count));
	while (i)
		bench_free(bench, &buffers[--i]);
	free(buffers);
	return ret;
}

static int of_attachments(struct bench *bench, unsigned int count, bool mapped)
{
	struct crowd first, second;
	uint64_t before;
	int ret = bench_crowd_begin(bench, &first, bench_page(), count, 0, mapped);

	if (ret)
		return ret;
	await_rcu();
	before = slab_bytes();
	ret = bench_crowd_begin(bench, &second, bench_page(), count, 0, mapped);
	if (!ret) {
		bench_report_memory(bench, mapped ? "mapped attachment" : "attachment",
				    "ours", count, share(before, slab_bytes(), count));
		bench_crowd_end(bench, &second);
	}
	bench_crowd_end(bench, &first);
	return ret;
}

int bench_group_memory(struct bench *bench)
{
	unsigned int count = bench->brief ? 1000 : 5000;
	const char *lack = NULL;
	int exporter, ret = 0;

	if (!slab_bytes())
		lack = "no /proc/slabinfo: a kernel with CONFIG_SLUB_DEBUG=y, and root";
	else if (!bench_want_descriptors(2 * count))
		lack = BENCH_NO_DESCRIPTORS;
	if (lack) {
		bench_report_skipped(bench, "memory", "all", "objects", 2 * count, "%s", lack);
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
