// SPDX-License-Identifier: GPL-2.0-only
/* SUBMIT and WAIT: what jobs do to memory, when they run, how they end. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "common.h"

/* A buffer with a device and a CPU looking at it. */
struct bench {
	struct buffer buffer;
	uint8_t *memory;
	int att;
};

static struct bench bench_new(uint64_t length)
{
	struct bench bench = { .buffer = buffer_alloc(length, 0) };

	bench.memory = cpu_map(bench.buffer.fd, length);
	bench.att = attach(bench.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	return bench;
}

static void bench_free(struct bench *bench)
{
	close(bench->att);
	cpu_unmap(bench->memory, bench->buffer.length);
	close(bench->buffer.fd);
}

struct range {
	uint64_t offset;
	uint64_t length;
};

/* Around a page border, around a word, at both ends. */
static const struct range ranges[] = {
	{ 0, 1 }, { 0, 64 * KIB }, { 1, 7 }, { 3, 8 }, { 4 * KIB - 1, 2 },
	{ 4 * KIB - 3, 4 * KIB + 5 }, { 20 * KIB + 13, 36 * KIB + 1 },
	{ 64 * KIB - 1, 1 },
};

CASE(jobs, read_gives_the_crc_of_exactly_the_range)
{
	struct bench bench = bench_new(64 * KIB);

	equal(crc32("123456789", 9), 0xcbf43926);
	fill_noise(bench.memory, 64 * KIB, 1);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		equal(device_crc(bench.att, ranges[i].offset, ranges[i].length),
		      crc32(bench.memory + ranges[i].offset, ranges[i].length));
	bench_free(&bench);
}

static void write_range(struct bench *bench, const struct range *range)
{
	const uint64_t pattern = 0xf8f7f6f5f4f3f2f1;
	const uint64_t length = bench->buffer.length;
	uint8_t *want = malloc(length);

	cpu_begins(bench->buffer.fd);
	fill_noise(bench->memory, length, 2);
	memcpy(want, bench->memory, length);
	cpu_ends(bench->buffer.fd);
	for (uint64_t i = 0; i < range->length; i++)
		want[range->offset + i] = 0xf1 + (range->offset + i) % 8;
	collect_ok(bench->att, submit(bench->att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.offset = range->offset,
		.length = range->length,
		.pattern = pattern,
	}));
	cpu_begins(bench->buffer.fd);
	holds(!memcmp(bench->memory, want, length), "%llu bytes at %llu",
	      (long long)range->length, (long long)range->offset);
	cpu_ends(bench->buffer.fd);
	free(want);
}

CASE(jobs, write_fills_exactly_the_range)
{
	struct bench bench = bench_new(64 * KIB);

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		write_range(&bench, &ranges[i]);
	bench_free(&bench);
}

static void copy_range(struct bench *bench, uint64_t from, uint64_t to,
		       uint64_t length)
{
	uint8_t *want = malloc(bench->buffer.length);

	cpu_begins(bench->buffer.fd);
	fill_noise(bench->memory, bench->buffer.length, 3);
	memcpy(want, bench->memory, bench->buffer.length);
	cpu_ends(bench->buffer.fd);
	memcpy(want + to, want + from, length);
	collect_ok(bench->att, submit(bench->att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_COPY,
		.offset = from,
		.length = length,
		.dst_offset = to,
	}));
	cpu_begins(bench->buffer.fd);
	holds(!memcmp(bench->memory, want, bench->buffer.length),
	      "%llu bytes from %llu to %llu", (long long)length,
	      (long long)from, (long long)to);
	cpu_ends(bench->buffer.fd);
	free(want);
}

CASE(jobs, copy_copies_exactly_the_range)
{
	struct bench bench = bench_new(64 * KIB);

	copy_range(&bench, 0, 4 * KIB, 4 * KIB);
	copy_range(&bench, 4 * KIB, 0, 4 * KIB);
	copy_range(&bench, 0, 64 * KIB - 1, 1);
	copy_range(&bench, 17, 32 * KIB + 3, 32 * KIB - 14);
	copy_range(&bench, 32 * KIB + 1, 0, 32 * KIB - 1);
	bench_free(&bench);
}

/* Contiguous memory is 1024 pages of 4 KiB at most, or 2048 of 16 KiB: one piece ends inside. */
CASE(jobs, copy_crosses_segment_borders)
{
	const uint64_t quarter = 1024 * PAGE;
	struct bench bench = bench_new(4 * quarter);

	copy_range(&bench, quarter + 5, 5 * quarter / 2 + 4099, 3 * quarter / 2 - 8197);
	bench_free(&bench);
}

