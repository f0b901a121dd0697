// SPDX-License-Identifier: GPL-2.0-only
/* virtio-gpu exports a dumb buffer, which it cannot take back. */
#include "../drm.h"

#define LENGTH (1024 * 1024)

static int card = -1;

static int export(int *dmabuf)
{
	card = drm_open("virtio_gpu");
	return card < 0 ? -ENOENT : drm_export(card, LENGTH, dmabuf);
}

static void release(void)
{
	close(card);
}

int main(void)
{
	return run_exporter(&(struct exporter){ .export = export, .release = release },
			    "QEMU -device virtio-gpu-pci, and modprobe virtio-gpu");
}
