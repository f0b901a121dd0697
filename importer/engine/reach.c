// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an engine reaches of a mapping. Memory is there anyway; I/O memory, such as a BAR, has to be
 * mapped for the CPU, which allocates. So that is done once, with the mapping for the device, and
 * not by the engine, for whose fences others wait. Where an address leads is still asked at each
 * access, and there is nothing to be had but what was mapped.
 */

#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "importer.h"

/* I/O memory that is contiguous as far as the table has been looked at. */
struct dbi_run {
	phys_addr_t phys;
	size_t bytes;			/* 0: none */
};

/* 0, -ENOMEM, or -EOPNOTSUPP: there is nothing, and who accesses that may end the machine. */
static int dbi_window_add(struct dbi_mapping *map, const struct dbi_run *run)
{
	struct dbi_window *windows;
	void __iomem *io;

	if (region_intersects(run->phys, run->bytes, IORESOURCE_MEM,
			      IORES_DESC_NONE) != REGION_INTERSECTS)
		return -EOPNOTSUPP;
	windows = krealloc_array(map->windows, map->nr_windows + 1,
				 sizeof(*windows), GFP_CALLER);
	if (!windows)
		return -ENOMEM;
	map->windows = windows;
	io = ioremap(run->phys, run->bytes);
	if (!io)
		return -ENOMEM;
	windows[map->nr_windows++] = (struct dbi_window){
		.phys = run->phys,
		.bytes = run->bytes,
		.io = io,
	};
	return 0;
}

/* As dbi_window_add(). What an IOMMU translates to nothing is a fault when it is accessed. */
static int dbi_run_end(struct dbi_mapping *map, struct dbi_run *run)
{
	int ret = run->bytes ? dbi_window_add(map, run) : 0;

	run->bytes = 0;
	return ret == -EOPNOTSUPP && map->att->device->domain ? 0 : ret;
}

/* Adds what is at @phys, unless it is memory. 0 is nowhere. */
static int dbi_run_add(struct dbi_mapping *map, struct dbi_run *run,
		       phys_addr_t phys, size_t bytes)
{
	int ret;

	if (!phys)
		return map->att->device->domain ? 0 : -EOPNOTSUPP;
	if (dbi_bus_is_memory(phys, bytes))
		return 0;
	if (run->bytes && run->phys + run->bytes == phys) {
		run->bytes += bytes;
		return 0;
	}
	ret = dbi_run_end(map, run);
	if (!ret)
		*run = (struct dbi_run){ phys, bytes };
	return ret;
}

/* An IOMMU translates each page by itself. As dbi_window_add(), or -EINTR after a fatal signal. */
static int dbi_reach_segment(struct dbi_mapping *map, struct dbi_run *run,
			     struct scatterlist *sg)
{
	const struct dbi_device *device = map->att->device;
	bool paged = device->domain && !sg_dma_is_bus_address(sg);
	dma_addr_t addr = sg_dma_address(sg);
	size_t left = sg_dma_len(sg), n;
	phys_addr_t phys;
	int ret;

	for (; left; left -= n, addr += n) {
		if (fatal_signal_pending(current))
			return -EINTR;
		n = left;
		if (paged)
			n = min_t(size_t, n, PAGE_SIZE - offset_in_page(addr));
		phys = dbi_bus_phys(device, addr, sg_dma_is_bus_address(sg));
		ret = dbi_run_add(map, run, phys, n);
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

/**
 * dbi_reach_open - make what a mapping consists of accessible
 * @map: it has its table, and an engine; undo: dbi_reach_close(), also of a failure
 *
 * Return: 0, -ENOMEM, -EINTR after a fatal signal, or -EOPNOTSUPP: the engine cannot reach all
 * of it. But what an IOMMU translates is looked at when it is accessed.
 */
int dbi_reach_open(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;
	struct dbi_run run = {};
	struct scatterlist *sg;
	size_t length = 0;
	int ret, i;

	for_each_sgtable_dma_sg(map->table, sg, i) {
		length += sg_dma_len(sg);
		/* It emits whatever address it is given. */
		if (dbi_is_real(att))
			continue;
		/* Page by page there is much to ask, and who does not ask gets memory. */
		if (att->device->domain && !(att->flags & DMABUF_REVOKE_ATTACH_PEER2PEER))
			continue;
		ret = dbi_reach_segment(map, &run, sg);
		if (ret)
			return ret;
	}
	ret = dbi_run_end(map, &run);
	return ret || length >= att->dmabuf->size ? ret : -EOPNOTSUPP;
}

/* No job is on the mapping any more. */
void dbi_reach_close(struct dbi_mapping *map)
{
	while (map->nr_windows)
		iounmap(map->windows[--map->nr_windows].io);
	kfree(map->windows);
	map->windows = NULL;
}

/*
 * What is at @place now, to the end of the page. Undo: dbi_reach_done(). False: a fault, of the
 * IOMMU or on the bus. Where there is no IOMMU dbi_reach_open() has looked before.
 */
bool dbi_reach(const struct dbi_mapping *map, const struct dbi_place *place,
	       struct iosys_map *at)
{
	const struct dbi_device *device = map->att->device;
	phys_addr_t phys = dbi_bus_phys(device, place->addr, place->marked);
	const struct dbi_window *window = map->windows;
	unsigned int i;

	for (i = 0; i < map->nr_windows; i++, window++) {
		/* Whatever is before it is far beyond. */
		if (phys - window->phys >= window->bytes)
			continue;
		iosys_map_set_vaddr_iomem(at, window->io + (phys - window->phys));
		return true;
	}
	if (device->domain && !(phys && dbi_bus_is_memory(phys, 1)))
		return false;
	iosys_map_set_vaddr(at, dbi_bus_kmap(phys));
	return true;
}

void dbi_reach_done(struct iosys_map *at)
{
	if (!at->is_iomem)
		kunmap_local(at->vaddr);
}
