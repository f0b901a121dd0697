// SPDX-License-Identifier: GPL-2.0-only
/* Revokes, of a buffer that is mapped, is in use, was revoked already, or is not mapped at all. */
#include <errno.h>

#include "judge/seen/events.h"
#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"

static const struct dmabuf_revoke_alloc quarantined = { .flags = DMABUF_REVOKE_ALLOC_QUARANTINE };

static void run_mapped(struct trial *trial)
{
	struct stage stage;

	if (stage_open_twice(&stage, trial, &quarantined)) {
		stage_revoke(&stage);
		stage_judge_told(&stage);
		stage_judge_gone(&stage);
	}
	stage_close(&stage);
}

const struct scenario revoke_mapped = {
	.name = "revoke-mapped",
	.summary = "revoke, once the program has used the buffer; it tries again; it ends",
	.clauses = "I2 I3 I4 I5 I6 I8 I9 I17 I18",
	.run = run_mapped,
};

static void run_busy(struct trial *trial)
{
	struct stage stage;

	if (stage_open(&stage, trial, &quarantined) && stage_await_map(&stage)) {
		stage_revoke(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
}

const struct scenario revoke_busy = {
	.name = "revoke-busy",
	.summary = "revoke as soon as the buffer is mapped, while it is being used",
	.clauses = "I2 I3 I4 I8 I9 I17 I18",
	.run = run_busy,
};

/* The second call must find that all was done. */
static void judge_idempotence(struct stage *stage)
{
	if (stage->legacy || !stage_was_told(stage))
		return;
	if (stage->ret)
		trial_unknown(stage->trial, "I7", "the revoke has not come to its end");
	else
		trial_pass(stage->trial, "I7",
			   "the callback was called twice, and the revoke has come to its end");
}

static void run_twice(struct trial *trial)
{
	const struct dmabuf_revoke_alloc telling_twice = {
		.flags = DMABUF_REVOKE_ALLOC_QUARANTINE,
		.faults = DMABUF_REVOKE_FAULT_TELL_TWICE,
	};
	struct stage stage;

	if (stage_open(&stage, trial, &telling_twice) && stage_await_use(&stage)) {
		stage_revoke(&stage);
		judge_idempotence(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
}

const struct scenario revoke_twice = {
	.name = "revoke-twice",
	.summary = "revoke, and tell twice, as a move followed by a revoke does",
	.clauses = "I4 I7 I9 I17",
	.run = run_twice,
};

static void run_idle(struct trial *trial)
{
	struct stage stage;

	if (stage_open(&stage, trial, &quarantined) && stage_await_use(&stage)) {
		/* It has no mapping afterwards, and is attached. */
		stage_suspend(&stage);
		if (!stage.ret)
			stage_restore(&stage);
		stage_revoke(&stage);
		judge_idempotence(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
}

const struct scenario revoke_idle = {
	.name = "revoke-idle",
	.summary = "suspend, restore, and revoke, when it is attached and not mapped",
	.clauses = "I2 I7 I9 I17",
	.run = run_idle,
};

static void run_waiting(struct trial *trial)
{
	struct stage stage;

	/* Its jobs wait for our fence, if it waits for any; then there is no answer. */
	if (stage_alloc(&stage, trial, &quarantined) &&
	    stage_hold(&stage, DMABUF_REVOKE_OP_WRITE, 0) && stage_start(&stage) &&
	    stage_await_map(&stage)) {
		stage_begin_revoke(&stage);
		stage_let_go(&stage);
		stage_finish_revoke(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
}

const struct scenario revoke_waiting = {
	.name = "revoke-waiting",
	.summary = "revoke while its DMA waits for a fence of somebody else, which then signals",
	.clauses = "I3 I4 I9 I17 I18",
	.run = run_waiting,
};
