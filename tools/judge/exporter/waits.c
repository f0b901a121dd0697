// SPDX-License-Identifier: GPL-2.0-only
/* What a revoke waits for, and what it does not hold meanwhile. */
#include <errno.h>

#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "judge/seen/pulse.h"
#include "lib/devices/ioctls.h"

/* An unmap may be so much earlier than asked for: a delay is in whole jiffies. */
#define JIFFIES_NS	20000000ULL

/* When an importer was told: no fence, or unmap, that is late on purpose, is before @delay. */
static uint64_t not_before(const struct scene *scene, const struct seat *seat)
{
	return seat->first_told_ns + scene_hold(scene);
}

/* The end of what waits: it is judged whether it came too early; or not at all. */
static void judge_end(struct scene *scene, const char *clause, const char *what,
		      uint64_t earliest_ns, uint64_t came_ns)
{
	struct trial *trial = scene->trial;
	const struct deed *deed = &scene->deed;

	if (came_ns && came_ns < earliest_ns)
		trial_unclear(trial, "%s has come earlier than it should", what);
	else if (!deed->running && deed->ended_ns < earliest_ns && deed_is_done(deed))
		trial_fail(trial, clause, "%s was over %.1f ms before the earliest time of %s",
			   deed_name(deed->what), (double)(earliest_ns - deed->ended_ns) / 1e6,
			   what);
	else if (!deed->running && !deed_is_done(deed) && deed->ended_ns < earliest_ns)
		trial_unclear(trial, "%s, before the earliest time of %s", deed->reason, what);
	else if (!deed->running && !deed_is_done(deed))
		trial_pass(trial, clause, "%s, and does not say that it is over: %s",
			   deed->reason, what);
	else if (!deed->running)
		trial_pass(trial, clause, "%s was not over before %s", deed_name(deed->what),
			   what);
	else if (!came_ns)
		trial_unclear(trial, "%s has not come", what);
	else if (!scene_lock_is_free(scene))
		trial_unclear(trial,
			      "%s does not come to its end, and the resv lock is held: see E7",
			      deed_name(deed->what));
	else
		trial_never(trial, clause, LIMIT_COMMAND, came_ns, "it has not come to its end",
			    what);
}

/* Until @came, and then the deed's end, within the limit for it. */
static void await_both(struct scene *scene, const uint64_t *came)
{
	uint64_t deadline = dr_deadline(scene_hold(scene)) +
			    scene->trial->judge->limits.ns[LIMIT_COMMAND];

	scene_look(scene);
	while (!*came && scene_await(scene, deadline))
		continue;
	scene_await_over(scene);
}

/* An importer under DMA, whose fence signals late, and is of the usage that @op and @flags make. */
static struct seat *fenced(struct scene *scene, uint32_t op, uint32_t flags)
{
	struct seat *seat = scene_attach_fenced(scene, scene_hold(scene));

	return seat && scene_begin_job(scene, seat, op, flags | DMABUF_REVOKE_SUBMIT_STREAM, 0) ?
	       seat : NULL;
}

static void run_fence(struct trial *trial, uint32_t op, uint32_t flags)
{
	struct scene scene;
	struct seat *seat;

	if (!scene_open(&scene, trial))
		goto out;
	seat = fenced(&scene, op, flags);
	if (!seat || !scene_take_back(&scene))
		goto out;
	await_both(&scene, &seat->done_ns);
	if (!seat->told)
		trial_unclear(trial, "the importer was not told: see E4");
	else if (!scene_is_told_late(&scene, seat, "E5"))
		judge_end(&scene, "E5", "the fence", not_before(&scene, seat), seat->done_ns);
out:
	scene_close(&scene);
}

static void run_write(struct trial *trial)
{
	run_fence(trial, DMABUF_REVOKE_OP_WRITE, 0);
}

const struct scenario exporter_fence_write = {
	.name = "fence-write",
	.summary = "it is revoked under DMA whose fence, of usage WRITE, signals late",
	.clauses = "E5",
	.run = run_write,
};

static void run_read(struct trial *trial)
{
	run_fence(trial, DMABUF_REVOKE_OP_READ, 0);
}

