// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exporter owes at the end, clause by clause: E10, E11 and E13, as far as they
 * have controls in controls/data.py: a fault of the exporter, or a misbehaviour of the
 * importer, with which the case has to fail. The rest is in memory/release.c,
 * waits/blockers.c and life/.
 */
#include <string.h>

#include "deliberate.h"
#include "life.h"

static struct buffer buffer_for_all(void)
{
	return buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
}

CASE(release, E10_memory_goes_back_although_a_descriptor_is_open)
{
	uint64_t before = bytes_in_system();
	struct buffer buffer = buffer_alloc(MIB, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	equal(bytes_in_system(), before + MIB);
	revoke_fully(buffer.id);
	equal(bytes_in_system(), before);
	close(att);
	close(buffer.fd);
}

/* Nobody waits any more; and not before the last one has let go. */
CASE(release, E10_memory_goes_back_after_the_caller_gave_up)
{
	uint64_t before = bytes_in_system();
	struct buffer buffer =
		buffer_alloc(MIB, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);

	revoke_times_out(buffer.id, 0);
	equal(bytes_in_system(), before + MIB);
	succeeds(dr_unmap(lazy));
	holds(eventually(is_revoked, buffer.id));
	equal(bytes_in_system(), before);
	close(lazy);
	close(buffer.fd);
}

static void only_mapped_by(uint64_t id, uint32_t legacy, uint64_t since)
{
	struct dmabuf_revoke_blocker found[8] = {};
	uint32_t count;

	succeeds(dr_blockers(exporter, id, found, ARRAY_SIZE(found), &count));
	holds(count == 1, "%u blockers, one of them of type %u: %s %s",
	      count, found[0].type, found[0].name, found[0].timeline);
	equal(found[0].type, DMABUF_REVOKE_BLOCKER_MAP);
	equal(found[0].legacy, legacy);
	holds(!strcmp(found[0].name, "dmabuf-revoke-importer"), "%s",
	      found[0].name);
	holds(found[0].since_ns >= since && found[0].since_ns <= dr_now());
}

CASE(release, E11_only_what_blocks_is_named)
{
	struct buffer buffer = buffer_for_all();
	int importer = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t since;
	int lazy, fence;

	submit_running(importer, buffer.fd, 0, 600 * SEC, &fence);
	since = dr_now();
	lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	revoke_times_out(buffer.id, 0);
	is_readable(fence, SOON / MSEC);
	only_mapped_by(buffer.id, 1, since);
	close(fence);
	close(lazy);
	close(importer);
	close(buffer.fd);
}

static uint64_t close_of_the_owner(void)
{
	const uint32_t flags = DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY;
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, flags, &owner);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	int importer = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t ns = dr_now();

	close(owner);
	ns = dr_now() - ns;
	holds(eventually(is_orphaned, buffer.id));
	equal(query_fd(buffer.fd).state, DMABUF_REVOKE_STATE_REVOKING);
	equal(status(importer).invalidations, 1);
	close(importer);
	close(lazy);
	close(buffer.fd);
	return ns;
}

CASE(release, E13_close_does_not_block)
{
	uint64_t ns = quickest(close_of_the_owner);

	holds(ns < QUICK, "close() took %llu ms", (long long)(ns / MSEC));
}

static void orphan_stays_until_close(uint64_t misbehave)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     misbehave, 0);

	submit_running(att, buffer.fd, 0, 600 * SEC, NULL);
	close(owner);
	holds(eventually(is_orphaned, buffer.id));
	let_pass(100 * MSEC);
	equal(query_fd(buffer.fd).state, DMABUF_REVOKE_STATE_REVOKING);
	holds(listed(buffer.id));
	close(att);
	holds(eventually(is_gone, buffer.id));
	close(buffer.fd);
}

/* Time passes, and it is not forgotten before the mapping, the fence is gone. */
CASE(release, E13_orphan_stays_until_its_blocker_is_gone)
{
	orphan_stays_until_close(DMABUF_REVOKE_MISBEHAVE_NO_UNMAP);
	orphan_stays_until_close(DMABUF_REVOKE_MISBEHAVE_STUCK_FENCE);
}
