/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bugs of exporters, on purpose.
 */
#ifndef DBR_FAULTS_H
#define DBR_FAULTS_H

#include "exporter.h"

#define DBR_FAULT_DELAY_NS	(100 * NSEC_PER_MSEC)	/* of the faults that take time */

/* Whether the buffer was made with this deliberate bug. */
static inline bool dbr_has_fault(const struct dbr_buffer *buf, u64 fault)
{
	return unlikely(buf->faults & fault);
}

/* faults.c */
int dbr_faults_check(u64 faults);
void dbr_faults_log(u64 faults);

#endif /* DBR_FAULTS_H */
