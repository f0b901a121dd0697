// SPDX-License-Identifier: GPL-2.0-only
/*
 * What CPUs get to see of a buffer: vmap, synchronised access, mmap.
 *
 * Everything that hands out the memory decides under the resv lock, where the
 * state cannot change. mmap is not called under it: its check is a courtesy that fails
 * early.
 */

#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dmabuf.h"
#include "trace.h"

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

	ret = dbr_check_state(buf) ?: dbr_fault_vmap(buf);
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
	WRITE_ONCE(buf->vmaps, buf->vmaps + 1);
	trace_dbr_vmap(buf);
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

int dbr_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	int ret;

	compat_vmap_begin(dmabuf);
	ret = dbr_vmap(dmabuf->priv, map);
	trace_dbr_refused(dmabuf->priv, NULL, "vmap", ret);
	compat_vmap_end(dmabuf);
	return ret;
}

void dbr_dmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dbr_buffer *buf = dmabuf->priv;

	compat_vmap_begin(dmabuf);
	vunmap(map->vaddr);
	WRITE_ONCE(buf->vmaps, buf->vmaps - 1);
	trace_dbr_vunmap(buf);
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
 * who gets EAGAIN or EINTR has to call again, and would do nothing else.
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

	if (dbr_fault_skips_sync_wait(buf))
		return 0;
	ret = dma_resv_wait_timeout(buf->dmabuf->resv, usage, true,
				    MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? ret : 0;
}

/*
 * The core would wait for the fences afterwards, when what they stand for has not been
 * synchronised.
 */
static int dbr_begin_cpu_access(struct dbr_buffer *buf, enum dma_data_direction dir)
{
	bool moving;
	int ret;

	do {
		/* Final once seen. The fences may be what the revoke waits for. */
		if (dbr_is_gone(buf))
			return -ENODEV;
		ret = dbr_fault_cpu_access(buf) ?: dbr_await_fences(buf, dir);
		if (!ret)
			ret = dbr_lock_for_access(buf);
		if (ret)
			return ret;
		/* Again, so that what arrives is not overwritten. */
		moving = dbr_is_moving(buf) && !dbr_fault_skips_sync_wait(buf);
		if (!moving)
			dbr_mappings_sync_for_cpu(buf->pages);
		dma_resv_unlock(buf->dmabuf->resv);
	} while (moving);
	return 0;
}

int dbr_dmabuf_begin_cpu_access(struct dma_buf *dmabuf,
				enum dma_data_direction dir)
{
	int ret = dbr_begin_cpu_access(dmabuf->priv, dir);

	trace_dbr_refused(dmabuf->priv, NULL, "begin_cpu_access", ret);
	return ret;
}

int dbr_dmabuf_end_cpu_access(struct dma_buf *dmabuf,
			      enum dma_data_direction dir)
{
	struct dbr_buffer *buf = dmabuf->priv;
	int ret = dbr_lock_for_access(buf);

	trace_dbr_refused(buf, NULL, "end_cpu_access", ret);
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

/*
 * @pte: the first entry. The page table is locked, so those after it are, too. Special ones, so
 * arm64 neither folds neighbours into contiguous entries, which it would have to unfold when one
 * goes, nor looks for tags (MTE) and instructions in the pages.
 */
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

/* In one callback, for the first entry: one for each page costs more. */
static vm_fault_t dbr_ptes_apply(struct dbr_ptes *ptes, unsigned long addr)
{
	return apply_to_page_range(ptes->vma->vm_mm, addr, PAGE_SIZE, dbr_ptes_fill,
				   ptes) ? VM_FAULT_OOM : VM_FAULT_NOPAGE;
}

/*
 * The same by the core, which walks to the page table and locks it for each: some 800
 * instructions more a page.
 */
static vm_fault_t dbr_ptes_insert(const struct dbr_ptes *ptes, unsigned long addr)
{
	unsigned long pfn, contiguous, end, i = 0;
	vm_fault_t ret = VM_FAULT_NOPAGE;

	while (i < ptes->count && ret == VM_FAULT_NOPAGE) {
		pfn = dbr_pages_pfn(ptes->pages, ptes->offset + i, &contiguous);
		end = min(i + contiguous, ptes->count);
		for (; i < end && ret == VM_FAULT_NOPAGE; i++, pfn++, addr += PAGE_SIZE)
			ret = vmf_insert_pfn(ptes->vma, addr, pfn);
	}
	return ret;
}

/*
 * Maps the page that faulted and those that follow it up to the end of the page
 * table: first touch is mostly sequential.
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

	return COMPAT_SET_PTE_AT ? dbr_ptes_apply(&ptes, vmf->address) :
				   dbr_ptes_insert(&ptes, vmf->address);
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
 * long as the lock is held; a fatal one has to. ww_mutex has no such wait: in the queue, where
 * its turn comes, until there is a signal, and from then on by asking. 0: locked.
 */
static int dbr_lock_killable(struct dma_resv *resv)
{
	while (dma_resv_lock_interruptible(resv, NULL)) {
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
 * A fault that may not return VM_FAULT_RETRY comes again by itself, and not everybody who
 * takes one looks for signals in between (futexes).
 */
static vm_fault_t dbr_vm_interrupted(void)
{
	return fatal_signal_pending(current) ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

/*
 * The resv lock, for a fault. If it is taken, wait for it without mmap_lock where
 * that is allowed: a fault of the kernel's own, in a system call, ends on a fatal
 * signal only if it returns VM_FAULT_RETRY. 0: locked.
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
	       !dbr_fault_skips_zap(buf);
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
	trace_dbr_fault(buf, vmf, ret);
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

/* 0, or why there is no mapping. */
static int dbr_check_mmap(struct dbr_buffer *buf, struct vm_area_struct *vma)
{
	/*
	 * A private mapping would keep copies that no revoke can reach. Not
	 * VM_SHARED: that is taken from shared mappings which cannot be written.
	 */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (dbr_is_gone(buf))
		return -ENODEV;
	return dbr_fault_mmap(buf);
}

int dbr_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct dbr_buffer *buf = dmabuf->priv;
	int ret = dbr_check_mmap(buf, vma);

	trace_dbr_refused(buf, NULL, "mmap", ret);
	if (ret)
		return ret;
	trace_dbr_mmap(buf, vma);

	/* VM_PFNMAP: no page can be pinned through the mapping and outlive it. */
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &dbr_vm_ops;
	vma->vm_private_data = buf;
	return 0;
}
