/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The importer's trace events; docs/modules/events.md says what each means. The names of fields are
 * those of the exporter's. Emitted where it is so: under the resv lock, or under that of the
 * attachment, if one of them guards it.
 *
 * @attach is NULL in a record as long as the core has not returned it.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dmabuf_revoke_importer

#if !defined(DBI_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DBI_TRACE_H

#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/tracepoint.h>

#include "importer.h"

TRACE_DEFINE_ENUM(DMABUF_REVOKE_KIND_DYNAMIC);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_KIND_PINNED);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_KIND_LEGACY_STATIC);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_KIND_LEGACY_RDMA);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_OP_READ);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_OP_WRITE);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_OP_COPY);
TRACE_DEFINE_ENUM(DMA_RESV_USAGE_KERNEL);
TRACE_DEFINE_ENUM(DMA_RESV_USAGE_WRITE);
TRACE_DEFINE_ENUM(DMA_RESV_USAGE_READ);
TRACE_DEFINE_ENUM(DMA_RESV_USAGE_BOOKKEEP);
TRACE_DEFINE_ENUM(DMA_BIDIRECTIONAL);
TRACE_DEFINE_ENUM(DMA_TO_DEVICE);
TRACE_DEFINE_ENUM(DMA_FROM_DEVICE);

#define dbi_show_kind(kind)						\
	__print_symbolic(kind,						\
		{ DMABUF_REVOKE_KIND_DYNAMIC,		"dynamic" },	\
		{ DMABUF_REVOKE_KIND_PINNED,		"pinned" },	\
		{ DMABUF_REVOKE_KIND_LEGACY_STATIC,	"legacy-static" }, \
		{ DMABUF_REVOKE_KIND_LEGACY_RDMA,	"legacy-rdma" })

#define dbi_show_op(op)							\
	__print_symbolic(op,						\
		{ DMABUF_REVOKE_OP_READ,		"read" },	\
		{ DMABUF_REVOKE_OP_WRITE,		"write" },	\
		{ DMABUF_REVOKE_OP_COPY,		"copy" })

#define dbi_show_usage(usage)						\
	__print_symbolic(usage,						\
		{ DMA_RESV_USAGE_KERNEL,		"KERNEL" },	\
		{ DMA_RESV_USAGE_WRITE,			"WRITE" },	\
		{ DMA_RESV_USAGE_READ,			"READ" },	\
		{ DMA_RESV_USAGE_BOOKKEEP,		"BOOKKEEP" })

#define dbi_show_dir(dir)						\
	__print_symbolic(dir,						\
		{ DMA_BIDIRECTIONAL,			"BIDIRECTIONAL" }, \
		{ DMA_TO_DEVICE,			"TO_DEVICE" },	\
		{ DMA_FROM_DEVICE,			"FROM_DEVICE" })

