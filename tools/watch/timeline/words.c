// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/text/message.h"
#include "lib/text/names.h"
#include "lib/text/units.h"
#include "lib/encoding/utf8.h"
#include "watch/lines.h"
#include "watch/timeline/words.h"

static const char *const words[MARK_KINDS] = {
	[MARK_LIFE] = "there",
	[MARK_REFUSED] = "refused",
	[MARK_SIGBUS] = "SIGBUS",
	[MARK_FAULT] = "page fault",
	[MARK_MMAP] = "mmap",
	[MARK_ZAP] = "zap",
	[MARK_DMA_FAULT] = "IOMMU fault",
	[MARK_NOTE] = "note",
	[MARK_LOST] = "lost",
	[MARK_STATE] = "state",
	[MARK_INVALIDATE] = "invalidate",
	[MARK_WAIT] = "fence wait",
	[MARK_HELD] = "held",
	[MARK_CONTENDED] = "waited for",
	[MARK_PINNED] = "pinned",
	[MARK_MAPPED] = "mapped",
	[MARK_JOB] = "DMA",
	[MARK_TOLD] = "callback",
	[MARK_FENCE] = "pending",
	[MARK_ACCESS] = "access",
	[MARK_VMAPPED] = "vmapped",
};

const char *mark_word(enum mark_kind kind)
{
	return words[kind];
}

/* Appends to what is in @text of @size; what does not fit is cut off. */
__attribute__((format(printf, 3, 4)))
static void append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

char *row_label(char text[LABEL_TEXT], const struct row *row)
{
	static const char *const heads[] = {
		[ROW_RECORDING] = "recording",
		[ROW_EXPORTER] = "exporter",
		[ROW_LOCK] = "resv lock",
		[ROW_IMPORTER] = "importer",
		[ROW_FENCES] = "fences",
		[ROW_CPU] = "CPU",
		[ROW_DEVICE] = "IOMMU",
	};

	bool numbered = row->kind == ROW_FENCES || row->kind == ROW_IMPORTER;

	if (row->kind == ROW_IMPORTER && !row->number) {
		snprintf(text, LABEL_TEXT, "not attached");
		return text;
	}
	snprintf(text, LABEL_TEXT, "%s", heads[row->kind]);
	if (numbered)
		append(text, LABEL_TEXT, " %" PRIu64, row->number);
	if (*row->name)
		append(text, LABEL_TEXT, "%s %s", numbered ? ":" : "", row->name);
	return text;
}

const char *importer_kind(const struct row *row)
{
	if (row->kind != ROW_IMPORTER)
		return "";
	if (!row->began)
		return "not known";
	if (!*row->began->name || !strcmp(row->began->name, "legacy-static"))
		return "static";
	return row->was_pinned ? "dynamic, pinned" : "dynamic";
}

char *dmabuf_label(char text[LABEL_TEXT], const struct dmabuf *dmabuf)
{
	const struct watch_event *began = dmabuf->began;
	char clean[WATCH_NAME_LEN * 2], size[UNITS_TEXT];

	snprintf(text, LABEL_TEXT, dmabuf->number ? "buffer %" PRIu64 : "no known buffer",
		 dmabuf->number);
	if (!began)
		return text;
	if (*began->name)
		append(text, LABEL_TEXT, ": %s", utf8_clean(clean, sizeof(clean), began->name));
	if (began->size)
		append(text, LABEL_TEXT, ", %s", format_size(size, began->size));
	if (began->inode)
		append(text, LABEL_TEXT, ", inode %" PRIu64, began->inode);
	return text;
}

char *event_thread(char text[LABEL_TEXT], const struct watch_event *event)
{
	char comm[3 * sizeof(event->comm) + 1];

	utf8_clean(comm, sizeof(comm), event->comm);
	if (event->pid)
		snprintf(text, LABEL_TEXT, "%s/%" PRIu32, *comm ? comm : "?", event->pid);
	else
		snprintf(text, LABEL_TEXT, "%s", comm);
	return text;
}

