/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/dbr-bar: exports dma-bufs of pieces of one page each, whatever they are. It asks no importer
 * for anything, and revokes nothing.
 */
#ifndef TESTS_BAR_H
#define TESTS_BAR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BAR_PATH	"/dev/dbr-bar"
#define BAR_PIECES	8

enum bar_what {
	BAR_MEMORY,	/* a page of its own, which is zeroed */
	BAR_IO,		/* a page of a BAR, mapped for the importer's device */
	BAR_BUS,	/* the same, by its address on the bus, which is marked as such */
	BAR_NOWHERE,	/* an address of the bus at which nobody has anything */
};

struct bar_piece {
	__u32 what;
	__u32 page;	/* of the BAR; MEMORY, NOWHERE: 0 */
};

/*
 * Returns a descriptor. ENODEV: there is no such function. EINVAL: @count is 0 or more than
 * BAR_PIECES; there is no such page of the BAR, or no such piece.
 */
struct bar_export {
	char function[32];	/* "0000:00:01.0" */
	__u32 bar;
	__u32 count;
	struct bar_piece pieces[BAR_PIECES];
};

#define BAR_IOC_EXPORT	_IOW(0xDE, 0x00, struct bar_export)

#endif