const struct scenario exporter_fence_read = {
	.name = "fence-read",
	.summary = "the same, of usage READ",
	.clauses = "E5",
	.run = run_read,
};

static void run_bookkeep(struct trial *trial)
{
	run_fence(trial, DMABUF_REVOKE_OP_READ, DMABUF_REVOKE_SUBMIT_BOOKKEEP);
}

const struct scenario exporter_fence_bookkeep = {
	.name = "fence-bookkeep",
	.summary = "the same, of usage BOOKKEEP",
	.clauses = "E5",
	.run = run_bookkeep,
};

/* An importer that unmaps late. */
static struct seat *mapped(struct scene *scene)
{
	return scene_attach_mapped(scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC, .idle = true,
		.misbehave = DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP,
		.delay_ns = scene_hold(scene) });
}

static void run_unmap(struct trial *trial)
{
	struct scene scene;
	struct seat *seat;

	if (!scene_open(&scene, trial))
		goto out;
	seat = mapped(&scene);
	if (!seat || !scene_take_back(&scene))
		goto out;
	await_both(&scene, &seat->unmapped_ns);
	if (!seat->told)
		trial_unclear(trial, "the importer was not told: see E4");
	else if (!scene_is_told_late(&scene, seat, "E6"))
		judge_end(&scene, "E6", "the unmap", not_before(&scene, seat) - JIFFIES_NS,
			  seat->unmapped_ns);
out:
	scene_close(&scene);
}

const struct scenario exporter_unmap = {
	.name = "unmap",
	.summary = "it is revoked with an importer that unmaps late",
	.clauses = "E6",
	.run = run_unmap,
};

/* Half of what is waited for on purpose, and what this machine may have lost meanwhile. */
static bool is_long(uint64_t took_ns, uint64_t hold_ns, uint64_t lost_ns)
{
	return took_ns >= hold_ns / 2 + 2 * lost_ns;
}

static bool may_be_lost(uint64_t took_ns, uint64_t hold_ns, uint64_t lost_ns)
{
	return took_ns >= hold_ns / 2 && !is_long(took_ns, hold_ns, lost_ns);
}

/* A map has the lock: what it waits for, all do. Whether it has come back. */
static bool judge_map(struct scene *scene, struct seat *other)
{
	uint64_t began = dr_now(), blocked, lost, hold = scene_hold(scene);
	int ret = scene_map(scene, other);
	bool never = ret == ASIDE_NEVER;

	if ((ret && !never) || trial_is_interrupted(scene->trial))
		return !never;
	blocked = scene->aside.known ? scene->aside.blocked_ns : 0;
	lost = pulse_lost(began, scene->aside.ended_ns);
	if (is_long(blocked, hold, lost))
		trial_fail(scene->trial, "E7",
			   "a map was blocked for %.1f ms%s in the kernel, with the resv lock held",
			   (double)blocked / 1e6, never ? ", and more," : "");
	else if (may_be_lost(blocked, hold, lost))
		trial_unknown(scene->trial, "E7",
			      "a map was blocked for %.1f ms in the kernel, but this machine did nothing for %.1f ms",
			      (double)blocked / 1e6, (double)lost / 1e6);
	if (never)
		trial_unclear(scene->trial, "a map has not come back");
	else
		scene_unmap(scene, other);
	return !never;
}

/* An importer that may map. NULL after giving the scenario up. */
static struct seat *mapper(struct scene *scene)
{
	struct seat *other = scene_attach(scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC, .idle = true });

	if (other->ret)
		trial_give_up(scene->trial, "a dynamic importer is not let in: %s",
			      scene_result(other->ret));
	else if (!judge_map(scene, other))
		trial_give_up(scene->trial, "a dynamic importer cannot map");
	else
		return other;
	return NULL;
}

