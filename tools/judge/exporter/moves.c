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

	ended = ret == ASIDE_NEVER ? dr_now() : scene->aside.ended_ns;
	if (began >= unmaps_ns || (ended >= unmaps_ns &&
				   pulse_lost(began, ended) > scene_hold(scene) / 4))
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

/* Of its first segment; 0: that is not known. */
static uint64_t address_of(struct scene *scene, struct seat *seat)
{
	struct dmabuf_revoke_segment segment;

	return scene_first_segment(scene, seat, &segment) ? segment.address : 0;
}

static void run_move_pinned(struct trial *trial)
{
	struct scene scene;
	struct seat *seat;
	uint64_t address;

	if (!scene_open(&scene, trial))
		goto out;
	seat = scene_attach_mapped(&scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_PINNED, .idle = true });
	if (!seat)
		goto out;
	address = address_of(&scene, seat);
	scene_begin(&scene, DEED_MOVE);
	if (!scene_await_over(&scene))
		trial_unclear(trial, "the move does not come to its end");
	scene_look(&scene);
	if (scene.deed.lacking)
		trial_give_up(trial, "%s", scene.deed.reason);
	else if (seat->told)
		trial_fail(trial, "E14", "a pinned buffer was moved: its importer was told");
	else if (address && !scene.deed.running && address_of(&scene, seat) != address)
		trial_fail(trial, "E14", "a pinned buffer was moved: it has another address");
	else
		trial_pass(trial, "E14", "a pinned buffer has not moved%s%s",
			   *scene.deed.reason ? ": " : "", scene.deed.reason);
out:
	scene_close(&scene);
}

const struct scenario exporter_move_pinned = {
	.name = "move-pinned",
	.summary = "a move is asked for while an importer has it pinned",
	.clauses = "E14",
	.run = run_move_pinned,
};
