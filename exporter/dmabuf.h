/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The upper floors: what others see of a buffer.
 */
#ifndef DBR_DMABUF_H
#define DBR_DMABUF_H

#include "exporter.h"
#include "faults.h"
#include "revoke.h"

/* cpu.c */
int dbr_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map);
void dbr_dmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map);
int dbr_dmabuf_begin_cpu_access(struct dma_buf *dmabuf,
				enum dma_data_direction dir);
int dbr_dmabuf_end_cpu_access(struct dma_buf *dmabuf,
			      enum dma_data_direction dir);
int dbr_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma);

/* attachment.c */
int dbr_dmabuf_attach(struct dma_buf *dmabuf,
		      struct dma_buf_attachment *attach);
void dbr_dmabuf_detach(struct dma_buf *dmabuf,
		       struct dma_buf_attachment *attach);
int dbr_dmabuf_pin(struct dma_buf_attachment *attach);
void dbr_dmabuf_unpin(struct dma_buf_attachment *attach);
struct sg_table *dbr_dmabuf_map(struct dma_buf_attachment *attach,
				enum dma_data_direction dir);
void dbr_dmabuf_unmap(struct dma_buf_attachment *attach,
		      struct sg_table *table, enum dma_data_direction dir);

/* buffer.c */
u64 dbr_buffers_count(void);
struct dbr_buffer *dbr_buffer_create(const struct dmabuf_revoke_alloc *arg);
struct dbr_buffer *dbr_buffer_get_fd(int fd);

/* ioctl.c */
long dbr_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* DBR_DMABUF_H */
