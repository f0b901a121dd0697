// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "lib/encoding/json.h"
#include "lib/text/message.h"
#include "watch/lines.h"

#define VERSION_KEY	"dmabuf_revoke_watch"
#define VERSION_READ	1
#define LONGEST		65536
#define KEY_LEN		32

static const char *const words[] = {
	[WATCH_EXPORT] = "export",
	[WATCH_THERE] = "there",
	[WATCH_RELEASE] = "release",
	[WATCH_ATTACH] = "attach",
	[WATCH_DETACH] = "detach",
	[WATCH_PIN] = "pin",
	[WATCH_UNPIN] = "unpin",
	[WATCH_MAP] = "map",
	[WATCH_UNMAP] = "unmap",
	[WATCH_VMAP] = "vmap",
	[WATCH_VUNMAP] = "vunmap",
	[WATCH_MMAP] = "mmap",
	[WATCH_CPU_BEGIN] = "cpu_begin",
	[WATCH_CPU_END] = "cpu_end",
	[WATCH_FAULT] = "fault",
	[WATCH_ZAP] = "zap",
	[WATCH_INVALIDATE] = "invalidate",
	[WATCH_TOLD] = "told",
	[WATCH_FENCE_ADD] = "fence_add",
	[WATCH_FENCE_SIGNAL] = "fence_signal",
	[WATCH_FENCE_WAIT] = "fence_wait",
	[WATCH_LOCK] = "lock",
	[WATCH_CONTEND] = "contend",
	[WATCH_DMA_FAULT] = "dma_fault",
	[WATCH_JOB] = "job",
	[WATCH_STATE] = "state",
	[WATCH_MARK] = "mark",
	[WATCH_LOST] = "lost",
};

enum member_type { MEMBER_U64, MEMBER_U32, MEMBER_S32, MEMBER_U8, MEMBER_TEXT };

struct member {
	const char *key;
	enum member_type type;
	size_t offset;
	size_t size;
};

#define MEMBER(name, type) \
	{ #name, type, offsetof(struct watch_event, name), \
	  sizeof(((struct watch_event *)NULL)->name) }

/* In the order in which they are written, after "what". */
static const struct member members[] = {
	MEMBER(time_ns, MEMBER_U64),
	MEMBER(begin_ns, MEMBER_U64),
	MEMBER(pid, MEMBER_U32),
	MEMBER(comm, MEMBER_TEXT),
	MEMBER(buffer, MEMBER_U64),
	MEMBER(attach, MEMBER_U64),
	MEMBER(inode, MEMBER_U64),
	MEMBER(size, MEMBER_U64),
	MEMBER(context, MEMBER_U64),
	MEMBER(seqno, MEMBER_U64),
	MEMBER(address, MEMBER_U64),
	MEMBER(usage, MEMBER_S32),
	MEMBER(result, MEMBER_S32),
	MEMBER(locked, MEMBER_U8),
	MEMBER(guessed, MEMBER_U8),
	MEMBER(ours, MEMBER_U8),
	MEMBER(unfinished, MEMBER_U8),
	MEMBER(signalled, MEMBER_U8),
	MEMBER(device, MEMBER_TEXT),
	MEMBER(name, MEMBER_TEXT),
	{ NULL, MEMBER_U64, 0, 0 },
};

const char *watch_word(enum watch_what what)
{
	return what <= WATCH_LOST ? words[what] : "unknown";
}

static uint64_t get_unsigned(const struct member *member, const void *place)
{
	switch (member->type) {
	case MEMBER_U64:
		return *(const uint64_t *)place;
	case MEMBER_U32:
		return *(const uint32_t *)place;
	default:
		return *(const uint8_t *)place;
	}
}

static void write_member(FILE *out, const struct member *member, const void *place)
{
	uint64_t value;

	if (member->type == MEMBER_TEXT) {
		if (!*(const char *)place)
			return;
		fprintf(out, ", \"%s\": ", member->key);
		json_print(out, place);
	} else if (member->type == MEMBER_S32) {
		if (*(const int32_t *)place)
			fprintf(out, ", \"%s\": %" PRId32, member->key, *(const int32_t *)place);
	} else {
		value = get_unsigned(member, place);
		if (value)
			fprintf(out, ", \"%s\": %" PRIu64, member->key, value);
	}
}

