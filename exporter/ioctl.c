// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of the exporter's device.
 */

#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "dmabuf.h"
#include "timens.h"
#include "trace.h"
#include "ucmd.h"

static int dbr_ioctl_info(struct ucmd *ucmd)
{
	struct dmabuf_revoke_exporter_info *arg = ucmd->arg;

	if (arg->flags)
		return -EINVAL;

	arg->abi_version = DMABUF_REVOKE_ABI_VERSION;
	arg->page_size = PAGE_SIZE;
	arg->buffers = dbr_buffers_count();
	arg->bytes = dbr_account_memory();
	arg->limit_bytes = dbr_account_limit();
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

	trace_dbr_alloc(buf, arg->fd);
	/* One reference for the owner, one for the descriptor. */
	get_dma_buf(buf->dmabuf);
	dbr_buffer_register(buf, ucmd->file->private_data);
	dma_buf_fd_install(buf->dmabuf, arg->fd);
	return 0;
}

static int dbr_check_alloc(const struct dmabuf_revoke_alloc *arg)
{
	const u32 flags = DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY |
			  DMABUF_REVOKE_ALLOC_ZERO_PAGE |
			  DMABUF_REVOKE_ALLOC_QUARANTINE |
			  DMABUF_REVOKE_ALLOC_REFUSE_VMAP |
			  DMABUF_REVOKE_ALLOC_BARE_TABLE;
	u32 access = arg->fd_flags & O_ACCMODE;

	if (arg->flags & ~flags || arg->reserved)
		return -EINVAL;
	if (arg->fd_flags & ~(O_CLOEXEC | O_ACCMODE))
		return -EINVAL;
	if (access != O_RDONLY && access != O_RDWR)
		return -EINVAL;
	return dbr_faults_check_fixed(arg);
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
	struct dbr_buffer *buf;
	int ret;

	if (arg->flags & ~DMABUF_REVOKE_REVOKE_SUSPEND)
		return -EINVAL;

	buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = dbr_revoke(buf, arg);
	if ((!ret || ret == -ETIMEDOUT) && ucmd_respond(ucmd))
		ret = -EFAULT;
	dma_buf_put(buf->dmabuf);
	return ret;
}

static int dbr_ioctl_restore(struct ucmd *ucmd)
{
	struct dmabuf_revoke_restore *arg = ucmd->arg;
	struct dbr_buffer *buf;
	int ret;

	if (arg->flags)
		return -EINVAL;

	buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = dbr_restore(buf, arg->deadline_ns);
	dma_buf_put(buf->dmabuf);
	return ret;
}

/* In an older structure there is no number of the move. */
static bool dbr_move_has_number(const struct ucmd *ucmd)
{
	return ucmd->len >= offsetofend(struct dmabuf_revoke_move, moves);
}

static int dbr_move_respond(struct ucmd *ucmd)
{
	return dbr_move_has_number(ucmd) ? ucmd_respond(ucmd) : 0;
}

/* The number is written before the wait, so that a restarted call does not move it again. */
static int dbr_move_and_wait(struct ucmd *ucmd, struct dbr_buffer *buf)
{
	struct dmabuf_revoke_move *arg = ucmd->arg;
	int ret, unwritable = 0;

	if (!arg->moves) {
		/* That it cannot be written is better known before. */
		ret = dbr_move_respond(ucmd) ?: dbr_move(buf, arg);
		if (ret)
			return ret;
		unwritable = dbr_move_respond(ucmd);
	}
	ret = dbr_move_wait(buf, arg->moves, arg->deadline_ns);
	if (ret == -ERESTARTSYS && !dbr_move_has_number(ucmd))
		ret = -EINTR;
	return unwritable ?: ret;
}

static int dbr_ioctl_move(struct ucmd *ucmd)
{
	struct dmabuf_revoke_move *arg = ucmd->arg;
	struct dbr_buffer *buf;
	int ret;

	if (arg->flags || arg->reserved)
		return -EINVAL;

	buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = dbr_move_and_wait(ucmd, buf);
	dma_buf_put(buf->dmabuf);
	return ret;
}

/* What was written to while it should not have been, if that is known. */
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

	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	if (buf->state == DMABUF_REVOKE_STATE_REVOKED)
		pages = dbr_pages_get(buf->pages);
	dma_resv_unlock(buf->dmabuf->resv);
	if (!pages)
		return 0;

	capacity = min_t(u64, arg->capacity, pages->nr_memory);
	offsets = kvmalloc_array(max(capacity, 1U), sizeof(*offsets),
				 GFP_CALLER);
	if (!offsets) {
		ret = -ENOMEM;
		goto out_put;
	}
	arg->checked = 1;
	ret = dbr_quarantine_check(pages, offsets, capacity, &arg->changed);
	if (!ret && arg->changed)
		trace_dbr_late(buf, NULL, "write", arg->changed);
	if (!ret)
		ret = ucmd_copy_array(arg->offsets, offsets,
				      array_size(min(capacity, arg->changed),
						 sizeof(*offsets)));
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
	/* Even if it has no owner: who took it may not have revoked it yet. */
	if (!ret)
		ret = dbr_orphan(buf);
	if (!ret) {
		dbr_faults_end(buf);
		dbr_buffer_disown(buf);
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

	trace_dbr_export(buf, arg->fd);
	/* Consumes the reference. */
	dma_buf_fd_install(buf->dmabuf, arg->fd);
	return 0;

err_fd:
	put_unused_fd(arg->fd);
err_put:
	dma_buf_put(buf->dmabuf);
	return ret;
}

