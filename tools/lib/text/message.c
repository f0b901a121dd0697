// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text/message.h"

#define PROGRAM "dmabuf-revoke"

const char *errno_name(int err)
{
	const char *name;

	if (!err)
		return "success";
	name = strerrorname_np(abs(err));
	return name ? name : "unknown errno";
}

/* In one write, so that lines of several processes do not mix. */
__attribute__((format(printf, 2, 0)))
static void say(const char *tail, const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		return;
	fprintf(stderr, PROGRAM ": %s%s\n", text, tail);
	free(text);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
}

int explain_in(const struct situation *situation, int err, const char *what, ...)
{
	const struct reason *reason = find_reason(situation, abs(err));
	char tail[512];
	va_list args;

	err = abs(err);
	snprintf(tail, sizeof(tail), ": %s (%s)%s%s",
		 reason ? reason->cause : strerror(err), errno_name(err),
		 reason && reason->remedy ? ": " : "",
		 reason && reason->remedy ? reason->remedy : "");
	va_start(args, what);
	say(tail, what, args);
	va_end(args);
	return STATUS_FAILED;
}

int usage(const struct verb *verb, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	complain("%s: %s\nSee: " PROGRAM " %s --help", verb->name,
		 text ? text : "wrong arguments", verb->name);
	free(text);
	return STATUS_USAGE;
}
