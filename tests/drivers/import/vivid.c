// SPDX-License-Identifier: GPL-2.0-only
/*
 * vivid, a camera, captures frames into the buffer, a page each. With allocators=1 (videobuf2's
 * dma-contig) it attaches and maps, and the buffer has to be contiguous for the device; without,
 * it takes a vmap only. Use is a frame; with --stream, one after the other.
 *
 * A camera needs two buffers. Both are the same memory here, imported twice.
 */
#include "../vivid.h"

#define BUFFERS			2
/* For a frame; the first one, for which the judge may wait, has longer. */
#define PATIENCE_MS		10000
#define PATIENCE_FIRST_MS	60000

static int node, imported;
static int patience_ms = PATIENCE_FIRST_MS;
static bool stream, running;

static int queue(uint32_t index)
{
	struct v4l2_buffer arg = {
		.type = VIVID_TYPE,
		.memory = V4L2_MEMORY_DMABUF,
		.index = index,
		.m.fd = imported,
	};

	return call(node, VIDIOC_QBUF, &arg);
}

static void stop(void)
{
	int type = VIVID_TYPE;

	/* All buffers are out of the queue then. */
	call(node, VIDIOC_STREAMOFF, &type);
	running = false;
}

static int start(void)
{
	int type = VIVID_TYPE;
	int error = 0;

	for (uint32_t i = 0; i < BUFFERS && !error; i++)
		error = queue(i);
	if (!error)
		error = call(node, VIDIOC_STREAMON, &type);
	running = true;
	return error;
}

/* Await a frame; *@index is the buffer that has it. */
static int capture(uint32_t *index)
{
	struct v4l2_buffer arg = { .type = VIVID_TYPE, .memory = V4L2_MEMORY_DMABUF };
	struct pollfd frame = { .fd = node, .events = POLLIN };
	int error;

	if (poll(&frame, 1, patience_ms) < 1)
		return -ETIMEDOUT;
	patience_ms = PATIENCE_MS;
	error = call(node, VIDIOC_DQBUF, &arg);
	*index = arg.index;
	return error || !(arg.flags & V4L2_BUF_FLAG_ERROR) ? error : -EIO;
}

static int use(void)
{
	uint32_t index;
	int error = running ? 0 : start();

	if (!error)
		error = capture(&index);
	if (!error && stream)
		error = queue(index);
	if (error || !stream)
		stop();
	return error;
}

static int import(int dmabuf)
{
	imported = dmabuf;
	return vivid_request(node, V4L2_MEMORY_DMABUF, BUFFERS);
}

static void release(void)
{
	stop();
	vivid_request(node, V4L2_MEMORY_DMABUF, 0);
	close(node);
}

static int usage(void)
{
	fprintf(stderr, "Usage: vivid [--stream] [/dev/videoN]\n");
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	const char *path = NULL;

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--stream"))
			stream = true;
		else if (!path && argv[i][0] == '/')
			path = argv[i];
		else
			return usage();
	node = path ? open(path, O_RDWR | O_CLOEXEC) : vivid_open();
	if (node < 0) {
		fprintf(stderr, "no vivid: %s\n", VIVID_NEEDS);
		return STATUS_MISSING;
	}
	if (vivid_set_size(node, 64, 64)) {
		fprintf(stderr, "vivid: it is in use, or no vivid\n");
		return STATUS_FAILED;
	}
	return run_importer(&(struct importer){ import, use, release, stream });
}
