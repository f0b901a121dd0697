// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation fails once: what others do with our dma-bufs, fences and mappings. */
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "failnth.h"
#include "life.h"

static struct buffer buffer = { .fd = -1 };
static int att = -1;
static int fence = -1;
static int made = -1;
static uint8_t *memory;
static size_t length;

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void end(void)
{
	if (memory)
		cpu_unmap(memory, length);
	memory = NULL;
	close_if_open(&made);
	close_if_open(&fence);
	close_if_open(&att);
	close_if_open(&buffer.fd);
	succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
}

static void begin(void)
{
	buffer = buffer_alloc(2 * PAGE, 0);
}

static void begin_mapped(void)
{
	begin();
	length = PAGE;
	memory = cpu_map(buffer.fd, length);
}

/* Where no other mapping has a page table, nor is there one left of the last time. */
static void begin_mapped_apart(void)
{
	const uintptr_t table = 512 * PAGE;
	uint8_t *room = mmap(NULL, 2 * table, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);

	holds(room != MAP_FAILED, "mmap: %s", strerrorname_np(errno));
	succeeds(sys(munmap(room, 2 * table)));
	begin();
	length = PAGE;
	memory = mmap(room + (-(uintptr_t)room & (table - 1)), length,
		      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		      buffer.fd, 0);
	holds(memory != MAP_FAILED, "mmap: %s", strerrorname_np(errno));
}

static void begin_touched(void)
{
	begin_mapped();
	memory[0] = 1;
}

static void begin_fence(void)
{
	begin();
	att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	fence = submit_fence(att, 0, 600 * SEC, NULL);
}

static long call_mmap(void)
{
	void *address = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			     buffer.fd, 0);

	if (address == MAP_FAILED)
		return -errno;
	memory = address;
	length = PAGE;
	return 0;
}

CASE(dmabuf, E9_mmap)
{
	fails_at_every_point("mmap", begin, call_mmap, end);
}

/* The kernel tries again when a fault fails for want of memory. */
static long call_touch(void)
{
	return fault_on_write(memory) ? -EIO : 0;
}

CASE(dmabuf, E9_first_touch)
{
	fails_at_no_point("fault", begin_mapped, call_touch, end);
}

/* The core allocates a page table for the fault, and the exporter one more. */
CASE(dmabuf, E9_first_touch_without_a_page_table)
{
	fails_at_no_point("fault_apart", begin_mapped_apart, call_touch, end);
}

static void begin_touched_moved(void)
{
	begin_touched();
	move_fully(buffer.id);
}

CASE(dmabuf, E9_E14_touch_after_a_move)
{
	fails_at_no_point("fault_moved", begin_touched_moved, call_touch, end);
}

static void *target;

static void begin_target(void)
{
	begin_touched();
	target = page_with(PROT_NONE);
}

static long call_mremap(void)
{
	void *address = mremap(memory, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			       target);

	if (address == MAP_FAILED)
		return -errno;
	memory = address;
	return 0;
}

CASE(dmabuf, E9_mremap)
{
	fails_at_every_point("mremap", begin_target, call_mremap, end);
}

/* An address in the middle, so that the mapping is split. */
static long call_split(void)
{
	return sys(munmap(memory + PAGE, PAGE));
}

static void begin_three(void)
{
	buffer = buffer_alloc(3 * PAGE, 0);
	length = 3 * PAGE;
	memory = cpu_map(buffer.fd, length);
	memory[0] = 1;
}

CASE(dmabuf, E9_munmap_of_the_middle)
{
	fails_at_every_point("munmap", begin_three, call_split, end);
}

static long call_sync(void)
{
	return sync_cpu_access(buffer.fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
}

static void end_sync(void)
{
	succeeds(sync_cpu_access(buffer.fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	end();
}

CASE(dmabuf, E9_sync)
{
	fails_at_every_point("DMA_BUF_IOCTL_SYNC", begin, call_sync, end_sync);
}

static long call_export_sync_file(void)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_RW };
	long result = sys(ioctl(buffer.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg));

	if (!result)
		made = arg.fd;
	return result;
}

CASE(dmabuf, I8_export_of_a_sync_file)
{
	fails_at_every_point("DMA_BUF_IOCTL_EXPORT_SYNC_FILE", begin_fence,
			     call_export_sync_file, end);
}

static long call_import_sync_file(void)
{
	return import_fence(buffer.fd, fence);
}

CASE(dmabuf, E5_import_of_a_sync_file)
{
	fails_at_every_point("DMA_BUF_IOCTL_IMPORT_SYNC_FILE", begin_fence,
			     call_import_sync_file, end);
}

static long call_merge(void)
{
	struct sync_merge_data arg = { .name = "merged", .fd2 = fence };
	long result = sys(ioctl(fence, SYNC_IOC_MERGE, &arg));

	if (!result)
		made = arg.fence;
	return result;
}

CASE(dmabuf, I8_merge_of_a_sync_file)
{
	fails_at_every_point("SYNC_IOC_MERGE", begin_fence, call_merge, end);
}

static long call_poll(void)
{
	struct pollfd poller = { .fd = buffer.fd, .events = POLLIN | POLLOUT };

	return sys(poll(&poller, 1, 0));
}

CASE(dmabuf, I8_poll)
{
	fails_at_every_point("poll", begin_fence, call_poll, end);
}

static long call_name(void)
{
	return sys(ioctl(buffer.fd, DMA_BUF_SET_NAME_B, "a name"));
}

CASE(dmabuf, set_name)
{
	fails_at_every_point("DMA_BUF_SET_NAME", begin, call_name, end);
}

static long call_close(void)
{
	long result = sys(close(buffer.fd));

	buffer.fd = -1;
	return result;
}

CASE(dmabuf, E10_close)
{
	fails_at_no_point("close", begin_fence, call_close, end);
}
