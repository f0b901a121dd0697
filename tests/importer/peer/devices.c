// SPDX-License-Identifier: GPL-2.0-only
/* Devices to attach on behalf of. They have no driver, and do nothing. */
#include <linux/dma-mapping.h>
#include <linux/platform_device.h>

#include "module.h"

static struct platform_device *peer_pdevs[PEER_DEVICES];

struct device *peer_device(unsigned int which)
{
	return &peer_pdevs[which]->dev;
}

void peer_devices_end(void)
{
	int i;

	for (i = 0; i < PEER_DEVICES; i++)
		platform_device_unregister(peer_pdevs[i]);
}

static int peer_device_limit(unsigned int which)
{
	struct device *dev = peer_device(which);
	int ret;

	if (which == PEER_MASKLESS) {
		dev->dma_mask = NULL;
		dev->coherent_dma_mask = 0;
		return 0;
	}
	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	if (which == PEER_SEGMENTS) {
		dma_set_max_seg_size(dev, PEER_SEGMENT);
		dma_set_seg_boundary(dev, PEER_SEGMENT - 1);
	} else {
		dma_set_max_seg_size(dev, UINT_MAX);
	}
	return 0;
}

int peer_devices_begin(void)
{
	int ret = 0;
	int i;

	for (i = 0; !ret && i < PEER_DEVICES; i++) {
		peer_pdevs[i] = platform_device_register_simple("dbr-peer", i,
								NULL, 0);
		if (IS_ERR(peer_pdevs[i]))
			ret = PTR_ERR(peer_pdevs[i]);
		else
			ret = peer_device_limit(i);
	}
	/* Takes NULL, and what register_simple() gives instead. */
	if (ret)
		peer_devices_end();
	return ret;
}
