/* SPDX-License-Identifier: GPL-2.0-only */
/* What of a buffer's memory the program has written to. */
#ifndef JUDGE_IMPORTER_CONTENTS_H
#define JUDGE_IMPORTER_CONTENTS_H

#include "judge/importer/stage.h"

struct contents {
	uint64_t *pages;		/* of each a hash of what was written; 0: nothing was */
	size_t count, written;		/* pages; those that were written to */
	uint64_t inside, outside;	/* bytes that were, of the range that it was given */
	uint64_t first_outside;		/* offset of the first */
	const char *why;		/* it could not be looked at */
};

/*
 * What nobody writes by chance, all over the memory. False after giving the scenario up; write()
 * does not do that.
 */
bool contents_fill(struct stage *stage);
bool contents_write(struct stage *stage);
/*
 * Once the fences are over. False: @why. Free it, whatever it was. contents_await() looks for a
 * while, until something was written.
 */
bool contents_look(struct stage *stage, struct contents *contents);
bool contents_await(struct stage *stage, struct contents *contents);
void contents_free(struct contents *contents);
/* Whether the same pages were written to; and with the same. */
bool contents_same_pages(const struct contents *a, const struct contents *b);
bool contents_same(const struct contents *a, const struct contents *b);

#endif
