// SPDX-License-Identifier: GPL-2.0-only
#include "judge/report/pictures.h"
#include "watch/svg/page.h"
#include "watch/view/perfetto.h"

int pictures_make(struct pictures *pictures, struct watch_list *events,
		  const struct watch_origin *origin)
{
	int ret = watch_list_sort(events);

	*pictures = (struct pictures){ .origin = origin };
	if (!ret)
		ret = timeline_build(&pictures->timeline, events);
	if (!ret)
		ret = facts_find(&pictures->facts, &pictures->timeline);
	if (!ret)
		notes_lost(pictures->lost, &pictures->timeline, events->dropped);
	return ret;
}

void pictures_free(struct pictures *pictures)
{
	facts_free(&pictures->facts);
	timeline_free(&pictures->timeline);
}

void svg_write(FILE *out, const struct pictures *pictures)
{
	const struct choice_of all = { 0 };
	const struct page page = {
		.origin = pictures->origin, .timeline = &pictures->timeline,
		.facts = &pictures->facts, .choice = &all, .lost = pictures->lost,
	};

	page_draw(out, &page);
}

void tracks_write(FILE *out, const struct pictures *pictures)
{
	const struct tracks tracks = {
		.origin = pictures->origin, .timeline = &pictures->timeline,
		.lost = pictures->lost,
	};

	perfetto_write(out, &tracks);
}
