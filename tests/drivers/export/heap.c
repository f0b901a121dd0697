// SPDX-License-Identifier: GPL-2.0-only
/* The system heap exports a buffer, which it cannot take back. */
#include <fcntl.h>
#include <linux/dma-heap.h>

#include "../protocol.h"

#define LENGTH (1024 * 1024)

static int heap = -1;

static int export(int *dmabuf)
{
	struct dma_heap_allocation_data arg = { .len = LENGTH, .fd_flags = O_RDWR | O_CLOEXEC };
	int error;

	heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	if (heap < 0)
		return -errno;
	error = call(heap, DMA_HEAP_IOCTL_ALLOC, &arg);
	*dmabuf = arg.fd;
	return error;
}

static void release(void)
{
	close(heap);
}

int main(void)
{
	return run_exporter(&(struct exporter){ .export = export, .release = release },
			    "a kernel with CONFIG_DMABUF_HEAPS_SYSTEM");
}
