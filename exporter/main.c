// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exporter's device: its module, its files, its ioctls.
 */

#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "exporter.h"
#include "ucmd.h"

struct workqueue_struct *dbr_wq;

static int dbr_ioctl_info(struct ucmd *ucmd)
{
	struct dmabuf_revoke_exporter_info *arg = ucmd->arg;

	if (arg->flags)
		return -EINVAL;

	arg->abi_version = DMABUF_REVOKE_ABI_VERSION;
	arg->page_size = PAGE_SIZE;
	dbr_buffers_usage(&arg->buffers, &arg->bytes);
	arg->limit_bytes = dbr_buffers_limit();
	arg->features = DMABUF_REVOKE_FEATURE_REVOCABLE_TEST;
	return ucmd_respond(ucmd);
}

/* The descriptor is installed last: nothing can fail after that. */
static int dbr_buffer_hand_out(struct ucmd *ucmd, struct dbr_buffer *buf)
{
	struct dmabuf_revoke_alloc *arg = ucmd->arg;
	int ret;

	ret = dbr_buffer_reserve_id(buf);
	if (ret)
		return ret;
	arg->fd = get_unused_fd_flags(arg->fd_flags & O_CLOEXEC);
	if (arg->fd < 0) {
		ret = arg->fd;
		goto err_id;
	}

	arg->id = buf->id;
	arg->length = buf->dmabuf->size;
	ret = ucmd_respond(ucmd);
	if (ret)
		goto err_fd;

	/* One reference for the owner, one for the descriptor. */
	get_dma_buf(buf->dmabuf);
	dbr_buffer_publish(buf, ucmd->file->private_data);
	dma_buf_fd_install(buf->dmabuf, arg->fd);
	return 0;

err_fd:
	put_unused_fd(arg->fd);
err_id:
	dbr_buffer_unreserve_id(buf);
	return ret;
}

static int dbr_ioctl_alloc(struct ucmd *ucmd)
{
	struct dmabuf_revoke_alloc *arg = ucmd->arg;
	u32 access = arg->fd_flags & O_ACCMODE;
	struct dbr_buffer *buf;
	int ret;

	if (arg->flags & ~DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY)
		return -EINVAL;
	if (arg->fd_flags & ~(O_CLOEXEC | O_ACCMODE))
		return -EINVAL;
	if (access != O_RDONLY && access != O_RDWR)
		return -EINVAL;

	buf = dbr_buffer_create(arg->length, arg->flags, access);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = dbr_buffer_hand_out(ucmd, buf);
	if (ret)
		dma_buf_put(buf->dmabuf);
	return ret;
}

static int dbr_ioctl_revoke(struct ucmd *ucmd)
{
	struct dmabuf_revoke_revoke *arg = ucmd->arg;
	struct dma_resv *resv;
	struct dbr_buffer *buf;
	bool already;
	int ret;

	if (arg->flags)
		return -EINVAL;

	buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = dbr_revoke(buf, arg->deadline_ns, &already);
	if (ret && ret != -ETIMEDOUT)
		goto out_put;

	resv = buf->dmabuf->resv;
	dma_resv_lock(resv, NULL);
	arg->state = buf->state;
	dbr_revoke_report(buf, &arg->phases, &arg->pending);
	dma_resv_unlock(resv);
	arg->already = already;

	if (ucmd_respond(ucmd))
		ret = -EFAULT;
out_put:
	dma_buf_put(buf->dmabuf);
	return ret;
}

/* By descriptor: the buffer, with a dma-buf reference, or an ERR_PTR. */
static struct dbr_buffer *dbr_buffer_get_fd(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	if (dmabuf->ops != &dbr_dmabuf_ops) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EINVAL);
	}
	return dmabuf->priv;
}

static void dbr_query_fill(struct dbr_buffer *buf,
			   struct dmabuf_revoke_query *arg)
{
	struct dma_buf *dmabuf = buf->dmabuf;
	struct dma_buf_attachment *attach;

	arg->id = buf->id;
	arg->length = dmabuf->size;
	arg->alloc_flags = buf->flags;
	arg->attachments = 0;
	arg->legacy_attachments = 0;

