// SPDX-License-Identifier: GPL-2.0-only
/* What the program says when it is asked to use the buffer once more. */
#include <errno.h>
#include <string.h>

#include "judge/finding/clauses.h"
#include "judge/seen/events.h"
#include "judge/importer/stage.h"
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

/* Whether there is an answer; else it is told why there is none. */
static bool ask(struct stage *stage, const char *clause)
{
	uint64_t asked_ns = dr_now();
	unsigned int tries;
	char fate[128];
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
	tries = stage_tries(stage, asked_ns);
	if (tries > STAGE_TRIES)
		trial_fail(stage->trial, "I17",
			   "asked to use the buffer it was refused, and has tried %u times", tries);
	else if (answered)
		return true;
	else if (partner_has_ended(&stage->trial->partner, 0))
		trial_skip(stage->trial, clause, "it cannot be asked: the program %s",
			   partner_fate(&stage->trial->partner, fate));
	else
		trial_never(stage->trial, "I17", LIMIT_ANSWER, asked_ns,
			    "no answer to \"again\"", "it was asked");
	return answered;
}

static bool is_still_mapped(const struct stage *stage)
{
	return stage_look(stage).pending.maps;
}

void stage_judge_gone(struct stage *stage)
{
	const char *clause = clause_of(stage);

	if (stage->legacy || !judges(stage, clause) || !ask(stage, clause))
		return;
	if (stage->answer)
		trial_pass(stage->trial, clause, "asked to use the buffer again it failed with %s",
			   errno_name(stage->answer));
	else if (is_still_mapped(stage))
		trial_fail(stage->trial, clause,
			   "it says that it has used the buffer, which was taken back, and it has it mapped still");
	else
		trial_unknown(stage->trial, clause,
			      "it says that it has used the buffer, which it cannot have: it was not mapped");
}

static void judge_success(struct stage *stage)
{
	if (stage_mapped_since(stage, stage->told_ns))
		trial_pass(stage->trial, "I6",
			   "asked to use the buffer again it has mapped it anew");
	else if (trial_is_blind(stage->trial))
		trial_unknown(stage->trial, "I6", "events were lost");
	else if (is_still_mapped(stage))
		trial_fail(stage->trial, "I6",
			   "it has used the buffer by the mapping that it had before it was told");
	else
		trial_unknown(stage->trial, "I6",
			      "it says that it has used the buffer, which it cannot have: it was not mapped");
}

/* The exporter is ready; so it is for the importer to map. */
static void judge_failure(struct stage *stage, const char *when)
{
	const struct watch_event *map = events_last(stage->trial, WATCH_MAP, stage->told_ns);
	const struct watch_event *pin = events_last(stage->trial, WATCH_PIN, stage->told_ns);

	if ((map && map->result) || (pin && pin->result) || trial_is_blind(stage->trial) ||
	    stage_mapped_since(stage, stage->told_ns))
		trial_unknown(stage->trial, "I6", "asked to use the buffer again it failed with %s",
			      errno_name(stage->answer));
	else
		trial_fail(stage->trial, "I6",
			   "it does not use the buffer any more after %s: it failed with %s, and did not ask to map it",
			   when,
			   errno_name(stage->answer));
}

void stage_judge_moved(struct stage *stage)
{
	const char *clause = clause_of(stage);

	if (strcmp(clause, "I6") || !judges(stage, "I6") || !ask(stage, "I6"))
		return;
	if (stage->answer)
		judge_failure(stage, "a move");
	else
		judge_success(stage);
}

/* It must not come alive again, which shows by a new mapping. */
static void judge_dead(struct stage *stage)
{
	if (stage->answer)
		trial_pass(stage->trial, "I5",
			   "asked to use the buffer after it was restored it failed with %s",
			   errno_name(stage->answer));
	else if (stage_mapped_since(stage, stage->told_ns) || is_still_mapped(stage))
		trial_fail(stage->trial, "I5",
			   "it pins, and has used the buffer again after it was invalidated and restored");
	else
		trial_unknown(stage->trial, "I5",
			      "it says that it has used the buffer, which it cannot have: it was not mapped");
}

void stage_judge_back(struct stage *stage)
{
	const char *clause = clause_of(stage);

	if (!judges(stage, clause) || !ask(stage, clause))
		return;
	if (!strcmp(clause, "I5"))
		judge_dead(stage);
	else if (stage->answer)
		judge_failure(stage, "a suspension");
	else
		judge_success(stage);
}
