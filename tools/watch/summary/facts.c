// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "watch/summary/facts.h"
#include "watch/summary/latest.h"
#include "watch/summary/locks.h"
#include "watch/summary/refusals.h"

static struct after after(const struct mark *told, const struct mark *last)
{
	struct after after = { OUTCOME_NOTHING, 0 };

	if (!last || last->end_ns <= told->begin_ns)
		return after;
	after.ns = last->end_ns - told->begin_ns;
	after.outcome = last->no_end ? OUTCOME_NEVER : last->cut ? OUTCOME_CUT : OUTCOME_ENDED;
	return after;
}

/* The worse of two: what never ended, and then what took longer. */
static void take_worse(struct after *worst, struct after one)
{
	if (one.outcome > worst->outcome ||
	    (one.outcome == worst->outcome && one.ns > worst->ns))
		*worst = one;
}

static void add_told(struct importer_facts *facts, const struct latest *fences,
		     const struct latest *maps, const struct mark *told)
{
	const struct row *row = facts->row;
	const struct mark *fence = latest_find(fences, row, told->end_ns);

	if (!facts->told++ || told->begin_ns < facts->told_ns)
		facts->told_ns = told->begin_ns;
	if (told->end_ns - told->begin_ns > facts->callback_ns)
		facts->callback_ns = told->end_ns - told->begin_ns;
	if (fence && fence->end_ns > told->begin_ns)
		facts->fences_guessed |= fence->event->guessed;
	take_worse(&facts->fences, after(told, fence));
	take_worse(&facts->unmap, after(told, latest_find(maps, row, told->begin_ns)));
}

static bool ended_by(const struct mark *mark, enum watch_what what)
{
	return mark->ended && mark->ended->what == what;
}

static struct importer_facts importer(const struct timeline *timeline, const struct row *row,
				      const struct latest *fences, const struct latest *maps)
{
	struct importer_facts facts = { .row = row };
	size_t i;

	for (i = row->first; i < row->first + row->count; i++) {
		const struct mark *mark = &timeline->marks[i];

		if (mark->kind == MARK_TOLD)
			add_told(&facts, fences, maps, mark);
		facts.maps += mark->kind == MARK_MAPPED && mark->event->what == WATCH_MAP;
		facts.unmaps += ended_by(mark, WATCH_UNMAP);
		facts.pins += mark->kind == MARK_PINNED && mark->event->what == WATCH_PIN;
		facts.unpins += ended_by(mark, WATCH_UNPIN);
		facts.refused += mark->kind == MARK_REFUSED;
	}
	return facts;
}

static int find_importers(struct facts *facts, const struct timeline *timeline)
{
	struct latest fences = { 0 }, maps = { 0 };
	int ret = latest_of(&fences, timeline, MARK_FENCE);
	size_t i;

	if (!ret)
		ret = latest_of(&maps, timeline, MARK_MAPPED);
	facts->importers = calloc(timeline->row_count + 1, sizeof(*facts->importers));
	if (!ret && !facts->importers)
		ret = -ENOMEM;
	for (i = 0; !ret && i < timeline->row_count; i++)
		if (timeline->rows[i].kind == ROW_IMPORTER)
			facts->importers[facts->importer_count++] =
				importer(timeline, &timeline->rows[i], &fences, &maps);
	latest_free(&fences);
	latest_free(&maps);
	return ret;
}

int facts_find(struct facts *facts, const struct timeline *timeline)
{
	int ret;

	*facts = (struct facts){ 0 };
	ret = find_importers(facts, timeline);
	if (!ret)
		ret = find_locked_waits(facts, timeline);
	if (!ret)
		ret = find_refusals(facts, timeline);
	if (ret)
		facts_free(facts);
	return ret;
}

void facts_free(struct facts *facts)
{
	free(facts->importers);
	free(facts->waits);
	free(facts->refusals);
	*facts = (struct facts){ 0 };
}

static int compare(const void *row, const void *facts)
{
	const struct row *one = row;
	const struct row *other = ((const struct importer_facts *)facts)->row;

	return one < other ? -1 : one > other;
}

/* They are in the order of their rows. */
const struct importer_facts *facts_of_row(const struct facts *facts, const struct row *row)
{
	return bsearch(row, facts->importers, facts->importer_count,
		       sizeof(*facts->importers), compare);
}
