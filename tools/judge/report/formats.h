/* SPDX-License-Identifier: GPL-2.0-only */
/* The verdicts, for people and for programs, whatever is in their texts. */
#ifndef REPORT_FORMATS_H
#define REPORT_FORMATS_H

#include <stdio.h>

#include "judge/context.h"
#include "watch/lines.h"

/* What is said of a run beside its verdicts. */
struct heading {
	struct watch_origin origin;
	const char *version;		/* of the command */
};

void heading_find(struct heading *heading);

/* Lines of at most @width characters; 0: as long as they are. */
void people_write(FILE *out, const struct judge *judge, unsigned int width);
void json_write(FILE *out, const struct judge *judge, const struct heading *heading);
/* KTAP version 1: a test for each scenario, a subtest for each clause. */
void ktap_write(FILE *out, const struct judge *judge, const struct heading *heading);
/* JUnit XML: a suite for each scenario, a case for each clause. */
void junit_write(FILE *out, const struct judge *judge, const struct heading *heading);

#endif
