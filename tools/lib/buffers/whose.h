/* SPDX-License-Identifier: GPL-2.0-only */
/* Who exported a dma-buf, and what became of it. */
#ifndef WHOSE_H
#define WHOSE_H

#include "lib/text/causes.h"

/* By /proc: WHOSE_UNKNOWN without it, or if @dmabuf is no descriptor. */
enum whose whose_dmabuf(int dmabuf);

/* The state of a dma-buf of ours, as far as the caller may ask; else STATE_UNKNOWN. */
uint32_t state_of_dmabuf(int dmabuf);

#endif
