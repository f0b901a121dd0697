// SPDX-License-Identifier: GPL-2.0-only
/* What an importer did after it was told, by the events of the exporter. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "judge/finding/clauses.h"
#include "judge/seen/events.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"

/* Between two looks at what has no event to wait for. */
static const struct timespec shortly = { .tv_nsec = 2000000 };

static bool judges(const struct stage *stage, const char *clause)
{
	return clause_among(stage->trial->scenario->clauses, clause);
}

/* When telling began and ended; the first time since the act. */
static const struct watch_event *telling(const struct stage *stage)
{
	return events_first(stage->trial, WATCH_INVALIDATE, stage->told_ns);
}

/* How many of @attach there were until @time_ns. */
static int count_until(const struct trial *trial, enum watch_what what, uint64_t attach,
		       uint64_t time_ns)
{
	const struct watch_event *event = NULL;
	int count = 0;

	while ((event = events_next(trial, what, 0, event)))
		count += event->attach == attach && !event->result && event->time_ns <= time_ns;
	return count;
}

/* Mappings, or pins, of @attach that there were at @time_ns. */
static int held_at(const struct trial *trial, enum watch_what what, enum watch_what undone,
		   uint64_t attach, uint64_t time_ns)
{
	return count_until(trial, what, attach, time_ns) -
	       count_until(trial, undone, attach, time_ns);
}

static int mappings_at(const struct trial *trial, uint64_t attach, uint64_t time_ns)
{
	return held_at(trial, WATCH_MAP, WATCH_UNMAP, attach, time_ns);
}

/* When the last of @count mappings was unmapped that there were at @time_ns; 0: not yet. */
static uint64_t unmapped_at(const struct trial *trial, uint64_t attach, uint64_t time_ns,
			    int count)
{
	const struct watch_event *event = NULL;

	while (count > 0 && (event = events_next(trial, WATCH_UNMAP, time_ns, event)))
		if (event->attach == attach && !--count)
			return event->time_ns;
	return 0;
}

/* The next attachment of the program that the exporter takes for revocable. */
static const struct watch_event *next_revocable(const struct stage *stage,
						const struct watch_event *attach)
{
	while ((attach = events_next(stage->trial, WATCH_ATTACH, 0, attach)))
		if (!attach->result && !strcmp(attach->name, "revocable") &&
		    attach->attach != stage->other)
			return attach;
	return NULL;
}

bool stage_is_revocable(const struct stage *stage)
{
	return next_revocable(stage, NULL);
}

/* Beyond those pins that the core makes, on older kernels, for each map. */
static bool holds_pin(const struct stage *stage, uint64_t attach)
{
	const struct importer_subject *subject = stage->trial->judge->subject;
	const struct watch_event *pin = NULL;

	while ((pin = events_next(stage->trial, WATCH_PIN, 0, pin))) {
		const struct watch_event *map = events_first(stage->trial, WATCH_MAP,
							     pin->time_ns);

		if (pin->result || pin->attach != attach)
			continue;
		if (subject->maps_unpinned)
			return true;
		/* Then a second one, or a map, comes next. */
		while (map && (map->result || map->attach != attach))
			map = events_next(stage->trial, WATCH_MAP, pin->time_ns, map);
		if (map && held_at(stage->trial, WATCH_PIN, WATCH_UNPIN, attach, map->time_ns) >
		    mappings_at(stage->trial, attach, map->time_ns))
			return true;
	}
	return false;
}

bool stage_is_pinned(const struct stage *stage)
{
	const struct watch_event *attach = NULL;

	while ((attach = next_revocable(stage, attach)))
		if (holds_pin(stage, attach->attach))
			return true;
	return false;
}

bool stage_mapped_since(const struct stage *stage, uint64_t since_ns)
{
	const struct watch_event *map = NULL;

	while ((map = events_next(stage->trial, WATCH_MAP, since_ns, map)))
		if (!map->result && map->attach != stage->other)
			return true;
	return false;
}

