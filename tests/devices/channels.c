// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real DMA, by a channel of the kernel's DMA engine: it does what the CPU does in its place, and
 * ends as that does.
 */
#include "failnth.h"
#include "function.h"

#define LENGTH (2 * PAGE)
#define STREAM DMABUF_REVOKE_SUBMIT_STREAM
#define DEFER DMABUF_REVOKE_ATTACH_DEFER_UNMAP
#define M(x) DMABUF_REVOKE_MISBEHAVE_##x
#define PATTERN 0x0123456789abcdef

TIME_LIMIT(110);

static const struct {
	uint32_t kind;
	uint32_t flags;
} ways[] = {
	{ DMABUF_REVOKE_KIND_DYNAMIC, 0 },
	{ DMABUF_REVOKE_KIND_DYNAMIC, DEFER },
	{ DMABUF_REVOKE_KIND_PINNED, 0 },
	{ DMABUF_REVOKE_KIND_PINNED, DEFER },
	{ DMABUF_REVOKE_KIND_LEGACY_STATIC, 0 },
	{ DMABUF_REVOKE_KIND_LEGACY_RDMA, 0 },
};

static void leave(void)
{
	channel_unbind();
	channel_unload();
}

/* For what the CPU is to see while jobs run. */
static void bind_direct(void)
{
	channel_bind();
	if (function_has_engine())
		return;
	leave();
	skip("DMA of %s is bounced: the CPU does not see it", function);
}

/* What a CRC is of, and what is written where, in the midst of pages and beyond one. */
static void does_dma(int att, int dmabuf)
{
	uint8_t *memory = cpu_map(dmabuf, LENGTH);
	uint8_t before[100];

	cpu_begins(dmabuf);
	fill_noise(memory, LENGTH, 7);
	memcpy(before, memory, sizeof(before));
	cpu_ends(dmabuf);
	equal(device_crc(att, PAGE - 50, 100), crc32(memory + PAGE - 50, 100));
	collect_ok(att, submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_COPY,
		.offset = 3,
		.length = 97,
		.dst_offset = PAGE - 47,
	}));
	cpu_begins(dmabuf);
	expect(!memcmp(memory + PAGE - 47, before + 3, 97));
	expect(!memcmp(memory, before, sizeof(before)));
	cpu_ends(dmabuf);
	collect_ok(att, submit_fill(att, LENGTH, PATTERN, 0));
	cpu_begins(dmabuf);
	expect(is_filled(memory, LENGTH, PATTERN));
	cpu_ends(dmabuf);
	cpu_unmap(memory, LENGTH);
}

CASE(channels, each_kind_does_DMA_until_it_is_revoked)
{
	channel_bind();
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct buffer buffer = buffer_alloc(LENGTH, ACCEPT_LEGACY);
		int att = attach_channel(buffer.fd, ways[i].kind, ways[i].flags);

		succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
		expect_text(only_blocker(buffer.id).name, function);
		does_dma(att, buffer.fd);
		if (ways[i].kind < DMABUF_REVOKE_KIND_LEGACY_STATIC) {
			revoke_fully(buffer.id);
			equal(status(att).unmaps, 1);
			fails(dr_map(att, 0), ENODEV);
		}
		close(att);
		close(buffer.fd);
	}
	leave();
}

