// SPDX-License-Identifier: GPL-2.0-only
/*
 * The numbers of the binary interface: this does not compile when one changes, nor
 * when a structure has a hole, for 64-bit and for 32-bit programs. Programs that were
 * compiled against a release go on using them: a number may be added, never changed.
 */
#include <stddef.h>

#pragma GCC diagnostic error "-Wpadded"
#include <dmabuf_revoke.h>

#define SIZE(name, bytes)						\
	_Static_assert(sizeof(struct dmabuf_revoke_##name) == (bytes), #name)
#define AT(name, member, bytes)						\
	_Static_assert(offsetof(struct dmabuf_revoke_##name, member) == (bytes), \
		      #name "." #member)
#define NUMBER(name, value)						\
	_Static_assert(DMABUF_REVOKE_##name == (value), #name)

SIZE(alloc, 40);
SIZE(attach, 48);
SIZE(blocker, 136);
SIZE(blockers, 32);
SIZE(event, 32);
SIZE(export, 24);
SIZE(exporter_info, 48);
SIZE(free, 40);
SIZE(importer_info, 40);
SIZE(list, 24);
SIZE(map, 16);
SIZE(move, 24);
SIZE(pending, 24);
SIZE(phases, 48);
SIZE(query, 136);
SIZE(restore, 24);
SIZE(revoke, 104);
SIZE(status, 128);
SIZE(submit, 64);
SIZE(unmap, 8);
SIZE(vmap, 16);
SIZE(wait, 64);

AT(alloc, length, 8);
AT(alloc, id, 16);
AT(alloc, fd, 24);
AT(alloc, fd_flags, 28);
AT(alloc, faults, 32);
AT(attach, length, 24);
AT(attach, misbehave, 32);
AT(attach, delay_ns, 40);
AT(blocker, usage, 12);
AT(blocker, since_ns, 16);
AT(blocker, seqno, 32);
AT(blocker, name, 40);
AT(blocker, timeline, 88);
AT(blockers, blockers, 16);
AT(blockers, count, 28);
AT(event, job, 24);
AT(export, id, 8);
AT(export, fd, 16);
AT(export, fd_flags, 20);
AT(exporter_info, features, 40);
AT(free, offsets, 16);
AT(free, capacity, 24);
AT(free, changed, 28);
AT(free, checked, 32);
AT(free, reserved, 36);
AT(importer_info, features, 32);
AT(list, count, 20);
AT(map, reserved, 12);
AT(move, deadline_ns, 16);
AT(pending, legacy_maps, 8);
AT(pending, vmaps, 12);
AT(pending, pins, 16);
AT(pending, reserved, 20);
AT(phases, began_ns, 0);
AT(phases, unmaps_ns, 32);
AT(phases, give_back_ns, 40);
AT(query, id, 8);
AT(query, length, 24);
AT(query, phases, 48);
AT(query, pending, 96);
AT(query, faults, 120);
AT(query, moves, 128);
AT(restore, deadline_ns, 16);
AT(revoke, id, 8);
AT(revoke, state, 24);
AT(revoke, already, 28);
AT(revoke, phases, 32);
AT(revoke, pending, 80);
AT(status, events_lost, 88);
AT(status, misbehave, 96);
AT(status, vmapped, 104);
AT(status, remap_error, 108);
AT(status, running, 112);
AT(status, passes, 120);
AT(submit, job, 56);
AT(unmap, flags, 4);
AT(vmap, crc32, 8);
AT(vmap, reserved, 12);
AT(wait, ended_ns, 56);

NUMBER(IOC_EXPORTER_INFO, 0xdb00);
NUMBER(IOC_ALLOC, 0xdb01);
NUMBER(IOC_REVOKE, 0xdb02);
NUMBER(IOC_QUERY, 0xdb03);
NUMBER(IOC_LIST, 0xdb04);
NUMBER(IOC_IMPORTER_INFO, 0xdb40);
NUMBER(IOC_ATTACH, 0xdb41);
NUMBER(IOC_MAP, 0xdb60);
NUMBER(IOC_UNMAP, 0xdb61);
NUMBER(IOC_SUBMIT, 0xdb62);
NUMBER(IOC_WAIT, 0xdb63);
NUMBER(IOC_STATUS, 0xdb64);
NUMBER(ABI_VERSION, 1);
NUMBER(FOREVER, ~0ULL);
NUMBER(STATE_LIVE, 0);
NUMBER(STATE_REVOKING, 1);
NUMBER(STATE_REVOKED, 2);
NUMBER(FEATURE_REVOCABLE_TEST, 1);
NUMBER(FEATURE_STATIC_MAP, 2);
NUMBER(FEATURE_MAP_UNPINNED, 4);
NUMBER(FEATURE_FENCE_ALONE, 8);
NUMBER(ALLOC_ACCEPT_LEGACY, 1);
NUMBER(QUERY_BY_FD, 1);
NUMBER(KIND_DYNAMIC, 0);
NUMBER(KIND_PINNED, 1);
NUMBER(KIND_LEGACY_STATIC, 2);
NUMBER(KIND_LEGACY_RDMA, 3);
NUMBER(ATTACH_DEFER_UNMAP, 1);
NUMBER(BIDIRECTIONAL, 0);
NUMBER(TO_DEVICE, 1);
NUMBER(FROM_DEVICE, 2);
NUMBER(OP_READ, 0);
NUMBER(OP_WRITE, 1);
NUMBER(OP_COPY, 2);
NUMBER(SUBMIT_STREAM, 1);
NUMBER(SUBMIT_FENCE_FD, 2);
NUMBER(SUBMIT_BOOKKEEP, 4);
NUMBER(ATTACHMENT_IDLE, 0);
NUMBER(ATTACHMENT_MAPPED, 1);
NUMBER(ATTACHMENT_INVALIDATED, 2);
NUMBER(ATTACHMENT_DEAD, 3);
NUMBER(EVENT_MAPPED, 1);
NUMBER(EVENT_INVALIDATED, 2);
NUMBER(EVENT_UNMAPPED, 3);
NUMBER(EVENT_JOB_DONE, 4);
NUMBER(IOC_RESTORE, 0xdb05);
NUMBER(IOC_MOVE, 0xdb06);
NUMBER(IOC_FREE, 0xdb07);
NUMBER(IOC_EXPORT, 0xdb08);
NUMBER(IOC_BLOCKERS, 0xdb09);
NUMBER(IOC_VMAP, 0xdb65);
NUMBER(IOC_VUNMAP, 0xdb66);
NUMBER(STATE_SUSPENDING, 3);
NUMBER(STATE_SUSPENDED, 4);
NUMBER(ALLOC_ZERO_PAGE, 2);
NUMBER(ALLOC_QUARANTINE, 4);
NUMBER(REVOKE_SUSPEND, 1);
NUMBER(NAME_LEN, 48);
NUMBER(BLOCKER_FENCE, 1);
NUMBER(BLOCKER_MAP, 2);
NUMBER(BLOCKER_VMAP, 3);
NUMBER(FAULT_WEAK_FENCE_WAIT, 1 << 0);
NUMBER(FAULT_NO_FENCE_WAIT, 1 << 1);
NUMBER(FAULT_NO_UNMAP_WAIT, 1 << 2);
NUMBER(FAULT_NO_TELL, 1 << 3);
NUMBER(FAULT_TELL_TWICE, 1 << 4);
NUMBER(FAULT_NO_ZAP, 1 << 5);
NUMBER(FAULT_LATE_MAP, 1 << 6);
NUMBER(FAULT_HOLD_LOCK, 1 << 7);
NUMBER(FAULT_SLOW_MAP, 1 << 8);
NUMBER(FAULT_FAIL_PIN, 1 << 9);
NUMBER(FAULT_FAIL_MAP, 1 << 10);
NUMBER(FAULT_MOVE_NO_COPY, 1 << 11);
NUMBER(FAULT_MOVE_PINNED, 1 << 12);
NUMBER(FAULT_NO_LEGACY_TEST, 1 << 13);
NUMBER(FAULT_KEEP_MEMORY, 1 << 14);
NUMBER(MISBEHAVE_IGNORE, 1 << 0);
NUMBER(MISBEHAVE_NO_UNMAP, 1 << 1);
NUMBER(MISBEHAVE_LATE_UNMAP, 1 << 2);
NUMBER(MISBEHAVE_SLOW_CALLBACK, 1 << 3);
NUMBER(MISBEHAVE_LATE_FENCE, 1 << 4);
NUMBER(MISBEHAVE_STUCK_FENCE, 1 << 5);
NUMBER(MISBEHAVE_FENCE_ERROR, 1 << 6);
NUMBER(MISBEHAVE_FENCE_AFTER, 1 << 7);
NUMBER(MISBEHAVE_NEW_DMA, 1 << 8);
NUMBER(MISBEHAVE_REMAP, 1 << 9);
NUMBER(MISBEHAVE_DMA_AFTER_UNMAP, 1 << 10);
NUMBER(MISBEHAVE_KEEP_PIN, 1 << 11);
NUMBER(MISBEHAVE_REVIVE, 1 << 12);
NUMBER(MISBEHAVE_DOUBLE_UNPIN, 1 << 13);
