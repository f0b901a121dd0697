// SPDX-License-Identifier: GPL-2.0-only
/* Bad input to the importer's ioctls: values that are theirs alone. */
#include <sys/ioctl.h>

#include "common.h"

#define LENGTH (16 * KIB)
#define HOUR (3600 * SEC)

static uint64_t attachments(void)
{
	struct dmabuf_revoke_importer_info info;

	succeeds(dr_importer_info(importer, &info));
	return info.attachments;
}

static int attach_with(int dmabuf, uint32_t kind, uint32_t flags,
		       uint32_t fd_flags)
{
	struct dmabuf_revoke_attach arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dmabuf_fd = dmabuf,
		.kind = kind,
		.fd_flags = fd_flags,
	};

	return sys(ioctl(importer, DMABUF_REVOKE_IOC_ATTACH, &arg));
}

CASE(importer, attach_to_what_is_not_a_dma_buf)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int null = succeeds(dr_open("/dev/null"));

	fails(attach_with(-1, 0, 0, 0), EBADF);
	fails(attach_with(INT32_MAX, 0, 0, 0), EBADF);
	fails(attach_with(null, 0, 0, 0), EINVAL);
	fails(attach_with(exporter, 0, 0, 0), EINVAL);
	fails(attach_with(importer, 0, 0, 0), EINVAL);
	fails(attach_with(att, 0, 0, 0), EINVAL);
	close(null);
	fails(attach_with(null, 0, 0, 0), EBADF);
	equal(query(buffer.id).attachments, 1);
	close(att);
	close(buffer.fd);
}

CASE(importer, attach_kind_flags_and_fd_flags)
{
	const uint32_t defer = DMABUF_REVOKE_ATTACH_DEFER_UNMAP;
	const struct {
		const char *name;
		uint32_t kind, flags, fd_flags;
	} rows[] = {
		{ "kind 4", 4, 0, 0 },
		{ "kind -1", UINT32_MAX, 0, 0 },
		{ "static, deferred", DMABUF_REVOKE_KIND_LEGACY_STATIC, defer, 0 },
		{ "RDMA, deferred", DMABUF_REVOKE_KIND_LEGACY_RDMA, defer, 0 },
		{ "O_WRONLY", 0, 0, O_WRONLY },
		{ "O_RDWR", 0, 0, O_RDWR },
		{ "O_APPEND", 0, 0, O_APPEND | O_CLOEXEC },
		{ "bit 31", 0, 0, 1U << 31 },
		{ "static, peer-to-peer", DMABUF_REVOKE_KIND_LEGACY_STATIC,
		  DMABUF_REVOKE_ATTACH_PEER2PEER, 0 },
	};
	struct buffer buffer = buffer_alloc(LENGTH, ACCEPT_LEGACY);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		row_gives(rows[i].name,
			  attach_with(buffer.fd, rows[i].kind, rows[i].flags,
				      rows[i].fd_flags), EINVAL);
	equal(query(buffer.id).attachments, 0);
	close(buffer.fd);
}

CASE(importer, attach_without_a_free_descriptor_is_EMFILE)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	uint64_t before = attachments();

	forbid_new_fds();
	fails(attach_with(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0, 0), EMFILE);
	allow_new_fds();
	equal(attachments(), before);
	equal(query(buffer.id).attachments, 0);
	equal(query(buffer.id).pending.pins, 0);
	close(buffer.fd);
}

CASE(importer, map_direction_and_reserved)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_map arg = { .size = sizeof(arg), .reserved = 1 };

	fails(dr_map(att, 3), EINVAL);
	fails(dr_map(att, UINT32_MAX), EINVAL);
	fails(sys(ioctl(att, DMABUF_REVOKE_IOC_MAP, &arg)), EINVAL);
	equal(status(att).maps, 0);
	close(att);
	close(buffer.fd);
}

struct bad_job {
	const char *name;
	int error;
	struct dmabuf_revoke_submit job;
};

