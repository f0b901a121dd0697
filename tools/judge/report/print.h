/* SPDX-License-Identifier: GPL-2.0-only */
/* Everything that was asked for is written where it was asked for. */
#ifndef REPORT_PRINT_H
#define REPORT_PRINT_H

#include "judge/run.h"

/*
 * Whether its files can be written, before a run that takes minutes. Returns an enum status, after
 * a message.
 */
int report_possible(const struct run_options *options);
/*
 * Returns the verdict on all as an enum status, or after a message STATUS_FAILED: a file that
 * could not be written. Sorts @judge's events.
 */
int report(struct judge *judge, const struct run_options *options);

#endif
