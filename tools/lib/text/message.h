/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages to people, on stderr: what went wrong and what to do about it. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "command.h"
#include "lib/text/causes.h"

/* "ENODEV" for an errno of either sign; 0 is "success". */
const char *errno_name(int err);

/* "dmabuf-revoke: MESSAGE" */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * "dmabuf-revoke: WHAT: CAUSE (ERRNO): REMEDY", where cause and remedy are those of
 * find_reason(). @err is an errno, of either sign. Returns STATUS_FAILED.
 */
int explain_in(const struct situation *situation, int err, const char *what, ...)
	__attribute__((format(printf, 3, 4)));
#define explain(what_act, ...) \
	explain_in(&(const struct situation){ .act = (what_act) }, __VA_ARGS__)

/* "dmabuf-revoke: VERB: MESSAGE", and where help is. Returns STATUS_USAGE. */
int usage(const struct verb *verb, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