DECLARE_EVENT_CLASS(dbi_attachment,
	TP_PROTO(const struct dbi_attachment *att, struct dma_buf_attachment *attach),
	TP_ARGS(att, attach),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(struct dma_buf_attachment *, attach)
		__string(dev_name, att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(att->dmabuf->file)->i_ino;
		__entry->attach = attach;
		compat_assign_str(dev_name, att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s",
		  __entry->ino, __entry->attach, __get_str(dev_name))
);

DEFINE_EVENT(dbi_attachment, dbi_told_begin,
	TP_PROTO(const struct dbi_attachment *att, struct dma_buf_attachment *attach),
	TP_ARGS(att, attach)
);

DEFINE_EVENT(dbi_attachment, dbi_told_end,
	TP_PROTO(const struct dbi_attachment *att, struct dma_buf_attachment *attach),
	TP_ARGS(att, attach)
);

DEFINE_EVENT(dbi_attachment, dbi_unpin,
	TP_PROTO(const struct dbi_attachment *att, struct dma_buf_attachment *attach),
	TP_ARGS(att, attach)
);

DEFINE_EVENT(dbi_attachment, dbi_detach,
	TP_PROTO(const struct dbi_attachment *att, struct dma_buf_attachment *attach),
	TP_ARGS(att, attach)
);

TRACE_EVENT(dbi_attach,
	TP_PROTO(const struct dbi_attachment *att, int ret),
	TP_ARGS(att, ret),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, context)
		__field(u64, misbehave)
		__field(struct dma_buf_attachment *, attach)
		__field(u32, kind)
		__field(u32, flags)
		__field(u32, engine)
		__field(int, ret)
		__string(dev_name, att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(att->dmabuf->file)->i_ino;
		__entry->context = att->fence_context;
		__entry->misbehave = att->misbehave;
		__entry->attach = ret ? NULL : att->attach;
		__entry->kind = att->kind_id;
		__entry->flags = att->flags;
		__entry->engine = att->engine;
		__entry->ret = ret;
		compat_assign_str(dev_name, att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s context=%llu kind=%s flags=%#x engine=%u misbehave=%#llx ret=%d",
		  __entry->ino, __entry->attach, __get_str(dev_name), __entry->context,
		  dbi_show_kind(__entry->kind), __entry->flags, __entry->engine,
		  __entry->misbehave, __entry->ret)
);

TRACE_EVENT(dbi_pin,
	TP_PROTO(const struct dbi_attachment *att, int ret),
	TP_ARGS(att, ret),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(struct dma_buf_attachment *, attach)
		__field(int, ret)
		__string(dev_name, att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(att->dmabuf->file)->i_ino;
		__entry->attach = att->attach;
		__entry->ret = ret;
		compat_assign_str(dev_name, att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s ret=%d",
		  __entry->ino, __entry->attach, __get_str(dev_name), __entry->ret)
);

/* @table: may be an ERR_PTR */
TRACE_EVENT(dbi_map,
	TP_PROTO(const struct dbi_mapping *map, int ret),
	TP_ARGS(map, ret),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, map)
		__field(struct dma_buf_attachment *, attach)
		__field(u32, dir)
		__field(u32, nents)
		__field(int, ret)
		__string(dev_name, map->att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(map->att->dmabuf->file)->i_ino;
		__entry->map = map->number;
		__entry->attach = map->att->attach;
		__entry->dir = map->dir;
		__entry->nents = ret ? 0 : map->table->nents;
		__entry->ret = ret;
		compat_assign_str(dev_name, map->att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s map=%llu dir=%s nents=%u ret=%d",
		  __entry->ino, __entry->attach, __get_str(dev_name), __entry->map,
		  dbi_show_dir(__entry->dir), __entry->nents, __entry->ret)
);

TRACE_EVENT(dbi_unmap,
	TP_PROTO(const struct dbi_mapping *map),
	TP_ARGS(map),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, map)
		__field(struct dma_buf_attachment *, attach)
		__string(dev_name, map->att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(map->att->dmabuf->file)->i_ino;
		__entry->map = map->number;
		__entry->attach = map->att->attach;
		compat_assign_str(dev_name, map->att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s map=%llu",
		  __entry->ino, __entry->attach, __get_str(dev_name), __entry->map)
);

TRACE_EVENT(dbi_fence_added,
	TP_PROTO(const struct dbi_attachment *att, const struct dma_fence *fence,
		 enum dma_resv_usage usage),
	TP_ARGS(att, fence, usage),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, context)
		__field(u64, seqno)
		__field(struct dma_buf_attachment *, attach)
		__field(u32, usage)
		__string(dev_name, att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(att->dmabuf->file)->i_ino;
		__entry->context = fence->context;
		__entry->seqno = fence->seqno;
		__entry->attach = att->attach;
		__entry->usage = usage;
		compat_assign_str(dev_name, att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s context=%llu seqno=%llu usage=%s",
		  __entry->ino, __entry->attach, __get_str(dev_name), __entry->context,
		  __entry->seqno, dbi_show_usage(__entry->usage))
);

TRACE_EVENT(dbi_job_queued,
	TP_PROTO(const struct dbi_job *job),
	TP_ARGS(job),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, context)
		__field(u64, seqno)
		__field(u64, map)
		__field(u64, offset)
		__field(u64, size)
		__field(struct dma_buf_attachment *, attach)
		__field(u32, op)
		__field(u32, flags)
		__string(dev_name, job->att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(job->att->dmabuf->file)->i_ino;
		__entry->context = job->fence.context;
		__entry->seqno = job->fence.seqno;
		__entry->map = job->map->number;
		__entry->offset = job->offset;
		__entry->size = job->length;
		__entry->attach = job->att->attach;
		__entry->op = job->op;
		__entry->flags = job->flags;
		compat_assign_str(dev_name, job->att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s context=%llu seqno=%llu map=%llu op=%s offset=%llu size=%llu flags=%#x",
		  __entry->ino, __entry->attach, __get_str(dev_name), __entry->context,
		  __entry->seqno, __entry->map, dbi_show_op(__entry->op),
		  __entry->offset, __entry->size, __entry->flags)
);

TRACE_EVENT(dbi_job_started,
	TP_PROTO(const struct dbi_job *job),
	TP_ARGS(job),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, context)
		__field(u64, seqno)
		__field(u64, map)
		__field(struct dma_buf_attachment *, attach)
		__string(dev_name, job->att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(job->att->dmabuf->file)->i_ino;
		__entry->context = job->fence.context;
		__entry->seqno = job->fence.seqno;
		__entry->map = job->map->number;
		__entry->attach = job->att->attach;
		compat_assign_str(dev_name, job->att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s context=%llu seqno=%llu map=%llu",
		  __entry->ino, __entry->attach, __get_str(dev_name), __entry->context,
		  __entry->seqno, __entry->map)
);

TRACE_EVENT(dbi_job_ended,
	TP_PROTO(const struct dbi_job *job),
	TP_ARGS(job),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, context)
		__field(u64, seqno)
		__field(u64, passes)
		__field(struct dma_buf_attachment *, attach)
		__field(int, ret)
		__string(dev_name, job->att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(job->att->dmabuf->file)->i_ino;
		__entry->context = job->fence.context;
		__entry->seqno = job->fence.seqno;
		__entry->passes = job->passes;
		__entry->attach = job->att->attach;
		__entry->ret = job->status;
		compat_assign_str(dev_name, job->att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s context=%llu seqno=%llu passes=%llu ret=%d",
		  __entry->ino, __entry->attach, __get_str(dev_name), __entry->context,
		  __entry->seqno, __entry->passes, __entry->ret)
);

TRACE_EVENT(dbi_misbehave,
	TP_PROTO(const struct dbi_attachment *att, const char *bug),
	TP_ARGS(att, bug),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(struct dma_buf_attachment *, attach)
		__string(bug, bug)
		__string(dev_name, att->device_name)
	),
	TP_fast_assign(
		__entry->ino = file_inode(att->dmabuf->file)->i_ino;
		__entry->attach = att->attach;
		compat_assign_str(bug, bug);
		compat_assign_str(dev_name, att->device_name);
	),
	TP_printk("ino=%llu attach=%p dev_name=%s bug=%s",
		  __entry->ino, __entry->attach, __get_str(dev_name), __get_str(bug))
);

#endif /* DBI_TRACE_H */

/* Outside of the guard. Found by -I, since the kernel's file is not beside this one. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
