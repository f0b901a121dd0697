/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of this module share. */
#ifndef DBR_PEER_H
#define DBR_PEER_H

#include "compat.h"
#include "uapi.h"

struct peer_lazy;

/* Fences that wait to be asked. */
struct peer_fence_set {
	unsigned int count;
	struct peer_lazy *fence[PEER_FENCES];
};

/* Signals what has not, and refers to none any more. */
void peer_fences_end(struct peer_fence_set *set);
int peer_fences_add(struct peer_fence_set *set, struct dma_buf *dmabuf,
		    const struct peer_fences *arg);
void peer_fence_times(const struct peer_fence_set *set, struct peer_fence *out);

int peer_devices_begin(void);
void peer_devices_end(void);
struct device *peer_device(unsigned int which);

#endif
