/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes, durations and numbers: as people write them, as people read them. */
#ifndef UNITS_H
#define UNITS_H

#include <stddef.h>
#include <stdint.h>

/* What the parsers accept, for messages and help. */
#define SIZE_FORMS	"4096, 4k, 64M, 1GiB (units of 1024: k, M, G, T)"
#define DURATION_FORMS	"10us, 250ms, 2s, 5min, 1h, 0 or forever"

/*
 * Each returns 0; -EINVAL if @text has no such form; or -ERANGE if the value
 * does not fit. After an error the result is untouched.
 */

/* Bytes, 1 or more. */
int parse_size(const char *text, uint64_t *bytes);
/* Nanoseconds; "forever" is UINT64_MAX, which no other input yields. */
int parse_duration(const char *text, uint64_t *ns);
/* A decimal number of at most @max. */
int parse_number(const char *text, uint64_t max, uint64_t *value);

/* Long enough for every text that the functions below write. */
#define UNITS_TEXT	32

/* "4 KiB", "1.5 MiB"; returns @text. */
char *format_size(char text[UNITS_TEXT], uint64_t bytes);
/* "850 ns", "12.3 us", "4.5 ms", "2.0 s", "forever"; returns @text. */
char *format_duration(char text[UNITS_TEXT], uint64_t ns);

#endif
