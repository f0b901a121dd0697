/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that knows kernels other than the newest one.
 *
 * Both modules are written for the interfaces of Linux 7.3. Whatever an older
 * kernel names or does differently is brought to that form here, so that no
 * version or feature test is needed anywhere else. Kbuild looks into the headers of
 * the kernel that is built for, and defines HAVE_* by what it finds there: stable
 * and vendor kernels take over what later versions brought.
 *
 * What cannot be brought to that form is said to user space, in COMPAT_FEATURES.
 */
#ifndef DMABUF_REVOKE_COMPAT_H
#define DMABUF_REVOKE_COMPAT_H

#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/iosys-map.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/swiotlb.h>
#include <linux/version.h>

#include "dmabuf_revoke.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "dmabuf-revoke: this release needs Linux 6.1 or later"
#endif

/* ---------------------------------------------------------------------------
 * The core of dma-buf
 */

/* Linux 7.1 renamed the call, and the callback with it. */
#ifndef HAVE_INVALIDATE_MAPPINGS
#define invalidate_mappings		move_notify
#define dma_buf_invalidate_mappings	dma_buf_move_notify
#endif

#ifdef HAVE_ATTACH_REVOCABLE
#define COMPAT_REVOCABLE_TEST	DMABUF_REVOKE_FEATURE_REVOCABLE_TEST

/* The callback of an importer that cannot be revoked. */
#define compat_no_callback	NULL
#else
#define COMPAT_REVOCABLE_TEST	0

/*
 * Before Linux 7.1 a dynamic importer had to have a callback. The one of RDMA for
 * memory that it pins does nothing, which its name alone gives away:
 * ib_umem_dmabuf_unsupported_move_notify. So that is the rule, for our own, too.
 */
#define COMPAT_NO_CALLBACK	"_unsupported_move_notify"

static void __maybe_unused
compat_unsupported_move_notify(struct dma_buf_attachment *attach)
{
}

#define compat_no_callback	compat_unsupported_move_notify

/* Without CONFIG_KALLSYMS there are no names: every callback counts. */
static inline bool dma_buf_attach_revocable(struct dma_buf_attachment *attach)
{
	char name[64];

	if (!attach->importer_ops || !attach->importer_ops->invalidate_mappings)
		return false;
	snprintf(name, sizeof(name), "%ps",
		 attach->importer_ops->invalidate_mappings);
	return !strstr(name, COMPAT_NO_CALLBACK);
}
#endif

/*
 * The core used to map for a static importer when it attached, to hand out that
 * table for each map, and to unmap when it detached.
 */
#ifdef HAVE_CACHED_TABLE
#define COMPAT_STATIC_MAP	0
#else
#define COMPAT_STATIC_MAP	DMABUF_REVOKE_FEATURE_STATIC_MAP
#endif

/* It also used to pin on each map, unless it was built to trust importers. */
#if defined(HAVE_INVALIDATE_MAPPINGS) || IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY)
#define COMPAT_MAP_UNPINNED	DMABUF_REVOKE_FEATURE_MAP_UNPINNED
#else
#define COMPAT_MAP_UNPINNED	0
#endif

#ifndef HAVE_DMA_BUF_FD_INSTALL
static inline void dma_buf_fd_install(struct dma_buf *dmabuf, int fd)
{
	fd_install(fd, dmabuf->file);
}
#endif

/*
 * The resv lock around an exporter's vmap and vunmap. Before Linux 6.2 these had a lock
 * of their own: exporters took the resv lock inside of it, and importers did not hold
 * it.
 */
#ifdef HAVE_VMAP_UNLOCKED
static inline void compat_vmap_begin(struct dma_buf *dmabuf)
{
	dma_resv_assert_held(dmabuf->resv);
}

static inline void compat_vmap_end(struct dma_buf *dmabuf)
{
}
#else
static inline void compat_vmap_begin(struct dma_buf *dmabuf)
{
	dma_resv_lock(dmabuf->resv, NULL);
}

static inline void compat_vmap_end(struct dma_buf *dmabuf)
{
	dma_resv_unlock(dmabuf->resv);
}

/* With the resv lock held, which is dropped. */
static inline int compat_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	int ret;

	dma_resv_unlock(dmabuf->resv);
	ret = dma_buf_vmap(dmabuf, map);
	dma_resv_lock(dmabuf->resv, NULL);
	return ret;
}

static inline void compat_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	dma_resv_unlock(dmabuf->resv);
	dma_buf_vunmap(dmabuf, map);
	dma_resv_lock(dmabuf->resv, NULL);
}

#define dma_buf_vmap	compat_vmap
#define dma_buf_vunmap	compat_vunmap
#endif

/* ---------------------------------------------------------------------------
 * Fences
 */

#ifdef HAVE_FENCE_INLINE_LOCK
#define COMPAT_FENCE_ALONE	DMABUF_REVOKE_FEATURE_FENCE_ALONE

#define compat_fence_release	NULL

/* What dma_fence_init() gets as a fence's lock: it has one inside. */
struct compat_fence_lock {
};

static inline spinlock_t *compat_fence_lock(struct compat_fence_lock *none)
{
	return NULL;
}

/* All fences have signalled: wait for those who looked at their ops before that. */
static inline void compat_fences_end(void)
{
	synchronize_rcu();
}
#else
#define COMPAT_FENCE_ALONE	0

/*
 * Here a fence leads to its ops and to its lock as long as it lives. So it keeps the
 * module, and its lock is beside it: a lock that fences share would be taken twice by a
 * callback on one of them that looks at another. Each fence is the first member of what
 * it is allocated with.
 */
struct compat_fence_lock {
	spinlock_t lock;		/* the fence's */
};

