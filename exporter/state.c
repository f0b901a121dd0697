// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of a buffer: what it lets others have, and how they are made to let go of what
 * they have.
 */

#include <linux/mm.h>

#include "revoke.h"
#include "trace.h"

void dbr_set_state(struct dbr_buffer *buf, enum dmabuf_revoke_state state)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	trace_dbr_state(buf, state);
	/* Pairs with the acquire of those who wait without the lock. */
	smp_store_release(&buf->state, state);
	if (wq_has_sleeper(&buf->wait))
		wake_up_all(&buf->wait);
}

/*
 * 0 if the memory may be handed out in this state. A suspended buffer answers as if it
 * were revoked: whoever gets EAGAIN or EINTR tries again at once, without end.
 */
int dbr_check_state(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (dbr_is_suspended(buf) || dbr_is_gone(buf))
		return -ENODEV;
	/* To map in the callback of a move would give the old pages. */
	if (buf->state == DMABUF_REVOKE_STATE_LIVE && buf->invalidating)
		return -EAGAIN;
	return 0;
}

/* Each revocable importer, once. */
void dbr_invalidate(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	WRITE_ONCE(buf->invalidating, true);
	if (!dbr_fault_skips_invalidation(buf))
		dbr_tell(buf);
	dbr_fault_invalidated(buf);
	WRITE_ONCE(buf->invalidating, false);
}

/* Faults take the resv lock, so none can bring back what is taken down here. */
void dbr_zap(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (dbr_fault_skips_zap(buf))
		return;
	unmap_mapping_range(buf->dmabuf->file->f_mapping, 0, 0, 1);
	trace_dbr_zap(buf);
}
