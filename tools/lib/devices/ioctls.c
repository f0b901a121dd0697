// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/devices/ioctls.h"

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

int dr_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

uint64_t dr_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t dr_deadline(uint64_t ns)
{
	uint64_t now = dr_now();

	return ns > DMABUF_REVOKE_FOREVER - now ? DMABUF_REVOKE_FOREVER : now + ns;
}

int dr_exporter_info(int exp, struct dmabuf_revoke_exporter_info *info)
{
	*info = (struct dmabuf_revoke_exporter_info){ .size = sizeof(*info) };
	return call(exp, DMABUF_REVOKE_IOC_EXPORTER_INFO, info);
}

int dr_alloc_as(int exp, struct dmabuf_revoke_alloc *arg)
{
	arg->size = sizeof(*arg);
	return call(exp, DMABUF_REVOKE_IOC_ALLOC, arg);
}

int dr_alloc_faulty(int exp, uint64_t length, uint32_t flags, uint64_t faults,
		    uint64_t *id, int *fd)
{
	struct dmabuf_revoke_alloc arg = {
		.flags = flags,
		.length = length,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.faults = faults,
	};
	int ret = dr_alloc_as(exp, &arg);

	if (ret)
		return ret;
	*id = arg.id;
	*fd = arg.fd;
	return 0;
}

int dr_alloc(int exp, uint64_t length, uint32_t flags, uint64_t *id, int *fd)
{
	return dr_alloc_faulty(exp, length, flags, 0, id, fd);
}

static int take_back(int exp, uint64_t id, uint32_t flags, uint64_t deadline_ns,
		     struct dmabuf_revoke_revoke *out)
{
	struct dmabuf_revoke_revoke arg = {
		.size = sizeof(arg),
		.flags = flags,
		.id = id,
		.deadline_ns = deadline_ns,
	};
	int ret = call(exp, DMABUF_REVOKE_IOC_REVOKE, &arg);

	if (out)
		*out = arg;
	return ret;
}

int dr_revoke(int exp, uint64_t id, uint64_t deadline_ns,
	      struct dmabuf_revoke_revoke *out)
{
	return take_back(exp, id, 0, deadline_ns, out);
}

int dr_suspend(int exp, uint64_t id, uint64_t deadline_ns,
	       struct dmabuf_revoke_revoke *out)
{
	return take_back(exp, id, DMABUF_REVOKE_REVOKE_SUSPEND, deadline_ns, out);
}

int dr_restore(int exp, uint64_t id, uint64_t deadline_ns)
{
	struct dmabuf_revoke_restore arg = {
		.size = sizeof(arg),
		.id = id,
		.deadline_ns = deadline_ns,
	};

	return call(exp, DMABUF_REVOKE_IOC_RESTORE, &arg);
}

int dr_move_as(int exp, struct dmabuf_revoke_move *arg)
{
	arg->size = sizeof(*arg);
	return call(exp, DMABUF_REVOKE_IOC_MOVE, arg);
}

int dr_move_number(int exp, uint64_t id, uint64_t deadline_ns, uint64_t *moves)
{
	struct dmabuf_revoke_move arg = {
		.id = id,
		.deadline_ns = deadline_ns,
		.moves = *moves,
	};
	int ret = dr_move_as(exp, &arg);

	*moves = arg.moves;
	return ret;
}

int dr_move(int exp, uint64_t id, uint64_t deadline_ns)
{
	uint64_t moves = 0;

	return dr_move_number(exp, id, deadline_ns, &moves);
}

int dr_free(int exp, uint64_t id, uint64_t *offsets, uint32_t capacity,
	    struct dmabuf_revoke_free *out)
{
	struct dmabuf_revoke_free arg = {
		.size = sizeof(arg),
		.id = id,
		.offsets = (uintptr_t)offsets,
		.capacity = capacity,
	};
	int ret = call(exp, DMABUF_REVOKE_IOC_FREE, &arg);

	if (out)
		*out = arg;
	return ret;
}

int dr_export(int exp, uint64_t id)
{
	struct dmabuf_revoke_export arg = {
		.size = sizeof(arg),
		.id = id,
		.fd_flags = O_CLOEXEC,
	};
	int ret = call(exp, DMABUF_REVOKE_IOC_EXPORT, &arg);

	return ret ? ret : arg.fd;
}

int dr_blockers(int exp, uint64_t id, struct dmabuf_revoke_blocker *blockers,
		uint32_t capacity, uint32_t *count)
{
	struct dmabuf_revoke_blockers arg = {
		.size = sizeof(arg),
		.id = id,
		.blockers = (uintptr_t)blockers,
		.capacity = capacity,
	};
	int ret = call(exp, DMABUF_REVOKE_IOC_BLOCKERS, &arg);

	if (!ret)
		*count = arg.count;
	return ret;
}

int dr_faults(int exp, uint64_t id, uint64_t faults, uint32_t count, uint32_t error)
{
	struct dmabuf_revoke_faults arg = {
		.size = sizeof(arg),
		.id = id,
		.faults = faults,
		.count = count,
		.error = error,
	};

	return call(exp, DMABUF_REVOKE_IOC_FAULTS, &arg);
}

