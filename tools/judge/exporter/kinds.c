// SPDX-License-Identifier: GPL-2.0-only
/* Who is let in, and what he gets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

#define KINDS		4
#define PATTERN		0x5aa51234deadc0deULL

static const char *kind_name(uint32_t kind)
{
	return choice_name(kind_choices, kind);
}

/* ", dynamic: EOPNOTSUPP" */
static void list(char text[256], uint32_t kind, const char *what)
{
	size_t length = strlen(text);

	snprintf(text + length, 256 - length, "%s%s: %s", length ? ", " : "", kind_name(kind),
		 what);
}

/* To be freed; NULL: they are not known, or not all of them. */
static struct dmabuf_revoke_segment *segments_of(struct scene *scene, struct seat *seat,
						 uint32_t *count)
{
	struct dmabuf_revoke_segment *segments = scene_segments(scene, seat, 0, count);
	uint32_t capacity = *count;

	free(segments);
	if (!segments)
		return NULL;
	segments = scene_segments(scene, seat, capacity, count);
	if (segments && *count == capacity)
		return segments;
	free(segments);
	return NULL;
}

/* What is wrong with them, or "". They may overlap: a page may be in a buffer more than once. */
static void find_fault(const struct scene *scene, const struct dmabuf_revoke_segment *segments,
		       uint32_t count, char text[256])
{
	uint64_t mask = scene->subject->device.dma_mask, sum = 0;
	uint32_t i;

	*text = 0;
	for (i = 0; i < count; i++) {
		const struct dmabuf_revoke_segment *segment = &segments[i];

		sum += segment->length;
		/* An address of the bus passes no mask of the host's. */
		if (segment->address + segment->length - 1 > mask)
			snprintf(text, 256,
				 "the segment at %#llx of %llu bytes is beyond the device's mask %#llx",
				 (unsigned long long)segment->address,
				 (unsigned long long)segment->length, (unsigned long long)mask);
	}
	if (sum != scene->length)
		snprintf(text, 256, "the segments are %llu bytes, the buffer is %llu",
			 (unsigned long long)sum, (unsigned long long)scene->length);
}

/* Whether they are known; what there is goes to @good. */
static bool judge_segments(struct scene *scene, struct seat *seat, char good[256])
{
	struct dmabuf_revoke_segment *segments;
	uint32_t count = 0;
	char text[256];

	segments = segments_of(scene, seat, &count);
	if (!segments) {
		list(good, seat->kind, "segments cannot be listed");
		return false;
	}
	find_fault(scene, segments, count, text);
	free(segments);
	if (*text)
		trial_fail(scene->trial, "E19", "%s: %s", kind_name(seat->kind), text);
	snprintf(text, sizeof(text), "%u segment%s", count, count == 1 ? "" : "s");
	list(good, seat->kind, text);
	return true;
}

/* What a device writes is what a device reads. */
static void judge_dma(struct scene *scene, struct seat *seat)
{
	uint32_t crc32 = 0, expected = scene_crc32(scene, PATTERN);
	int ret;

	if (!scene_has_engine(seat))
		return;
	ret = scene_dma(scene, seat, DMABUF_REVOKE_OP_WRITE, PATTERN, NULL);
	if (!ret)
		ret = scene_dma(scene, seat, DMABUF_REVOKE_OP_READ, 0, &crc32);
	if (ret == -EFAULT || ret == -EIO)
		trial_fail(scene->trial, "E19",
			   "%s: DMA to the addresses of its table is a fault: %s",
			   kind_name(seat->kind), scene_result(ret));
	else if (!ret && crc32 != expected)
		trial_fail(scene->trial, "E19",
			   "%s: the device reads what it has not written: CRC-32 %#x, not %#x",
			   kind_name(seat->kind), crc32, expected);
}

/* What our engine cannot reach it refuses by itself: then that says nothing of the exporter. */
static int map_again(struct scene *scene, struct seat *seat)
{
	int ret = scene_map(scene, seat);
	struct seat *other;

	if (ret != -EOPNOTSUPP || seat->engine == DMABUF_REVOKE_ENGINE_NONE)
		return ret;
	other = scene_attach(scene, &(struct manner){ .kind = seat->kind, .idle = true });
	ret = other->ret ? other->ret : scene_map(scene, other);
	scene_leave(scene, other);
	return ret;
}

/* By its pin, who cannot be revoked: the core pins with the map. That is E1's. */
static bool may_refuse(const struct seat *seat, int ret)
{
	return ret == -EOPNOTSUPP && (seat->kind == DMABUF_REVOKE_KIND_LEGACY_STATIC ||
				      seat->kind == DMABUF_REVOKE_KIND_LEGACY_RDMA);
}

/* Whether it could map, and its segments are known. */
static bool judge_map(struct scene *scene, struct seat *seat, char good[256], char bad[256])
{
	int ret = scene_map(scene, seat), again;
	char text[128];
	bool known;

	if (!ret) {
		known = judge_segments(scene, seat, good);
		judge_dma(scene, seat);
		scene_unmap(scene, seat);
		return known;
	}
	again = map_again(scene, seat);
	scene_look(scene);
	snprintf(text, sizeof(text), "let in, and its map fails with %s%s", scene_result(ret),
		 seat->told ? ", being told meanwhile" : "");
	if (may_refuse(seat, ret))
		list(bad, seat->kind, "its map was refused");
	else if (again && !seat->told && !scene_is_for_now(ret) && !scene_is_for_now(again))
		trial_fail(scene->trial, "E18",
			   "%s: %s, whenever it is tried: it had to be refused when it attached",
			   kind_name(seat->kind), text);
	else
		list(bad, seat->kind, text);
	return false;
}

