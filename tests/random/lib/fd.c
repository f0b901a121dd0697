// SPDX-License-Identifier: GPL-2.0-only
/* What can be done with any descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"

/* A copy of the slot that @fd comes from, for a new descriptor. */
static long store_copy(struct fuzz_lane *lane, int fd)
{
	const struct fuzz_slot *from = fuzz_slot(lane, "fd");
	struct fuzz_slot copy = {};

	if (fd < 0)
		return -errno;
	if (from)
		copy = *from;
	copy.fd = fd;
	fuzz_store(lane, &copy);
	return 0;
}

long fuzz_open(struct fuzz_lane *lane)
{
	int fd = dr_open(lane->op->gives == R_EXPORTER ? DMABUF_REVOKE_EXPORTER_PATH :
						   DMABUF_REVOKE_IMPORTER_PATH);

	if (fd < 0)
		return fd;
	fuzz_store_fd(lane, fd);
	return 0;
}

long fuzz_close(struct fuzz_lane *lane)
{
	const struct fuzz_value *out = &lane->line->value[0];

	if (out->type != V_SLOT)
		return -EBADF;
	fuzz_clear(lane, out->number);
	return 0;
}

long fuzz_dup(struct fuzz_lane *lane)
{
	return store_copy(lane, fcntl(fuzz_fd(lane, "fd"), F_DUPFD_CLOEXEC, 3));
}

/* O_PATH, or what a device or dma-buf says to being opened anew. */
long fuzz_reopen(struct fuzz_lane *lane)
{
	bool path = fuzz_number(lane, "path") & 1;
	int from = fuzz_fd(lane, "fd");
	char name[64];

	if (fcntl(from, F_GETFD) < 0)
		return -EBADF;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", from);
	return store_copy(lane, open(name, O_CLOEXEC | O_NONBLOCK |
				      (path ? O_PATH : O_RDWR)));
}

/* Only attachments can be read: not the terminal, not what others wait for. */
long fuzz_read(struct fuzz_lane *lane)
{
	const struct fuzz_slot *slot = fuzz_slot(lane, "fd");
	uint64_t length = fuzz_number(lane, "length");
	char none[4096] = {};
	void *buffer = fuzz_place(lane, "buf", none, sizeof(none));
	ssize_t n;

	if (!slot)
		return -EBADF;
	if (length > sizeof(none))
		length = sizeof(none);
	n = read(slot->fd, buffer, length);
	if (n < 0)
		return -errno;
	if (fuzz_is_good(lane, "buf"))
		fuzz_judge_events(lane, buffer, n);
	return 0;
}

long fuzz_poll(struct fuzz_lane *lane)
{
	struct pollfd poll_fd = {
		.fd = fuzz_fd(lane, "fd"),
		.events = fuzz_number(lane, "events"),
	};

	return poll(&poll_fd, 1, fuzz_number(lane, "ms") % 4) < 0 ? -errno : 0;
}

/* The descriptors are closed while epoll watches, and before it does. */
long fuzz_epoll(struct fuzz_lane *lane)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	long result = 0;
	int fd[2];

	if (epoll < 0)
		return -errno;
	fd[0] = fcntl(fuzz_fd(lane, "fd"), F_DUPFD_CLOEXEC, 3);
	fd[1] = fcntl(fuzz_fd(lane, "with"), F_DUPFD_CLOEXEC, 3);
	for (unsigned int i = 0; i < 2; i++)
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd[i], &event) < 0)
			result = -errno;
	epoll_wait(epoll, &event, 1, 0);
	for (unsigned int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	if (epoll_wait(epoll, &event, 1, fuzz_number(lane, "ms") % 4) < 0)
		result = -errno;
	close(epoll);
	return result;
}

static long read_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char bytes[4096];

	if (fd < 0)
		return -errno;
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
	return 0;
}

/* What the kernel says about a dma-buf, and about all. */
long fuzz_debug_files(struct fuzz_lane *lane)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fuzz_fd(lane, "fd"));
	read_all(path);
	if (fuzz_number(lane, "maps") & 1)
		read_all("/proc/self/maps");
	return read_all("/sys/kernel/debug/dma_buf/bufinfo");
}

long fuzz_lseek(struct fuzz_lane *lane)
{
	const struct fuzz_slot *slot = fuzz_slot(lane, "fd");

	return lseek(slot ? slot->fd : -1, fuzz_number(lane, "offset"),
		     fuzz_number(lane, "whence")) < 0 ? -errno : 0;
}

long fuzz_fcntl(struct fuzz_lane *lane)
{
	static const int commands[] = {
		F_GETFD, F_GETFL, F_SETFL, F_GET_SEALS, F_GETPIPE_SZ,
	};
	const struct fuzz_slot *slot = fuzz_slot(lane, "fd");
	int command = commands[fuzz_number(lane, "command") %
			       FUZZ_COUNT(commands)];

	/* O_NONBLOCK alone: signals sent by the kernel are not for us. */
	return fcntl(slot ? slot->fd : -1, command,
		     (int)fuzz_number(lane, "flags") & O_NONBLOCK) < 0 ?
		       -errno : 0;
}