static bool is_of_other(const struct stage *stage, const struct watch_event *fence)
{
	const struct watch_event *added = NULL;

	while (stage->other && (added = events_next(stage->trial, WATCH_FENCE_ADD, 0, added)))
		if (added->attach == stage->other)
			return added->context == fence->context;
	return false;
}

/* When the last fence had signalled that the exporter waited for; 0: there was none. */
static uint64_t fences_done(const struct stage *stage)
{
	const struct watch_event *wait = NULL;
	uint64_t done = 0;

	while ((wait = events_next(stage->trial, WATCH_FENCE_WAIT, stage->told_ns, wait)))
		if (!wait->unfinished && !is_of_other(stage, wait))
			done = wait->time_ns;
	return done;
}

static bool awaits_fences(const struct stage *stage)
{
	return stage->ret == -ETIMEDOUT && stage->revoke.pending.fences;
}

static void judge_callback(struct stage *stage, const struct watch_event *told)
{
	trial_took(stage->trial, "I2", LIMIT_CALLBACK, told->begin_ns, told->time_ns,
		   "the callback has returned", "it was called");
}

/* That is for whoever moves the memory, and this was never moved. */
static bool has_kernel_fence(const struct stage *stage)
{
	const struct watch_event *added = NULL;

	while ((added = events_next(stage->trial, WATCH_FENCE_ADD, 0, added)))
		if (!added->usage && added->attach != stage->other)
			return true;
	return false;
}

static void judge_fences(struct stage *stage, const struct watch_event *told)
{
	uint64_t done = fences_done(stage);

	if (has_kernel_fence(stage))
		trial_fail(stage->trial, "I8",
			   "a fence of its DMA has usage KERNEL, which is for whoever moves the memory");
	if (awaits_fences(stage))
		trial_never(stage->trial, "I8", LIMIT_FENCE, told->begin_ns,
			    "a fence has not signalled", "the importer was told");
	else if (done)
		trial_took(stage->trial, "I8", LIMIT_FENCE, told->begin_ns, done,
			   "the last fence had signalled", "the importer was told");
	else if (stage->fenced || events_first(stage->trial, WATCH_FENCE_ADD, 0))
		trial_pass(stage->trial, "I8",
			   "its fences had signalled when the callback returned");
	else
		trial_unknown(stage->trial, "I8",
			      "no fence was pending when the importer was told");
}

/* The importer says that it can be revoked: it has a callback. */
static void judge_unmaps_of(struct stage *stage, const struct watch_event *attach,
			    const struct watch_event *told)
{
	static const char never[] = "it claims to be revocable and is not: it has not unmapped";
	int count = mappings_at(stage->trial, attach->attach, told->begin_ns);
	uint64_t done = fences_done(stage), from, at;

	if (count <= 0)
		return;
	from = done > told->time_ns ? done : told->time_ns;
	at = unmapped_at(stage->trial, attach->attach, told->begin_ns, count);
	/* Then nothing says that it should have. */
	if (!at && awaits_fences(stage))
		trial_unknown(stage->trial, "I4",
			      "its fence has not signalled, before which it may not unmap");
	else if (!at)
		trial_never(stage->trial, "I4", LIMIT_UNMAP, from, never,
			    "it was told, and the last fence");
	else if (at <= told->time_ns)
		trial_pass(stage->trial, "I4", "it had unmapped when the callback returned");
	else
		trial_took(stage->trial, "I4", LIMIT_UNMAP, from, at, "the last unmap came",
			   "it was told, and the last fence");
}

static bool has_unmapped(const struct stage *stage, const struct watch_event *told)
{
	const struct watch_event *attach = NULL;

	while ((attach = next_revocable(stage, attach))) {
		int count = mappings_at(stage->trial, attach->attach, told->begin_ns);

		if (count > 0 && !unmapped_at(stage->trial, attach->attach, told->begin_ns, count))
			return false;
	}
	return true;
}

