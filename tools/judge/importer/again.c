// SPDX-License-Identifier: GPL-2.0-only
/* What the program says when it is asked to use the buffer once more. */
#include <errno.h>
#include <string.h>

#include "judge/finding/clauses.h"
#include "judge/seen/events.h"
#include "judge/importer/stage.h"
#include "judge/importer/where.h"
#include "lib/text/message.h"

static bool judges(const struct stage *stage, const char *clause)
{
	return clause_among(stage->trial->scenario->clauses, clause);
}

/* The clause that its kind has on this. The other one of both is not about it. */
static const char *clause_of(const struct stage *stage)
{
	bool pinned = stage_is_pinned(stage);
	const char *other = pinned ? "I6" : "I5";

	if (judges(stage, other))
		trial_skip(stage->trial, other, pinned ? "it pins" : "it does not pin");
	return pinned ? "I5" : "I6";
}

void stage_judge_silence(struct stage *stage, const char *clause, uint64_t since_ns,
			 const char *when)
{
	struct trial *trial = stage->trial;
	char fate[128];

	if (partner_has_ended(&trial->partner, 0))
		trial_skip(trial, clause, "it cannot be asked: the program %s",
			   partner_fate(&trial->partner, fate));
	else if (where_is_busy(trial->partner.pid))
		trial_never(trial, "I17", LIMIT_ANSWER, since_ns, "no answer to \"again\"", when);
	else
		trial_unknown(trial, "I17",
			      "no answer to \"again\": the program is not in its driver");
}

/* Whether there is an answer; else it is told why there is none. */
static bool ask(struct stage *stage, const char *clause)
{
	uint64_t asked_ns = dr_now();
	bool answered;

	if (stage->ret == -EINPROGRESS)
		return false;
	if (!stage->speaks) {
		trial_skip(stage->trial, clause,
			   "the program does not answer on its socket (DMABUF_REVOKE_CONTROL), so that it cannot be asked to go on");
		return false;
	}
	answered = stage_again(stage);
	trial_look(stage->trial);
	if (stage_is_stubborn(stage, asked_ns)) {
		trial_fail(stage->trial, "I17",
			   "asked to use the buffer it was refused, and has tried %u times, driver or program",
			   stage_tries(stage, asked_ns));
		return false;
	}
	stage->waits = !answered && stage->may_wait &&
		       !partner_has_ended(&stage->trial->partner, 0);
	if (stage->waits)
		trial_unknown(stage->trial, clause,
			      "no answer while the buffer is suspended, whose end an access of the CPU awaits");
	else if (!answered)
		stage_judge_silence(stage, clause, asked_ns, "it was asked");
	return answered;
}

/* Who fails whenever he is asked has not noticed anything. */
static void judge_refusal(struct stage *stage, const char *clause, const char *when)
{
	if (stage->twice)
		trial_pass(stage->trial, clause, "asked to use the buffer %s it failed with %s",
			   when, errno_name(stage->answer));
	else
		trial_unknown(stage->trial, clause,
			      "asked to use the buffer %s it failed with %s, and it had not used it twice before that",
			      when, errno_name(stage->answer));
}

void stage_judge_gone(struct stage *stage)
{
	const char *clause = clause_of(stage);

	if (stage->legacy || !judges(stage, clause) || !ask(stage, clause))
		return;
	if (stage->answer)
		judge_refusal(stage, clause, "again");
	else if (stage_keeps(stage) && !trial_is_blind(stage->trial))
		trial_fail(stage->trial, clause,
			   "it says that it has used the buffer, which was taken back, and it has it mapped still");
	else
		trial_unknown(stage->trial, clause,
			      "it says that it has used the buffer, which it cannot have: it was not mapped");
}