void lines_write_event(FILE *out, const struct watch_event *event)
{
	const struct member *member;

	fprintf(out, "{\"what\": \"%s\"", watch_word(event->what));
	for (member = members; member->key; member++)
		write_member(out, member, (const char *)event + member->offset);
	fputs("}\n", out);
}

void lines_write_origin(FILE *out, const struct watch_origin *origin)
{
	fprintf(out, "{\"" VERSION_KEY "\": %d, \"kernel\": ", VERSION_READ);
	json_print(out, origin->kernel);
	fputs(", \"clock\": ", out);
	json_print(out, origin->clock);
	fputs("}\n", out);
}

void lines_write(FILE *out, const struct watch_origin *origin,
		 const struct watch_list *list)
{
	struct watch_event lost = { .what = WATCH_LOST, .size = list->dropped };
	size_t i;

	lines_write_origin(out, origin);
	for (i = 0; i < list->count; i++)
		lines_write_event(out, &list->events[i]);
	if (!list->dropped)
		return;
	lost.time_ns = list->events[list->count - 1].time_ns;
	lines_write_event(out, &lost);
}

/* What is read, and what of it nobody here knows. */
struct reading {
	const char *name;
	uint64_t line;
	const char *wrong;		/* with this line, or NULL */
	uint64_t unknown_keys;
	uint64_t unknown_words;
	char key[KEY_LEN];		/* the first one of each */
	char word[KEY_LEN];
};

static bool wrong(struct reading *reading, const char *what)
{
	if (!reading->wrong)
		reading->wrong = what;
	return false;
}

static bool read_signed(const char **at, void *place)
{
	int64_t value;

	/* As the kernel's errnos. */
	if (!json_signed(at, &value) || value < -LINES_MOST || value > LINES_MOST)
		return false;
	*(int32_t *)place = (int32_t)value;
	return true;
}

static bool read_unsigned(const struct member *member, const char **at, void *place)
{
	uint64_t most = member->type == MEMBER_U64 ? UINT64_MAX :
			member->type == MEMBER_U32 ? UINT32_MAX : UINT8_MAX;
	uint64_t value;

	if (!json_unsigned(at, &value) || value > most)
		return false;
	if (member->type == MEMBER_U64)
		*(uint64_t *)place = value;
	else if (member->type == MEMBER_U32)
		*(uint32_t *)place = (uint32_t)value;
	else
		*(uint8_t *)place = (uint8_t)value;
	return true;
}

static bool read_member(struct reading *reading, const struct member *member,
			const char **at, struct watch_event *event)
{
	void *place = (char *)event + member->offset;

	if (member->type == MEMBER_TEXT)
		return json_string(at, place, member->size) ||
		       wrong(reading, "a text is expected");
	if (member->type == MEMBER_S32)
		return read_signed(at, place) ||
		       wrong(reading, "an errno or a small number is expected");
	return read_unsigned(member, at, place) ||
	       wrong(reading, "a number from 0 is expected that fits");
}

static const struct member *find_member(const char *key)
{
	const struct member *member = members;

	while (member->key && strcmp(member->key, key))
		member++;
	return member->key ? member : NULL;
}

/* @known: this word names an event. */
static bool read_what(struct reading *reading, const char **at,
		      struct watch_event *event, bool *known)
{
	char word[KEY_LEN];
	enum watch_what what;

	if (!json_string(at, word, sizeof(word)))
		return wrong(reading, "\"what\" is no text");
	for (what = 0; what <= WATCH_LOST && !*known; what++) {
		*known = !strcmp(word, words[what]);
		event->what = what;
	}
	if (!*known && !reading->unknown_words++)
		memcpy(reading->word, word, sizeof(word));
	return true;
}

static bool skip_unknown(struct reading *reading, const char *key, const char **at)
{
	if (!reading->unknown_keys++)
		memcpy(reading->key, key, KEY_LEN);
	return json_skip(at) || wrong(reading, "not JSON");
}

