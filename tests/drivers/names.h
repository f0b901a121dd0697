/* SPDX-License-Identifier: GPL-2.0-only */
/* Bugs on purpose, by their names in dmabuf_revoke.h. */
#ifndef NAMES_H
#define NAMES_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>

#include <linux/types.h>

struct bug {
	const char *name;	/* NULL ends the array */
	__u64 bit;
};

/* "no-tell" is NO_TELL, too. */
static inline bool is_named(const char *name, const char *text)
{
	while (*name && *name == (*text == '-' ? '_' : toupper(*text))) {
		name++;
		text++;
	}
	return !*name && !*text;
}

static inline bool add_bug(const struct bug *bugs, const char *text, __u64 *mask)
{
	for (; bugs->name; bugs++)
		if (is_named(bugs->name, text)) {
			*mask |= bugs->bit;
			return true;
		}
	fprintf(stderr, "no bug is called %s\n", text);
	return false;
}

#endif
