// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an importer owes, clause by clause, as far as user space can see it. The
 * names of the cases begin with the clauses.
 */
#include <sys/mman.h>

#include "common.h"

static const uint32_t kinds[] = {
	DMABUF_REVOKE_KIND_DYNAMIC,
	DMABUF_REVOKE_KIND_PINNED,
};

/* Attached, idle, invalidated at once: the earliest moment that user space can choose. */
CASE(importer, I1_fresh_attachment_can_be_invalidated)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		int att = attach(buffer.fd, kinds[i], 0);

		revoke_fully(buffer.id);
		equal(status(att).invalidations, 1);
		equal(status(att).unmaps, 0);
		equal(status(att).pinned, 0);
		fails(dr_map(att, 0), ENODEV);
		close(att);
		close(buffer.fd);
	}
}

/* All of it happens before invalidating is over, that is, in the callback. */
CASE(importer, I2_callback_stops_the_device_and_unmaps)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		int att = attach(buffer.fd, kinds[i], 0);
		uint64_t job = submit_running(att, buffer.fd, 0, ENDLESS,
					      NULL);
		struct dmabuf_revoke_phases phases;
		struct dmabuf_revoke_status out;
		struct dmabuf_revoke_wait done;

		phases = revoke_fully(buffer.id).phases;
		out = status(att);
		done = collect(att, job);
		equal(done.status, -ECANCELED);
		holds(out.invalidated_ns >= phases.began_ns);
		holds(done.ended_ns >= out.invalidated_ns);
		holds(out.unmapped_ns >= done.ended_ns);
		holds(out.unmapped_ns <=
		      phases.began_ns + phases.tell_ns);
		close(att);
		close(buffer.fd);
	}
}

CASE(importer, I3_no_job_starts_after_the_callback)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	uint64_t running = submit_running(att, buffer.fd,
					  DMABUF_REVOKE_SUBMIT_STREAM, 0, NULL);
	struct dmabuf_revoke_submit late = { .length = 1 };
	uint64_t queued[4];

	for (size_t i = 0; i < ARRAY_SIZE(queued); i++)
		queued[i] = submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, 0);
	revoke_fully(buffer.id);
	fails(dr_submit(att, &late), ENODEV);
	collect_ok(att, running);
	for (size_t i = 0; i < ARRAY_SIZE(queued); i++) {
		struct dmabuf_revoke_wait out = collect(att, queued[i]);

		equal(out.status, -ECANCELED);
		equal(out.started_ns, 0);
	}
	close(att);
	close(buffer.fd);
}

static void stream_ends_with_the_revoke(uint32_t kind, uint32_t flags)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, kind, flags);
	uint64_t job = submit_running(att, buffer.fd,
				      DMABUF_REVOKE_SUBMIT_STREAM, 0, NULL);
	struct dmabuf_revoke_status after;
	struct dmabuf_revoke_wait out;

	equal(status(att).running, job);
	revoke_fully(buffer.id);
	after = status(att);
	equal(after.running, 0);
	equal(after.jobs_running, 0);
	out = collect_ok(att, job);
	holds(out.passes >= 1);
	holds(out.ended_ns <= after.unmapped_ns);
	close(att);
	close(buffer.fd);
}

CASE(importer, I3_stream_of_writes_ends_before_the_unmap)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		stream_ends_with_the_revoke(kinds[i], 0);
		stream_ends_with_the_revoke(kinds[i],
					    DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	}
}

/* The control of I3: whoever is not invalidated goes on. */
CASE(importer, I3_control_legacy_stream_goes_on_after_a_revoke)
{
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);

	submit(att, (struct dmabuf_revoke_submit){
		.flags = DMABUF_REVOKE_SUBMIT_STREAM,
		.length = 1,
	});
	revoke_times_out(buffer.id, 50 * MSEC);
	equal(status(att).jobs_running, 1);
	equal(query(buffer.id).pending.fences, 1);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

CASE(importer, I4_unmap_follows_the_fence_within_bounded_time)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	uint64_t job = submit_running(att, buffer.fd,
				      DMABUF_REVOKE_SUBMIT_STREAM, 50 * MSEC,
				      NULL);
	struct dmabuf_revoke_wait done;
	struct dmabuf_revoke_status out;

	revoke_fully(buffer.id);
	done = collect_ok(att, job);
	out = status(att);
	holds(done.ended_ns >= out.invalidated_ns);
	holds(out.unmapped_ns >= done.ended_ns);
	holds(out.unmapped_ns < done.ended_ns + SOON);
	close(att);
	close(buffer.fd);
}

CASE(importer, I4_idle_importer_unmaps_from_the_worker_at_once)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED,
				DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	struct dmabuf_revoke_status out;

	revoke_fully(buffer.id);
	out = status(att);
	equal(out.unmaps, 1);
	holds(out.unmapped_ns < out.invalidated_ns + SOON);
	close(att);
	close(buffer.fd);
}

static void pinned_stays_dead(uint32_t flags)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED, flags);
	struct dmabuf_revoke_submit job = { .length = 1 };

	equal(status(att).pinned, 1);
	equal(query(buffer.id).pending.pins >= 1, 1);
	revoke_fully(buffer.id);
	/* A deferred unpin comes with the unmap, under the same lock. */
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_DEAD);
	equal(status(att).pinned, 0);
	equal(query(buffer.id).pending.pins, 0);
	for (int i = 0; i < 2; i++) {
		fails(dr_map(att, 0), ENODEV);
		fails(dr_submit(att, &job), ENODEV);
		fails(dr_unmap(att), ENXIO);
	}
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_DEAD);
	close(att);
	close(buffer.fd);
}

