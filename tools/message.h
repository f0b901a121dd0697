/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages to people, on stderr: what went wrong and what to do about it. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "command.h"

/* What an errno means for one call. Arrays end with @err 0. */
struct reason {
	int err;
	const char *cause;
	const char *remedy;	/* or NULL */
};

/* "ENODEV" for an errno of either sign; 0 is "success". */
const char *errno_name(int err);

/* "dmabuf-revoke: MESSAGE" */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * "dmabuf-revoke: WHAT: CAUSE (ERRNO): REMEDY", where cause and remedy are those of
 * @reasons (may be NULL), else general ones. @err is an errno, of either sign.
 * Returns STATUS_FAILED.
 */
int explain(const struct reason *reasons, int err, const char *what, ...)
	__attribute__((format(printf, 3, 4)));

/* "dmabuf-revoke: VERB: MESSAGE", and where help is. Returns STATUS_USAGE. */
int usage(const struct verb *verb, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
