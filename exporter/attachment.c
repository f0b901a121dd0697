// SPDX-License-Identifier: GPL-2.0-only
/*
 * What importers get to see of a buffer: the dma_buf_ops of attachments.
 *
 * Everything that hands out the memory decides under the resv lock, where the
 * state cannot change. attach is not called under it: its checks are a courtesy that
 * fails early.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include "dmabuf.h"
#include "trace.h"

static bool dbr_admits(struct dbr_buffer *buf, struct dbr_attachment *a)
{
	return a->revocable ||
	       buf->flags & DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY ||
	       dbr_fault_skips_legacy_test(buf);
}

/* A mapping in advance, so that map has nothing to allocate. */
static int dbr_attachment_fill(struct dbr_attachment *a, struct dbr_buffer *buf,
			       struct device *dev)
{
	dma_resv_lock(buf->dmabuf->resv, NULL);
	a->spare = buf->pages ? dbr_mapping_create(buf, dev) : ERR_PTR(-ENODEV);
	dma_resv_unlock(buf->dmabuf->resv);
	return PTR_ERR_OR_ZERO(a->spare);
}

/*
 * Whether @dev can map the buffer. Each bounce buffer is a copy of its own: of memory that is there
 * again and again the one that is written back last would win.
 */
static bool dbr_suits_device(struct dbr_buffer *buf, struct device *dev)
{
	return dbr_device_can_map(dev) &&
	       !(buf->shape.kind == DMABUF_REVOKE_SHAPE_REPEATED &&
		 dbr_device_may_bounce(dev));
}

static int dbr_attach(struct dbr_buffer *buf, struct dma_buf_attachment *attach)
{
	struct dbr_attachment *a;
	int ret;

	/* A suspended buffer will come back: attaching does no harm. */
	if (dbr_is_gone(buf))
		return -ENODEV;
	/* Who learns it only from map tries again for ever. */
	if (!dbr_suits_device(buf, attach->dev) && !dbr_fault_skips_device_test(buf))
		return -EIO;
	ret = dbr_fault_attach(buf);
	if (ret)
		return ret;

	a = kzalloc_obj(*a, GFP_CALLER);
	if (!a)
		return -ENOMEM;
	INIT_LIST_HEAD(&a->mappings);
	a->revocable = dma_buf_attach_revocable(attach);
	if (!dbr_admits(buf, a)) {
		ret = -EOPNOTSUPP;
		goto err_free;
	}
	ret = dbr_attachment_fill(a, buf, attach->dev);
	if (ret)
		goto err_free;

	attach->priv = a;
	return 0;

err_free:
	kfree(a);
	return ret;
}

int dbr_dmabuf_attach(struct dma_buf *dmabuf,
		      struct dma_buf_attachment *attach)
{
	int ret = dbr_attach(dmabuf->priv, attach);

	trace_dbr_attach(attach, ret);
	trace_dbr_refused(dmabuf->priv, attach, "attach", ret);
	return ret;
}

/*
 * Of an importer that has left them behind. It will not unpin any more, nor can it be revoked,
 * but its device may still use tables and memory: neither is ever freed, and the buffer
 * stays mapped.
 */
static void dbr_attachment_abandon(struct dbr_buffer *buf, struct dbr_attachment *a)
{
	struct dbr_mapping *m;

	dma_resv_lock(buf->dmabuf->resv, NULL);
	buf->pins -= a->pins;
	list_for_each_entry(m, &a->mappings, of_attachment) {
		dbr_mapping_abandon(m);
		if (a->revocable)
			buf->legacy_maps++;
	}
	list_splice(&a->mappings, &buf->abandoned);
	dma_resv_unlock(buf->dmabuf->resv);
}

void dbr_dmabuf_detach(struct dma_buf *dmabuf,
		       struct dma_buf_attachment *attach)
{
	struct dbr_attachment *a = attach->priv;

	trace_dbr_detach(attach);
	if (WARN_ONCE(a->pins, "%s: detached while pinned\n", dev_name(attach->dev)) |
	    WARN_ONCE(!list_empty(&a->mappings), "%s: detached while mapped\n",
		      dev_name(attach->dev))) {
		trace_dbr_late(dmabuf->priv, attach, "detach", a->pins);
		dbr_attachment_abandon(dmabuf->priv, a);
	}
	dbr_mapping_destroy(a->spare);
	kfree(a);
}

/* 0, or why it cannot be pinned. */
static int dbr_check_pin(struct dbr_buffer *buf, struct dbr_attachment *a)
{
	int ret;

	dma_resv_assert_held(buf->dmabuf->resv);

	ret = dbr_check_state(buf);
	if (ret)
		return ret;
	if (!dbr_admits(buf, a))
		return -EOPNOTSUPP;
	return dbr_fault_pin(buf);
}

