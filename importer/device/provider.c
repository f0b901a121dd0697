// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions whose driver offers channels of the kernel's DMA engine. They are not ours:
 * when one is looked for we see which there are, and before its driver goes all that uses it
 * ends.
 */

#include <linux/device.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "importer.h"

static int dbi_is_channel(struct device *child, void *data)
{
	return child->class && !strcmp(child->class->name, "dma");
}

/* Whether there is a channel of it. Which, and what it can do, is seen when it is asked for. */
static bool dbi_is_provider(struct device *dev)
{
	return device_for_each_child(dev, NULL, dbi_is_channel);
}

/* Takes it in if it is one. The lock keeps its driver. */
static int dbi_provider_look_at(struct device *dev, void *data)
{
	struct dbi_device *device;
	int ret = 0;

	if (dbi_device_provider(dev) || !dbi_is_provider(dev))
		return 0;
	if (device_lock_interruptible(dev))
		return -ERESTARTSYS;
	if (dev->driver && dbi_is_provider(dev) && !dbi_device_provider(dev)) {
		device = dbi_device_add(dev, BIT(DMABUF_REVOKE_ENGINE_DMAENGINE));
		ret = PTR_ERR_OR_ZERO(device);
	}
	device_unlock(dev);
	return ret;
}

/* Takes in those that there are by now: 0, -ENOMEM, or -ERESTARTSYS. */
int dbi_providers_look(void)
{
	if (!IS_ENABLED(CONFIG_DMA_ENGINE))
		return 0;
	return bus_for_each_dev(&pci_bus_type, NULL, NULL, dbi_provider_look_at);
}

/* Its driver is about to be told, with its lock held. */
static int dbi_provider_event(struct notifier_block *block, unsigned long action,
			      void *dev)
{
	struct dbi_device *device;

	if (action != BUS_NOTIFY_UNBIND_DRIVER)
		return NOTIFY_DONE;
	device = dbi_device_provider(dev);
	if (device) {
		dbi_attachments_evict(device);
		dbi_device_remove(device);
	}
	return NOTIFY_OK;
}

static struct notifier_block dbi_provider_block = {
	.notifier_call = dbi_provider_event,
};

int __init dbi_providers_init(void)
{
	return bus_register_notifier(&pci_bus_type, &dbi_provider_block);
}

/* No attachment is left. */
void dbi_providers_exit(void)
{
	struct dbi_device *device;

	bus_unregister_notifier(&pci_bus_type, &dbi_provider_block);
	while ((device = dbi_device_provider(NULL)))
		dbi_device_remove(device);
}
