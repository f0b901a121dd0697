// SPDX-License-Identifier: GPL-2.0-only
/* What can be done with any descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"

/* A copy of the slot that @fd comes from, for a new descriptor. */
static long store_copy(struct fuzz_state *state, int fd)
{
	struct fuzz_slot *from = fuzz_slot(state, "fd");
	struct fuzz_slot copy = {}, *to;

	if (fd < 0)
		return -errno;
	if (from)
		copy = *from;
	to = fuzz_store(state, fd);
	to->id = copy.id;
	to->length = copy.length;
	to->job = copy.job;
	return 0;
}

long fuzz_open(struct fuzz_state *state, const struct fuzz_op *op)
{
	int fd = dr_open(op->gives == R_EXPORTER ? DMABUF_REVOKE_EXPORTER_PATH :
						   DMABUF_REVOKE_IMPORTER_PATH);

	if (fd < 0)
		return fd;
	fuzz_store(state, fd);
	return 0;
}

long fuzz_close(struct fuzz_state *state, const struct fuzz_op *op)
{
	struct fuzz_slot *slot = fuzz_slot(state, "out");

	(void)op;
	if (!slot || slot->fd < 0)
		return -EBADF;
	fuzz_slot_clear(slot);
	return 0;
}

long fuzz_dup(struct fuzz_state *state, const struct fuzz_op *op)
{
	(void)op;
	return store_copy(state, fcntl(fuzz_fd(state, "fd"), F_DUPFD_CLOEXEC, 3));
}

/* O_PATH, or what a device or dma-buf says to being opened anew. */
long fuzz_reopen(struct fuzz_state *state, const struct fuzz_op *op)
{
	bool path = fuzz_number(state, "path") & 1;
	int from = fuzz_fd(state, "fd");
	char name[64];

	(void)op;
	if (fcntl(from, F_GETFD) < 0)
		return -EBADF;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", from);
	return store_copy(state, open(name, O_CLOEXEC | O_NONBLOCK |
				      (path ? O_PATH : O_RDWR)));
}

static void check_events(struct fuzz_state *state,
			 const struct dmabuf_revoke_event *event, size_t size)
{
	size_t n = size / sizeof(*event);

	if (size % sizeof(*event))
		fuzz_wrong(state, "a part of an event was read");
	for (size_t i = 0; i < n; i++) {
		if (event[i].type < DMABUF_REVOKE_EVENT_MAPPED ||
		    event[i].type > DMABUF_REVOKE_EVENT_JOB_DONE)
			fuzz_wrong(state, "event of type %u", event[i].type);
		if (i && event[i].sequence <= event[i - 1].sequence)
			fuzz_wrong(state, "events are out of order");
	}
}

/* Only attachments can be read: not the terminal, not what others wait for. */
long fuzz_read(struct fuzz_state *state, const struct fuzz_op *op)
{
	uint64_t length = fuzz_number(state, "length");
	enum fuzz_place place = fuzz_number(state, "buf");
	char none[FUZZ_PAGE] = {};
	struct fuzz_slot *slot = fuzz_slot(state, "fd");
	void *buffer = fuzz_place(place, none, sizeof(none));
	ssize_t n;

	(void)op;
	if (!slot)
		return -EBADF;
	if (length > sizeof(none))
		length = sizeof(none);
	n = read(slot->fd, buffer, length);
	if (n < 0)
		return -errno;
	if (place == PLACE_GOOD)
		check_events(state, buffer, n);
	return 0;
}

long fuzz_poll(struct fuzz_state *state, const struct fuzz_op *op)
{
	struct pollfd poll_fd = {
		.fd = fuzz_fd(state, "fd"),
		.events = fuzz_number(state, "events"),
	};

	(void)op;
	return poll(&poll_fd, 1, fuzz_number(state, "ms") % 4) < 0 ? -errno : 0;
}

long fuzz_lseek(struct fuzz_state *state, const struct fuzz_op *op)
{
	struct fuzz_slot *slot = fuzz_slot(state, "fd");

	(void)op;
	return lseek(slot ? slot->fd : -1, fuzz_number(state, "offset"),
		     fuzz_number(state, "whence")) < 0 ? -errno : 0;
}

long fuzz_fcntl(struct fuzz_state *state, const struct fuzz_op *op)
{
	static const int commands[] = {
		F_GETFD, F_GETFL, F_SETFL, F_GET_SEALS, F_GETPIPE_SZ,
	};
	struct fuzz_slot *slot = fuzz_slot(state, "fd");
	int command = commands[fuzz_number(state, "command") %
			       FUZZ_COUNT(commands)];

	(void)op;
	/* O_NONBLOCK alone: signals sent by the kernel are not for us. */
	return fcntl(slot ? slot->fd : -1, command,
		     (int)fuzz_number(state, "flags") & O_NONBLOCK) < 0 ?
		       -errno : 0;
}
