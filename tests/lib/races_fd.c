// SPDX-License-Identifier: GPL-2.0-only
/* Everything else that can be done with a descriptor: poll, fences, debug files. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "races.h"

static struct race_handle some_buffer(struct race_thread *thread, uint16_t choice)
{
	return race_buffer(thread, race_any_slot(thread, choice));
}

int race_poll(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle buffer = some_buffer(thread, arg[0]);
	struct race_handle att = race_attachment(thread, arg[1]);
	struct pollfd pollfds[] = {
		{ .fd = buffer.fd, .events = 1 + arg[2] % 5 },
		{ .fd = att.fd, .events = POLLIN },
	};
	int ret = poll(pollfds, 2, arg[3] % 4) < 0 ? -errno : 0;

	if (buffer.fd >= 0)
		close(buffer.fd);
	if (att.fd >= 0)
		close(att.fd);
	return ret;
}

/* The descriptors are closed while epoll watches, and before it does. */
int race_epoll(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle buffer = some_buffer(thread, arg[0]);
	struct race_handle att = race_attachment(thread, arg[1]);
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll >= 0) {
		epoll_ctl(epoll, EPOLL_CTL_ADD, buffer.fd, &event);
		epoll_ctl(epoll, EPOLL_CTL_ADD, att.fd, &event);
		epoll_wait(epoll, &event, 1, arg[2] % 2);
	}
	if (buffer.fd >= 0)
		close(buffer.fd);
	if (att.fd >= 0)
		close(att.fd);
	if (epoll < 0)
		return -errno;
	epoll_wait(epoll, &event, 1, arg[3] % 3);
	close(epoll);
	return 0;
}

int race_fence_export(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle buffer = some_buffer(thread, arg[0]);
	struct dma_buf_export_sync_file export = {
		.flags = 1 + arg[1] % 3,
		.fd = -1,
	};
	int ret = RACE_NOTHING;

	if (buffer.fd >= 0 && buffer.slot >= RACE_STREAM_SLOTS) {
		ret = ioctl(buffer.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export);
		ret = ret < 0 ? -errno : 0;
	}
	if (!ret)
		race_handle_set(&thread->process->fences[arg[2] % RACE_FENCES],
				export.fd, 0, 0, 0);
	if (buffer.fd >= 0)
		close(buffer.fd);
	return ret;
}

int race_fence_import(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle buffer = some_buffer(thread, arg[0]);
	struct race_handle fence =
		race_handle_get(&thread->process->fences[arg[1] % RACE_FENCES]);
	struct dma_buf_import_sync_file import = {
		.flags = 1 + arg[2] % 3,
		.fd = fence.fd,
	};
	int ret = RACE_NOTHING;

	if (buffer.fd >= 0 && fence.fd >= 0) {
		ret = ioctl(buffer.fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import);
		ret = ret < 0 ? -errno : 0;
	}
	if (buffer.fd >= 0)
		close(buffer.fd);
	if (fence.fd >= 0)
		close(fence.fd);
	return ret;
}

int race_fence_poll(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle fence =
		race_handle_get(&thread->process->fences[arg[0] % RACE_FENCES]);
	struct sync_fence_info fences[4] = {};
	struct sync_file_info info = {
		.num_fences = arg[1] % 5,
		.sync_fence_info = (uintptr_t)fences,
	};
	struct pollfd pollfd = { .fd = fence.fd, .events = POLLIN };
	int ret;

	if (fence.fd < 0)
		return RACE_NOTHING;
	ret = poll(&pollfd, 1, arg[2] % 3) < 0 ? -errno : 0;
	if (!ret && ioctl(fence.fd, SYNC_IOC_FILE_INFO, &info) < 0)
		ret = -errno;
	/* What nobody waits for any more goes now and then. */
	if (arg[3] % 4 == 0)
		race_handle_set(&thread->process->fences[arg[0] % RACE_FENCES],
				-1, 0, 0, 0);
	close(fence.fd);
	return ret;
}

static int read_all(const char *path)
{
	char bytes[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
	return 0;
}

int race_debug_files(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle buffer = some_buffer(thread, arg[0]);
	char path[64];

	if (buffer.fd >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", buffer.fd);
		read_all(path);
		close(buffer.fd);
	}
	if (arg[1] % 4 == 0)
		read_all("/proc/self/maps");
	return read_all("/sys/kernel/debug/dma_buf/bufinfo");
}

/*
 * A wait that nobody else may end: of SYNC while a buffer is suspended, of VMAP for DMA
 * without end.
 */
static bool begin_bound(timer_t *timer)
{
	const struct itimerspec soon = {
		.it_value.tv_nsec = 20 * RACE_MSEC,
		.it_interval.tv_nsec = 5 * RACE_MSEC,
	};
	struct sigevent interrupt = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR2,
	};

	interrupt._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &interrupt, timer))
		return false;
	timer_settime(*timer, 0, &soon, NULL);
	return true;
}

int race_ioctl_bounded(int fd, unsigned long request, void *arg)
{
	timer_t timer;
	int ret;

	if (!begin_bound(&timer))
		return RACE_NOTHING;
	ret = ioctl(fd, request, arg) < 0 ? -errno : 0;
	timer_delete(timer);
	return ret;
}

int race_vmap_bounded(int att, uint32_t *crc)
{
	struct dmabuf_revoke_vmap arg = { .size = sizeof(arg) };
	int ret = race_ioctl_bounded(att, DMABUF_REVOKE_IOC_VMAP, &arg);

	*crc = arg.crc32;
	return ret;
}

int race_sync(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle buffer = some_buffer(thread, arg[0]);
	struct dma_buf_sync start = { .flags = DMA_BUF_SYNC_START };
	struct dma_buf_sync end = { .flags = DMA_BUF_SYNC_END };
	int ret, ended;
	bool told;

	if (buffer.fd < 0)
		return RACE_NOTHING;
	start.flags |= 1 + arg[1] % 3;
	end.flags |= 1 + arg[1] % 3;
	told = race_told(thread->board, buffer.id);
	/* It waits for fences, for ever where there may be DMA without end. */
	ret = RACE_NOTHING;
	if (buffer.slot >= RACE_STREAM_SLOTS || told)
		ret = race_ioctl_bounded(buffer.fd, DMA_BUF_IOCTL_SYNC, &start);
	if (!ret && told)
		race_violation(thread, "CPU access to %llu, which is revoked",
			       (unsigned long long)buffer.id);
	ended = race_ioctl_bounded(buffer.fd, DMA_BUF_IOCTL_SYNC, &end);
	close(buffer.fd);
	return ret ? ret : ended;
}
