// SPDX-License-Identifier: GPL-2.0-only
/* Bad input to the exporter's ioctls: values that are theirs alone. */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "life.h"

static int alloc(uint64_t length, uint32_t fd_flags)
{
	struct dmabuf_revoke_alloc arg = {
		.size = sizeof(arg),
		.length = length,
		.fd_flags = fd_flags,
	};

	return sys(ioctl(exporter, DMABUF_REVOKE_IOC_ALLOC, &arg));
}

CASE(exporter, alloc_length)
{
	const struct {
		const char *name;
		uint64_t length;
		int error;
	} rows[] = {
		{ "0", 0, EINVAL },
		{ "the largest number", UINT64_MAX, EOVERFLOW },
		{ "cannot be rounded up", UINT64_MAX - PAGE + 2, EOVERFLOW },
		{ "the last page", UINT64_MAX - PAGE + 1, EOVERFLOW },
		{ "negative as a file size", 1ULL << 63, EOVERFLOW },
		{ "more than any machine has", 1ULL << 62, ENOMEM },
		{ "1 PiB", 1ULL << 50, ENOMEM },
	};
	uint64_t before = buffers_in_system();
	struct dmabuf_revoke_exporter_info info;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		row_gives(rows[i].name, alloc(rows[i].length, O_RDWR),
			  rows[i].error);
	succeeds(dr_exporter_info(exporter, &info));
	equal(info.buffers, before);
}

CASE(exporter, alloc_fd_flags)
{
	const struct {
		const char *name;
		uint32_t fd_flags;
	} rows[] = {
		{ "O_WRONLY", O_WRONLY },
		{ "O_ACCMODE", O_ACCMODE },
		{ "O_NONBLOCK", O_RDWR | O_NONBLOCK },
		{ "O_APPEND", O_RDWR | O_APPEND },
		{ "O_CREAT", O_RDWR | O_CREAT },
		{ "O_PATH", O_PATH },
		{ "bit 31", O_RDWR | 1U << 31 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		row_gives(rows[i].name, alloc(PAGE, rows[i].fd_flags), EINVAL);
}

/* An id that was in use, and is not any more. */
static uint64_t stale_id(void)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);

	close(buffer.fd);
	close(owner);
	holds(eventually(is_gone, buffer.id));
	return buffer.id;
}

CASE(exporter, alloc_with_unknown_faults_is_EINVAL)
{
	uint64_t id;
	int fd;

	for (int bit = 31; bit < 64; bit++)
		fails(dr_alloc_faulty(exporter, PAGE, 0, 1ULL << bit, &id, &fd),
		      EINVAL);
	equal(buffers_in_system(), 0);
}

CASE(exporter, alloc_with_unknown_policy_is_EINVAL)
{
	uint64_t id;
	int fd;

	for (int bit = 5; bit < 32; bit++)
		fails(dr_alloc(exporter, PAGE, 1U << bit, &id, &fd), EINVAL);
	equal(buffers_in_system(), 0);
}

CASE(exporter, unknown_id_is_ENOENT)
{
	const uint64_t stale = stale_id();
	const struct {
		const char *name;
		uint64_t id;
	} rows[] = {
		{ "0", 0 },
		{ "one of the past", stale },
		{ "one to come", stale + 1 },
		{ "32 bits of it", 1ULL << 32 | stale },
		{ "the largest number", UINT64_MAX },
	};
	struct dmabuf_revoke_query out;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		row_gives(rows[i].name,
			  dr_revoke(exporter, rows[i].id, 0, NULL), ENOENT);
		row_gives(rows[i].name, dr_query(exporter, rows[i].id, &out),
			  ENOENT);
	}
}

CASE(exporter, query_by_descriptor)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int null = succeeds(dr_open("/dev/null"));
	struct dmabuf_revoke_query out;

	fails(dr_query_fd(exporter, -1, &out), EBADF);
	fails(dr_query_fd(exporter, INT32_MAX, &out), EBADF);
	fails(dr_query_fd(exporter, null, &out), EINVAL);
	fails(dr_query_fd(exporter, exporter, &out), EINVAL);
	fails(dr_query_fd(exporter, importer, &out), EINVAL);
	fails(dr_query_fd(exporter, att, &out), EINVAL);
	close(null);
	fails(dr_query_fd(exporter, null, &out), EBADF);
	close(att);
	close(buffer.fd);
}

CASE(exporter, query_by_both_id_and_descriptor_is_EINVAL)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct dmabuf_revoke_query arg = {
		.size = sizeof(arg),
		.flags = DMABUF_REVOKE_QUERY_BY_FD,
		.id = buffer.id,
		.fd = buffer.fd,
	};

	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_QUERY, &arg)), EINVAL);
	arg.flags = 0;
	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_QUERY, &arg)), EINVAL);
	close(buffer.fd);
}

CASE(exporter, list_into_bad_memory_is_EFAULT)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	uint64_t *read_only = page_with(PROT_READ);
	uint32_t count;

	fails(dr_list(exporter, NULL, 1, &count), EFAULT);
	fails(dr_list(exporter, read_only, 1, &count), EFAULT);
	fails(dr_list(exporter, NOWHERE, 1, &count), EFAULT);
	cpu_unmap(read_only, PAGE);
	close(buffer.fd);
}

/* Neither memory for 2^32 ids is taken, nor more written than there are. */
CASE(exporter, list_of_absurd_capacity)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	uint64_t *ids = page_with(PROT_READ | PROT_WRITE);
	uint32_t count;

	succeeds(dr_list(exporter, ids, UINT32_MAX, &count));
	holds(count && count < PAGE / sizeof(*ids));
	equal(ids[count], 0);
	cpu_unmap(ids, PAGE);
	close(buffer.fd);
}

CASE(exporter, blockers_into_bad_memory_is_EFAULT)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_blocker *read_only = page_with(PROT_READ);
	uint32_t count;

	fails(dr_blockers(exporter, buffer.id, NULL, 1, &count), EFAULT);
	fails(dr_blockers(exporter, buffer.id, read_only, 1, &count), EFAULT);
	fails(dr_blockers(exporter, buffer.id, NOWHERE, 1, &count), EFAULT);
	cpu_unmap(read_only, PAGE);
	close(att);
	close(buffer.fd);
}

CASE(exporter, revoke_with_unknown_flag_is_EINVAL)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	for (int bit = 1; bit < 32; bit++) {
		struct dmabuf_revoke_revoke arg = {
			.size = sizeof(arg),
			.flags = 1U << bit,
			.id = buffer.id,
		};

		fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_REVOKE, &arg)),
		      EINVAL);
	}
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_LIVE);
	equal(status(att).invalidations, 0);
	close(att);
	close(buffer.fd);
}

CASE(exporter, E16_unwritable_suspend_is_EFAULT_and_has_begun)
{
	struct dmabuf_revoke_revoke *arg = page_with(PROT_READ | PROT_WRITE);
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	arg->size = sizeof(*arg);
	arg->flags = DMABUF_REVOKE_REVOKE_SUSPEND;
	arg->id = buffer.id;
	succeeds(sys(mprotect(arg, PAGE, PROT_READ)));
	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_REVOKE, arg)), EFAULT);
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_SUSPENDED);
	equal(status(att).invalidations, 1);
	cpu_unmap(arg, PAGE);
	close(att);
	close(buffer.fd);
}
