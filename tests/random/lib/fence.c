// SPDX-License-Identifier: GPL-2.0-only
/* What every dma-buf knows, and fences: of jobs, of dma-bufs, of software timelines. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"

#define TIMELINE_PATH "/sys/kernel/debug/sync/sw_sync"

/* As drivers/dma-buf/sw_sync.c has it. */
struct timeline_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define TIMELINE_IOC_FENCE _IOWR('W', 0, struct timeline_fence)
#define TIMELINE_IOC_STEP _IOW('W', 1, uint32_t)

#define MAX_FENCES 16

static void *place(struct fuzz_lane *lane, const void *content, size_t size)
{
	return fuzz_place(lane, "arg", content, size);
}

static long call(struct fuzz_lane *lane, unsigned long request, void *arg)
{
	return ioctl(fuzz_fd(lane, "fd"), request, arg) < 0 ? -errno : 0;
}

long fuzz_sync(struct fuzz_lane *lane)
{
	struct dma_buf_sync sync = { .flags = fuzz_number(lane, "flags") };
	const struct fuzz_slot *slot = fuzz_slot(lane, "fd");
	bool told = slot && fuzz_is_revoked(lane->board, slot->id, false);
	long result = call(lane, DMA_BUF_IOCTL_SYNC, place(lane, &sync, sizeof(sync)));

	/* What is in a mapping, others may have made an end of it. */
	if (!result && told && fuzz_is_good(lane, "arg") &&
	    !(sync.flags & DMA_BUF_SYNC_END))
		fuzz_wrong(lane, "success, but the buffer is revoked");
	return result;
}

long fuzz_set_name(struct fuzz_lane *lane)
{
	size_t length = fuzz_number(lane, "length") % 200;
	char name[200];

	memset(name, 'n', sizeof(name));
	name[length] = 0;
	return call(lane, DMA_BUF_SET_NAME_B, place(lane, name, sizeof(name)));
}

long fuzz_fence_export(struct fuzz_lane *lane)
{
	struct dma_buf_export_sync_file arg = {
		.flags = fuzz_number(lane, "flags"),
	};
	struct dma_buf_export_sync_file *at = place(lane, &arg, sizeof(arg));
	long result = call(lane, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, at);

	if (!result && fuzz_is_good(lane, "arg"))
		fuzz_store_fd(lane, at->fd);
	return result;
}

long fuzz_fence_import(struct fuzz_lane *lane)
{
	struct dma_buf_import_sync_file arg = {
		.flags = fuzz_number(lane, "flags"),
		.fd = fuzz_fd(lane, "fence"),
	};

	return call(lane, DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
		    place(lane, &arg, sizeof(arg)));
}

long fuzz_fence_merge(struct fuzz_lane *lane)
{
	struct sync_merge_data arg = {
		.name = "fuzz", .fd2 = fuzz_fd(lane, "with"),
	};
	struct sync_merge_data *at = place(lane, &arg, sizeof(arg));
	long result = call(lane, SYNC_IOC_MERGE, at);

	if (!result && fuzz_is_good(lane, "arg"))
		fuzz_store_fd(lane, at->fence);
	return result;
}

long fuzz_fence_info(struct fuzz_lane *lane)
{
	struct sync_fence_info infos[MAX_FENCES] = {};
	uint64_t capacity = fuzz_number(lane, "capacity");
	struct sync_file_info arg = {
		.num_fences = capacity < MAX_FENCES ? capacity : MAX_FENCES,
		.sync_fence_info = (uintptr_t)infos,
	};

	return call(lane, SYNC_IOC_FILE_INFO, place(lane, &arg, sizeof(arg)));
}

/* Where the kernel has it, the fences that are signalled at will, or never. */
long fuzz_timeline(struct fuzz_lane *lane)
{
	int fd = open(TIMELINE_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	fuzz_store_fd(lane, fd);
	return 0;
}

/*
 * Linux takes a reference on each fence that a step signals, also on one whose last reference
 * has just gone, and which waits for the timeline's lock to leave it: use after free (7.3.4,
 * sync_timeline_signal() beside timeline_fence_release()). So each fence stays until nobody
 * has its timeline any more, for which it has to be the parent's.
 */
long fuzz_timeline_fence(struct fuzz_lane *lane)
{
	struct timeline_fence arg = {
		.value = fuzz_number(lane, "value"), .name = "fuzz",
	};
	long result;

	if (lane->process->is_child || lane->process->kept == FUZZ_MAX_KEPT)
		return -EAGAIN;
	result = call(lane, TIMELINE_IOC_FENCE, &arg);
	if (result)
		return result;
	if (fcntl(arg.fence, F_DUPFD_CLOEXEC, FUZZ_KEPT_FROM) < 0)
		abort();
	lane->process->kept++;
	fuzz_store_fd(lane, arg.fence);
	return 0;
}

long fuzz_timeline_step(struct fuzz_lane *lane)
{
	uint32_t value = fuzz_number(lane, "value") % 16;

	return call(lane, TIMELINE_IOC_STEP, &value);
}
