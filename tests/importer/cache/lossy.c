// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worst cache that arm64 allows. The kernel cleans and invalidates for devices that are
 * not coherent; here each page that is cleaned is kept as it is then, and what a CPU writes
 * after that is lost when it is invalidated: as if all of it had stayed in the cache, which
 * an emulator does not have, and which a real one does when it likes.
 *
 * Only tests load this. Nobody else's device may be without coherence meanwhile.
 */
#include <linux/cache.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/xarray.h>

#include "compat.h"

static bool stale;
module_param(stale, bool, 0444);
MODULE_PARM_DESC(stale, "take its coherence from the importer's own device");

/* Pages, each time; and those of the latter that lost something. */
static unsigned long cleaned, invalidated, lost;
module_param(cleaned, ulong, 0444);
module_param(invalidated, ulong, 0444);
module_param(lost, ulong, 0444);

/*
 * By the number of a page: what memory has of it. Its lock, with interrupts off, is that of
 * the copies and of the counts, too.
 */
static DEFINE_XARRAY_FLAGS(memory, XA_FLAGS_LOCK_IRQ);

/* A copy that is new is what the page is now. NULL: no memory for it. */
static void *copy_of(unsigned long addr)
{
	unsigned long index = addr >> PAGE_SHIFT;
	void *copy = xa_load(&memory, index);

	lockdep_assert_held(&memory.xa_lock);

	if (copy)
		return copy;
	copy = (void *)__get_free_page(GFP_ATOMIC | __GFP_NOWARN);
	if (!copy)
		return NULL;
	copy_page(copy, (void *)(addr & PAGE_MASK));
	if (xa_is_err(__xa_store(&memory, index, copy, GFP_ATOMIC | __GFP_NOWARN))) {
		free_page((unsigned long)copy);
		return NULL;
	}
	return copy;
}

static void clean(unsigned long start, unsigned long end)
{
	void *copy = copy_of(start);

	cleaned++;
	if (copy)
		memcpy(copy + offset_in_page(start), (void *)start, end - start);
}

/* Lines of which a part is to be kept are cleaned first. */
static void invalidate(unsigned long start, unsigned long end)
{
	void *copy = copy_of(start);
	unsigned int line = cache_line_size();

	invalidated++;
	start = ALIGN(start, line);
	end = ALIGN_DOWN(end, line);
	if (!copy || start >= end)
		return;
	copy += offset_in_page(start);
	if (!memcmp((void *)start, copy, end - start))
		return;
	lost++;
	memcpy((void *)start, copy, end - start);
}

static void each_page(unsigned long start, unsigned long end,
		      void (*act)(unsigned long start, unsigned long end))
{
	unsigned long next, flags;

	for (; start < end; start = next) {
		next = min(end, (start & PAGE_MASK) + PAGE_SIZE);
		if (!virt_addr_valid((void *)start))
			continue;
		xa_lock_irqsave(&memory, flags);
		act(start, next);
		xa_unlock_irqrestore(&memory, flags);
	}
}

static int on_clean(struct kprobe *probe, struct pt_regs *regs)
{
	each_page(regs_get_kernel_argument(regs, 0), regs_get_kernel_argument(regs, 1), clean);
	return 0;
}

static int on_invalidate(struct kprobe *probe, struct pt_regs *regs)
{
	each_page(regs_get_kernel_argument(regs, 0), regs_get_kernel_argument(regs, 1),
		  invalidate);
	return 0;
}

/* Those that wait for a whole batch came later. */
static struct kprobe probes[] = {
	{ .symbol_name = "dcache_clean_poc", .pre_handler = on_clean },
	{ .symbol_name = "dcache_inval_poc", .pre_handler = on_invalidate },
	{ .symbol_name = "dcache_clean_poc_nosync", .pre_handler = on_clean },
	{ .symbol_name = "dcache_inval_poc_nosync", .pre_handler = on_invalidate },
};

#define OLDEST	2		/* of them are in every kernel */

static void forget(void)
{
	unsigned long index;
	void *copy;

	xa_for_each(&memory, index, copy)
		free_page((unsigned long)copy);
	xa_destroy(&memory);
}

static void unwatch(unsigned int count)
{
	while (count--)
		if (probes[count].addr)
			unregister_kprobe(&probes[count]);
	forget();
}

static int watch(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		ret = register_kprobe(&probes[i]);
		if (!ret)
			continue;
		probes[i].addr = NULL;
		if (ret == -ENOENT && i >= OLDEST)
			continue;
		unwatch(i);
		return ret;
	}
	return 0;
}

static struct device *device;	/* whose coherence was taken, a reference; or NULL */

static void assign(bool coherent)
{
	compat_dma_assign_coherent(device, coherent);
	/* What follows from it is found out again. */
	WARN_ON(dma_set_mask(device, dma_get_mask(device)));
}

static int __init cache_init(void)
{
	int ret = watch();

	if (ret || !stale)
		return ret;
	device = bus_find_device_by_name(&platform_bus_type, NULL, "dmabuf-revoke-importer");
	if (!device) {
		unwatch(ARRAY_SIZE(probes));
		return -ENODEV;
	}
	assign(false);
	return 0;
}

static void __exit cache_exit(void)
{
	if (device) {
		assign(true);
		put_device(device);
	}
	unwatch(ARRAY_SIZE(probes));
}

module_init(cache_init);
module_exit(cache_exit);

MODULE_DESCRIPTION("A cache that loses all it may, for the tests of dmabuf-revoke");
MODULE_LICENSE("GPL");
