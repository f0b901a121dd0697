// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>

#include "judge/exporter/stage/pattern.h"
#include "lib/devices/ioctls.h"

#define PATTERN		0xfeedfacecafef00dULL

/* As DMA_BUF_IOCTL_SYNC wants it: the device may have a bounce buffer, or no coherent memory. */
static bool fill(struct pattern *pattern, struct scene *scene)
{
	return memory_fill_synced(&pattern->memory, scene, PATTERN) == MEMORY_CONTENTS &&
	       !pattern->memory.sync;
}

bool pattern_write(struct pattern *pattern, struct scene *scene, struct seat *seat)
{
	int ret = memory_start(&pattern->memory, scene);

	pattern->word = PATTERN;
	pattern->mapped = !ret;
	if (pattern->mapped && fill(pattern, scene))
		return true;
	if (!ret)
		ret = pattern->memory.sync ? pattern->memory.sync : -EFAULT;
	pattern->mapped = false;
	if (scene_has_engine(seat))
		ret = scene_dma(scene, seat, DMABUF_REVOKE_OP_WRITE, PATTERN, NULL);
	if (!ret)
		return true;
	trial_give_up(scene->trial, "there is neither a CPU mapping nor DMA to write with: %s",
		      scene_result(ret));
	return false;
}

/* What somebody has seen. */
struct look {
	const char *wrong;	/* "" if nothing is */
	int ret;		/* 0: that is seen; else what a call has failed with */
	enum limit limit;	/* of that call */
	uint64_t began_ns;
};

static struct look look_by_cpu(struct pattern *pattern, struct scene *scene)
{
	struct look look = { .wrong = "", .limit = LIMIT_COMMAND, .began_ns = dr_now() };

	if (!pattern->mapped)
		return look;
	switch (memory_read_synced(&pattern->memory, scene)) {
	case MEMORY_CONTENTS:
		look.ret = pattern->memory.sync;
		if (look.ret)
			look.wrong = "DMA_BUF_IOCTL_SYNC fails";
		else if (!pattern->memory.uniform || pattern->memory.word != pattern->word)
			look.wrong = "the CPU's mapping shows other contents";
		break;
	case MEMORY_SIGBUS:
		look.wrong = "the CPU's mapping ends in SIGBUS";
		break;
	default:
		look.wrong = "an access of the CPU's does not come back";
		look.ret = ASIDE_NEVER;
	}
	return look;
}

static struct look look_by_device(struct pattern *pattern, struct scene *scene,
				  struct seat *seat)
{
	struct look look = { .wrong = "", .limit = LIMIT_COMMAND, .began_ns = dr_now() };
	uint32_t crc32 = 0;

	if (!scene_has_engine(seat))
		return look;
	look.ret = scene_dma(scene, seat, DMABUF_REVOKE_OP_READ, 0, &crc32);
	if (look.ret)
		look.wrong = "DMA fails";
	else if (crc32 != scene_crc32(scene, pattern->word))
		look.wrong = "the device reads other contents";
	return look;
}

static struct look try_map(struct scene *scene, struct seat *seat)
{
	struct look look = { .wrong = "", .limit = LIMIT_ANSWER, .began_ns = dr_now() };

	look.ret = scene_map(scene, seat);
	/* It never was unmapped. */
	if (look.ret == -EBUSY)
		look.ret = 0;
	if (look.ret)
		look.wrong = "a dynamic importer cannot map";
	return look;
}

/* What our engine cannot reach it refuses by itself. */
static void judge_look(struct scene *scene, struct seat *seat, const struct look *look,
		       unsigned int told, const char *clause, const char *when)
{
	struct trial *trial = scene->trial;
	char text[256];

	scene_look(scene);
	snprintf(text, sizeof(text), "after %s %s", when, look->wrong);
	if (!look->ret)
		trial_fail(trial, clause, "%s", text);
	else if (seat->told != told)
		trial_unknown(trial, clause, "%s: %s; but the importer was told meanwhile", text,
			      scene_result(look->ret));
	else if (look->ret == -EOPNOTSUPP && scene_has_engine(seat))
		trial_unknown(trial, clause, "%s: %s, which our engine says, too", text,
			      scene_result(look->ret));
	else
		scene_failed(scene, clause, look->ret, look->limit, look->began_ns, text);
}

void pattern_judge(struct pattern *pattern, struct scene *scene, struct seat *seat,
		   const char *clause, const char *when)
{
	bool both = scene_has_engine(seat) && pattern->mapped;
	struct look look;
	unsigned int told;

	scene_look(scene);
	told = seat->told;
	look = try_map(scene, seat);
	if (!*look.wrong)
		look = look_by_device(pattern, scene, seat);
	if (!*look.wrong)
		look = look_by_cpu(pattern, scene);
	if (*look.wrong)
		judge_look(scene, seat, &look, told, clause, when);
	else
		trial_pass(scene->trial, clause, "after %s %s%s%s see%s what was there before",
			   when, scene_has_engine(seat) ? "the device" : "",
			   both ? " and " : "", pattern->mapped ? "the CPU" : "",
			   both ? "" : "s");
}

void pattern_end(struct pattern *pattern, struct scene *scene)
{
	memory_end(&pattern->memory, scene);
	pattern->mapped = false;
}
