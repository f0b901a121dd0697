// SPDX-License-Identifier: GPL-2.0-only
/* Our importers on the buffer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "judge/exporter/stage/scene.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

/* A pass of a stream takes at least so long: an engine of software leaves the CPU to others. */
#define PASS_NS		5000000ULL

const char *scene_result(int ret)
{
	return ret == ASIDE_NEVER ? "no answer" : errno_name(ret);
}

static int call(struct scene *scene, int (*make)(void *arg), void *arg, size_t size)
{
	return aside_call(&scene->aside, make, arg, size,
			  trial_deadline(scene->trial, LIMIT_ANSWER));
}

struct attaching {
	int importer;
	struct dmabuf_revoke_attach arg;
};

static int attach_aside(void *arg)
{
	struct attaching *attaching = arg;

	return dr_attach_as(attaching->importer, &attaching->arg);
}

static bool asks_for_peer2peer(const struct exporter_subject *subject, uint32_t kind)
{
	return subject->peer2peer && kind != DMABUF_REVOKE_KIND_LEGACY_STATIC;
}

struct seat *scene_attach(struct scene *scene, const struct manner *manner)
{
	const struct exporter_subject *subject = scene->subject;
	struct seat *seat = &scene->seats[scene->count++];
	struct attaching attaching = {
		.importer = subject->importer,
		.arg = {
			.flags = manner->flags,
			.dmabuf_fd = scene->dmabuf,
			.kind = manner->kind,
			.fd_flags = O_CLOEXEC | O_NONBLOCK,
			.misbehave = manner->misbehave,
			.delay_ns = manner->delay_ns,
			.engine = manner->idle ? DMABUF_REVOKE_ENGINE_NONE : subject->engine,
		},
	};

	if (asks_for_peer2peer(subject, manner->kind))
		attaching.arg.flags |= DMABUF_REVOKE_ATTACH_PEER2PEER;
	memcpy(attaching.arg.device, subject->device.name, sizeof(attaching.arg.device));
	*seat = (struct seat){ .file = -1, .kind = manner->kind };
	seat->ret = call(scene, attach_aside, &attaching, sizeof(attaching));
	if (seat->ret)
		return seat;
	seat->file = attaching.arg.fd;
	seat->engine = attaching.arg.engine;
	seat->length = attaching.arg.length;
	return seat;
}

struct seat *scene_attach_mapped(struct scene *scene, const struct manner *manner)
{
	struct seat *seat = scene_attach(scene, manner);
	const char *kind = choice_name(kind_choices, manner->kind);

	if (seat->ret) {
		trial_give_up(scene->trial,
			      "it does not let a %s importer in: %s (scenario kinds says more)",
			      kind, scene_result(seat->ret));
		return NULL;
	}
	seat->ret = scene_map(scene, seat);
	if (!seat->ret)
		return seat;
	trial_give_up(scene->trial, "a %s importer cannot map it: %s (scenario kinds says more)",
		      kind, scene_result(seat->ret));
	return NULL;
}

static int map_aside(void *arg)
{
	return dr_map(*(int *)arg, DMABUF_REVOKE_BIDIRECTIONAL);
}

static int unmap_aside(void *arg)
{
	return dr_unmap(*(int *)arg);
}

static int vmap_aside(void *arg)
{
	return dr_vmap(*(int *)arg, NULL);
}

static int vunmap_aside(void *arg)
{
	return dr_vunmap(*(int *)arg);
}

static int by_file(struct scene *scene, struct seat *seat, int (*make)(void *arg))
{
	int file = seat->file;

	return call(scene, make, &file, sizeof(file));
}

int scene_map(struct scene *scene, struct seat *seat)
{
	return by_file(scene, seat, map_aside);
}

int scene_unmap(struct scene *scene, struct seat *seat)
{
	return by_file(scene, seat, unmap_aside);
}

int scene_vmap(struct scene *scene, struct seat *seat)
{
	return by_file(scene, seat, vmap_aside);
}

int scene_vunmap(struct scene *scene, struct seat *seat)
{
	return by_file(scene, seat, vunmap_aside);
}

struct asking {
	int file;
	struct dmabuf_revoke_status status;
};

static int status_aside(void *arg)
{
	struct asking *asking = arg;

	return dr_status(asking->file, &asking->status);
}

int scene_status(struct scene *scene, struct seat *seat, struct dmabuf_revoke_status *status)
{
	struct asking asking = { .file = seat->file };
	int ret = call(scene, status_aside, &asking, sizeof(asking));

	*status = asking.status;
	return ret;
}

struct listing {
	int file;
	uint32_t capacity, count;
	struct dmabuf_revoke_segment segments[];
};

