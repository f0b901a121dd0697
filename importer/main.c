// SPDX-License-Identifier: GPL-2.0-only
/*
 * The importer's device file: its module, and the ioctl that makes attachments.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/dma-mapping.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "importer.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int dbi_ioctl_info(struct ucmd *ucmd)
{
	struct dmabuf_revoke_importer_info *arg = ucmd->arg;

	if (arg->flags)
		return -EINVAL;

	arg->abi_version = DMABUF_REVOKE_ABI_VERSION;
	arg->max_jobs = DBI_MAX_JOBS;
	arg->attachments = atomic64_read(&dbi_nr_attachments);
	arg->jobs = atomic64_read(&dbi_nr_jobs);
	arg->features = COMPAT_FEATURES;
	return ucmd_respond(ucmd);
}

static int dbi_ioctl_devices(struct ucmd *ucmd)
{
	struct dmabuf_revoke_devices *arg = ucmd->arg;
	struct dmabuf_revoke_device *devices;
	u32 room;
	int ret;

	if (arg->flags)
		return -EINVAL;

	ret = dbi_providers_look();
	if (ret)
		return ret;
	room = min(arg->capacity, dbi_devices_list(NULL, 0));
	devices = kvcalloc(max(room, 1U), sizeof(*devices), GFP_CALLER);
	if (!devices)
		return -ENOMEM;
	arg->count = dbi_devices_list(devices, room);
	ret = ucmd_copy_array(arg->devices, devices,
			      array_size(min(room, arg->count), sizeof(*devices)));
	kvfree(devices);
	return ret ?: ucmd_respond(ucmd);
}

static int dbi_check_attach(const struct dmabuf_revoke_attach *arg)
{
	const u32 flags = DMABUF_REVOKE_ATTACH_DEFER_UNMAP |
			  DMABUF_REVOKE_ATTACH_PEER2PEER;
	const struct dbi_kind *kind = dbi_kind_find(arg->kind);
	bool legacy = arg->kind >= DMABUF_REVOKE_KIND_LEGACY_STATIC;

	if (!kind || arg->flags & ~flags)
		return -EINVAL;
	if (legacy && arg->flags & DMABUF_REVOKE_ATTACH_DEFER_UNMAP)
		return -EINVAL;
	if (!kind->ops && arg->flags & DMABUF_REVOKE_ATTACH_PEER2PEER)
		return -EINVAL;
	if (arg->fd_flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (arg->delay_ns > DBI_MAX_DURATION_NS)
		return -EINVAL;
	if (arg->engine > DMABUF_REVOKE_ENGINE_DMAENGINE || arg->reserved)
		return -EINVAL;
	if (!memchr(arg->device, 0, sizeof(arg->device)))
		return -EINVAL;
	return 0;
}

/* Whether the device can do what is asked of it. Chooses the engine, if that was left open. */
static int dbi_attach_suit(const struct dbi_device *device,
			   struct dmabuf_revoke_attach *arg)
{
	if (arg->flags & DMABUF_REVOKE_ATTACH_PEER2PEER && !device->peer2peer)
		return -EOPNOTSUPP;
	/* AUTO is no bit of theirs. A real engine, the last, works only for who asks for it. */
	if (arg->engine == DMABUF_REVOKE_ENGINE_AUTO)
		arg->engine = __ffs(device->engines);
	return device->engines & BIT(arg->engine) ? 0 : -EOPNOTSUPP;
}

/* Whose name it is, with a user; an ERR_PTR. */
static struct dbi_device *
dbi_attach_device(const struct dmabuf_revoke_attach *arg)
{
	struct dbi_device *device;
	int ret;

	if (arg->engine == DMABUF_REVOKE_ENGINE_DMAENGINE &&
	    !IS_ENABLED(CONFIG_DMA_ENGINE))
		return ERR_PTR(-EOPNOTSUPP);
	ret = *arg->device ? dbi_providers_look() : 0;
	if (ret)
		return ERR_PTR(ret);
	device = dbi_device_get(arg->device);
	return device ?: ERR_PTR(-ENODEV);
}

static struct dbi_attachment *dbi_attach(struct dma_buf *dmabuf,
					 struct dmabuf_revoke_attach *arg)
{
	struct dbi_device *device = dbi_attach_device(arg);
	const struct dbi_hooks *hooks;
	struct dbi_attachment *att;
	int ret;

	if (IS_ERR(device))
		return ERR_CAST(device);
	ret = dbi_attach_suit(device, arg);
	hooks = ret ? ERR_PTR(ret) : dbi_misbehave_hooks(dmabuf, device, arg);
	if (IS_ERR(hooks))
		att = ERR_CAST(hooks);
	else
		att = dbi_attachment_create(dmabuf, device, arg, hooks);
	if (IS_ERR(att))
		dbi_device_put(device);
	return att;
}

/* Consumes the dma-buf reference, in any case. */
static struct file *dbi_attach_file(struct dma_buf *dmabuf,
				    struct dmabuf_revoke_attach *arg)
{
	struct dbi_attachment *att = dbi_attach(dmabuf, arg);
	struct file *file;

	if (IS_ERR(att)) {
		dma_buf_put(dmabuf);
		return ERR_CAST(att);
	}

	file = anon_inode_getfile("[dmabuf-revoke-attachment]",
				  &dbi_attachment_fops, att,
				  O_RDONLY | (arg->fd_flags & O_NONBLOCK));
	if (IS_ERR(file))
		dbi_attachment_destroy(att);
	return file;
}

