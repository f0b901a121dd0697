// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buffer in the kernel's address space, which no exporter can take back.
 */

#include <linux/crc32.h>
#include <linux/dma-resv.h>

#include "importer.h"

static int dbi_vmap_locked(struct dbi_attachment *att)
{
	struct dma_resv *resv = att->dmabuf->resv;
	int ret;

	lockdep_assert_held(&att->vmap_lock);

	if (!iosys_map_is_null(&att->vmap))
		return -EBUSY;
	if (dma_resv_lock_interruptible(resv, NULL))
		return -ERESTARTSYS;
	ret = dma_buf_vmap(att->dmabuf, &att->vmap);
	dma_resv_unlock(resv);
	return ret;
}

/* The exporter may still be filling the memory: it has a fence that tells when. */
static int dbi_vmap_await(struct dbi_attachment *att)
{
	long left = dma_resv_wait_timeout(att->dmabuf->resv,
					  DMA_RESV_USAGE_KERNEL, true,
					  MAX_SCHEDULE_TIMEOUT);

	return left < 0 ? left : 0;
}

static void dbi_vunmap_locked(struct dbi_attachment *att)
{
	lockdep_assert_held(&att->vmap_lock);

	dma_resv_lock(att->dmabuf->resv, NULL);
	dma_buf_vunmap(att->dmabuf, &att->vmap);
	dma_resv_unlock(att->dmabuf->resv);
	iosys_map_clear(&att->vmap);
}

static u32 dbi_vmap_crc32(struct dbi_attachment *att)
{
	size_t done, size = att->dmabuf->size;
	u8 page[256];
	u32 crc = ~0U;

	for (done = 0; done < size; done += sizeof(page)) {
		iosys_map_memcpy_from(page, &att->vmap, done, sizeof(page));
		crc = crc32_le(crc, page, sizeof(page));
		cond_resched();
	}
	return ~crc;
}

/* DMABUF_REVOKE_IOC_VMAP */
int dbi_vmap(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_vmap *arg = ucmd->arg;
	int ret;

	if (arg->flags || arg->reserved)
		return -EINVAL;

	if (mutex_lock_interruptible(&att->vmap_lock))
		return -ERESTARTSYS;
	ret = dbi_vmap_locked(att);
	if (ret)
		goto out_unlock;

	ret = dbi_vmap_await(att);
	if (!ret) {
		arg->crc32 = dbi_vmap_crc32(att);
		ret = ucmd_respond(ucmd);
	}
	if (ret)
		dbi_vunmap_locked(att);
out_unlock:
	mutex_unlock(&att->vmap_lock);
	return ret;
}

/* DMABUF_REVOKE_IOC_VUNMAP */
int dbi_vunmap(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_vmap *arg = ucmd->arg;
	int ret = -ENXIO;

	if (arg->flags || arg->reserved)
		return -EINVAL;

	if (mutex_lock_interruptible(&att->vmap_lock))
		return -ERESTARTSYS;
	if (!iosys_map_is_null(&att->vmap)) {
		dbi_vunmap_locked(att);
		ret = 0;
	}
	mutex_unlock(&att->vmap_lock);
	return ret;
}

/* The file is closed. */
void dbi_vmap_end(struct dbi_attachment *att)
{
	mutex_lock(&att->vmap_lock);
	if (!iosys_map_is_null(&att->vmap))
		dbi_vunmap_locked(att);
	mutex_unlock(&att->vmap_lock);
}
