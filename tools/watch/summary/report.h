/* SPDX-License-Identifier: GPL-2.0-only */
/* The summary, for people or as JSON. */
#ifndef SUMMARY_REPORT_H
#define SUMMARY_REPORT_H

#include "watch/lines.h"
#include "watch/summary/facts.h"

struct report {
	const struct watch_origin *origin;
	const struct timeline *timeline;
	const struct facts *facts;
	uint64_t events;
	uint64_t dropped;	/* did not fit into memory */
};

/* Prints it. Returns an enum status. */
int summary_report(const struct report *report, bool json);

#endif
