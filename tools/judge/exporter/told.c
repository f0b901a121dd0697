// SPDX-License-Identifier: GPL-2.0-only
/* A revoke: who is told of it, what works afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "judge/exporter/stage/memory.h"
#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

/* What worked before the revoke: only of that can be said that it does not any more. */
struct before {
	bool pinned, vmap, mmap, sync;
};

/* The core warns of a vmap that an exporter refuses, be it after a revoke. */
static bool warnings_are_fatal(void)
{
	int file = open("/proc/sys/kernel/panic_on_warn", O_RDONLY | O_CLOEXEC);
	char text[8] = "";
	ssize_t length = file < 0 ? 0 : read(file, text, sizeof(text) - 1);

	if (file >= 0)
		close(file);
	return length > 0 && atoi(text);
}

static void find_before(struct scene *scene, struct seat *seat, struct before *before)
{
	before->vmap = !warnings_are_fatal() && !scene_vmap(scene, seat);
	if (before->vmap)
		scene_vunmap(scene, seat);
	before->mmap = !memory_map_once(scene);
	/* Of a buffer that no CPU can reach it says nothing: the core lets it succeed. */
	before->sync = (before->vmap || before->mmap) && !memory_sync(scene);
}

/* False: it was not over when it was said to be, and nothing else can be judged. */
static bool judge_told(struct scene *scene, struct seat *const seats[3])
{
	struct trial *trial = scene->trial;
	char text[128] = "";
	bool wrong = false;
	int i;

	for (i = 0; i < 3; i++) {
		const struct seat *seat = seats[i];
		unsigned int due = seat->kind <= DMABUF_REVOKE_KIND_PINNED;
		size_t length = strlen(text);

		if (seat->ret)
			continue;
		if (due && scene_is_told_late(scene, seat, "E4"))
			return false;
		snprintf(text + length, sizeof(text) - length, "%s%s: %u", length ? ", " : "",
			 choice_name(kind_choices, seat->kind), seat->told);
		wrong |= seat->told != due;
		if (seat->lost) {
			trial_unknown(trial, "E4", "events of an importer were lost");
			return true;
		}
	}
	trial_find(trial, "E4", wrong ? VERDICT_FAIL : VERDICT_PASS, "told, times: %s", text);
	return true;
}

struct answers {
	char right[256], wrong[256];
	char none[256];			/* or of what there is not now */
};

/* One call after the revoke. */
static void judge_call(struct answers *answers, const char *call, int ret)
{
	/* Who is asked to try again does so for ever. */
	bool none = scene_is_for_now(ret) && ret != -EAGAIN;
	char *text = ret == -ENODEV ? answers->right : none ? answers->none : answers->wrong;
	size_t length = strlen(text);

	snprintf(text + length, 256 - length, "%s%s: %s", length ? ", " : "", call,
		 scene_result(ret));
}

static void judge_after(struct scene *scene, struct seat *seat, const struct before *before)
{
	struct answers answers = { 0 };
	struct seat *late;

	judge_call(&answers, "map", scene_map(scene, seat));
	late = scene_attach(scene, &(struct manner){ .idle = true });
	judge_call(&answers, "attach", late->ret);
	if (before->pinned) {
		late = scene_attach(scene, &(struct manner){
			.kind = DMABUF_REVOKE_KIND_PINNED, .idle = true });
		judge_call(&answers, "pin", late->ret);
	}
	if (before->vmap)
		judge_call(&answers, "vmap", scene_vmap(scene, seat));
	if (before->mmap)
		judge_call(&answers, "mmap", memory_map_once(scene));
	if (before->sync)
		judge_call(&answers, "SYNC", memory_sync(scene));
	if (*answers.wrong)
		trial_fail(scene->trial, "E3", "after the revoke, not ENODEV: %s%s%s",
			   answers.wrong, *answers.right ? "; ENODEV: " : "", answers.right);
	else if (*answers.none)
		trial_unknown(scene->trial, "E3", "after the revoke: %s", answers.none);
	else
		trial_pass(scene->trial, "E3", "after the revoke: %s", answers.right);
}

static void judge_second(struct scene *scene)
{
	struct trial *trial = scene->trial;
	uint64_t began = dr_now();

	scene_begin(scene, DEED_REVOKE);
	if (!scene_await_over(scene))
		trial_never(trial, "E8", LIMIT_COMMAND, began,
			    "the second revoke has not come to its end", "it began");
	else if (scene_told(scene))
		trial_fail(trial, "E8", "importers were told of the second revoke, %u times in all",
			   scene_told(scene));
	else if (deed_is_done(&scene->deed))
		trial_took(trial, "E8", LIMIT_COMMAND, began, scene->deed.ended_ns,
			   "the second revoke has succeeded", "it began");
	else if (scene->deed.failed || scene->deed.lacking)
		trial_skip(trial, "E8", "the second time: %s", scene->deed.reason);
	else
		scene_failed(scene, "E8", -scene->deed.error, LIMIT_COMMAND, began,
			     "the second revoke has failed");
}

/* Whoever cannot be revoked holds it up, and is not to be told. */
static void end_revoke(struct scene *scene, struct seat *legacy)
{
	if (legacy->file < 0 || scene_await_end(scene, dr_deadline(scene_hold(scene))))
		return;
	scene_look(scene);
	scene_leave(scene, legacy);
}

static void run_told(struct trial *trial)
{
	struct before before = { 0 };
	struct seat *seats[3];
	struct scene scene;
	unsigned int i;

	/* The core says so, once per boot, of whoever does as it should. */
	trial->forgiven = FORGIVEN_VMAP;
	if (!scene_open(&scene, trial))
		goto out;
	for (i = 0; i < 3; i++)
		seats[i] = scene_attach(&scene, &(struct manner){
			.kind = i < 2 ? i : DMABUF_REVOKE_KIND_LEGACY_RDMA, .idle = true });
	if (seats[0]->ret) {
		trial_give_up(trial, "it does not let a dynamic importer in: %s",
			      scene_result(seats[0]->ret));
		goto out;
	}
	before.pinned = !seats[1]->ret;
	find_before(&scene, seats[0], &before);
	for (i = 0; i < 3; i++)
		if (!seats[i]->ret)
			scene_map(&scene, seats[i]);
	if (!scene_take_back_by(&scene, true)) {
		if (scene.deed.running && !scene_told(&scene))
			trial_never(trial, "E4", LIMIT_COMMAND, scene.deed.began_ns,
				    "no importer was told", "it was to revoke");
		goto out;
	}
	end_revoke(&scene, seats[2]);
	if (!scene_await_over(&scene)) {
		/* Then the others may still be told. */
		if (!trial->judge->interrupted)
			judge_told(&scene, seats);
		trial_unclear(trial, "the revoke has not come to its end");
		goto out;
	}
	if (!judge_told(&scene, seats)) {
		trial_unclear(trial, "the revoke was not over when the command was");
		goto out;
	}
	if (deed_is_done(&scene.deed)) {
		judge_after(&scene, seats[0], &before);
		judge_second(&scene);
	}
	trial_unclear(trial, "%s", scene.deed.reason);
out:
	scene_close(&scene);
}

const struct scenario exporter_told = {
	.name = "told",
	.summary = "it is revoked with importers of each kind; then all is tried again",
	.clauses = "E3 E4 E8",
	.run = run_told,
};
