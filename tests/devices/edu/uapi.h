/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/dbr-copy: has a DMA engine copy memory of the kernel's. It is a client as any
 * other, of any engine that copies.
 */
#ifndef TESTS_COPY_H
#define TESTS_COPY_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define COPY_MOST		(64 * 1024)
#define COPY_DESCRIPTORS	16

/* Given up when the first descriptor has been called back for: the others are not. */
#define COPY_TERMINATE		0x1
/*
 * The bug of a driver: the target is not mapped any more when it is written to. Its memory
 * is still there.
 */
#define COPY_UNMAPPED		0x2

/*
 * What @source holds is copied to the kernel, there to another place, which held what
 * @target does, and what is there then is copied to @target.
 *
 * ENODEV: no channel of that device is free. EINVAL: @length is 0 or more than COPY_MOST,
 * @descriptors as much, or more than @length; an unknown flag. EOPNOTSUPP: UNMAPPED, where
 * that would reach other memory. ECANCELED: the engine went away. ETIMEDOUT: it did
 * nothing for half a minute. EIO: it said that it failed, or ended them in another order.
 */
struct copy {
	char device[32];	/* "0000:00:01.0" */
	__u64 source;
	__u64 target;
	__u32 length;
	__u32 descriptors;	/* that share it */
	__u32 flags;
	__u32 ended;		/* out: descriptors that were called back for */
};

#define COPY_IOC_COPY		_IOWR(0xDD, 0x00, struct copy)

#endif