static const struct bad_job bad_jobs[] = {
	{ "op 3", EINVAL, { .op = 3, .length = 1 } },
	{ "op -1", EINVAL, { .op = UINT32_MAX, .length = 1 } },
	{ "length 0", EINVAL, { .length = 0 } },
	{ "more than an hour", EINVAL,
	  { .length = 1, .duration_ns = HOUR + 1 } },
	{ "READ with dst_offset", EINVAL, { .length = 1, .dst_offset = 2 } },
	{ "READ with pattern", EINVAL, { .length = 1, .pattern = 1 } },
	{ "WRITE with dst_offset", EINVAL,
	  { .op = DMABUF_REVOKE_OP_WRITE, .length = 1, .dst_offset = 2 } },
	{ "COPY with pattern", EINVAL,
	  { .op = DMABUF_REVOKE_OP_COPY, .length = 1, .dst_offset = 2,
	    .pattern = 1 } },
	{ "COPY onto itself", EINVAL,
	  { .op = DMABUF_REVOKE_OP_COPY, .length = 2, .dst_offset = 1 } },
	{ "one byte too long", ERANGE, { .length = LENGTH + 1 } },
	{ "starts at the end", ERANGE, { .length = 1, .offset = LENGTH } },
	{ "ends beyond the end", ERANGE,
	  { .length = 2, .offset = LENGTH - 1 } },
	{ "end overflows to 0", ERANGE,
	  { .length = 1, .offset = UINT64_MAX } },
	{ "end overflows into the buffer", ERANGE,
	  { .length = UINT64_MAX, .offset = 2 } },
	{ "length of all", ERANGE, { .length = UINT64_MAX } },
	{ "COPY to the end", ERANGE,
	  { .op = DMABUF_REVOKE_OP_COPY, .length = 1, .dst_offset = LENGTH } },
	{ "COPY whose end overflows", ERANGE,
	  { .op = DMABUF_REVOKE_OP_COPY, .length = 2,
	    .dst_offset = UINT64_MAX } },
};

CASE(importer, submit)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	for (size_t i = 0; i < ARRAY_SIZE(bad_jobs); i++) {
		struct dmabuf_revoke_submit job = bad_jobs[i].job;

		row_gives(bad_jobs[i].name, dr_submit(att, &job),
			  bad_jobs[i].error);
	}
	equal(status(att).maps, 0);
	equal(status(att).jobs_running + status(att).jobs_uncollected, 0);
	close(att);
	close(buffer.fd);
}

CASE(importer, control_submit_at_the_very_limits)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	device_crc(att, 0, LENGTH);
	device_crc(att, LENGTH - 1, 1);
	collect_ok(att, submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_COPY,
		.length = LENGTH / 2,
		.dst_offset = LENGTH / 2,
	}));
	submit_busy(att, DMABUF_REVOKE_OP_READ, 0, HOUR);
	close(att);
	close(buffer.fd);
}

CASE(importer, submit_without_a_free_descriptor_is_EMFILE)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_submit job = {
		.flags = DMABUF_REVOKE_SUBMIT_FENCE_FD,
		.length = 1,
	};

	forbid_new_fds();
	fails(dr_submit(att, &job), EMFILE);
	allow_new_fds();
	equal(status(att).jobs_running + status(att).jobs_uncollected, 0);
	equal(query(buffer.id).pending.fences, 0);
	close(att);
	close(buffer.fd);
}

CASE(importer, wait_for_an_unknown_job_is_ENOENT)
{
	static const uint64_t jobs[] = { 0, 1, 1ULL << 32 | 1, UINT64_MAX };
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_wait out;

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		fails(dr_wait(att, jobs[i], DMABUF_REVOKE_FOREVER, &out),
		      ENOENT);
	close(att);
	close(buffer.fd);
}

CASE(importer, arrays_that_are_nowhere)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint32_t count;

	fails(dr_devices(importer, NOWHERE, 1, &count), EFAULT);
	fails(dr_devices(importer, NULL, UINT32_MAX, &count), EFAULT);
	succeeds(dr_devices(importer, NOWHERE, 0, &count));
	fails(dr_segments(att, NOWHERE, 1, &count), EFAULT);
	fails(dr_segments(att, NULL, UINT32_MAX, &count), EFAULT);
	succeeds(dr_segments(att, NOWHERE, 0, &count));
	close(att);
	close(buffer.fd);
}
