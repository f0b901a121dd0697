// SPDX-License-Identifier: GPL-2.0-only
/* Events of an attachment: read, poll, order, loss. */
#include <pthread.h>
#include <sys/mman.h>

#include "common.h"

#define KEPT 64

static int attach_nonblocking(int dmabuf)
{
	int att = attach(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(sys(fcntl(att, F_SETFL, O_NONBLOCK)));
	return att;
}

CASE(events, come_in_order_with_times_and_numbers)
{
	static const struct {
		uint32_t type;
		uint64_t number;	/* of the job or the mapping */
	} rows[] = {
		{ DMABUF_REVOKE_EVENT_MAPPED, 1 },
		{ DMABUF_REVOKE_EVENT_JOB_DONE, 1 },
		{ DMABUF_REVOKE_EVENT_UNMAPPED, 1 },
		{ DMABUF_REVOKE_EVENT_MAPPED, 2 },
		{ DMABUF_REVOKE_EVENT_INVALIDATED, 0 },
		{ DMABUF_REVOKE_EVENT_UNMAPPED, 2 },
	};
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t last = dr_now();

	device_crc(att, 0, PAGE);
	succeeds(dr_unmap(att));
	succeeds(dr_map(att, 0));
	revoke_fully(buffer.id);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dmabuf_revoke_event event =
			expect_event(att, rows[i].type);

		equal(event.sequence, i);
		equal(event.status, 0);
		equal(event.job, rows[i].number);
		holds(event.time_ns >= last);
		last = event.time_ns;
	}
	holds(last <= dr_now());
	holds(!is_readable(att, 0));
	close(att);
	close(buffer.fd);
}

CASE(events, agree_with_status)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
	struct dmabuf_revoke_event invalidated, unmapped;

	revoke_fully(buffer.id);
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	invalidated = expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	unmapped = expect_event(att, DMABUF_REVOKE_EVENT_UNMAPPED);
	holds(status(att).invalidated_ns <= invalidated.time_ns);
	holds(status(att).unmapped_ns >= invalidated.time_ns);
	holds(status(att).unmapped_ns <= unmapped.time_ns);
	close(att);
	close(buffer.fd);
}

CASE(events, idle_attachment_is_invalidated_but_not_unmapped)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_nonblocking(buffer.fd);
	struct dmabuf_revoke_event event;

	revoke_fully(buffer.id);
	expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	fails(dr_event(att, &event), EAGAIN);
	equal(status(att).unmaps, 0);
	close(att);
	close(buffer.fd);
}

CASE(events, deferred_unmap_comes_after_the_end_of_the_job)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	uint64_t job = submit_running(att, buffer.fd,
				      DMABUF_REVOKE_SUBMIT_STREAM, 0, NULL);
	struct dmabuf_revoke_event event;

	revoke_fully(buffer.id);
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	event = expect_event(att, DMABUF_REVOKE_EVENT_JOB_DONE);
	equal(event.job, job);
	equal(event.status, 0);
	expect_event(att, DMABUF_REVOKE_EVENT_UNMAPPED);
	close(att);
	close(buffer.fd);
}

CASE(events, cancelled_job_tells_so)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t job = submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, ENDLESS);
	struct dmabuf_revoke_event event;

	revoke_fully(buffer.id);
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	event = expect_event(att, DMABUF_REVOKE_EVENT_JOB_DONE);
	equal(event.job, job);
	equal(event.status, -ECANCELED);
	equal(collect(att, job).status, -ECANCELED);
	close(att);
	close(buffer.fd);
}

CASE(events, poll_is_ready_while_there_is_one)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_nonblocking(buffer.fd);

	holds(!is_readable(att, 0));
	succeeds(dr_map(att, 0));
	holds(is_readable(att, 0));
	holds(is_readable(att, 0));
	next_event(att);
	holds(!is_readable(att, 0));
	close(att);
	close(buffer.fd);
}

