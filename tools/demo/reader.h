/* SPDX-License-Identifier: GPL-2.0-only */
/* A process that reads a CPU mapping of a dma-buf until it faults. */
#ifndef DEMO_READER_H
#define DEMO_READER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "demo/observed.h"

struct reader {
	pid_t pid;
	int report;		/* its end of a pipe of struct demo_reader */
};

/*
 * Start a process that maps @length bytes of @dmabuf and compares their CRC-32 with
 * @crc32, over and over. Returns 0 or -errno.
 */
int reader_start(struct reader *reader, int dmabuf, size_t length, uint32_t crc32);
/*
 * Its next report: the first comes after one pass, the last when it ends. Returns
 * 0, -ETIMEDOUT at @deadline_ns, or -EPIPE: it ended without one.
 */
int reader_await(struct reader *reader, uint64_t deadline_ns,
		 struct demo_reader *report);
/* Ends it, if it has not ended. */
void reader_stop(struct reader *reader);

#endif
