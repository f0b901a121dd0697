/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The timeline as Trace Event JSON, which ui.perfetto.dev and chrome://tracing open: a process
 * for each buffer, a thread for each lane of its rows.
 */
#ifndef VIEW_PERFETTO_H
#define VIEW_PERFETTO_H

#include <stdio.h>

#include "watch/lines.h"
#include "watch/timeline/model.h"

struct tracks {
	const struct watch_origin *origin;
	const struct timeline *timeline;
	uint64_t buffer;		/* 0: all */
	const char *lost;		/* or "" */
};

void perfetto_write(FILE *out, const struct tracks *tracks);

#endif
