// SPDX-License-Identifier: GPL-2.0-only
/* The system heap, udmabuf, vgem. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/devices/foreign.h"
#include "lib/devices/ioctls.h"

#define CARDS	64

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int heap_open(void)
{
	return dr_open("/dev/dma_heap/system");
}

static int heap_alloc(int node, uint64_t length)
{
	struct dma_heap_allocation_data arg = {
		.len = length,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int ret = call(node, DMA_HEAP_IOCTL_ALLOC, &arg);

	return ret ? ret : (int)arg.fd;
}

static int udmabuf_open(void)
{
	return dr_open("/dev/udmabuf");
}

static int memory_file(uint64_t length)
{
	int fd = memfd_create("udmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, length) && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) >= 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* It takes whole pages, which are larger than 4 KiB on some machines. */
static int udmabuf_alloc(int node, uint64_t length)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct udmabuf_create arg = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = (length + page - 1) / page * page,
	};
	int memfd = memory_file(arg.size);
	int fd;

	if (memfd < 0)
		return memfd;
	arg.memfd = memfd;
	fd = ioctl(node, UDMABUF_CREATE, &arg);
	if (fd < 0)
		fd = -errno;
	close(memfd);
	return fd;
}

/* Debian has no <drm/drm.h> without libdrm. */
struct drm_version {
	int major, minor, patch;
	size_t name_len;
	char *name;
	size_t date_len;
	char *date;
	size_t desc_len;
	char *desc;
};

struct drm_dumb {
	uint32_t height, width, bpp, flags;
	uint32_t handle, pitch;		/* out */
	uint64_t size;			/* out */
};

struct drm_handle {
	uint32_t handle;
	uint32_t flags;
	int32_t fd;			/* out */
};

#define DRM_VERSION		_IOWR('d', 0x00, struct drm_version)
#define DRM_GEM_CLOSE		_IOW('d', 0x09, uint64_t)
#define DRM_HANDLE_TO_FD	_IOWR('d', 0x2d, struct drm_handle)
#define DRM_CREATE_DUMB		_IOWR('d', 0xb2, struct drm_dumb)

static bool is_vgem(int card)
{
	char name[8] = "";
	struct drm_version version = { .name_len = sizeof(name) - 1, .name = name };

	return !call(card, DRM_VERSION, &version) && !strcmp(name, "vgem");
}

static int vgem_open(void)
{
	char path[32];
	int i;

	for (i = 0; i < CARDS; i++) {
		int card;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		card = dr_open(path);
		if (card >= 0 && is_vgem(card))
			return card;
		if (card >= 0)
			close(card);
	}
	return -ENOENT;
}

static int vgem_alloc(int node, uint64_t length)
{
	struct drm_dumb dumb = { .width = 1024, .bpp = 32, .height = length / 4096 };
	struct drm_handle handle = { .flags = O_RDWR | O_CLOEXEC };
	uint64_t object;
	int ret = call(node, DRM_CREATE_DUMB, &dumb);

	if (ret)
		return ret;
	handle.handle = dumb.handle;
	ret = call(node, DRM_HANDLE_TO_FD, &handle);
	/* The descriptor alone keeps it. */
	object = dumb.handle;
	call(node, DRM_GEM_CLOSE, &object);
	return ret ? ret : handle.fd;
}

const struct foreign_exporter foreign_heap = {
	.needs = "a kernel with CONFIG_DMABUF_HEAPS_SYSTEM=y",
	.open = heap_open,
	.alloc = heap_alloc,
};

const struct foreign_exporter foreign_udmabuf = {
	.needs = "a kernel with CONFIG_UDMABUF=y",
	.open = udmabuf_open,
	.alloc = udmabuf_alloc,
};

const struct foreign_exporter foreign_vgem = {
	.needs = "modprobe vgem",
	.open = vgem_open,
	.alloc = vgem_alloc,
};
