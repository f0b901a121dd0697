// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgem imports the buffer (PRIME), which it maps for as long as the handle lives. It does no
 * DMA: use is a fence of its own on the buffer, as of a device that writes, which signals.
 */
#include "../drm.h"

struct vgem_attach {
	uint32_t handle;
	uint32_t flags;
	uint32_t fence;		/* out */
	uint32_t pad;
};

struct vgem_signal {
	uint32_t fence;
	uint32_t flags;
};

#define VGEM_FENCE_WRITE	1
#define VGEM_IOCTL_ATTACH	_IOWR('d', 0x41, struct vgem_attach)
#define VGEM_IOCTL_SIGNAL	_IOW('d', 0x42, struct vgem_signal)

static int card;
static uint32_t handle;

static int import(int dmabuf)
{
	return drm_import(card, dmabuf, &handle);
}

static int use(void)
{
	struct vgem_attach attach = { .handle = handle, .flags = VGEM_FENCE_WRITE };
	struct vgem_signal signal = {};
	int error = call(card, VGEM_IOCTL_ATTACH, &attach);

	if (error)
		return error;
	signal.fence = attach.fence;
	return call(card, VGEM_IOCTL_SIGNAL, &signal);
}

static void release(void)
{
	if (handle)
		drm_close(card, handle);
	close(card);
}

int main(void)
{
	card = drm_open("vgem");
	if (card < 0) {
		fprintf(stderr, "no vgem: modprobe vgem\n");
		return STATUS_MISSING;
	}
	return run_importer(&(struct importer){ import, use, release, false });
}
