// SPDX-License-Identifier: GPL-2.0-only
/* How much our importer pays for a mapping, by whose buffer it is. */
#include <unistd.h>

#include "bench/exporters.h"
#include "bench/groups.h"
#include "bench/lanes.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

int bench_run_attach(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	uint64_t begin = dr_now();
	int att = dr_attach(bench->imp, lane->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int ret;

	if (att < 0)
		return att;
	ret = dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);
	if (!ret)
		ret = dr_unmap(att);
	close(att);
	*ns = dr_now() - begin;
	return ret;
}

int bench_group_attach(struct bench *bench)
{
	static const char *const figures[] = { "attach + map + unmap + detach", NULL };
	const struct lane model = { .figures = figures, .run = bench_run_attach };

	return bench_by_size(bench, "attach", &model, BENCH_ALL, true, UINT64_MAX);
}
