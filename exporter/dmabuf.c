// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dma_buf_ops: what importers and CPU mappings get to see of a buffer.
 *
 * Everything that hands out the memory decides under the resv lock, where the
 * state cannot change. attach and mmap are not called under it: their checks are a
 * courtesy that fails early.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "exporter.h"
#include "sleep.h"

static bool dbr_is_suspended(struct dbr_buffer *buf)
{
	enum dmabuf_revoke_state state = READ_ONCE(buf->state);

	return state == DMABUF_REVOKE_STATE_SUSPENDING ||
	       state == DMABUF_REVOKE_STATE_SUSPENDED;
}

/* For good. */
static bool dbr_is_gone(struct dbr_buffer *buf)
{
	enum dmabuf_revoke_state state = READ_ONCE(buf->state);

	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_LATE_MAP))
		return false;
	return state == DMABUF_REVOKE_STATE_REVOKING ||
	       state == DMABUF_REVOKE_STATE_REVOKED;
}

/*
 * 0 if the memory may be handed out in this state. A suspended buffer answers as if it
 * were revoked: whoever is told EAGAIN or EINTR tries again at once, without end.
 */
static int dbr_check_state(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (dbr_is_suspended(buf) || dbr_is_gone(buf))
		return -ENODEV;
	/* To map in the callback of a move would give the old pages. */
	if (buf->state == DMABUF_REVOKE_STATE_LIVE && buf->telling)
		return -EAGAIN;
	return 0;
}

static bool dbr_admits(struct dbr_buffer *buf, struct dbr_attachment *a)
{
	return a->revocable ||
	       buf->flags & DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY ||
	       dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_LEGACY_TEST);
}

/* A mapping in advance, so that map has nothing to allocate. */
static int dbr_attachment_fill(struct dbr_attachment *a, struct dbr_buffer *buf,
			       struct device *dev)
{
	dma_resv_lock(buf->dmabuf->resv, NULL);
	a->spare = buf->pages ? dbr_mapping_create(buf, dev) : ERR_PTR(-ENODEV);
	dma_resv_unlock(buf->dmabuf->resv);
	return PTR_ERR_OR_ZERO(a->spare);
}

static int dbr_dmabuf_attach(struct dma_buf *dmabuf,
			     struct dma_buf_attachment *attach)
{
	struct dbr_buffer *buf = dmabuf->priv;
	struct dbr_attachment *a;
	int ret;

	/* A suspended buffer will come back: attaching does no harm. */
	if (dbr_is_gone(buf))
		return -ENODEV;
	/* Who learns it only from map tries again for ever. */
	if (!dbr_device_can_map(attach->dev) &&
	    !dbr_has_fault(buf, DMABUF_REVOKE_FAULT_LATE_REFUSAL))
		return -EIO;

	a = kzalloc_obj(*a, GFP_CALLER);
	if (!a)
		return -ENOMEM;
	INIT_LIST_HEAD(&a->mappings);
	a->revocable = dma_buf_attach_revocable(attach);
	if (!dbr_admits(buf, a)) {
		ret = -EOPNOTSUPP;
		goto err_free;
	}
	ret = dbr_attachment_fill(a, buf, attach->dev);
	if (ret)
		goto err_free;

	attach->priv = a;
	return 0;

err_free:
	kfree(a);
	return ret;
}

/*
 * Of an importer that has left them behind. It will not unpin any more, nor can it be told,
 * but its device may still use tables and memory: neither is ever freed, and the buffer
 * stays mapped.
 */
static void dbr_attachment_abandon(struct dbr_buffer *buf, struct dbr_attachment *a)
{
	struct dbr_mapping *m;

	dma_resv_lock(buf->dmabuf->resv, NULL);
	buf->pins -= a->pins;
	list_for_each_entry(m, &a->mappings, of_attachment) {
		dbr_mapping_abandon(m);
		if (a->revocable)
			buf->legacy_maps++;
	}
	list_splice(&a->mappings, &buf->abandoned);
	dma_resv_unlock(buf->dmabuf->resv);
}

static void dbr_dmabuf_detach(struct dma_buf *dmabuf,
			      struct dma_buf_attachment *attach)
{
	struct dbr_attachment *a = attach->priv;

