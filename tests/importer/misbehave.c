// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs of importers, on purpose: who may have which, that they are seen in STATUS,
 * and that none is left when the attachment is closed. That each is noticed is
 * what the controls show; see controls/data.py.
 */
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "deliberate.h"
#include "life.h"

#define M(name) DMABUF_REVOKE_MISBEHAVE_##name
#define HOUR (3600 * SEC)

static const struct {
	const char *name;
	uint64_t bit;
	uint64_t delay_ns;
	uint32_t kinds;		/* a bit for each that may have it */
} table[] = {
	{ "IGNORE", M(IGNORE), 0, 0x3 },
	{ "NO_UNMAP", M(NO_UNMAP), 0, 0x3 },
	{ "LATE_UNMAP", M(LATE_UNMAP), HOUR, 0x3 },
	{ "SLOW_CALLBACK", M(SLOW_CALLBACK), MSEC, 0x3 },
	{ "LATE_FENCE", M(LATE_FENCE), HOUR, 0xf },
	{ "STUCK_FENCE", M(STUCK_FENCE), 0, 0xf },
	{ "FENCE_ERROR", M(FENCE_ERROR), 0, 0xf },
	{ "FENCE_AFTER", M(FENCE_AFTER), HOUR, 0x3 },
	{ "NEW_DMA", M(NEW_DMA), 0, 0x3 },
	{ "REMAP", M(REMAP), 0, 0x3 },
	{ "DMA_AFTER_UNMAP", M(DMA_AFTER_UNMAP), 0, 0x3 },
	{ "KEEP_PIN", M(KEEP_PIN), 0, 0x2 },
	{ "REVIVE", M(REVIVE), 0, 0x2 },
	{ "DOUBLE_UNPIN", M(DOUBLE_UNPIN), 0, 0x3 },
	{ "SKIP_KERNEL_FENCE", M(SKIP_KERNEL_FENCE), 0, 0xf },
	{ "KERNEL_FENCE", M(KERNEL_FENCE), 0, 0xf },
	{ "WRONG_RANGE", M(WRONG_RANGE), 0, 0xf },
	{ "ONE_SEGMENT", M(ONE_SEGMENT), 0, 0xf },
	{ "CLEAR_ONLY", M(CLEAR_ONLY), 0, 0x3 },
	{ "LOOP_ON_ERROR", M(LOOP_ON_ERROR), HOUR, 0xf },
	{ "FENCE_OUTLIVES", M(FENCE_OUTLIVES), MSEC, 0xf },
	{ "STALE", M(STALE), 0, 0x3 },
};

#define ALL ((1ULL << ARRAY_SIZE(table)) - 1)

static struct buffer buffer_for_all(void)
{
	return buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY |
				  DMABUF_REVOKE_ALLOC_QUARANTINE);
}

static int try(int dmabuf, uint32_t kind, uint64_t how, uint64_t delay_ns)
{
	int att = dr_attach_misbehaving(importer, dmabuf, kind, 0, how,
					delay_ns);

	if (att >= 0)
		close(att);
	return att < 0 ? att : 0;
}

CASE(misbehave, each_goes_with_its_kinds_and_is_seen_in_status)
{
	struct buffer buffer = buffer_for_all();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		equal(table[i].bit, 1ULL << i);
		for (uint32_t kind = 0; kind < 4; kind++) {
			int att;

			if (!(table[i].kinds >> kind & 1)) {
				row_gives(table[i].name,
					  try(buffer.fd, kind, table[i].bit,
					      table[i].delay_ns), EINVAL);
				continue;
			}
			att = attach_misbehaving(buffer.fd, kind,
						 table[i].bit,
						 table[i].delay_ns);
			equal(status(att).misbehave, table[i].bit);
			close(att);
		}
	}
	close(buffer.fd);
}

CASE(misbehave, well_behaved_is_the_default)
{
	struct buffer buffer = buffer_for_all();
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	equal(status(att).misbehave, 0);
	close(att);
	close(buffer.fd);
}

CASE(misbehave, unknown_one_is_EINVAL)
{
	struct buffer buffer = buffer_for_all();

	for (unsigned int bit = ARRAY_SIZE(table); bit < 64; bit++)
		row_gives("unknown", try(buffer.fd, 0, 1ULL << bit, 0), EINVAL);
	close(buffer.fd);
}

CASE(misbehave, some_imply_a_deferred_unmap)
{
	struct buffer buffer = buffer_for_all();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int att = attach_misbehaving(buffer.fd, table[i].kinds >> 1 & 1,
					     table[i].bit, table[i].delay_ns);

		equal(status(att).attach_flags,
		      table[i].bit & (M(LATE_UNMAP) | M(NEW_DMA)) ?
		      DMABUF_REVOKE_ATTACH_DEFER_UNMAP : 0);
		close(att);
	}
	close(buffer.fd);
}

