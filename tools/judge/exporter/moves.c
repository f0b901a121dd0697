// SPDX-License-Identifier: GPL-2.0-only
/* The buffer gets other memory. */
#include <errno.h>
#include <string.h>

#include "judge/exporter/stage/pattern.h"
#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "judge/seen/pulse.h"
#include "lib/devices/ioctls.h"

/* As in waits.c. */
#define JIFFIES_NS	20000000ULL

/* Without that the core pins for whoever maps. */
static bool maps_unpinned(const struct scene *scene)
{
	return scene->subject->features & DMABUF_REVOKE_FEATURE_MAP_UNPINNED;
}

static void run_move(struct trial *trial)
{
	struct pattern pattern = { .memory.socket = -1 };
	struct scene scene;
	struct seat *seat;

	if (!scene_open(&scene, trial))
		goto out;
	seat = scene_attach_mapped(&scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC });
	if (!seat || !pattern_write(&pattern, &scene, seat))
		goto out;
	if (!maps_unpinned(&scene))
		scene_unmap(&scene, seat);
	if (!scene_do(&scene, DEED_MOVE))
		goto out;
	scene_look(&scene);
	if (seat->lost)
		trial_unknown(trial, "E4", "events of the importer were lost");
	else if (seat->told > 1 && scene.deed.command)
		trial_unknown(trial, "E4",
			      "the importer was told %u times of the move; how often the command moves is not known",
			      seat->told);
	else if (seat->told > 1)
		trial_fail(trial, "E4", "the importer was told %u times of one move", seat->told);
	else if (seat->told)
		trial_pass(trial, "E4", "the importer was told once of the move");
	else
		trial_unknown(trial, "E4",
			      "the importer was not told of the move; nothing says that the memory is another");
	pattern_judge(&pattern, &scene, seat, "E14", "the move");
out:
	pattern_end(&pattern, &scene);
	scene_close(&scene);
}

const struct scenario exporter_move = {
	.name = "move",
	.summary = "it is moved; importer and CPU look for the contents",
	.clauses = "E4 E14",
	.run = run_move,
};

static void judge_second_map(struct scene *scene, struct seat *seat)
{
	uint64_t unmaps_ns = seat->first_told_ns + scene_hold(scene) - JIFFIES_NS;
	struct trial *trial = scene->trial;
	uint64_t began = dr_now(), ended;
	int ret = scene_map(scene, seat);

	ended = scene->aside.ended_ns;
	if (began >= unmaps_ns && !pulse_lost(seat->first_told_ns, began))
		trial_unclear(trial, "%s was not over until the old mapping was gone",
			      deed_name(scene->deed.what));
	else if (began >= unmaps_ns ||
		 (ended >= unmaps_ns && pulse_lost(began, ended) > scene_hold(scene) / 4))
		trial_unclear(trial, "this machine was not alive while the old mapping was there");
	else if (ret == -ENODEV)
		trial_unclear(trial, "the second map has failed with %s", scene_result(ret));
	else if (ret)
		scene_failed(scene, "E22", ret, LIMIT_ANSWER, began,
			     "a map after the move has failed while the old mapping was there");
	else if (ended >= unmaps_ns)
		trial_fail(trial, "E22",
			   "a map after the move was blocked for %.1f ms, until the old mapping was gone",
			   (double)(ended - began) / 1e6);
	else
		trial_pass(trial, "E22",
			   "a map after the move has succeeded beside the old mapping");
}

static void run_move_twice(struct trial *trial)
{
	struct scene scene;
	struct seat *seat;

	if (!scene_open(&scene, trial))
		goto out;
	if (!maps_unpinned(&scene)) {
		trial_give_up(trial,
			      "this kernel's dma-buf core pins for whoever maps (CONFIG_DMABUF_MOVE_NOTIFY is off), so that nothing moves");
		goto out;
	}
	seat = scene_attach_mapped(&scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC, .idle = true,
		.misbehave = DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP,
		.delay_ns = scene_hold(&scene) });
	if (!seat || !scene_do(&scene, DEED_MOVE))
		goto out;
	scene_look(&scene);
	if (!seat->told)
		trial_unclear(trial, "the importer was not told of the move");
	else
		judge_second_map(&scene, seat);