static int segments_aside(void *arg)
{
	struct listing *listing = arg;

	return dr_segments(listing->file, listing->segments, listing->capacity, &listing->count);
}

struct dmabuf_revoke_segment *scene_segments(struct scene *scene, struct seat *seat,
					     uint32_t capacity, uint32_t *count)
{
	size_t size = capacity * sizeof(struct dmabuf_revoke_segment);
	struct listing *listing = calloc(1, sizeof(*listing) + size);
	struct dmabuf_revoke_segment *segments = calloc(1, size + 1);

	if (listing && segments) {
		listing->file = seat->file;
		listing->capacity = capacity;
		if (!call(scene, segments_aside, listing, sizeof(*listing) + size)) {
			memcpy(segments, listing->segments, size);
			*count = listing->count;
			free(listing);
			return segments;
		}
	}
	free(listing);
	free(segments);
	return NULL;
}

uint64_t scene_first_segment(struct scene *scene, struct seat *seat,
			     struct dmabuf_revoke_segment *segment)
{
	struct dmabuf_revoke_segment *segments;
	uint32_t count;

	*segment = (struct dmabuf_revoke_segment){ 0 };
	segments = scene_segments(scene, seat, 1, &count);
	if (segments && count)
		*segment = *segments;
	free(segments);
	return segment->length;
}

/* Who has the lock that this asks for can be whoever we are to judge. */
bool scene_lock_is_free(struct scene *scene)
{
	struct dmabuf_revoke_status status;
	unsigned int i;

	for (i = 0; i < scene->count; i++)
		if (scene->seats[i].file >= 0)
			return scene_status(scene, &scene->seats[i], &status) != ASIDE_NEVER;
	return true;
}

struct submitting {
	int file;
	struct dmabuf_revoke_submit job;
};

static int submit_aside(void *arg)
{
	struct submitting *submitting = arg;

	return dr_submit(submitting->file, &submitting->job);
}

int scene_submit(struct scene *scene, struct seat *seat, uint32_t op, uint32_t flags,
		 uint64_t pattern)
{
	bool streams = flags & DMABUF_REVOKE_SUBMIT_STREAM;
	struct submitting submitting = {
		.file = seat->file,
		.job = { .flags = flags, .op = op, .length = seat->length, .pattern = pattern,
			 .duration_ns = streams ? PASS_NS : 0 },
	};
	int ret = call(scene, submit_aside, &submitting, sizeof(submitting));

	seat->job = ret ? seat->job : submitting.job.job;
	return ret;
}

struct seat *scene_attach_fenced(struct scene *scene, uint64_t delay_ns)
{
	struct seat *seat = scene_attach_mapped(scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC,
		.misbehave = DMABUF_REVOKE_MISBEHAVE_LATE_FENCE, .delay_ns = delay_ns });

	if (!seat || scene_has_engine(seat))
		return seat;
	trial_give_up(scene->trial,
		      "there is no engine for %s, so no job and no fence: take another --device, or --engine",
		      scene->subject->device.name);
	return NULL;
}

bool scene_begin_job(struct scene *scene, struct seat *seat, uint32_t op, uint32_t flags,
		     uint64_t pattern)
{
	int ret = scene_submit(scene, seat, op, flags, pattern);

	if (ret)
		trial_give_up(scene->trial, "no DMA: %s", scene_result(ret));
	return !ret;
}

/* It needs no lock of anybody else's. */
int scene_dma(struct scene *scene, struct seat *seat, uint32_t op, uint64_t pattern,
	      uint32_t *crc32)
{
	struct dmabuf_revoke_wait wait;
	int ret = scene_submit(scene, seat, op, 0, pattern);

	if (!ret)
		ret = dr_wait(seat->file, seat->job, trial_deadline(scene->trial, LIMIT_COMMAND),
			      &wait);
	if (ret == -ETIMEDOUT)
		return ASIDE_NEVER;
	if (!ret)
		ret = wait.status;
	if (!ret && crc32)
		*crc32 = wait.crc32;
	return ret;
}

bool scene_has_engine(const struct seat *seat)
{
	return seat->engine != DMABUF_REVOKE_ENGINE_NONE;
}

uint32_t scene_crc32(const struct scene *scene, uint64_t pattern)
{
	unsigned char bytes[4096];
	uint64_t left = scene->length;
	uLong crc = crc32(0, NULL, 0);
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(pattern >> (i % 8 * 8));
	while (left) {
		uInt part = left < sizeof(bytes) ? (uInt)left : sizeof(bytes);

		crc = crc32(crc, bytes, part);
		left -= part;
	}
	return (uint32_t)crc;
}
