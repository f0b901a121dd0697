// SPDX-License-Identifier: GPL-2.0-only
/* A graphics driver, such as vgem, exports a dumb buffer (PRIME), which it cannot take back. */
#include "../drm.h"

#define LENGTH (1024 * 1024)

static const char *driver;
static int card = -1;

static int export(int *dmabuf)
{
	card = drm_open(driver);
	return card < 0 ? -ENOENT : drm_export(card, LENGTH, dmabuf);
}

static void release(void)
{
	close(card);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "Usage: dumb DRIVER, such as vgem\n");
		return STATUS_USAGE;
	}
	driver = argv[1];
	return run_exporter(&(struct exporter){ .export = export, .release = release },
			    "a module of that name, and its device: modprobe vgem");
}
