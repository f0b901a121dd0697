// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is at a DMA address. There is no hardware that would know: the device has no
 * IOMMU, so its addresses are those of the memory.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include "importer.h"

struct device *dbi_device;

/* Memory at @addr, to the end of the page. Undo: kunmap_local(). */
void *dbi_bus_access(dma_addr_t addr)
{
	phys_addr_t phys = dma_to_phys(dbi_device, addr);

	return kmap_local_page(pfn_to_page(PHYS_PFN(phys))) +
	       offset_in_page(phys);
}

/* Whether the range is memory all over: RAM, and none that a device brought along. */
static bool dbi_is_memory(phys_addr_t phys, size_t bytes)
{
	unsigned long pfn = PHYS_PFN(phys);
	unsigned long last = PHYS_PFN(phys + bytes - 1);

	/* One page speaks for its 2 MiB: memory comes in no smaller pieces. */
	for (; pfn <= last; pfn = ALIGN(pfn + 1, PHYS_PFN(SZ_2M)))
		if (!pfn_valid(pfn) || is_zone_device_page(pfn_to_page(pfn)))
			return false;
	return true;
}

/* Whether all of @size bytes are there, and are memory. */
bool dbi_bus_reaches(struct sg_table *table, size_t size)
{
	struct scatterlist *sg;
	size_t length = 0;
	int i;

	for_each_sgtable_dma_sg(table, sg, i) {
		if (sg_dma_len(sg) &&
		    !dbi_is_memory(dma_to_phys(dbi_device, sg_dma_address(sg)),
				   sg_dma_len(sg)))
			return false;
		length += sg_dma_len(sg);
	}
	return length >= size;
}

/**
 * dbi_bus_check - whether a DMA address leads to the memory
 *
 * It does not if DMA goes through translation or bounce buffers in spite of all that was
 * asked for: Xen PV, encrypted guests, an IOMMU.
 *
 * Return: 0, -ENOMEM, or -EOPNOTSUPP.
 */
int __init dbi_bus_check(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	dma_addr_t addr;
	int ret = -EOPNOTSUPP;

	if (!page)
		return -ENOMEM;
	addr = dma_map_page_attrs(dbi_device, page, 0, PAGE_SIZE,
				  DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
	if (!dma_mapping_error(dbi_device, addr)) {
		if (dma_to_phys(dbi_device, addr) == page_to_phys(page))
			ret = 0;
		dma_unmap_page_attrs(dbi_device, addr, PAGE_SIZE,
				     DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
	}
	__free_page(page);
	if (ret)
		pr_err("DMA addresses are not those of memory here (a Xen PV or an encrypted guest?): a software device cannot work\n");
	return ret;
}
