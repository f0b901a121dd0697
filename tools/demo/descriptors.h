/* SPDX-License-Identifier: GPL-2.0-only */
/* Small calls on descriptors that the C library has not in this form. */
#ifndef DEMO_DESCRIPTORS_H
#define DEMO_DESCRIPTORS_H

#include <stdint.h>

/*
 * Until @fd can be read without blocking (its end included). Returns 0, or
 * -ETIMEDOUT at @deadline_ns.
 */
int await_input(int fd, uint64_t deadline_ns);
/* DMA_BUF_IOCTL_SYNC with DMA_BUF_SYNC_*. Returns 0 or -errno. */
int sync_dmabuf(int dmabuf, uint64_t flags);

#endif
