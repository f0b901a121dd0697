// SPDX-License-Identifier: GPL-2.0-only
/* CPU mappings. */
#include <errno.h>

#include "judge/exporter/stage/memory.h"
#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "lib/devices/ioctls.h"

#define PATTERN		0x0123456789abcdefULL

static void judge_access(struct scene *scene, struct memory *memory)
{
	const char *what = deed_name(scene->deed.what);
	enum memory_look look = memory_read(memory, scene);
	struct trial *trial = scene->trial;

	switch (look) {
	case MEMORY_SIGBUS:
	case MEMORY_CONTENTS:
		if (!memory->seen)
			trial_pass(trial, "E9", "an access after the %s ends in SIGBUS", what);
		else if (memory->uniform && !memory->word)
			trial_pass(trial, "E9", "an access after the %s sees zeroes%s", what,
				   look == MEMORY_SIGBUS ? ", or ends in SIGBUS" : "");
		else
			trial_fail(trial, "E9",
				   "a mapping made before the %s still shows %s after it: %#llx",
				   what,
				   memory->word == PATTERN ? "the contents" : "something",
				   (unsigned long long)memory->word);
		break;
	default:
		trial_unknown(trial, "E9", "an access after the %s does not come back", what);
	}
}

/*
 * It has mapped nothing, and may know of the buffer what holds no longer. False: nothing is over
 * that could be judged.
 */
static bool judge_told(struct scene *scene, const struct seat *seat)
{
	struct trial *trial = scene->trial;

	if (!seat->ret && !seat->lost && scene_is_told_late(scene, seat, "E4"))
		return false;
	if (seat->ret && scene_is_for_now(seat->ret))
		trial_unknown(trial, "E4", "a dynamic importer: %s", scene_result(seat->ret));
	else if (seat->ret)
		trial_skip(trial, "E4", "it does not let a dynamic importer in: %s",
			   scene_result(seat->ret));
	else if (seat->lost)
		trial_unknown(trial, "E4", "events of the importer were lost");
	else
		trial_find(trial, "E4", seat->told == 1 ? VERDICT_PASS : VERDICT_FAIL,
			   "an importer that has mapped nothing was told %u time%s of the %s",
			   seat->told, seat->told == 1 ? "" : "s",
			   deed_name(scene->deed.what));
	return true;
}

static void run_cpu(struct trial *trial)
{
	struct memory memory = { .socket = -1 };
	struct scene scene;
	struct seat *seat;
	int ret;

	if (!scene_open(&scene, trial))
		goto out;
	ret = memory_start(&memory, &scene);
	if (ret) {
		trial_give_up(trial, "it has no mmap: %s", scene_result(ret));
		goto out;
	}
	if (memory_fill(&memory, &scene, PATTERN) != MEMORY_CONTENTS) {
		trial_give_up(trial, "its CPU mapping cannot be written to");
		goto out;
	}
	/* So that it is seen when it begins, too. For E9 one that is not let in is not missed. */
	seat = scene_attach(&scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC, .idle = true });
	if (!scene_take_back(&scene))
		goto out;
	if (scene_await_over(&scene) && deed_is_done(&scene.deed)) {
		if (judge_told(&scene, seat))
			judge_access(&scene, &memory);
		else
			trial_unclear(trial, "the revoke was not over when the command was");
	} else {
		trial_unclear(trial, "%s has not come to its end%s%s", deed_name(scene.deed.what),
			      *scene.deed.reason ? ": " : "", scene.deed.reason);
	}
out:
	memory_end(&memory, &scene);
	scene_close(&scene);
}

const struct scenario exporter_cpu = {
	.name = "cpu",
	.summary = "it is revoked with a CPU mapping, which is read afterwards, and no other",
	.clauses = "E4 E9",
	.run = run_cpu,
};

/* So long a fence is pending: nothing takes longer, so it need not be as long as others. */
static uint64_t brief(const struct scene *scene)
{
	return scene_hold(scene) / 3;
}

/*
 * Whether the access could be judged: it began before @pending_ns, until when nothing that it waits
 * for can be. FAIL if it was let in before that.
 */
static bool judge_wait(struct scene *scene, const struct seat *seat, const struct memory *memory,
		       enum memory_look look, uint64_t pending_ns, const char *what)
{
	struct trial *trial = scene->trial;

