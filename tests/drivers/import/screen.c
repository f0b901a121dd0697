// SPDX-License-Identifier: GPL-2.0-only
/*
 * A graphics driver with a screen imports the buffer (PRIME). Use shows it on the screen, and then
 * nothing. virtio-gpu, which has a callback, pins and maps for that; bochs-drm takes a vmap.
 */
#include "../drm.h"

/* The smallest screen: a page. */
#define WIDTH	32
#define HEIGHT	32

struct drm_resources {
	uint64_t fbs, crtcs, connectors, encoders;	/* addresses of arrays */
	uint32_t nr_fbs, nr_crtcs, nr_connectors, nr_encoders;
	uint32_t min_width, max_width, min_height, max_height;
};

struct drm_mode {
	uint32_t clock;
	uint16_t hdisplay, hsync_start, hsync_end, htotal, hskew;
	uint16_t vdisplay, vsync_start, vsync_end, vtotal, vscan;
	uint32_t vrefresh, flags, type;
	char name[32];
};

struct drm_framebuffer {
	uint32_t id;		/* out */
	uint32_t width, height, pitch, bpp, depth, handle;
};

struct drm_crtc {
	uint64_t connectors;	/* address of an array */
	uint32_t nr_connectors;
	uint32_t id, fb, x, y, gamma_size, mode_valid;
	struct drm_mode mode;
};

#define DRM_IOCTL_RESOURCES	_IOWR('d', 0xa0, struct drm_resources)
#define DRM_IOCTL_SET_CRTC	_IOWR('d', 0xa2, struct drm_crtc)
#define DRM_IOCTL_ADD_FB	_IOWR('d', 0xae, struct drm_framebuffer)
#define DRM_IOCTL_REMOVE_FB	_IOWR('d', 0xaf, uint32_t)

static int card;
static uint32_t crtc, connector;
static struct drm_framebuffer framebuffer = {
	.width = WIDTH,
	.height = HEIGHT,
	.pitch = 4 * WIDTH,
	.bpp = 32,
	.depth = 24,
};

/* The first screen, of one or more. */
static int find_screen(void)
{
	struct drm_resources arg = {};
	uint32_t crtcs[16], connectors[16];
	int error = call(card, DRM_IOCTL_RESOURCES, &arg);

	if (error)
		return error;
	if (!arg.nr_crtcs || arg.nr_crtcs > 16 || !arg.nr_connectors || arg.nr_connectors > 16)
		return -ENODEV;
	arg.crtcs = (uintptr_t)crtcs;
	arg.connectors = (uintptr_t)connectors;
	arg.nr_encoders = 0;
	arg.nr_fbs = 0;
	error = call(card, DRM_IOCTL_RESOURCES, &arg);
	crtc = crtcs[0];
	connector = connectors[0];
	return error;
}

static int import(int dmabuf)
{
	int error = drm_import(card, dmabuf, &framebuffer.handle);

	return error ? error : call(card, DRM_IOCTL_ADD_FB, &framebuffer);
}

static int show(void)
{
	struct drm_crtc arg = {
		.connectors = (uintptr_t)&connector,
		.nr_connectors = 1,
		.id = crtc,
		.fb = framebuffer.id,
		.mode_valid = 1,
		.mode = {
			.clock = 1000,
			.hdisplay = WIDTH, .hsync_start = WIDTH + 1,
			.hsync_end = WIDTH + 2, .htotal = WIDTH + 3,
			.vdisplay = HEIGHT, .vsync_start = HEIGHT + 1,
			.vsync_end = HEIGHT + 2, .vtotal = HEIGHT + 3,
		},
	};

	return call(card, DRM_IOCTL_SET_CRTC, &arg);
}

static int show_nothing(void)
{
	struct drm_crtc arg = { .id = crtc };

	return call(card, DRM_IOCTL_SET_CRTC, &arg);
}

static int use(void)
{
	int error = show();

	return error ? error : show_nothing();
}

static void release(void)
{
	if (framebuffer.id)
		call(card, DRM_IOCTL_REMOVE_FB, &framebuffer.id);
	if (framebuffer.handle)
		drm_close(card, framebuffer.handle);
	close(card);
}

int main(int argc, char **argv)
{
	bool stream = argc == 3 && !strcmp(argv[1], "--stream");
	const char *driver = argv[argc - 1];

	if (argc != 2 + stream || *driver == '-') {
		fprintf(stderr, "Usage: screen [--stream] DRIVER, such as virtio_gpu\n");
		return STATUS_USAGE;
	}
	card = drm_open(driver);
	if (card < 0 || find_screen()) {
		fprintf(stderr, "no screen of %s: modprobe, and QEMU -device\n", driver);
		return STATUS_MISSING;
	}
	return run_importer(&(struct importer){ import, use, release, stream });
}
