/* SPDX-License-Identifier: GPL-2.0-only */
/* The verdicts, for people and for programs. */
#ifndef JUDGE_REPORT_H
#define JUDGE_REPORT_H

#include <stdio.h>

#include "judge/run.h"

/*
 * Everything that was asked for. Returns the verdict on all as an enum status, or after a message
 * STATUS_FAILED: a file that could not be written.
 */
int report(const struct judge *judge, const struct run_options *options);

/* One of them each. */
int report_table(const struct judge *judge, bool json);

#endif
