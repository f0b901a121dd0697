// SPDX-License-Identifier: GPL-2.0-only
/* E11: BLOCKERS names what holds up a revoke. The log does so in test_late_log.py. */
#include <sys/mman.h>

#include "life.h"

#define NAME "dmabuf-revoke-importer"

static struct buffer buffer_for_all(void)
{
	return buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
}

static uint32_t count_of(uint64_t id)
{
	uint32_t count;

	succeeds(dr_blockers(exporter, id, NULL, 0, &count));
	return count;
}

static void named(const struct dmabuf_revoke_blocker *blocker,
		  const char *name, const char *timeline)
{
	holds(!strcmp(blocker->name, name), "it is called '%s'",
	      blocker->name);
	holds(!strcmp(blocker->timeline, timeline), "its timeline is '%s'",
	      blocker->timeline);
}

CASE(blockers, E11_idle_buffer_has_none)
{
	struct buffer buffer = buffer_for_all();
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);

	/* Pins and CPU mappings hold up nothing. */
	equal(count_of(buffer.id), 0);
	cpu_unmap(cpu_map(buffer.fd, PAGE), PAGE);
	equal(count_of(buffer.id), 0);
	revoke_fully(buffer.id);
	equal(count_of(buffer.id), 0);
	close(att);
	close(buffer.fd);
}

static void mapping_is_named(uint32_t kind, uint32_t legacy, uint32_t pins)
{
	struct buffer buffer = buffer_for_all();
	uint64_t before = dr_now();
	int att = attach_mapped(buffer.fd, kind, 0);
	struct dmabuf_revoke_blocker blocker = only_blocker(buffer.id);

	equal(blocker.type, DMABUF_REVOKE_BLOCKER_MAP);
	equal(blocker.legacy, legacy);
	equal(blocker.pins, pins);
	equal(blocker.usage, 0);
	equal(blocker.context, 0);
	equal(blocker.seqno, 0);
	holds(blocker.since_ns >= before);
	holds(blocker.since_ns <= dr_now());
	named(&blocker, NAME, "");
	close(att);
	equal(count_of(buffer.id), 0);
	close(buffer.fd);
}

CASE(blockers, E11_mapping_is_named_with_kind_and_age)
{
	uint32_t by_map = !kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED);

	mapping_is_named(DMABUF_REVOKE_KIND_DYNAMIC, 0, by_map);
	mapping_is_named(DMABUF_REVOKE_KIND_PINNED, 0, 1 + by_map);
	mapping_is_named(DMABUF_REVOKE_KIND_LEGACY_RDMA, 1, 1 + by_map);
}

/* How often a static importer is pinned is the core's affair. */
CASE(blockers, E11_static_mapping_is_named_as_not_revocable)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	revoke_times_out(buffer.id, 0);
	equal(only_blocker(buffer.id).type, DMABUF_REVOKE_BLOCKER_MAP);
	equal(only_blocker(buffer.id).legacy, 1);
	close(att);
	close(buffer.fd);
}

CASE(blockers, E11_age_is_that_of_the_mapping)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t first = only_blocker(buffer.id).since_ns;

	equal(only_blocker(buffer.id).since_ns, first);
	succeeds(dr_unmap(att));
	succeeds(dr_map(att, 0));
	holds(only_blocker(buffer.id).since_ns > first);
	close(att);
	close(buffer.fd);
}

CASE(blockers, E11_fence_is_named_with_driver_and_timeline)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(600 * SEC, &other);
	struct dmabuf_revoke_blocker blocker;

	succeeds(import_fence(buffer.fd, fence));
	revoke_times_out(buffer.id, 0);
	blocker = only_blocker(buffer.id);
	equal(blocker.type, DMABUF_REVOKE_BLOCKER_FENCE);
	equal(blocker.usage, 1);
	equal(blocker.seqno, 1);
	equal(blocker.since_ns, 0);
	holds(blocker.context);
	named(&blocker, NAME, "dynamic");
	close(other);
	revoke_fully(buffer.id);
	equal(count_of(buffer.id), 0);
	close(fence);
	close(buffer.fd);
}

