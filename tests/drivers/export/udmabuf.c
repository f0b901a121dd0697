// SPDX-License-Identifier: GPL-2.0-only
/* udmabuf exports pages of a memfd, which it cannot take back. */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/mman.h>

#include "../protocol.h"

#define LENGTH (1024 * 1024)

static int node = -1, memory = -1;

static int export(int *dmabuf)
{
	struct udmabuf_create arg = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = LENGTH };

	node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (node < 0)
		return -errno;
	memory = memfd_create("udmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (memory < 0 || ftruncate(memory, LENGTH) ||
	    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -errno;
	arg.memfd = memory;
	*dmabuf = ioctl(node, UDMABUF_CREATE, &arg);
	return *dmabuf < 0 ? -errno : 0;
}

static void release(void)
{
	close(memory);
	close(node);
}

int main(void)
{
	return run_exporter(&(struct exporter){ .export = export, .release = release },
			    "a kernel with CONFIG_UDMABUF");
}
