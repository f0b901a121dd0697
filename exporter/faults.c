// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs of exporters, on purpose: who may have them, and what the log says. Where
 * they happen is found by dbr_has_fault().
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/capability.h>

#include "faults.h"

static const char * const dbr_fault_names[] = {
	"weak-fence-wait", "no-fence-wait", "no-unmap-wait", "no-tell",
	"tell-twice", "no-zap", "late-map", "hold-lock", "slow-map", "fail-pin",
	"fail-map", "move-no-copy", "move-pinned", "no-legacy-test",
	"keep-memory", "big-segments", "one-map", "sync-early", "late-refusal",
};

/* 0, -EINVAL or -EPERM. */
int dbr_faults_check(u64 faults)
{
	if (faults >> ARRAY_SIZE(dbr_fault_names))
		return -EINVAL;
	if (faults && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return 0;
}

/* Each by name, once. They have been checked. */
void dbr_faults_log(u64 faults)
{
	static unsigned long logged;
	int i;

	for (i = 0; faults >> i; i++)
		if (faults & BIT_ULL(i) && !test_and_set_bit(i, &logged))
			pr_notice("a buffer is made with a bug on purpose: %s\n",
				  dbr_fault_names[i]);
}
