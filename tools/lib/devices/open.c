// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/units.h"

static int open_node(const char *path, enum act act, int *status)
{
	int fd = dr_open(path);

	if (fd >= 0)
		return fd;
	*status = explain(act, fd, "%s", path);
	if (fd == -ENOENT || fd == -ENXIO || fd == -ENODEV)
		*status = STATUS_IMPOSSIBLE;
	return -1;
}

/* Consumes @fd unless it returns it. @ret and @version are those of its INFO. */
static int check_abi(int fd, const char *path, int ret, uint32_t version,
		     int *status)
{
	if (!ret && version == DMABUF_REVOKE_ABI_VERSION)
		return fd;
	if (ret)
		*status = explain(ACT_INFO, ret, "%s", path);
	else
		complain("%s: its module has ABI version %u, not %u: install the same version",
			 path, version, DMABUF_REVOKE_ABI_VERSION);
	if (!ret)
		*status = STATUS_IMPOSSIBLE;
	close(fd);
	return -1;
}

int open_exporter(int *status)
{
	struct dmabuf_revoke_exporter_info info;
	int fd = open_node(DMABUF_REVOKE_EXPORTER_PATH, ACT_OPEN_EXPORTER, status);
	int ret;

	if (fd < 0)
		return -1;
	ret = dr_exporter_info(fd, &info);
	return check_abi(fd, DMABUF_REVOKE_EXPORTER_PATH, ret, info.abi_version,
			 status);
}

int open_importer(int *status)
{
	struct dmabuf_revoke_importer_info info;
	int fd = open_node(DMABUF_REVOKE_IMPORTER_PATH, ACT_OPEN_IMPORTER, status);
	int ret;

	if (fd < 0)
		return -1;
	ret = dr_importer_info(fd, &info);
	return check_abi(fd, DMABUF_REVOKE_IMPORTER_PATH, ret, info.abi_version,
			 status);
}

/* By system call: glibc has no wrappers before 2.36. */
static int fetch_descriptor(int pid, int fd, int *status)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int fetched = -1, err = errno;

	if (pidfd >= 0) {
		fetched = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
		err = errno;
		close(pidfd);
	}
	if (fetched < 0)
		*status = explain(ACT_FETCH, err, "descriptor %d of process %d",
				  fd, pid);
	return fetched;
}

static int from_environment(const struct verb *verb, int *status)
{
	const char *text = getenv(ENVIRONMENT_FD);
	uint64_t fd;

	if (!text)
		*status = usage(verb, "no dma-buf: give --fd, or run it by dmabuf-revoke alloc");
	else if (parse_number(text, INT_MAX, &fd))
		*status = usage(verb, ENVIRONMENT_FD " is '%s', which is not a descriptor",
				text);
	else
		return (int)fd;
	return -1;
}

int open_dmabuf(const struct verb *verb, int pid, int fd, int *status)
{
	if (pid >= 0 && fd < 0) {
		*status = usage(verb, "--pid needs --fd, a descriptor of that process");
		return -1;
	}
	if (pid >= 0)
		return fetch_descriptor(pid, fd, status);
	if (fd >= 0)
		return fd;
	return from_environment(verb, status);
}