int dr_faults_await(int exp, uint64_t id, uint64_t deadline_ns)
{
	struct dmabuf_revoke_faults arg = {
		.size = sizeof(arg),
		.flags = DMABUF_REVOKE_FAULTS_AWAIT,
		.id = id,
		.deadline_ns = deadline_ns,
	};

	return call(exp, DMABUF_REVOKE_IOC_FAULTS, &arg);
}

int dr_query(int exp, uint64_t id, struct dmabuf_revoke_query *out)
{
	*out = (struct dmabuf_revoke_query){ .size = sizeof(*out), .id = id };
	return call(exp, DMABUF_REVOKE_IOC_QUERY, out);
}

int dr_query_fd(int exp, int dmabuf, struct dmabuf_revoke_query *out)
{
	*out = (struct dmabuf_revoke_query){
		.size = sizeof(*out),
		.flags = DMABUF_REVOKE_QUERY_BY_FD,
		.fd = dmabuf,
	};
	return call(exp, DMABUF_REVOKE_IOC_QUERY, out);
}

int dr_list(int exp, uint64_t *ids, uint32_t capacity, uint32_t *count)
{
	struct dmabuf_revoke_list arg = {
		.size = sizeof(arg),
		.ids = (uintptr_t)ids,
		.capacity = capacity,
	};
	int ret = call(exp, DMABUF_REVOKE_IOC_LIST, &arg);

	if (!ret)
		*count = arg.count;
	return ret;
}

int dr_importer_info(int imp, struct dmabuf_revoke_importer_info *info)
{
	*info = (struct dmabuf_revoke_importer_info){ .size = sizeof(*info) };
	return call(imp, DMABUF_REVOKE_IOC_IMPORTER_INFO, info);
}

int dr_attach_as(int imp, struct dmabuf_revoke_attach *arg)
{
	arg->size = sizeof(*arg);
	return call(imp, DMABUF_REVOKE_IOC_ATTACH, arg);
}

int dr_attach_misbehaving(int imp, int dmabuf, uint32_t kind, uint32_t flags,
			  uint64_t misbehave, uint64_t delay_ns)
{
	struct dmabuf_revoke_attach arg = {
		.flags = flags,
		.dmabuf_fd = dmabuf,
		.kind = kind,
		.fd_flags = O_CLOEXEC,
		.misbehave = misbehave,
		.delay_ns = delay_ns,
	};
	int ret = dr_attach_as(imp, &arg);

	return ret ? ret : arg.fd;
}

int dr_attach(int imp, int dmabuf, uint32_t kind, uint32_t flags)
{
	return dr_attach_misbehaving(imp, dmabuf, kind, flags, 0, 0);
}

int dr_map(int att, uint32_t direction)
{
	struct dmabuf_revoke_map arg = {
		.size = sizeof(arg),
		.direction = direction,
	};

	return call(att, DMABUF_REVOKE_IOC_MAP, &arg);
}

int dr_unmap(int att)
{
	struct dmabuf_revoke_unmap arg = { .size = sizeof(arg) };

	return call(att, DMABUF_REVOKE_IOC_UNMAP, &arg);
}

int dr_submit(int att, struct dmabuf_revoke_submit *job)
{
	job->size = sizeof(*job);
	return call(att, DMABUF_REVOKE_IOC_SUBMIT, job);
}

int dr_wait(int att, uint64_t job, uint64_t deadline_ns,
	    struct dmabuf_revoke_wait *out)
{
	*out = (struct dmabuf_revoke_wait){
		.size = sizeof(*out),
		.job = job,
		.deadline_ns = deadline_ns,
	};
	return call(att, DMABUF_REVOKE_IOC_WAIT, out);
}

int dr_vmap(int att, uint32_t *crc32)
{
	struct dmabuf_revoke_vmap arg = { .size = sizeof(arg) };
	int ret = call(att, DMABUF_REVOKE_IOC_VMAP, &arg);

	if (!ret && crc32)
		*crc32 = arg.crc32;
	return ret;
}

int dr_vunmap(int att)
{
	struct dmabuf_revoke_vmap arg = { .size = sizeof(arg) };

	return call(att, DMABUF_REVOKE_IOC_VUNMAP, &arg);
}

int dr_devices(int imp, struct dmabuf_revoke_device *devices, uint32_t capacity,
	       uint32_t *count)
{
	struct dmabuf_revoke_devices arg = {
		.size = sizeof(arg),
		.devices = (uintptr_t)devices,
		.capacity = capacity,
	};
	int ret = call(imp, DMABUF_REVOKE_IOC_DEVICES, &arg);

	if (!ret)
		*count = arg.count;
	return ret;
}

int dr_segments(int att, struct dmabuf_revoke_segment *segments, uint32_t capacity,
		uint32_t *count)
{
	struct dmabuf_revoke_segments arg = {
		.size = sizeof(arg),
		.segments = (uintptr_t)segments,
		.capacity = capacity,
	};
	int ret = call(att, DMABUF_REVOKE_IOC_SEGMENTS, &arg);

	if (!ret)
		*count = arg.count;
	return ret;
}

int dr_status(int att, struct dmabuf_revoke_status *out)
{
	*out = (struct dmabuf_revoke_status){ .size = sizeof(*out) };
	return call(att, DMABUF_REVOKE_IOC_STATUS, out);
}

int dr_event(int att, struct dmabuf_revoke_event *event)
{
	ssize_t n = read(att, event, sizeof(*event));

	if (n < 0)
		return -errno;
	return n == sizeof(*event) ? 0 : -EIO;
}
