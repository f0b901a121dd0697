// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is at a DMA address. There is no hardware that would know: it is asked of the IOMMU
 * of the device, or where there is none the address is that of the memory.
 */

#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include "importer.h"

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

/* Where the address leads now; 0: nowhere. */
static phys_addr_t dbi_bus_phys(const struct dbi_device *device, dma_addr_t addr)
{
	return device->domain ? iommu_iova_to_phys(device->domain, addr) :
				dma_to_phys(device->dev, addr);
}

/*
 * Memory at @addr, to the end of the page. Undo: kunmap_local(). NULL: a fault, of the IOMMU
 * or on the bus. Where there is no IOMMU dbi_bus_reaches() has looked before.
 */
void *dbi_bus_access(const struct dbi_device *device, dma_addr_t addr)
{
	phys_addr_t phys = dbi_bus_phys(device, addr);

	if (device->domain && (!phys || !dbi_is_memory(phys, 1)))
		return NULL;
	return kmap_local_page(pfn_to_page(PHYS_PFN(phys))) +
	       offset_in_page(phys);
}

/* Whether there is memory at @addr, for whatever device. */
bool dbi_bus_is_memory(const struct dbi_device *device, dma_addr_t addr)
{
	phys_addr_t phys = dbi_bus_phys(device, addr);

	return phys && dbi_is_memory(phys, 1);
}

/*
 * Whether all of @size bytes are there, and are memory. What an IOMMU translates is looked at
 * when it is accessed.
 */
bool dbi_bus_reaches(const struct dbi_device *device, struct sg_table *table,
		     size_t size)
{
	struct scatterlist *sg;
	size_t length = 0;
	int i;

	for_each_sgtable_dma_sg(table, sg, i) {
		/* What a CPU has at that address is something else. */
		if (sg_dma_is_bus_address(sg))
			return false;
		if (sg_dma_len(sg) && !device->domain &&
		    !dbi_is_memory(dma_to_phys(device->dev, sg_dma_address(sg)),
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