	dma_resv_lock(dmabuf->resv, NULL);
	arg->state = buf->state;
	arg->orphaned = buf->orphaned;
	list_for_each_entry(attach, &dmabuf->attachments, node) {
		struct dbr_attachment *a = attach->priv;

		arg->attachments++;
		arg->legacy_attachments += !a->revocable;
	}
	dbr_revoke_report(buf, &arg->phases, &arg->pending);
	dma_resv_unlock(dmabuf->resv);
}

static int dbr_ioctl_query(struct ucmd *ucmd)
{
	struct dmabuf_revoke_query *arg = ucmd->arg;
	struct dbr_buffer *buf;
	int ret;

	if (arg->flags & ~DMABUF_REVOKE_QUERY_BY_FD)
		return -EINVAL;

	if (arg->flags & DMABUF_REVOKE_QUERY_BY_FD) {
		if (arg->id)
			return -EINVAL;
		buf = dbr_buffer_get_fd(arg->fd);
	} else {
		if (arg->fd)
			return -EINVAL;
		buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	}
	if (IS_ERR(buf))
		return PTR_ERR(buf);

	dbr_query_fill(buf, arg);
	ret = ucmd_respond(ucmd);
	dma_buf_put(buf->dmabuf);
	return ret;
}

static int dbr_ioctl_list(struct ucmd *ucmd)
{
	struct dmabuf_revoke_list *arg = ucmd->arg;
	u64 existing, bytes, *ids;
	u32 capacity;
	int ret = 0;

	if (arg->flags)
		return -EINVAL;

	/* Not the caller's capacity: memory for what there is now. */
	dbr_buffers_usage(&existing, &bytes);
	capacity = min_t(u64, arg->capacity, existing);
	ids = kvmalloc_array(max(capacity, 1), sizeof(*ids), GFP_KERNEL_ACCOUNT);
	if (!ids)
		return -ENOMEM;

	arg->count = dbr_buffer_ids(ucmd->file->private_data, ids, capacity);
	capacity = min(capacity, arg->count);
	if (copy_to_user(u64_to_user_ptr(arg->ids), ids,
			 array_size(capacity, sizeof(*ids))))
		ret = -EFAULT;
	kvfree(ids);
	return ret ?: ucmd_respond(ucmd);
}

static const struct ucmd_op dbr_ops[] = {
	UCMD_OP(DMABUF_REVOKE_IOC_EXPORTER_INFO, dmabuf_revoke_exporter_info,
		features, dbr_ioctl_info),
	UCMD_OP(DMABUF_REVOKE_IOC_ALLOC, dmabuf_revoke_alloc, fd_flags,
		dbr_ioctl_alloc),
	UCMD_OP(DMABUF_REVOKE_IOC_REVOKE, dmabuf_revoke_revoke, pending,
		dbr_ioctl_revoke),
	UCMD_OP(DMABUF_REVOKE_IOC_QUERY, dmabuf_revoke_query, pending,
		dbr_ioctl_query),
	UCMD_OP(DMABUF_REVOKE_IOC_LIST, dmabuf_revoke_list, count,
		dbr_ioctl_list),
};

static long dbr_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ucmd_dispatch(file, cmd, arg, dbr_ops, ARRAY_SIZE(dbr_ops));
}

static int dbr_open(struct inode *inode, struct file *file)
{
	struct dbr_owner *owner;

	owner = kzalloc_obj(*owner, GFP_KERNEL_ACCOUNT);
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

	while ((buf = dbr_buffer_pop(owner))) {
		dbr_revoke_orphan(buf);
		dma_buf_put(buf->dmabuf);
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

	dbr_wq = alloc_workqueue("dmabuf-revoke-exporter",
				 WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!dbr_wq)
		return -ENOMEM;

	ret = misc_register(&dbr_misc);
	if (ret)
		destroy_workqueue(dbr_wq);
	return ret;
}

/* Every file and every dma-buf holds the module, so there are none left. */
static void __exit dbr_exit(void)
{
	misc_deregister(&dbr_misc);
	/* The work that dropped the last reference may not have returned yet. */
	destroy_workqueue(dbr_wq);
}

module_init(dbr_init);
module_exit(dbr_exit);

MODULE_AUTHOR("The dmabuf-revoke developers");
MODULE_DESCRIPTION("Revocable dma-buf exporter");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