static void run_kinds(struct trial *trial)
{
	char good[256] = "", bad[256] = "";
	bool known = false;
	struct scene scene;
	uint32_t kind;

	if (!scene_open(&scene, trial))
		goto out;
	for (kind = 0; kind < KINDS; kind++) {
		struct seat *seat = scene_attach(&scene, &(struct manner){ .kind = kind });

		if (seat->ret)
			list(bad, kind, scene_result(seat->ret));
		else
			known |= judge_map(&scene, seat, good, bad);
		scene_leave(&scene, seat);
	}
	if (!*good)
		trial_give_up(trial,
			      "no importer can use it (%s); one on behalf of another device may: --device, --peer2peer",
			      bad);
	if (*good)
		trial_pass(trial, "E18", "who was let in could map: %s%s%s", good,
			   *bad ? "; not so " : "", bad);
	if (known)
		trial_pass(trial, "E19", "%s: for %s, and as long as the buffer", good,
			   scene.subject->device.name);
	trial_unclear(trial, "%s", good);
out:
	scene_close(&scene);
}

const struct scenario exporter_kinds = {
	.name = "kinds",
	.summary = "importers of each kind attach, map, do DMA, unmap and detach",
	.clauses = "E18 E19",
	.run = run_kinds,
};

/* It has been taken back, or will be when the last who cannot be revoked has left. */
static void judge_let_in(struct scene *scene, struct seat *const *in, unsigned int count)
{
	struct trial *trial = scene->trial;
	const char *kind = kind_name(in[0]->kind);
	bool over = scene_await_end(scene, dr_deadline(scene_hold(scene)));
	unsigned int i;

	if (over && deed_is_done(&scene->deed)) {
		trial_fail(trial, "E1",
			   "it claims to be revocable and is not: %s is over, with the mapping of a %s importer left, which was not told",
			   deed_name(scene->deed.what), kind);
	} else if (over) {
		trial_unclear(trial, "%s", scene->deed.reason);
	} else if (trial->judge->interrupted) {
		trial_unclear(trial, "it was interrupted");
	} else if (!scene->subject->accepts_legacy) {
		trial_fail(trial, "E1",
			   "it claims to be revocable and is not: it has let a %s importer in, and %s waits until that unmaps of its own accord (if it does so on purpose: --accept-legacy)",
			   kind,
			   deed_name(scene->deed.what));
	} else {
		for (i = 0; i < count; i++)
			scene_leave(scene, in[i]);
		if (scene_await_over(scene))
			trial_pass(trial, "E1",
				   "it accepts importers that cannot be revoked, and waits for them");
		else
			trial_never(trial, "E1", LIMIT_COMMAND, scene->deed.began_ns,
				    "it has not come to its end", "the last importer has left");
	}
}

static void judge_refusals(struct scene *scene, const int ret[2], uint64_t began_ns)
{
	bool right = true;
	char text[128];
	uint32_t i;

	for (i = 0; i < 2; i++) {
		if (ret[i] == -EOPNOTSUPP)
			continue;
		right = false;
		snprintf(text, sizeof(text),
			 "a %s importer is not refused with EOPNOTSUPP, as one that cannot be revoked",
			 kind_name(DMABUF_REVOKE_KIND_LEGACY_STATIC + i));
		scene_failed(scene, "E1", ret[i], LIMIT_ANSWER, began_ns, text);
	}
	if (right)
		trial_pass(scene->trial, "E1", "%s",
			   scene->subject->features & DMABUF_REVOKE_FEATURE_REVOCABLE_TEST ?
			   "legacy-static and legacy-rdma were refused with EOPNOTSUPP" :
			   "legacy-static was refused with EOPNOTSUPP; before Linux 7.1 nothing tells legacy-rdma from others");
}

/* Who is refused, not being revocable, is refused for that: those who are, are let in. */
static bool lets_others_in(struct scene *scene)
{
	struct seat *seat = scene_attach_mapped(scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC, .idle = true });

	return seat;
}

/* Before Linux 7.1 it has a callback, as all have that are not static, and it does nothing. */
static bool can_be_told(const struct scene *scene, const struct seat *seat)
{
	return seat->kind != DMABUF_REVOKE_KIND_LEGACY_RDMA ||
	       scene->subject->features & DMABUF_REVOKE_FEATURE_REVOCABLE_TEST;
}

static void run_legacy(struct trial *trial)
{
	struct seat *in[2];
	unsigned int count = 0, i;
	struct scene scene;
	uint64_t began;
	int ret[2];

	if (!scene_open(&scene, trial) || !lets_others_in(&scene))
		goto out;
	began = dr_now();
	for (i = 0; i < 2; i++) {
		struct seat *seat = scene_attach(&scene, &(struct manner){
			.kind = DMABUF_REVOKE_KIND_LEGACY_STATIC + i, .idle = true });

		ret[i] = seat->ret;
		if (!can_be_told(&scene, seat)) {
			scene_leave(&scene, seat);
			ret[i] = -EOPNOTSUPP;
		} else if (!ret[i]) {
			/* The core pins for who is static, be it at the map. */
			ret[i] = scene_map(&scene, seat);
			if (!ret[i])
				in[count++] = seat;
		}
	}
	if (!scene_take_back(&scene))
		goto out;
	if (count)
		judge_let_in(&scene, in, count);
	else
		judge_refusals(&scene, ret, began);
out:
	scene_close(&scene);
}

const struct scenario exporter_legacy = {
	.name = "legacy",
	.summary = "importers that cannot be revoked attach, and it is revoked",
	.clauses = "E1",
	.run = run_legacy,
};
