/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The middle floors: what takes a buffer back, and what has to know of it.
 */
#ifndef DBR_REVOKE_H
#define DBR_REVOKE_H

#include "exporter.h"
#include "faults.h"

/*
 * Without the resv lock these are hints: to fail early, or to go and take the lock. So they
 * order nothing. Who concludes from a state what else there is uses dbr_is_in(), or the lock.
 */
static inline bool dbr_is_suspended(struct dbr_buffer *buf)
{
	enum dmabuf_revoke_state state = READ_ONCE(buf->state);

	return state == DMABUF_REVOKE_STATE_SUSPENDING ||
	       state == DMABUF_REVOKE_STATE_SUSPENDED;
}

/* For good. */
static inline bool dbr_is_gone(struct dbr_buffer *buf)
{
	enum dmabuf_revoke_state state = READ_ONCE(buf->state);

	if (dbr_fault_skips_state_test(buf))
		return false;
	return state == DMABUF_REVOKE_STATE_REVOKING ||
	       state == DMABUF_REVOKE_STATE_REVOKED;
}

static inline bool dbr_is_taken_back(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	return buf->state == DMABUF_REVOKE_STATE_REVOKING ||
	       buf->state == DMABUF_REVOKE_STATE_REVOKED;
}

/* The contents have not arrived yet. */
static inline bool dbr_is_moving(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	return buf->move && !dma_fence_is_signaled(buf->move);
}

/* registry.c */
void dbr_registry_teach_lockdep(void);
u64 dbr_buffers_last(void);
void dbr_buffer_number(struct dbr_buffer *buf);
void dbr_buffer_register(struct dbr_buffer *buf, struct dbr_owner *owner);
void dbr_buffer_unregister(struct dbr_buffer *buf);
struct dbr_buffer *dbr_buffer_get(struct dbr_owner *owner, u64 id);
struct dbr_buffer *dbr_buffer_pop(struct dbr_owner *owner);
void dbr_buffer_disown(struct dbr_buffer *buf);
int dbr_buffer_ids(struct dbr_owner *owner, u64 last, u64 *ids, u32 capacity,
		   u32 *count);

/* state.c */
void dbr_set_state(struct dbr_buffer *buf, enum dmabuf_revoke_state state);
int dbr_check_state(struct dbr_buffer *buf);
void dbr_invalidate(struct dbr_buffer *buf);
void dbr_zap(struct dbr_buffer *buf);

/* report.c */
struct dma_fence *dbr_unsignalled_fence(struct dbr_buffer *buf,
					enum dma_resv_usage usage);
void dbr_report(struct dbr_buffer *buf, struct dmabuf_revoke_phases *phases,
		struct dmabuf_revoke_pending *pending);
u32 dbr_blockers(struct dbr_buffer *buf, struct dmabuf_revoke_blocker *array,
		 u32 capacity);
void dbr_late_begin(struct dbr_buffer *buf);
void dbr_late_end(struct dbr_buffer *buf);
void dbr_late_work(struct work_struct *work);

/* revoke.c */
void dbr_revoke_init(struct dbr_buffer *buf);
void dbr_revoke_advance(struct dbr_buffer *buf);
void dbr_await_old_pages(struct dbr_buffer *buf, struct dbr_pages *pages);
int dbr_revoke(struct dbr_buffer *buf, struct dmabuf_revoke_revoke *arg);
int dbr_restore(struct dbr_buffer *buf, u64 deadline_ns);
int dbr_orphan(struct dbr_buffer *buf);
void dbr_orphan_later(struct dbr_buffer *buf);

/* move.c */
int dbr_move(struct dbr_buffer *buf, struct dmabuf_revoke_move *arg);
int dbr_move_wait(struct dbr_buffer *buf, u64 number, u64 deadline_ns);

#endif /* DBR_REVOKE_H */
