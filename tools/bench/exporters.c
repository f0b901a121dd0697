// SPDX-License-Identifier: GPL-2.0-only
/* What the bench compares, and how its buffers come and go. */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "bench/exporters.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

const struct bench_exporter bench_exporters[BENCH_EXPORTERS] = {
	[BENCH_OURS] = {
		.name = "ours",
		.refuses = "raise limit_mb of dmabuf_revoke_exporter",
	},
	[BENCH_HEAP] = {
		.name = "system heap",
		.foreign = &foreign_heap,
	},
	[BENCH_UDMABUF] = {
		.name = "udmabuf",
		.refuses = "raise size_limit_mb of udmabuf",
		.foreign = &foreign_udmabuf,
	},
	[BENCH_VGEM] = {
		.name = "vgem",
		.foreign = &foreign_vgem,
	},
};

int bench_alloc(struct bench *bench, int exporter, uint64_t length,
		struct bench_buffer *buffer)
{
	const struct foreign_exporter *foreign = bench_exporters[exporter].foreign;
	int node = bench->nodes[exporter];

	buffer->id = 0;
	if (!foreign)
		return dr_alloc_faulty(node, length, 0, bench->faults, &buffer->id,
				       &buffer->fd);
	buffer->fd = foreign->alloc(node, length);
	return buffer->fd < 0 ? buffer->fd : 0;
}

uint64_t bench_free(struct bench *bench, struct bench_buffer *buffer)
{
	struct dmabuf_revoke_query query;
	int exp = bench->nodes[BENCH_OURS];
	bool given_up;
	uint64_t end;

	/* Ours is not freed by the last descriptor alone: its owner gives up the id. */
	given_up = buffer->id && !dr_free(exp, buffer->id, NULL, 0, NULL);
	close(buffer->fd);
	end = dr_now();

	/*
	 * While there is an id there may be memory: if there is much, or if somebody
	 * holds it up. There is no event to wait for.
	 */
	while (given_up && dr_query(exp, buffer->id, &query) != -ENOENT) {
		sched_yield();
		end = dr_now();
	}
	return end;
}