CASE(events, poll_wakes_up)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	next_event(att);
	submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 50 * MSEC);
	holds(is_readable(att, SOON / MSEC));
	expect_event(att, DMABUF_REVOKE_EVENT_JOB_DONE);
	close(att);
	close(buffer.fd);
}

CASE(events, blocking_read_waits)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_event event;
	uint64_t began;

	next_event(att);
	began = dr_now();
	submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 50 * MSEC);
	succeeds(dr_event(att, &event));
	equal(event.type, DMABUF_REVOKE_EVENT_JOB_DONE);
	holds(dr_now() - began >= 50 * MSEC);
	close(att);
	close(buffer.fd);
}

CASE(events, read_without_an_event_is_EAGAIN_with_nonblock)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_nonblocking(buffer.fd);
	struct dmabuf_revoke_event event;

	fails(dr_event(att, &event), EAGAIN);
	close(att);
	close(buffer.fd);
}

CASE(events, blocking_read_ends_on_a_signal)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_event event;

	signals_begin(0);
	fails(dr_event(att, &event), EINTR);
	signals_end();
	close(att);
	close(buffer.fd);
}

CASE(events, read_takes_only_whole_ones)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_nonblocking(buffer.fd);
	struct dmabuf_revoke_event events[4];

	for (int i = 0; i < 2; i++) {
		succeeds(dr_map(att, 0));
		succeeds(dr_unmap(att));
	}
	fails(sys(read(att, events, 0)), EINVAL);
	fails(sys(read(att, events, sizeof(events[0]) - 1)), EINVAL);
	equal(read(att, events, 2 * sizeof(events[0]) - 1), sizeof(events[0]));
	equal(events[0].sequence, 0);
	equal(read(att, events, sizeof(events)), 3 * sizeof(events[0]));
	equal(events[0].sequence, 1);
	equal(events[2].sequence, 3);
	close(att);
	close(buffer.fd);
}

CASE(events, unwritable_memory_loses_none)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_nonblocking(buffer.fd);
	void *page = page_with(PROT_READ);

	succeeds(dr_map(att, 0));
	fails(sys(read(att, page, sizeof(struct dmabuf_revoke_event))), EFAULT);
	equal(expect_event(att, DMABUF_REVOKE_EVENT_MAPPED).sequence, 0);
	cpu_unmap(page, PAGE);
	close(att);
	close(buffer.fd);
}

CASE(events, newest_are_kept_and_the_lost_are_counted)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_nonblocking(buffer.fd);
	const uint64_t made = KEPT + 10;
	struct dmabuf_revoke_event events[KEPT + 1];

	for (uint64_t i = 0; i < made; i += 2) {
		succeeds(dr_map(att, 0));
		succeeds(dr_unmap(att));
	}
	equal(status(att).events_lost, made - KEPT);
	equal(read(att, events, sizeof(events)), KEPT * sizeof(events[0]));
	equal(events[0].sequence, made - KEPT);
	equal(events[KEPT - 1].sequence, made - 1);
	holds(!is_readable(att, 0));
	close(att);
	close(buffer.fd);
}

struct reader {
	pthread_t thread;
	int att;
	int result;
};

static void *read_event(void *arg)
{
	struct reader *reader = arg;
	struct dmabuf_revoke_event event;

	reader->result = dr_event(reader->att, &event);
	return NULL;
}

/* Each event goes to one reader, and no reader is forgotten. */
CASE(events, several_readers_get_one_each)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct reader readers[4];

	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i].att = att;
		pthread_create(&readers[i].thread, NULL, read_event,
			       &readers[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(readers); i += 2) {
		succeeds(dr_map(att, 0));
		succeeds(dr_unmap(att));
	}
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		pthread_join(readers[i].thread, NULL);
		equal(readers[i].result, 0);
	}
	holds(!is_readable(att, 0));
	close(att);
	close(buffer.fd);
}
