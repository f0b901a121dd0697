// SPDX-License-Identifier: GPL-2.0-only
/* The DMA addresses of a mapping. */
#include <stdlib.h>

#include "function.h"

#define LENGTH (64 * PAGE)

/* All, in an array that the caller frees. */
static struct dmabuf_revoke_segment *all_segments(int att, uint32_t *count)
{
	struct dmabuf_revoke_segment *segments;
	uint32_t again;

	succeeds(dr_segments(att, NULL, 0, count));
	segments = calloc(*count + 1, sizeof(*segments));
	holds(segments);
	segments[*count].length = 77;
	succeeds(dr_segments(att, segments, *count, &again));
	equal(again, *count);
	equal(segments[*count].length, 77);
	return segments;
}

static uint64_t total(const struct dmabuf_revoke_segment *segments, uint32_t count)
{
	uint64_t length = 0;

	for (uint32_t i = 0; i < count; i++)
		length += segments[i].length;
	return length;
}

static void each_is_memory(int att, uint32_t flags)
{
	struct dmabuf_revoke_segment *segments;
	uint32_t count;

	segments = all_segments(att, &count);
	equal(count, status(att).segments);
	equal(total(segments, count), LENGTH);
	for (uint32_t i = 0; i < count; i++) {
		equal(segments[i].address % PAGE, 0);
		equal(segments[i].flags, flags);
		equal(segments[i].reserved, 0);
	}
	free(segments);
}

CASE(segments, all_of_a_buffer_is_memory)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	each_is_memory(att, DMABUF_REVOKE_SEGMENT_MEMORY);
	close(att);
	close(buffer.fd);
}

/* Whatever is between it and the memory, and whatever does its DMA. */
CASE(segments, all_of_a_functions_is_memory)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att;

	function_bind();
	att = attach_for_function(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	succeeds(dr_map(att, DMABUF_REVOKE_TO_DEVICE));
	each_is_memory(att, DMABUF_REVOKE_SEGMENT_MEMORY);
	close(att);
	close(buffer.fd);
	function_unbind();
}

/* Each bounce buffer would be a copy of its own. */
CASE(segments, E18_repeated_memory_is_not_for_who_is_bounced_warns_overlap)
{
	struct dmabuf_revoke_alloc alloc = {
		.length = LENGTH,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.shape = DMABUF_REVOKE_SHAPE_REPEATED,
		.shape_arg = PAGE,
	};
	struct dmabuf_revoke_device device;
	int ret;

	succeeds(dr_alloc_as(exporter, &alloc));
	function_bind();
	holds(function_is_there(&device));
	ret = try_attach_for(function, alloc.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	if (device.iommu == DMABUF_REVOKE_IOMMU_TRANSLATED || function_has_engine()) {
		succeeds(dr_map(succeeds(ret), DMABUF_REVOKE_BIDIRECTIONAL));
		close(ret);
	} else {
		fails(ret, EIO);
	}
	function_unbind();
	close(alloc.fd);
}

CASE(segments, there_are_none_without_a_mapping)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint32_t count;

	fails(dr_segments(att, NULL, 0, &count), ENXIO);
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	succeeds(dr_segments(att, NULL, 0, &count));
	succeeds(dr_unmap(att));
	fails(dr_segments(att, NULL, 0, &count), ENXIO);
	close(att);
	close(buffer.fd);
}

CASE(segments, one_that_was_invalidated_is_listed_until_it_is_unmapped)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);

	submit_running(att, buffer.fd, 0, ENDLESS, NULL);
	revoke_times_out(buffer.id, 0);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_INVALIDATED);
	each_is_memory(att, DMABUF_REVOKE_SEGMENT_MEMORY);
	close(att);
	close(buffer.fd);
}

static int as_stranger(void *arg)
{
	uint32_t count;

	return dr_segments(*(int *)arg, NULL, 0, &count);
}

CASE(segments, addresses_are_for_CAP_SYS_ADMIN)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	fails(as_nobody(as_stranger, &att), EPERM);
	succeeds(in_child(as_stranger, &att));
	close(att);
	close(buffer.fd);
}