	if (WARN_ONCE(a->pins, "%s: detached while pinned\n", dev_name(attach->dev)) |
	    WARN_ONCE(!list_empty(&a->mappings), "%s: detached while mapped\n",
		      dev_name(attach->dev)))
		dbr_attachment_abandon(dmabuf->priv, a);
	dbr_mapping_destroy(a->spare);
	kfree(a);
}

static int dbr_dmabuf_pin(struct dma_buf_attachment *attach)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	ret = dbr_check_state(buf);
	if (ret)
		return ret;
	if (!dbr_admits(buf, a))
		return -EOPNOTSUPP;
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_FAIL_PIN))
		return -ENOMEM;
	a->pins++;
	buf->pins++;
	return 0;
}

static void dbr_dmabuf_unpin(struct dma_buf_attachment *attach)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	/* No WARN: there is an importer that does so on demand. */
	if (!a->pins) {
		pr_warn_ratelimited("%s: unpinned without a pin\n",
				    dev_name(attach->dev));
		return;
	}
	a->pins--;
	buf->pins--;
}

/* The spare, if there is one and the buffer was not moved since; or a new mapping. */
static struct dbr_mapping *dbr_attachment_take(struct dbr_attachment *a,
					       struct dbr_buffer *buf,
					       struct device *dev)
{
	struct dbr_mapping *m = a->spare;

	dma_resv_assert_held(buf->dmabuf->resv);

	a->spare = NULL;
	if (likely(m && m->generation == buf->generation))
		return m;
	dbr_mapping_destroy(m);
	return dbr_mapping_create(buf, dev);
}

/* For the next map. One is enough, of the pages that the buffer has now. */
static void dbr_attachment_keep(struct dbr_attachment *a, struct dbr_buffer *buf,
				struct dbr_mapping *m)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (m->generation == buf->generation)
		swap(m, a->spare);
	dbr_mapping_destroy(m);
}

static struct sg_table *dbr_dmabuf_map(struct dma_buf_attachment *attach,
				       enum dma_data_direction dir)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;
	struct dbr_mapping *m;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	ret = dbr_check_state(buf);
	if (ret)
		return ERR_PTR(ret);
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_ONE_MAP) &&
	    !list_empty(&a->mappings))
		return ERR_PTR(-EBUSY);
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_SLOW_MAP))
		sleep_at_least(DBR_FAULT_DELAY_NS);
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_FAIL_MAP))
		return ERR_PTR(-ENOMEM);

	/* It was let in by FAULT_LATE_REFUSAL; the DMA API takes no errno for it. */
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_LATE_REFUSAL) &&
	    !dbr_device_can_map(attach->dev))
		return ERR_PTR(-EIO);

	m = dbr_attachment_take(a, buf, attach->dev);
	if (IS_ERR(m))
		return ERR_CAST(m);
	ret = dbr_mapping_map(m, buf->pages, dir);
	if (ret) {
		dbr_attachment_keep(a, buf, m);
		return ERR_PTR(ret);
	}

	list_add_tail(&m->of_attachment, &a->mappings);
	buf->maps++;
	if (!a->revocable)
		buf->legacy_maps++;
	return &m->table;
}

/* Of those that the attachment holds; or NULL. */
static struct dbr_mapping *dbr_attachment_find(struct dbr_attachment *a,
					       struct sg_table *table)
{
	struct dbr_mapping *m;

	list_for_each_entry(m, &a->mappings, of_attachment)
		if (&m->table == table)
			return m;
	return NULL;
}

static void dbr_dmabuf_unmap(struct dma_buf_attachment *attach,
			     struct sg_table *table, enum dma_data_direction dir)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;
	struct dbr_mapping *m;

	dma_resv_assert_held(attach->dmabuf->resv);

	m = dbr_attachment_find(a, table);
	if (WARN_ONCE(!m || dir != m->dir, "%s: unmapped what was not mapped so\n",
		      dev_name(attach->dev)))
		return;

	list_del(&m->of_attachment);
	dbr_mapping_unmap(m);
	dbr_attachment_keep(a, buf, m);
	buf->maps--;
	if (!a->revocable)
		buf->legacy_maps--;
	dbr_revoke_advance(buf);
}

