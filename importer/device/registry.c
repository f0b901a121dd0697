// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices that attachments are for: which there are, and who uses them.
 *
 * A device may go at any time. Then nobody finds it any more, whoever evicts takes over
 * the attachments that are there, and waits for those who come or go by themselves.
 */

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "importer.h"

static DEFINE_SPINLOCK(dbi_devices_lock);
static LIST_HEAD(dbi_devices);		/* the importer's own first */
static DECLARE_WAIT_QUEUE_HEAD(dbi_devices_wait);	/* for users to leave */

/* What it is, and what the CPU can do for it. 0, -ENOMEM, or -EINVAL. */
static int dbi_device_examine(struct dbi_device *device)
{
	struct device *dev = device->dev;
	int ret;

	if (strscpy(device->name, dev_name(dev), sizeof(device->name)) < 0)
		return -EINVAL;
	device->dma_mask = dma_get_mask(dev);
	device->iommu = compat_iommu_type(dev);
	if (device->iommu == DMABUF_REVOKE_IOMMU_TRANSLATED)
		device->domain = iommu_get_domain_for_dev(dev);
	device->peer2peer = dev_is_pci(dev) && IS_ENABLED(CONFIG_PCI_P2PDMA);

	device->engines |= BIT(DMABUF_REVOKE_ENGINE_NONE);
	ret = dbi_bus_check(dev);
	if (ret == -ENOMEM)
		return ret;
	/* The CPU, which both are, sees what the caches hold. */
	if (!dev_is_dma_coherent(dev))
		return 0;
	if (device->domain)
		device->engines |= BIT(DMABUF_REVOKE_ENGINE_IOVA);
	if (!ret)
		device->engines |= BIT(DMABUF_REVOKE_ENGINE_CPU);
	return 0;
}

/**
 * dbi_device_add - let attachments be made on behalf of a device
 * @dev: it; until dbi_device_remove()
 * @engines: that it brings along, each a BIT()
 *
 * Return: what stands for it, or an ERR_PTR with -ENOMEM or -EINVAL: its name is too long.
 */
struct dbi_device *dbi_device_add(struct device *dev, u32 engines)
{
	struct dbi_device *device = kzalloc_obj(*device, GFP_KERNEL);
	int ret;

	if (!device)
		return ERR_PTR(-ENOMEM);
	device->dev = dev;
	device->engines = engines;
	INIT_LIST_HEAD(&device->attachments);
	ret = dbi_device_examine(device);
	if (ret) {
		kfree(device);
		return ERR_PTR(ret);
	}

	spin_lock(&dbi_devices_lock);
	list_add_tail(&device->node, &dbi_devices);
	spin_unlock(&dbi_devices_lock);
	return device;
}

/* Nobody uses it any more: see dbi_device_await_users(). */
void dbi_device_remove(struct dbi_device *device)
{
	spin_lock(&dbi_devices_lock);
	list_del(&device->node);
	spin_unlock(&dbi_devices_lock);
	kfree(device);
}

/* If it has channels of the DMA engine; @dev is NULL: any that has. Its driver's lock keeps it. */
struct dbi_device *dbi_device_provider(const struct device *dev)
{
	struct dbi_device *device, *found = NULL;

	spin_lock(&dbi_devices_lock);
	list_for_each_entry(device, &dbi_devices, node)
		if (device->engines & BIT(DMABUF_REVOKE_ENGINE_DMAENGINE) &&
		    (!dev || device->dev == dev))
			found = device;
	spin_unlock(&dbi_devices_lock);
	return found;
}

/**
 * dbi_device_get - find the device that an attachment is to be for
 * @name: its name; empty: the importer's own
 *
 * Return: the device, until dbi_device_put(), or NULL.
 */
struct dbi_device *dbi_device_get(const char *name)
{
	struct dbi_device *device;

	spin_lock(&dbi_devices_lock);
	list_for_each_entry(device, &dbi_devices, node) {
		if (device->away || (*name && strcmp(name, device->name)))
			continue;
		device->users++;
		spin_unlock(&dbi_devices_lock);
		return device;
	}
	spin_unlock(&dbi_devices_lock);
	return NULL;
}

/* One more user of it, by who is one. */
void dbi_device_hold(struct dbi_device *device)
{
	spin_lock(&dbi_devices_lock);
	device->users++;
	spin_unlock(&dbi_devices_lock);
}

void dbi_device_put(struct dbi_device *device)
{
	spin_lock(&dbi_devices_lock);
	device->users--;
	wake_up_all(&dbi_devices_wait);
	spin_unlock(&dbi_devices_lock);
}

/* The attachment is complete. 0, or -ENODEV: the device is going, do not stay. */
int dbi_device_enter(struct dbi_attachment *att)
{
	struct dbi_device *device = att->device;
	int ret = -ENODEV;

	spin_lock(&dbi_devices_lock);
	if (!device->away) {
		list_add_tail(&att->on_device, &device->attachments);
		ret = 0;
	}
	spin_unlock(&dbi_devices_lock);
	return ret;
}

/*
 * Whether the attachment has to be detached by who asks, who has a user of the device then. Asked
 * again it says the same: nobody evicts it any more.
 */
bool dbi_device_leave(struct dbi_attachment *att)
{
	bool own;

	spin_lock(&dbi_devices_lock);
	own = !att->evicted;
	if (own)
		list_del_init(&att->on_device);
	spin_unlock(&dbi_devices_lock);
	return own;
}

/* The device is going: its attachments, each to be detached, with a user of the device. */
void dbi_device_evict(struct dbi_device *device, struct list_head *evicted)
{
	struct dbi_attachment *att;

	spin_lock(&dbi_devices_lock);
	device->away = true;
	list_for_each_entry(att, &device->attachments, on_device)
		WRITE_ONCE(att->evicted, true);
	list_splice_init(&device->attachments, evicted);
	spin_unlock(&dbi_devices_lock);
}

/* It has gone, and is there again. */
void dbi_device_return(struct dbi_device *device)
{
	spin_lock(&dbi_devices_lock);
	device->away = false;
	spin_unlock(&dbi_devices_lock);
}

static bool dbi_device_is_unused(struct dbi_device *device)
{
	bool unused;

	spin_lock(&dbi_devices_lock);
	unused = !device->users;
	spin_unlock(&dbi_devices_lock);
	return unused;
}

void dbi_device_await_users(struct dbi_device *device)
{
	wait_event(dbi_devices_wait, dbi_device_is_unused(device));
}

static void dbi_device_describe(const struct dbi_device *device,
				struct dmabuf_revoke_device *out)
{
	lockdep_assert_held(&dbi_devices_lock);

	memcpy(out->name, device->name, sizeof(out->name));
	out->dma_mask = device->dma_mask;
	out->iommu = device->iommu;
	out->engines = device->engines;
	out->flags = device->peer2peer ? DMABUF_REVOKE_DEVICE_PEER2PEER : 0;
	out->attachments = device->users;
}

/* How many devices there are; of so many, @out says what they are. */
u32 dbi_devices_list(struct dmabuf_revoke_device *out, u32 room)
{
	struct dbi_device *device;
	u32 count = 0;

	spin_lock(&dbi_devices_lock);
	list_for_each_entry(device, &dbi_devices, node) {
		if (device->away)
			continue;
		if (count < room)
			dbi_device_describe(device, out + count);
		count++;
	}
	spin_unlock(&dbi_devices_lock);
	return count;
}