/* Of a map since importers were told, at @told_ns. */
static void judge_refusal(struct scene *scene, int ret, uint64_t ended_ns, uint64_t told_ns)
{
	const struct deed *deed = &scene->deed;
	struct trial *trial = scene->trial;

	if (!ret && !deed->running && !deed_is_done(deed))
		trial_unknown(trial, "E2", "%s; a map after importers were told has succeeded",
			      deed->reason);
	else if (!ret)
		trial_fail(trial, "E2", "a map has succeeded %.1f ms after importers were told",
			   (double)(ended_ns - told_ns) / 1e6);
	else if (scene_is_for_now(ret))
		trial_unknown(trial, "E2", "a map after importers were told: %s",
			      scene_result(ret));
	else
		trial_pass(trial, "E2", "a map after importers were told was refused: %s",
			   scene_result(ret));
}

/* Somebody who needs the lock, while it waits for @what, which does not come before @comes_ns. */
static void judge_lock(struct scene *scene, struct seat *other, const char *what,
		       uint64_t comes_ns)
{
	uint64_t began = dr_now(), ended, hold = scene_hold(scene), took, wall, lost;
	struct trial *trial = scene->trial;
	int ret = scene_map(scene, other);

	ended = scene->aside.ended_ns;
	/* What runs, or waits for a CPU, does not wait for a lock. */
	wall = ended - began;
	took = scene->aside.known ? scene->aside.blocked_ns : wall;
	scene_look(scene);
	lost = pulse_lost(began, ended);
	judge_refusal(scene, ret, ended, comes_ns - hold);
	/* Who comes late since the machine stood still may find the lock free again. */
	if (began >= comes_ns - hold / 2 || may_be_lost(wall, hold, lost) ||
	    may_be_lost(took, hold, lost))
		trial_unclear(trial, "this machine was not alive while %s was pending", what);
	else if (took >= hold / 2)
		trial_fail(trial, "E7",
			   "a map by another importer, which needs the resv lock, was blocked for %.1f ms, until %s had come or %s gave up",
			   (double)took / 1e6, what, deed_name(scene->deed.what));
	else if (!scene->deed.running && scene->deed.ended_ns < comes_ns)
		trial_unclear(trial, "%s was over before %s: see E5 and E6",
			      deed_name(scene->deed.what), what);
	else
		trial_pass(trial, "E7",
			   "a map by another importer, which needs the resv lock, took %.1f ms while it waited for %s",
			   (double)took / 1e6, what);
}

/* Who is told first is: all are, while the lock is held that a map needs. */
static void await_told(struct scene *scene, const struct seat *seat)
{
	uint64_t began = dr_now();

	while (!seat->told && scene_await(scene, scene_deadline(scene, began, LIMIT_UNMAP)))
		continue;
}

/* While it waits for @what of @seat, which @came says. */
static void judge_while(struct scene *scene, struct seat *other, struct seat *seat,
			const char *what, const uint64_t *came)
{
	if (!scene_take_back(scene))
		return;
	await_told(scene, seat);
	if (!seat->told)
		trial_unclear(scene->trial, "the importer was not told: see E4");
	else
		judge_lock(scene, other, what, not_before(scene, seat));
	await_both(scene, came);
}

static void run_lock(struct trial *trial)
{
	struct seat *seat, *other;
	struct scene scene;

	if (!scene_open(&scene, trial))
		goto out;
	other = mapper(&scene);
	seat = other ? fenced(&scene, DMABUF_REVOKE_OP_READ, 0) : NULL;
	if (seat)
		judge_while(&scene, other, seat, "the fence", &seat->done_ns);
out:
	scene_close(&scene);
}

const struct scenario exporter_lock = {
	.name = "lock",
	.summary = "an importer maps; then again while the revoke waits for the fence of another",
	.clauses = "E2 E7",
	.run = run_lock,
};

static void run_lock_unmap(struct trial *trial)
{
	struct seat *seat, *other;
	struct scene scene;

	if (!scene_open(&scene, trial))
		goto out;
	other = mapper(&scene);
	seat = other ? mapped(&scene) : NULL;
	if (seat)
		judge_while(&scene, other, seat, "the unmap", &seat->unmapped_ns);
out:
	scene_close(&scene);
}

const struct scenario exporter_lock_unmap = {
	.name = "lock-unmap",
	.summary = "the same, while the revoke waits for the unmap of another",
	.clauses = "E2 E7",
	.run = run_lock_unmap,
};