CASE(misbehave, delay_is_for_those_that_take_time)
{
	const uint64_t delayed = M(LATE_UNMAP) | M(SLOW_CALLBACK) |
				 M(LATE_FENCE) | M(FENCE_AFTER) |
				 M(LOOP_ON_ERROR) | M(FENCE_OUTLIVES);
	struct buffer buffer = buffer_for_all();

	row_gives("none", try(buffer.fd, 0, 0, 1), EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		row_gives(table[i].name,
			  try(buffer.fd, DMABUF_REVOKE_KIND_PINNED,
			      table[i].bit, 1),
			  table[i].bit & delayed ? 0 : EINVAL);
	row_gives("an hour", try(buffer.fd, 0, M(LATE_UNMAP), HOUR), 0);
	row_gives("longer", try(buffer.fd, 0, M(LATE_UNMAP), HOUR + 1), EINVAL);
	row_gives("slow", try(buffer.fd, 0, M(SLOW_CALLBACK), 10 * SEC), 0);
	row_gives("too slow", try(buffer.fd, 0, M(SLOW_CALLBACK), 10 * SEC + 1),
		  EINVAL);
	row_gives("too late", try(buffer.fd, 0, M(FENCE_OUTLIVES), 10 * SEC + 1),
		  EINVAL);
	row_gives("too slow in company",
		  try(buffer.fd, 0, M(SLOW_CALLBACK) | M(LATE_FENCE), 11 * SEC),
		  EINVAL);
	close(buffer.fd);
}

/* It maps in the callback, so the unmap has to be there too. */
static int remapping(int dmabuf, uint64_t id)
{
	int att = attach_misbehaving(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, M(REMAP), 0);

	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	suspend_fully(id);
	equal(status(att).remap_error, -ENODEV);
	equal(status(att).maps, 1);
	return att;
}

/* A pin tells all. */
static void tell(struct buffer buffer)
{
	succeeds(dr_faults(exporter, buffer.id, DMABUF_REVOKE_FAULT_TELL_IN_PIN, 1, 0));
	close(attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0));
}

CASE(misbehave, remap_that_has_failed_is_tried_in_the_next_callback)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = remapping(buffer.fd, buffer.id);

	restore_fully(buffer.id);
	tell(buffer);
	equal(status(att).invalidations, 2);
	/* The exporter gives no mapping to whom it tells. */
	equal(status(att).remap_error, -EAGAIN);
	close(att);
	close(buffer.fd);
}

CASE(misbehave, remap_is_over_when_somebody_else_has_tried)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = remapping(buffer.fd, buffer.id);

	fails(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL), ENODEV);
	restore_fully(buffer.id);
	tell(buffer);
	equal(status(att).invalidations, 2);
	equal(status(att).remap_error, -ENODEV);
	equal(status(att).maps, 1);
	close(att);
	close(buffer.fd);
}

CASE(misbehave, remap_does_not_go_with_a_deferred_unmap)
{
	struct buffer buffer = buffer_for_all();

	fails(dr_attach_misbehaving(importer, buffer.fd, 0,
				    DMABUF_REVOKE_ATTACH_DEFER_UNMAP, M(REMAP),
				    0), EINVAL);
	fails(try(buffer.fd, 0, M(REMAP) | M(LATE_UNMAP), 1), EINVAL);
	fails(try(buffer.fd, 0, M(REMAP) | M(NEW_DMA), 0), EINVAL);
	succeeds(try(buffer.fd, 0, M(REMAP) | M(SLOW_CALLBACK), 1));
	close(buffer.fd);
}

CASE(misbehave, several_at_once)
{
	struct buffer buffer = buffer_for_all();
	uint64_t how = ALL & ~(M(REMAP) | M(DOUBLE_UNPIN));
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_PINNED, how,
				     MSEC);

	equal(status(att).misbehave, how);
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, 0);
	dr_revoke(exporter, buffer.id, dr_deadline(20 * MSEC), NULL);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

/* Writing after the unmap is for memory that is kept, and watched. */
CASE(misbehave, dma_after_unmap_is_for_quarantined_buffers)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);

	fails(try(buffer.fd, 0, M(DMA_AFTER_UNMAP), 0), EOPNOTSUPP);
	fails(try(buffer.fd, 0, M(DMA_AFTER_UNMAP) | M(IGNORE), 0), EOPNOTSUPP);
	equal(query(buffer.id).attachments, 0);
	close(buffer.fd);
}

