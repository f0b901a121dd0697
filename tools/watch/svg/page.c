// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include "lib/encoding/xml.h"
#include "watch/timeline/words.h"
#include "watch/svg/axis.h"
#include "watch/svg/lanes.h"
#include "watch/svg/page.h"
#include "watch/svg/rows.h"
#include "watch/svg/style.h"

#define HEAD_HEIGHT	44

/* What is drawn, one below the other. */
struct layout {
	struct panel panels[SHOWN_BUFFERS];
	size_t count;
	uint64_t left_out;
	double bottom;
};

static void add_panel(struct layout *layout, FILE *out, const struct page *page,
		      const struct dmabuf *dmabuf)
{
	struct panel *panel = &layout->panels[layout->count++];
	size_t i;

	*panel = (struct panel){
		.out = out, .timeline = page->timeline, .facts = page->facts,
		.dmabuf = dmabuf,
		.window = window_of(page->timeline, dmabuf, page->choice->whole),
		.rows = dmabuf->count < SHOWN_ROWS ? dmabuf->count : SHOWN_ROWS,
		.top = layout->bottom + TITLE_HEIGHT + AXIS_HEIGHT,
	};
	panel->bottom = panel->top;
	for (i = 0; i < panel->rows; i++)
		panel->bottom += row_height(panel, &page->timeline->rows[dmabuf->first + i]);
	layout->bottom = panel->bottom + PANEL_GAP;
}

static void draw_head(FILE *out, const struct page *page, const struct layout *layout)
{
	fprintf(out, "<text class=\"head\" x=\"%d\" y=\"24\">", PAGE_MARGIN);
	fputs("dma-bufs", out);
	if (*page->origin->kernel) {
		fputs(", Linux ", out);
		xml_print_short(out, page->origin->kernel, 60);
	}
	if (layout->left_out)
		fprintf(out, ", %" PRIu64 " more not drawn", layout->left_out);
	fputs("</text>\n", out);
	if (!*page->lost)
		return;
	fprintf(out, "<text class=\"warn\" x=\"%d\" y=\"40\">", PAGE_MARGIN);
	xml_print(out, page->lost);
	fputs("</text>\n", out);
}

static void draw_title(const struct panel *panel)
{
	const struct window *window = &panel->window;
	char label[LABEL_TEXT];

	fprintf(panel->out, "<text class=\"title\" x=\"%d\" y=\"%.1f\">", PAGE_MARGIN,
		panel->top - AXIS_HEIGHT - 22);
	xml_print_short(panel->out, dmabuf_label(label, panel->dmabuf), 120);
	fprintf(panel->out, "</text>\n<text class=\"lane\" x=\"%d\" y=\"%.1f\">0 is %s at %.6f s",
		PAGE_MARGIN, panel->top - AXIS_HEIGHT - 6,
		window->invalidation ? "the first invalidation," : "the first event,",
		(double)window->zero_ns / 1e9);
	if (panel->rows < panel->dmabuf->count)
		fprintf(panel->out, "; %zu more rows not drawn",
			panel->dmabuf->count - panel->rows);
	fputs("</text>\n", panel->out);
}

static void draw_panel(const struct panel *panel)
{
	draw_title(panel);
	fprintf(panel->out, "<rect class=\"plot\" x=\"%d\" y=\"%.1f\" ", PLOT_LEFT, panel->top);
	fprintf(panel->out, "width=\"%d\" height=\"%.1f\"/>\n", PLOT_RIGHT - PLOT_LEFT,
		panel->bottom - panel->top);
	axis_draw(panel);
	rows_draw(panel);
	losses_draw(panel);
}

void page_draw(FILE *out, const struct page *page)
{
	struct shown shown = choose(page->timeline, page->choice);
	struct layout layout = { .left_out = shown.left_out, .bottom = HEAD_HEIGHT };
	size_t i;

	for (i = 0; i < shown.count; i++)
		add_panel(&layout, out, page, shown.dmabufs[i]);
	style_begin(out, layout.bottom + LEGEND_HEIGHT);
	draw_head(out, page, &layout);
	for (i = 0; i < layout.count; i++)
		draw_panel(&layout.panels[i]);
	legend_draw(out, layout.bottom);
	fputs("</svg>\n", out);
}