/* Each page on its own, and in no order. */
CASE(channels, segments_are_followed)
{
	struct dmabuf_revoke_alloc arg = {
		.length = LENGTH,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.shape = DMABUF_REVOKE_SHAPE_SHUFFLED,
	};
	int att;

	channel_bind();
	succeeds(dr_alloc_as(exporter, &arg));
	att = attach_channel(arg.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	does_dma(att, arg.fd);
	close(att);
	close(arg.fd);
	leave();
}

/* With quarantine: nothing is written once the revoke is complete. */
CASE(channels, E10_revoke_ends_a_stream)
{
	channel_bind();
	for (size_t i = 0; i < 4; i++) {
		struct buffer buffer = buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_QUARANTINE);
		int att = attach_channel(buffer.fd, ways[i].kind, ways[i].flags);
		uint64_t offsets[1] = { 0 };
		struct dmabuf_revoke_free out;
		uint64_t job, next;

		job = submit(att, (struct dmabuf_revoke_submit){
			.flags = STREAM,
			.op = DMABUF_REVOKE_OP_WRITE,
			.length = PAGE,
			.pattern = PATTERN,
		});
		next = submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 0);
		await_passes(att, 1);
		holds(eventually(channel_writes, 0));
		revoke_fully(buffer.id);
		collect_ok(att, job);
		equal(collect(att, next).status, -ECANCELED);
		equal(status(att).unmaps, 1);
		/* The channel is given back when the device is idle. */
		close(att);
		succeeds(dr_free(exporter, buffer.id, offsets, 1, &out));
		equal(out.checked, 1);
		equal(out.changed, 0);
		close(buffer.fd);
	}
	leave();
}

/* A COPY that takes seconds does not hold up the revoke for as long. */
CASE(channels, I1_revoke_cuts_a_job_short)
{
	struct dmabuf_revoke_wait done;
	struct buffer buffer;
	uint64_t job;
	int att;

	channel_bind();
	buffer = buffer_alloc(64 * PAGE, 0);
	att = attach_channel(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	job = submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_READ,
		.length = buffer.length,
	});
	while (!status(att).running)
		usleep(1000);
	revoke_fully(buffer.id);
	done = collect(att, job);
	equal(done.status, -ECANCELED);
	/* All of it is 256 transfers. */
	holds(done.ended_ns - done.started_ns < 20 * SEC);
	close(att);
	close(buffer.fd);
	leave();
}

CASE(channels, closing_ends_jobs)
{
	struct buffer buffer;
	int att, fence;

	bind_direct();
	buffer = buffer_alloc(LENGTH, 0);
	att = attach_channel(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	submit_running(att, buffer.fd, STREAM, 0, &fence);
	close(att);
	equal(fence_status(fence), 1);
	equal(query(buffer.id).attachments, 0);
	close(fence);
	close(buffer.fd);
	leave();
}

CASE(channels, AUTO_does_not_choose_it)
{
	struct dmabuf_revoke_attach arg = {};
	struct dmabuf_revoke_device device;
	struct buffer buffer;

	channel_bind();
	buffer = buffer_alloc(PAGE, 0);
	function_is_there(&device);
	holds(device.engines & 1U << DMABUF_REVOKE_ENGINE_DMAENGINE);
	holds(device.engines & 1U << DMABUF_REVOKE_ENGINE_NONE);
	arg.dmabuf_fd = buffer.fd;
	memcpy(arg.device, function, sizeof(arg.device));
	succeeds(dr_attach_as(importer, &arg));
	holds(arg.engine < DMABUF_REVOKE_ENGINE_DMAENGINE);
	function_is_there(&device);
	equal(device.attachments, 1);
	close(arg.fd);
	close(buffer.fd);
	leave();
}

CASE(channels, a_channel_is_for_one_attachment)
{
	struct buffer buffer;
	int first, second;

	channel_bind();
	buffer = buffer_alloc(PAGE, 0);
	first = attach_channel(buffer.fd, 0, 0);
	fails(try_attach_channel(buffer.fd, 0, 0, 0, 0), EBUSY);
	/* Others than it work on. */
	close(succeeds(try_attach_for(function, buffer.fd, 0, 0)));
	equal(query(buffer.id).attachments, 1);
	close(first);
	second = attach_channel(buffer.fd, 0, 0);
	device_crc(second, 0, PAGE);
	close(second);
	close(buffer.fd);
	leave();
}

/* What ATTACH did is undone when the exporter refuses. */
CASE(channels, a_channel_is_given_back_when_attaching_fails)
{
	struct buffer buffer;

	channel_bind();
	buffer = buffer_alloc(PAGE, 0);
	fails(try_attach_channel(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0, 0, 0),
	      EOPNOTSUPP);
	revoke_fully(buffer.id);
	fails(try_attach_channel(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0, M(FENCE_AFTER), 0),
	      ENODEV);
	close(buffer.fd);
	buffer = buffer_alloc(PAGE, 0);
	close(attach_channel(buffer.fd, 0, 0));
	close(buffer.fd);
	leave();
}

static struct buffer attached;
static int made = -1;

/* The driver has just come: it is the call that looks for it. */
static void begin_unseen(void)
{
	channel_leave();
	holds(channel_try_bind());
	attached = buffer_alloc(PAGE, 0);
}

static long call_attach(void)
{
	made = try_attach_channel(attached.fd, 0, 0, 0, 0);
	return made < 0 ? made : 0;
}

static void end_attached(void)
{
	if (made >= 0)
		close(made);
	made = -1;
	close(attached.fd);
	succeeds(dr_free(exporter, attached.id, NULL, 0, NULL));
}

CASE(channels, I9_failnth_attach)
{
	need_fault_injection();
	channel_bind();
	fails_at_every_point("ATTACH_CHANNEL", begin_unseen, call_attach, end_attached);
	leave();
}

CASE(channels, devices_without_a_channel)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	/* Its driver offers none: then it is not even known. */
	function_offer();
	fails(try_attach_channel(buffer.fd, 0, 0, 0, 0),
	      access("/sys/class/dma", F_OK) ? EOPNOTSUPP : ENODEV);
	/* The importer is its driver. */
	function_bind();
	fails(try_attach_channel(buffer.fd, 0, 0, 0, 0), EOPNOTSUPP);
	function_unbind();
	memset(function, 0, sizeof(function));
	fails(try_attach_channel(buffer.fd, 0, 0, 0, 0), EOPNOTSUPP);
	equal(query(buffer.id).attachments, 0);
	close(buffer.fd);
}

