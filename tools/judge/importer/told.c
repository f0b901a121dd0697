// SPDX-License-Identifier: GPL-2.0-only
/* What an importer did after it was told, by the events of the exporter. */
#include <errno.h>
#include <stdlib.h>
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

/* An attachment of the program that can be revoked, at one time. */
struct holding {
	bool attached;
	int maps, pins;
};

/* By the number of the attachment. */
struct holdings {
	struct holding *of;
	uint64_t count;
};

static uint64_t most_attach(const struct trial *trial)
{
	uint64_t most = 0;
	size_t i;

	for (i = 0; i < trial->list.count; i++)
		if (trial->list.events[i].attach > most)
			most = trial->list.events[i].attach;
	return most;
}

static void note(struct holding *holding, const struct watch_event *event)
{
	switch (event->what) {
	case WATCH_ATTACH:
		holding->attached = !strcmp(event->name, "revocable");
		break;
	case WATCH_DETACH:
		holding->attached = false;
		break;
	case WATCH_MAP:
		holding->maps++;
		break;
	case WATCH_UNMAP:
		holding->maps--;
		break;
	case WATCH_PIN:
		holding->pins++;
		break;
	case WATCH_UNPIN:
		holding->pins--;
		break;
	default:
		break;
	}
}

/* To be freed. In one go: there may be ten thousands of events. */
static struct holdings holdings_at(const struct stage *stage, uint64_t time_ns)
{
	const struct watch_list *list = &stage->trial->list;
	struct holdings all = { .count = most_attach(stage->trial) + 1 };
	size_t i;

	all.of = calloc(all.count, sizeof(*all.of));
	for (i = 0; all.of && i < list->count; i++) {
		const struct watch_event *event = &list->events[i];

		if (event->inode == stage->trial->inode && event->time_ns <= time_ns &&
		    event->attach != stage->other && !event->result)
			note(&all.of[event->attach], event);
	}
	if (!all.of)
		all.count = 0;
	return all;
}

/* Those that were told; to be freed. */
static struct holdings holdings_told(const struct stage *stage)
{
	const struct watch_event *told = telling(stage);

	return told ? holdings_at(stage, told->begin_ns) : (struct holdings){ 0 };
}

/* Beyond those pins that the core makes, on older kernels, for each map. */
static bool holds_pin(const struct stage *stage, const struct holding *holding)
{
	const struct importer_subject *subject = stage->trial->judge->subject;

	return holding->attached &&
	       holding->pins > (subject->maps_unpinned ? 0 : holding->maps);
}

/* How often the memory had been moved that it had mapped last until then. */
static uint64_t moves_at(const struct trial *trial, uint64_t attach, uint64_t time_ns)
{
	const struct watch_event *map = NULL;
	uint64_t most = 0;

	while ((map = events_next(trial, WATCH_MAP, 0, map)))
		if (map->attach == attach && !map->result && map->time_ns <= time_ns &&
		    map->moves > most)
			most = map->moves;
	return most;
}

/*
 * When the last of @count mappings was unmapped that there were at @time_ns; 0: not yet. One of
 * memory that came later, by a move, is none of them.
 */