CASE(jobs, large_buffer_from_end_to_end)
{
	const uint64_t length = 64 * MIB;
	struct bench bench = bench_new(length);
	uint64_t at = 0;

	collect_ok(bench.att, submit(bench.att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = length,
		.pattern = 0x1122334455667788,
	}));
	while (at < length / 8 &&
	       ((uint64_t *)bench.memory)[at] == 0x1122334455667788)
		at++;
	equal(at, length / 8);
	bench_free(&bench);
}

CASE(jobs, copy_onto_itself_is_EINVAL)
{
	static const struct range pairs[] = {
		/* here offset and dst_offset, 8 bytes each */
		{ 0, 0 }, { 0, 7 }, { 7, 0 }, { 100, 93 },
	};
	struct bench bench = bench_new(PAGE);

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct dmabuf_revoke_submit job = {
			.op = DMABUF_REVOKE_OP_COPY,
			.offset = pairs[i].offset,
			.dst_offset = pairs[i].length,
			.length = 8,
		};

		fails(dr_submit(bench.att, &job), EINVAL);
	}
	copy_range(&bench, 0, 8, 8);
	copy_range(&bench, 8, 0, 8);
	bench_free(&bench);
}

CASE(jobs, submit_maps_on_demand)
{
	struct bench bench = bench_new(PAGE);

	equal(status(bench.att).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
	device_crc(bench.att, 0, PAGE);
	equal(status(bench.att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	device_crc(bench.att, 0, PAGE);
	equal(status(bench.att).maps, 1);
	bench_free(&bench);
}

CASE(jobs, run_one_after_the_other_and_last)
{
	struct bench bench = bench_new(PAGE);
	uint64_t last = dr_now();
	uint64_t jobs[4];

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i] = submit_busy(bench.att, DMABUF_REVOKE_OP_WRITE, 0,
				      20 * MSEC);
		equal(jobs[i], i + 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		struct dmabuf_revoke_wait out = collect_ok(bench.att, jobs[i]);

		holds(out.started_ns >= last);
		holds(out.ended_ns >= out.started_ns + 20 * MSEC);
		holds(out.ended_ns <= dr_now());
		equal(out.passes, 1);
		equal(out.changed, 0);
		last = out.ended_ns;
	}
	equal(status(bench.att).jobs_running, 0);
	bench_free(&bench);
}

CASE(jobs, wait_in_any_order_collects_once)
{
	struct bench bench = bench_new(PAGE);
	uint64_t a = submit_busy(bench.att, DMABUF_REVOKE_OP_READ, 0, 0);
	uint64_t b = submit_busy(bench.att, DMABUF_REVOKE_OP_READ, 0, 0);
	struct dmabuf_revoke_wait out;

	collect_ok(bench.att, b);
	equal(status(bench.att).jobs_uncollected, 1);
	fails(dr_wait(bench.att, b, 0, &out), ENOENT);
	collect_ok(bench.att, a);
	fails(dr_wait(bench.att, a, DMABUF_REVOKE_FOREVER, &out), ENOENT);
	fails(dr_wait(bench.att, 0, 0, &out), ENOENT);
	fails(dr_wait(bench.att, b + 1, 0, &out), ENOENT);
	equal(status(bench.att).jobs_uncollected, 0);
	bench_free(&bench);
}

CASE(jobs, wait_gives_up_at_the_deadline)
{
	struct bench bench = bench_new(PAGE);
	uint64_t short_one = submit_busy(bench.att, DMABUF_REVOKE_OP_READ, 0,
					 50 * MSEC);
	uint64_t job = submit_busy(bench.att, DMABUF_REVOKE_OP_READ, 0,
				   ENDLESS);
	struct dmabuf_revoke_wait out;
	uint64_t deadline;

	succeeds(dr_wait(bench.att, short_one, DMABUF_REVOKE_FOREVER, &out));
	equal(out.status, 0);
	fails(dr_wait(bench.att, job, 0, &out), ETIMEDOUT);
	fails(dr_wait(bench.att, job, 1, &out), ETIMEDOUT);
	deadline = dr_deadline(20 * MSEC);
	fails(dr_wait(bench.att, job, deadline, &out), ETIMEDOUT);
	holds(dr_now() >= deadline);
	bench_free(&bench);
}

static int wait_for_the_first(uint64_t att, uint64_t deadline_ns)
{
	struct dmabuf_revoke_wait out;

	return dr_wait(att, 1, deadline_ns, &out);
}

CASE(jobs, wait_ends_on_a_signal_and_a_restart_does_not_lengthen_it)
{
	struct bench bench = bench_new(PAGE);
	uint64_t job = submit_busy(bench.att, DMABUF_REVOKE_OP_READ, 0,
				   ENDLESS);
	struct dmabuf_revoke_wait out;

	signals_begin(0);
	fails(dr_wait(bench.att, job, DMABUF_REVOKE_FOREVER, &out), EINTR);
	signals_end();
	restarts_do_not_lengthen(wait_for_the_first, bench.att, 2);
	bench_free(&bench);
}

CASE(jobs, more_than_max_jobs_is_EAGAIN_until_one_is_collected)
{
	struct dmabuf_revoke_submit more = { .length = 1 };
	struct bench bench = bench_new(PAGE);
	struct dmabuf_revoke_importer_info info;
	uint64_t job;

	succeeds(dr_importer_info(importer, &info));
	for (job = 1; job <= info.max_jobs; job++)
		equal(submit_busy(bench.att, DMABUF_REVOKE_OP_READ, 0, 0), job);
	fails(dr_submit(bench.att, &more), EAGAIN);
	collect_ok(bench.att, 1);
	equal(submit_busy(bench.att, DMABUF_REVOKE_OP_READ, 0, 0), job);
	collect_ok(bench.att, job);
	bench_free(&bench);
}

CASE(jobs, stream_repeats_until_the_revoke)
{
	struct bench bench = bench_new(PAGE);
	uint64_t job = submit_running(bench.att, bench.buffer.fd,
				      DMABUF_REVOKE_SUBMIT_STREAM, 0, NULL);

	equal(status(bench.att).jobs_running, 1);
	revoke_fully(bench.buffer.id);
	holds(collect_ok(bench.att, job).passes >= 1);
	equal(status(bench.att).jobs_running, 0);
	bench_free(&bench);
}

CASE(jobs, stream_over_constant_memory_sees_no_change)
{
	struct bench bench = bench_new(4 * PAGE);
	struct dmabuf_revoke_wait out;
	uint64_t job;
	uint32_t crc;

	fill_noise(bench.memory, 4 * PAGE, 9);
	crc = crc32(bench.memory, 4 * PAGE);
	job = submit(bench.att, (struct dmabuf_revoke_submit){
		.flags = DMABUF_REVOKE_SUBMIT_STREAM,
		.op = DMABUF_REVOKE_OP_READ,
		.length = 4 * PAGE,
		.duration_ns = MSEC,
	});
	await_pass(bench.att);
	fails(dr_wait(bench.att, job, dr_deadline(20 * MSEC), &out), ETIMEDOUT);
	revoke_fully(bench.buffer.id);
	out = collect_ok(bench.att, job);
	equal(out.crc32, crc);
	equal(out.changed, 0);
	bench_free(&bench);
}

/* The control of @changed: the CPU writes between passes. */
CASE(jobs, stream_over_changing_memory_sees_it)
{
	struct bench bench = bench_new(PAGE);
	uint64_t job = submit(bench.att, (struct dmabuf_revoke_submit){
		.flags = DMABUF_REVOKE_SUBMIT_STREAM,
		.op = DMABUF_REVOKE_OP_READ,
		.length = PAGE,
	});

	for (int i = 0; i < 3; i++) {
		/* One pass that begins later than the write, and all of it. */
		await_passes(bench.att, 2);
		bench.memory[i] ^= 0xff;
	}
	await_passes(bench.att, 2);
	revoke_fully(bench.buffer.id);
	holds(collect_ok(bench.att, job).changed >= 3);
	bench_free(&bench);
}

CASE(jobs, revoke_cuts_the_running_one_short_and_starts_no_other)
{
	struct bench bench = bench_new(PAGE);
	uint64_t running = submit_running(bench.att, bench.buffer.fd, 0,
					  ENDLESS, NULL);
	uint64_t queued = submit_busy(bench.att, DMABUF_REVOKE_OP_WRITE, 0, 0);
	struct dmabuf_revoke_submit late = { .length = 1 };
	struct dmabuf_revoke_wait out;

	revoke_fully(bench.buffer.id);
	fails(dr_submit(bench.att, &late), ENODEV);
	equal(status(bench.att).jobs_uncollected, 2);
	out = collect(bench.att, running);
	equal(out.status, -ECANCELED);
	holds(out.started_ns);
	equal(out.passes, 0);
	out = collect(bench.att, queued);
	equal(out.status, -ECANCELED);
	equal(out.started_ns, 0);
	holds(out.ended_ns);
	bench_free(&bench);
}

/* Whoever has seen the fence signal finds all the rest done. */
CASE(jobs, I4_result_event_and_mapping_are_there_with_the_fence)
{
	struct bench bench = bench_new(PAGE);
	struct luck luck = { .rounds = 20000 };

	while (luck_lasts(&luck)) {
		struct dmabuf_revoke_importer_info info;
		struct dmabuf_revoke_event event;
		struct dmabuf_revoke_wait out;
		uint64_t job;
		int fence = submit_fence(bench.att, 0, 0, &job);

		holds(is_readable(fence, SOON / MSEC));
		succeeds(dr_importer_info(importer, &info));
		equal(info.jobs, 0);
		succeeds(dr_wait(bench.att, job, 0, &out));
		close(fence);
		if (luck.rounds % 10)
			continue;
		succeeds(dr_unmap(bench.att));
		do
			event = next_event(bench.att);
		while (event.type == DMABUF_REVOKE_EVENT_MAPPED ||
		       event.job != job);
		equal(event.type, DMABUF_REVOKE_EVENT_JOB_DONE);
		expect_event(bench.att, DMABUF_REVOKE_EVENT_UNMAPPED);
	}
	bench_free(&bench);
}

CASE(jobs, failing_submits_use_up_no_number)
{
	struct bench bench = bench_new(PAGE);
	struct dmabuf_revoke_submit *rigid = page_with(PROT_READ | PROT_WRITE);
	struct dmabuf_revoke_submit job = { .length = 1 };

	*rigid = (struct dmabuf_revoke_submit){
		.size = sizeof(*rigid), .length = 1,
	};
	equal(mprotect(rigid, PAGE, PROT_READ), 0);
	for (int i = 0; i < 50; i++)
		fails(sys(ioctl(bench.att, DMABUF_REVOKE_IOC_SUBMIT, rigid)),
		      EFAULT);
	munmap(rigid, PAGE);
	succeeds(dr_map(bench.att, DMABUF_REVOKE_FROM_DEVICE));
	for (int i = 0; i < 50; i++)
		fails(dr_submit(bench.att, &job), EACCES);
	job.op = DMABUF_REVOKE_OP_WRITE;
	job.flags = DMABUF_REVOKE_SUBMIT_FENCE_FD;
	forbid_new_fds();
	for (int i = 0; i < 50; i++)
		fails(dr_submit(bench.att, &job), EMFILE);
	allow_new_fds();
	job.flags = 0;
	succeeds(dr_submit(bench.att, &job));
	equal(job.job, 1);
	collect_ok(bench.att, 1);
	bench_free(&bench);
}

#define NUMBERS 64

struct numbered {
	pthread_t thread;
	int att;
	bool seen[4 * NUMBERS + 1];
};

static void *submit_numbered(void *arg)
{
	struct numbered *numbered = arg;
	struct dmabuf_revoke_submit job = { .length = 1 };

	for (int i = 0; i < NUMBERS; i++) {
		succeeds(dr_submit(numbered->att, &job));
		holds(job.job >= 1 && job.job <= 4 * NUMBERS);
		numbered->seen[job.job] = true;
	}
	return NULL;
}

/* Of many at once each gets one of its own, and none is left out. */
CASE(jobs, numbers_of_several_who_submit)
{
	struct bench bench = bench_new(PAGE);
	struct numbered numbered[4] = {};

	for (size_t i = 0; i < ARRAY_SIZE(numbered); i++) {
		numbered[i].att = bench.att;
		pthread_create(&numbered[i].thread, NULL, submit_numbered,
			       &numbered[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbered); i++)
		pthread_join(numbered[i].thread, NULL);
	for (uint64_t number = 1; number <= 4 * NUMBERS; number++) {
		int owners = 0;

		for (size_t i = 0; i < ARRAY_SIZE(numbered); i++)
			owners += numbered[i].seen[number];
		equal(owners, 1);
		collect_ok(bench.att, number);
	}
	bench_free(&bench);
}

#define MANY 600

static bool is_at_work(uint64_t att)
{
	return status((int)att).running;
}

/* Each occupies a thread for as long as it likes: no fence may wait for one. */
CASE(jobs, I8_more_attachments_than_threads_warns_overlap)
{
	struct rlimit files = { 2 * MANY, 2 * MANY };
	struct dmabuf_revoke_submit job = {
		.flags = DMABUF_REVOKE_SUBMIT_BOOKKEEP,
		.length = 1,
		.duration_ns = ENDLESS,
	};
	struct bench bench = bench_new(PAGE);
	int atts[MANY];
	int n, ret = 0;

	equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	for (n = 0; n < MANY && !ret; n++) {
		atts[n] = attach_mapped(bench.buffer.fd,
					DMABUF_REVOKE_KIND_DYNAMIC, 0);
		ret = dr_submit(atts[n], &job);
	}
	holds(!ret || ret == -EAGAIN);
	holds(n > 2);
	for (int i = 0; i < n - 1; i++)
		holds(eventually(is_at_work, atts[i]), "job of %d of %d", i, n);
	if (ret) {
		/* What one does not use is another's. */
		fails(dr_submit(bench.att, &job), EAGAIN);
		close(atts[0]);
		succeeds(dr_submit(atts[n - 1], &job));
		atts[0] = -1;
	}
	holds(eventually(is_at_work, atts[n - 1]));
	for (int i = 0; i < n; i++)
		if (atts[i] >= 0)
			close(atts[i]);
	bench_free(&bench);
}