/* Each page by itself: 0, or -EINTR after a fatal signal, since there may be millions. */
static int dbr_vmap_name(struct dbr_pages *pages, struct page **array)
{
	unsigned long pfn, contiguous;
	pgoff_t i = 0, end;

	while (i < pages->nr_pages) {
		if (fatal_signal_pending(current))
			return -EINTR;
		pfn = dbr_pages_pfn(pages, i, &contiguous);
		for (end = i + contiguous; i < end; i++)
			array[i] = pfn_to_page(pfn++);
		cond_resched();
	}
	return 0;
}

static int dbr_vmap(struct dbr_buffer *buf, struct iosys_map *map)
{
	struct page **array;
	void *vaddr = NULL;
	pgoff_t nr_pages;
	int ret;

	dma_resv_assert_held(buf->dmabuf->resv);

	ret = dbr_check_state(buf);
	if (ret)
		return ret;
	if (buf->flags & DMABUF_REVOKE_ALLOC_REFUSE_VMAP)
		return -EOPNOTSUPP;

	nr_pages = buf->pages->nr_pages;
	array = kvmalloc_array(nr_pages, sizeof(*array), GFP_CALLER);
	if (!array)
		return -ENOMEM;
	ret = dbr_vmap_name(buf->pages, array);
	if (!ret)
		vaddr = vmap(array, nr_pages, VM_MAP, PAGE_KERNEL);
	kvfree(array);
	if (!vaddr)
		return ret ?: -ENOMEM;

	buf->vmap_pages = dbr_pages_get(buf->pages);
	buf->vmapped = ktime_get();
	buf->vmaps++;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static int dbr_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	int ret;

	compat_vmap_begin(dmabuf);
	ret = dbr_vmap(dmabuf->priv, map);
	compat_vmap_end(dmabuf);
	return ret;
}

static void dbr_dmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dbr_buffer *buf = dmabuf->priv;

	compat_vmap_begin(dmabuf);
	vunmap(map->vaddr);
	buf->vmaps--;
	dbr_pages_put_later(buf->vmap_pages);
	buf->vmap_pages = NULL;
	dbr_revoke_advance(buf);
	compat_vmap_end(dmabuf);
}

/*
 * Access has to wait for the end of the suspension. Not while there is a vmap: its user may
 * want to come to an end, which the suspension waits for.
 */
static bool dbr_is_out_of_reach(struct dbr_buffer *buf)
{
	return dbr_is_suspended(buf) && !READ_ONCE(buf->vmaps);
}

/*
 * The resv lock, for access. 0: locked. A suspended buffer is waited for, since a caller
 * who is told EAGAIN or EINTR has to call again, and would do nothing else.
 */
static int dbr_lock_for_access(struct dbr_buffer *buf)
{
	struct dma_resv *resv = buf->dmabuf->resv;

	for (;;) {
		if (wait_event_interruptible(buf->wait, !dbr_is_out_of_reach(buf)) ||
		    dma_resv_lock_interruptible(resv, NULL))
			return -ERESTARTSYS;
		if (!dbr_is_out_of_reach(buf))
			break;
		dma_resv_unlock(resv);
	}
	if (!dbr_is_gone(buf))
		return 0;
	dma_resv_unlock(resv);
	return -ENODEV;
}

/* Those that a reader, or a writer, has to wait for. Without the resv lock. */
static int dbr_await_fences(struct dbr_buffer *buf, enum dma_data_direction dir)
{
	enum dma_resv_usage usage = dma_resv_usage_rw(dir != DMA_FROM_DEVICE);
	long ret;

	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_SYNC_EARLY))
		return 0;
	ret = dma_resv_wait_timeout(buf->dmabuf->resv, usage, true,
				    MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? ret : 0;
}

/* The contents have not arrived yet. */
static bool dbr_is_moving(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	return buf->move && !dma_fence_is_signaled(buf->move);
}

/*
 * The core would wait for the fences afterwards, when what they stand for has not been
 * synchronised.
 */
static int dbr_dmabuf_begin_cpu_access(struct dma_buf *dmabuf,
				       enum dma_data_direction dir)
{
	struct dbr_buffer *buf = dmabuf->priv;
	bool moving;
	int ret;

