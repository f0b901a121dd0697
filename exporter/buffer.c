// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: how they come into being and go, their ids, and what they may take.
 */

#include <linux/capability.h>
#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "exporter.h"

static unsigned int limit_mb;
module_param(limit_mb, uint, 0644);
MODULE_PARM_DESC(limit_mb,
		 "Memory that all buffers together may take, in MiB (0: half of the RAM)");

/*
 * The registry: id to buffer. The lock also guards dbr_buffer.owner and the lists
 * of the owners.
 */
static DEFINE_MUTEX(dbr_registry_lock);
static DEFINE_XARRAY(dbr_registry);
static unsigned long dbr_last_id;	/* the registry lock; ids are not reused */

/* Of buffers that exist, registered or not. */
static atomic64_t dbr_count;
static atomic64_t dbr_bytes;

/* Bytes that all buffers together may take. */
u64 dbr_buffers_limit(void)
{
	unsigned int mb = READ_ONCE(limit_mb);

	return mb ? (u64)mb << 20 : (u64)totalram_pages() / 2 << PAGE_SHIFT;
}

void dbr_buffers_usage(u64 *count, u64 *bytes)
{
	*count = atomic64_read(&dbr_count);
	*bytes = atomic64_read(&dbr_bytes);
}

static int dbr_bytes_charge(size_t bytes)
{
	if ((u64)atomic64_add_return(bytes, &dbr_bytes) <= dbr_buffers_limit())
		return 0;
	atomic64_sub(bytes, &dbr_bytes);
	return -ENOMEM;
}

static struct dma_buf *dbr_buffer_export(struct dbr_buffer *buf, size_t size,
					 u32 fd_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &dbr_dmabuf_ops;
	exp_info.size = size;
	exp_info.flags = fd_flags & O_ACCMODE;
	exp_info.priv = buf;
	return dma_buf_export(&exp_info);
}

/**
 * dbr_buffer_create - a new live buffer with a dma-buf around it
 * @length: bytes; rounded up to whole pages
 * @flags: DMABUF_REVOKE_ALLOC_*
 * @fd_flags: access mode of the dma-buf's file
 *
 * Return: the buffer, with one dma-buf reference that is the caller's, or an
 * ERR_PTR: -EINVAL, -EOVERFLOW, -ENOMEM, -EINTR.
 */
struct dbr_buffer *dbr_buffer_create(u64 length, u32 flags, u32 fd_flags)
{
	u64 size = PAGE_ALIGN(length);
	struct dbr_buffer *buf;
	int ret;

	if (!length)
		return ERR_PTR(-EINVAL);
	if (size < length || size > min_t(u64, SIZE_MAX, MAX_LFS_FILESIZE))
		return ERR_PTR(-EOVERFLOW);

