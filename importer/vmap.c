// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buffer in the kernel's address space, which no exporter can take back.
 *
 * Whoever makes vmap_state BUSY has the vmap to himself until he lets go of it again,
 * so that no lock is held while the fences of the buffer are waited for, or while the
 * CPU reads it.
 */

#include <linux/crc32.h>
#include <linux/dma-resv.h>
#include <linux/kcsan-checks.h>
#include <linux/sched/signal.h>

#include "importer.h"

/* False: it is in another state. */
static bool dbi_vmap_claim(struct dbi_attachment *att, enum dbi_vmap_state from)
{
	bool claimed;

	spin_lock(&att->lock);
	claimed = att->vmap_state == from;
	if (claimed)
		att->vmap_state = DBI_VMAP_BUSY;
	spin_unlock(&att->lock);
	return claimed;
}

static void dbi_vmap_unclaim(struct dbi_attachment *att, enum dbi_vmap_state to)
{
	spin_lock(&att->lock);
	att->vmap_state = to;
	spin_unlock(&att->lock);
}

static void dbi_vunmap_locked(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	dma_buf_vunmap(att->dmabuf, &att->vmap);
	iosys_map_clear(&att->vmap);
	dbi_vmap_unclaim(att, DBI_VMAP_NONE);
}

/* After a signal that leaves no time to wait for the lock. */
void dbi_vunmap_work(struct work_struct *work)
{
	struct dbi_attachment *att = container_of(work, struct dbi_attachment,
						  vunmap_work);

	dma_resv_lock(att->dmabuf->resv, NULL);
	dbi_vunmap_locked(att);
	dma_resv_unlock(att->dmabuf->resv);
}

/* Of a VMAP that failed with @ret. What it is to return. */
static int dbi_vmap_undo(struct dbi_attachment *att, int ret)
{
	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL)) {
		queue_work(dbi_unmap_wq, &att->vunmap_work);
		/* Not to be restarted: it would find the vmap still there. */
		return ret == -ERESTARTSYS ? -EINTR : ret;
	}
	dbi_vunmap_locked(att);
	dma_resv_unlock(att->dmabuf->resv);
	return ret;
}

static int dbi_vmap_crc32(struct dbi_attachment *att, u32 *crc)
{
	size_t done, n, size = att->dmabuf->size;
	u8 bytes[256];

	*crc = ~0U;
	for (done = 0; done < size; done += n) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched_tasks_rcu_qs();

		n = min(sizeof(bytes), size - done);
		/* As in the engine: others may write there. */
		kcsan_disable_current();
		iosys_map_memcpy_from(bytes, &att->vmap, done, n);
		kcsan_enable_current();
		*crc = crc32_le(*crc, bytes, n);
	}
	*crc = ~*crc;
	return 0;
}

/* As everybody is to read a vmap. */
static int dbi_vmap_read(struct dbi_attachment *att, u32 *crc)
{
	struct dma_buf *dmabuf = att->dmabuf;
	long left;
	int ret, end;

	/* Writers, and whoever fills the memory: begin_cpu_access may come too early. */
	left = dma_resv_wait_timeout(dmabuf->resv, dma_resv_usage_rw(false), true,
				     MAX_SCHEDULE_TIMEOUT);
	if (left < 0)
		return left;
	ret = dma_buf_begin_cpu_access(dmabuf, DMA_FROM_DEVICE);
	if (ret)
		return ret;
	ret = dbi_vmap_crc32(att, crc);
	end = dma_buf_end_cpu_access(dmabuf, DMA_FROM_DEVICE);
	return ret ?: end;
}

static int dbi_vmap_make(struct dbi_attachment *att)
{
	int ret;

	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	ret = dma_buf_vmap(att->dmabuf, &att->vmap);
	dma_resv_unlock(att->dmabuf->resv);
	return ret;
}

/* DMABUF_REVOKE_IOC_VMAP */
int dbi_vmap(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_vmap *arg = ucmd->arg;
	int ret;

	if (arg->flags || arg->reserved)
		return -EINVAL;

	if (!dbi_vmap_claim(att, DBI_VMAP_NONE))
		return -EBUSY;
	ret = dbi_vmap_make(att);
	if (ret) {
		dbi_vmap_unclaim(att, DBI_VMAP_NONE);
		return ret;
	}

	ret = dbi_vmap_read(att, &arg->crc32);
	if (!ret)
		ret = ucmd_respond(ucmd);
	if (ret)
		return dbi_vmap_undo(att, ret);
	dbi_vmap_unclaim(att, DBI_VMAP_THERE);
	return 0;
}

/* DMABUF_REVOKE_IOC_VUNMAP */
int dbi_vunmap(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_vmap *arg = ucmd->arg;

	if (arg->flags || arg->reserved)
		return -EINVAL;

	if (!dbi_vmap_claim(att, DBI_VMAP_THERE))
		return -ENXIO;
	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL)) {
		dbi_vmap_unclaim(att, DBI_VMAP_THERE);
		return -ERESTARTSYS;
	}
	dbi_vunmap_locked(att);
	dma_resv_unlock(att->dmabuf->resv);
	return 0;
}

/* The file is closed. */
void dbi_vmap_end(struct dbi_attachment *att)
{
	flush_work(&att->vunmap_work);
	if (!dbi_vmap_claim(att, DBI_VMAP_THERE))
		return;
	dma_resv_lock(att->dmabuf->resv, NULL);
	dbi_vunmap_locked(att);
	dma_resv_unlock(att->dmabuf->resv);
}
