/* SPDX-License-Identifier: GPL-2.0-only */
/* Of what an importer had begun by some time: what ended last. In logarithmic time. */
#ifndef SUMMARY_LATEST_H
#define SUMMARY_LATEST_H

#include "watch/timeline/model.h"

struct latest_entry {
	uint64_t buffer;
	uint64_t attach;
	const struct mark *mark;
	const struct mark *last;	/* to end, of this importer's up to this one */
};

struct latest {
	struct latest_entry *entries;	/* by importer and beginning */
	size_t count;
};

/* Of all marks of @kind: MARK_FENCE or MARK_MAPPED. Returns 0 or -ENOMEM. */
int latest_of(struct latest *latest, const struct timeline *timeline, enum mark_kind kind);
void latest_free(struct latest *latest);

/* Of the importer in @row, among those that began at @until_ns or before; or NULL. */
const struct mark *latest_find(const struct latest *latest, const struct row *row,
			       uint64_t until_ns);

#endif
