/* SPDX-License-Identifier: GPL-2.0-only */
/* What happened, as watch shows it. */
#ifndef REPORT_PICTURES_H
#define REPORT_PICTURES_H

#include <stdio.h>

#include "judge/context.h"
#include "watch/lines.h"
#include "watch/summary/facts.h"
#include "watch/summary/notes.h"

struct pictures {
	const struct watch_origin *origin;
	struct timeline timeline;
	struct facts facts;
	char lost[NOTE_TEXT];
};

/* Sorts the events, which outlive it. Returns 0 or -ENOMEM. */
int pictures_make(struct pictures *pictures, struct watch_list *events,
		  const struct watch_origin *origin);
void pictures_free(struct pictures *pictures);

void svg_write(FILE *out, const struct pictures *pictures);
void tracks_write(FILE *out, const struct pictures *pictures);

#endif
