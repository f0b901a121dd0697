// SPDX-License-Identifier: GPL-2.0-only
/* It is taken back for a while. */
#include <errno.h>

#include "judge/exporter/stage/pattern.h"
#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "lib/devices/ioctls.h"

/* Once more: it leaves nothing behind that is in the way. */
#define ROUNDS	2

/* False: it was not over when it was said to be, and nothing else can be judged. */
static bool judge_told(struct scene *scene, const struct seat *seat)
{
	if (seat->lost)
		trial_unknown(scene->trial, "E4", "events of the importer were lost");
	else if (scene_is_told_late(scene, seat, "E4"))
		return false;
	else if (seat->told == 1)
		trial_pass(scene->trial, "E4", "the importer was told once of the suspension");
	else
		trial_fail(scene->trial, "E4", "the importer was told %u times of the suspension",
			   seat->told);
	return true;
}

static bool suspend_and_restore(struct scene *scene, struct seat *seat,
				struct pattern *pattern)
{
	struct trial *trial = scene->trial;
	int ret;

	if (!scene_do(scene, DEED_SUSPEND))
		return false;
	scene_look(scene);
	if (!judge_told(scene, seat)) {
		trial_unclear(trial, "the suspension was not over when the command was");
		return false;
	}
	ret = scene_map(scene, seat);
	if (!ret) {
		trial_fail(trial, "E15", "a map has succeeded while it was suspended");
		scene_unmap(scene, seat);
	}
	if (!scene_do(scene, DEED_RESTORE))
		return false;
	scene->suspended = false;
	pattern_judge(pattern, scene, seat, "E15", "the restore");
	return true;
}

static void run_suspend(struct trial *trial)
{
	struct pattern pattern = { .memory.socket = -1 };
	struct scene scene;
	struct seat *seat;
	int i;

	trial->once = true;
	if (!scene_open(&scene, trial))
		goto out;
	seat = scene_attach_mapped(&scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC });
	if (!seat || !pattern_write(&pattern, &scene, seat))
		goto out;
	for (i = 0; i < ROUNDS; i++)
		if (!suspend_and_restore(&scene, seat, &pattern))
			break;
out:
	pattern_end(&pattern, &scene);
	scene_close(&scene);
}

const struct scenario exporter_suspend = {
	.name = "suspend",
	.summary = "it is suspended and restored, twice; importer and CPU look for the contents",
	.clauses = "E4 E15",
	.run = run_suspend,
};

/* In its callback, where the exporter is ours: no other has to stand that. */
static struct seat *attach_eager(struct scene *scene)
{
	struct manner manner = { .kind = DMABUF_REVOKE_KIND_DYNAMIC, .idle = true,
				 .misbehave = DMABUF_REVOKE_MISBEHAVE_REMAP };
	struct seat *seat = scene_attach(scene, &manner);

	if (seat->ret) {
		manner.misbehave = 0;
		return scene_attach_mapped(scene, &manner);
	}
	seat->ret = scene_map(scene, seat);
	if (!seat->ret)
		return seat;
	trial_give_up(scene->trial, "a dynamic importer cannot map it: %s",
		      scene_result(seat->ret));
	return NULL;
}

/* What it has done in its callback, the last time. */
static void judge_callback(struct scene *scene, const struct dmabuf_revoke_status *status)
{
	if (status->remap_error)
		scene_failed(scene, "E25", status->remap_error, LIMIT_ANSWER, scene->deed.began_ns,
			     "told of the restore the importer has mapped in its callback, and was not told again; the map");
	else
		trial_pass(scene->trial, "E25",
			   "told of the restore the importer has mapped in its callback");
}

/*
 * As soon as it is told of the restore; else once that is over. Returns what came of the last map,
 * 0, a negative errno, or ASIDE_NEVER; it was tried since *@began_ns.
 */
static int map_when_told(struct scene *scene, struct seat *seat, bool eager, uint64_t *began_ns)
{
	uint64_t deadline = trial_deadline(scene->trial, LIMIT_COMMAND);
	unsigned int told = 0;
	int ret = -ENODEV;

	scene_begin(scene, DEED_RESTORE);
	do {
		scene_look(scene);
		if (eager || seat->told == told)
			continue;
		told = seat->told;
		*began_ns = dr_now();
		ret = scene_map(scene, seat);
	} while (scene->deed.running && scene_await(scene, deadline));
	scene_look(scene);
	/* Nobody need be told: who was refused maps again when there is something to do. */
	if (eager || !seat->told || (ret && seat->told > told)) {
		*began_ns = dr_now();
		ret = scene_map(scene, seat);
	}
	return ret == -EBUSY ? 0 : ret;
}

static void judge_restore(struct scene *scene, struct seat *seat)
{
	struct dmabuf_revoke_status status = { 0 };
	struct trial *trial = scene->trial;
	bool eager = !scene_status(scene, seat, &status) && status.misbehave;
	uint64_t began = 0;
	int ret = map_when_told(scene, seat, eager, &began);

	if (scene->deed.running) {
		trial_unclear(trial, "the restore does not come to its end");
		return;
	}
	if (!deed_is_done(&scene->deed)) {
		trial_give_up(trial, "%s", scene->deed.reason);
		return;
	}
	scene->suspended = false;
	if (!seat->told && ret)
		scene_failed(scene, "E25", ret, LIMIT_ANSWER, began,
			     "nobody is told of a restore, and a map afterwards has failed");
	else if (!seat->told)
		trial_pass(trial, "E25",
			   "nobody is told of a restore; a map afterwards: success");
	else if (eager && !scene_status(scene, seat, &status))
		judge_callback(scene, &status);
	else if (ret)
		scene_failed(scene, "E25", ret, LIMIT_ANSWER, began,
			     "told of the restore the importer has mapped at once, and was not told again; the map");
	else
		trial_unknown(trial, "E25",
			      "told of the restore, a map has succeeded; in the callback itself our importer tries that with no exporter but ours");
}

static void run_restore(struct trial *trial)
{
	struct scene scene;
	struct seat *seat;

	if (!scene_open(&scene, trial))
		goto out;
	seat = attach_eager(&scene);
	if (!seat || !scene_do(&scene, DEED_SUSPEND))
		goto out;
	scene_look(&scene);
	judge_restore(&scene, seat);
out:
	scene_close(&scene);
}

const struct scenario exporter_restore = {
	.name = "restore",
	.summary = "it is suspended and restored; who is told of that maps at once",
	.clauses = "E25",
	.run = run_restore,
};
