// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a time namespace CLOCK_MONOTONIC is another than the host's: deadlines are of that
 * clock, and so are the times that come back.
 */
#include <sched.h>
#include <stdio.h>

#include "life.h"

TIME_LIMIT(30);

/* Shorter than what any of the clocks here is ahead, or behind. */
#define WAIT (300 * MSEC)
#define DAY 86400

struct offset {
	long long seconds;
	int (*fn)(void *arg);
	void *arg;
};

/* The children of a process are in the namespace that it makes, not the process itself. */
static int enter(void *arg)
{
	struct offset *offset = arg;
	FILE *file;

	if (unshare(CLONE_NEWTIME))
		return -ENOTSUP;
	file = fopen("/proc/self/timens_offsets", "we");
	holds(file, "timens_offsets: %s", strerrorname_np(errno));
	fprintf(file, "monotonic %lld 0", offset->seconds);
	equal(fclose(file), 0);
	return in_child(offset->fn, offset->arg);
}

/* Runs @fn where the clock is a day ahead, and as far behind as it can be. */
static void with_other_clocks(int (*fn)(void *arg), void *arg)
{
	const long long seconds[] = { DAY, -(long long)(dr_now() / SEC) };

	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
		struct offset offset = { seconds[i], fn, arg };
		int ret = in_child(enter, &offset);

		if (ret == -ENOTSUP)
			skip("no time namespaces (CONFIG_TIME_NS)");
		holds(!ret, "%lld seconds ahead", seconds[i]);
	}
}

/* Each of these waits for a mapping that stays. */
static int revoke_it(uint64_t id, uint64_t deadline_ns)
{
	return dr_revoke(exporter, id, deadline_ns, NULL);
}

static int suspend(uint64_t id, uint64_t deadline_ns)
{
	return dr_suspend(exporter, id, deadline_ns, NULL);
}

static int restore(uint64_t id, uint64_t deadline_ns)
{
	return dr_restore(exporter, id, deadline_ns);
}

static int deadlines_are_kept(void *arg)
{
	static int (*const calls[])(uint64_t id, uint64_t deadline_ns) = {
		suspend, restore, revoke_it,
	};
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		uint64_t deadline;

		/* No wait, and one that was over when the clock began. */
		fails(calls[i](buffer.id, 0), ETIMEDOUT);
		fails(calls[i](buffer.id, 1), ETIMEDOUT);
		deadline = dr_deadline(WAIT);
		fails(calls[i](buffer.id, deadline), ETIMEDOUT);
		holds(dr_now() >= deadline, "call %zu did not wait", i);
		holds(dr_now() < deadline + SOON, "call %zu", i);
	}
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
	return 0;
}

CASE(timens, E8_deadlines_are_of_the_callers_clock)
{
	with_other_clocks(deadlines_are_kept, NULL);
}

static int times_are_ours(void *arg)
{
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
	uint64_t began = dr_now();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	struct dmabuf_revoke_blocker blocker;
	struct dmabuf_revoke_phases phases;
	uint64_t mapped = dr_now();

	(void)arg;
	blocker = only_blocker(buffer.id);
	holds(blocker.since_ns >= began && blocker.since_ns <= mapped);
	equal(query(buffer.id).phases.began_ns, 0);
	phases = revoke_times_out(buffer.id, 0).phases;
	holds(phases.began_ns >= mapped && phases.began_ns <= dr_now());
	equal(query(buffer.id).phases.began_ns, phases.began_ns);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
	return 0;
}

CASE(timens, E11_times_are_of_the_callers_clock)
{
	with_other_clocks(times_are_ours, NULL);
}

/* Before the clock began: not 0, which is never. */
static int was_long_ago(void *arg)
{
	equal(query(*(uint64_t *)arg).phases.began_ns, 1);
	return 0;
}

CASE(timens, E11_what_was_before_the_clock_began_is_not_never)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct offset offset = { 0, was_long_ago, &buffer.id };
	uint64_t second = dr_now() / SEC;
	int ret;

	revoke_fully(buffer.id);
	while (dr_now() / SEC < second + 2)
		usleep(10000);
	offset.seconds = -(long long)(dr_now() / SEC);
	ret = in_child(enter, &offset);
	if (ret == -ENOTSUP)
		skip("no time namespaces (CONFIG_TIME_NS)");
	equal(ret, 0);
	close(buffer.fd);
}

static bool is_at_work(uint64_t att)
{
	return status((int)att).running;
}

static int importers_times_are_ours(void *arg)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t before = dr_now(), deadline, job, last;
	struct dmabuf_revoke_wait out;
	struct dmabuf_revoke_status s;

	(void)arg;
	job = submit_busy(att, DMABUF_REVOKE_OP_READ, 0, ENDLESS);
	fails(dr_wait(att, job, 1, &out), ETIMEDOUT);
	deadline = dr_deadline(WAIT);
	fails(dr_wait(att, job, deadline, &out), ETIMEDOUT);
	holds(dr_now() >= deadline && dr_now() < deadline + SOON);
	holds(eventually(is_at_work, att));

	revoke_fully(buffer.id);
	last = dr_now();
	out = collect(att, job);
	holds(out.started_ns >= before && out.started_ns <= out.ended_ns);
	holds(out.ended_ns <= last);
	s = status(att);
	holds(s.invalidated_ns >= before && s.invalidated_ns <= s.unmapped_ns);
	holds(s.unmapped_ns <= last);
	while (is_readable(att, 0)) {
		uint64_t time = next_event(att).time_ns;

		holds(time >= before && time <= last);
	}
	close(att);
	close(buffer.fd);
	return 0;
}

CASE(timens, times_of_jobs_status_and_events_are_of_the_callers_clock)
{
	with_other_clocks(importers_times_are_ours, NULL);
}
