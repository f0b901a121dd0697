// SPDX-License-Identifier: GPL-2.0-only
/* What an importer did after it was told, by the events of the exporter. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "judge/clauses.h"
#include "judge/events.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"

static bool judges(const struct stage *stage, const char *clause)
{
	return clause_among(stage->trial->scenario->clauses, clause);
}

/* When telling began and ended; the first time since the act. */
static const struct watch_event *telling(const struct stage *stage)
{
	return events_first(stage->trial, WATCH_INVALIDATE, stage->told_ns);
}

/* Mappings of @attach that there were at @time_ns. */
static unsigned int mappings_at(const struct trial *trial, uint64_t attach, uint64_t time_ns)
{
	const struct watch_event *event = NULL;
	int count = 0;

	while ((event = events_next(trial, WATCH_MAP, 0, event)))
		count += event->attach == attach && !event->result && event->time_ns < time_ns;
	while ((event = events_next(trial, WATCH_UNMAP, 0, event)))
		count -= event->attach == attach && event->time_ns < time_ns;
	return count > 0 ? (unsigned int)count : 0;
}

/* When the last of @count mappings was unmapped that there were at @time_ns; 0: not yet. */
static uint64_t unmapped_at(const struct trial *trial, uint64_t attach, uint64_t time_ns,
			    unsigned int count)
{
	const struct watch_event *event = NULL;

	while (count && (event = events_next(trial, WATCH_UNMAP, time_ns, event)))
		if (event->attach == attach && !--count)
			return event->time_ns;
	return 0;
}

/* When the last fence had signalled that the exporter waited for; 0: there was none. */
static uint64_t fences_done(const struct stage *stage)
{
	const struct watch_event *last = events_last(stage->trial, WATCH_FENCE_WAIT,
						     stage->told_ns);

	return last && !last->unfinished ? last->time_ns : 0;
}

static void judge_callback(struct stage *stage, const struct watch_event *told)
{
	trial_took(stage->trial, "I2", LIMIT_CALLBACK, told->begin_ns, told->time_ns,
		   "the callback has returned", "it was called");
}

static void judge_fences(struct stage *stage, const struct watch_event *told)
{
	uint64_t done = fences_done(stage);

	if (stage->ret == -ETIMEDOUT && stage->revoke.pending.fences)
		trial_never(stage->trial, "I8", LIMIT_FENCE, told->begin_ns,
			    "a fence has not signalled", "the importer was told");
	else if (done)
		trial_took(stage->trial, "I8", LIMIT_FENCE, told->begin_ns, done,
			   "the last fence had signalled", "the importer was told");
	else
		trial_unknown(stage->trial, "I8", "no fence was pending when the importer was told");
}

/* The importer says that it can be revoked: it has a callback. */
static void judge_unmaps_of(struct stage *stage, const struct watch_event *attach,
			    const struct watch_event *told)
{
	static const char never[] = "it claims to be revocable and is not: it has not unmapped";
	unsigned int count = mappings_at(stage->trial, attach->attach, told->begin_ns);
	uint64_t done = fences_done(stage), from, at;

	if (!count)
		return;
	from = done > told->time_ns ? done : told->time_ns;
	at = unmapped_at(stage->trial, attach->attach, told->begin_ns, count);
	/* Then nothing says that it should have. */
	if (!at && stage->ret == -ETIMEDOUT && stage->revoke.pending.fences)
		trial_unknown(stage->trial, "I4", "its fence has not signalled, before which it "
			      "may not unmap");
	else if (!at)
		trial_never(stage->trial, "I4", LIMIT_UNMAP, from, never,
			    "it was told, and the last fence");
	else
		trial_took(stage->trial, "I4", LIMIT_UNMAP, from, at, "the last unmap came",
			   "it was told, and the last fence");
}

static void judge_unmaps(struct stage *stage, const struct watch_event *told)
{
	const struct watch_event *event = NULL;

	while ((event = events_next(stage->trial, WATCH_ATTACH, 0, event)))
		if (!event->result && !strcmp(event->name, "revocable"))
			judge_unmaps_of(stage, event, told);
}

static bool has_revocable(const struct trial *trial)
{
	const struct watch_event *event = NULL;

	while ((event = events_next(trial, WATCH_ATTACH, 0, event)))
		if (!event->result && !strcmp(event->name, "revocable"))
			return true;
	return false;
}

void stage_judge_told(struct stage *stage)
{
	const struct watch_event *told = telling(stage);

	/* What it was not told it need not do: it was let in with --accept-legacy. */
	if (!told || !has_revocable(stage->trial))
		return;
	if (judges(stage, "I2"))
		judge_callback(stage, told);
	if (judges(stage, "I8"))
		judge_fences(stage, told);
	if (judges(stage, "I4"))
		judge_unmaps(stage, told);
}

void stage_judge_again(struct stage *stage)
{
	const char *clause = events_first(stage->trial, WATCH_PIN, 0) ? "I5" : "I6";
	uint64_t asked_ns = dr_now();

	if (!judges(stage, clause))
		return;
	if (!stage->speaks)
		trial_skip(stage->trial, clause, "the program does not answer on its socket "
			   "(DMABUF_REVOKE_CONTROL), so that it cannot be asked to go on");
	else if (!stage_again(stage))
		trial_never(stage->trial, "I17", LIMIT_ANSWER, asked_ns,
			    "no answer to \"again\"", "it was asked");
	else if (!stage->answer)
		trial_fail(stage->trial, clause, "it says that it has used the buffer, which was "
			   "revoked");
	else
		trial_pass(stage->trial, clause, "asked to use the buffer again it failed with %s",
			   errno_name(stage->answer));
}
