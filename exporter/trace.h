/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exporter's trace events; docs/modules/events.md says what each means. What is the same in
 * several has the same name, which is that of the kernel's events on dma-bufs where there are
 * such. Emitted where it is so: under the resv lock, if that guards it.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dmabuf_revoke_exporter

#if !defined(DBR_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DBR_TRACE_H

#include <linux/fs.h>
#include <linux/tracepoint.h>

#include "exporter.h"

TRACE_DEFINE_ENUM(DMABUF_REVOKE_STATE_LIVE);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_STATE_REVOKING);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_STATE_REVOKED);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_STATE_SUSPENDING);
TRACE_DEFINE_ENUM(DMABUF_REVOKE_STATE_SUSPENDED);
TRACE_DEFINE_ENUM(DMA_BIDIRECTIONAL);
TRACE_DEFINE_ENUM(DMA_TO_DEVICE);
TRACE_DEFINE_ENUM(DMA_FROM_DEVICE);

#define dbr_show_state(state)						\
	__print_symbolic(state,						\
		{ DMABUF_REVOKE_STATE_LIVE,		"live" },	\
		{ DMABUF_REVOKE_STATE_REVOKING,		"revoking" },	\
		{ DMABUF_REVOKE_STATE_REVOKED,		"revoked" },	\
		{ DMABUF_REVOKE_STATE_SUSPENDING,	"suspending" },	\
		{ DMABUF_REVOKE_STATE_SUSPENDED,	"suspended" })

#define dbr_show_dir(dir)						\
	__print_symbolic(dir,						\
		{ DMA_BIDIRECTIONAL,	"BIDIRECTIONAL" },		\
		{ DMA_TO_DEVICE,	"TO_DEVICE" },			\
		{ DMA_FROM_DEVICE,	"FROM_DEVICE" })

DECLARE_EVENT_CLASS(dbr_buffer,
	TP_PROTO(const struct dbr_buffer *buf),
	TP_ARGS(buf),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
	),
	TP_printk("id=%llu ino=%llu", __entry->id, __entry->ino)
);

DEFINE_EVENT(dbr_buffer, dbr_invalidate_begin,
	TP_PROTO(const struct dbr_buffer *buf),
	TP_ARGS(buf)
);

DEFINE_EVENT(dbr_buffer, dbr_invalidate_end,
	TP_PROTO(const struct dbr_buffer *buf),
	TP_ARGS(buf)
);

DEFINE_EVENT(dbr_buffer, dbr_zap,
	TP_PROTO(const struct dbr_buffer *buf),
	TP_ARGS(buf)
);

DECLARE_EVENT_CLASS(dbr_attachment,
	TP_PROTO(struct dma_buf_attachment *attach),
	TP_ARGS(attach),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(struct dma_buf_attachment *, attach)
		__field(u32, pins)
		__string(dev_name, dev_name(attach->dev))
	),
	TP_fast_assign(
		const struct dbr_attachment *a = attach->priv;
		const struct dbr_buffer *buf = attach->dmabuf->priv;

		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->attach = attach;
		__entry->pins = a->pins;
		compat_assign_str(dev_name, dev_name(attach->dev));
	),
	TP_printk("id=%llu ino=%llu attach=%p dev_name=%s pins=%u",
		  __entry->id, __entry->ino, __entry->attach, __get_str(dev_name),
		  __entry->pins)
);

DEFINE_EVENT(dbr_attachment, dbr_pin,
	TP_PROTO(struct dma_buf_attachment *attach),
	TP_ARGS(attach)
);

DEFINE_EVENT(dbr_attachment, dbr_unpin,
	TP_PROTO(struct dma_buf_attachment *attach),
	TP_ARGS(attach)
);

DEFINE_EVENT(dbr_attachment, dbr_detach,
	TP_PROTO(struct dma_buf_attachment *attach),
	TP_ARGS(attach)
);

DECLARE_EVENT_CLASS(dbr_mapping,
	TP_PROTO(struct dma_buf_attachment *attach, const struct dbr_mapping *m),
	TP_ARGS(attach, m),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u64, moves)
		__field(struct dma_buf_attachment *, attach)
		__field(u32, dir)
		__field(u32, nents)
		__field(u32, maps)
		__string(dev_name, dev_name(attach->dev))
	),
	TP_fast_assign(
		const struct dbr_buffer *buf = attach->dmabuf->priv;

		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->moves = m->generation;
		__entry->attach = attach;
		__entry->dir = m->dir;
		__entry->nents = m->table.nents;
		__entry->maps = buf->maps;
		compat_assign_str(dev_name, dev_name(attach->dev));
	),
	TP_printk("id=%llu ino=%llu attach=%p dev_name=%s dir=%s nents=%u moves=%llu maps=%u",
		  __entry->id, __entry->ino, __entry->attach, __get_str(dev_name),
		  dbr_show_dir(__entry->dir), __entry->nents, __entry->moves, __entry->maps)
);