static int dbi_ioctl_attach(struct ucmd *ucmd)
{
	struct dmabuf_revoke_attach *arg = ucmd->arg;
	struct dma_buf *dmabuf;
	struct file *file;
	int ret;

	ret = dbi_check_attach(arg);
	if (ret)
		return ret;

	dmabuf = dma_buf_get(arg->dmabuf_fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	arg->length = dmabuf->size;
	file = dbi_attach_file(dmabuf, arg);
	if (IS_ERR(file))
		return PTR_ERR(file);

	arg->fd = get_unused_fd_flags(arg->fd_flags & O_CLOEXEC);
	if (arg->fd < 0) {
		ret = arg->fd;
		goto err_file;
	}
	ret = ucmd_respond(ucmd);
	if (ret)
		goto err_fd;

	fd_install(arg->fd, file);
	return 0;

err_fd:
	put_unused_fd(arg->fd);
err_file:
	fput(file);
	return ret;
}

static const struct ucmd_op dbi_ops[] = {
	UCMD_OP(DMABUF_REVOKE_IOC_IMPORTER_INFO, dmabuf_revoke_importer_info,
		features, dbi_ioctl_info),
	UCMD_OP(DMABUF_REVOKE_IOC_ATTACH, dmabuf_revoke_attach, delay_ns,
		dbi_ioctl_attach),
	UCMD_OP(DMABUF_REVOKE_IOC_DEVICES, dmabuf_revoke_devices, count,
		dbi_ioctl_devices),
};

static long dbi_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ucmd_dispatch(file, cmd, arg, dbi_ops, ARRAY_SIZE(dbi_ops));
}

static const struct file_operations dbi_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dbi_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice dbi_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dmabuf-revoke-importer",
	.nodename = "dmabuf-revoke/importer",
	.mode = 0600,
	.fops = &dbi_fops,
};

/*
 * The device that attachments are for if no other is named. It reaches all memory, directly:
 * its engine is a CPU, and sees what the caches hold.
 */
static struct dbi_device *dbi_own_device;

static void dbi_own_device_destroy(void)
{
	struct device *dev = dbi_own_device->dev;

	dbi_device_remove(dbi_own_device);
	platform_device_unregister(to_platform_device(dev));
}

static int __init dbi_own_device_create(void)
{
	const struct platform_device_info info = {
		.name = "dmabuf-revoke-importer",
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};
	struct platform_device *pdev = platform_device_register_full(&info);

	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	/* The whole range may be one segment. */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	compat_dma_assign_coherent(&pdev->dev, true);
	compat_dma_never_bounce(&pdev->dev);
	dbi_own_device = dbi_device_add(&pdev->dev, 0);
	if (IS_ERR(dbi_own_device)) {
		platform_device_unregister(pdev);
		return PTR_ERR(dbi_own_device);
	}
	if (dbi_own_device->engines & BIT(DMABUF_REVOKE_ENGINE_CPU))
		return 0;
	pr_err("DMA addresses are not those of memory here (a Xen PV or an encrypted guest?): a software device cannot work\n");
	dbi_own_device_destroy();
	return -EOPNOTSUPP;
}

/* In this order each may be given work by those after it. */
static const struct {
	struct workqueue_struct **queue;
	const char *name;
	int max_active;
} dbi_queues[] = {
	{ &dbi_engine_wq, "dmabuf-revoke-engine", WQ_MAX_ACTIVE },
	{ &dbi_signal_wq, "dmabuf-revoke-signal", 0 },
	{ &dbi_unmap_wq, "dmabuf-revoke-unmap", WQ_MAX_ACTIVE },
	{ &dbi_end_wq, "dmabuf-revoke-end", WQ_MAX_ACTIVE },
};

/* Waits for what is on them. */
static void dbi_queues_destroy(void)
{
	int i;

	for (i = ARRAY_SIZE(dbi_queues) - 1; i >= 0; i--)
		if (*dbi_queues[i].queue)
			destroy_workqueue(*dbi_queues[i].queue);
}

/*
 * No WQ_MEM_RECLAIM: when no thread can be made for 10 ms the rescuer takes all that wait for
 * one, and runs them one after the other, the first for as long as it likes.
 */
static int __init dbi_queues_create(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(dbi_queues); i++) {
		*dbi_queues[i].queue = alloc_workqueue("%s", WQ_UNBOUND,
						       dbi_queues[i].max_active,
						       dbi_queues[i].name);
		if (!*dbi_queues[i].queue) {
			dbi_queues_destroy();
			return -ENOMEM;
		}
	}
	return 0;
}

static int __init dbi_init(void)
{
	int ret;

	ret = dbi_attachment_teach_lockdep();
	if (ret)
		return ret;
	ret = dbi_queues_create();
	if (ret)
		return ret;

	ret = dbi_own_device_create();
	if (ret)
		goto err_queues;
	ret = pci_register_driver(&dbi_pci_driver);
	if (ret)
		goto err_device;
	ret = dbi_providers_init();
	if (ret)
		goto err_pci;
	ret = misc_register(&dbi_misc);
	if (ret)
		goto err_providers;
	return 0;

err_providers:
	dbi_providers_exit();
err_pci:
	pci_unregister_driver(&dbi_pci_driver);
err_device:
	dbi_own_device_destroy();
err_queues:
	dbi_queues_destroy();
	return ret;
}

/* Every file holds the module, and every work that ends an attachment: there is none left. */
static void __exit dbi_exit(void)
{
	misc_deregister(&dbi_misc);
	dbi_providers_exit();
	pci_unregister_driver(&dbi_pci_driver);
	dbi_own_device_destroy();
	dbi_queues_destroy();
	/* Fences may remain, in sync_files and on dma_resv objects. */
	compat_fences_end();
}

module_init(dbi_init);
module_exit(dbi_exit);

MODULE_AUTHOR("The dmabuf-revoke developers");
MODULE_DESCRIPTION("Test importer of dma-bufs");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
