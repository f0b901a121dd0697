// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event-parse.h>
#include <kbuffer.h>
#include <tracefs.h>

#include "lib/text/message.h"
#include "watch/record/trace/decode.h"
#include "watch/record/trace/losses.h"
#include "watch/record/trace/read.h"

struct reader {
	const struct instance *instance;
	const struct sources *sources;
	struct tep_handle *tep;
	struct decoder *decoder;
	int *descriptors;
	size_t count;			/* of descriptors */
	struct kbuffer *page;		/* looks at @bytes */
	void *bytes;
	size_t size;			/* of a page of the ring buffers */
	struct raws *raws;		/* to be appended to, while draining */
	uint64_t lost;			/* said in them */
	uint64_t last_ns;		/* of the newest event that was read, or of the start */
};

static int take(struct reader *reader, struct tep_record *record)
{
	struct raw raw;

	if (record->ts > reader->last_ns)
		reader->last_ns = record->ts;
	return decoder_read(reader->decoder, record, &raw) ? raws_add(reader->raws, &raw) : 0;
}

/* The kernel does not always know how many. */
static int note_missed(struct reader *reader, const struct tep_record *record)
{
	struct raw raw = { .time_ns = record->ts, .kind = RAW_LOST };

	raw.size = record->missed_events > 0 ? (uint64_t)record->missed_events : 1;
	reader->lost += raw.size;
	return raws_add(reader->raws, &raw);
}

/* All that is in the page, which is nowhere else any more. *@last_ns: when the last of it was. */
static int take_page(struct reader *reader, uint64_t *last_ns)
{
	unsigned long long ns;
	int ret = 0;
	void *data;

	if (kbuffer_load_subbuffer(reader->page, reader->bytes))
		return -EBADMSG;
	for (data = kbuffer_read_event(reader->page, &ns); data && !ret;
	     data = kbuffer_next_event(reader->page, &ns)) {
		struct tep_record record = {
			.ts = ns,
			.size = kbuffer_event_size(reader->page),
			.missed_events = kbuffer_missed_events(reader->page),
			.data = data,
		};

		*last_ns = ns;
		if (record.missed_events)
			ret = note_missed(reader, &record);
		if (!ret)
			ret = take(reader, &record);
	}
	return ret;
}

/* Page by page. Who makes events faster than they are read would have us read for ever. */
static int drain_cpu(struct reader *reader, int file, uint64_t until_ns)
{
	uint64_t last_ns = 0;
	ssize_t length;
	int ret;

	while (last_ns <= until_ns) {
		length = read(file, reader->bytes, reader->size);
		if (length < 0 && errno == EINTR)
			continue;
		/* There is nothing, or no buffer: that CPU has never been there. */
		if (length < 0)
			return errno == EAGAIN || errno == ENODEV ? 0 : -errno;
		if (!length)
			return 0;
		ret = take_page(reader, &last_ns);
		if (ret)
			return ret;
	}
	return 0;
}

/* Of each CPU that there may be. */
static bool open_descriptors(struct reader *reader)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF), cpu;
	char path[64];
	int file;

	reader->descriptors = calloc((size_t)cpus, sizeof(int));
	if (!reader->descriptors)
		return false;
	for (cpu = 0; cpu < cpus; cpu++) {
		snprintf(path, sizeof(path), "per_cpu/cpu%ld/trace_pipe_raw", cpu);
		file = tracefs_instance_file_open(reader->instance->tracefs, path,
						  O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (file >= 0)
			reader->descriptors[reader->count++] = file;
	}
	return reader->count;
}

static bool parse_header(struct tep_handle *tep)
{
	int size, ret;
	char *header = tracefs_instance_file_read(NULL, "events/header_page", &size);

	if (!header)
		return false;
	ret = tep_parse_header_page(tep, header, (unsigned long)size, sizeof(long));
	free(header);
	return !ret;
}

/* What cannot be parsed is missed by the decoder. */
static void parse_format(struct tep_handle *tep, const struct source *source)
{
	int size;
	char *format = tracefs_event_file_read(NULL, source->system, source->event, "format",
					       &size);

	if (format)
		tep_parse_event(tep, format, (unsigned long)size, source->system);
	free(format);
}

/* By hand: libtracefs reads all symbols of the kernel with it, which takes longer than the rest. */
static struct tep_handle *parse_formats(const struct sources *sources)
{
	struct tep_handle *tep = tep_alloc();
	size_t i;

	if (!tep)
		return NULL;
	tep_set_file_bigendian(tep, tep_is_local_bigendian(tep) ? TEP_BIG_ENDIAN :
			       TEP_LITTLE_ENDIAN);
	if (!parse_header(tep)) {
		tep_free(tep);
		return NULL;
	}
	for (i = 0; i < sources->count; i++)
		parse_format(tep, &sources->rows[i]);
	return tep;
}

/* tep_kbuffer() of older libraries does not know how long the kernel's long is. */
static bool make_page(struct reader *reader)
{
	bool is_long = tep_get_header_page_size(reader->tep) == 8;

	reader->size = (size_t)tep_get_sub_buffer_size(reader->tep);
	reader->bytes = malloc(reader->size);
	reader->page = kbuffer_alloc(is_long ? KBUFFER_LSIZE_8 : KBUFFER_LSIZE_4,
				     KBUFFER_ENDIAN_SAME_AS_HOST);
	return reader->bytes && reader->page;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

struct reader *reader_open(const struct instance *instance, const struct sources *sources)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		goto failed;
	reader->instance = instance;
	reader->sources = sources;
	reader->last_ns = now();
	reader->tep = parse_formats(sources);
	reader->decoder = reader->tep ? decoder_make(reader->tep, sources) : NULL;
	if (!reader->decoder || !make_page(reader) || !open_descriptors(reader))
		goto failed;
	return reader;
failed:
	explain(ACT_OTHER, errno ? errno : ENOMEM, "watch: reading the trace");
	reader_close(reader);
	return NULL;
}

void reader_close(struct reader *reader)
{
	size_t i;

	if (!reader)
		return;
	for (i = 0; i < reader->count; i++)
		close(reader->descriptors[i]);
	free(reader->descriptors);
	free(reader->bytes);
	if (reader->page)
		kbuffer_free(reader->page);
	decoder_free(reader->decoder);
	tep_free(reader->tep);
	free(reader);
}

size_t reader_descriptors(const struct reader *reader, const int **descriptors)
{
	*descriptors = reader->descriptors;
	return reader->count;
}

/*
 * By ourselves: tracefs_iterate_raw_events() maps the buffers each time (libtracefs 1.8), and what
 * comes between its last look and its last call of the kernel is lost, without a word.
 */
int reader_drain(struct reader *reader, struct raws *raws)
{
	uint64_t until_ns = now();
	int ret = 0;
	size_t i;

	reader->raws = raws;
	for (i = 0; i < reader->count && !ret; i++)
		ret = drain_cpu(reader, reader->descriptors[i], until_ns);
	return ret;
}

int reader_finish(struct reader *reader, struct raws *raws)
{
	struct raw lost = { .kind = RAW_LOST };
	int ret = reader_drain(reader, raws);

	lost.size = losses_count(reader->instance) + raws->dropped;
	lost.size = lost.size > reader->lost ? lost.size - reader->lost : 0;
	/* What was read before may be in nobody's list any more. */
	lost.time_ns = reader->last_ns;
	if (!ret && lost.size)
		ret = raws_add(raws, &lost);
	reader->lost += lost.size;
	if (!tracefs_load_cmdlines(NULL, reader->tep))
		decoder_name(reader->decoder, raws);
	return ret ? ret : raws_sort(raws);
}
