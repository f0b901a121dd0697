/* SPDX-License-Identifier: GPL-2.0-only */
/* What nobody can know from a recording, and what was left out of it. */
#ifndef SUMMARY_NOTES_H
#define SUMMARY_NOTES_H

#include "watch/summary/facts.h"

#define NOTES_MOST	16
#define NOTE_TEXT	160

struct notes {
	unsigned int count;
	char text[NOTES_MOST][NOTE_TEXT];
};

void notes_find(struct notes *notes, const struct timeline *timeline,
		const struct facts *facts);

/*
 * "LOST: 12 events in 2 gaps: ..." to be said before all else; "" if none is.
 * @dropped events did not fit into memory. Returns @text.
 */
char *notes_lost(char text[NOTE_TEXT], const struct timeline *timeline, uint64_t dropped);

#endif
