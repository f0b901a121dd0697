/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bugs of exporters, on purpose: the points at which they happen. Nothing else looks at
 * dbr_buffer.faults and dbr_buffer.switched for that. Without a bug what is skipped is
 * nothing, and an errno is 0.
 */
#ifndef DBR_FAULTS_H
#define DBR_FAULTS_H

#include "exporter.h"

void dbr_tell(struct dbr_buffer *buf);

/* Whether the buffer was made with one of these. */
static inline bool dbr_has_fault(const struct dbr_buffer *buf, u64 faults)
{
	return unlikely(buf->faults & faults);
}

/* The same of those that FAULTS may set, or clear, at any moment. */
static inline bool dbr_may_have_fault(const struct dbr_buffer *buf, u64 faults)
{
	return unlikely(READ_ONCE(buf->switched) & faults);
}

int __dbr_fault_fails(struct dbr_buffer *buf, u64 faults);

static inline int dbr_fault_fails(struct dbr_buffer *buf, u64 faults)
{
	return dbr_may_have_fault(buf, faults) ? __dbr_fault_fails(buf, faults) : 0;
}

int __dbr_fault_hold(struct dbr_buffer *buf, u64 fault);

static inline int dbr_fault_hold(struct dbr_buffer *buf, u64 fault)
{
	return dbr_may_have_fault(buf, fault) ? __dbr_fault_hold(buf, fault) : 0;
}

void __dbr_fault_tell(struct dbr_buffer *buf, u64 fault);

static inline void dbr_fault_tell(struct dbr_buffer *buf, u64 fault)
{
	if (dbr_may_have_fault(buf, fault))
		__dbr_fault_tell(buf, fault);
}

/* Whether there is any of either sort. */
static inline bool dbr_is_faulty(const struct dbr_buffer *buf)
{
	return unlikely(buf->faults | READ_ONCE(buf->switched));
}

/* Exporting: 1 without vmap, 2 without mmap, 4 without pin, added up. */
static inline unsigned int dbr_fault_absent_ops(const struct dbr_buffer *buf)
{
	const u64 ops = DMABUF_REVOKE_FAULT_NO_VMAP_OP |
			DMABUF_REVOKE_FAULT_NO_MMAP_OP | DMABUF_REVOKE_FAULT_NO_PIN_OP;

	return (buf->faults & ops) / DMABUF_REVOKE_FAULT_NO_VMAP_OP;
}

/* Attaching, pinning and mapping. */
static inline bool dbr_fault_skips_state_test(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_LATE_MAP);
}

static inline bool dbr_fault_skips_legacy_test(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_LEGACY_TEST);
}

static inline bool dbr_fault_skips_device_test(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_LATE_REFUSAL);
}

static inline bool dbr_fault_skips_limits(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_BIG_SEGMENTS);
}

static inline int dbr_fault_attach(struct dbr_buffer *buf)
{
	return dbr_fault_fails(buf, DMABUF_REVOKE_FAULT_FAIL_ATTACH);
}

static inline int dbr_fault_pin(struct dbr_buffer *buf)
{
	return dbr_fault_fails(buf, DMABUF_REVOKE_FAULT_FAIL_PIN);
}

int __dbr_fault_map(struct dbr_buffer *buf, bool mapped);

/* @mapped: the attachment has a mapping already */
static inline int dbr_fault_map(struct dbr_buffer *buf, bool mapped)
{
	return dbr_is_faulty(buf) ? __dbr_fault_map(buf, mapped) : 0;
}

/* It counts; nobody has been told that it does. */
static inline void dbr_fault_pinned(struct dbr_buffer *buf)
{
	dbr_fault_tell(buf, DMABUF_REVOKE_FAULT_TELL_IN_PIN);
}

static inline void dbr_fault_mapped(struct dbr_buffer *buf)
{
	dbr_fault_tell(buf, DMABUF_REVOKE_FAULT_TELL_IN_MAP);
}

/* Access by CPUs. */
static inline int dbr_fault_vmap(struct dbr_buffer *buf)
{
	return dbr_fault_fails(buf, DMABUF_REVOKE_FAULT_FAIL_VMAP);
}

static inline int dbr_fault_mmap(struct dbr_buffer *buf)
{
	return dbr_fault_fails(buf, DMABUF_REVOKE_FAULT_FAIL_MMAP);
}

static inline int dbr_fault_cpu_access(struct dbr_buffer *buf)
{
	return dbr_fault_fails(buf, DMABUF_REVOKE_FAULT_FAIL_CPU_ACCESS);
}

static inline bool dbr_fault_skips_sync_wait(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_SYNC_EARLY);
}

static inline bool dbr_fault_skips_zap(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_ZAP);
}

/* Invalidating. */
static inline bool dbr_fault_skips_invalidation(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_TELL);
}

void __dbr_fault_invalidated(struct dbr_buffer *buf);

/* Importers have been invalidated. */
static inline void dbr_fault_invalidated(struct dbr_buffer *buf)
{
	if (dbr_is_faulty(buf))
		__dbr_fault_invalidated(buf);
}

/* A suspension is about to end. */
static inline void dbr_fault_restore(struct dbr_buffer *buf)
{
	dbr_fault_tell(buf, DMABUF_REVOKE_FAULT_TELL_ON_RESTORE);
}

/* What a revoke waits for. */
static inline bool dbr_fault_skips_fence_wait(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_FENCE_WAIT);
}

/* Fences of this usage and stronger. */
static inline enum dma_resv_usage dbr_fault_usage(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_WEAK_FENCE_WAIT) ?
		DMA_RESV_USAGE_READ : DMA_RESV_USAGE_BOOKKEEP;
}

static inline bool dbr_fault_skips_unmap_wait(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_UNMAP_WAIT);
}

/* Bugs that leave old pages in use. */
static inline bool dbr_fault_skips_old_pages(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_FENCE_WAIT |
			     DMABUF_REVOKE_FAULT_WEAK_FENCE_WAIT |
			     DMABUF_REVOKE_FAULT_NO_UNMAP_WAIT);
}

/* Bugs that leave somebody with access: the memory stays. */
static inline bool dbr_fault_skips_release(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_ZAP |
			     DMABUF_REVOKE_FAULT_LATE_MAP |
			     DMABUF_REVOKE_FAULT_KEEP_MEMORY);
}

/* Moving. */
static inline bool dbr_fault_skips_pin_test(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_MOVE_PINNED);
}

static inline bool dbr_fault_skips_copy(const struct dbr_buffer *buf)
{
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_MOVE_NO_COPY);
}

bool dbr_fault_keeps_old_pages(struct dbr_buffer *buf, struct dbr_pages *pages);
void dbr_fault_drop_kept(struct dbr_buffer *buf);

void dbr_faults_init(struct dbr_buffer *buf,
		     const struct dmabuf_revoke_alloc *arg);
int dbr_faults_switch(struct dbr_buffer *buf, const struct dmabuf_revoke_faults *arg);
void dbr_faults_end(struct dbr_buffer *buf);
int dbr_faults_await(struct dbr_buffer *buf, u64 deadline_ns);
int dbr_faults_check_fixed(const struct dmabuf_revoke_alloc *arg);
int dbr_faults_check_switched(const struct dmabuf_revoke_faults *arg);
void dbr_faults_log(u64 faults);

#endif /* DBR_FAULTS_H */
