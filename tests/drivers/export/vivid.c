// SPDX-License-Identifier: GPL-2.0-only
/*
 * vivid, a camera, exports one of its frames' buffers (EXPBUF), which it cannot take back. It can
 * be removed: its driver is unbound from it, until all is released.
 */
#include "../vivid.h"

#define DEVICE	"vivid.0"
#define DRIVER	"/sys/bus/platform/drivers/vivid/"

static int node = -1;
static bool removed;

static int export(int *dmabuf)
{
	struct v4l2_exportbuffer arg = { .type = VIVID_TYPE, .flags = O_RDWR | O_CLOEXEC };
	int error;

	node = vivid_open();
	if (node < 0)
		return -ENOENT;
	error = vivid_set_size(node, 1024, 1024);
	if (!error)
		error = vivid_request(node, V4L2_MEMORY_MMAP, 1);
	if (!error)
		error = call(node, VIDIOC_EXPBUF, &arg);
	*dmabuf = arg.fd;
	return error;
}

static int tell_driver(const char *path)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	int error = file < 0 || write(file, DEVICE, strlen(DEVICE)) < 0 ? -errno : 0;

	if (file >= 0)
		close(file);
	return error;
}

static int unbind(void)
{
	int error = tell_driver(DRIVER "unbind");

	removed |= !error;
	return error;
}

static void release(void)
{
	vivid_request(node, V4L2_MEMORY_MMAP, 0);
	close(node);
	if (removed)
		tell_driver(DRIVER "bind");
}

int main(void)
{
	return run_exporter(&(struct exporter){
		.export = export,
		.remove = unbind,
		.release = release,
	}, VIVID_NEEDS);
}
