// SPDX-License-Identifier: GPL-2.0-only
/* How much it costs to allocate a buffer and to free it. */
#include "bench/exporters.h"
#include "bench/groups.h"
#include "bench/lanes.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

int bench_run_alloc(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	uint64_t begin = dr_now();
	int ret = bench_alloc(bench, lane->exporter, lane->length, &lane->buffer);

	if (ret)
		return ret;
	*ns = bench_free(bench, &lane->buffer) - begin;
	return 0;
}

int bench_group_alloc(struct bench *bench)
{
	static const char *const figures[] = { "allocate + free", NULL };
	const struct lane model = { .figures = figures, .run = bench_run_alloc };

	/* vgem's memory comes later, when it is touched or mapped. */
	return bench_by_size(bench, "alloc", &model, BENCH_NO_VGEM, false, UINT64_MAX);
}
