// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/text/bar.h"
#include "lib/text/message.h"
#include "lib/text/table.h"
#include "watch/summary/importers.h"
#include "watch/timeline/words.h"
#include "watch/view/picture.h"
#include "watch/view/remarks.h"
#include "watch/view/strokes.h"

/* Of bars; what stands beside them takes so much of a terminal. */
#define NARROWEST	32
#define BESIDE		88

#define LEGEND \
	"importer: - attached, = mapped, # and a fence pending or DMA, I told, U unmapped,\n" \
	"          X refused, F IOMMU fault, D detached\n" \
	"exporter: = invalidates, w waits for fences, W the same with the resv lock held\n" \
	"lock:     = held, ! somebody waits for it      fences: # pending\n" \
	"CPU:      m mmap, = access, Z zapped, f fault, S SIGBUS, X refused\n"

static unsigned int bar_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ||
	    size.ws_col < BESIDE + NARROWEST)
		return NARROWEST;
	return size.ws_col - BESIDE < BAR_MOST ? size.ws_col - BESIDE : BAR_MOST;
}

static void set_told(struct table *table, const struct importer_facts *facts,
		     const struct window *window)
{
	char text[UNITS_TEXT], marked[UNITS_TEXT + 1];

	if (!facts || !facts->told)
		return;
	if (facts->told_ns >= window->zero_ns)
		table_set(table, "told", facts->told_ns - window->zero_ns);
	table_set(table, "took", facts->callback_ns);
	snprintf(marked, sizeof(marked), "%s%s", after_text(text, facts->fences),
		 facts->fences_guessed ? "?" : "");
	table_text(table, "fence", marked);
	table_text(table, "unmap", after_text(text, facts->unmap));
}

static void add_row(struct table *table, const struct timeline *timeline,
		    const struct facts *facts, const struct row *row,
		    const struct window *window, const struct scale *scale)
{
	struct bar bar = strokes_of(timeline, row, window, scale);
	char label[LABEL_TEXT], text[REMARK_TEXT];

	table_row(table);
	table_text(table, "who", row_label(label, row));
	table_text(table, "bar", bar.cells);
	set_told(table, facts_of_row(facts, row), window);
	table_text(table, "remark", remark(text, timeline, facts, row, window));
}

/* "-2.3 ms      36.7 ms", since the window's zero, as wide as a bar. */
static struct bar head_of(const struct window *window, const struct scale *scale)
{
	char from[UNITS_TEXT], to[UNITS_TEXT];
	bool begins = window->from_ns == window->zero_ns;
	struct bar bar;
	int used;

	used = snprintf(bar.cells, sizeof(bar.cells), "%s%s", begins ? "" : "-",
			begins ? "0" : format_duration(from, window->zero_ns - window->from_ns));
	snprintf(bar.cells + used, sizeof(bar.cells) - (size_t)used, "%*s",
		 (int)scale->width - used,
		 format_duration(to, window->to_ns - window->zero_ns));
	return bar;
}

static void set_title(char *title, size_t size, const struct dmabuf *dmabuf,
		      const struct window *window)
{
	char label[LABEL_TEXT], more[48] = "";

	if (dmabuf->count > SHOWN_ROWS)
		snprintf(more, sizeof(more), "; %zu more rows", dmabuf->count - SHOWN_ROWS);
	snprintf(title, size, "%s\n0 is %s, at %.6f s%s", dmabuf_label(label, dmabuf),
		 window->invalidation ? "the first invalidation" : "the first event",
		 (double)window->zero_ns / 1e9, more);
}

static void add_buffer(struct document *document, const struct timeline *timeline,
		       const struct facts *facts, const struct dmabuf *dmabuf,
		       const struct window *window)
{
	const struct scale scale = { window->from_ns, window->to_ns - window->from_ns ?: 1,
				     bar_width() };
	const struct bar head = head_of(window, &scale);
	const struct column columns[] = {
		{ "who", "WHO", CELL_TEXT, 0 },
		{ "bar", head.cells, CELL_BAR, scale.width },
		{ "told", "TOLD", CELL_DURATION, 0 },
		{ "took", "TOOK", CELL_DURATION, 0 },
		{ "fence", "LAST FENCE", CELL_BAR, 0 },
		{ "unmap", "LAST UNMAP", CELL_BAR, 0 },
		{ "remark", "WHAT", CELL_BAR, 0 },
		{ 0 },
	};
	char title[2 * LABEL_TEXT + 160];
	struct table *table;
	size_t i;

	set_title(title, sizeof(title), dmabuf, window);
	table = table_new(document, "buffer", title, LAYOUT_ROWS, columns);
	for (i = 0; i < dmabuf->count && i < SHOWN_ROWS; i++)
		add_row(table, timeline, facts, &timeline->rows[dmabuf->first + i], window,
			&scale);
}

int picture_print(const struct timeline *timeline, const struct facts *facts,
		  const struct choice_of *choice, const char *lost)
{
	struct shown shown = choose(timeline, choice);
	struct document *document = document_new(false);
	size_t i;

	if (*lost)
		printf("%s\n\n", lost);
	if (!shown.count)
		puts("Nothing of a dma-buf was recorded.");
	else
		puts(LEGEND);
	for (i = 0; i < shown.count; i++) {
		struct window window = window_of(timeline, shown.dmabufs[i], choice->whole);

		add_buffer(document, timeline, facts, shown.dmabufs[i], &window);
	}
	i = (size_t)document_print(document);
	if (shown.left_out)
		printf("\n%" PRIu64 " more buffers: --buffer N shows one, --summary all\n",
		       shown.left_out);
	return (int)i;
}
