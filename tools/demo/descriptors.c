// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>

#include <linux/dma-buf.h>

#include "demo/descriptors.h"
#include "lib/devices/ioctls.h"

int await_input(int fd, uint64_t deadline_ns)
{
	struct pollfd poll = { .fd = fd, .events = POLLIN };

	for (;;) {
		uint64_t now = dr_now();
		uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
		struct timespec timeout = {
			.tv_sec = (time_t)(left / 1000000000),
			.tv_nsec = (long)(left % 1000000000),
		};
		int ret = ppoll(&poll, 1, &timeout, NULL);

		if (ret > 0)
			return 0;
		if (!ret)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int sync_dmabuf(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int ret;

	do {
		ret = ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret < 0 ? -errno : 0;
}
