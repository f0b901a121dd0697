// SPDX-License-Identifier: GPL-2.0-only
/* How long things may take on this kernel; see common.h. */
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <stdlib.h>

#include "common.h"

double patience(void)
{
	const char *text = getenv("DBR_PATIENCE");
	double factor = text ? atof(text) : 1;

	return factor > 1 ? factor : 1;
}

static void stretch(struct criterion_test_extra_data *data)
{
	data->timeout *= patience();
}

/* The cases' own limits, which are those for a stock kernel. */
ReportHook(PRE_ALL)(struct criterion_test_set *set)
{
	FOREACH_SET(struct criterion_suite_set *suite, set->suites) {
		if (suite->suite.data)
			stretch(suite->suite.data);
		FOREACH_SET(struct criterion_test *test, suite->tests)
			stretch(test->data);
	}
}
