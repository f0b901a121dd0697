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
#include "timens.h"
#include "ucmd.h"

struct workqueue_struct *dbr_wq;

static int dbr_ioctl_info(struct ucmd *ucmd)
{
	struct dmabuf_revoke_exporter_info *arg = ucmd->arg;

	if (arg->flags)
		return -EINVAL;

	arg->abi_version = DMABUF_REVOKE_ABI_VERSION;
	arg->page_size = PAGE_SIZE;
	arg->buffers = dbr_buffers_count();
	arg->bytes = dbr_pages_bytes();
	arg->limit_bytes = dbr_pages_limit();
	arg->features = COMPAT_FEATURES;
	return ucmd_respond(ucmd);
}

/* The descriptor is installed last: nothing can fail after that. */
static int dbr_buffer_hand_out(struct ucmd *ucmd, struct dbr_buffer *buf)
{
	struct dmabuf_revoke_alloc *arg = ucmd->arg;
	int ret;

	arg->fd = get_unused_fd_flags(arg->fd_flags & O_CLOEXEC);
	if (arg->fd < 0)
		return arg->fd;

	dbr_buffer_number(buf);
	arg->id = buf->id;
	arg->length = buf->dmabuf->size;
	ret = ucmd_respond(ucmd);
	if (ret) {
		put_unused_fd(arg->fd);
		return ret;
	}

	/* One reference for the owner, one for the descriptor. */
	get_dma_buf(buf->dmabuf);
	dbr_buffer_publish(buf, ucmd->file->private_data);
	dma_buf_fd_install(buf->dmabuf, arg->fd);
	return 0;
}

static int dbr_check_alloc(const struct dmabuf_revoke_alloc *arg)
{
	const u32 flags = DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY |
			  DMABUF_REVOKE_ALLOC_ZERO_PAGE |
			  DMABUF_REVOKE_ALLOC_QUARANTINE;
	u32 access = arg->fd_flags & O_ACCMODE;

	if (arg->flags & ~flags)
		return -EINVAL;
	if (arg->fd_flags & ~(O_CLOEXEC | O_ACCMODE))
		return -EINVAL;
	if (access != O_RDONLY && access != O_RDWR)
		return -EINVAL;
	return dbr_faults_check(arg->faults);
}

static int dbr_ioctl_alloc(struct ucmd *ucmd)
{
	struct dmabuf_revoke_alloc *arg = ucmd->arg;
	struct dbr_buffer *buf;
	int ret;

	ret = dbr_check_alloc(arg);
	if (ret)
		return ret;
	dbr_faults_log(arg->faults);

	buf = dbr_buffer_create(arg);
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

	if (arg->flags & ~DMABUF_REVOKE_REVOKE_SUSPEND)
		return -EINVAL;

	buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	if (arg->flags & DMABUF_REVOKE_REVOKE_SUSPEND)
		ret = dbr_suspend(buf, arg->deadline_ns, &already);
	else
		ret = dbr_revoke(buf, arg->deadline_ns, &already);
	if (ret && ret != -ETIMEDOUT)
		goto out_put;

	resv = buf->dmabuf->resv;
	dma_resv_lock(resv, NULL);
	arg->state = buf->state;
	dbr_report(buf, &arg->phases, &arg->pending);
	dma_resv_unlock(resv);
	arg->already = already;

	if (ucmd_respond(ucmd))
		ret = -EFAULT;
out_put:
	dma_buf_put(buf->dmabuf);
	return ret;
}

/* What takes nothing but a deadline. */
static int dbr_do(struct ucmd *ucmd, u64 id, u64 deadline_ns,
		  int (*fn)(struct dbr_buffer *buf, u64 deadline_ns))
{
	struct dbr_buffer *buf = dbr_buffer_get(ucmd->file->private_data, id);
	int ret;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = fn(buf, deadline_ns);
	dma_buf_put(buf->dmabuf);
	return ret;
}