static inline spinlock_t *compat_fence_lock(struct compat_fence_lock *beside)
{
	spin_lock_init(&beside->lock);
	return &beside->lock;
}

static inline void compat_fence_init(struct dma_fence *fence,
				     const struct dma_fence_ops *ops,
				     spinlock_t *lock, u64 context, u64 seqno)
{
	__module_get(THIS_MODULE);
	dma_fence_init(fence, ops, lock, context, seqno);
}

#define dma_fence_init	compat_fence_init

static void __maybe_unused compat_fence_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct dma_fence, rcu));
	module_put(THIS_MODULE);
}

static void __maybe_unused compat_fence_release(struct dma_fence *fence)
{
	call_rcu(&fence->rcu, compat_fence_free);
}

/* No fence is left. Who freed the last one may not have returned yet. */
static inline void compat_fences_end(void)
{
	rcu_barrier();
}
#endif

#ifndef HAVE_FENCE_DRIVER_NAME
#define dma_fence_driver_name(fence)	((fence)->ops->get_driver_name(fence))
#define dma_fence_timeline_name(fence)	((fence)->ops->get_timeline_name(fence))
#endif

/* Renamed later. */
#ifndef HAVE_FENCE_ENABLE_SIGNALING
#define dma_fence_enable_signaling	dma_fence_enable_sw_signaling
#endif

#define COMPAT_FEATURES							\
	(COMPAT_REVOCABLE_TEST | COMPAT_STATIC_MAP |			\
	 COMPAT_MAP_UNPINNED | COMPAT_FENCE_ALONE)

/* ---------------------------------------------------------------------------
 * Devices
 */

/* The flag was a plain member, and exists where devices need not be coherent. */
static inline void compat_dma_assign_coherent(struct device *dev, bool coherent)
{
#ifdef HAVE_DMA_COHERENT_FLAG
	dev_assign_dma_coherent(dev, coherent);
#elif defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) ||			\
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU) ||			\
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU_ALL)
	dev->dma_coherent = coherent;
#endif
}

/* enum dmabuf_revoke_iommu. Constant while a driver is bound. */
static inline u32 compat_iommu_type(struct device *dev)
{
#ifdef CONFIG_IOMMU_API
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	if (!domain)
		return DMABUF_REVOKE_IOMMU_NONE;
	return domain->type & __IOMMU_DOMAIN_PAGING ?
	       DMABUF_REVOKE_IOMMU_TRANSLATED : DMABUF_REVOKE_IOMMU_IDENTITY;
#else
	return DMABUF_REVOKE_IOMMU_NONE;
#endif
}

/* Where the CPU has what is at an address of the bus that the device is on; 0: on none. */
static inline phys_addr_t compat_pci_bus_phys(struct device *dev, dma_addr_t addr)
{
#ifdef CONFIG_PCI
	struct resource phys = { .flags = IORESOURCE_MEM };
	struct pci_bus_region region = { addr, addr };

	if (!dev_is_pci(dev))
		return 0;
	pcibios_bus_to_resource(to_pci_dev(dev)->bus, &phys, &region);
	return phys.start;
#else
	return 0;
#endif
}

/* Whether an IOMMU translates, and nothing any more by the time that an unmap returns. */
static inline bool compat_iommu_is_strict(struct device *dev)
{
#ifdef CONFIG_IOMMU_API
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type == IOMMU_DOMAIN_DMA;
#else
	return false;
#endif
}

#ifndef HAVE_SG_DMA_IS_BUS_ADDRESS
#define sg_dma_is_bus_address	sg_is_dma_bus_address
#endif

/*
 * Without a pool of bounce buffers a device gets addresses of its own, or none. Where not all DMA
 * is bounced it may keep the pool: by that the DMA-API checks of arm64 tell that mappings may
 * overlap.
 */
static inline void compat_dma_never_bounce(struct device *dev)
{
#ifdef CONFIG_SWIOTLB
	if (is_swiotlb_force_bounce(dev))
		dev->dma_io_tlb_mem = NULL;
#endif
}

/* ---------------------------------------------------------------------------
 * Memory, and the rest
 */

#ifndef kzalloc_obj
#define kzalloc_obj(_obj, _gfp)			kzalloc(sizeof(_obj), _gfp)
#define kzalloc_objs(_obj, _count, _gfp)	kcalloc(_count, sizeof(_obj), _gfp)
#endif

/* Exclusive once, inclusive later, renamed in the end: only this kept its meaning. */
#ifndef MAX_PAGE_ORDER
#define MAX_PAGE_ORDER	ilog2(MAX_ORDER_NR_PAGES)
#endif

#ifndef HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/*
 * Whether a module may write page table entries: arm64 has set_pte_at() check itself with
 * CONFIG_DEBUG_VM, by a function that is not exported. Not to be tested by the preprocessor:
 * both ways are compiled, and the one that is not taken is dropped.
 */
#define COMPAT_SET_PTE_AT	\
	(!IS_ENABLED(CONFIG_ARM64) || !IS_ENABLED(CONFIG_DEBUG_VM))

/* Before there was a lock for each VMA. */
#ifndef HAVE_RELEASE_FAULT_LOCK
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/* In the definition of a trace event. Since Linux 6.10 it knows the source from the field. */
#ifdef HAVE_ASSIGN_STR_ALONE
#define compat_assign_str(_dst, ...)	__assign_str(_dst)
#else
#define compat_assign_str(_dst, ...)	__assign_str(_dst, __VA_ARGS__)
#endif

/* Takes a string since Linux 6.13; this is the same. */
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)

#endif /* DMABUF_REVOKE_COMPAT_H */