DEFINE_EVENT(dbr_mapping, dbr_map,
	TP_PROTO(struct dma_buf_attachment *attach, const struct dbr_mapping *m),
	TP_ARGS(attach, m)
);

DEFINE_EVENT(dbr_mapping, dbr_unmap,
	TP_PROTO(struct dma_buf_attachment *attach, const struct dbr_mapping *m),
	TP_ARGS(attach, m)
);

DECLARE_EVENT_CLASS(dbr_vmapping,
	TP_PROTO(const struct dbr_buffer *buf),
	TP_ARGS(buf),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u32, vmaps)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->vmaps = buf->vmaps;
	),
	TP_printk("id=%llu ino=%llu vmaps=%u", __entry->id, __entry->ino, __entry->vmaps)
);

DEFINE_EVENT(dbr_vmapping, dbr_vmap,
	TP_PROTO(const struct dbr_buffer *buf),
	TP_ARGS(buf)
);

DEFINE_EVENT(dbr_vmapping, dbr_vunmap,
	TP_PROTO(const struct dbr_buffer *buf),
	TP_ARGS(buf)
);

DECLARE_EVENT_CLASS(dbr_fence,
	TP_PROTO(const struct dbr_buffer *buf, const struct dma_fence *fence),
	TP_ARGS(buf, fence),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u64, context)
		__field(u64, seqno)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->context = fence->context;
		__entry->seqno = fence->seqno;
		__entry->ret = fence->error;
	),
	TP_printk("id=%llu ino=%llu context=%llu seqno=%llu ret=%d",
		  __entry->id, __entry->ino, __entry->context, __entry->seqno,
		  __entry->ret)
);

DEFINE_EVENT(dbr_fence, dbr_fence_awaited,
	TP_PROTO(const struct dbr_buffer *buf, const struct dma_fence *fence),
	TP_ARGS(buf, fence)
);

DEFINE_EVENT(dbr_fence, dbr_fence_done,
	TP_PROTO(const struct dbr_buffer *buf, const struct dma_fence *fence),
	TP_ARGS(buf, fence)
);

DEFINE_EVENT(dbr_fence, dbr_moved,
	TP_PROTO(const struct dbr_buffer *buf, const struct dma_fence *fence),
	TP_ARGS(buf, fence)
);

TRACE_EVENT(dbr_move,
	TP_PROTO(const struct dbr_buffer *buf, const struct dma_fence *fence),
	TP_ARGS(buf, fence),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u64, context)
		__field(u64, seqno)
		__field(u64, moves)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->context = fence->context;
		__entry->seqno = fence->seqno;
		__entry->moves = buf->generation;
	),
	TP_printk("id=%llu ino=%llu context=%llu seqno=%llu moves=%llu",
		  __entry->id, __entry->ino, __entry->context, __entry->seqno,
		  __entry->moves)
);

TRACE_EVENT(dbr_alloc,
	TP_PROTO(const struct dbr_buffer *buf, int fd),
	TP_ARGS(buf, fd),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u64, size)
		__field(u64, faults)
		__field(u32, flags)
		__field(u32, shape)
		__field(int, fd)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->size = buf->dmabuf->size;
		__entry->faults = buf->faults | buf->switched;
		__entry->flags = buf->flags;
		__entry->shape = buf->shape.kind;
		__entry->fd = fd;
	),
	TP_printk("id=%llu ino=%llu size=%llu flags=%#x faults=%#llx shape=%u fd=%d",
		  __entry->id, __entry->ino, __entry->size, __entry->flags,
		  __entry->faults, __entry->shape, __entry->fd)
);

TRACE_EVENT(dbr_export,
	TP_PROTO(const struct dbr_buffer *buf, int fd),
	TP_ARGS(buf, fd),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(int, fd)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->fd = fd;
	),
	TP_printk("id=%llu ino=%llu fd=%d", __entry->id, __entry->ino, __entry->fd)
);

TRACE_EVENT(dbr_attach,
	TP_PROTO(struct dma_buf_attachment *attach, int ret),
	TP_ARGS(attach, ret),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(struct dma_buf_attachment *, attach)
		__field(int, ret)
		__field(bool, is_dynamic)
		__field(bool, peer2peer)
		__field(bool, revocable)
		__field(bool, admitted)
		__string(dev_name, dev_name(attach->dev))
	),
	TP_fast_assign(
		const struct dbr_buffer *buf = attach->dmabuf->priv;

		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->attach = attach;
		__entry->ret = ret;
		__entry->is_dynamic = attach->importer_ops;
		__entry->peer2peer = attach->peer2peer;
		__entry->revocable = dma_buf_attach_revocable(attach);
		__entry->admitted = !ret;
		compat_assign_str(dev_name, dev_name(attach->dev));
	),
	TP_printk("id=%llu ino=%llu attach=%p dev_name=%s is_dynamic=%d peer2peer=%d revocable=%d admitted=%d ret=%d",
		  __entry->id, __entry->ino, __entry->attach, __get_str(dev_name),
		  __entry->is_dynamic, __entry->peer2peer, __entry->revocable,
		  __entry->admitted, __entry->ret)
);

