// SPDX-License-Identifier: GPL-2.0-only
/* It is taken back for a while. */
#include <errno.h>

#include "judge/exporter/stage/pattern.h"
#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "lib/devices/ioctls.h"

/* Once more: it leaves nothing behind that is in the way. */
#define ROUNDS	2

static void judge_told(struct scene *scene, const struct seat *seat)
{
	if (seat->told == 1)
		trial_pass(scene->trial, "E4", "the importer was told once of the suspension");
	else
		trial_fail(scene->trial, "E4", "the importer was told %u times of the suspension",
			   seat->told);
}

static bool suspend_and_restore(struct scene *scene, struct seat *seat,
				struct pattern *pattern)
{
	struct trial *trial = scene->trial;
	int ret;

	if (!scene_do(scene, DEED_SUSPEND))
		return false;
	scene_look(scene);
	judge_told(scene, seat);
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

/* As soon as it is told of the restore. Returns what came of the last map, 0 or an errno. */
static int map_when_told(struct scene *scene, struct seat *seat)
{
	uint64_t deadline = trial_deadline(scene->trial, LIMIT_COMMAND);
	unsigned int told = 0;
	int ret = -ENODEV;

	scene_begin(scene, DEED_RESTORE);
	do {
		scene_look(scene);
		if (seat->told == told)
			continue;
		told = seat->told;
		ret = scene_map(scene, seat);
	} while (scene->deed.running && scene_await(scene, deadline));
	scene_look(scene);
	if (ret && seat->told > told)
		ret = scene_map(scene, seat);
	return ret;
}

static void judge_restore(struct scene *scene, struct seat *seat)
{
	struct trial *trial = scene->trial;
	int ret = map_when_told(scene, seat), later;

	if (!deed_is_done(&scene->deed)) {
		trial_give_up(trial, "%s", scene->deed.running ?
			      "the restore does not come to its end" : scene->deed.reason);
		return;
	}
	scene->suspended = false;
	if (seat->told && ret) {
		trial_fail(trial, "E25",
			   "told of the restore the importer has mapped at once, which has failed: %s; and was not told again",
			   scene_result(ret));
	} else if (seat->told) {
		trial_unknown(trial, "E25",
			      "told of the restore, a map has succeeded; our importer does not try that in the callback itself");
	} else {
		later = scene_map(scene, seat);
		trial_find(trial, "E25", later ? VERDICT_FAIL : VERDICT_PASS,
			   "nobody is told of a restore; a map afterwards: %s",
			   scene_result(later));
	}
}

static void run_restore(struct trial *trial)
{
	struct scene scene;
	struct seat *seat;

	if (!scene_open(&scene, trial))
		goto out;
	seat = scene_attach_mapped(&scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC, .idle = true });
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
