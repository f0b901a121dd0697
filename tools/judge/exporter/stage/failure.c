// SPDX-License-Identifier: GPL-2.0-only
/* What a call that fails says of the exporter; and when it says nothing. */
#include <errno.h>

#include "judge/exporter/stage/scene.h"
#include "judge/seen/pulse.h"
#include "lib/devices/ioctls.h"

bool scene_is_for_now(int ret)
{
	return ret == -ENOMEM || ret == -EAGAIN || ret == -EINTR || ret == ASIDE_NEVER;
}

/* Somebody's time was over, which this machine did not have. */
static bool is_of_machine(int ret, uint64_t began_ns)
{
	return ret == -ETIMEDOUT && pulse_lost(began_ns, dr_now());
}

void scene_failed(struct scene *scene, const char *clause, int ret, enum limit limit,
		  uint64_t began_ns, const char *what)
{
	struct trial *trial = scene->trial;
	bool unknown = trial_is_interrupted(trial) || scene_is_for_now(ret) ||
		       is_of_machine(ret, began_ns);

	if (ret == ASIDE_NEVER)
		trial_never(trial, clause, limit, began_ns, what, "it was tried");
	else
		trial_find(trial, clause, unknown ? VERDICT_UNKNOWN : VERDICT_FAIL, "%s: %s%s",
			   what, scene_result(ret),
			   trial->judge->interrupted ? "; but it was interrupted" : "");
}