static void append_refused(char *text, const struct watch_event *event)
{
	append(text, MARK_TEXT, "%s: %s", watch_word(event->what), errno_name(event->result));
}

static void append_fence(char *text, const struct mark *mark)
{
	append(text, MARK_TEXT, "fence %" PRIu64 ":%" PRIu64, mark->event->context,
	       mark->event->seqno);
	if (mark->event->what == WATCH_FENCE_ADD)
		append(text, MARK_TEXT, ", %s", usage_name((uint32_t)mark->event->usage));
	if (mark->event->attach)
		append(text, MARK_TEXT, ", of importer %" PRIu64 "%s", mark->event->attach,
		       mark->event->guessed ? "? (a guess)" : "");
	if (mark->event->signalled)
		append(text, MARK_TEXT, ", had signalled");
	if (mark->ended && mark->ended->result)
		append(text, MARK_TEXT, ", signalled %s", errno_name(mark->ended->result));
}

static const char *life_word(enum watch_what what)
{
	switch (what) {
	case WATCH_EXPORT:
		return "exported";
	case WATCH_ATTACH:
		return "attached";
	default:
		return mark_word(MARK_LIFE);
	}
}

static void append_kind(char *text, const struct mark *mark)
{
	const struct watch_event *event = mark->event;
	char clean[WATCH_NAME_LEN * 2];

	switch (mark->kind) {
	case MARK_LIFE:
		append(text, MARK_TEXT, "%s", life_word(event->what));
		return;
	case MARK_REFUSED:
		append_refused(text, event);
		return;
	case MARK_FENCE:
		append_fence(text, mark);
		return;
	case MARK_LOST:
		append(text, MARK_TEXT, "%" PRIu64 " events lost", event->size);
		return;
	case MARK_NOTE:
	case MARK_STATE:
		append(text, MARK_TEXT, "%s", utf8_clean(clean, sizeof(clean), event->name));
		return;
	case MARK_DMA_FAULT:
		append(text, MARK_TEXT, "IOMMU fault at 0x%" PRIx64, event->address);
		return;
	case MARK_HELD:
		append(text, MARK_TEXT, "resv lock held");
		return;
	case MARK_CONTENDED:
		append(text, MARK_TEXT, "waited for the resv lock");
		return;
	default:
		append(text, MARK_TEXT, "%s", mark_word(mark->kind));
		return;
	}
}

static void append_details(char *text, const struct mark *mark)
{
	const struct watch_event *event = mark->event;
	char clean[WATCH_NAME_LEN * 2];

	if (mark->kind == MARK_WAIT)
		append(text, MARK_TEXT, ", %s%s", usage_name((uint32_t)event->usage),
		       event->locked ? ", with the resv lock held" : "");
	if (mark->kind == MARK_LIFE && event->what == WATCH_ATTACH && event->ours && *event->name)
		append(text, MARK_TEXT, ", %s", utf8_clean(clean, sizeof(clean), event->name));
	else if (mark->kind == MARK_LIFE && event->what == WATCH_ATTACH)
		append(text, MARK_TEXT, ", %s%s", *event->name ? "callback " : "no callback",
		       utf8_clean(clean, sizeof(clean), event->name));
	if ((mark->kind == MARK_PINNED || mark->kind == MARK_MAPPED) && *event->name)
		append(text, MARK_TEXT, ", %s", utf8_clean(clean, sizeof(clean), event->name));
	if (mark->kind == MARK_JOB && event->result)
		append(text, MARK_TEXT, ": %s", errno_name(event->result));
}

char *mark_text(char text[MARK_TEXT], const struct mark *mark)
{
	char thread[LABEL_TEXT];

	*text = '\0';
	append_kind(text, mark);
	append_details(text, mark);
	if (*event_thread(thread, mark->event))
		append(text, MARK_TEXT, " by %s", thread);
	if (mark->no_begin)
		append(text, MARK_TEXT, "; its beginning was not seen");
	if (mark->no_end)
		append(text, MARK_TEXT, "; its end was not seen");
	if (mark->cut)
		append(text, MARK_TEXT, "; ended by %s", watch_word(mark->ended->what));
	return text;
}
