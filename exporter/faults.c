// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs of exporters, on purpose: who may have them, what the log says, and those that
 * take more than a line.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/capability.h>
#include <linux/errno.h>

#include "deadline.h"
#include "faults.h"
#include "sleep.h"
#include "trace.h"

/* Of those that take time, unless the user says how long. */
#define DBR_FAULT_DELAY_NS	(100 * NSEC_PER_MSEC)
#define DBR_FAULT_MAX_DELAY_NS	(10ULL * NSEC_PER_SEC)
/*
 * Of those that hold. Who waits for the resv lock meanwhile may do so on the way to closing
 * the owner's file, and the kernel complains of two minutes.
 */
#define DBR_FAULT_HOLD		(60 * HZ)

static const char * const dbr_fault_names[] = {
	"weak-fence-wait", "no-fence-wait", "no-unmap-wait", "no-tell",
	"tell-twice", "no-zap", "late-map", "hold-lock", "slow-map", "fail-pin",
	"fail-map", "move-no-copy", "move-pinned", "no-legacy-test",
	"keep-memory", "big-segments", "one-map", "sync-early", "late-refusal",
	"tell-in-pin", "tell-in-map", "tell-on-restore", "fail-attach", "fail-vmap",
	"fail-mmap", "fail-cpu-access", "hold-in-map", "hold-after-tell",
	"no-vmap-op", "no-mmap-op", "no-pin-op",
};

#define DBR_FAULTS_HOLD		(DMABUF_REVOKE_FAULT_HOLD_IN_MAP |	\
				 DMABUF_REVOKE_FAULT_HOLD_AFTER_TELL)
#define DBR_FAULTS_DELAYED	(DMABUF_REVOKE_FAULT_HOLD_LOCK |	\
				 DMABUF_REVOKE_FAULT_SLOW_MAP)

/* Those that FAULTS sets: nothing else rests on them. */
#define DBR_FAULTS_SWITCHED	(DMABUF_REVOKE_FAULT_FAIL_PIN |		\
				 DMABUF_REVOKE_FAULT_FAIL_MAP |		\
				 DMABUF_REVOKE_FAULT_TELL_IN_PIN |	\
				 DMABUF_REVOKE_FAULT_TELL_IN_MAP |	\
				 DMABUF_REVOKE_FAULT_TELL_ON_RESTORE |	\
				 DMABUF_REVOKE_FAULT_FAIL_ATTACH |	\
				 DMABUF_REVOKE_FAULT_FAIL_VMAP |	\
				 DMABUF_REVOKE_FAULT_FAIL_MMAP |	\
				 DMABUF_REVOKE_FAULT_FAIL_CPU_ACCESS |	\
				 DBR_FAULTS_HOLD)