CASE(blockers, E11_E5_fence_of_every_usage_is_named)
{
	static const struct {
		uint32_t op, flags, usage;
	} rows[] = {
		{ DMABUF_REVOKE_OP_WRITE, 0, 1 },
		{ DMABUF_REVOKE_OP_READ, 0, 2 },
		{ DMABUF_REVOKE_OP_READ, DMABUF_REVOKE_SUBMIT_BOOKKEEP, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
		struct dmabuf_revoke_blocker both[2];
		uint32_t count;

		submit_busy(att, rows[i].op, rows[i].flags, 600 * SEC);
		succeeds(dr_blockers(exporter, buffer.id, both, 2, &count));
		equal(count, 2);
		equal(both[0].type, DMABUF_REVOKE_BLOCKER_FENCE);
		equal(both[0].usage, rows[i].usage);
		equal(both[1].type, DMABUF_REVOKE_BLOCKER_MAP);
		close(att);
		close(buffer.fd);
	}
}

CASE(blockers, E11_E14_move_is_named)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(600 * SEC, &other);
	struct dmabuf_revoke_blocker both[2];
	const struct dmabuf_revoke_blocker *move;
	uint32_t count;

	succeeds(import_fence(buffer.fd, fence));
	fails(dr_move(exporter, buffer.id, 0), ETIMEDOUT);
	succeeds(dr_blockers(exporter, buffer.id, both, 2, &count));
	equal(count, 2);
	move = &both[both[0].usage ? 1 : 0];
	equal(move->type, DMABUF_REVOKE_BLOCKER_FENCE);
	equal(move->usage, 0);
	named(move, "dmabuf-revoke-exporter", "move");
	close(other);
	holds(eventually(bytes_are, PAGE + FOREIGN));
	equal(count_of(buffer.id), 0);
	close(fence);
	close(buffer.fd);
}

CASE(blockers, E11_vmap_is_named_with_its_age)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t before = dr_now();
	struct dmabuf_revoke_blocker blocker;

	succeeds(dr_vmap(att, NULL));
	revoke_times_out(buffer.id, 0);
	blocker = only_blocker(buffer.id);
	equal(blocker.type, DMABUF_REVOKE_BLOCKER_VMAP);
	equal(blocker.legacy, 1);
	holds(blocker.since_ns >= before);
	holds(blocker.since_ns <= dr_now());
	named(&blocker, "", "");
	close(att);
	revoke_fully(buffer.id);
	equal(count_of(buffer.id), 0);
	close(buffer.fd);
}

/* Everything at once, and room for some of it. */
CASE(blockers, E11_capacity_limits_what_is_written)
{
	struct buffer buffer = buffer_for_all();
	struct dmabuf_revoke_blocker *out = page_with(PROT_READ | PROT_WRITE);
	int atts[4], fences[2], others[2];
	uint32_t count, total = 7;

	for (size_t i = 0; i < ARRAY_SIZE(atts); i++)
		atts[i] = attach_mapped(buffer.fd, i, 0);
	succeeds(dr_vmap(atts[0], NULL));
	for (size_t i = 0; i < ARRAY_SIZE(fences); i++) {
		fences[i] = foreign_fence(600 * SEC, &others[i]);
		succeeds(import_fence(buffer.fd, fences[i]));
	}
	for (uint32_t capacity = 0; capacity <= total + 1; capacity++) {
		uint32_t written = capacity < total ? capacity : total;

		memset(out, 0, PAGE);
		succeeds(dr_blockers(exporter, buffer.id, out, capacity,
				     &count));
		equal(count, total);
		for (uint32_t i = 0; i < total + 1; i++)
			equal(out[i].type != 0, i < written);
	}
	/* Neither memory for 2^32 of them is taken, nor more written. */
	succeeds(dr_blockers(exporter, buffer.id, out, UINT32_MAX, &count));
	equal(count, total);
	equal(out[total].type, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fences); i++) {
		close(others[i]);
		close(fences[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(atts); i++)
		close(atts[i]);
	equal(count_of(buffer.id), 0);
	cpu_unmap(out, PAGE);
	close(buffer.fd);
}

CASE(blockers, E11_E13_orphan_has_its_blockers)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     DMABUF_REVOKE_MISBEHAVE_IGNORE, 0);
	uint32_t count;

	succeeds(dr_map(att, 0));
	close(owner);
	close(buffer.fd);
	equal(only_blocker(buffer.id).type, DMABUF_REVOKE_BLOCKER_MAP);
	close(att);
	holds(eventually(is_gone, buffer.id));
	fails(dr_blockers(exporter, buffer.id, NULL, 0, &count), ENOENT);
}

static bool has_two(uint64_t id)
{
	return count_of(id) == 2;
}

/* The mapping keeps the revoke going until the fence, which comes from a worker. */
CASE(blockers, E11_fence_added_after_the_callback_is_named)
{
	struct buffer buffer = buffer_for_all();
	int legacy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     DMABUF_REVOKE_MISBEHAVE_FENCE_AFTER,
				     600 * SEC);
	struct dmabuf_revoke_blocker blocker;

	revoke_times_out(buffer.id, 0);
	holds(eventually(has_two, buffer.id));
	close(legacy);
	blocker = only_blocker(buffer.id);
	equal(blocker.type, DMABUF_REVOKE_BLOCKER_FENCE);
	named(&blocker, NAME, "fence-after");
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}