static void foreign_kind_gets(int dmabuf, uint32_t kind, uint64_t own)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].kinds & 1 << kind)
			row_gives(table[i].name,
				  try(dmabuf, kind, table[i].bit,
				      table[i].delay_ns),
				  table[i].bit & own ? EOPNOTSUPP : 0);
}

/* Of an importer that does not pin memory may go before it has unmapped. */
static void foreign_gets_only_what_it_can_stand(int dmabuf)
{
	const uint64_t own = M(DMA_AFTER_UNMAP) | M(DOUBLE_UNPIN) |
			     M(SKIP_KERNEL_FENCE) | M(STALE);

	foreign_kind_gets(dmabuf, DMABUF_REVOKE_KIND_PINNED, own);
	foreign_kind_gets(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC,
			  own | M(IGNORE) | M(REMAP));
	fails(try(dmabuf, DMABUF_REVOKE_KIND_PINNED, M(REVIVE) | M(REMAP), 0),
	      EOPNOTSUPP);
	close(dmabuf);
}

CASE(misbehave, system_heap_gets_only_what_it_can_stand)
{
	struct dma_heap_allocation_data arg = {
		.len = PAGE,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);

	if (heap < 0)
		skip("no /dev/dma_heap/system: CONFIG_DMABUF_HEAPS_SYSTEM=y");
	succeeds(sys(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &arg)));
	close(heap);
	foreign_gets_only_what_it_can_stand(arg.fd);
}

CASE(misbehave, udmabuf_gets_only_what_it_can_stand)
{
	struct udmabuf_create arg = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = PAGE,
	};
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int dmabuf;

	if (node < 0)
		skip("no /dev/udmabuf: CONFIG_UDMABUF=y");
	arg.memfd = succeeds(sys(memfd_create("tests",
					      MFD_ALLOW_SEALING | MFD_CLOEXEC)));
	succeeds(sys(ftruncate(arg.memfd, PAGE)));
	succeeds(sys(fcntl(arg.memfd, F_ADD_SEALS, F_SEAL_SHRINK)));
	dmabuf = succeeds(sys(ioctl(node, UDMABUF_CREATE, &arg)));
	close(arg.memfd);
	close(node);
	foreign_gets_only_what_it_can_stand(dmabuf);
}

static bool is_without_fences(uint64_t id)
{
	return !query(id).pending.fences;
}

static void ends_with_the_file(size_t i)
{
	struct buffer buffer = buffer_for_all();
	uint32_t kind = table[i].kinds >> 1 & 1;
	int att = attach_misbehaving(buffer.fd, kind, table[i].bit,
				     table[i].delay_ns);
	uint64_t before;
	int fence;

	submit_running(att, buffer.fd, 0, 20 * MSEC, &fence);
	dr_revoke(exporter, buffer.id, dr_deadline(30 * MSEC), NULL);
	before = dr_now();
	close(att);
	holds(dr_now() - before < SOON, "%s: close() took %llu ms",
	      table[i].name, (long long)((dr_now() - before) / MSEC));
	holds(is_readable(fence, SOON / MSEC), "%s", table[i].name);
	close(fence);
	revoke_fully(buffer.id);
	equal(query(buffer.id).attachments, 0);
	/* A buffer that was revoked before does not wait for it. */
	if (table[i].bit == M(FENCE_OUTLIVES))
		holds(eventually(is_without_fences, buffer.id));
	equal(query(buffer.id).pending.fences, 0);
	equal(query(buffer.id).pending.pins, 0);
	close(buffer.fd);
}

/* Whatever it held up goes on when it is closed: with each of them. */
CASE(misbehave, all_end_with_the_file)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		/* That one has a case of its own: the kernel warns. */
		if (table[i].bit != M(DOUBLE_UNPIN))
			ends_with_the_file(i);
}

static void *revoke_the_buffer(void *arg)
{
	revoke_fully(*(uint64_t *)arg);
	return NULL;
}

/* The longest that there is, under way: it holds the lock that close() needs. */
static void closed_in_its_callback(uint32_t kind, uint32_t flags)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = succeeds(dr_attach_misbehaving(importer, buffer.fd, kind, flags,
						 M(SLOW_CALLBACK), 10 * SEC));
	pthread_t thread;
	uint64_t begun;

	equal(pthread_create(&thread, NULL, revoke_the_buffer, &buffer.id), 0);
	expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	begun = dr_now();
	close(att);
	equal(pthread_join(thread, NULL), 0);
	holds(dr_now() - begun < 5 * SEC, "it went on for %llu ms",
	      (long long)((dr_now() - begun) / MSEC));
	nothing_is_in_use(buffer.id);
	equal(query(buffer.id).attachments, 0);
	close(buffer.fd);
}

