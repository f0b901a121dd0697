// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event-parse.h>
#include <tracefs.h>

#include "lib/text/message.h"
#include "watch/record/trace/losses.h"
#include "watch/record/trace/read.h"

/* Of kprobes as of trace events, whatever an event has of it. */
static const struct known_field {
	const char *name;
	size_t place;			/* in struct raw */
	size_t size;
	bool is_text;
} known_fields[] = {
#define NUMBER(name, member) \
	{ name, offsetof(struct raw, member), sizeof(((struct raw *)0)->member), false }
#define TEXT(name, member) \
	{ name, offsetof(struct raw, member), sizeof(((struct raw *)0)->member), true }
	NUMBER("dmabuf", dmabuf),
	NUMBER("attachment", attachment),
	NUMBER("resv", resv),
	NUMBER("mapping", mapping),
	NUMBER("__probe_ip", ip),
	NUMBER("importer_ops", importer_ops),
	NUMBER("callback", callback),
	NUMBER("op", op),
	NUMBER("pointer", pointer),
	NUMBER("inode", inode),
	NUMBER("size", size),
	NUMBER("context", context),
	NUMBER("seqno", seqno),
	NUMBER("left", left),
	NUMBER("usage", usage),
	NUMBER("signalled", signalled),
	NUMBER("result", result),
	TEXT("device", device),
	TEXT("exporter", name),
	/* dma_fence */
	TEXT("driver", name),
	TEXT("timeline", timeline),
	/* lock; a resv begins with its lock */
	NUMBER("lock_addr", resv),
	/* iommu */
	NUMBER("iova", address),
	/* dma_buf */
	NUMBER("ino", inode),
	TEXT("exp_name", name),
	/* Ours */
	NUMBER("attach", attachment),
	NUMBER("ret", result),
	NUMBER("state", state),
	NUMBER("value", size),
	NUMBER("kind", importer_kind),
	NUMBER("flags", flags),
	NUMBER("is_dynamic", is_dynamic),
	NUMBER("revocable", revocable),
	TEXT("dev_name", device),
	TEXT("call", name),
	TEXT("bug", name),
};

#define FIELDS	(sizeof(known_fields) / sizeof(*known_fields))

/* An event as tracefs has numbered it. */
struct format {
	const struct source *source;
	struct tep_format_field *fields[FIELDS];	/* NULL: not of this event */
};

struct reader {
	const struct instance *instance;
	const struct sources *sources;
	struct tep_handle *tep;
	struct format *formats;		/* as many as sources */
	uint16_t *by_id;		/* index of a format and 1, of 64 Ki */
	int *descriptors;
	size_t count;			/* of descriptors */
	struct raws *raws;		/* to be appended to, while draining */
	uint64_t lost;			/* said in them */
	int ret;
};

static void read_text(struct tep_format_field *field, struct tep_record *record, char *text,
		      size_t size)
{
	unsigned long long at;
	size_t length;

	/* Where the text is, and how long with its 0: 16 bits each. */
	if (tep_read_number_field(field, record->data, &at))
		return;
	length = at >> 16;
	at &= 0xffff;
	if (field->flags & TEP_FIELD_IS_RELATIVE)
		at += (unsigned long long)(field->offset + field->size);
	if (at + length > (unsigned long long)record->size)
		return;
	if (length >= size)
		length = size - 1;
	memcpy(text, (char *)record->data + at, length);
}

static void read_field(const struct known_field *known, struct tep_format_field *field,
		       struct tep_record *record, struct raw *raw)
{
	char *place = (char *)raw + known->place;
	unsigned long long value;

	if (known->is_text) {
		read_text(field, record, place, known->size);
		return;
	}
	if (tep_read_number_field(field, record->data, &value))
		return;
	if (known->size == sizeof(int32_t))
		*(int32_t *)place = (int32_t)value;
	else
		*(uint64_t *)place = value;
}

static void add(struct reader *reader, const struct raw *raw)
{
	int ret = raws_add(reader->raws, raw);

	if (!reader->ret)
		reader->ret = ret;
}

