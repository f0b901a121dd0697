// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exporter owes once importers have been invalidated, clause by clause: E5 to E9.
 * The names of the cases begin with the clauses.
 */
#include <pthread.h>

#include "deliberate.h"
#include "life.h"

static struct buffer buffer_for_all(void)
{
	return buffer_alloc(PAGE, ACCEPT_LEGACY);
}

/* Nothing but a fence: there is no attachment at all. */
CASE(waits, E5_revoke_waits_for_a_fence)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(100 * MSEC, &other);

	succeeds(import_fence(buffer.fd, fence));
	revoke_fully(buffer.id);
	holds(is_readable(fence, 0), "returned before the fence signalled");
	equal(query(buffer.id).pending.fences, 0);
	close(other);
	close(fence);
	close(buffer.fd);
}

CASE(waits, E5_control_fence_that_does_not_signal_times_out)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);
	struct dmabuf_revoke_pending pending;

	succeeds(import_fence(buffer.fd, fence));
	pending = revoke_times_out(buffer.id, 50 * MSEC).pending;
	equal(pending.fences, 1);
	equal(pending.maps, 0);
	/* It ends with an error, which counts as its signal. */
	close(other);
	equal(fence_status(fence), -ECANCELED);
	revoke_fully(buffer.id);
	close(fence);
	close(buffer.fd);
}

CASE(waits, E5_revoke_waits_for_the_last_of_many_fences)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int others[8], fences[8];

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		/* The longest ones first, so that the order does not matter. */
		fences[i] = foreign_fence((8 - i) * 20 * MSEC, &others[i]);
		succeeds(import_fence(buffer.fd, fences[i]));
	}
	revoke_fully(buffer.id);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		holds(is_readable(fences[i], 0), "fence %zu", i);
		close(fences[i]);
		close(others[i]);
	}
	close(buffer.fd);
}

/* The usage of a fence decides what others see of it, not whether it counts. */
static void waits_for_a_job(uint32_t submit_flags)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	uint64_t job;
	int fence;

	job = submit_running(att, buffer.fd,
			     submit_flags | DMABUF_REVOKE_SUBMIT_STREAM,
			     100 * MSEC, &fence);
	revoke_fully(buffer.id);
	holds(is_readable(fence, 0), "returned before the job ended");
	collect_ok(att, job);
	close(fence);
	close(att);
	close(buffer.fd);
}

CASE(waits, E5_every_usage_is_waited_for)
{
	waits_for_a_job(0);
	waits_for_a_job(DMABUF_REVOKE_SUBMIT_BOOKKEEP);
}

CASE(waits, E5_control_bookkeep_fence_alone_times_out)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);

	submit_running(att, buffer.fd, DMABUF_REVOKE_SUBMIT_BOOKKEEP, ENDLESS,
		       NULL);
	equal(revoke_times_out(buffer.id, 20 * MSEC).pending.fences, 1);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

CASE(waits, E5_job_that_is_cut_short_counts_as_done)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t job;
	int fence;

	job = submit_running(att, buffer.fd, 0, ENDLESS, &fence);
	revoke_fully(buffer.id);
	equal(fence_status(fence), -ECANCELED);
	equal(collect(att, job).status, -ECANCELED);
	close(fence);
	close(att);
	close(buffer.fd);
}

CASE(waits, E6_revoke_waits_for_every_unmap)
{
	struct buffer buffer = buffer_for_all();
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	int rdma = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);

	equal(revoke_times_out(buffer.id, 20 * MSEC).pending.maps, 2);
	succeeds(dr_unmap(lazy));
	equal(revoke_times_out(buffer.id, 20 * MSEC).pending.maps, 1);
	equal(query(buffer.id).state, DMABUF_REVOKE_STATE_REVOKING);
	succeeds(dr_unmap(rdma));
	holds(eventually(is_revoked, buffer.id));
	close(rdma);
	close(lazy);
	close(buffer.fd);
}

/* Others allocate meanwhile, and would be given the memory if it were free. */
CASE(waits, E6_mapping_stays_valid_until_the_unmap)
{
	const uint64_t length = 4 * MIB;
	struct buffer buffer = buffer_alloc(length, ACCEPT_LEGACY);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);
	uint32_t crc;

	fill_noise(memory, length, 11);
	crc = crc32(memory, length);
	revoke_times_out(buffer.id, 0);
	cpu_unmap(memory, length);
	for (int i = 0; i < 4; i++) {
		struct buffer other = buffer_alloc(length, 0);

		memory = cpu_map(other.fd, length);
		memset(memory, 0x5a, length);
		cpu_unmap(memory, length);
		close(other.fd);
	}
	equal(device_crc(lazy, 0, length), crc);
	close(lazy);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

