/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From entries of our events to events of watch. Both modules tell of the same call: where the
 * exporter is ours, its word counts. For --own and the judge, who take events while it goes on;
 * a trace.dat, which may have more than ours and is there as a whole, is for ours/alone.c.
 */
#ifndef OWN_JOIN_H
#define OWN_JOIN_H

#include "watch/list.h"
#include "watch/record/chosen.h"
#include "watch/record/join/known.h"
#include "watch/record/own/pending.h"
#include "watch/record/there.h"

#define OWN_EXPORTER	"dmabuf_revoke_exporter"
#define OWN_IMPORTER	"dmabuf_revoke_importer"

struct own_join {
	const struct sources *sources;
	const struct chosen *chosen;	/* NULL: all */
	const struct descriptor *there;	/* when it began */
	size_t there_count;
	struct watch_list *out;
	struct known known;
	struct index by_inode;		/* the youngest buffer of it */
	struct pending pending;
	int ret;			/* a negative errno, if ever */
};

/* The next one, in order of time. */
void own_join(struct own_join *join, const struct raw *raw);
/* What has begun and not ended, as of @end_ns. */
void own_join_unfinished(struct own_join *join, uint64_t end_ns);
void own_join_free(struct own_join *join);

#endif
