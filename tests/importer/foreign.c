// SPDX-License-Identifier: GPL-2.0-only
/* The importer on buffers of other exporters: the system heap, udmabuf, vgem. */
#include "tools/lib/devices/foreign.h"
#include "common.h"

#define LENGTH (4 * MIB)

static int alloc(const struct foreign_exporter *other, uint64_t length)
{
	int node = other->open();
	int fd;

	if (node == -ENOENT)
		skip("another exporter is not there: %s", other->needs);
	succeeds(node);
	fd = succeeds(other->alloc(node, length));
	close(node);
	return fd;
}

static void kind_is_admitted(int dmabuf, uint32_t kind)
{
	int att = attach_mapped(dmabuf, kind, 0);

	equal(status(att).length, LENGTH);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	device_crc(att, 0, LENGTH);
	succeeds(dr_unmap(att));
	fails(dr_unmap(att), ENXIO);
	close(att);
}

/* None of them invalidates, so they let every kind in. */
static void every_kind_is_admitted(const struct foreign_exporter *other)
{
	int dmabuf = alloc(other, LENGTH);

	for (uint32_t kind = 0; kind <= DMABUF_REVOKE_KIND_LEGACY_RDMA; kind++)
		kind_is_admitted(dmabuf, kind);
	close(dmabuf);
}

CASE(foreign, heap_admits_every_kind)
{
	every_kind_is_admitted(&foreign_heap);
}

CASE(foreign, udmabuf_admits_every_kind)
{
	every_kind_is_admitted(&foreign_udmabuf);
}

CASE(foreign, vgem_admits_every_kind)
{
	every_kind_is_admitted(&foreign_vgem);
}

static void jobs_reach_the_memory(const struct foreign_exporter *other)
{
	int dmabuf = alloc(other, LENGTH);
	int att = attach(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(dmabuf, LENGTH);
	uint64_t half = LENGTH / 2;

	/* Without SYNC, see docs/modules/kernels.md: our device bounces nothing. */
	fill_noise(memory, LENGTH, 5);
	equal(device_crc(att, 1, LENGTH - 1), crc32(memory + 1, LENGTH - 1));
	collect_ok(att, submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_COPY,
		.offset = half + 1,
		.length = half - 2,
		.dst_offset = 3,
	}));
	holds(!memcmp(memory + 3, memory + half + 1, half - 2));
	collect_ok(att, submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.offset = 8,
		.length = LENGTH - 16,
		.pattern = 0x0807060504030201,
	}));
	equal(memory[8], 1);
	equal(memory[LENGTH - 9], 8);
	holds(!memcmp(memory + 8, memory + 16, LENGTH - 24));
	cpu_unmap(memory, LENGTH);
	close(att);
	close(dmabuf);
}

CASE(foreign, heap_jobs_reach_the_memory)
{
	jobs_reach_the_memory(&foreign_heap);
}

CASE(foreign, udmabuf_jobs_reach_the_memory)
{
	jobs_reach_the_memory(&foreign_udmabuf);
}

CASE(foreign, vgem_jobs_reach_the_memory)
{
	jobs_reach_the_memory(&foreign_vgem);
}

static void jobs_synchronise_implicitly(const struct foreign_exporter *other)
{
	int dmabuf = alloc(other, PAGE);
	int a = attach(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int b = attach(dmabuf, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	uint64_t one = submit_busy(a, DMABUF_REVOKE_OP_WRITE, 0, 100 * MSEC);
	uint64_t two = submit_busy(b, DMABUF_REVOKE_OP_READ, 0, 0);
	uint64_t started = collect_ok(b, two).started_ns;

	holds(started >= collect_ok(a, one).ended_ns);
	close(b);
	close(a);
	close(dmabuf);
}

CASE(foreign, heap_jobs_synchronise_implicitly)
{
	jobs_synchronise_implicitly(&foreign_heap);
}

CASE(foreign, udmabuf_jobs_synchronise_implicitly)
{
	jobs_synchronise_implicitly(&foreign_udmabuf);
}

CASE(foreign, vgem_jobs_synchronise_implicitly)
{
	jobs_synchronise_implicitly(&foreign_vgem);
}

static void close_in_the_middle(const struct foreign_exporter *other)
{
	int dmabuf = alloc(other, PAGE);
	int att = attach(dmabuf, DMABUF_REVOKE_KIND_PINNED, 0);
	int fence = submit_fence(att, 0, ENDLESS, NULL);

	close(dmabuf);
	close(att);
	equal(fence_status(fence), -ECANCELED);
	close(fence);
}

CASE(foreign, heap_close_cancels_a_job)
{
	close_in_the_middle(&foreign_heap);
}

CASE(foreign, udmabuf_close_cancels_a_job)
{
	close_in_the_middle(&foreign_udmabuf);
}

CASE(foreign, vgem_close_cancels_a_job)
{
	close_in_the_middle(&foreign_vgem);
}

static void is_not_ours(const struct foreign_exporter *other)
{
	int dmabuf = alloc(other, PAGE);
	struct dmabuf_revoke_query out;

	fails(dr_query_fd(exporter, dmabuf, &out), EINVAL);
	close(dmabuf);
}

CASE(foreign, heap_buffer_is_not_found_by_query)
{
	is_not_ours(&foreign_heap);
}

CASE(foreign, udmabuf_buffer_is_not_found_by_query)
{
	is_not_ours(&foreign_udmabuf);
}

CASE(foreign, vgem_buffer_is_not_found_by_query)
{
	is_not_ours(&foreign_vgem);
}
