/* SPDX-License-Identifier: GPL-2.0-only */
/* Rows and marks in words: clean text, which any output can take once it has escaped it. */
#ifndef TIMELINE_WORDS_H
#define TIMELINE_WORDS_H

#include "watch/timeline/model.h"

#define LABEL_TEXT	240
#define MARK_TEXT	480

/* "mapped", "callback", "lock held": what a lane shows. */
const char *mark_word(enum mark_kind kind);

/* "importer 2: 0000:00:04.0"; returns @text. */
char *row_label(char text[LABEL_TEXT], const struct row *row);
/* "dynamic", "dynamic, pinned", "static", "not known"; "" of what is no importer. */
const char *importer_kind(const struct row *row);
/* "buffer 1: vfio-pci, 16 MiB, inode 12"; returns @text. */
char *dmabuf_label(char text[LABEL_TEXT], const struct dmabuf *dmabuf);

/* "kworker/1:2, thread 129", "" if nobody knows; returns @text. */
char *event_thread(char text[LABEL_TEXT], const struct watch_event *event);
/* All that is known of it but the times, such as "map: ENODEV by demo/127"; returns @text. */
char *mark_text(char text[MARK_TEXT], const struct mark *mark);

#endif
