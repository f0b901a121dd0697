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
#include <linux/sizes.h>

#include "importer.h"

static bool dbi_is_memory(unsigned long pfn)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return false;
	page = pfn_to_page(pfn);
	/* A reserved one may be there for what is no memory, beside which there is some. */
	return !is_zone_device_page(page) &&
	       (!PageReserved(page) || page_is_ram(pfn));
}

/* Whether the range is memory all over: RAM, and none that a device brought along. */
bool dbi_bus_is_memory(phys_addr_t phys, size_t bytes)
{
	unsigned long pfn = PHYS_PFN(phys);
	unsigned long last = PHYS_PFN(phys + bytes - 1);

	/* One page speaks for its 2 MiB: memory comes in no smaller pieces. */
	for (; pfn <= last; pfn = ALIGN(pfn + 1, PHYS_PFN(SZ_2M)))
		if (!dbi_is_memory(pfn))
			return false;
	return true;
}

/*
 * Where the address leads now; 0: nowhere. One that the exporter marked (@marked) is of the PCI
 * bus: it goes to a neighbour there, past the host bridge and the IOMMU in it.
 */
phys_addr_t dbi_bus_phys(const struct dbi_device *device, dma_addr_t addr,
			 bool marked)
{
	if (marked)
		return compat_pci_bus_phys(device->dev, addr);
	return device->domain ? iommu_iova_to_phys(device->domain, addr) :
				dma_to_phys(device->dev, addr);
}

/* Memory, to the end of the page. Undo: kunmap_local(). */
void *dbi_bus_kmap(phys_addr_t phys)
{
	return kmap_local_page(pfn_to_page(PHYS_PFN(phys))) +
	       offset_in_page(phys);
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
