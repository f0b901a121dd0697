// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dma_buf_ops: what importers and CPU mappings get to see of a buffer.
 *
 * Everything that hands out the memory decides under the resv lock, where the
 * state cannot change. attach and mmap are not called under it: their checks are a
 * courtesy that fails early.
 */

#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "exporter.h"

static int dbr_may_enter(struct dbr_buffer *buf, struct dbr_attachment *a)
{
	if (READ_ONCE(buf->state) != DMABUF_REVOKE_STATE_LIVE)
		return -ENODEV;
	if (!a->revocable && !(buf->flags & DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY))
		return -EOPNOTSUPP;
	return 0;
}

static int dbr_dmabuf_attach(struct dma_buf *dmabuf,
			     struct dma_buf_attachment *attach)
{
	struct dbr_buffer *buf = dmabuf->priv;
	struct dbr_attachment *a;
	int ret;

	a = kzalloc_obj(*a, GFP_KERNEL_ACCOUNT);
	if (!a)
		return -ENOMEM;
	a->revocable = dma_buf_attach_revocable(attach);

	ret = dbr_may_enter(buf, a);
	if (ret)
		goto err_free;
	ret = dbr_pages_to_sg(&buf->pages, &a->table);
	if (ret)
		goto err_free;

	attach->priv = a;
	return 0;

err_free:
	kfree(a);
	return ret;
}

static void dbr_dmabuf_detach(struct dma_buf *dmabuf,
			      struct dma_buf_attachment *attach)
{
	struct dbr_attachment *a = attach->priv;

	WARN_ONCE(a->pins, "%s: detached while pinned\n",
		  dev_name(attach->dev));
	/* Its device may still use table and memory: neither is ever freed. */
	if (WARN_ONCE(a->mapped, "%s: detached while mapped\n",
		      dev_name(attach->dev)))
		return;
	sg_free_table(&a->table);
	kfree(a);
}

static int dbr_dmabuf_pin(struct dma_buf_attachment *attach)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	ret = dbr_may_enter(buf, a);
	if (ret)
		return ret;
	a->pins++;
	buf->pins++;
	return 0;
}

static void dbr_dmabuf_unpin(struct dma_buf_attachment *attach)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (WARN_ONCE(!a->pins, "%s: unpinned without a pin\n",
		      dev_name(attach->dev)))
		return;
	a->pins--;
	buf->pins--;
}

/* An attachment has one table, so it has one mapping at a time. */
static struct sg_table *dbr_dmabuf_map(struct dma_buf_attachment *attach,
				       enum dma_data_direction dir)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (buf->state != DMABUF_REVOKE_STATE_LIVE)
		return ERR_PTR(-ENODEV);
	if (a->mapped)
		return ERR_PTR(-EBUSY);

	ret = dma_map_sgtable(attach->dev, &a->table, dir, 0);
	if (ret)
		return ERR_PTR(ret);

	a->mapped = true;
	a->dir = dir;
	buf->maps++;
	if (!a->revocable)
		buf->legacy_maps++;
	return &a->table;
}

static void dbr_dmabuf_unmap(struct dma_buf_attachment *attach,
			     struct sg_table *table, enum dma_data_direction dir)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (WARN_ONCE(!a->mapped || table != &a->table || dir != a->dir,
		      "%s: unmapped what was not mapped so\n",
		      dev_name(attach->dev)))
		return;

	dma_unmap_sgtable(attach->dev, table, dir, 0);
	a->mapped = false;
	buf->maps--;
	if (!a->revocable)
		buf->legacy_maps--;
	dbr_revoke_advance(buf);
}

static int dbr_dmabuf_begin_cpu_access(struct dma_buf *dmabuf,
				       enum dma_data_direction dir)
{
	struct dbr_buffer *buf = dmabuf->priv;
	struct dma_buf_attachment *attach;
	int ret;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		return ret;