out:
	scene_close(&scene);
}

const struct scenario exporter_move_twice = {
	.name = "move-mapped",
	.summary = "it is moved; an importer maps anew before it has unmapped",
	.clauses = "E22",
	.run = run_move_twice,
};

/* With an engine if that can reach it. NULL after giving the scenario up. */
static struct seat *attach_pinned(struct scene *scene)
{
	struct seat *seat = scene_attach(scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_PINNED });

	if (!seat->ret && !scene_map(scene, seat))
		return seat;
	scene_leave(scene, seat);
	return scene_attach_mapped(scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_PINNED, .idle = true });
}

/* Whether who maps it anew, a CPU or else a device, sees what @seat writes. */
enum place {
	PLACE_SAME,
	PLACE_OTHER,
	PLACE_UNKNOWN,
};

static enum place look_by_cpu(struct scene *scene, uint64_t word)
{
	struct memory memory = { .socket = -1 };
	enum place place = PLACE_UNKNOWN;

	if (!memory_start(&memory, scene) &&
	    memory_read_synced(&memory, scene) == MEMORY_CONTENTS && !memory.sync)
		place = memory.uniform && memory.word == word ? PLACE_SAME : PLACE_OTHER;
	memory_end(&memory, scene);
	return place;
}

static enum place look_by_device(struct scene *scene, uint64_t word)
{
	struct seat *other = scene_attach(scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC });
	uint32_t crc32 = 0;

	if (other->ret || scene_map(scene, other) || !scene_has_engine(other) ||
	    scene_dma(scene, other, DMABUF_REVOKE_OP_READ, 0, &crc32))
		return PLACE_UNKNOWN;
	return crc32 == scene_crc32(scene, word) ? PLACE_SAME : PLACE_OTHER;
}

static enum place find_place(struct scene *scene, struct seat *seat)
{
	/* One that no memory has from before. */
	uint64_t word = dr_now();
	enum place place;

	if (!scene_has_engine(seat) ||
	    scene_dma(scene, seat, DMABUF_REVOKE_OP_WRITE, word, NULL))
		return PLACE_UNKNOWN;
	place = look_by_cpu(scene, word);
	return place == PLACE_UNKNOWN ? look_by_device(scene, word) : place;
}

/* The mapping of before has its address whatever was moved. */
static void judge_place(struct scene *scene, struct seat *seat)
{
	struct trial *trial = scene->trial;
	enum place place = find_place(scene, seat);

	scene_look(scene);
	if (seat->told)
		trial_unclear(trial, "the importer was told after the move was over");
	else if (place == PLACE_OTHER)
		trial_fail(trial, "E14",
			   "a pinned buffer was moved: what its importer writes is not in it");
	else if (place == PLACE_SAME)
		trial_pass(trial, "E14",
			   "a pinned buffer has not moved: what its importer writes is in it%s%s",
			   *scene->deed.reason ? "; " : "", scene->deed.reason);
	else if (scene->deed.error)
		trial_pass(trial, "E14", "a pinned buffer has not moved: %s", scene->deed.reason);
	else
		trial_unclear(trial,
			      "whether a pinned buffer has moved is not known: it takes an engine, and a CPU mapping or another importer that sees what it writes%s%s",
			      *scene->deed.reason ? "; " : "", scene->deed.reason);
}

static void run_move_pinned(struct trial *trial)
{
	struct scene scene;
	struct seat *seat;

	if (!scene_open(&scene, trial))
		goto out;
	seat = attach_pinned(&scene);
	if (!seat)
		goto out;
	scene_begin(&scene, DEED_MOVE);
	scene_await_over(&scene);
	scene_look(&scene);
	if (scene.deed.lacking)
		trial_give_up(trial, "%s", scene.deed.reason);
	else if (seat->told)
		trial_fail(trial, "E14", "a pinned buffer was moved: its importer was told");
	else if (scene.deed.running)
		trial_unclear(trial, "the move does not come to its end");
	else
		judge_place(&scene, seat);
out:
	scene_close(&scene);
}

const struct scenario exporter_move_pinned = {
	.name = "move-pinned",
	.summary = "a move is asked for while an importer has it pinned",
	.clauses = "E14",
	.run = run_move_pinned,
};