static int take(struct tep_event *event, struct tep_record *record, int cpu, void *context)
{
	struct reader *reader = context;
	struct raw raw = { .time_ns = record->ts };
	const struct format *format;
	size_t i;

	(void)cpu;
	if (!event || event->id < 0 || event->id > UINT16_MAX || !reader->by_id[event->id])
		return 0;
	format = &reader->formats[reader->by_id[event->id] - 1];
	raw.kind = format->source->kind;
	raw.returns = format->source->returns;
	raw.source = (uint32_t)(format->source - reader->sources->rows);
	raw.pid = (uint32_t)tep_data_pid(reader->tep, record);
	for (i = 0; i < FIELDS; i++)
		if (format->fields[i])
			read_field(&known_fields[i], format->fields[i], record, &raw);
	add(reader, &raw);
	return reader->ret;
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

static bool read_formats(struct reader *reader)
{
	size_t i, j;

	for (i = 0; i < reader->sources->count; i++) {
		const struct source *source = &reader->sources->rows[i];
		struct format *format = &reader->formats[i];
		struct tep_event *event = tep_find_event_by_name(reader->tep, source->system,
								 source->event);

		if (!event || event->id < 0 || event->id > UINT16_MAX) {
			complain("watch: no format of %s:%s", source->system, source->event);
			continue;
		}
		format->source = source;
		reader->by_id[event->id] = (uint16_t)(i + 1);
		for (j = 0; j < FIELDS; j++)
			format->fields[j] = tep_find_any_field(event, known_fields[j].name);
	}
	return true;
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

/* What cannot be parsed is missed by read_formats(). */
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

struct reader *reader_open(const struct instance *instance, const struct sources *sources)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		goto failed;
	reader->instance = instance;
	reader->sources = sources;
	reader->formats = calloc(sources->count, sizeof(*reader->formats));
	reader->by_id = calloc(UINT16_MAX + 1, sizeof(*reader->by_id));
	reader->tep = parse_formats(sources);
	if (!reader->formats || !reader->by_id || !reader->tep)
		goto failed;
	if (!read_formats(reader) || !open_descriptors(reader))
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
	tep_free(reader->tep);
	free(reader->by_id);
	free(reader->formats);
	free(reader);
}

size_t reader_descriptors(const struct reader *reader, const int **descriptors)
{
	*descriptors = reader->descriptors;
	return reader->count;
}

int reader_drain(struct reader *reader, struct raws *raws)
{
	reader->raws = raws;
	reader->ret = 0;
	errno = 0;
	/* It fails where there is nothing to read, too. */
	tracefs_iterate_raw_events(reader->tep, reader->instance->tracefs, NULL, 0, take,
				   reader);
	return reader->ret;
}

static void name_threads(struct reader *reader, struct raws *raws)
{
	size_t i;

	if (tracefs_load_cmdlines(NULL, reader->tep))
		return;
	for (i = 0; i < raws->count; i++) {
		struct raw *raw = &raws->rows[i];
		const char *comm = tep_data_comm_from_pid(reader->tep, (int)raw->pid);

		if (comm && strcmp(comm, "<...>"))
			snprintf(raw->comm, sizeof(raw->comm), "%s", comm);
	}
}

static int compare(const void *one, const void *two)
{
	const struct raw *a = *(const struct raw *const *)one;
	const struct raw *b = *(const struct raw *const *)two;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* Those of one CPU are in order already, and stay so. */
static int sort(struct raws *raws)
{
	const struct raw **order;
	struct raw *rows;
	size_t i;

	if (!raws->count)
		return 0;
	order = calloc(raws->count, sizeof(*order));
	rows = calloc(raws->count, sizeof(*rows));
	if (!order || !rows) {
		free(order);
		free(rows);
		return -ENOMEM;
	}
	for (i = 0; i < raws->count; i++)
		order[i] = &raws->rows[i];
	qsort(order, raws->count, sizeof(*order), compare);
	for (i = 0; i < raws->count; i++)
		rows[i] = *order[i];
	free(order);
	free(raws->rows);
	raws->rows = rows;
	raws->room = raws->count;
	return 0;
}

int reader_finish(struct reader *reader, struct raws *raws)
{
	struct raw lost = { .kind = RAW_LOST };
	int ret = reader_drain(reader, raws);
	size_t i;

	lost.size = losses_count(reader->instance) + raws->dropped;
	lost.size = lost.size > reader->lost ? lost.size - reader->lost : 0;
	for (i = 0; i < raws->count; i++)
		if (raws->rows[i].time_ns > lost.time_ns)
			lost.time_ns = raws->rows[i].time_ns;
	if (!ret && lost.size)
		ret = raws_add(raws, &lost);
	reader->lost += lost.size;
	name_threads(reader, raws);
	return ret ? ret : sort(raws);
}
