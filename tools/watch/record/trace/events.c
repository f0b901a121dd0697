// SPDX-License-Identifier: GPL-2.0-only
#include "watch/record/trace/events.h"

#define EXPORTER	"dmabuf_revoke_exporter"
#define IMPORTER	"dmabuf_revoke_importer"

/* A kernel may lack any of them. Of ours: what no probe sees. */
static const struct source events[] = {
	{ "dma_fence", "dma_fence_signaled", RAW_FENCE_SIGNALED, false, -1 },
	{ "lock", "contention_begin", RAW_CONTEND, false, -1 },
	{ "lock", "contention_end", RAW_CONTENDED, false, -1 },
	{ "dma", "dma_map_sg", RAW_DMA_MAP, false, -1 },
	{ "dma", "dma_unmap_sg", RAW_DMA_UNMAP, false, -1 },
	{ "iommu", "io_page_fault", RAW_DMA_FAULT, false, -1 },
	{ "dma_buf", "dma_buf_fd", RAW_DESCRIPTOR, false, -1 },
	{ "dma_buf", "dma_buf_get", RAW_DESCRIPTOR, false, -1 },
	{ EXPORTER, "dbr_fault", RAW_OWN_FAULT, false, -1 },
	{ EXPORTER, "dbr_state", RAW_OWN_STATE, false, -1 },
	{ EXPORTER, "dbr_fence_awaited", RAW_OWN_WAIT, false, -1 },
	{ EXPORTER, "dbr_fence_done", RAW_OWN_WAITED, false, -1 },
	{ EXPORTER, "dbr_refused", RAW_OWN_MARK, false, -1 },
	{ EXPORTER, "dbr_late", RAW_OWN_MARK, false, -1 },
	{ EXPORTER, "dbr_give_back", RAW_OWN_MARK, false, -1 },
	{ EXPORTER, "dbr_move", RAW_OWN_MARK, false, -1 },
	{ EXPORTER, "dbr_moved", RAW_OWN_MARK, false, -1 },
	{ IMPORTER, "dbi_attach", RAW_OWN_CONTEXT, false, -1 },
	{ IMPORTER, "dbi_job_queued", RAW_OWN_MARK, false, -1 },
	{ IMPORTER, "dbi_job_started", RAW_OWN_JOB, false, -1 },
	{ IMPORTER, "dbi_job_ended", RAW_OWN_JOB_DONE, false, -1 },
	{ IMPORTER, "dbi_misbehave", RAW_OWN_MARK, false, -1 },
};

/*
 * Instead of probes. What begins is followed by what ends it. The core's events of 7.3 are of all
 * buffers; ours say more of ours.
 */
static const struct source alone[] = {
	{ "dma_buf", "dma_buf_export", RAW_ALONE_EXPORT, false, -1 },
	{ "dma_buf", "dma_buf_dynamic_attach", RAW_ALONE_ATTACH, false, -1 },
	{ "dma_buf", "dma_buf_detach", RAW_ALONE_DETACH, false, -1 },
	{ "dma_buf", "dma_buf_mmap", RAW_ALONE_MMAP, false, -1 },
	{ "dma_buf", "dma_buf_mmap_internal", RAW_ALONE_MMAP, false, -1 },
	{ EXPORTER, "dbr_alloc", RAW_ALONE_EXPORT, false, -1 },
	{ EXPORTER, "dbr_attach", RAW_ALONE_ATTACH, false, -1 },
	{ EXPORTER, "dbr_detach", RAW_ALONE_DETACH, false, -1 },
	{ EXPORTER, "dbr_pin", RAW_ALONE_PIN, false, -1 },
	{ EXPORTER, "dbr_unpin", RAW_ALONE_UNPIN, false, -1 },
	{ EXPORTER, "dbr_map", RAW_ALONE_MAP, false, -1 },
	{ EXPORTER, "dbr_unmap", RAW_ALONE_UNMAP, false, -1 },
	{ EXPORTER, "dbr_vmap", RAW_ALONE_VMAP, false, -1 },
	{ EXPORTER, "dbr_vunmap", RAW_ALONE_VUNMAP, false, -1 },
	{ EXPORTER, "dbr_mmap", RAW_ALONE_MMAP, false, -1 },
	{ EXPORTER, "dbr_refused", RAW_ALONE_REFUSED, false, -1 },
	{ EXPORTER, "dbr_zap", RAW_ZAP, false, -1 },
	{ EXPORTER, "dbr_invalidate_begin", RAW_INVALIDATE, false, -1 },
	{ EXPORTER, "dbr_invalidate_end", RAW_INVALIDATE, true, -1 },
	{ IMPORTER, "dbi_attach", RAW_ALONE_ATTACH, false, -1 },
	{ IMPORTER, "dbi_detach", RAW_ALONE_DETACH, false, -1 },
	{ IMPORTER, "dbi_pin", RAW_ALONE_PIN, false, -1 },
	{ IMPORTER, "dbi_unpin", RAW_ALONE_UNPIN, false, -1 },
	{ IMPORTER, "dbi_map", RAW_ALONE_MAP, false, -1 },
	{ IMPORTER, "dbi_unmap", RAW_ALONE_UNMAP, false, -1 },
	{ IMPORTER, "dbi_told_begin", RAW_ALONE_TOLD, false, -1 },
	{ IMPORTER, "dbi_told_end", RAW_ALONE_TOLD, true, -1 },
	{ IMPORTER, "dbi_fence_added", RAW_FENCE_ADD, false, -1 },
};

#define ROWS(table)	(sizeof(table) / sizeof(*(table)))

static int add(struct sources *sources, const struct source *rows, size_t count,
	       events_there there, void *context)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < count && !ret; i++)
		if (there(context, rows[i].system, rows[i].event))
			ret = sources_add(sources, &rows[i]);
	return ret;
}

int events_add(struct sources *sources, events_there there, void *context, bool no_probes)
{
	int ret = add(sources, events, ROWS(events), there, context);

	/* Of an event that is in both it is the last one that counts. */
	return ret || !no_probes ? ret : add(sources, alone, ROWS(alone), there, context);
}
