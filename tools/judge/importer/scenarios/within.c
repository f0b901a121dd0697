// SPDX-License-Identifier: GPL-2.0-only
/* The importer is told in the midst of its own pin, or map. */
#include <errno.h>
#include <time.h>

#include "judge/seen/events.h"
#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"
#include "judge/importer/where.h"
#include "lib/text/message.h"

/*
 * The first one of what it has mapped is not to be kept: it was told of it. Who maps for each use
 * unmaps that, too, after the use: so it has to be mapped once more for this one, or not be used.
 */
static const struct watch_event *given_back(const struct stage *stage,
					    const struct watch_event *told)
{
	unsigned int maps = events_count(stage->trial, WATCH_MAP, 0, false);

	if (maps < 2 && stage->answer <= 0)
		return NULL;
	return events_first(stage->trial, WATCH_UNMAP, told->begin_ns);
}

static void await_unmap(struct stage *stage, const struct watch_event *told)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	const struct watch_event first = *told;

	while (!given_back(stage, &first) &&
	       !trial_is_over(stage->trial, stage->trial->judge->limits.ns[LIMIT_UNMAP],
			      first.time_ns)) {
		nanosleep(&pause, NULL);
		trial_look(stage->trial);
	}
}

static void judge_map(struct stage *stage)
{
	const struct watch_event *told = events_first(stage->trial, WATCH_INVALIDATE, 0), *unmap;
	uint64_t told_ns;

	if (!told) {
		trial_unknown(stage->trial, "I16", "it was not told: it has not mapped");
		return;
	}
	told_ns = told->time_ns;
	await_unmap(stage, told);
	/* The list may have moved. */
	told = events_first(stage->trial, WATCH_INVALIDATE, 0);
	unmap = given_back(stage, told);
	if (unmap && unmap->time_ns - told_ns <= stage->trial->judge->limits.ns[LIMIT_UNMAP])
		trial_took(stage->trial, "I16", LIMIT_UNMAP, told_ns, unmap->time_ns,
			   "it has given back what it got of a map in which it was told",
			   "it was told");
	else
		/* It may: an exporter that has moved the memory and told means what it maps. */
		trial_unknown(stage->trial, "I16",
			      "it uses what it got of a map in which it was told; whether that is old only the exporter knows");
}

/* No more often than the first time: who is told each time need not come to an end. */
static bool start(struct stage *stage, struct trial *trial, uint64_t fault)
{
	const struct dmabuf_revoke_alloc quarantined = {
		.flags = DMABUF_REVOKE_ALLOC_QUARANTINE,
	};
	int ret;

	if (!stage_alloc(stage, trial, &quarantined))
		return false;
	ret = dr_faults(stage->exporter, stage->id, fault, 1, 0);
	if (!ret)
		return stage_start(stage);
	trial_give_up(trial, "the exporter cannot be made to tell: %s", errno_name(ret));
	return false;
}

static void judge_endless(struct stage *stage, uint64_t began_ns)
{
	if (where_is_busy(stage->trial->partner.pid))
		trial_never(stage->trial, "I16", LIMIT_IMPORT, began_ns,
			    "neither an answer nor a mapping", "the program was started");
	else
		trial_unknown(stage->trial, "I16",
			      "there is neither an answer nor a mapping: the program is not in its driver");
}

/* It may have come to an end by an errno, too. */
static bool comes_to_an_end(struct stage *stage, bool *told)
{
	uint64_t began_ns = dr_now();
	enum progress progress = stage_await(stage, true);

	trial_look(stage->trial);
	if (stage->legacy)
		return false;
	*told = stage_is_revocable(stage) && events_first(stage->trial, WATCH_INVALIDATE, 0);
	/* Who was not told may have done nothing at all. */
	if (*told && progress == NOTHING && !trial_is_interrupted(stage->trial))
		judge_endless(stage, began_ns);
	return *told && progress != ENDED && progress != NOTHING;
}

/* After all that can be said. */
static void say_untold(struct trial *trial, bool told, const char *call)
{
	if (!told)
		trial_give_up(trial, "it was not told: it does not %s", call);
}

static void run_map(struct trial *trial)
{
	struct stage stage;
	bool told = false;

	if (start(&stage, trial, DMABUF_REVOKE_FAULT_TELL_IN_MAP) &&
	    comes_to_an_end(&stage, &told)) {
		judge_map(&stage);
		stage_revoke(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
	say_untold(trial, told, "map");
}

const struct scenario told_in_map = {
	.name = "told-in-map",
	.summary = "it is told while it maps for the first time; then revoke",
	.clauses = "I3 I4 I9 I16 I17 I18",
	.run = run_map,
};

static void run_pin(struct trial *trial)
{
	struct stage stage;
	bool told = false;

	if (start(&stage, trial, DMABUF_REVOKE_FAULT_TELL_IN_PIN) &&
	    comes_to_an_end(&stage, &told)) {
		trial_pass(trial, "I16", "told in its own pin it came to an end: %s",
			   stage.answer > 0 ? errno_name(stage.answer) : "it has used the buffer");
		stage_revoke(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
	say_untold(trial, told, "pin");
}

const struct scenario told_in_pin = {
	.name = "told-in-pin",
	.summary = "it is told while it pins; then revoke",
	.clauses = "I3 I4 I9 I16 I17 I18",
	.run = run_pin,
};