/* 0, -EINVAL, -EPERM or -EOPNOTSUPP. */
static int dbr_faults_check(u64 faults)
{
	bool has_pin = !(faults & DMABUF_REVOKE_FAULT_NO_PIN_OP);

	if (faults >> ARRAY_SIZE(dbr_fault_names))
		return -EINVAL;
	if (faults && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	/* Else the core maps without the resv lock. */
	return has_pin || COMPAT_FEATURES & DMABUF_REVOKE_FEATURE_STATIC_MAP ?
		0 : -EOPNOTSUPP;
}

/* Of ALLOC; the same. */
int dbr_faults_check_fixed(const struct dmabuf_revoke_alloc *arg)
{
	if (arg->delay_ns > DBR_FAULT_MAX_DELAY_NS ||
	    (arg->delay_ns && !(arg->faults & DBR_FAULTS_DELAYED)))
		return -EINVAL;
	return dbr_faults_check(arg->faults);
}

/* Of FAULTS; the same. */
int dbr_faults_check_switched(const struct dmabuf_revoke_faults *arg)
{
	bool await = arg->flags & DMABUF_REVOKE_FAULTS_AWAIT;

	if (arg->flags & ~DMABUF_REVOKE_FAULTS_AWAIT ||
	    arg->faults & ~DBR_FAULTS_SWITCHED || arg->error > EHWPOISON)
		return -EINVAL;
	if (await ? arg->faults || arg->count || arg->error : arg->deadline_ns)
		return -EINVAL;
	return dbr_faults_check(arg->faults);
}

/* Of a buffer that nobody knows yet. */
void dbr_faults_init(struct dbr_buffer *buf,
		     const struct dmabuf_revoke_alloc *arg)
{
	spin_lock_init(&buf->faults_lock);
	buf->faults = arg->faults & ~DBR_FAULTS_SWITCHED;
	buf->faults_delay_ns = arg->delay_ns ?: DBR_FAULT_DELAY_NS;
	buf->switched = arg->faults & DBR_FAULTS_SWITCHED;
	buf->faults_error = -ENOMEM;
}

/* In place of those that there are; whoever is held by them goes on. */
static void dbr_faults_replace(struct dbr_buffer *buf, u64 faults)
{
	lockdep_assert_held(&buf->faults_lock);

	WRITE_ONCE(buf->switched, faults);
	WRITE_ONCE(buf->faults_calls, buf->faults_calls + 1);
	WRITE_ONCE(buf->held, 0);
}

/* FAULTS. They have been checked. 0 or -ENODEV. */
int dbr_faults_switch(struct dbr_buffer *buf, const struct dmabuf_revoke_faults *arg)
{
	bool over;

	spin_lock(&buf->faults_lock);
	over = buf->faults_over;
	if (!over) {
		dbr_faults_replace(buf, arg->faults);
		buf->faults_left = arg->count;
		buf->faults_error = arg->error ? -(int)arg->error : -ENOMEM;
	}
	spin_unlock(&buf->faults_lock);
	wake_up_all(&buf->wait);
	return over ? -ENODEV : 0;
}

/* For good: nobody could release who is held. */
void dbr_faults_end(struct dbr_buffer *buf)
{
	spin_lock(&buf->faults_lock);
	dbr_faults_replace(buf, 0);
	WRITE_ONCE(buf->faults_over, true);
	spin_unlock(&buf->faults_lock);
	wake_up_all(&buf->wait);
}

/* Until somebody is held. 0, -ENODEV, -ETIMEDOUT or -ERESTARTSYS. */
int dbr_faults_await(struct dbr_buffer *buf, u64 deadline_ns)
{
	int ret = deadline_wait(buf->wait,
				READ_ONCE(buf->held) || READ_ONCE(buf->faults_over),
				deadline_ns);

	return ret ?: READ_ONCE(buf->faults_over) ? -ENODEV : 0;
}

/* Whether one of these happens now, as which it counts. */
static bool dbr_faults_take(struct dbr_buffer *buf, u64 faults)
{
	lockdep_assert_held(&buf->faults_lock);

	if (!(buf->switched & faults))
		return false;
	if (buf->faults_left && !--buf->faults_left)
		WRITE_ONCE(buf->switched, 0);
	return true;
}

int __dbr_fault_fails(struct dbr_buffer *buf, u64 faults)
{
	int ret = 0;

	spin_lock(&buf->faults_lock);
	if (dbr_faults_take(buf, faults))
		ret = buf->faults_error;
	spin_unlock(&buf->faults_lock);
	return ret;
}

/* Until FAULTS is called after @call. 0, or -EINTR after a fatal signal. */
static int dbr_faults_wait(struct dbr_buffer *buf, u32 call)
{
	long left;

	wake_up_all(&buf->wait);
	left = wait_event_killable_timeout(buf->wait,
					   READ_ONCE(buf->faults_calls) != call,
					   DBR_FAULT_HOLD);
	spin_lock(&buf->faults_lock);
	if (buf->faults_calls == call) {
		WRITE_ONCE(buf->held, buf->held - 1);
		/* Who comes next would hold the lock as long. */
		if (!left)
			WRITE_ONCE(buf->switched, buf->switched & ~DBR_FAULTS_HOLD);
	}
	spin_unlock(&buf->faults_lock);
	return left < 0 ? -EINTR : 0;
}

int __dbr_fault_hold(struct dbr_buffer *buf, u64 fault)
{
	bool holds;
	u32 call;

	dma_resv_assert_held(buf->dmabuf->resv);

	spin_lock(&buf->faults_lock);
	call = buf->faults_calls;
	holds = dbr_faults_take(buf, fault);
	WRITE_ONCE(buf->held, buf->held + holds);
	spin_unlock(&buf->faults_lock);
	return holds ? dbr_faults_wait(buf, call) : 0;
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
int __dbr_fault_map(struct dbr_buffer *buf, bool mapped)
{
	int ret;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (mapped && dbr_has_fault(buf, DMABUF_REVOKE_FAULT_ONE_MAP))
		return -EBUSY;
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_SLOW_MAP))
		sleep_at_least(buf->faults_delay_ns);
	ret = dbr_fault_hold(buf, DMABUF_REVOKE_FAULT_HOLD_IN_MAP);
	return ret ?: dbr_fault_fails(buf, DMABUF_REVOKE_FAULT_FAIL_MAP);
}

/* Each revocable importer, once. */
void dbr_tell(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	trace_dbr_invalidate_begin(buf);
	dma_buf_invalidate_mappings(buf->dmabuf);
	trace_dbr_invalidate_end(buf);
}

/* For nothing. */
void __dbr_fault_tell(struct dbr_buffer *buf, u64 fault)
{
	bool tell;

	dma_resv_assert_held(buf->dmabuf->resv);

	spin_lock(&buf->faults_lock);
	/* Not again for what an importer does in its callback. */
	tell = !buf->invalidating && dbr_faults_take(buf, fault);
	spin_unlock(&buf->faults_lock);
	if (tell) {
		WRITE_ONCE(buf->invalidating, true);
		dbr_tell(buf);
		WRITE_ONCE(buf->invalidating, false);
	}
}

void __dbr_fault_invalidated(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_TELL_TWICE))
		dbr_tell(buf);
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_HOLD_LOCK))
		sleep_at_least(buf->faults_delay_ns);
	/* What it has begun it goes on with, signal or not. */
	dbr_fault_hold(buf, DMABUF_REVOKE_FAULT_HOLD_AFTER_TELL);
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
