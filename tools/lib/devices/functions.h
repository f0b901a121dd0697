/* SPDX-License-Identifier: GPL-2.0-only */
/* The devices that the importer attaches on behalf of: its own, and PCI functions. */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include <stdbool.h>

#include <dmabuf_revoke.h>

#include "command.h"
#include "lib/text/table.h"

/* Where there are channels of the kernel's DMA engine. */
#define CHANNELS	"ls -l /sys/class/dma"

/* All, in an array that the caller frees. 0 or -errno. */
int read_devices(int imp, struct dmabuf_revoke_device **devices, uint32_t *count);

/*
 * The device called @name; NULL: the importer's own. Returns an enum status; says what is
 * wrong with one that there is not, and what to do; @channel: it was to have one, of the
 * kernel's DMA engine.
 */
int find_device(int imp, const char *name, bool channel,
		struct dmabuf_revoke_device *device);

/*
 * ATTACH failed: whether it is for want of a channel, which is then said, as of @verb. That is
 * between the caller and the device alone.
 */
bool explain_busy_channel(const char *verb, uint32_t engine,
			  const struct dmabuf_revoke_device *device, int err);

/* A table of all. 0 or -errno. */
int devices_add(struct document *document, int imp);

#endif
