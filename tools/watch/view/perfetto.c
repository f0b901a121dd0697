// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include "lib/encoding/json.h"
#include "lib/text/message.h"
#include "watch/timeline/words.h"
#include "watch/view/perfetto.h"

/* A file being written, and the numbers that it gives: 1 and more. */
struct writer {
	FILE *out;
	const struct timeline *timeline;
	uint64_t process;	/* of the buffer */
	uint64_t thread;	/* the last one; no thread has the number of a process */
	bool begun;		/* something has been written */
};

/* In microseconds, without loss. */
static void write_time(FILE *out, const char *key, uint64_t ns)
{
	fprintf(out, ", \"%s\": %" PRIu64 ".%03" PRIu64, key, ns / 1000, ns % 1000);
}

/* Up to its name, which comes next. */
static void begin_event(struct writer *writer, const char *phase)
{
	fprintf(writer->out, "%s\n{\"ph\": \"%s\", \"name\": ", writer->begun ? "," : "", phase);
	writer->begun = true;
}

static void write_place(const struct writer *writer, uint64_t thread)
{
	fprintf(writer->out, ", \"pid\": %" PRIu64 ", \"tid\": %" PRIu64, writer->process,
		thread);
}

/* Some readers ask for a category and a time of these, too. */
static void begin_metadata(struct writer *writer, const char *what, const char *of,
			   uint64_t thread)
{
	begin_event(writer, "M");
	fprintf(writer->out, "\"%s_%s\", \"cat\": \"__metadata\", \"ts\": 0", what, of);
	write_place(writer, thread);
}

/* And in which order they are shown: that of their numbers. */
static void write_name(struct writer *writer, const char *what, uint64_t thread,
		       const char *name)
{
	begin_metadata(writer, what, "name", thread);
	fputs(", \"args\": {\"name\": ", writer->out);
	json_print(writer->out, name);
	fputs("}}", writer->out);
	begin_metadata(writer, what, "sort_index", thread);
	fprintf(writer->out, ", \"args\": {\"sort_index\": %" PRIu64 "}}",
		thread ? thread : writer->process);
}

static void write_lane(struct writer *writer, const struct row *row, unsigned int lane)
{
	const char *word = row->lane_kind[lane] == MARK_LIFE ? importer_kind(row) :
			   mark_word(row->lane_kind[lane]);
	char label[LABEL_TEXT], name[LABEL_TEXT + 64];

	snprintf(name, sizeof(name), "%s%s%s", row_label(label, row), *word ? ", " : "", word);
	write_name(writer, "thread", writer->thread + 1 + lane, name);
}

static void write_args(const struct writer *writer, const struct mark *mark)
{
	char text[MARK_TEXT];

	fputs(", \"args\": {\"what\": ", writer->out);
	json_print(writer->out, mark_text(text, mark));
	if (*event_thread(text, mark->event)) {
		fputs(", \"by\": ", writer->out);
		json_print(writer->out, text);
	}
	if (mark->event->result)
		fprintf(writer->out, ", \"result\": \"%s\"", errno_name(mark->event->result));
	fputs("}}", writer->out);
}

static void write_mark(struct writer *writer, const struct mark *mark)
{
	char text[MARK_TEXT];
	bool named = mark->kind == MARK_REFUSED || mark->kind == MARK_STATE ||
		     mark->kind == MARK_NOTE || mark->kind == MARK_LIFE;

	begin_event(writer, mark_is_point(mark->kind) ? "i\", \"s\": \"t" : "X");
	json_print(writer->out, named ? mark_text(text, mark) : mark_word(mark->kind));
	fprintf(writer->out, ", \"cat\": \"%s\"", mark_word(mark->kind));
	write_place(writer, writer->thread + 1 + mark->lane);
	write_time(writer->out, "ts", mark->begin_ns);
	if (!mark_is_point(mark->kind))
		write_time(writer->out, "dur", mark->end_ns - mark->begin_ns);
	write_args(writer, mark);
}

static void write_row(struct writer *writer, const struct row *row)
{
	unsigned int lane;
	size_t i;

	for (lane = 0; lane < row->lanes; lane++)
		write_lane(writer, row, lane);
	for (i = row->first; i < row->first + row->count; i++)
		if (writer->timeline->marks[i].lane != LANE_NONE)
			write_mark(writer, &writer->timeline->marks[i]);
	writer->thread += row->lanes;
}

static void write_buffer(struct writer *writer, const struct dmabuf *dmabuf)
{
	char label[LABEL_TEXT];
	size_t i;

	write_name(writer, "process", 0, dmabuf_label(label, dmabuf));
	for (i = 0; i < dmabuf->count; i++)
		write_row(writer, &writer->timeline->rows[dmabuf->first + i]);
}

void perfetto_write(FILE *out, const struct tracks *tracks)
{
	const struct timeline *timeline = tracks->timeline;
	struct writer writer = {
		.out = out, .timeline = timeline, .process = timeline->dmabuf_count + 1,
		.thread = timeline->dmabuf_count + 1,
	};
	size_t i;

	fputs("{\"displayTimeUnit\": \"ns\", \"otherData\": {\"kernel\": ", out);
	json_print(out, tracks->origin->kernel);
	fputs(", \"clock\": ", out);
	json_print(out, tracks->origin->clock);
	fputs(", \"lost\": ", out);
	json_print(out, tracks->lost);
	fputs("}, \"traceEvents\": [", out);
	if (timeline->lost_times) {
		write_name(&writer, "process", 0, "recording");
		write_row(&writer, timeline->rows);
	}
	for (i = 0; i < timeline->dmabuf_count; i++) {
		writer.process = i + 1;
		if (!tracks->buffer || timeline->dmabufs[i].number == tracks->buffer)
			write_buffer(&writer, &timeline->dmabufs[i]);
	}
	fputs("\n]}\n", out);
}
