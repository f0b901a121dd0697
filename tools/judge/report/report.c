// SPDX-License-Identifier: GPL-2.0-only
#include "judge/report/report.h"

static int verdict_on_all(const struct findings *findings)
{
	bool judged = false;
	size_t i;

	for (i = 0; i < findings->count; i++) {
		if (findings->rows[i].verdict == VERDICT_FAIL)
			return STATUS_FAILED;
		/* That the log is silent says nothing of what was not tried. */
		judged |= findings->rows[i].verdict == VERDICT_PASS &&
			  findings->rows[i].clause[0] != 'L';
	}
	return judged ? STATUS_DONE : STATUS_IMPOSSIBLE;
}

int report(const struct judge *judge, const struct run_options *options)
{
	int status = report_table(judge, options->json);

	return status ? status : verdict_on_all(&judge->findings);
}
