// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "lib/text/names.h"

const struct choice kind_choices[] = {
	{ "dynamic", DMABUF_REVOKE_KIND_DYNAMIC },
	{ "pinned", DMABUF_REVOKE_KIND_PINNED },
	{ "static", DMABUF_REVOKE_KIND_LEGACY_STATIC },
	{ "rdma", DMABUF_REVOKE_KIND_LEGACY_RDMA },
	{ NULL, 0 },
};

const struct choice fault_choices[] = {
	{ "fail-attach", DMABUF_REVOKE_FAULT_FAIL_ATTACH },
	{ "fail-pin", DMABUF_REVOKE_FAULT_FAIL_PIN },
	{ "fail-map", DMABUF_REVOKE_FAULT_FAIL_MAP },
	{ "fail-vmap", DMABUF_REVOKE_FAULT_FAIL_VMAP },
	{ "fail-mmap", DMABUF_REVOKE_FAULT_FAIL_MMAP },
	{ "fail-cpu-access", DMABUF_REVOKE_FAULT_FAIL_CPU_ACCESS },
	{ "tell-in-pin", DMABUF_REVOKE_FAULT_TELL_IN_PIN },
	{ "tell-in-map", DMABUF_REVOKE_FAULT_TELL_IN_MAP },
	{ "tell-on-restore", DMABUF_REVOKE_FAULT_TELL_ON_RESTORE },
	{ "hold-in-map", DMABUF_REVOKE_FAULT_HOLD_IN_MAP },
	{ "hold-after-tell", DMABUF_REVOKE_FAULT_HOLD_AFTER_TELL },
	{ NULL, 0 },
};

const struct choice engine_choices[] = {
	{ "auto", DMABUF_REVOKE_ENGINE_AUTO },
	{ "cpu", DMABUF_REVOKE_ENGINE_CPU },
	{ "iova", DMABUF_REVOKE_ENGINE_IOVA },
	{ "none", DMABUF_REVOKE_ENGINE_NONE },
	{ "dmaengine", DMABUF_REVOKE_ENGINE_DMAENGINE },
	{ NULL, 0 },
};

/* As the kernel's log and the trace event have them. */
const struct choice misbehave_choices[] = {
	{ "ignore", DMABUF_REVOKE_MISBEHAVE_IGNORE },
	{ "no-unmap", DMABUF_REVOKE_MISBEHAVE_NO_UNMAP },
	{ "late-unmap", DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP },
	{ "slow-callback", DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK },
	{ "late-fence", DMABUF_REVOKE_MISBEHAVE_LATE_FENCE },
	{ "stuck-fence", DMABUF_REVOKE_MISBEHAVE_STUCK_FENCE },
	{ "fence-error", DMABUF_REVOKE_MISBEHAVE_FENCE_ERROR },
	{ "fence-after", DMABUF_REVOKE_MISBEHAVE_FENCE_AFTER },
	{ "new-dma", DMABUF_REVOKE_MISBEHAVE_NEW_DMA },
	{ "remap", DMABUF_REVOKE_MISBEHAVE_REMAP },
	{ "dma-after-unmap", DMABUF_REVOKE_MISBEHAVE_DMA_AFTER_UNMAP },
	{ "keep-pin", DMABUF_REVOKE_MISBEHAVE_KEEP_PIN },
	{ "revive", DMABUF_REVOKE_MISBEHAVE_REVIVE },
	{ "double-unpin", DMABUF_REVOKE_MISBEHAVE_DOUBLE_UNPIN },
	{ "skip-kernel-fence", DMABUF_REVOKE_MISBEHAVE_SKIP_KERNEL_FENCE },
	{ "kernel-fence", DMABUF_REVOKE_MISBEHAVE_KERNEL_FENCE },
	{ "wrong-range", DMABUF_REVOKE_MISBEHAVE_WRONG_RANGE },
	{ "one-segment", DMABUF_REVOKE_MISBEHAVE_ONE_SEGMENT },
	{ "clear-only", DMABUF_REVOKE_MISBEHAVE_CLEAR_ONLY },
	{ "loop-on-error", DMABUF_REVOKE_MISBEHAVE_LOOP_ON_ERROR },
	{ "fence-outlives", DMABUF_REVOKE_MISBEHAVE_FENCE_OUTLIVES },
	{ "stale", DMABUF_REVOKE_MISBEHAVE_STALE },
	{ NULL, 0 },
};

static const struct choice states[] = {
	{ "live", DMABUF_REVOKE_STATE_LIVE },
	{ "revoking", DMABUF_REVOKE_STATE_REVOKING },
	{ "revoked", DMABUF_REVOKE_STATE_REVOKED },
	{ "suspending", DMABUF_REVOKE_STATE_SUSPENDING },
	{ "suspended", DMABUF_REVOKE_STATE_SUSPENDED },
	{ NULL, 0 },
};

static const struct choice events[] = {
	{ "mapped", DMABUF_REVOKE_EVENT_MAPPED },
	{ "invalidated", DMABUF_REVOKE_EVENT_INVALIDATED },
	{ "unmapped", DMABUF_REVOKE_EVENT_UNMAPPED },
	{ "job done", DMABUF_REVOKE_EVENT_JOB_DONE },
	{ "device gone", DMABUF_REVOKE_EVENT_GONE },
	{ "DMA fault", DMABUF_REVOKE_EVENT_DMA_FAULT },
	{ NULL, 0 },
};

static const struct choice iommus[] = {
	{ "none", DMABUF_REVOKE_IOMMU_NONE },
	{ "identity", DMABUF_REVOKE_IOMMU_IDENTITY },
	{ "translated", DMABUF_REVOKE_IOMMU_TRANSLATED },
	{ NULL, 0 },
};

static const struct choice blockers[] = {
	{ "fence", DMABUF_REVOKE_BLOCKER_FENCE },
	{ "mapping", DMABUF_REVOKE_BLOCKER_MAP },
	{ "vmap", DMABUF_REVOKE_BLOCKER_VMAP },
	{ NULL, 0 },
};

static const struct choice usages[] = {
	{ "kernel", 0 },
	{ "write", 1 },
	{ "read", 2 },
	{ "bookkeep", 3 },
	{ NULL, 0 },
};

const char *state_name(uint32_t state)
{
	return choice_name(states, state);
}

const char *event_name(uint32_t type)
{
	return choice_name(events, type);
}

const char *iommu_name(uint32_t iommu)
{
	return choice_name(iommus, iommu);
}

const char *blocker_name(uint32_t type)
{
	return choice_name(blockers, type);
}

const char *usage_name(uint32_t usage)
{
	return choice_name(usages, usage);
}

char *pending_text(char text[PENDING_TEXT],
		   const struct dmabuf_revoke_pending *pending)
{
	snprintf(text, PENDING_TEXT, "%u mapping%s (%u legacy), %u fence%s pending%s",
		 pending->maps, pending->maps == 1 ? "" : "s",
		 pending->legacy_maps,
		 pending->fences, pending->fences == 1 ? "" : "s",
		 pending->vmaps ? ", 1 vmap" : "");
	return text;
}
