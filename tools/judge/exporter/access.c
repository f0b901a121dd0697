// SPDX-License-Identifier: GPL-2.0-only
/* CPU mappings. */
#include <errno.h>

#include "judge/exporter/stage/memory.h"
#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"

#define PATTERN		0x0123456789abcdefULL

static void judge_access(struct scene *scene, struct memory *memory)
{
	const char *what = deed_name(scene->deed.what);
	struct trial *trial = scene->trial;

	switch (memory_read(memory, scene)) {
	case MEMORY_SIGBUS:
		trial_pass(trial, "E9", "an access after the %s ends in SIGBUS", what);
		break;
	case MEMORY_CONTENTS:
		if (memory->uniform && !memory->word)
			trial_pass(trial, "E9", "an access after the %s sees zeroes", what);
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

static void run_cpu(struct trial *trial)
{
	struct memory memory = { .socket = -1 };
	struct scene scene;
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
	/* So that it is seen when it begins. One that is not let in is not missed. */
	scene_attach(&scene, &(struct manner){ .kind = DMABUF_REVOKE_KIND_DYNAMIC, .idle = true });
	if (!scene_take_back(&scene))
		goto out;
	if (!scene_await_over(&scene) ||
	    !deed_is_done(&scene.deed))
		trial_unclear(trial, "%s has not come to its end%s%s", deed_name(scene.deed.what),
			      *scene.deed.reason ? ": " : "", scene.deed.reason);
	else
		judge_access(&scene, &memory);
out:
	memory_end(&memory, &scene);
	scene_close(&scene);
}

const struct scenario exporter_cpu = {
	.name = "cpu",
	.summary = "it is revoked with a CPU mapping, which is read afterwards",
	.clauses = "E9",
	.run = run_cpu,
};