static uint64_t unmapped_at(const struct trial *trial, uint64_t attach, uint64_t time_ns,
			    int count)
{
	uint64_t most = moves_at(trial, attach, time_ns);
	const struct watch_event *event = NULL;

	while (count > 0 && (event = events_next(trial, WATCH_UNMAP, time_ns, event)))
		if (event->attach == attach && event->moves <= most && !--count)
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

bool stage_was_told(const struct stage *stage)
{
	struct holdings all = holdings_told(stage);
	bool told = false;
	uint64_t i;

	for (i = 0; i < all.count; i++)
		told |= all.of[i].attached;
	free(all.of);
	return told;
}

bool stage_is_pinned(const struct stage *stage)
{
	struct holdings all = holdings_told(stage);
	bool pinned = false;
	uint64_t i;

	for (i = 0; i < all.count; i++)
		pinned |= holds_pin(stage, &all.of[i]);
	free(all.of);
	return pinned;
}

uint64_t stage_told_at(const struct stage *stage)
{
	const struct watch_event *told = telling(stage);

	return told && told->begin_ns ? told->begin_ns : stage->told_ns;
}

static bool has_mapped_since(const struct stage *stage, uint64_t attach, uint64_t since_ns)
{
	const struct watch_event *map = NULL;

	while ((map = events_next(stage->trial, WATCH_MAP, since_ns, map)))
		if (!map->result && map->attach == attach)
			return true;
	return false;
}

bool stage_keeps(const struct stage *stage)
{
	struct holdings then = holdings_told(stage), now = holdings_at(stage, UINT64_MAX);
	bool keeps = false;
	uint64_t i;

	for (i = 0; i < then.count && i < now.count && !keeps; i++)
		keeps = then.of[i].attached && now.of[i].maps > 0;
	free(then.of);
	free(now.of);
	return keeps;
}

bool stage_has_revived(const struct stage *stage)
{
	struct holdings then = holdings_told(stage);
	bool revived = false;
	uint64_t i;

	for (i = 0; i < then.count && !revived; i++)
		revived = holds_pin(stage, &then.of[i]) &&
			  has_mapped_since(stage, i, stage_told_at(stage));
	free(then.of);
	return revived;
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

/* When that fence signalled, if it was seen: who waited may have been late to notice. */
static uint64_t signalled_at(const struct stage *stage, const struct watch_event *wait)
{
	const struct watch_event *signal = NULL;

	while ((signal = events_next(stage->trial, WATCH_FENCE_SIGNAL, wait->begin_ns, signal)))
		if (signal->context == wait->context && signal->seqno == wait->seqno)
			return signal->time_ns < wait->time_ns ? signal->time_ns : wait->time_ns;
	return wait->time_ns;
}

/* When the last fence had that the exporter waited for; 0: there was none. */
static uint64_t fences_signalled(const struct stage *stage)
{
	const struct watch_event *wait = NULL;
	uint64_t last = 0, at;

	while ((wait = events_next(stage->trial, WATCH_FENCE_WAIT, stage->told_ns, wait))) {
		if (wait->unfinished || is_of_other(stage, wait))
			continue;
		at = signalled_at(stage, wait);
		if (at > last)
			last = at;
	}
	return last;
}

/* From when on it may unmap, whatever it waits for: its own fences, or one of ours. */
static uint64_t free_at(const struct stage *stage, const struct watch_event *told)
{
	const struct watch_event *wait = NULL;
	uint64_t from = told->time_ns;

	while ((wait = events_next(stage->trial, WATCH_FENCE_WAIT, stage->told_ns, wait)))
		if (!wait->unfinished && wait->time_ns > from)
			from = wait->time_ns;
	return stage->free_ns > from ? stage->free_ns : from;
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

/* That is for whoever moves the memory. Our exporter's, of a move, is no such event. */
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
	uint64_t done = fences_signalled(stage);

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

/* The importer says that it can be revoked: it has a callback. @count: its mappings then. */
static void judge_unmaps_of(struct stage *stage, uint64_t attach, int count,
			    const struct watch_event *told)
{
	static const char never[] = "it claims to be revocable and is not: it has not unmapped";
	uint64_t from = free_at(stage, told);
	uint64_t at = unmapped_at(stage->trial, attach, told->begin_ns, count);

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

static bool is_mapped(const struct holding *holding)
{
	return holding->attached && holding->maps > 0;
}

static bool has_unmapped(const struct stage *stage, const struct holdings *all,
			 const struct watch_event *told)
{
	uint64_t i;

	for (i = 0; i < all->count; i++)
		if (is_mapped(&all->of[i]) &&
		    !unmapped_at(stage->trial, i, told->begin_ns, all->of[i].maps))
			return false;
	return true;
}

/* Not every act has waited for that. */
static void await_unmaps(struct stage *stage, const struct holdings *all,
			 const struct watch_event *told)
{
	const struct limits *limits = &stage->trial->judge->limits;

	while (!has_unmapped(stage, all, told) &&
	       !trial_is_over(stage->trial, limits->ns[LIMIT_FENCE] + limits->ns[LIMIT_UNMAP],
			      told->begin_ns)) {
		nanosleep(&shortly, NULL);
		trial_look(stage->trial);
	}
}

static void judge_unmaps(struct stage *stage, const struct watch_event *told)
{
	struct holdings all = holdings_at(stage, told->begin_ns);
	uint64_t i;

	await_unmaps(stage, &all, told);
	for (i = 0; i < all.count; i++)
		if (is_mapped(&all.of[i]))
			judge_unmaps_of(stage, i, all.of[i].maps, told);
	free(all.of);
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

/* Its device uses the pin until the fence has signalled, as it uses the mapping. */
static void judge_pin_of(struct stage *stage, uint64_t attach, int pins,
			 const struct watch_event *told)
{
	const struct watch_event *event = NULL;
	uint64_t from = free_at(stage, told), unpinned = 0;

	while ((event = events_next(stage->trial, WATCH_UNPIN, told->begin_ns, event)))
		if (event->attach == attach)
			unpinned = event->time_ns;
	if (pins > 0)
		trial_never(stage->trial, "I5", LIMIT_UNMAP, from, "it has not unpinned",
			    "it was told, and the last fence");
	else if (unpinned > told->time_ns)
		trial_took(stage->trial, "I5", LIMIT_UNMAP, from, unpinned, "it has unpinned",
			   "it was told, and the last fence");
	else
		trial_pass(stage->trial, "I5", "it had unpinned when the callback returned");
}

static void judge_pins(struct stage *stage, const struct watch_event *told)
{
	struct holdings then, now;
	uint64_t i;

	if (awaits_fences(stage))
		return;
	if (stage_is_pinned(stage))
		await_unpins(stage);
	then = holdings_at(stage, told->begin_ns);
	now = holdings_at(stage, UINT64_MAX);
	for (i = 0; i < then.count && i < now.count; i++)
		if (holds_pin(stage, &then.of[i]))
			judge_pin_of(stage, i, now.of[i].pins, told);
	free(then.of);
	free(now.of);
}

void stage_judge_told(struct stage *stage)
{
	const struct watch_event *first = telling(stage), *told;
	struct watch_event copy;

	/* What it was not told it need not do: it cannot be revoked, or has let go. */
	if (!first || !stage_was_told(stage) || stage->ret == -EINPROGRESS)
		return;
	/* The list may move. */
	copy = *first;
	told = &copy;
	if (judges(stage, "I2"))
		judge_callback(stage, told);
	if (judges(stage, "I8"))
		judge_fences(stage, told);
	if (judges(stage, "I4"))
		judge_unmaps(stage, told);
	if (judges(stage, "I5"))
		judge_pins(stage, told);
}

/* Of jobs and fences only our importer tells. What is on a newer mapping is not concerned. */
void stage_judge_new_work(struct stage *stage)
{
	const struct watch_event *told = telling(stage), *event = NULL;

	if (!told || !stage_was_told(stage) || stage_mapped_since(stage, told->begin_ns))
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
