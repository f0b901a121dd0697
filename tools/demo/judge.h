/* SPDX-License-Identifier: GPL-2.0-only */
/* What the demo expects of what it observed, and whether it is so. */
#ifndef DEMO_JUDGE_H
#define DEMO_JUDGE_H

#include <stdbool.h>

#include "demo/observed.h"

#define DEMO_CHECKS 96

struct demo_check {
	const char *subject;
	const char *expected;
	bool ok;
	char observed[96];
};

struct demo_verdict {
	unsigned int count;
	unsigned int failed;
	struct demo_check checks[DEMO_CHECKS];
};

/* A function of @demo alone. */
void demo_judge(const struct demo *demo, struct demo_verdict *verdict);

#endif
