// SPDX-License-Identifier: GPL-2.0-only
/*
 * For LD_PRELOAD: a /dev/udmabuf for QEMU, where the host has none. It is there, and what it
 * gives for the guest's pages is as long and empty: fit for a screen that nobody looks at.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define DEVICE "/dev/udmabuf"

static int empty(off_t length)
{
	int file = memfd_create("udmabuf", MFD_CLOEXEC);

	if (file >= 0 && ftruncate(file, length)) {
		close(file);
		return -1;
	}
	return file;
}

int open64(const char *path, int flags, ...)
{
	mode_t mode;
	va_list more;

	if (!strcmp(path, DEVICE))
		return empty(0);
	va_start(more, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return openat(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int ioctl(int file, unsigned long request, ...)
{
	const struct udmabuf_create_list *list;
	off_t length = 0;
	va_list more;
	void *arg;

	va_start(more, request);
	arg = va_arg(more, void *);
	va_end(more);
	if (request != UDMABUF_CREATE_LIST)
		return (int)syscall(SYS_ioctl, file, request, arg);
	list = arg;
	for (unsigned int i = 0; i < list->count; i++)
		length += (off_t)list->list[i].size;
	return empty(length);
}
