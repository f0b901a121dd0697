// SPDX-License-Identifier: GPL-2.0-only
/* The buffer is taken back for a while. */
#include <errno.h>

#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"

/* False after saying that it is not back. */
static bool is_back(struct stage *stage)
{
	if (!stage->ret)
		return true;
	if (!stage->legacy)
		trial_give_up(stage->trial, "the buffer was not restored: %s",
			      errno_name(stage->ret));
	return false;
}

static void run_restore(struct trial *trial)
{
	struct stage stage;

	if (stage_open_twice(&stage, trial, NULL)) {
		stage_suspend(&stage);
		stage_judge_told(&stage);
		stage_restore(&stage);
		if (is_back(&stage))
			stage_judge_back(&stage);
	}
	stage_close(&stage);
}

const struct scenario suspend_restore = {
	.name = "suspend-restore",
	.summary = "suspend, restore; it uses the buffer again, unless it pins",
	.clauses = "I2 I4 I5 I6 I8 I9 I17 I18",
	.run = run_restore,
};

/* Of who waited for the restore. */
static void await_answer(struct stage *stage)
{
	uint64_t since_ns = dr_now();

	if (stage->waits && !stage->ret && !stage_hear_late(stage, since_ns))
		stage_judge_silence(stage, "I17", since_ns, "the buffer was restored");
}

static void run_again(struct trial *trial)
{
	struct stage stage;

	if (stage_open_twice(&stage, trial, NULL)) {
		stage_suspend(&stage);
		stage_judge_told(&stage);
		stage.may_wait = true;
		if (!stage.ret)
			stage_judge_gone(&stage);
		stage_restore(&stage);
		await_answer(&stage);
	}
	stage_close(&stage);
}

const struct scenario suspend_again = {
	.name = "suspend-again",
	.summary = "suspend; it tries to use the buffer meanwhile",
	.clauses = "I4 I5 I6 I9 I17 I18",
	.run = run_again,
};