static int dbr_query_fill(struct dbr_buffer *buf,
			  struct dmabuf_revoke_query *arg)
{
	struct dma_buf *dmabuf = buf->dmabuf;
	struct dma_buf_attachment *attach;

	arg->id = buf->id;
	arg->length = dmabuf->size;
	arg->alloc_flags = buf->flags;
	arg->faults = buf->faults | READ_ONCE(buf->switched);
	arg->attachments = 0;
	arg->legacy_attachments = 0;

	if (dma_resv_lock_interruptible(dmabuf->resv, NULL))
		return -ERESTARTSYS;
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
	return 0;
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

	ret = dbr_query_fill(buf, arg) ?: ucmd_respond(ucmd);
	dma_buf_put(buf->dmabuf);
	return ret;
}

/*
 * 0: *@array has the first of them, as many as @arg->count says and fit in *@room.
 *
 * Memory for what there is now, not for the caller's capacity. More may come before it is
 * filled: again then, with room for as many as there have ever been, so that it ends.
 */
static int dbr_blockers_collect(struct dbr_buffer *buf,
				struct dmabuf_revoke_blockers *arg,
				struct dmabuf_revoke_blocker **array, u32 *room)
{
	struct dma_resv *resv = buf->dmabuf->resv;
	u32 most = 0;

	do {
		kvfree(*array);
		*array = NULL;
		if (dma_resv_lock_interruptible(resv, NULL))
			return -ERESTARTSYS;
		most = max(most, dbr_blockers(buf, NULL, 0));
		dma_resv_unlock(resv);
		*room = min(arg->capacity, most);

		*array = kvcalloc(max(*room, 1U), sizeof(**array), GFP_CALLER);
		if (!*array)
			return -ENOMEM;

		if (dma_resv_lock_interruptible(resv, NULL))
			return -ERESTARTSYS;
		arg->count = dbr_blockers(buf, *array, *room);
		dma_resv_unlock(resv);
		most = max(most, arg->count);
	} while (*room < min(arg->capacity, most));
	return 0;
}

static int dbr_blockers_copy(struct dbr_buffer *buf,
			     struct dmabuf_revoke_blockers *arg)
{
	struct dmabuf_revoke_blocker *array = NULL;
	u32 i, n;
	int ret;

	ret = dbr_blockers_collect(buf, arg, &array, &n);
	if (ret)
		goto out_free;
	n = min(n, arg->count);
	for (i = 0; i < n; i++)
		array[i].since_ns = timens_from_host(array[i].since_ns);
	ret = ucmd_copy_array(arg->blockers, array, array_size(n, sizeof(*array)));
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

static int dbr_ioctl_faults(struct ucmd *ucmd)
{
	const struct dmabuf_revoke_faults *arg = ucmd->arg;
	struct dbr_buffer *buf;
	int ret;

	ret = dbr_faults_check_switched(arg);
	if (ret)
		return ret;

	buf = dbr_buffer_get(ucmd->file->private_data, arg->id);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	if (arg->flags & DMABUF_REVOKE_FAULTS_AWAIT) {
		ret = dbr_faults_await(buf, arg->deadline_ns);
	} else {
		dbr_faults_log(arg->faults);
		ret = dbr_faults_switch(buf, arg);
	}
	dma_buf_put(buf->dmabuf);
	return ret;
}

static int dbr_ioctl_list(struct ucmd *ucmd)
{
	struct dmabuf_revoke_list *arg = ucmd->arg;
	u64 last, *ids;
	u32 room;
	int ret;

	if (arg->flags)
		return -EINVAL;

	/* In this order there is room for each that has an id up to @last. */
	last = dbr_buffers_last();
	room = min_t(u64, arg->capacity, dbr_buffers_count());
	ids = kvmalloc_array(max(room, 1U), sizeof(*ids), GFP_CALLER);
	if (!ids)
		return -ENOMEM;
	ret = dbr_buffer_ids(ucmd->file->private_data, last, ids, room, &arg->count);
	if (!ret)
		ret = ucmd_copy_array(arg->ids, ids,
				      array_size(min(room, arg->count),
						 sizeof(*ids)));
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
	UCMD_OP(DMABUF_REVOKE_IOC_FAULTS, dmabuf_revoke_faults, deadline_ns,
		dbr_ioctl_faults),
};

long dbr_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ucmd_dispatch(file, cmd, arg, dbr_ops, ARRAY_SIZE(dbr_ops));
}
