// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is at a DMA address. There is no hardware that would know: where a device has no
 * IOMMU its addresses are those of the memory.
 */

#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include "importer.h"

/* Memory at @addr, to the end of the page. Undo: kunmap_local(). */
void *dbi_bus_access(struct device *dev, dma_addr_t addr)
{
	phys_addr_t phys = dma_to_phys(dev, addr);

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

/* Whether there is memory at @addr, for whatever device. */
bool dbi_bus_is_memory(struct device *dev, dma_addr_t addr)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	phys_addr_t phys;

	/* Of a domain that lets all pass it is the address itself; 0: not mapped. */
	phys = domain ? iommu_iova_to_phys(domain, addr) : dma_to_phys(dev, addr);
	return phys && dbi_is_memory(phys, 1);
}

/* Whether all of @size bytes are there, and are memory. */
bool dbi_bus_reaches(struct device *dev, struct sg_table *table, size_t size)
{
	struct scatterlist *sg;
	size_t length = 0;
	int i;

	for_each_sgtable_dma_sg(table, sg, i) {
		if (sg_dma_len(sg) &&
		    !dbi_is_memory(dma_to_phys(dev, sg_dma_address(sg)),
				   sg_dma_len(sg)))
			return false;
		length += sg_dma_len(sg);
	}
	return length >= size;
}

/**
 * dbi_bus_check - whether a device's DMA addresses lead to the memory
 * @dev: the device
 *
 * They do not if its DMA goes through translation or bounce buffers: an IOMMU, Xen PV,
 * encrypted guests.
 *
 * Return: 0, -ENOMEM, or -EOPNOTSUPP.
 */
int dbi_bus_check(struct device *dev)
{
	/* Of 32 bits: what is beyond a narrow device's mask is bounced anywhere. */
	struct page *page = alloc_page(GFP_KERNEL | __GFP_DMA32);
	int ret = -EOPNOTSUPP;
	dma_addr_t addr;

	if (!page)
		return -ENOMEM;
	addr = dma_map_page_attrs(dev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL,
				  DMA_ATTR_SKIP_CPU_SYNC);
	if (!dma_mapping_error(dev, addr)) {
		if (dma_to_phys(dev, addr) == page_to_phys(page))
			ret = 0;
		dma_unmap_page_attrs(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL,
				     DMA_ATTR_SKIP_CPU_SYNC);
	}
	__free_page(page);
	return ret;
}
