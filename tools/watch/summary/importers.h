/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SUMMARY_IMPORTERS_H
#define SUMMARY_IMPORTERS_H

#include "lib/text/table.h"
#include "lib/text/units.h"
#include "watch/summary/facts.h"

/* A table of them, at the end of @document. */
void report_importers(struct document *document, const struct facts *facts);

/* "27.3 ms", "at detach", "never", "" where there was nothing; returns @text. */
char *after_text(char text[UNITS_TEXT], struct after after);

#endif