	scene_look(scene);
	if (seat->told)
		trial_unclear(trial, "the importer was told meanwhile, which ends its DMA");
	else if (look == MEMORY_NEVER)
		trial_unclear(trial, "DMA_BUF_IOCTL_SYNC, or %s, does not come back", what);
	else if (memory->sync)
		trial_give_up(trial, "DMA_BUF_IOCTL_SYNC fails: %s", scene_result(memory->sync));
	else if (memory->began_ns >= pending_ns)
		trial_unclear(trial, "this machine was not alive while the fence was pending");
	else if (memory->ended_ns < pending_ns)
		trial_fail(trial, "E21",
			   "DMA_BUF_IOCTL_SYNC for %s has come back %.1f ms before the earliest time of the fence",
			   what, (double)(pending_ns - memory->ended_ns) / 1e6);
	else if (look == MEMORY_SIGBUS)
		trial_unclear(trial, "%s ends in SIGBUS", what);
	else
		return true;
	return false;
}

/* Whoever is told may end its fences. Returns until when none is over otherwise. */
static uint64_t begin(struct scene *scene, struct seat *seat)
{
	scene_look(scene);
	seat->told = 0;
	return dr_now() + brief(scene);
}

/*
 * The device writes only when the access waits already: the job before it takes as long as its
 * fence. What was synchronised before the wait is not what is there after it.
 */
static bool judge_reading(struct scene *scene, struct memory *memory, struct seat *seat)
{
	uint64_t pending = begin(scene, seat);
	enum memory_look look;

	if (!scene_begin_job(scene, seat, DMABUF_REVOKE_OP_READ, 0, 0) ||
	    !scene_begin_job(scene, seat, DMABUF_REVOKE_OP_WRITE, 0, ~PATTERN))
		return false;
	look = memory_read_synced(memory, scene);
	if (!judge_wait(scene, seat, memory, look, pending, "a read"))
		return false;
	if (memory->uniform && memory->word == ~PATTERN)
		return true;
	trial_fail(scene->trial, "E21",
		   "after DMA_BUF_IOCTL_SYNC, which has waited for its fence, the CPU does not see what %s has written",
		   scene->subject->device.name);
	return false;
}

/* A reader's fence. What the CPU has written is seen by whoever comes after that. */
static bool judge_writing(struct scene *scene, struct memory *memory, struct seat *seat)
{
	uint64_t pending = begin(scene, seat);
	uint32_t crc32 = 0;
	int ret;

	if (!scene_begin_job(scene, seat, DMABUF_REVOKE_OP_READ, 0, 0) ||
	    !judge_wait(scene, seat, memory, memory_fill_synced(memory, scene, PATTERN), pending,
			"a write"))
		return false;
	ret = scene_dma(scene, seat, DMABUF_REVOKE_OP_READ, 0, &crc32);
	if (ret)
		trial_unclear(scene->trial, "DMA has failed: %s", scene_result(ret));
	else if (crc32 != scene_crc32(scene, PATTERN))
		trial_fail(scene->trial, "E21",
			   "%s does not see what the CPU has written between two DMA_BUF_IOCTL_SYNC",
			   scene->subject->device.name);
	else
		return true;
	return false;
}

static void run_sync(struct trial *trial)
{
	struct memory memory = { .socket = -1 };
	struct scene scene;
	struct seat *seat;
	int ret;

	if (!scene_open(&scene, trial))
		goto out;
	seat = scene_attach_fenced(&scene, brief(&scene));
	if (!seat)
		goto out;
	ret = memory_start(&memory, &scene);
	if (ret)
		trial_give_up(trial, "it has no mmap: %s", scene_result(ret));
	else if (judge_reading(&scene, &memory, seat) && judge_writing(&scene, &memory, seat))
		trial_pass(trial, "E21",
			   "DMA_BUF_IOCTL_SYNC waits for the fences of a writer, and of a reader; what %s and the CPU write is seen by the other",
			   scene.subject->device.name);
out:
	memory_end(&memory, &scene);
	scene_close(&scene);
}

const struct scenario exporter_sync = {
	.name = "sync",
	.summary = "the CPU reads, and writes, by DMA_BUF_IOCTL_SYNC, while fences are pending",
	.clauses = "E21",
	.run = run_sync,
};
