/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON that is not a table: read from a string, a value at a time, and strings to be
 * written. Each function skips white space first.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Each moves *@at behind what it has read. False: there is something else, and *@at is
 * anywhere.
 */

/* @sign is one of []{}:, */
bool json_sign(const char **at, char sign);
/* Decoded; cut between characters so that it fits @size bytes with its 0. */
bool json_string(const char **at, char *text, size_t size);
/* Whole numbers. A fraction, an exponent or a number that does not fit is none. */
bool json_unsigned(const char **at, uint64_t *value);
bool json_signed(const char **at, int64_t *value);
/* Any value, not too deep. */
bool json_skip(const char **at);
/* Nothing is left. */
bool json_end(const char **at);

/* With its quotes, whatever is in it. */
void json_print(FILE *out, const char *text);

#endif
