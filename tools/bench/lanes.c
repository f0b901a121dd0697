// SPDX-License-Identifier: GPL-2.0-only
/* Lanes of every exporter, at every size. */
#include <sys/resource.h>
#include <unistd.h>

#include "bench/exporters.h"
#include "bench/lanes.h"
#include "bench/machine.h"
#include "bench/report.h"
#include "bench/run.h"
#include "lib/text/message.h"

#define KIB		1024ULL
#define MIB		(1024 * KIB)

const uint64_t *bench_values(const struct bench *bench, const uint64_t *all,
			     const uint64_t *brief)
{
	return bench->brief ? brief : all;
}

bool bench_want_descriptors(unsigned int count)
{
	struct rlimit limit = { .rlim_cur = count + 256, .rlim_max = count + 256 };
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now))
		return false;
	if (now.rlim_cur >= limit.rlim_cur)
		return true;
	if (now.rlim_max > limit.rlim_max)
		limit.rlim_max = now.rlim_max;
	return !setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t bench_page(void)
{
	return sysconf(_SC_PAGESIZE);
}

bool bench_fits(uint64_t length, unsigned int count)
{
	return length * count <= bench_meminfo("MemAvailable") / 2;
}

static int try_alloc(struct bench *bench, const char *group, struct lane *lane)
{
	const struct bench_exporter *exporter = &bench_exporters[lane->exporter];
	int ret = bench_alloc(bench, lane->exporter, lane->length, &lane->buffer);

	if (ret)
		bench_report_skipped(bench, group, exporter->name, "bytes", lane->length,
				     "%s%s%s", errno_name(ret),
				     exporter->refuses ? ": " : "",
				     exporter->refuses ? exporter->refuses : "");
	return ret;
}

unsigned int bench_lanes(struct bench *bench, const char *group,
			 const struct lane *model, unsigned int exporters, bool keep,
			 struct lane lanes[BENCH_LANES])
{
	unsigned int i, count = 0;

	if (!bench_fits(model->length, keep ? BENCH_EXPORTERS : 1)) {
		bench_report_skipped(bench, group, "all", "bytes", model->length,
				     BENCH_NO_MEMORY);
		return 0;
	}
	for (i = 0; i < BENCH_EXPORTERS; i++) {
		struct lane *lane = &lanes[count];

		if (!(exporters & 1U << i) || bench->nodes[i] < 0)
			continue;
		*lane = *model;
		lane->contender = bench_exporters[i].name;
		lane->exporter = i;
		if (try_alloc(bench, group, lane))
			continue;
		if (!keep)
			bench_free(bench, &lane->buffer);
		count++;
	}
	return count;
}

void bench_lanes_end(struct bench *bench, struct lane *lanes, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		bench_free(bench, &lanes[i].buffer);
}

int bench_by_size(struct bench *bench, const char *group, const struct lane *model,
		  unsigned int exporters, bool keep, uint64_t max)
{
	static const uint64_t all[] = {
		4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB,
		64 * MIB, 256 * MIB, 1024 * MIB, 0
	};
	static const uint64_t brief[] = { 4 * KIB, 64 * KIB, MIB, 0 };
	const uint64_t *size = bench_values(bench, all, brief);
	struct lane lanes[BENCH_LANES], sized = *model;
	const uint64_t page = bench_page();
	unsigned int count;
	int ret = 0;

	sized.parameter = "bytes";
	for (; !ret && *size && *size <= max; size++) {
		/* Whatever is less takes a page, which the last of these stands for. */
		if (*size < page && size[1] && size[1] <= page)
			continue;
		sized.value = *size < page ? page : *size;
		sized.length = sized.value;
		count = bench_lanes(bench, group, &sized, exporters, keep, lanes);
		ret = bench_compete(bench, group, lanes, count);
		if (keep)
			bench_lanes_end(bench, lanes, count);
	}
	return ret;
}