CASE(importer, I5_pinned_importer_unmaps_unpins_and_stays_dead)
{
	pinned_stays_dead(0);
	pinned_stays_dead(DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
}

CASE(importer, I5_unmapped_pinned_importer_unpins_too)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	struct dmabuf_revoke_event event;

	revoke_fully(buffer.id);
	event = expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	equal(event.sequence, 0);
	fails(dr_map(att, 0), ENODEV);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_DEAD);
	close(att);
	equal(query(buffer.id).pending.pins, 0);
	close(buffer.fd);
}

CASE(importer, I6_dynamic_importer_maps_again_and_gets_ENODEV)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_submit job = { .length = 1 };

	device_crc(att, 0, PAGE);
	revoke_fully(buffer.id);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
	fails(dr_submit(att, &job), ENODEV);
	fails(dr_map(att, 0), ENODEV);
	equal(status(att).maps, 1);
	close(att);
	close(buffer.fd);
}

/* Revoke, its resumption, its end and the owner's death are all one revoke. */
CASE(importer, I7_nothing_changes_after_the_first_call)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, ACCEPT_LEGACY, &owner);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	int atts[2];

	for (size_t i = 0; i < ARRAY_SIZE(atts); i++)
		atts[i] = attach_mapped(buffer.fd, kinds[i], 0);
	revoke_times_out(buffer.id, 0);
	revoke_times_out(buffer.id, 0);
	close(lazy);
	revoke_fully(buffer.id);
	close(owner);
	holds(eventually(is_gone, buffer.id));
	for (size_t i = 0; i < ARRAY_SIZE(atts); i++) {
		equal(status(atts[i]).invalidations, 1);
		equal(status(atts[i]).unmaps, 1);
		equal(status(atts[i]).pinned, 0);
		close(atts[i]);
	}
	close(buffer.fd);
}

/* In the callback somebody holds the resv lock, and the fence signals anyway. */
CASE(importer, I8_fence_of_a_job_that_is_cut_short_signals)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int fence;

	submit_running(att, buffer.fd, 0, ENDLESS, &fence);
	succeeds(dr_revoke(exporter, buffer.id, 0, NULL));
	holds(is_readable(fence, 0));
	equal(fence_status(fence), -ECANCELED);
	close(fence);
	close(att);
	close(buffer.fd);
}

CASE(importer, I8_fence_of_a_job_that_runs_to_its_end_signals)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	int fence;

	submit_running(att, buffer.fd, DMABUF_REVOKE_SUBMIT_STREAM, 50 * MSEC,
		       &fence);
	equal(fence_status(fence), 0);
	dr_revoke(exporter, buffer.id, 0, NULL);
	holds(is_readable(fence, SOON / MSEC), "the fence does not signal");
	equal(fence_status(fence), 1);
	close(fence);
	close(att);
	close(buffer.fd);
}

CASE(importer, I9_unmap_without_a_mapping_is_ENXIO)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	fails(dr_unmap(att), ENXIO);
	succeeds(dr_map(att, DMABUF_REVOKE_FROM_DEVICE));
	succeeds(dr_unmap(att));
	fails(dr_unmap(att), ENXIO);
	equal(status(att).maps, 1);
	equal(status(att).unmaps, 1);
	close(att);
	close(buffer.fd);
}

/* The unmap of the invalidation and that of the user are not both carried out. */
CASE(importer, I9_unmap_after_an_invalidation_is_ENXIO)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		int att = attach_mapped(buffer.fd, kinds[i], 0);

		revoke_fully(buffer.id);
		fails(dr_unmap(att), ENXIO);
		equal(status(att).unmaps, 1);
		close(att);
		close(buffer.fd);
	}
}

/* A refused pin or map leaves neither pin nor mapping nor attachment. */
CASE(importer, I9_refused_attach_leaves_no_pin)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	revoke_fully(buffer.id);
	for (int i = 0; i < 3; i++)
		fails(dr_attach(importer, buffer.fd, DMABUF_REVOKE_KIND_PINNED,
				0), ENODEV);
	equal(query(buffer.id).attachments, 0);
	equal(query(buffer.id).pending.pins, 0);
	close(buffer.fd);
}

CASE(importer, I9_close_gives_back_pin_and_mapping)
{
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);

	for (uint32_t kind = 0; kind <= DMABUF_REVOKE_KIND_LEGACY_RDMA; kind++) {
		int att = attach_mapped(buffer.fd, kind, 0);

		equal(query(buffer.id).pending.maps, 1);
		close(att);
		equal(query(buffer.id).pending.maps, 0);
		equal(query(buffer.id).pending.pins, 0);
		equal(query(buffer.id).attachments, 0);
	}
	close(buffer.fd);
}

/* What leads to the memory by way of an importer is the exporter's own mmap, or nothing. */
CASE(importer, I11_attachment_has_no_mmap_of_its_own)
{
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);

	for (uint32_t kind = 0; kind <= DMABUF_REVOKE_KIND_LEGACY_RDMA; kind++) {
		int att = attach_mapped(buffer.fd, kind, 0);
		void *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, att, 0);

		holds(memory == MAP_FAILED);
		equal(errno, ENODEV);
		close(att);
	}
	close(buffer.fd);
}
