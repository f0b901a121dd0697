// SPDX-License-Identifier: GPL-2.0-only
/* The fences of jobs: sync_file, implicit synchronisation, usage classes. */
#include <linux/dma-buf.h>
#include <sys/ioctl.h>

#include "common.h"

/* What poll() on a dma-buf waits for: POLLIN writers, POLLOUT everybody. */
static int dmabuf_ready(int dmabuf)
{
	struct pollfd pollfd = { .fd = dmabuf, .events = POLLIN | POLLOUT };

	succeeds(sys(poll(&pollfd, 1, 0)));
	return pollfd.revents;
}

CASE(fences, sync_file_signals_when_the_job_ends)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t job;
	int fence = submit_fence(att, 0, 20 * MSEC, &job);

	equal(fcntl(fence, F_GETFD), FD_CLOEXEC);
	holds(is_readable(fence, SOON / MSEC));
	equal(fence_status(fence), 1);
	collect_ok(att, job);
	close(fence);
	close(att);
	close(buffer.fd);
}

CASE(fences, sync_file_of_a_cancelled_job_carries_the_error)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int fence = submit_fence(att, 0, ENDLESS, NULL);

	holds(!is_readable(fence, 0));
	equal(fence_status(fence), 0);
	revoke_fully(buffer.id);
	holds(is_readable(fence, 0));
	equal(fence_status(fence), -ECANCELED);
	close(fence);
	close(att);
	close(buffer.fd);
}

CASE(fences, sync_file_outlives_the_attachment)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int running = submit_fence(att, 0, ENDLESS, NULL);
	int queued = submit_fence(att, 0, 0, NULL);

	close(att);
	holds(is_readable(running, SOON / MSEC));
	holds(is_readable(queued, SOON / MSEC));
	equal(fence_status(running), -ECANCELED);
	equal(fence_status(queued), -ECANCELED);
	close(queued);
	close(running);
	close(buffer.fd);
}

/* What a compositor waits for, or hands on. */
CASE(fences, sync_file_of_the_buffer_stands_for_all_jobs)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int a = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int b = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dma_buf_export_sync_file all = { .flags = DMA_BUF_SYNC_RW };

	submit_busy(a, DMABUF_REVOKE_OP_READ, 0, ENDLESS);
	submit_busy(b, DMABUF_REVOKE_OP_READ, 0, ENDLESS);
	succeeds(sys(ioctl(buffer.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &all)));
	close(a);
	holds(!is_readable(all.fd, 0));
	close(b);
	holds(is_readable(all.fd, SOON / MSEC));
	close(all.fd);
	close(buffer.fd);
}

static int ready_during(uint32_t op, uint32_t flags)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int ready;

	equal(dmabuf_ready(buffer.fd), POLLIN | POLLOUT);
	submit_busy(att, op, flags, ENDLESS);
	ready = dmabuf_ready(buffer.fd);
	/* Whatever its usage, a revoke would have to wait for it. */
	equal(query(buffer.id).pending.fences, 1);
	close(att);
	equal(dmabuf_ready(buffer.fd), POLLIN | POLLOUT);
	close(buffer.fd);
	return ready;
}

CASE(fences, usage_is_that_of_the_job)
{
	equal(ready_during(DMABUF_REVOKE_OP_WRITE, 0), 0);
	equal(ready_during(DMABUF_REVOKE_OP_READ, 0), POLLIN);
	equal(ready_during(DMABUF_REVOKE_OP_WRITE,
			   DMABUF_REVOKE_SUBMIT_BOOKKEEP), POLLIN | POLLOUT);
	equal(ready_during(DMABUF_REVOKE_OP_READ,
			   DMABUF_REVOKE_SUBMIT_BOOKKEEP), POLLIN | POLLOUT);
}

/* Two jobs on two attachments: the second starts when the first has ended. */
static void second_waits(uint32_t first, uint32_t second)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int a = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int b = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t one = submit_busy(a, first, 0, 100 * MSEC);
	uint64_t two = submit_busy(b, second, 0, 0);
	uint64_t started = collect_ok(b, two).started_ns;

	holds(started >= collect_ok(a, one).ended_ns);
	close(b);
	close(a);
	close(buffer.fd);
}

/* The second does not care for the first, which never ends. */
static void second_goes_ahead(uint32_t first, uint32_t second, uint32_t flags)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int a = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int b = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	submit_busy(a, first, 0, ENDLESS);
	collect_ok(b, submit_busy(b, second, flags, 0));
	equal(status(a).jobs_running, 1);
	close(b);
	close(a);
	close(buffer.fd);
}

CASE(fences, implicit_synchronisation_orders_writers)
{
	second_waits(DMABUF_REVOKE_OP_WRITE, DMABUF_REVOKE_OP_READ);
	second_waits(DMABUF_REVOKE_OP_WRITE, DMABUF_REVOKE_OP_WRITE);
	second_waits(DMABUF_REVOKE_OP_READ, DMABUF_REVOKE_OP_WRITE);
	second_goes_ahead(DMABUF_REVOKE_OP_READ, DMABUF_REVOKE_OP_READ, 0);
}

CASE(fences, bookkeep_waits_for_nobody)
{
	second_goes_ahead(DMABUF_REVOKE_OP_WRITE, DMABUF_REVOKE_OP_WRITE,
			  DMABUF_REVOKE_SUBMIT_BOOKKEEP);
}

CASE(fences, imported_fence_delays_a_job)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int other, fence = foreign_fence(100 * MSEC, &other);
	struct dmabuf_revoke_wait out;
	uint64_t job;

	succeeds(import_fence(buffer.fd, fence));
	job = submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 0);
	out = collect_ok(att, job);
	holds(is_readable(fence, 0));
	holds(out.started_ns >= collect_ok(other, 1).ended_ns);
	close(fence);
	close(other);
	close(att);
	close(buffer.fd);
}

/* A job that waits for another fence has not started, so it can be cancelled. */
CASE(fences, revoke_cancels_a_job_that_waits_for_a_fence)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int other, fence = foreign_fence(ENDLESS, &other);
	struct dmabuf_revoke_wait out;
	uint64_t job;

	succeeds(import_fence(buffer.fd, fence));
	job = submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 0);
	equal(revoke_times_out(buffer.id, 0).pending.maps, 0);
	out = collect(att, job);
	equal(out.status, -ECANCELED);
	equal(out.started_ns, 0);
	close(other);
	revoke_fully(buffer.id);
	close(fence);
	close(att);
	close(buffer.fd);
}

CASE(fences, close_cancels_a_job_that_waits_for_a_fence)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int other, fence = foreign_fence(ENDLESS, &other);
	uint64_t began;

	succeeds(import_fence(buffer.fd, fence));
	submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, 0);
	began = dr_now();
	close(att);
	holds(dr_now() - began < SOON);
	close(other);
	close(fence);
	close(buffer.fd);
}
