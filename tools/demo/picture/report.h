/* SPDX-License-Identifier: GPL-2.0-only */
/* The demo's result, for people or as JSON. */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include <stdbool.h>

#include "demo/judge.h"
#include "demo/observed.h"

/* Prints it all. Returns an enum status. */
int demo_report(const struct demo *demo, const struct demo_verdict *verdict,
		bool json);

#endif
