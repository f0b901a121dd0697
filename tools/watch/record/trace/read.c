// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event-parse.h>
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
	struct raws *raws;		/* to be appended to, while draining */
	uint64_t lost;			/* said in them */
	uint64_t until_ns;		/* what is later need not be read now; or UINT64_MAX */
	size_t later;			/* how many are */
	bool stopped;			/* there were too many */
	uint64_t left_out;		/* how often that was so */
	uint64_t last_ns;		/* of the newest event that was read, or of the start */
	int ret;
};

/* Who makes events faster than they are read would have us read for ever. */
#define LATER_MOST	((size_t)1 << 16)

static void add(struct reader *reader, const struct raw *raw)
{
	int ret = raws_add(reader->raws, raw);

	if (!reader->ret)
		reader->ret = ret;
}

static int take(struct tep_event *event, struct tep_record *record, int cpu, void *context)
{
	struct reader *reader = context;
	struct raw raw;

	(void)event;
	(void)cpu;
	if (decoder_read(reader->decoder, record, &raw))
		add(reader, &raw);
	if (record->ts > reader->last_ns)
		reader->last_ns = record->ts;
	reader->later += record->ts > reader->until_ns;
	reader->stopped = reader->later > LATER_MOST;
	return reader->stopped ? 1 : reader->ret;
}

/* The kernel does not always know how many. */
static int note_missed(struct tep_event *event, struct tep_record *record, int cpu,
		       void *context)
{
	struct reader *reader = context;
	struct raw raw = { .time_ns = record->ts, .kind = RAW_LOST };

	(void)event;
	(void)cpu;
	raw.size = record->missed_events > 0 ? (uint64_t)record->missed_events : 1;
	reader->lost += raw.size;
	add(reader, &raw);
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
	if (!reader->decoder || !open_descriptors(reader))
		goto failed;
	tracefs_follow_missed_events(instance->tracefs, note_missed, reader);
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
	decoder_free(reader->decoder);
	tep_free(reader->tep);
	free(reader);
}

size_t reader_descriptors(const struct reader *reader, const int **descriptors)
{
	*descriptors = reader->descriptors;
	return reader->count;
}

static int drain_until(struct reader *reader, struct raws *raws, uint64_t until_ns)
{
	reader->raws = raws;
	reader->ret = 0;
	reader->until_ns = until_ns;
	reader->later = 0;
	reader->stopped = false;
	errno = 0;
	/* It fails where there is nothing to read, too. */
	if (tracefs_iterate_raw_events(reader->tep, reader->instance->tracefs, NULL, 0, take,
				       reader) && !reader->ret && !reader->stopped &&
	    errno != EAGAIN)
		reader->ret = -errno;
	return reader->ret;
}

int reader_drain(struct reader *reader, struct raws *raws)
{
	return drain_until(reader, raws, UINT64_MAX);
}

int reader_finish(struct reader *reader, struct raws *raws)
{
	struct raw lost = { .kind = RAW_LOST };
	int ret = drain_until(reader, raws, now());

	/* With the rest of the page that was being read, nobody knows how many. */
	reader->left_out += reader->stopped;
	lost.size = losses_count(reader->instance) + raws->dropped + reader->left_out;
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
