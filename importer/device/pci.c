// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions that somebody has bound to us, by driver_override, for attachments to be
 * on their behalf. Their registers are left alone, and bus mastering off: all DMA is done
 * by the importer's engines, at the function's addresses.
 */

#include <linux/dma-mapping.h>
#include <linux/pci.h>

#include "importer.h"

/* What probe changes of a function, and the driver after us is to find as it was. */
struct dbi_pci_before {
	struct device *dev;
	u64 mask;
	u64 coherent_mask;
	unsigned int max_seg_size;
};

static void dbi_pci_restore(void *data)
{
	const struct dbi_pci_before *before = data;

	dma_set_mask(before->dev, before->mask);
	dma_set_coherent_mask(before->dev, before->coherent_mask);
	dma_set_max_seg_size(before->dev, before->max_seg_size);
}

static int dbi_pci_remember(struct device *dev)
{
	struct dbi_pci_before *before = devm_kmalloc(dev, sizeof(*before), GFP_KERNEL);

	if (!before)
		return -ENOMEM;
	*before = (struct dbi_pci_before){
		.dev = dev,
		.mask = dma_get_mask(dev),
		.coherent_mask = dev->coherent_dma_mask,
		.max_seg_size = dma_get_max_seg_size(dev),
	};
	return devm_add_action(dev, dbi_pci_restore, before);
}

static int dbi_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct dbi_device *device;
	int ret;

	ret = dbi_pci_remember(&pdev->dev);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	/* The whole range may be one segment. */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);

	device = dbi_device_add(&pdev->dev, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	pci_set_drvdata(pdev, device);
	return 0;
}

static void dbi_pci_remove(struct pci_dev *pdev)
{
	struct dbi_device *device = pci_get_drvdata(pdev);

	dbi_attachments_evict(device);
	dbi_device_remove(device);
}

/* What a function was doing is lost, and whoever had it do something is told. */
static void dbi_pci_reset_prepare(struct pci_dev *pdev)
{
	dbi_attachments_evict(pci_get_drvdata(pdev));
}

static void dbi_pci_reset_done(struct pci_dev *pdev)
{
	dbi_device_return(pci_get_drvdata(pdev));
}

static const struct pci_error_handlers dbi_pci_handlers = {
	.reset_prepare = dbi_pci_reset_prepare,
	.reset_done = dbi_pci_reset_done,
};

/* Without a table: nothing is ours by itself. */
struct pci_driver dbi_pci_driver = {
	.name = "dmabuf_revoke_importer",
	.probe = dbi_pci_probe,
	.remove = dbi_pci_remove,
	.err_handler = &dbi_pci_handlers,
};
