// SPDX-License-Identifier: GPL-2.0-only
/* What DMA_API_DEBUG and DMABUF_DEBUG have to find. */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "module.h"

#define SIZE 256

static void *buffer;

/* The memory stays, for whoever still believes in the mapping. */
static int map(struct device *dev, dma_addr_t *address)
{
	if (!buffer)
		buffer = kzalloc(SIZE, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	*address = dma_map_single(dev, buffer, SIZE, DMA_TO_DEVICE);
	return dma_mapping_error(dev, *address) ? -EIO : 0;
}

static int dma_wrong_size(int number)
{
	dma_addr_t address;
	int err = map(provoke_device, &address);

	if (!err)
		dma_unmap_single(provoke_device, address, SIZE / 2, DMA_TO_DEVICE);
	return err;
}

static int dma_wrong_direction(int number)
{
	dma_addr_t address;
	int err = map(provoke_device, &address);

	if (!err)
		dma_unmap_single(provoke_device, address, SIZE, DMA_FROM_DEVICE);
	return err;
}

static int dma_twice(int number)
{
	dma_addr_t address;
	int err = map(provoke_device, &address);

	if (err)
		return err;
	dma_unmap_single(provoke_device, address, SIZE, DMA_TO_DEVICE);
	dma_unmap_single(provoke_device, address, SIZE, DMA_TO_DEVICE);
	return 0;
}

static int dma_unchecked(int number)
{
	dma_addr_t address;
	int err = map(provoke_device, &address);

	if (err)
		return err;
	dma_unmap_single(provoke_device, address, SIZE, DMA_TO_DEVICE);
	address = dma_map_single(provoke_device, buffer, SIZE, DMA_TO_DEVICE);
	dma_unmap_single(provoke_device, address, SIZE, DMA_TO_DEVICE);
	return 0;
}

/* Only the first of them is printed unless all_errors is set. */
static int dma_two_errors(int number)
{
	return dma_wrong_direction(number) ?: dma_wrong_size(number);
}

/* Each machine has one, and the debug kernels no driver for it. */
static const struct pci_device_id bridge_ids[] = {
	{ PCI_DEVICE_CLASS(PCI_CLASS_BRIDGE_HOST << 8, ~0) },
	{ }
};

static bool was_mapped;

static int bridge_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	dma_addr_t address;
	int err = map(&pdev->dev, &address);

	was_mapped = !err;
	return err;
}

static struct pci_driver bridge_driver = {
	.name = "dbr_provoke",
	.id_table = bridge_ids,
	.probe = bridge_probe,
};

/* A driver that is unbound with its mapping; looked for on the PCI bus only. */
static int dma_pending(int number)
{
	int err;

	was_mapped = false;
	err = pci_register_driver(&bridge_driver);
	if (err)
		return err;
	pci_unregister_driver(&bridge_driver);
	return was_mapped ? 0 : -ENODEV;
}

/*
 * Kills the caller: an importer must not look at the pages of a mapping, and here there
 * are none. The number is a dma-buf descriptor.
 */
static int dmabuf_pages(int number)
{
	struct dma_buf *dmabuf = dma_buf_get(number);
	struct dma_buf_attachment *attach;
	struct sg_table *table;
	int err = 0;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	attach = dma_buf_attach(dmabuf, provoke_device);
	if (IS_ERR(attach)) {
		err = PTR_ERR(attach);
		goto put;
	}
	table = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(table)) {
		err = PTR_ERR(table);
		goto detach;
	}
	READ_ONCE(*(char *)page_address(sg_page(table->sgl)));
	dma_buf_unmap_attachment_unlocked(attach, table, DMA_BIDIRECTIONAL);
detach:
	dma_buf_detach(dmabuf, attach);
put:
	dma_buf_put(dmabuf);
	return err;
}

const struct bug dma_bugs[] = {
	{ "dma_wrong_size", dma_wrong_size },
	{ "dma_wrong_direction", dma_wrong_direction },
	{ "dma_twice", dma_twice },
	{ "dma_unchecked", dma_unchecked },
	{ "dma_two_errors", dma_two_errors },
	{ "dma_pending", dma_pending },
	{ "dmabuf_pages", dmabuf_pages },
	{ }
};