static void judge_success(struct stage *stage)
{
	if (stage_mapped_since(stage, stage_told_at(stage)))
		trial_pass(stage->trial, "I6",
			   "asked to use the buffer again it has mapped it anew");
	else if (trial_is_blind(stage->trial))
		trial_unknown(stage->trial, "I6", "events were lost");
	else if (stage_keeps(stage))
		trial_fail(stage->trial, "I6",
			   "it has used the buffer by the mapping that it had before it was told");
	else
		trial_unknown(stage->trial, "I6",
			      "it says that it has used the buffer, which it cannot have: it was not mapped");
}

/* Whether it has tried to get at the buffer anew, and what came of that. */
static bool has_tried(const struct stage *stage)
{
	uint64_t told_ns = stage_told_at(stage);

	return stage_tries(stage, told_ns) || stage_mapped_since(stage, told_ns);
}

/* That happens to who is right, too. */
static bool is_passing(int error)
{
	static const int errors[] = {
		EAGAIN, EINTR, ENOMEM, EBUSY, ENOSPC, ETIMEDOUT, ECANCELED,
	};
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (error == errors[i])
			return true;
	return false;
}

/* The exporter is ready; so it is for the importer to map. */
static void judge_failure(struct stage *stage, const char *when)
{
	if (has_tried(stage) || is_passing(stage->answer) || trial_is_blind(stage->trial) ||
	    !stage_was_told(stage))
		trial_unknown(stage->trial, "I6", "asked to use the buffer again it failed with %s",
			      errno_name(stage->answer));
	else if (!stage->twice)
		trial_unknown(stage->trial, "I6",
			      "asked to use the buffer again it failed with %s, and it had not used it twice before %s",
			      errno_name(stage->answer), when);
	else
		trial_fail(stage->trial, "I6",
			   "it does not use the buffer any more after %s: asked twice it failed with %s, and did not ask to map it",
			   when,
			   errno_name(stage->answer));
}

/*
 * What fails may be the use before, which was cut short: it is asked once more then. Whether it
 * says that it has used the buffer.
 */
static bool judge_use(struct stage *stage, const char *when)
{
	if (!ask(stage, "I6"))
		return false;
	if (stage->answer && !ask(stage, "I6"))
		return false;
	if (stage->answer)
		judge_failure(stage, when);
	else
		judge_success(stage);
	return !stage->answer;
}

bool stage_judge_moved(struct stage *stage)
{
	return !stage->legacy && !strcmp(clause_of(stage), "I6") && judges(stage, "I6") &&
	       judge_use(stage, "a move");
}

/* It must not come alive again, which shows by a new mapping; one that was made anew may. */
static void judge_dead(struct stage *stage)
{
	if (stage->answer)
		judge_refusal(stage, "I5", "after it was restored");
	else if (stage_has_revived(stage) ||
		 (stage_keeps(stage) && !trial_is_blind(stage->trial)))
		trial_fail(stage->trial, "I5",
			   "it pins, and has used the buffer again after it was invalidated and restored");
	else if (stage_mapped_since(stage, stage_told_at(stage)))
		trial_unknown(stage->trial, "I5",
			      "it has attached anew, so that it is not seen whether what it had before is dead");
	else
		trial_unknown(stage->trial, "I5",
			      "it says that it has used the buffer, which it cannot have: it was not mapped");
}

void stage_judge_back(struct stage *stage)
{
	const char *clause = clause_of(stage);

	if (stage->legacy || !judges(stage, clause))
		return;
	if (strcmp(clause, "I5"))
		judge_use(stage, "a suspension");
	else if (ask(stage, "I5"))
		judge_dead(stage);
}

bool stage_open_twice(struct stage *stage, struct trial *trial,
		      const struct dmabuf_revoke_alloc *like)
{
	if (!stage_open(stage, trial, like) || !stage_await_use(stage))
		return false;
	if (!stage->speaks || stage->legacy || (stage_again(stage) && stage->twice))
		return true;
	trial->once = true;
	stage_close(stage);
	return stage_open(stage, trial, like) && stage_await_use(stage);
}
