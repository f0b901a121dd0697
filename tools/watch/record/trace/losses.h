/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says it has not recorded. */
#ifndef RECORD_LOSSES_H
#define RECORD_LOSSES_H

#include <stdint.h>

#include "watch/record/trace/instance.h"

/*
 * Entries that were overwritten before they were read, or found no room; and hits of our probes
 * that were missed, since too many threads were inside the function or a probe hit itself.
 */
uint64_t losses_count(const struct instance *instance);

#endif
