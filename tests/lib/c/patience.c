// SPDX-License-Identifier: GPL-2.0-only
/* How long things may take on this kernel; see common.h. */
#include <stdlib.h>

#include "common.h"

double patience(void)
{
	const char *text = getenv("DBR_PATIENCE");
	double factor = text ? atof(text) : 1;

	return factor > 1 ? factor : 1;
}

uint64_t soon(void)
{
	const char *text = getenv("DBR_SOON_MS");

	if (text)
		return strtoull(text, NULL, 10) * MSEC;
	return 15 * SEC * patience();
}