static int dbr_ioctl_restore(struct ucmd *ucmd)
{
	struct dmabuf_revoke_restore *arg = ucmd->arg;

	if (arg->flags)
		return -EINVAL;
	return dbr_do(ucmd, arg->id, arg->deadline_ns, dbr_restore);
}

static int dbr_ioctl_move(struct ucmd *ucmd)
{
	struct dmabuf_revoke_move *arg = ucmd->arg;

	if (arg->flags)
		return -EINVAL;
	return dbr_do(ucmd, arg->id, arg->deadline_ns, dbr_move);
}

/* What was written to while it should not have been, if that can be told. */
static int dbr_free_check(struct dbr_buffer *buf, struct dmabuf_revoke_free *arg)
{
	struct dbr_pages *pages = NULL;
	u64 *offsets;
	u32 capacity;
	int ret = 0;

	arg->checked = 0;
	arg->changed = 0;
	if (!(buf->flags & DMABUF_REVOKE_ALLOC_QUARANTINE))
		return 0;

	dma_resv_lock(buf->dmabuf->resv, NULL);
	if (buf->state == DMABUF_REVOKE_STATE_REVOKED)
		pages = dbr_pages_get(buf->pages);
	dma_resv_unlock(buf->dmabuf->resv);
	if (!pages)
		return 0;

	capacity = min_t(u64, arg->capacity, pages->nr_pages);
	offsets = kvmalloc_array(max(capacity, 1U), sizeof(*offsets),
				 GFP_KERNEL_ACCOUNT);
	if (!offsets) {
		ret = -ENOMEM;
		goto out_put;
	}
	arg->checked = 1;
	arg->changed = dbr_quarantine_check(pages, offsets, capacity);
	capacity = min(capacity, arg->changed);
	if (copy_to_user(u64_to_user_ptr(arg->offsets), offsets,
			 array_size(capacity, sizeof(*offsets))))
		ret = -EFAULT;
	kvfree(offsets);
out_put:
	dbr_pages_put(pages);
	return ret;
}

/* The id is given up last: whatever fails before leaves it. */
static int dbr_ioctl_free(struct ucmd *ucmd)
{
	struct dmabuf_revoke_free *arg = ucmd->arg;
	struct dbr_buffer *buf;
	int ret;

	if (arg->flags || arg->reserved)
		return -EINVAL;

	buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = dbr_free_check(buf, arg);
	if (!ret)
		ret = ucmd_respond(ucmd);
	if (!ret) {
		dbr_buffer_disown(buf);
		/* Even if it had no owner: who took it may not have revoked it yet. */
		dbr_revoke_orphan(buf, true);
	}
	dma_buf_put(buf->dmabuf);
	return ret;
}

static int dbr_ioctl_export(struct ucmd *ucmd)
{
	struct dmabuf_revoke_export *arg = ucmd->arg;
	struct dbr_buffer *buf;
	int ret;

	if (arg->flags || arg->fd_flags & ~O_CLOEXEC)
		return -EINVAL;

	buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	arg->fd = get_unused_fd_flags(arg->fd_flags);
	if (arg->fd < 0) {
		ret = arg->fd;
		goto err_put;
	}
	ret = ucmd_respond(ucmd);
	if (ret)
		goto err_fd;

	/* Consumes the reference. */
	dma_buf_fd_install(buf->dmabuf, arg->fd);
	return 0;

err_fd:
	put_unused_fd(arg->fd);
err_put:
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
	arg->faults = buf->faults;
	arg->attachments = 0;
	arg->legacy_attachments = 0;

	dma_resv_lock(dmabuf->resv, NULL);
	arg->state = buf->state;
	arg->orphaned = buf->orphaned;
	arg->moves = buf->generation;
	list_for_each_entry(attach, &dmabuf->attachments, node) {
		struct dbr_attachment *a = attach->priv;

		arg->attachments++;
		arg->legacy_attachments += !a->revocable;
	}
	dbr_report(buf, &arg->phases, &arg->pending);
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

static int dbr_blockers_copy(struct dbr_buffer *buf,
			     struct dmabuf_revoke_blockers *arg)
{
	struct dmabuf_revoke_blocker *array;
	u32 i, capacity;
	int ret = 0;

	/* Not the caller's capacity: memory for what there is now. */
	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	capacity = min(arg->capacity, dbr_blockers(buf, NULL, 0));
	dma_resv_unlock(buf->dmabuf->resv);

	array = kvcalloc(max(capacity, 1U), sizeof(*array), GFP_KERNEL_ACCOUNT);
	if (!array)
		return -ENOMEM;

	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL)) {
		ret = -ERESTARTSYS;
		goto out_free;
	}
	arg->count = dbr_blockers(buf, array, capacity);
	dma_resv_unlock(buf->dmabuf->resv);

	capacity = min(capacity, arg->count);
	for (i = 0; i < capacity; i++)
		array[i].since_ns = timens_from_host(array[i].since_ns);
	if (copy_to_user(u64_to_user_ptr(arg->blockers), array,
			 array_size(capacity, sizeof(*array))))
		ret = -EFAULT;
