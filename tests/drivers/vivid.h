/* SPDX-License-Identifier: GPL-2.0-only */
/* vivid's camera, which gives frames of any size. */
#ifndef VIVID_H
#define VIVID_H

#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdint.h>

#include "protocol.h"

#define VIVID_NODES	64
#define VIVID_NEEDS	"modprobe vivid allocators=1"

/* Of its inputs, the one that scales to any size. */
#define VIVID_HDMI	3

#define VIVID_TYPE	V4L2_BUF_TYPE_VIDEO_CAPTURE

/* The first node of vivid's that captures video, or -1. */
static inline int vivid_open(void)
{
	struct v4l2_capability about;
	char path[32];

	for (int i = 0; i < VIVID_NODES; i++) {
		int node;

		snprintf(path, sizeof(path), "/dev/video%d", i);
		node = open(path, O_RDWR | O_CLOEXEC);
		if (node >= 0 && !call(node, VIDIOC_QUERYCAP, &about) &&
		    !strcmp((char *)about.driver, "vivid") &&
		    about.device_caps & V4L2_CAP_VIDEO_CAPTURE)
			return node;
		if (node >= 0)
			close(node);
	}
	return -1;
}

/* Frames of so many pixels, of a byte each. */
static inline int vivid_set_size(int node, uint32_t width, uint32_t height)
{
	struct v4l2_format format = {
		.type = VIVID_TYPE,
		.fmt.pix = {
			.width = width,
			.height = height,
			.pixelformat = V4L2_PIX_FMT_GREY,
		},
	};
	int input = VIVID_HDMI;
	int error = call(node, VIDIOC_S_INPUT, &input);

	return error ? error : call(node, VIDIOC_S_FMT, &format);
}

/* None gives back those that there are. The driver may take it upon itself to make more. */
static inline int vivid_request(int node, enum v4l2_memory memory, uint32_t count)
{
	struct v4l2_requestbuffers arg = {
		.type = VIVID_TYPE,
		.memory = memory,
		.count = count,
	};

	return call(node, VIDIOC_REQBUFS, &arg);
}

#endif
