// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: how they come into being and go.
 */

#include <linux/fcntl.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "dmabuf.h"

static atomic64_t dbr_count;	/* of buffers that exist, registered or not */

u64 dbr_buffers_count(void)
{
	return atomic64_read(&dbr_count);
}

/* What it takes besides its memory, in pages: itself with its dma-buf is less than one. */
static pgoff_t dbr_buffer_objects(const struct dbr_buffer *buf)
{
	return buf->flags & DMABUF_REVOKE_ALLOC_ZERO_PAGE ? 2 : 1;
}

/* All but its memory. */
static void dbr_buffer_free(struct dbr_buffer *buf)
{
	if (buf->zero_page)
		__free_page(buf->zero_page);
	if (buf->account)
		dbr_account_uncharge(buf->account, DBR_CHARGE_OBJECTS,
				     dbr_buffer_objects(buf));
	kfree(buf);
}

/* The dma-buf is gone, and with it whoever could reach the buffer. */
static void dbr_dmabuf_release(struct dma_buf *dmabuf)
{
	struct dbr_buffer *buf = dmabuf->priv;

	dbr_fault_drop_kept(buf);
	dbr_pages_put(buf->pages);
	dma_fence_put(buf->move);
	atomic64_dec(&dbr_count);
	dbr_buffer_free(buf);
}

/* @no: which are absent on purpose, as dbr_fault_absent_ops() counts them */
#define DBR_DMABUF_OPS(no)						\
	[no] = {							\
		.attach = dbr_dmabuf_attach,				\
		.detach = dbr_dmabuf_detach,				\
		.pin = (no) & 4 ? NULL : dbr_dmabuf_pin,		\
		.unpin = (no) & 4 ? NULL : dbr_dmabuf_unpin,		\
		.map_dma_buf = dbr_dmabuf_map,				\
		.unmap_dma_buf = dbr_dmabuf_unmap,			\
		.vmap = (no) & 1 ? NULL : dbr_dmabuf_vmap,		\
		.vunmap = (no) & 1 ? NULL : dbr_dmabuf_vunmap,		\
		.begin_cpu_access = dbr_dmabuf_begin_cpu_access,	\
		.end_cpu_access = dbr_dmabuf_end_cpu_access,		\
		.mmap = (no) & 2 ? NULL : dbr_dmabuf_mmap,		\
		.release = dbr_dmabuf_release,				\
	}

static const struct dma_buf_ops dbr_dmabuf_ops[] = {
	DBR_DMABUF_OPS(0), DBR_DMABUF_OPS(1), DBR_DMABUF_OPS(2), DBR_DMABUF_OPS(3),
	DBR_DMABUF_OPS(4), DBR_DMABUF_OPS(5), DBR_DMABUF_OPS(6), DBR_DMABUF_OPS(7),
};

static struct dma_buf *dbr_buffer_export(struct dbr_buffer *buf, size_t size,
					 u32 fd_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.exp_name = buf->flags & DMABUF_REVOKE_ALLOC_QUARANTINE ?
		DMABUF_REVOKE_EXP_NAME_QUARANTINE : DMABUF_REVOKE_EXP_NAME;
	exp_info.ops = &dbr_dmabuf_ops[dbr_fault_absent_ops(buf)];
	exp_info.size = size;
	exp_info.flags = fd_flags & O_ACCMODE;
	exp_info.priv = buf;
	return dma_buf_export(&exp_info);
}

/* Length in pages. 0 and an errno: it cannot be. */
static pgoff_t dbr_length_to_pages(u64 length, int *ret)
{
	u64 size = PAGE_ALIGN(length);

	*ret = 0;
	if (!length)
		*ret = -EINVAL;
	else if (size < length || size > min_t(u64, SIZE_MAX, MAX_LFS_FILESIZE))
		*ret = -EOVERFLOW;
	return *ret ? 0 : size >> PAGE_SHIFT;
}

static int dbr_buffer_fill(struct dbr_buffer *buf, pgoff_t nr_pages)
{
	struct dbr_account *account = dbr_account_charge(DBR_CHARGE_OBJECTS,
							 dbr_buffer_objects(buf));

	if (IS_ERR(account))
		return PTR_ERR(account);
	buf->account = account;
	if (buf->flags & DMABUF_REVOKE_ALLOC_ZERO_PAGE) {
		buf->zero_page = alloc_page(GFP_CALLER | __GFP_HIGHMEM | __GFP_ZERO);
		if (!buf->zero_page)
			return -ENOMEM;
	}
	buf->pages = dbr_pages_alloc(nr_pages, &buf->shape);
	return PTR_ERR_OR_ZERO(buf->pages);
}

/**
 * dbr_buffer_create - a new live buffer with a dma-buf around it
 * @arg: length, policy and access mode
 *
 * Return: the buffer, with one dma-buf reference that is the caller's, or an
 * ERR_PTR: -EINVAL, -EOVERFLOW, -ENOMEM, -EINTR.
 */
struct dbr_buffer *dbr_buffer_create(const struct dmabuf_revoke_alloc *arg)
{
	struct dbr_shape shape;
	struct dbr_buffer *buf;
	pgoff_t nr_pages;
	int ret;

	nr_pages = dbr_length_to_pages(arg->length, &ret);
	if (!ret)
		ret = dbr_shape_init(&shape, arg->shape, arg->shape_arg, nr_pages);
	if (ret)
		return ERR_PTR(ret);

	buf = kzalloc_obj(*buf, GFP_CALLER);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->shape = shape;
	buf->flags = arg->flags;
	dbr_faults_init(buf, arg);
	INIT_LIST_HEAD(&buf->owned);
	INIT_LIST_HEAD(&buf->abandoned);
	dbr_revoke_init(buf);

	ret = dbr_buffer_fill(buf, nr_pages);
	if (ret)
		goto err_free;
	buf->dmabuf = dbr_buffer_export(buf, nr_pages << PAGE_SHIFT,
					arg->fd_flags);
	if (IS_ERR(buf->dmabuf)) {
		ret = PTR_ERR(buf->dmabuf);
		goto err_pages;
	}
	atomic64_inc(&dbr_count);
	return buf;

err_pages:
	dbr_pages_put(buf->pages);
err_free:
	dbr_buffer_free(buf);
	return ERR_PTR(ret);
}

/* By descriptor: the buffer, with a dma-buf reference, or an ERR_PTR. */
struct dbr_buffer *dbr_buffer_get_fd(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	/* What all of them have in common. */
	if (dmabuf->ops->release != dbr_dmabuf_release) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EINVAL);
	}
	return dmabuf->priv;
}
