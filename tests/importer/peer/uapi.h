/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/dbr-peer, an importer that the tests take apart: each open file is one
 * attachment, of a device that they choose, with any number of mappings.
 */
#ifndef TESTS_PEER_H
#define TESTS_PEER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PEER_PATH	"/dev/dbr-peer"

/* On behalf of whom. */
enum peer_device {
	PEER_PLAIN	= 0,	/* reaches all memory, in segments of any size */
	PEER_SEGMENTS	= 1,	/* of at most 64 KiB, that cross no 64 KiB boundary */
	PEER_MASKLESS	= 2,	/* has no DMA mask: can map nothing */
	PEER_DEVICES
};

#define PEER_SEGMENT	(64 * 1024)

/*
 * Dynamic: its callback counts, and leaves every mapping to UNMAP. What the dma-buf core
 * returns is passed on. EBUSY: attached already.
 */
struct peer_attach {
	__s32 dmabuf;
	__u32 device;
};

#define PEER_IOC_ATTACH		_IOW(0xDC, 0x00, struct peer_attach)

/* Makes a mapping, in both directions; returns its number, from 0. ENOSPC: no more. */
#define PEER_MAPPINGS		8
#define PEER_IOC_MAP		_IO(0xDC, 0x01)
/* By number. ENXIO: there is none. */
#define PEER_IOC_UNMAP		_IO(0xDC, 0x02)

struct peer_segment {
	__u64 address;
	__u64 length;
	__u64 first;		/* the eight bytes there, as the device sees them */
};

/* Of a mapping: returns how many there are; those beyond @capacity are not written. */
struct peer_segments {
	__u32 mapping;
	__u32 capacity;
	__u64 segments;
};

#define PEER_IOC_SEGMENTS	_IOW(0xDC, 0x03, struct peer_segments)

/* Returns the calls of the callback. */
#define PEER_IOC_INVALIDATED		_IO(0xDC, 0x04)

/*
 * Puts @count fences of usage BOOKKEEP on the dma-buf, each of a timeline of its own. One
 * signals @delay_ms after somebody has asked it to, and not before. Once per file, whose
 * end they do not outlive.
 */
#define PEER_FENCES		64
struct peer_fences {
	__u32 count;
	__u32 delay_ms;
};

#define PEER_IOC_FENCES		_IOW(0xDC, 0x05, struct peer_fences)

/* CLOCK_MONOTONIC; 0: not yet. */
struct peer_fence {
	__u64 enabled_ns;
	__u64 signalled_ns;
};

/* @fences: an array of as many as there are; returns how many. */
struct peer_fence_times {
	__u64 fences;
};

#define PEER_IOC_FENCE_TIMES	_IOW(0xDC, 0x06, struct peer_fence_times)

/* As the device does it: writes @value to the first eight bytes of a mapping. */
struct peer_store {
	__u64 value;
	__u32 mapping;
	__u32 reserved;
};

#define PEER_IOC_STORE		_IOW(0xDC, 0x07, struct peer_store)

/*
 * The bug of an importer: it pins, and detaches without unpinning or unmapping. The file
 * is as good as new afterwards, its mappings are lost.
 */
#define PEER_IOC_LEAVE		_IO(0xDC, 0x08)

/*
 * From now on its callback tries to map, and unmaps at once. Returns how often that was
 * refused so far.
 */
#define PEER_IOC_EAGER		_IO(0xDC, 0x09)

/* Of a mapping, by number: returns how many entries of its table have a page. */
#define PEER_IOC_PAGES		_IO(0xDC, 0x0a)

#endif