out_free:
	kvfree(array);
	return ret;
}

static int dbr_ioctl_blockers(struct ucmd *ucmd)
{
	struct dmabuf_revoke_blockers *arg = ucmd->arg;
	struct dbr_buffer *buf;
	int ret;

	if (arg->flags)
		return -EINVAL;

	buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = dbr_blockers_copy(buf, arg);
	dma_buf_put(buf->dmabuf);
	return ret ?: ucmd_respond(ucmd);
}

static int dbr_ioctl_list(struct ucmd *ucmd)
{
	struct dmabuf_revoke_list *arg = ucmd->arg;
	u32 capacity;
	int ret = 0;
	u64 *ids;

	if (arg->flags)
		return -EINVAL;

	/* Not the caller's capacity: memory for what there is now. */
	capacity = min_t(u64, arg->capacity, dbr_buffers_count());
	ids = kvmalloc_array(max(capacity, 1U), sizeof(*ids), GFP_KERNEL_ACCOUNT);
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
	UCMD_OP(DMABUF_REVOKE_IOC_ALLOC, dmabuf_revoke_alloc, faults,
		dbr_ioctl_alloc),
	UCMD_OP(DMABUF_REVOKE_IOC_REVOKE, dmabuf_revoke_revoke, pending,
		dbr_ioctl_revoke),
	UCMD_OP(DMABUF_REVOKE_IOC_QUERY, dmabuf_revoke_query, moves,
		dbr_ioctl_query),
	UCMD_OP(DMABUF_REVOKE_IOC_LIST, dmabuf_revoke_list, count,
		dbr_ioctl_list),
	UCMD_OP(DMABUF_REVOKE_IOC_RESTORE, dmabuf_revoke_restore, deadline_ns,
		dbr_ioctl_restore),
	UCMD_OP(DMABUF_REVOKE_IOC_MOVE, dmabuf_revoke_move, deadline_ns,
		dbr_ioctl_move),
	UCMD_OP(DMABUF_REVOKE_IOC_FREE, dmabuf_revoke_free, reserved,
		dbr_ioctl_free),
	UCMD_OP(DMABUF_REVOKE_IOC_EXPORT, dmabuf_revoke_export, fd_flags,
		dbr_ioctl_export),
	UCMD_OP(DMABUF_REVOKE_IOC_BLOCKERS, dmabuf_revoke_blockers, count,
		dbr_ioctl_blockers),
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
		/* There may be many, so that few pages each are not few. */
		dbr_revoke_orphan(buf, false);
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

	dbr_registry_teach_lockdep();

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
	/* Fences of moves may remain. */
	compat_fences_end();
}

module_init(dbr_init);
module_exit(dbr_exit);

MODULE_AUTHOR("The dmabuf-revoke developers");
MODULE_DESCRIPTION("Revocable dma-buf exporter");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
