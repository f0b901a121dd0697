// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event-parse.h>

#include "lib/text/message.h"
#include "watch/record/trace/decode.h"

/* Of common_flags: what happens has nothing to do with what the thread is in the midst of. */
#define IN_INTERRUPT	(0x08 | 0x10)	/* a hard one, a soft one */

/* What each entry begins with: its event, flags, pid. */
#define HEAD		8

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
	NUMBER("ioctl", state),
	NUMBER("sync", usage),
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
	NUMBER("moves", moves),
	NUMBER("is_dynamic", is_dynamic),
	NUMBER("revocable", revocable),
	TEXT("dev_name", device),
	TEXT("call", name),
	TEXT("bug", name),
};

#define FIELDS	(sizeof(known_fields) / sizeof(*known_fields))

/* An event as the kernel has numbered it. */
struct format {
	const struct source *source;
	struct tep_format_field *fields[FIELDS];	/* NULL: not of this event */
};

struct decoder {
	struct tep_handle *tep;
	const struct sources *sources;
	struct format *formats;		/* as many as sources */
	uint16_t by_id[UINT16_MAX + 1];	/* index of a format and 1; 0: none of ours */
};

static bool number_of(const struct tep_format_field *field, const struct tep_record *record,
		      unsigned long long *number)
{
	/* Who wrote a file may say anything of where its fields are. */
	if (field->offset < 0 || field->size < 0 ||
	    (long long)field->offset + field->size > record->size)
		return false;
	return !tep_read_number_field((struct tep_format_field *)field, record->data, number);
}

static void read_text(struct tep_format_field *field, struct tep_record *record, char *text,
		      size_t size)
{
	unsigned long long at;
	size_t length;

	/* Where the text is, and how long with its 0: 16 bits each. */
	if (!number_of(field, record, &at))
		return;
	length = at >> 16;
	at &= 0xffff;
	if (field->flags & TEP_FIELD_IS_RELATIVE)
		at += (unsigned long long)(field->offset + field->size);
	if (record->size < 0 || at > (unsigned long long)record->size ||
	    length > (unsigned long long)record->size - at)
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
	if (!number_of(field, record, &value))
		return;
	if (known->size == sizeof(int32_t))
		*(int32_t *)place = (int32_t)value;
	else
		*(uint64_t *)place = value;
}

static void find_fields(struct decoder *decoder, size_t i)
{
	const struct source *source = &decoder->sources->rows[i];
	struct format *format = &decoder->formats[i];
	struct tep_event *event = tep_find_event_by_name(decoder->tep, source->system,
							 source->event);
	size_t j;

	if (!event || event->id < 0 || event->id > UINT16_MAX) {
		complain("watch: no format of %s:%s", source->system, source->event);
		return;
	}
	format->source = source;
	decoder->by_id[event->id] = (uint16_t)(i + 1);
	for (j = 0; j < FIELDS; j++)
		format->fields[j] = tep_find_any_field(event, known_fields[j].name);
}

struct decoder *decoder_make(struct tep_handle *tep, const struct sources *sources)
{
	struct decoder *decoder = calloc(1, sizeof(*decoder));
	size_t i;

	if (!decoder)
		return NULL;
	decoder->tep = tep;
	decoder->sources = sources;
	decoder->formats = calloc(sources->count + 1, sizeof(*decoder->formats));
	if (!decoder->formats) {
		free(decoder);
		return NULL;
	}
	for (i = 0; i < sources->count && i < UINT16_MAX; i++)
		find_fields(decoder, i);
	return decoder;
}

void decoder_free(struct decoder *decoder)
{
	if (decoder)
		free(decoder->formats);
	free(decoder);
}

bool decoder_read(const struct decoder *decoder, struct tep_record *record, struct raw *raw)
{
	const struct format *format;
	size_t i;
	int id;

	if (record->size < HEAD)
		return false;
	id = tep_data_type(decoder->tep, record);
	if (id < 0 || id > UINT16_MAX || !decoder->by_id[id])
		return false;
	format = &decoder->formats[decoder->by_id[id] - 1];
	*raw = (struct raw){
		.time_ns = record->ts,
		.kind = format->source->kind,
		.returns = format->source->returns,
		.source = (uint32_t)(format->source - decoder->sources->rows),
		.pid = (uint32_t)tep_data_pid(decoder->tep, record),
		.interrupt = tep_data_flags(decoder->tep, record) & IN_INTERRUPT,
	};
	for (i = 0; i < FIELDS; i++)
		if (format->fields[i])
			read_field(&known_fields[i], format->fields[i], record, raw);
	return true;
}

void decoder_name(const struct decoder *decoder, struct raws *raws)
{
	size_t i;

	for (i = 0; i < raws->count; i++) {
		struct raw *raw = &raws->rows[i];
		const char *comm = tep_data_comm_from_pid(decoder->tep, (int)raw->pid);

		if (comm && strcmp(comm, "<...>"))
			snprintf(raw->comm, sizeof(raw->comm), "%s", comm);
	}
}
