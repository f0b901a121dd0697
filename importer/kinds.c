// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways in which drivers attach, and what each does when its mapping is invalidated.
 * The callbacks run under the resv lock.
 */

#include <linux/dma-resv.h>

#include "hooks.h"
#include "importer.h"
#include "trace.h"

/* Counts the call, made or not for a mapping. Whether to act on it. */
static bool dbi_invalidated(struct dbi_attachment *att)
{
	att->invalidations++;
	att->invalidated_at = ktime_get();
	dbi_event(att, DMABUF_REVOKE_EVENT_INVALIDATED, 0);
	return dbi_heeds_invalidation(att);
}

/*
 * No new DMA starts on the mapping from here on. Either the device stops and the
 * mapping goes at once; or the device ends what it is doing, its fence signals then,
 * and a worker unmaps.
 */
static void dbi_stop_and_unmap(struct dbi_attachment *att)
{
	struct dbi_mapping *map = dbi_mapping_newest(att);

	/* Invalidated already: it is about to go. */
	if (map && !dbi_mapping_runs(map))
		return;
	if (map && att->flags & DMABUF_REVOKE_ATTACH_DEFER_UNMAP) {
		dbi_engine_drain(map);
		return;
	}
	if (map)
		dbi_engine_cut(map);
	dbi_mapping_release(att, map);
}

/* The next job maps anew, and reaches the new pages or fails. */
static void dbi_dynamic_invalidate(struct dma_buf_attachment *attach)
{
	struct dbi_attachment *att = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	trace_dbi_told_begin(att, attach);
	if (dbi_invalidated(att) && dbi_mapping_newest(att))
		dbi_stop_and_unmap(att);
	trace_dbi_told_end(att, attach);
}

/*
 * Neither pinned nor mapped: attaching will find out, or it is over already. (Who was revived
 * may have mapped unpinned.)
 */
static bool dbi_is_in_use(struct dbi_attachment *att)
{
	return att->pinned || dbi_mapping_newest(att);
}

/* There is no next job: whoever uses the attachment again is refused. */
static void dbi_pinned_invalidate(struct dma_buf_attachment *attach)
{
	struct dbi_attachment *att = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	trace_dbi_told_begin(att, attach);
	if (dbi_invalidated(att) && dbi_is_in_use(att)) {
		att->dead = true;
		dbi_stop_and_unmap(att);
	}
	trace_dbi_told_end(att, attach);
}

/* Of each a second one, which asks for peer-to-peer DMA: the core has no other way. */
static const struct dma_buf_attach_ops dbi_dynamic_ops[] = {
	{ .invalidate_mappings = dbi_dynamic_invalidate },
	{ .invalidate_mappings = dbi_dynamic_invalidate, .allow_peer2peer = true },
};

static const struct dma_buf_attach_ops dbi_pinned_ops[] = {
	{ .invalidate_mappings = dbi_pinned_invalidate },
	{ .invalidate_mappings = dbi_pinned_invalidate, .allow_peer2peer = true },
};

/* The core takes an importer without a callback for one it cannot revoke. */
static const struct dma_buf_attach_ops dbi_legacy_rdma_ops[] = {
	{ .invalidate_mappings = compat_no_callback },
	{ .invalidate_mappings = compat_no_callback, .allow_peer2peer = true },
};

static const struct dbi_kind dbi_kinds[] = {
	[DMABUF_REVOKE_KIND_DYNAMIC] = {
		.name = "dynamic",
		.ops = dbi_dynamic_ops,
	},
	[DMABUF_REVOKE_KIND_PINNED] = {
		.name = "pinned",
		.ops = dbi_pinned_ops,
		.pins = true,
	},
	[DMABUF_REVOKE_KIND_LEGACY_STATIC] = {
		.name = "legacy-static",
	},
	[DMABUF_REVOKE_KIND_LEGACY_RDMA] = {
		.name = "legacy-rdma",
		.ops = dbi_legacy_rdma_ops,
		.pins = true,
	},
};

/* NULL if there is no such kind. */
const struct dbi_kind *dbi_kind_find(u32 id)
{
	return id < ARRAY_SIZE(dbi_kinds) ? &dbi_kinds[id] : NULL;
}
