/* SPDX-License-Identifier: GPL-2.0-only */
/* Text of the kernel's and of files, of which nobody knows whether it is UTF-8. */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT	0xfffdu
#define UTF8_LONGEST		4

/*
 * The character at *@at, which is moved behind it; 0 at the end of the string, where it
 * stays. A byte that begins no character is UTF8_REPLACEMENT.
 */
uint32_t utf8_next(const char **at);

/* Returns how many bytes of @bytes it takes; it ends them with no 0. */
size_t utf8_put(char bytes[UTF8_LONGEST], uint32_t character);

/*
 * @text as something that any output can take: UTF-8, without control characters, cut
 * between characters so that it fits @size bytes with its 0. Returns @clean.
 */
char *utf8_clean(char *clean, size_t size, const char *text);

#endif