/* --- misbehaviours ---------------------------------------------------------- */

CASE(channels, fences_misbehave_as_with_other_engines)
{
	struct buffer buffer;
	uint64_t job;
	int att;

	bind_direct();
	buffer = buffer_alloc(PAGE, 0);
	att = succeeds(try_attach_channel(buffer.fd, 0, 0, M(FENCE_ERROR), 0));
	equal(collect(att, submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 0)).status, -EIO);
	close(att);

	att = succeeds(try_attach_channel(buffer.fd, 0, 0, M(STUCK_FENCE), 0));
	/* One that has not been taken up would be cancelled. */
	submit_running(att, buffer.fd, 0, 0, NULL);
	revoke_times_out(buffer.id, SEC / 2);
	equal(query(buffer.id).pending.fences, 1);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);

	buffer = buffer_alloc(PAGE, 0);
	att = succeeds(try_attach_channel(buffer.fd, 0, 0, M(NO_UNMAP), 0));
	job = submit_running(att, buffer.fd, STREAM, 0, NULL);
	revoke_times_out(buffer.id, SEC);
	collect_ok(att, job);
	equal(query(buffer.id).pending.maps, 1);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
	leave();
}

static bool is_translated(void)
{
	struct dmabuf_revoke_device device;

	holds(function_is_there(&device));
	return device.iommu == DMABUF_REVOKE_IOMMU_TRANSLATED;
}

/* It writes once per tick, and per transfer; the first page is where it was mapped. */
static bool has_changed(uint64_t word)
{
	const volatile uint64_t *address = (const uint64_t *)(uintptr_t)word;

	return *address != 0xdbdbdbdbdbdbdbdb;
}