/* Its worker takes the resv lock to unmap; a revoke that held it would not end. */
CASE(waits, E7_importer_that_unmaps_from_a_worker_finishes)
{
	for (uint32_t kind = 0; kind <= DMABUF_REVOKE_KIND_PINNED; kind++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		int att = attach(buffer.fd, kind,
				 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
		uint64_t job = submit_running(att, buffer.fd,
					      DMABUF_REVOKE_SUBMIT_STREAM,
					      20 * MSEC, NULL);

		revoke_fully(buffer.id);
		holds(collect_ok(att, job).passes >= 1);
		equal(status(att).unmaps, 1);
		close(att);
		close(buffer.fd);
	}
}

static void *revoke_for_ever(void *arg)
{
	return (void *)(long)dr_revoke(exporter, *(uint64_t *)arg,
				       DMABUF_REVOKE_FOREVER, NULL);
}

static bool is_revoking(uint64_t id)
{
	return query(id).state == DMABUF_REVOKE_STATE_REVOKING;
}

/* Whatever else takes the resv lock goes on too, in both waits. */
static void resv_lock_is_free_during(struct buffer *buffer, int release)
{
	int att = attach(buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	pthread_t thread;
	void *result;

	pthread_create(&thread, NULL, revoke_for_ever, &buffer->id);
	holds(eventually(is_revoking, buffer->id));
	fails(dr_map(att, 0), ENODEV);
	equal(status(att).invalidations, 1);
	is_readable(buffer->fd, 0);
	close(att);
	close(release);
	pthread_join(thread, &result);
	equal((long)result, 0);
}

CASE(waits, E7_resv_lock_is_free_while_a_revoke_waits)
{
	struct buffer mapped = buffer_for_all();
	struct buffer fenced = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);

	succeeds(import_fence(fenced.fd, fence));
	resv_lock_is_free_during(&fenced, other);
	resv_lock_is_free_during(&mapped,
				 attach_mapped(mapped.fd,
					       DMABUF_REVOKE_KIND_LEGACY_RDMA,
					       0));
	close(fence);
	close(fenced.fd);
	close(mapped.fd);
}

CASE(waits, E8_revoke_that_gave_up_goes_on_by_itself)
{
	struct buffer buffer = buffer_for_all();
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	int other, fence = foreign_fence(ENDLESS, &other);

	succeeds(import_fence(buffer.fd, fence));
	revoke_times_out(buffer.id, 0);
	close(lazy);
	equal(query(buffer.id).state, DMABUF_REVOKE_STATE_REVOKING);
	close(other);
	holds(eventually(is_revoked, buffer.id));
	equal(revoke_fully(buffer.id).already, 1);
	close(fence);
	close(buffer.fd);
}

/*
 * A dma_resv keeps only the newest fence of a timeline. If a job that is cancelled
 * signalled before the one that runs, its DMA would not be waited for.
 */
CASE(waits, E5_I8_cancelled_job_does_not_overtake_the_running_one)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	uint64_t running = submit_running(att, buffer.fd, 0, ENDLESS, NULL);
	uint64_t waiting = submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, 0);
	struct dmabuf_revoke_wait result;

	equal(status(att).running, running);
	equal(revoke_times_out(buffer.id, 20 * MSEC).pending.fences, 1);
	fails(dr_wait(att, waiting, 0, &result), ETIMEDOUT);
	fails(dr_wait(att, running, 0, &result), ETIMEDOUT);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

/* The device has let go of the mapping; the weakest of fences is all that is left. */
CASE(waits, E5_bookkeep_fence_without_a_mapping_is_waited_for)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     DMABUF_REVOKE_MISBEHAVE_STUCK_FENCE, 0);
	struct dmabuf_revoke_pending pending;
	int fence;

	submit_running(att, buffer.fd, DMABUF_REVOKE_SUBMIT_BOOKKEEP, 600 * SEC,
		       &fence);
	pending = revoke_times_out(buffer.id, 10 * MSEC).pending;
	equal(pending.maps, 0);
	equal(pending.fences, 1);
	close(att);
	revoke_fully(buffer.id);
	equal(fence_status(fence), -ECANCELED);
	close(fence);
	close(buffer.fd);
}

/* The worker needs the resv lock, which the exporter has no reason to hold. */
static uint64_t unmap_from_a_worker(void)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	struct dmabuf_revoke_status out;

	revoke_fully(buffer.id);
	out = status(att);
	close(att);
	close(buffer.fd);
	return out.unmapped_ns - out.invalidated_ns;
}

CASE(waits, E7_unmap_from_a_worker_is_not_held_up)
{
	uint64_t ns = quickest(unmap_from_a_worker);

	holds(ns < QUICK, "the unmap was held up for %llu ms",
	      (long long)(ns / MSEC));
}

static uint64_t map_time(void)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t ns = dr_now();

	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	ns = dr_now() - ns;
	close(att);
	close(buffer.fd);
	return ns;
}

/* Whoever needs the resv lock waits for as long as map takes. */
CASE(waits, E7_map_does_not_block_with_the_lock_held)
{
	uint64_t ns = quickest(map_time);

	holds(ns < QUICK, "map took %llu ms", (long long)(ns / MSEC));
}

static uint64_t revoke_without_waiting(void)
{
	struct buffer buffer = buffer_for_all();
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	int importer = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t ns = dr_now();

	fails(dr_revoke(exporter, buffer.id, 0, NULL), ETIMEDOUT);
	ns = dr_now() - ns;
	close(importer);
	close(lazy);
	close(buffer.fd);
	return ns;
}

CASE(waits, E8_revoke_returns_at_its_deadline)
{
	uint64_t ns = quickest(revoke_without_waiting);

	holds(ns < QUICK, "it did not return for %llu ms",
	      (long long)(ns / MSEC));
}

CASE(waits, E9_vmap_is_waited_for)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_vmap(att, NULL));
	equal(revoke_times_out(buffer.id, 10 * MSEC).pending.vmaps, 1);
	equal(query(buffer.id).pending.maps, 0);
	succeeds(dr_vunmap(att));
	revoke_fully(buffer.id);
	close(att);
	close(buffer.fd);
}
