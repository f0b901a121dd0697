/* SPDX-License-Identifier: GPL-2.0-only */
/* The interface's enums and counts in words. */
#ifndef NAMES_H
#define NAMES_H

#include <stdint.h>

#include <dmabuf_revoke.h>

#include "lib/text/options.h"

extern const struct choice kind_choices[];	/* of --kind */
extern const struct choice fault_choices[];	/* those that FAULTS sets */
extern const struct choice engine_choices[];	/* of --engine */
extern const struct choice misbehave_choices[];	/* of --misbehave: bits */

const char *state_name(uint32_t state);
const char *event_name(uint32_t type);
const char *iommu_name(uint32_t iommu);
const char *blocker_name(uint32_t type);
/* Of enum dma_resv_usage. */
const char *usage_name(uint32_t usage);

#define PENDING_TEXT 128
/* "1 mapping (1 legacy), 0 fences pending"; returns @text. */
char *pending_text(char text[PENDING_TEXT],
		   const struct dmabuf_revoke_pending *pending);

#endif