	do {
		/* Final once seen. The fences may be what the revoke waits for. */
		if (dbr_is_gone(buf))
			return -ENODEV;
		ret = dbr_await_fences(buf, dir);
		if (!ret)
			ret = dbr_lock_for_access(buf);
		if (ret)
			return ret;
		/* Again, so that what arrives is not overwritten. */
		moving = dbr_is_moving(buf) &&
			 !dbr_has_fault(buf, DMABUF_REVOKE_FAULT_SYNC_EARLY);
		if (!moving)
			dbr_mappings_sync_for_cpu(buf->pages);
		dma_resv_unlock(dmabuf->resv);
	} while (moving);
	return 0;
}

static int dbr_dmabuf_end_cpu_access(struct dma_buf *dmabuf,
				     enum dma_data_direction dir)
{
	struct dbr_buffer *buf = dmabuf->priv;
	int ret = dbr_lock_for_access(buf);

	if (ret)
		return ret;
	dbr_mappings_sync_for_device(buf->pages, dir);
	dma_resv_unlock(dmabuf->resv);
	return 0;
}

/* What a page table is filled with. */
struct dbr_ptes {
	struct vm_area_struct *vma;
	struct dbr_pages *pages;
	pgoff_t offset;			/* of the first page, in @pages */
	unsigned long count;		/* of entries; all are in one page table */
};

/* @pte: the first entry. The page table is locked, so those after it are, too. */
static int dbr_ptes_fill(pte_t *pte, unsigned long addr, void *data)
{
	const struct dbr_ptes *ptes = data;
	struct mm_struct *mm = ptes->vma->vm_mm;
	pgprot_t prot = ptes->vma->vm_page_prot;
	unsigned long pfn, contiguous, end, i = 0;

	while (i < ptes->count) {
		pfn = dbr_pages_pfn(ptes->pages, ptes->offset + i, &contiguous);
		end = min(i + contiguous, ptes->count);
		for (; i < end; i++, pfn++, pte++, addr += PAGE_SIZE)
			if (pte_none(ptep_get(pte)))
				set_pte_at(mm, addr, pte,
					   pte_mkspecial(pfn_pte(pfn, prot)));
	}
	return 0;
}

/*
 * Maps the page that faulted and those that follow it up to the end of the page
 * table: first touch is mostly sequential. In one callback, for the first entry: one
 * for each page costs more, and so does vmf_insert_pfn(), which locks the page table
 * for each.
 */
static vm_fault_t dbr_vm_insert(struct dbr_buffer *buf, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long end = pmd_addr_end(vmf->address, vma->vm_end);
	struct dbr_ptes ptes = {
		.vma = vma,
		.pages = buf->pages,
		.offset = vmf->pgoff,
		.count = (end - vmf->address) >> PAGE_SHIFT,
	};

	dma_resv_assert_held(buf->dmabuf->resv);

	/* Cannot be: the core checks the length, and the mapping does not grow. */
	if (ptes.offset + ptes.count > ptes.pages->nr_pages)
		return VM_FAULT_SIGBUS;

	if (apply_to_page_range(vma->vm_mm, vmf->address, PAGE_SIZE, dbr_ptes_fill,
				&ptes))
		return VM_FAULT_OOM;
	return VM_FAULT_NOPAGE;
}

/* What a CPU gets to see where there is no buffer any more. */
static vm_fault_t dbr_vm_gone(struct dbr_buffer *buf, struct vm_fault *vmf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (!buf->zero_page || dbr_is_suspended(buf))
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(buf->zero_page));
}

/*
 * The resv lock, for a fault of the kernel's own, in a system call. A signal that waits for
 * the call to return must not end the wait, or the fault would come again at once, for as
 * long as the lock is held; a fatal one has to. ww_mutex has no such wait. 0: locked.
 */
static int dbr_lock_killable(struct dma_resv *resv)
{
	while (!dma_resv_trylock(resv)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		schedule_timeout_killable(1);
	}
	return 0;
}

