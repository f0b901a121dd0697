// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation fails once: the importer's ioctls, and those of attachments. */
#include "failnth.h"
#include "life.h"

static struct buffer buffer = { .fd = -1 };
static int att = -1;
static int made = -1;
static uint64_t job;

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void end(void)
{
	close_if_open(&made);
	close_if_open(&att);
	close_if_open(&buffer.fd);
	succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
}

/* Of two chunks: for one the exporter's table takes no memory. */
static void begin_buffer(void)
{
	buffer = buffer_alloc(2 * PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
}

static void begin(void)
{
	begin_buffer();
	att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
}

static void begin_mapped(void)
{
	begin_buffer();
	att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
}

static void begin_moved(void)
{
	begin_mapped();
	move_fully(buffer.id);
}

static void close_made(void)
{
	close_if_open(&made);
}

static long call_info(void)
{
	struct dmabuf_revoke_importer_info info;

	return dr_importer_info(importer, &info);
}

CASE(importer, info)
{
	fails_at_every_point("IMPORTER_INFO", NULL, call_info, NULL);
}

static long call_open(void)
{
	made = dr_open(DMABUF_REVOKE_IMPORTER_PATH);
	return made;
}

CASE(importer, open)
{
	fails_at_every_point("OPEN_IMPORTER", NULL, call_open, close_made);
}

static long attach_as(uint32_t kind, uint32_t flags)
{
	att = dr_attach(importer, buffer.fd, kind, flags);
	return att;
}

static long call_attach_dynamic(void)
{
	return attach_as(DMABUF_REVOKE_KIND_DYNAMIC, 0);
}

static long call_attach_deferred(void)
{
	return attach_as(DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
}

static long call_attach_pinned(void)
{
	return attach_as(DMABUF_REVOKE_KIND_PINNED, 0);
}

static long call_attach_static(void)
{
	return attach_as(DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
}

static long call_attach_rdma(void)
{
	return attach_as(DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
}

static long call_attach_misbehaving(void)
{
	att = dr_attach_misbehaving(importer, buffer.fd,
				    DMABUF_REVOKE_KIND_DYNAMIC, 0,
				    DMABUF_REVOKE_MISBEHAVE_FENCE_AFTER, 0);
	return att;
}

/* No pin and no attachment are left, whatever failed: the counts say so. */
CASE(importer, I9_attach_dynamic)
{
	fails_at_every_point("ATTACH_DYNAMIC", begin_buffer,
			     call_attach_dynamic, end);
}

CASE(importer, I9_attach_dynamic_with_a_deferred_unmap)
{
	fails_at_every_point("ATTACH_DEFERRED", begin_buffer,
			     call_attach_deferred, end);
}

CASE(importer, I9_attach_pinned)
{
	fails_at_every_point("ATTACH_PINNED", begin_buffer, call_attach_pinned,
			     end);
}

CASE(importer, I9_attach_static)
{
	fails_at_every_point("ATTACH_STATIC", begin_buffer, call_attach_static,
			     end);
}

CASE(importer, I9_attach_rdma)
{
	fails_at_every_point("ATTACH_RDMA", begin_buffer, call_attach_rdma, end);
}

CASE(importer, I9_attach_misbehaving)
{
	fails_at_every_point("ATTACH_MISBEHAVING", begin_buffer,
			     call_attach_misbehaving, end);
}

static long call_map(void)
{
	return dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);
}

CASE(importer, I9_map)
{
	fails_at_every_point("MAP", begin, call_map, end);
}

/* It needs a table for the new pages. */
CASE(importer, E14_map_after_a_move)
{
	fails_at_every_point("MAP_MOVED", begin_moved, call_map, end);
}

static long call_unmap(void)
{
	return dr_unmap(att);
}

CASE(importer, I9_unmap)
{
	fails_at_every_point("UNMAP", begin_mapped, call_unmap, end);
}

static long submit_with(uint32_t flags)
{
	struct dmabuf_revoke_submit s = {
		.flags = flags,
		.length = PAGE,
		.fence_fd = -1,
	};
	int ret = dr_submit(att, &s);

	if (!ret && flags & DMABUF_REVOKE_SUBMIT_FENCE_FD)
		made = s.fence_fd;
	job = s.job;
	return ret;
}

static long call_submit(void)
{
	return submit_with(0);
}

static long call_submit_fence(void)
{
	return submit_with(DMABUF_REVOKE_SUBMIT_FENCE_FD);
}

static void end_submitted(void)
{
	collect_ok(att, job);
	end();
}

CASE(importer, I8_submit)
{
	fails_at_every_point("SUBMIT", begin_mapped, call_submit, end_submitted);
}

CASE(importer, I6_I8_submit_that_maps)
{
	fails_at_every_point("SUBMIT_UNMAPPED", begin, call_submit,
			     end_submitted);
}

CASE(importer, E16_I8_submit_with_a_fence)
{
	fails_at_every_point("SUBMIT_FENCE_FD", begin_mapped, call_submit_fence,
			     end_submitted);
}

static void begin_submitted(void)
{
	begin_mapped();
	succeeds(call_submit());
}

/* A result that could not be written is still there. */
static long call_wait(void)
{
	struct dmabuf_revoke_wait out;

	return dr_wait(att, job, DMABUF_REVOKE_FOREVER, &out);
}

CASE(importer, wait)
{
	fails_at_every_point("WAIT", begin_submitted, call_wait, end);
}

static long call_status(void)
{
	struct dmabuf_revoke_status out;

	return dr_status(att, &out);
}

CASE(importer, status)
{
	fails_at_every_point("STATUS", begin_mapped, call_status, end);
}

static long call_event(void)
{
	struct dmabuf_revoke_event event;

	return dr_event(att, &event);
}

/* An event that could not be copied is read again. */
static void end_event(void)
{
	equal(status(att).events_lost, 0);
	end();
}

CASE(importer, read_of_an_event)
{
	fails_at_every_point("READ_EVENT", begin_mapped, call_event, end_event);
}

static long call_vmap(void)
{
	return dr_vmap(att, NULL);
}

static long call_vunmap(void)
{
	return dr_vunmap(att);
}

static void begin_vmapped(void)
{
	begin();
	succeeds(call_vmap());
}

/* The core warns when an exporter refuses a vmap, for want of memory too. */
CASE(importer, E9_vmap_warns_vmap)
{
	fails_at_every_point("VMAP", begin, call_vmap, end);
}

CASE(importer, E9_vunmap)
{
	fails_at_every_point("VUNMAP", begin_vmapped, call_vunmap, end);
}

static long call_devices(void)
{
	struct dmabuf_revoke_device devices[4];
	uint32_t count;

	return dr_devices(importer, devices, ARRAY_SIZE(devices), &count);
}

CASE(importer, devices)
{
	fails_at_every_point("DEVICES", NULL, call_devices, NULL);
}

static long call_segments(void)
{
	struct dmabuf_revoke_segment segments[4];
	uint32_t count;

	return dr_segments(att, segments, ARRAY_SIZE(segments), &count);
}

CASE(importer, segments)
{
	fails_at_every_point("SEGMENTS", begin_mapped, call_segments, end);
}

static void begin_close(void)
{
	begin_mapped();
	submit_busy(att, DMABUF_REVOKE_OP_READ, DMABUF_REVOKE_SUBMIT_STREAM, 0);
}

static long call_close(void)
{
	long result = sys(close(att));

	att = -1;
	return result;
}

CASE(importer, I4_I8_close_of_a_busy_attachment)
{
	fails_at_no_point("CLOSE_ATTACHMENT", begin_close, call_close, end);
}
