// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exporter's device: its module, its files.
 */

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "dmabuf.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int dbr_open(struct inode *inode, struct file *file)
{
	struct dbr_owner *owner;

	owner = kzalloc_obj(*owner, GFP_CALLER);
	if (!owner)
		return -ENOMEM;
	INIT_LIST_HEAD(&owner->buffers);
	file->private_data = owner;
	return 0;
}

static int dbr_release(struct inode *inode, struct file *file)
{
	struct dbr_owner *owner = file->private_data;
	struct dbr_buffer *buf;

	/* Each by itself, so that none waits for the resv lock of another. */
	while ((buf = dbr_buffer_pop(owner))) {
		dbr_faults_end(buf);
		dbr_orphan_later(buf);
		cond_resched();
	}
	kfree(owner);
	return 0;
}

static const struct file_operations dbr_fops = {
	.owner = THIS_MODULE,
	.open = dbr_open,
	.release = dbr_release,
	.unlocked_ioctl = dbr_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice dbr_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dmabuf-revoke-exporter",
	.nodename = "dmabuf-revoke/exporter",
	.mode = 0600,
	.fops = &dbr_fops,
};

static int __init dbr_init(void)
{
	int ret;

	dbr_registry_teach_lockdep();
	dbr_mapping_teach_lockdep();

	ret = dbr_work_init();
	if (ret)
		return ret;
	ret = misc_register(&dbr_misc);
	if (ret)
		dbr_work_exit();
	return ret;
}

/* Every file and every dma-buf holds the module, so there are none left. */
static void __exit dbr_exit(void)
{
	misc_deregister(&dbr_misc);
	/* The work that dropped the last reference may not have returned yet. */
	dbr_work_exit();
	/* Fences of moves may remain. */
	compat_fences_end();
}

module_init(dbr_init);
module_exit(dbr_exit);

MODULE_AUTHOR("The dmabuf-revoke developers");
MODULE_DESCRIPTION("Revocable dma-buf exporter");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