static int dbr_lock_for_fault(struct dma_resv *resv, struct vm_fault *vmf)
{
	if (vmf->flags & FAULT_FLAG_USER)
		return dma_resv_lock_interruptible(resv, NULL);
	return dbr_lock_killable(resv);
}

/*
 * A fault that may not be told to try again comes again by itself, and not everybody who
 * takes one looks for signals in between (futexes).
 */
static vm_fault_t dbr_vm_interrupted(void)
{
	return fatal_signal_pending(current) ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

/*
 * The resv lock, for a fault. If it is taken, wait for it without mmap_lock where
 * that is allowed: a fault of the kernel's own, in a system call, ends on a fatal
 * signal only if it is told to try again. 0: locked.
 */
static vm_fault_t dbr_vm_lock(struct dma_resv *resv, struct vm_fault *vmf)
{
	struct file *file;

	if (dma_resv_trylock(resv))
		return 0;

	if (!fault_flag_allow_retry_first(vmf->flags))
		return dbr_lock_for_fault(resv, vmf) ? dbr_vm_interrupted() : 0;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	/* Without mmap_lock the VMA, and its reference to the file, may go. */
	file = get_file(vmf->vma->vm_file);
	release_fault_lock(vmf);
	if (!dbr_lock_for_fault(resv, vmf))
		dma_resv_unlock(resv);
	fput(file);
	return VM_FAULT_RETRY;
}

/* There is no memory to be seen. True is final only under the resv lock. */
static bool dbr_vm_is_closed(struct dbr_buffer *buf)
{
	return (dbr_is_suspended(buf) || dbr_is_gone(buf)) &&
	       !dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_ZAP);
}

/* For the contents to arrive, unless they never will; in the same way. Drops the resv lock. */
static vm_fault_t dbr_vm_await(struct dbr_buffer *buf, struct vm_fault *vmf)
{
	struct dma_fence *move = dma_fence_get(buf->move);
	struct file *file = get_file(vmf->vma->vm_file);
	vm_fault_t ret = VM_FAULT_NOPAGE;

	dma_resv_unlock(buf->dmabuf->resv);

	if (fault_flag_allow_retry_first(vmf->flags)) {
		ret = VM_FAULT_RETRY;
		if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
			goto out_put;
		release_fault_lock(vmf);
	}
	if (vmf->flags & FAULT_FLAG_USER)
		wait_event_interruptible(buf->wait, dma_fence_is_signaled(move) ||
					 dbr_vm_is_closed(buf));
	else
		wait_event_killable(buf->wait, dma_fence_is_signaled(move) ||
				    dbr_vm_is_closed(buf));
	if (ret == VM_FAULT_NOPAGE)
		ret = dbr_vm_interrupted();
out_put:
	fput(file);
	dma_fence_put(move);
	return ret;
}

static vm_fault_t dbr_vm_fault(struct vm_fault *vmf)
{
	struct dbr_buffer *buf = vmf->vma->vm_private_data;
	struct dma_resv *resv = buf->dmabuf->resv;
	vm_fault_t ret;

	ret = dbr_vm_lock(resv, vmf);
	if (ret)
		return ret;

	if (dbr_is_moving(buf) && !dbr_vm_is_closed(buf))
		return dbr_vm_await(buf, vmf);

	if (dbr_vm_is_closed(buf))
		ret = dbr_vm_gone(buf, vmf);
	else
		ret = dbr_vm_insert(buf, vmf);
	dma_resv_unlock(resv);
	return ret;
}

/*
 * Maps nothing: faults do that. Only where there is such a callback does the core let
 * a fault keep the lock of its VMA; else it drops that and begins anew with mmap_lock.
 */
static vm_fault_t dbr_vm_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return 0;
}

static const struct vm_operations_struct dbr_vm_ops = {
	.fault = dbr_vm_fault,
	.map_pages = dbr_vm_map_pages,
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
	if (dbr_is_gone(buf))
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
	.vmap = dbr_dmabuf_vmap,
	.vunmap = dbr_dmabuf_vunmap,
	.begin_cpu_access = dbr_dmabuf_begin_cpu_access,
	.end_cpu_access = dbr_dmabuf_end_cpu_access,
	.mmap = dbr_dmabuf_mmap,
	.release = dbr_dmabuf_release,
};
