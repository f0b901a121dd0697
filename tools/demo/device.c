// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "demo/descriptors.h"
#include "demo/device.h"
#include "demo/observed.h"
#include "lib/devices/ioctls.h"

/* Streams get the time for so many passes, and for a pass so long at least. */
#define PASSES		5
#define PASS_NS		(4 * 1000000ULL)
/* Between two looks. */
#define LOOK_NS		1000000ULL

void device_attach(struct device *device, int importer, int dmabuf)
{
	struct demo_importer *seen = device->seen;
	struct dmabuf_revoke_attach arg = {
		.flags = seen->defer_unmap ? DMABUF_REVOKE_ATTACH_DEFER_UNMAP : 0,
		.dmabuf_fd = dmabuf,
		.kind = seen->kind,
		.fd_flags = O_CLOEXEC,
		.misbehave = device->misbehave,
		.engine = device->engine,
	};
	int ret;

	memcpy(arg.device, device->function.name, sizeof(arg.device));
	if (device->function.flags & DMABUF_REVOKE_DEVICE_PEER2PEER)
		arg.flags |= DMABUF_REVOKE_ATTACH_PEER2PEER;
	ret = dr_attach_as(importer, &arg);
	seen->attach = -ret;
	device->fd = ret ? -1 : arg.fd;
	device->engine = arg.engine;
}

static int submit(struct device *device, uint64_t length, uint32_t flags,
		  uint64_t duration_ns, uint64_t *job)
{
	struct dmabuf_revoke_submit arg = {
		.flags = flags,
		.op = DMABUF_REVOKE_OP_READ,
		.length = length,
		.duration_ns = duration_ns,
	};
	int ret = dr_submit(device->fd, &arg);

	*job = ret ? 0 : arg.job;
	return ret;
}

void device_read(struct device *device, uint64_t length)
{
	int ret = dr_map(device->fd, DMABUF_REVOKE_TO_DEVICE);

	if (!ret)
		ret = submit(device, length, 0, 0, &device->read_job);
	device->seen->read = -ret;
}

void device_await_read(struct device *device, uint64_t deadline_ns)
{
	struct dmabuf_revoke_wait wait;
	int ret;

	if (device->seen->read)
		return;
	ret = dr_wait(device->fd, device->read_job, deadline_ns, &wait);
	device->seen->read = ret ? -ret : -wait.status;
	if (ret)
		return;
	device->seen->read_crc32 = wait.crc32;
	device->seen->read_ns = wait.ended_ns - wait.started_ns;
}

void device_stream(struct device *device, uint64_t length, uint64_t duration_ns)
{
	device->seen->stream = -submit(device, length, DMABUF_REVOKE_SUBMIT_STREAM,
				       duration_ns, &device->stream_job);
}

static void sleep_until(uint64_t time_ns)
{
	struct timespec time = {
		.tv_sec = (time_t)(time_ns / 1000000000),
		.tv_nsec = (long)(time_ns % 1000000000),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		continue;
}

/*
 * This is how long the DMA is to last, not a guess when something is ready. In portions,
 * so that a machine that stalls for a moment does not lose all of it.
 */
void devices_take_time(uint64_t pass_ns, uint64_t duration_ns, uint64_t deadline_ns)
{
	unsigned int i;

	if (pass_ns < duration_ns)
		pass_ns = duration_ns;
	if (pass_ns < PASS_NS)
		pass_ns = PASS_NS;
	for (i = 0; i < PASSES; i++) {
		uint64_t until_ns = dr_deadline(pass_ns);

		sleep_until(until_ns < deadline_ns ? until_ns : deadline_ns);
	}
}

void device_look(struct device *device, uint64_t deadline_ns)
{
	struct dmabuf_revoke_status status;

	if (dr_status(device->fd, &status))
		return;
	/* There is no event for a pass. */
	while (!status.passes && status.jobs_running && dr_now() < deadline_ns) {
		sleep_until(dr_deadline(LOOK_NS));
		if (dr_status(device->fd, &status))
			return;
	}
	device->seen->mapped = status.state == DMABUF_REVOKE_ATTACHMENT_MAPPED;
	device->seen->running = status.jobs_running == 1;
}

static void note_event(struct device *device, const struct dmabuf_revoke_event *event)
{
	struct demo_importer *seen = device->seen;

	switch (event->type) {
	case DMABUF_REVOKE_EVENT_INVALIDATED:
		seen->invalidated_ns = event->time_ns;
		break;
	case DMABUF_REVOKE_EVENT_UNMAPPED:
		seen->unmapped_ns = event->time_ns;
		break;
	case DMABUF_REVOKE_EVENT_JOB_DONE:
		if (event->job == device->stream_job)
			seen->dma_ended_ns = event->time_ns;
		break;
	case DMABUF_REVOKE_EVENT_DMA_FAULT:
		seen->faulted_ns = event->time_ns;
		seen->fault_address = event->job;
		break;
	}
}

int device_note_event(struct device *device, uint64_t deadline_ns)
{
	struct dmabuf_revoke_event event;
	int ret = await_input(device->fd, deadline_ns);

	if (!ret)
		ret = dr_event(device->fd, &event);
	if (!ret)
		note_event(device, &event);
	return ret;
}

/* The event says that the stream has ended, WAIT when its fence signalled. */
static void collect(struct device *device)
{
	struct demo_importer *seen = device->seen;
	struct dmabuf_revoke_wait wait;
	int ret = dr_wait(device->fd, device->stream_job, 0, &wait);

	seen->result = ret ? -ret : -wait.status;
	if (ret)
		return;
	seen->passes = wait.passes;
	seen->changed = wait.changed;
	seen->crc32 = wait.crc32;
	if (seen->dma_ended_ns)
		seen->dma_ended_ns = wait.ended_ns;
}

void device_await_end(struct device *device, uint64_t deadline_ns)
{
	struct demo_importer *seen = device->seen;
	struct dmabuf_revoke_status status;

	while (!seen->invalidated_ns || !seen->dma_ended_ns || !seen->unmapped_ns)
		if (device_note_event(device, deadline_ns))
			break;
	if (!dr_status(device->fd, &status))
		seen->invalidations = status.invalidations;
	collect(device);
}

void device_retry(struct device *device, uint64_t length)
{
	uint64_t job;

	device->seen->map = -dr_map(device->fd, DMABUF_REVOKE_TO_DEVICE);
	device->seen->submit = -submit(device, length, 0, 0, &job);
}

void device_look_again(struct device *device)
{
	struct dmabuf_revoke_status status;

	if (dr_status(device->fd, &status))
		return;
	device->seen->invalidations = status.invalidations;
	device->seen->invalidated_ns = status.invalidated_ns;
	device->seen->running_still = status.jobs_running == 1;
}

void device_detach(struct device *device)
{
	if (device->fd < 0 || close(device->fd))
		return;
	device->fd = -1;
	device->seen->detached_ns = dr_now();
}
