/* SPDX-License-Identifier: GPL-2.0-only */
/* One importer of the demo and what it is made to do, noted as it happens. */
#ifndef DEMO_DEVICE_H
#define DEMO_DEVICE_H

#include <stdint.h>

#include "demo/observed.h"

struct device {
	struct demo_importer *seen;
	/* On whose behalf, by what and how wrong; all zero: the importer's own, which is right. */
	struct dmabuf_revoke_device function;
	uint32_t engine;	/* then the one that was chosen */
	uint64_t misbehave;	/* DMABUF_REVOKE_MISBEHAVE_* */

	int fd;			/* the attachment, or -1 */
	uint64_t read_job;
	uint64_t stream_job;
};

/* Those that may attach, in order. What fails is in *@device->seen. */
void device_attach(struct device *device, int importer, int dmabuf);
/* Map and read the file by DMA once, without waiting for it. */
void device_read(struct device *device, uint64_t length);
void device_await_read(struct device *device, uint64_t deadline_ns);
/* Read it over and over; each pass lasts @duration_ns or longer. */
void device_stream(struct device *device, uint64_t length, uint64_t duration_ns);
/*
 * Streams get the time for some passes: @pass_ns is what one has taken, @duration_ns what it takes
 * at least.
 */
void devices_take_time(uint64_t pass_ns, uint64_t duration_ns, uint64_t deadline_ns);
/* Just before the revoke, when it has done a pass: a busy machine may be late with that. */
void device_look(struct device *device, uint64_t deadline_ns);
/* Until it has been invalidated, has ended its DMA and unmapped. */
void device_await_end(struct device *device, uint64_t deadline_ns);
/* What its next event is; 0 or -errno: none at @deadline_ns. */
int device_note_event(struct device *device, uint64_t deadline_ns);
/* Try to go on. */
void device_retry(struct device *device, uint64_t length);
/* A legacy importer that holds up the revoke. */
void device_look_again(struct device *device);
void device_detach(struct device *device);

#endif