CASE(channels, I3_DMA_after_the_unmap_is_found_by_the_quarantine)
{
	uint64_t offsets[2] = { 42, 42 }, *memory;
	struct buffer buffer = { .length = LENGTH };
	struct dmabuf_revoke_free out;
	int att;

	bind_direct();
	if (is_translated()) {
		leave();
		skip("an IOMMU translates: nothing is written after the unmap");
	}
	succeeds(dr_alloc_faulty(exporter, LENGTH, DMABUF_REVOKE_ALLOC_QUARANTINE,
				 DMABUF_REVOKE_FAULT_NO_ZAP, &buffer.id, &buffer.fd));
	memory = cpu_map(buffer.fd, LENGTH);
	att = succeeds(try_attach_channel(buffer.fd, 0, 0, M(DMA_AFTER_UNMAP), 0));
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	revoke_fully(buffer.id);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
	holds(eventually(has_changed, (uintptr_t)memory));
	succeeds(dr_free(exporter, buffer.id, offsets, 2, &out));
	equal(out.checked, 1);
	equal(out.changed, 1);
	equal(offsets[0], 0);
	equal(offsets[1], 42);
	close(att);
	cpu_unmap(memory, LENGTH);
	close(buffer.fd);
	leave();
}

CASE(channels, DMA_after_the_unmap_is_refused_where_it_would_do_harm)
{
	struct buffer buffer;
	int ret;

	channel_bind();
	buffer = buffer_alloc(PAGE, 0);
	ret = try_attach_channel(buffer.fd, 0, 0, M(DMA_AFTER_UNMAP), 0);
	if (is_translated())
		close(succeeds(ret));
	else
		fails(ret, EOPNOTSUPP);
	close(buffer.fd);
	leave();
}

/* --- the device goes -------------------------------------------------------- */

/* As departures.c has it, for one attachment at a time: there is one channel. */
static void go_while_it_works(void (*go)(void), uint32_t kind, uint32_t flags)
{
	struct dmabuf_revoke_submit job = { .length = 1 };
	struct buffer buffer = buffer_alloc(LENGTH, ACCEPT_LEGACY);
	int att = attach_channel(buffer.fd, kind, flags);
	uint64_t stream, next;

	stream = submit_running(att, buffer.fd, STREAM | DMABUF_REVOKE_SUBMIT_BOOKKEEP, 0,
				NULL);
	next = submit_busy(att, DMABUF_REVOKE_OP_READ, DMABUF_REVOKE_SUBMIT_BOOKKEEP, 0);
	go();
	equal(collect(att, stream).status, 0);
	equal(collect(att, next).status, -ECANCELED);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_GONE);
	equal(status(att).maps, status(att).unmaps);
	fails(dr_submit(att, &job), ENODEV);
	fails(dr_map(att, 0), ENODEV);
	fails(try_attach_channel(buffer.fd, kind, flags, 0, 0), ENODEV);
	equal(query(buffer.id).attachments, 0);
	nothing_is_in_use(buffer.id);
	close(att);
	close(buffer.fd);
}

CASE(channels, I8_its_driver_goes_while_it_works)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		bind_direct();
		go_while_it_works(channel_unbind, ways[i].kind, ways[i].flags);
	}
	channel_unload();
}

CASE(channels, I8_it_is_unplugged_while_it_works)
{
	bind_direct();
	go_while_it_works(function_remove, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	function_rescan();
	channel_bind();
	go_while_it_works(function_remove, DMABUF_REVOKE_KIND_PINNED, DEFER);
	function_rescan();
	channel_unload();
}

/* Its driver does not notice. What was under way is lost, or has failed; it works on. */
CASE(channels, it_is_reset_while_it_works)
{
	struct buffer buffer;
	uint64_t job;
	int att;

	bind_direct();
	need_reset();
	buffer = buffer_alloc(LENGTH, 0);
	att = attach_channel(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	job = submit_running(att, buffer.fd, STREAM, 0, NULL);
	function_reset();
	await_passes(att, 2);
	revoke_fully(buffer.id);
	collect_ok(att, job);
	close(att);
	close(buffer.fd);

	buffer = buffer_alloc(LENGTH, 0);
	att = attach_channel(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	does_dma(att, buffer.fd);
	close(att);
	close(buffer.fd);
	leave();
}