static bool read_event(struct reading *reading, const char *at,
		       struct watch_event *event, bool *known)
{
	const struct member *member;
	char key[KEY_LEN];
	bool named = false;

	if (!json_sign(&at, '{'))
		return wrong(reading, "no JSON object");
	do {
		if (!json_string(&at, key, sizeof(key)) || !json_sign(&at, ':'))
			return wrong(reading, "not JSON");
		member = find_member(key);
		if (!strcmp(key, "what")) {
			named = true;
			if (!read_what(reading, &at, event, known))
				return false;
		} else if (!member ? !skip_unknown(reading, key, &at) :
			   !read_member(reading, member, &at, event)) {
			return false;
		}
	} while (json_sign(&at, ','));
	if (!json_sign(&at, '}') || !json_end(&at))
		return wrong(reading, "not JSON");
	return named || wrong(reading, "no \"what\" in it");
}

static bool read_origin(struct reading *reading, const char *at,
			struct watch_origin *origin)
{
	uint64_t version = 0;
	char key[KEY_LEN];
	bool ok;

	if (!json_sign(&at, '{'))
		return wrong(reading, "no recording begins so");
	do {
		if (!json_string(&at, key, sizeof(key)) || !json_sign(&at, ':'))
			return wrong(reading, "no recording begins so");
		if (!strcmp(key, VERSION_KEY))
			ok = json_unsigned(&at, &version);
		else if (!strcmp(key, "kernel"))
			ok = json_string(&at, origin->kernel, sizeof(origin->kernel));
		else if (!strcmp(key, "clock"))
			ok = json_string(&at, origin->clock, sizeof(origin->clock));
		else
			ok = skip_unknown(reading, key, &at);
		if (!ok)
			return wrong(reading, "no recording begins so");
	} while (json_sign(&at, ','));
	if (!json_sign(&at, '}') || !json_end(&at) || !version)
		return wrong(reading, "no recording begins so");
	return version == VERSION_READ ||
	       wrong(reading, "a recording of another version of this program");
}

/* False at the end of the file, and if something is wrong. */
static bool next_line(struct reading *reading, FILE *in, char line[LONGEST])
{
	size_t length;

	if (!fgets(line, LONGEST, in))
		return false;
	reading->line++;
	length = strlen(line);
	/* A 0 in it ends it, too. */
	if (!length || (line[length - 1] != '\n' && !feof(in)))
		return wrong(reading, "too long, or no text");
	return true;
}

static void note_unknown(const struct reading *reading)
{
	if (reading->unknown_words)
		complain("watch: %s: left out %" PRIu64 " events of unknown kinds, as '%s'",
			 reading->name, reading->unknown_words, reading->word);
	if (reading->unknown_keys)
		complain("watch: %s: left out %" PRIu64 " unknown members, as '%s'",
			 reading->name, reading->unknown_keys, reading->key);
}

static int read_events(struct reading *reading, FILE *in, char line[LONGEST],
		       struct watch_list *list)
{
	struct watch_event event;
	bool known;
	int ret = 0;

	while (!ret && next_line(reading, in, line)) {
		const char *at = line;

		if (json_end(&at))
			continue;
		event = (struct watch_event){ 0 };
		known = false;
		if (!read_event(reading, line, &event, &known))
			break;
		if (known)
			ret = watch_list_add(list, &event);
	}
	return ret;
}

int lines_read(FILE *in, const char *name, struct watch_origin *origin,
	       struct watch_list *list)
{
	static char line[LONGEST];
	struct reading reading = { .name = name };
	int ret = 0;

	*origin = (struct watch_origin){ 0 };
	if (next_line(&reading, in, line) && read_origin(&reading, line, origin))
		ret = read_events(&reading, in, line, list);
	if (!ret && ferror(in))
		ret = errno ? -errno : -EIO;
	if (ret)
		return explain(ACT_OTHER, ret, "watch: reading %s", name);
	if (!reading.line) {
		complain("watch: %s is empty", name);
		return STATUS_FAILED;
	}
	if (reading.wrong) {
		complain("watch: %s, line %" PRIu64 ": %s", name, reading.line, reading.wrong);
		return STATUS_FAILED;
	}
	note_unknown(&reading);
	return STATUS_DONE;
}
