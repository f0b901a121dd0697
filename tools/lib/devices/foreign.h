/* SPDX-License-Identifier: GPL-2.0-only */
/* What people take dma-bufs from besides our exporter; the bench and the tests share it. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include <stdint.h>

struct foreign_exporter {
	const char *needs;	/* what to do where it is missing */
	/* Its node, or a negative errno. */
	int (*open)(void);
	/* A dma-buf of @length bytes, whole pages, that can be written; or a negative errno. */
	int (*alloc)(int node, uint64_t length);
};

extern const struct foreign_exporter foreign_heap, foreign_udmabuf, foreign_vgem;

#endif