	if (buf->state != DMABUF_REVOKE_STATE_LIVE) {
		ret = -ENODEV;
		goto out_unlock;
	}
	list_for_each_entry(attach, &dmabuf->attachments, node) {
		struct dbr_attachment *a = attach->priv;

		if (a->mapped)
			dma_sync_sgtable_for_cpu(attach->dev, &a->table, a->dir);
	}

out_unlock:
	dma_resv_unlock(dmabuf->resv);
	return ret;
}

static int dbr_dmabuf_end_cpu_access(struct dma_buf *dmabuf,
				     enum dma_data_direction dir)
{
	struct dbr_buffer *buf = dmabuf->priv;
	struct dma_buf_attachment *attach;
	int ret;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		return ret;

	if (buf->state != DMABUF_REVOKE_STATE_LIVE) {
		ret = -ENODEV;
		goto out_unlock;
	}
	list_for_each_entry(attach, &dmabuf->attachments, node) {
		struct dbr_attachment *a = attach->priv;

		if (a->mapped)
			dma_sync_sgtable_for_device(attach->dev, &a->table,
						    a->dir);
	}

out_unlock:
	dma_resv_unlock(dmabuf->resv);
	return ret;
}

/*
 * Maps the page that faulted and those that follow it in the same chunk and the
 * same page table: first touch is mostly sequential.
 */
static vm_fault_t dbr_vm_insert(struct dbr_buffer *buf, struct vm_fault *vmf)
{
	unsigned long addr = vmf->address, end, contiguous, pfn;
	vm_fault_t ret;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (vmf->pgoff >= buf->pages.nr_pages)
		return VM_FAULT_SIGBUS;

	pfn = dbr_pages_pfn(&buf->pages, vmf->pgoff, &contiguous);
	end = min3(vmf->vma->vm_end, pmd_addr_end(addr, vmf->vma->vm_end),
		   addr + contiguous * PAGE_SIZE);

	ret = vmf_insert_pfn(vmf->vma, addr, pfn);
	while (!(ret & VM_FAULT_ERROR) && (addr += PAGE_SIZE) < end)
		if (vmf_insert_pfn(vmf->vma, addr, ++pfn) & VM_FAULT_ERROR)
			break;
	return ret;
}

static vm_fault_t dbr_vm_fault(struct vm_fault *vmf)
{
	struct dbr_buffer *buf = vmf->vma->vm_private_data;
	vm_fault_t ret;

	/* A signal is pending: leave, it is handled, and the access faults anew. */
	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
		return VM_FAULT_NOPAGE;

	if (buf->state == DMABUF_REVOKE_STATE_LIVE)
		ret = dbr_vm_insert(buf, vmf);
	else
		ret = VM_FAULT_SIGBUS;

	dma_resv_unlock(buf->dmabuf->resv);
	return ret;
}

static const struct vm_operations_struct dbr_vm_ops = {
	.fault = dbr_vm_fault,
};

static int dbr_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct dbr_buffer *buf = dmabuf->priv;

	/*
	 * A private mapping would keep copies that no revoke can reach. Not
	 * VM_SHARED: that is taken from shared mappings which cannot be written.
	 */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (READ_ONCE(buf->state) != DMABUF_REVOKE_STATE_LIVE)
		return -ENODEV;

	/* VM_PFNMAP: no page can be pinned through the mapping and outlive it. */
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &dbr_vm_ops;
	vma->vm_private_data = buf;
	return 0;
}

static void dbr_dmabuf_release(struct dma_buf *dmabuf)
{
	dbr_buffer_destroy(dmabuf->priv);
}

const struct dma_buf_ops dbr_dmabuf_ops = {
	.attach = dbr_dmabuf_attach,
	.detach = dbr_dmabuf_detach,
	.pin = dbr_dmabuf_pin,
	.unpin = dbr_dmabuf_unpin,
	.map_dma_buf = dbr_dmabuf_map,
	.unmap_dma_buf = dbr_dmabuf_unmap,
	.begin_cpu_access = dbr_dmabuf_begin_cpu_access,
	.end_cpu_access = dbr_dmabuf_end_cpu_access,
	.mmap = dbr_dmabuf_mmap,
	.release = dbr_dmabuf_release,
};