	buf = kzalloc_obj(*buf, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->flags = flags;
	INIT_LIST_HEAD(&buf->owned);
	dbr_revoke_init(buf);

	ret = dbr_bytes_charge(size);
	if (ret)
		goto err_free;
	ret = dbr_pages_alloc(&buf->pages, size >> PAGE_SHIFT);
	if (ret)
		goto err_uncharge;

	buf->dmabuf = dbr_buffer_export(buf, size, fd_flags);
	if (IS_ERR(buf->dmabuf)) {
		ret = PTR_ERR(buf->dmabuf);
		goto err_pages;
	}
	atomic64_inc(&dbr_count);
	return buf;

err_pages:
	dbr_pages_free(&buf->pages);
err_uncharge:
	atomic64_sub(size, &dbr_bytes);
err_free:
	kfree(buf);
	return ERR_PTR(ret);
}

/* The dma-buf is gone, and with it whoever could reach the buffer. */
void dbr_buffer_destroy(struct dbr_buffer *buf)
{
	size_t size = (size_t)buf->pages.nr_pages << PAGE_SHIFT;

	dbr_pages_free(&buf->pages);
	atomic64_sub(size, &dbr_bytes);
	atomic64_dec(&dbr_count);
	kfree(buf);
}

/* Gives @buf its id, and room for it in the registry. 0, -ENOMEM or -ENFILE. */
int dbr_buffer_reserve_id(struct dbr_buffer *buf)
{
	int ret = -ENFILE;

	mutex_lock(&dbr_registry_lock);
	if (dbr_last_id < ULONG_MAX) {
		ret = xa_reserve(&dbr_registry, dbr_last_id + 1,
				 GFP_KERNEL_ACCOUNT);
		if (!ret)
			buf->id = ++dbr_last_id;
	}
	mutex_unlock(&dbr_registry_lock);
	return ret;
}

void dbr_buffer_unreserve_id(struct dbr_buffer *buf)
{
	mutex_lock(&dbr_registry_lock);
	xa_release(&dbr_registry, buf->id);
	mutex_unlock(&dbr_registry_lock);
}

/* Makes @buf known under its reserved id. Consumes a dma-buf reference. */
void dbr_buffer_publish(struct dbr_buffer *buf, struct dbr_owner *owner)
{
	mutex_lock(&dbr_registry_lock);
	buf->owner = owner;
	list_add_tail(&buf->owned, &owner->buffers);
	/* Cannot fail: the slot is reserved. */
	xa_store(&dbr_registry, buf->id, buf, GFP_KERNEL);
	mutex_unlock(&dbr_registry_lock);
}

/* Takes an orphan out of the registry and drops the owner's reference. */
void dbr_buffer_forget(struct dbr_buffer *buf)
{
	mutex_lock(&dbr_registry_lock);
	WARN_ON_ONCE(buf->owner);
	xa_erase(&dbr_registry, buf->id);
	mutex_unlock(&dbr_registry_lock);

	dma_buf_put(buf->dmabuf);
}

/**
 * dbr_buffer_get - find a buffer that its owner names
 * @owner: the file that asks
 * @id: the buffer
 *
 * Return: the buffer with a dma-buf reference, or an ERR_PTR: -ENOENT, -EPERM.
 */
struct dbr_buffer *dbr_buffer_get(struct dbr_owner *owner, u64 id)
{
	struct dbr_buffer *buf = NULL;

	mutex_lock(&dbr_registry_lock);
	if (id <= ULONG_MAX)
		buf = xa_load(&dbr_registry, id);
	if (!buf)
		buf = ERR_PTR(-ENOENT);
	else if (buf->owner != owner && !capable(CAP_SYS_ADMIN))
		buf = ERR_PTR(-EPERM);
	else
		get_dma_buf(buf->dmabuf);
	mutex_unlock(&dbr_registry_lock);
	return buf;
}

/**
 * dbr_buffer_pop - take a buffer from an owner that goes away
 * @owner: the owner
 *
 * Return: a buffer that has no owner now, with a dma-buf reference beside the one
 * that was the owner's; NULL when there is none left.
 */
struct dbr_buffer *dbr_buffer_pop(struct dbr_owner *owner)
{
	struct dbr_buffer *buf;

	mutex_lock(&dbr_registry_lock);
	buf = list_first_entry_or_null(&owner->buffers, struct dbr_buffer, owned);
	if (buf) {
		list_del_init(&buf->owned);
		buf->owner = NULL;
		get_dma_buf(buf->dmabuf);
	}
	mutex_unlock(&dbr_registry_lock);
	return buf;
}

/**
 * dbr_buffer_ids - the buffers that a file may name
 * @owner: the file that asks
 * @ids: receives the first of them, ascending
 * @capacity: how many fit
 *
 * Return: how many there are.
 */
u32 dbr_buffer_ids(struct dbr_owner *owner, u64 *ids, u32 capacity)
{
	bool all = capable(CAP_SYS_ADMIN);
	struct dbr_buffer *buf;
	unsigned long id;
	u32 count = 0;

	mutex_lock(&dbr_registry_lock);
	xa_for_each(&dbr_registry, id, buf) {
		if (!all && buf->owner != owner)
			continue;
		if (count < capacity)
			ids[count] = id;
		count++;
	}
	mutex_unlock(&dbr_registry_lock);
	return count;
}