/* Not every act has waited for that. */
static void await_unmaps(struct stage *stage, const struct watch_event *told)
{
	const struct limits *limits = &stage->trial->judge->limits;

	while (!has_unmapped(stage, told) &&
	       !trial_is_over(stage->trial, limits->ns[LIMIT_FENCE] + limits->ns[LIMIT_UNMAP],
			      told->begin_ns)) {
		nanosleep(&shortly, NULL);
		trial_look(stage->trial);
	}
}

static void judge_unmaps(struct stage *stage, const struct watch_event *told)
{
	const struct watch_event *attach = NULL;

	await_unmaps(stage, told);
	while ((attach = next_revocable(stage, attach)))
		judge_unmaps_of(stage, attach, told);
}

/* Pins delay no revoke, so this is looked at until it is so. */
static void await_unpins(struct stage *stage)
{
	uint64_t began_ns = dr_now();

	while (stage_look(stage).pending.pins &&
	       !trial_is_over(stage->trial, stage->trial->judge->limits.ns[LIMIT_UNMAP], began_ns))
		nanosleep(&shortly, NULL);
	trial_look(stage->trial);
}

static void judge_pin_of(struct stage *stage, uint64_t attach, const struct watch_event *told)
{
	const struct watch_event *event = NULL;
	uint64_t unpinned = 0;

	while ((event = events_next(stage->trial, WATCH_UNPIN, told->begin_ns, event)))
		if (event->attach == attach)
			unpinned = event->time_ns;
	if (held_at(stage->trial, WATCH_PIN, WATCH_UNPIN, attach, UINT64_MAX) > 0)
		trial_never(stage->trial, "I5", LIMIT_UNMAP, told->time_ns,
			    "it has not unpinned", "it was told");
	else if (unpinned > told->time_ns)
		trial_took(stage->trial, "I5", LIMIT_UNMAP, told->time_ns, unpinned,
			   "it has unpinned", "it was told");
	else
		trial_pass(stage->trial, "I5", "it had unpinned when the callback returned");
}

static void judge_pins(struct stage *stage, const struct watch_event *told)
{
	const struct watch_event *attach = NULL;

	if (awaits_fences(stage))
		return;
	if (stage_is_pinned(stage))
		await_unpins(stage);
	while ((attach = next_revocable(stage, attach)))
		if (holds_pin(stage, attach->attach))
			judge_pin_of(stage, attach->attach, told);
}

/* Of jobs and fences only our importer tells. What is on a newer mapping is not concerned. */
static void judge_new_work(struct stage *stage, const struct watch_event *told)
{
	const struct watch_event *event = NULL;

	if (stage_mapped_since(stage, told->begin_ns))
		return;
	while ((event = events_next(stage->trial, WATCH_JOB, told->time_ns, event)))
		if (event->begin_ns > told->time_ns && event->attach != stage->other) {
			trial_fail(stage->trial, "I3",
				   "DMA has begun on the old mapping after the callback had returned");
			return;
		}
	event = NULL;
	while ((event = events_next(stage->trial, WATCH_FENCE_ADD, told->time_ns, event)))
		if (event->attach != stage->other) {
			trial_fail(stage->trial, "I3",
				   "a fence was added after the callback had returned: the exporter may not wait for it any more");
			return;
		}
}

void stage_judge_told(struct stage *stage)
{
	const struct watch_event *first = telling(stage), *told;
	struct watch_event copy;

	/* What it was not told it need not do: it was let in with --accept-legacy. */
	if (!first || !next_revocable(stage, NULL) || stage->ret == -EINPROGRESS)
		return;
	/* The list may move. */
	copy = *first;
	told = &copy;
	if (judges(stage, "I2"))
		judge_callback(stage, told);
	if (judges(stage, "I3"))
		judge_new_work(stage, told);
	if (judges(stage, "I8"))
		judge_fences(stage, told);
	if (judges(stage, "I4"))
		judge_unmaps(stage, told);
	if (judges(stage, "I5"))
		judge_pins(stage, told);
}