int dbr_dmabuf_pin(struct dma_buf_attachment *attach)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	ret = dbr_check_pin(buf, a);
	trace_dbr_refused(buf, attach, "pin", ret);
	if (ret)
		return ret;
	a->pins++;
	buf->pins++;
	trace_dbr_pin(attach);
	dbr_fault_pinned(buf);
	return 0;
}

void dbr_dmabuf_unpin(struct dma_buf_attachment *attach)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	/* No WARN: there is an importer that does so on demand. */
	if (!a->pins) {
		pr_warn_ratelimited("%s: unpinned without a pin\n",
				    dev_name(attach->dev));
		trace_dbr_late(buf, attach, "unpin", 0);
		return;
	}
	a->pins--;
	buf->pins--;
	trace_dbr_unpin(attach);
}

/* The spare, if there is one and the buffer was not moved since; or a new mapping. */
static struct dbr_mapping *dbr_attachment_take(struct dbr_attachment *a,
					       struct dbr_buffer *buf,
					       struct device *dev)
{
	struct dbr_mapping *m = a->spare;

	dma_resv_assert_held(buf->dmabuf->resv);

	a->spare = NULL;
	if (likely(m && m->generation == buf->generation))
		return m;
	dbr_mapping_destroy(m);
	return dbr_mapping_create(buf, dev);
}

/* For the next map. One is enough, of the pages that the buffer has now. */
static void dbr_attachment_keep(struct dbr_attachment *a, struct dbr_buffer *buf,
				struct dbr_mapping *m)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (m->generation == buf->generation)
		swap(m, a->spare);
	dbr_mapping_destroy(m);
}

static struct dbr_mapping *dbr_attachment_map(struct dma_buf_attachment *attach,
					      enum dma_data_direction dir)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;
	struct dbr_mapping *m;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	ret = dbr_check_state(buf) ?: dbr_fault_map(buf, !list_empty(&a->mappings));
	if (ret)
		return ERR_PTR(ret);
	/* It was let in by that fault; the DMA API takes no errno for it. */
	if (dbr_fault_skips_device_test(buf) && !dbr_suits_device(buf, attach->dev))
		return ERR_PTR(-EIO);

	m = dbr_attachment_take(a, buf, attach->dev);
	if (IS_ERR(m))
		return m;
	ret = dbr_mapping_map(m, buf->pages, dir);
	if (ret) {
		dbr_attachment_keep(a, buf, m);
		return ERR_PTR(ret);
	}
	return m;
}

struct sg_table *dbr_dmabuf_map(struct dma_buf_attachment *attach,
				enum dma_data_direction dir)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;
	struct dbr_mapping *m;

	dma_resv_assert_held(attach->dmabuf->resv);

	m = dbr_attachment_map(attach, dir);
	trace_dbr_refused(buf, attach, "map", PTR_ERR_OR_ZERO(m));
	if (IS_ERR(m))
		return ERR_CAST(m);

	list_add_tail(&m->of_attachment, &a->mappings);
	buf->maps++;
	if (!a->revocable)
		buf->legacy_maps++;
	trace_dbr_map(attach, m);
	if (trace_dbr_late_enabled() && dbr_is_taken_back(buf))
		trace_dbr_late(buf, attach, "map", 0);
	dbr_fault_mapped(buf);
	return dbr_mapping_table(m);
}

/* Of those that the attachment holds; or NULL. */
static struct dbr_mapping *dbr_attachment_find(struct dbr_attachment *a,
					       struct sg_table *table)
{
	struct dbr_mapping *m;

	list_for_each_entry(m, &a->mappings, of_attachment)
		if (dbr_mapping_table(m) == table)
			return m;
	return NULL;
}

void dbr_dmabuf_unmap(struct dma_buf_attachment *attach,
		      struct sg_table *table, enum dma_data_direction dir)
{
	struct dbr_buffer *buf = attach->dmabuf->priv;
	struct dbr_attachment *a = attach->priv;
	struct dbr_mapping *m;

	dma_resv_assert_held(attach->dmabuf->resv);

	m = dbr_attachment_find(a, table);
	if (WARN_ONCE(!m || dir != m->dir, "%s: unmapped what was not mapped so\n",
		      dev_name(attach->dev)))
		return;

	list_del(&m->of_attachment);
	dbr_mapping_unmap(m);
	buf->maps--;
	if (!a->revocable)
		buf->legacy_maps--;
	trace_dbr_unmap(attach, m);
	if (trace_dbr_late_enabled() && buf->state == DMABUF_REVOKE_STATE_REVOKED)
		trace_dbr_late(buf, attach, "unmap", 0);
	dbr_attachment_keep(a, buf, m);
	dbr_revoke_advance(buf);
}
