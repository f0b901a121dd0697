// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "watch/summary/notes.h"

/* What the notes are made of. */
struct counts {
	uint64_t guesses;	/* contexts of fences */
	uint64_t fences;
	uint64_t unseen;	/* importers whose attach was not seen */
	uint64_t earlier;	/* buffers that were there before */
	uint64_t holds;
	uint64_t crowded;
};

__attribute__((format(printf, 2, 3)))
static void note(struct notes *notes, const char *format, ...)
{
	va_list args;

	if (notes->count == NOTES_MOST)
		return;
	va_start(args, format);
	vsnprintf(notes->text[notes->count++], NOTE_TEXT, format, args);
	va_end(args);
}

static struct counts count(const struct timeline *timeline)
{
	struct counts counts = { 0 };
	size_t i;

	for (i = 0; i < timeline->row_count; i++) {
		const struct row *row = &timeline->rows[i];

		counts.fences += row->kind == ROW_FENCES;
		counts.guesses += row->kind == ROW_FENCES && row->owner && row->guessed;
		counts.unseen += row->kind == ROW_IMPORTER && row->number && !row->began;
		counts.earlier += row->kind == ROW_EXPORTER &&
				  (!row->began || row->began->what == WATCH_THERE);
		counts.holds += row->kind == ROW_LOCK;
		counts.crowded += row->crowded;
	}
	return counts;
}

static void note_unknown(struct notes *notes, const struct counts *counts)
{
	note(notes, "whether a device goes on with DMA when its fence has signalled");
	if (counts->guesses)
		note(notes, "which importer a fence belongs to: 'importer N?' is a guess");
	if (counts->fences)
		note(notes, "when DMA was done: a fence may signal when somebody looks at it");
	if (counts->earlier)
		note(notes, "what was mapped, pinned or pending before the recording began");
	if (counts->unseen)
		note(notes, "how %" PRIu64 " importers attached: they had done so before",
		     counts->unseen);
	if (!counts->holds)
		note(notes, "who held the resv lock: no event of it was recorded");
}

static void note_left_out(struct notes *notes, const struct timeline *timeline,
			  const struct facts *facts, const struct counts *counts)
{
	if (timeline->strangers)
		note(notes, "which buffer %" PRIu64 " events belong to: they are left out",
		     timeline->strangers);
	if (facts->waits_left_out)
		note(notes, "left out: %" PRIu64 " shorter waits with the resv lock held",
		     facts->waits_left_out);
	if (facts->refusals_left_out)
		note(notes, "left out: %" PRIu64 " more calls that were refused",
		     facts->refusals_left_out);
	if (counts->crowded)
		note(notes, "not drawn: %" PRIu64 " spans, beyond %d of a kind at a time",
		     counts->crowded, LANES_OF_KIND);
}

void notes_find(struct notes *notes, const struct timeline *timeline,
		const struct facts *facts)
{
	struct counts counts = count(timeline);

	notes->count = 0;
	note_unknown(notes, &counts);
	note_left_out(notes, timeline, facts, &counts);
}

char *notes_lost(char text[NOTE_TEXT], const struct timeline *timeline, uint64_t dropped)
{
	uint64_t gaps = timeline->lost_times + (dropped > 0);
	uint64_t lost;

	*text = '\0';
	if (!gaps)
		return text;
	if (__builtin_add_overflow(timeline->lost, dropped, &lost))
		lost = UINT64_MAX;
	snprintf(text, NOTE_TEXT, "LOST: %" PRIu64 " events in %" PRIu64 " gap%s%s", lost, gaps,
		 gaps > 1 ? "s" : "",
		 dropped ? ", the last as there was no memory for more: what follows is not all" :
		 ": what follows is not all");
	return text;
}
