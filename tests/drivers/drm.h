/* SPDX-License-Identifier: GPL-2.0-only */
/* What is needed of the kernel's drm.h, which Debian has in libdrm-dev only. */
#ifndef DRM_H
#define DRM_H

#include <fcntl.h>
#include <stdint.h>

#include "protocol.h"

#define DRM_CARDS 64

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
	int32_t fd;
};

struct drm_close {
	uint32_t handle;
	uint32_t pad;
};

#define DRM_IOCTL_VERSION	_IOWR('d', 0x00, struct drm_version)
#define DRM_IOCTL_CLOSE		_IOW('d', 0x09, struct drm_close)
#define DRM_IOCTL_HANDLE_TO_FD	_IOWR('d', 0x2d, struct drm_handle)
#define DRM_IOCTL_FD_TO_HANDLE	_IOWR('d', 0x2e, struct drm_handle)
#define DRM_IOCTL_CREATE_DUMB	_IOWR('d', 0xb2, struct drm_dumb)

static inline bool drm_is(int card, const char *driver)
{
	char name[32] = "";
	struct drm_version version = { .name_len = sizeof(name) - 1, .name = name };

	return !call(card, DRM_IOCTL_VERSION, &version) && !strcmp(name, driver);
}

/* The first card of that driver, or -1. */
static inline int drm_open(const char *driver)
{
	char path[32];

	for (int i = 0; i < DRM_CARDS; i++) {
		int card;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		card = open(path, O_RDWR | O_CLOEXEC);
		if (card >= 0 && drm_is(card, driver))
			return card;
		if (card >= 0)
			close(card);
	}
	return -1;
}

static inline int drm_import(int card, int dmabuf, uint32_t *handle)
{
	struct drm_handle arg = { .fd = dmabuf };
	int error = call(card, DRM_IOCTL_FD_TO_HANDLE, &arg);

	*handle = arg.handle;
	return error;
}

static inline void drm_close(int card, uint32_t handle)
{
	struct drm_close arg = { .handle = handle };

	call(card, DRM_IOCTL_CLOSE, &arg);
}

/* A buffer of @length bytes, whole pages, that needs no graphics hardware. */
static inline int drm_export(int card, uint64_t length, int *dmabuf)
{
	struct drm_dumb dumb = { .width = 1024, .bpp = 32, .height = length / 4096 };
	struct drm_handle prime = { .flags = O_RDWR | O_CLOEXEC };
	int error = call(card, DRM_IOCTL_CREATE_DUMB, &dumb);

	if (error)
		return error;
	prime.handle = dumb.handle;
	error = call(card, DRM_IOCTL_HANDLE_TO_FD, &prime);
	/* The descriptor alone keeps it. */
	drm_close(card, dumb.handle);
	*dmabuf = prime.fd;
	return error;
}

#endif
