// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "judge/finding/limits.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/units.h"

#define MS	1000000ULL
/* Sums, and ten times that, are still times that poll() takes. */
#define LIMIT_MOST	(24 * 3600 * 1000 * MS)

static const struct {
	const char *name;
	uint64_t ns;
} defaults[LIMITS] = {
	[LIMIT_IMPORT] = { "import", 5000 * MS },
	[LIMIT_CALLBACK] = { "callback", 100 * MS },
	[LIMIT_FENCE] = { "fence", 500 * MS },
	[LIMIT_UNMAP] = { "unmap", 500 * MS },
	[LIMIT_ANSWER] = { "answer", 2000 * MS },
	[LIMIT_END] = { "end", 5000 * MS },
	[LIMIT_COMMAND] = { "command", 5000 * MS },
};

#define NAMES	"import, callback, fence, unmap, answer, end, command"

/* A machine of iron takes less than that for so many mappings that are touched, and go. */
#define CALLS		200
#define CALLS_NS	800000ULL
#define SLOWEST		10

/* A system call alone is the one thing that emulation does quickly. */
static void touch(void)
{
	volatile char *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);

	if (page == MAP_FAILED)
		return;
	*page = 1;
	munmap((void *)page, 1);
}

/* The best of some: others may use the CPU, too. */
static unsigned int slowness(void)
{
	uint64_t best = UINT64_MAX;
	int i, j;

	for (i = 0; i < 5; i++) {
		uint64_t began = dr_now(), took;

		for (j = 0; j < CALLS; j++)
			touch();
		took = dr_now() - began;
		if (took < best)
			best = took;
	}
	best = (best + CALLS_NS - 1) / CALLS_NS;
	return best < 1 ? 1 : best > SLOWEST ? SLOWEST : (unsigned int)best;
}

void limits_default(struct limits *limits)
{
	int i;

	*limits = (struct limits){ .scale = slowness() };
	for (i = 0; i < LIMITS; i++)
		limits->ns[i] = defaults[i].ns * limits->scale;
}

const char *limit_name(enum limit limit)
{
	return defaults[limit].name;
}

static int find(const char *name, size_t length)
{
	int i;

	for (i = 0; i < LIMITS; i++)
		if (strlen(defaults[i].name) == length && !strncmp(defaults[i].name, name, length))
			return i;
	return -1;
}

int limits_parse(const struct verb *verb, struct limits *limits, const char *text)
{
	if (!*text)
		return usage(verb, "--limit \"\": NAME=DURATION[,...] with NAME one of " NAMES);
	while (*text) {
		size_t length = strcspn(text, ","), name = strcspn(text, "=");
		char value[UNITS_TEXT];
		uint64_t ns;
		int i;

		i = name < length ? find(text, name) : -1;
		if (i < 0)
			return usage(verb,
				     "--limit %.*s: NAME=DURATION with NAME one of " NAMES,
				     (int)length, text);
		snprintf(value, sizeof(value), "%.*s", (int)(length - name - 1), text + name + 1);
		if (parse_duration(value, &ns) || !ns || ns > LIMIT_MOST)
			return usage(verb,
				     "--limit %.*s: a duration is 10us, 250ms, 2s, 5min or 1h, at most 24h",
				     (int)length, text);
		if (limits->given[i])
			return usage(verb, "--limit %.*s: %s was given before", (int)length, text,
				     limit_name((enum limit)i));
		limits->ns[i] = ns;
		limits->given[i] = true;
		text += length + (text[length] == ',');
	}
	return STATUS_DONE;
}

const char *limit_text(const struct limits *limits, enum limit limit, char text[128])
{
	char duration[UNITS_TEXT];

	format_duration(duration, limits->ns[limit]);
	if (limits->given[limit])
		snprintf(text, 128, "the limit of %s (--limit %s)", duration, limit_name(limit));
	else if (limits->scale > 1)
		snprintf(text, 128, "the limit of %s (%s, default, times %u on this slow machine)",
			 duration, limit_name(limit), limits->scale);
	else
		snprintf(text, 128, "the limit of %s (%s, default)", duration, limit_name(limit));
	return text;
}