/* Only with @ret. @attach: NULL if a CPU was refused */
TRACE_EVENT_CONDITION(dbr_refused,
	TP_PROTO(const struct dbr_buffer *buf, struct dma_buf_attachment *attach,
		 const char *call, int ret),
	TP_ARGS(buf, attach, call, ret),
	TP_CONDITION(ret),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(struct dma_buf_attachment *, attach)
		__field(int, ret)
		__string(call, call)
		__string(dev_name, attach ? dev_name(attach->dev) : "")
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->attach = attach;
		__entry->ret = ret;
		compat_assign_str(call, call);
		compat_assign_str(dev_name, attach ? dev_name(attach->dev) : "");
	),
	TP_printk("id=%llu ino=%llu attach=%p dev_name=%s call=%s ret=%d",
		  __entry->id, __entry->ino, __entry->attach, __get_str(dev_name),
		  __get_str(call), __entry->ret)
);

TRACE_EVENT(dbr_mmap,
	TP_PROTO(const struct dbr_buffer *buf, const struct vm_area_struct *vma),
	TP_ARGS(buf, vma),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u64, address)
		__field(u64, size)
		__field(u64, pgoff)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->address = vma->vm_start;
		__entry->size = vma->vm_end - vma->vm_start;
		__entry->pgoff = vma->vm_pgoff;
	),
	TP_printk("id=%llu ino=%llu address=%#llx size=%llu pgoff=%llu",
		  __entry->id, __entry->ino, __entry->address, __entry->size,
		  __entry->pgoff)
);

TRACE_EVENT(dbr_fault,
	TP_PROTO(const struct dbr_buffer *buf, const struct vm_fault *vmf,
		 vm_fault_t result),
	TP_ARGS(buf, vmf, result),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u64, address)
		__field(u64, pgoff)
		__field(u32, result)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->address = vmf->address;
		__entry->pgoff = vmf->pgoff;
		__entry->result = (__force u32)result;
	),
	TP_printk("id=%llu ino=%llu address=%#llx pgoff=%llu result=%#x",
		  __entry->id, __entry->ino, __entry->address, __entry->pgoff,
		  __entry->result)
);

TRACE_EVENT(dbr_state,
	TP_PROTO(const struct dbr_buffer *buf, enum dmabuf_revoke_state state),
	TP_ARGS(buf, state),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u32, old)
		__field(u32, state)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->old = buf->state;
		__entry->state = state;
	),
	TP_printk("id=%llu ino=%llu old=%s state=%s",
		  __entry->id, __entry->ino, dbr_show_state(__entry->old),
		  dbr_show_state(__entry->state))
);

TRACE_EVENT(dbr_give_back,
	TP_PROTO(const struct dbr_buffer *buf),
	TP_ARGS(buf),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u64, size)
		__field(bool, kept)
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->size = buf->dmabuf->size;
		__entry->kept = buf->pages;
	),
	TP_printk("id=%llu ino=%llu size=%llu kept=%d",
		  __entry->id, __entry->ino, __entry->size, __entry->kept)
);

/* @attach: NULL if it is nobody's, or not known whose */
TRACE_EVENT(dbr_late,
	TP_PROTO(const struct dbr_buffer *buf, struct dma_buf_attachment *attach,
		 const char *call, u64 value),
	TP_ARGS(buf, attach, call, value),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, ino)
		__field(u64, value)
		__field(struct dma_buf_attachment *, attach)
		__string(call, call)
		__string(dev_name, attach ? dev_name(attach->dev) : "")
	),
	TP_fast_assign(
		__entry->id = buf->id;
		__entry->ino = file_inode(buf->dmabuf->file)->i_ino;
		__entry->value = value;
		__entry->attach = attach;
		compat_assign_str(call, call);
		compat_assign_str(dev_name, attach ? dev_name(attach->dev) : "");
	),
	TP_printk("id=%llu ino=%llu attach=%p dev_name=%s call=%s value=%llu",
		  __entry->id, __entry->ino, __entry->attach, __get_str(dev_name),
		  __get_str(call), __entry->value)
);

#endif /* DBR_TRACE_H */

/* Outside of the guard. Found by -I, since the kernel's file is not beside this one. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
