// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs of exporters, on purpose: who may have them, what the log says, and those that
 * take more than a line.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/capability.h>

#include "faults.h"
#include "sleep.h"

#define DBR_FAULT_DELAY_NS	(100 * NSEC_PER_MSEC)	/* of those that take time */

static const char * const dbr_fault_names[] = {
	"weak-fence-wait", "no-fence-wait", "no-unmap-wait", "no-tell",
	"tell-twice", "no-zap", "late-map", "hold-lock", "slow-map", "fail-pin",
	"fail-map", "move-no-copy", "move-pinned", "no-legacy-test",
	"keep-memory", "big-segments", "one-map", "sync-early", "late-refusal",
	"tell-in-pin", "tell-in-map", "tell-on-restore", "fail-attach", "fail-vmap",
	"fail-mmap", "fail-cpu-access",
};

/* 0, -EINVAL or -EPERM. */
int dbr_faults_check(u64 faults)
{
	if (faults >> ARRAY_SIZE(dbr_fault_names))
		return -EINVAL;
	if (faults && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return 0;
}

/* Each by name, once. They have been checked. */
void dbr_faults_log(u64 faults)
{
	static unsigned long logged;
	int i;

	for (i = 0; faults >> i; i++)
		if (faults & BIT_ULL(i) && !test_and_set_bit(i, &logged))
			pr_notice("a buffer is made with a bug on purpose: %s\n",
				  dbr_fault_names[i]);
}

/* 0, or what a map fails with. */
int __dbr_fault_map(const struct dbr_buffer *buf, bool mapped)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (mapped && dbr_has_fault(buf, DMABUF_REVOKE_FAULT_ONE_MAP))
		return -EBUSY;
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_SLOW_MAP))
		sleep_at_least(DBR_FAULT_DELAY_NS);
	return dbr_has_fault(buf, DMABUF_REVOKE_FAULT_FAIL_MAP) ? -ENOMEM : 0;
}

/* For nothing. */
void __dbr_fault_tell(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	/* Not again for what an importer does in its callback. */
	if (buf->invalidating)
		return;
	WRITE_ONCE(buf->invalidating, true);
	dma_buf_invalidate_mappings(buf->dmabuf);
	WRITE_ONCE(buf->invalidating, false);
}

void __dbr_fault_invalidated(const struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_TELL_TWICE))
		dma_buf_invalidate_mappings(buf->dmabuf);
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_HOLD_LOCK))
		sleep_at_least(DBR_FAULT_DELAY_NS);
}

/* True: CPU mappings still lead to what a move has replaced, without a reference. */
bool dbr_fault_keeps_old_pages(struct dbr_buffer *buf, struct dbr_pages *pages)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (!dbr_fault_skips_zap(buf))
		return false;
	pages->next = buf->kept;
	buf->kept = dbr_pages_get(pages);
	return true;
}

/* Nobody can reach the buffer any more. */
void dbr_fault_drop_kept(struct dbr_buffer *buf)
{
	struct dbr_pages *kept;

	while ((kept = buf->kept)) {
		buf->kept = kept->next;
		dbr_pages_put(kept);
	}
}
