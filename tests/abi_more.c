// SPDX-License-Identifier: GPL-2.0-only
/*
 * The numbers of the binary interface, those that abi.c does not have: structures
 * that have grown, and what came with them. A number may be added, never changed.
 */
#include "common.h"

TestSuite(abi_more, .timeout = 60);

#define SIZE(name, bytes) { #name, sizeof(struct dmabuf_revoke_##name), bytes }
#define AT(name, member, bytes)						\
	{								\
		#name "." #member,					\
		offsetof(struct dmabuf_revoke_##name, member), bytes	\
	}
#define NUMBER(name, value) { #name, DMABUF_REVOKE_##name, value }

struct row {
	const char *name;
	unsigned long have;
	unsigned long want;
};

static void expect_all(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_expect(rows[i].have == rows[i].want, "%s is %#lx, was %#lx",
			  rows[i].name, rows[i].have, rows[i].want);
}

Test(abi_more, sizes_of_structures)
{
	static const struct row rows[] = {
		SIZE(alloc, 40), SIZE(phases, 48), SIZE(pending, 24),
		SIZE(revoke, 104), SIZE(query, 136), SIZE(restore, 24),
		SIZE(move, 24), SIZE(free, 40), SIZE(export, 24),
		SIZE(blocker, 136), SIZE(blockers, 32), SIZE(attach, 48),
		SIZE(status, 128), SIZE(vmap, 16),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}

Test(abi_more, members_of_structures)
{
	static const struct row rows[] = {
		AT(alloc, length, 8), AT(alloc, id, 16), AT(alloc, fd, 24),
		AT(alloc, fd_flags, 28), AT(alloc, faults, 32),
		AT(phases, began_ns, 0), AT(phases, unmaps_ns, 32),
		AT(phases, give_back_ns, 40), AT(pending, legacy_maps, 8),
		AT(pending, vmaps, 12), AT(pending, pins, 16),
		AT(pending, reserved, 20), AT(revoke, id, 8),
		AT(revoke, state, 24), AT(revoke, already, 28),
		AT(revoke, phases, 32), AT(revoke, pending, 80),
		AT(query, id, 8), AT(query, length, 24), AT(query, phases, 48),
		AT(query, pending, 96), AT(query, faults, 120),
		AT(query, moves, 128), AT(restore, deadline_ns, 16),
		AT(move, deadline_ns, 16), AT(free, offsets, 16),
		AT(free, capacity, 24), AT(free, changed, 28),
		AT(free, checked, 32), AT(free, reserved, 36),
		AT(export, id, 8), AT(export, fd, 16), AT(export, fd_flags, 20),
		AT(blocker, usage, 12), AT(blocker, since_ns, 16),
		AT(blocker, seqno, 32), AT(blocker, name, 40),
		AT(blocker, timeline, 88), AT(blockers, blockers, 16),
		AT(blockers, count, 28), AT(attach, length, 24),
		AT(attach, misbehave, 32), AT(attach, delay_ns, 40),
		AT(status, events_lost, 88), AT(status, misbehave, 96),
		AT(status, vmapped, 104), AT(status, remap_error, 108),
		AT(status, running, 112), AT(status, passes, 120),
		AT(vmap, crc32, 8), AT(vmap, reserved, 12),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}

Test(abi_more, numbers_of_ioctls)
{
	static const struct row rows[] = {
		NUMBER(IOC_RESTORE, 0xdb05), NUMBER(IOC_MOVE, 0xdb06),
		NUMBER(IOC_FREE, 0xdb07), NUMBER(IOC_EXPORT, 0xdb08),
		NUMBER(IOC_BLOCKERS, 0xdb09), NUMBER(IOC_VMAP, 0xdb65),
		NUMBER(IOC_VUNMAP, 0xdb66),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}

Test(abi_more, numbers_of_constants)
{
	static const struct row rows[] = {
		NUMBER(STATE_SUSPENDING, 3), NUMBER(STATE_SUSPENDED, 4),
		NUMBER(ALLOC_ZERO_PAGE, 2), NUMBER(ALLOC_QUARANTINE, 4),
		NUMBER(REVOKE_SUSPEND, 1), NUMBER(NAME_LEN, 48),
		NUMBER(BLOCKER_FENCE, 1), NUMBER(BLOCKER_MAP, 2),
		NUMBER(BLOCKER_VMAP, 3),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}

Test(abi_more, numbers_of_faults)
{
	static const struct row rows[] = {
		NUMBER(FAULT_WEAK_FENCE_WAIT, 1 << 0),
		NUMBER(FAULT_NO_FENCE_WAIT, 1 << 1),
		NUMBER(FAULT_NO_UNMAP_WAIT, 1 << 2),
		NUMBER(FAULT_NO_TELL, 1 << 3), NUMBER(FAULT_TELL_TWICE, 1 << 4),
		NUMBER(FAULT_NO_ZAP, 1 << 5), NUMBER(FAULT_LATE_MAP, 1 << 6),
		NUMBER(FAULT_HOLD_LOCK, 1 << 7), NUMBER(FAULT_SLOW_MAP, 1 << 8),
		NUMBER(FAULT_FAIL_PIN, 1 << 9), NUMBER(FAULT_FAIL_MAP, 1 << 10),
		NUMBER(FAULT_MOVE_NO_COPY, 1 << 11),
		NUMBER(FAULT_MOVE_PINNED, 1 << 12),
		NUMBER(FAULT_NO_LEGACY_TEST, 1 << 13),
		NUMBER(FAULT_KEEP_MEMORY, 1 << 14),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}

Test(abi_more, numbers_of_misbehaviours)
{
	static const struct row rows[] = {
		NUMBER(MISBEHAVE_IGNORE, 1 << 0),
		NUMBER(MISBEHAVE_NO_UNMAP, 1 << 1),
		NUMBER(MISBEHAVE_LATE_UNMAP, 1 << 2),
		NUMBER(MISBEHAVE_SLOW_CALLBACK, 1 << 3),
		NUMBER(MISBEHAVE_LATE_FENCE, 1 << 4),
		NUMBER(MISBEHAVE_STUCK_FENCE, 1 << 5),
		NUMBER(MISBEHAVE_FENCE_ERROR, 1 << 6),
		NUMBER(MISBEHAVE_FENCE_AFTER, 1 << 7),
		NUMBER(MISBEHAVE_NEW_DMA, 1 << 8),
		NUMBER(MISBEHAVE_REMAP, 1 << 9),
		NUMBER(MISBEHAVE_DMA_AFTER_UNMAP, 1 << 10),
		NUMBER(MISBEHAVE_KEEP_PIN, 1 << 11),
		NUMBER(MISBEHAVE_REVIVE, 1 << 12),
		NUMBER(MISBEHAVE_DOUBLE_UNPIN, 1 << 13),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}
