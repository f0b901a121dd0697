/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI function that nobody needs, which the importer attaches on behalf of: the one that
 * $DBR_FUNCTION names, such as 0000:01:00.0, or QEMU's edu, which is in every guest.
 */
#ifndef TESTS_FUNCTION_H
#define TESTS_FUNCTION_H

#include "life.h"

/* Its name; set by function_bind(). */
extern char function[DMABUF_REVOKE_DEVICE_LEN];

/* Leaves it without a driver, for the importer to take. Skips the case if there is none. */
void function_offer(void);
/* The importer takes it: 0 or -errno. */
int function_try_bind(void);
/* Both, whatever it was before. Skips the case if there is none. */
void function_bind(void);
/* Takes it back. Nothing if it is not the importer's. */
void function_unbind(void);
/*
 * The same for a driver that makes a channel of the DMA engine of it. It takes QEMU's edu, and
 * 100 ms for a transfer; of each 2 KiB there are two.
 */
void channel_bind(void);
/* The last step of it, by which nobody has asked the importer for it yet. */
bool channel_try_bind(void);
/* The reverse of that alone. */
void channel_leave(void);
void channel_unbind(void);
/* Whether it is about to write to memory, for eventually(). */
bool channel_writes(uint64_t unused);
/* The driver's module, in the end. */
void channel_unload(void);
/* Ways for it to go while it is in use; each is complete when it returns. */
void function_remove(void);
void function_reset(void);
/* Skips the case if the machine cannot. */
void need_reset(void);
/* After function_remove(), until the next function_bind(). */
void function_rescan(void);

/* Whether it can have jobs. */
bool function_has_engine(void);
/* Whether DEVICES has it; then @device, unless NULL, is what that says. */
bool function_is_there(struct dmabuf_revoke_device *device);

/* ATTACH on its behalf: the descriptor or -errno. */
int try_attach_for(const char *device, int dmabuf, uint32_t kind, uint32_t flags);
int attach_for_function(int dmabuf, uint32_t kind, uint32_t flags);
/* By its channel: the descriptor or -errno. */
int try_attach_channel(int dmabuf, uint32_t kind, uint32_t flags, uint64_t misbehave,
		       uint64_t delay_ns);
int attach_channel(int dmabuf, uint32_t kind, uint32_t flags);
/* On its behalf, with deliberate bugs. */
int attach_for_function_badly(int dmabuf, uint32_t kind, uint64_t misbehave,
			      uint64_t delay_ns);

#endif
