// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "judge/exporter/stage/pattern.h"

#define PATTERN		0xfeedfacecafef00dULL

bool pattern_write(struct pattern *pattern, struct scene *scene, struct seat *seat)
{
	int ret = memory_start(&pattern->memory, scene);

	pattern->word = PATTERN;
	pattern->mapped = !ret;
	if (pattern->mapped &&
	    memory_fill(&pattern->memory, scene, PATTERN) == MEMORY_CONTENTS)
		return true;
	pattern->mapped = false;
	if (scene_has_engine(seat))
		ret = scene_dma(scene, seat, DMABUF_REVOKE_OP_WRITE, PATTERN, NULL);
	if (!ret)
		return true;
	trial_give_up(scene->trial, "there is neither a CPU mapping nor DMA to write with: %s",
		      scene_result(ret));
	return false;
}

/* "", or what is wrong. */
static const char *look_by_cpu(struct pattern *pattern, struct scene *scene)
{
	if (!pattern->mapped)
		return "";
	switch (memory_read(&pattern->memory, scene)) {
	case MEMORY_CONTENTS:
		return pattern->memory.uniform && pattern->memory.word == pattern->word ?
		       "" : "the CPU's mapping shows other contents";
	case MEMORY_SIGBUS:
		return "the CPU's mapping ends in SIGBUS";
	default:
		return "an access of the CPU's does not come back";
	}
}

static const char *look_by_device(struct pattern *pattern, struct scene *scene,
				  struct seat *seat)
{
	uint32_t crc32 = 0;
	int ret;

	if (!scene_has_engine(seat))
		return "";
	ret = scene_dma(scene, seat, DMABUF_REVOKE_OP_READ, 0, &crc32);
	if (ret)
		return "DMA fails";
	return crc32 == scene_crc32(scene, pattern->word) ? "" :
	       "the device reads other contents";
}

void pattern_judge(struct pattern *pattern, struct scene *scene, struct seat *seat,
		   const char *clause, const char *when)
{
	int ret = scene_map(scene, seat);
	const char *wrong;

	/* It never was unmapped. */
	if (ret == -EBUSY)
		ret = 0;
	if (ret) {
		trial_fail(scene->trial, clause, "after %s a dynamic importer cannot map: %s", when,
			   scene_result(ret));
		return;
	}
	wrong = look_by_device(pattern, scene, seat);
	if (!*wrong)
		wrong = look_by_cpu(pattern, scene);
	if (*wrong)
		trial_fail(scene->trial, clause, "after %s %s", when, wrong);
	else
		trial_pass(scene->trial, clause, "after %s %s%s%s see%s what was there before",
			   when, scene_has_engine(seat) ? "the device" : "",
			   scene_has_engine(seat) && pattern->mapped ? " and " : "",
			   pattern->mapped ? "the CPU" : "",
			   scene_has_engine(seat) && pattern->mapped ? "" : "s");
}

void pattern_end(struct pattern *pattern, struct scene *scene)
{
	memory_end(&pattern->memory, scene);
	pattern->mapped = false;
}