CASE(misbehave, I15_slow_callback_ends_with_the_file)
{
	for (uint32_t flags = 0; flags < 2; flags++) {
		closed_in_its_callback(DMABUF_REVOKE_KIND_DYNAMIC, flags);
		closed_in_its_callback(DMABUF_REVOKE_KIND_PINNED, flags);
	}
}

/* Whoever is revived is no other than before: it is invalidated, and unmaps. */
CASE(misbehave, I4_revived_importer_unmaps_when_invalidated_again)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_PINNED,
				     M(REVIVE), 0);

	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	suspend_fully(buffer.id);
	restore_fully(buffer.id);
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	revoke_fully(buffer.id);
	close(att);
	close(buffer.fd);
}

/* An attachment of that kind leaves a fence that others wait for, and can name. */
static void leaves_a_fence(uint32_t kind)
{
	const uint64_t later = 100 * MSEC;
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
	struct dmabuf_revoke_blocker blocker = { 0 };
	uint64_t begun = dr_now();
	uint32_t count;

	row_gives("attach", try(buffer.fd, kind, M(FENCE_OUTLIVES), later), 0);
	succeeds(dr_blockers(exporter, buffer.id, &blocker, 1, &count));
	/* Unless that took so long that it has ended. */
	if (count)
		holds(!strcmp(blocker.timeline, "fence-outlives"), "%s",
		      blocker.timeline);
	revoke_fully(buffer.id);
	/* Jiffies are coarse. */
	holds(dr_now() - begun > later / 2);
	close(buffer.fd);
}

CASE(misbehave, I18_fence_outlives_ends_by_itself)
{
	for (uint32_t kind = 0; kind < 4; kind++)
		leaves_a_fence(kind);
}

CASE(misbehave, I18_failed_attach_leaves_no_fence)
{
	struct buffer buffer =
		buffer_alloc_faulty(PAGE, 0, DMABUF_REVOKE_FAULT_FAIL_PIN);

	row_gives("attach", try(buffer.fd, DMABUF_REVOKE_KIND_PINNED,
				M(FENCE_OUTLIVES), 10 * SEC), ENOMEM);
	equal(query(buffer.id).pending.fences, 0);
	close(buffer.fd);
}

CASE(misbehave, I16_stale_is_valid_again)
{
	struct buffer buffer =
		buffer_alloc_faulty(PAGE, 0, DMABUF_REVOKE_FAULT_TELL_IN_MAP);

	for (uint32_t kind = 0; kind <= DMABUF_REVOKE_KIND_PINNED; kind++) {
		int att = attach_misbehaving(buffer.fd, kind, M(STALE), 0);

		succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
		equal(status(att).invalidations, 1);
		equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
		close(att);
	}
	revoke_fully(buffer.id);
	close(buffer.fd);
}

static int revoked_that_loops(uint64_t delay_ns)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     M(LOOP_ON_ERROR), delay_ns);

	revoke_fully(buffer.id);
	close(buffer.fd);
	return att;
}

/* Then the call says what it would have said at once. */
CASE(misbehave, I17_loop_on_error_ends_after_its_delay)
{
	struct dmabuf_revoke_submit job = { .length = 1 };
	int att = revoked_that_loops(50 * MSEC);
	uint64_t begun = dr_now();

	fails(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL), ENODEV);
	holds(dr_now() - begun >= 50 * MSEC);
	begun = dr_now();
	fails(dr_submit(att, &job), ENODEV);
	holds(dr_now() - begun >= 50 * MSEC);
	equal(status(att).jobs_running, 0);
	close(att);
}

CASE(misbehave, I17_loop_on_error_ends_on_a_signal)
{
	int att = revoked_that_loops(HOUR);
	int ret;

	signals_begin(0);
	ret = dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);
	holds(signals_end() > 0);
	holds(ret == -ENODEV || ret == -EINTR, "%s", result_name(ret));
	close(att);
}

/* The exporter warns once, and counts no pin that is not there. */
CASE(misbehave, double_unpin_warns_unpin)
{
	for (uint32_t kind = 0; kind < 2; kind++) {
		struct buffer buffer = buffer_for_all();
		int att = attach_misbehaving(buffer.fd, kind,
					     M(DOUBLE_UNPIN), 0);

		succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
		revoke_fully(buffer.id);
		equal(query(buffer.id).pending.pins, 0);
		close(att);
		equal(query(buffer.id).pending.pins, 0);
		close(buffer.fd);
	}
}
