// SPDX-License-Identifier: GPL-2.0-only
/* What the watchdog of hung tasks has to find. */
#include <linux/completion.h>

#include "module.h"

static DECLARE_COMPLETION(wake);

/* Until "wake". */
static int hung_task(int number)
{
	wait_for_completion(&wake);
	return 0;
}

static int wake_up_hung(int number)
{
	complete(&wake);
	return 0;
}

const struct bug hang_bugs[] = {
	{ "hung_task", hung_task },
	{ "wake", wake_up_hung },
	{ }
};
