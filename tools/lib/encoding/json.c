// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/encoding/json.h"
#include "lib/encoding/utf8.h"

#define MAX_DEPTH	32

static void skip_space(const char **at)
{
	*at += strspn(*at, " \t\r\n");
}

bool json_sign(const char **at, char sign)
{
	skip_space(at);
	if (**at != sign)
		return false;
	++*at;
	return true;
}

bool json_end(const char **at)
{
	skip_space(at);
	return !**at;
}

/* Of a \u, behind the u. */
static bool read_hex(const char **at, uint32_t *value)
{
	char digits[5] = "";

	strncpy(digits, *at, 4);
	if (strspn(digits, "0123456789abcdefABCDEF") != 4)
		return false;
	*value = (uint32_t)strtoul(digits, NULL, 16);
	*at += 4;
	return true;
}

/* A character beyond 16 bits is two of them. */
static bool read_unicode(const char **at, uint32_t *character)
{
	uint32_t low;

	if (!read_hex(at, character))
		return false;
	if (*character >= 0xd800 && *character < 0xdc00 && !strncmp(*at, "\\u", 2)) {
		*at += 2;
		if (!read_hex(at, &low))
			return false;
		*character = low >= 0xdc00 && low < 0xe000 ?
			     0x10000 + ((*character - 0xd800) << 10) + (low - 0xdc00) :
			     UTF8_REPLACEMENT;
	}
	/* Half a pair, and a 0, which would end the text. */
	if (!*character || (*character >= 0xd800 && *character < 0xe000))
		*character = UTF8_REPLACEMENT;
	return true;
}

static bool read_escape(const char **at, uint32_t *character)
{
	static const char names[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (**at == 'u') {
		++*at;
		return read_unicode(at, character);
	}
	found = **at ? strchr(names, **at) : NULL;
	if (!found)
		return false;
	++*at;
	*character = (unsigned char)meant[found - names];
	return true;
}

bool json_string(const char **at, char *text, size_t size)
{
	uint32_t character;
	size_t used = 0, length;
	char bytes[UTF8_LONGEST];
	bool full = false;

	if (!json_sign(at, '"'))
		return false;
	while (**at != '"') {
		character = utf8_next(at);
		/* The end of the line as well. */
		if (character < 0x20)
			return false;
		if (character == '\\' && !read_escape(at, &character))
			return false;
		length = utf8_put(bytes, character);
		full = full || used + length >= size;
		if (full)
			continue;
		memcpy(text + used, bytes, length);
		used += length;
	}
	if (size)
		text[used] = '\0';
	++*at;
	return true;
}

static bool ends_number(const char *at)
{
	return !*at || strchr(" \t\r\n,]}", *at);
}

bool json_unsigned(const char **at, uint64_t *value)
{
	char *end;

	skip_space(at);
	if (**at < '0' || **at > '9' || (**at == '0' && !ends_number(*at + 1)))
		return false;
	errno = 0;
	*value = strtoull(*at, &end, 10);
	*at = end;
	return !errno && ends_number(end);
}

bool json_signed(const char **at, int64_t *value)
{
	bool negative = json_sign(at, '-');
	uint64_t size;

	if (negative && (**at < '0' || **at > '9'))
		return false;
	if (!json_unsigned(at, &size) || size > INT64_MAX)
		return false;
	*value = negative ? -(int64_t)size : (int64_t)size;
	return true;
}

/* true, false, null, or a number: not looked at closely, for nobody needs it. */
static bool skip_word(const char **at)
{
	size_t length = strcspn(*at, " \t\r\n,:[]{}\"");

	*at += length;
	return length > 0;
}

static bool skip_value(const char **at, int depth)
{
	char end;

	skip_space(at);
	if (**at == '"')
		return json_string(at, NULL, 0);
	if (**at != '[' && **at != '{')
		return skip_word(at);
	if (depth == MAX_DEPTH)
		return false;
	end = *(*at)++ == '[' ? ']' : '}';
	if (json_sign(at, end))
		return true;
	do {
		if (end == '}' && !(json_string(at, NULL, 0) && json_sign(at, ':')))
			return false;
		if (!skip_value(at, depth + 1))
			return false;
	} while (json_sign(at, ','));
	return json_sign(at, end);
}

bool json_skip(const char **at)
{
	return skip_value(at, 0);
}

void json_print(FILE *out, const char *text)
{
	char bytes[UTF8_LONGEST];
	uint32_t character;

	putc('"', out);
	while ((character = utf8_next(&text))) {
		if (character == '"' || character == '\\')
			fprintf(out, "\\%c", (int)character);
		else if (character < 0x20 || (character >= 0x7f && character < 0xa0))
			fprintf(out, "\\u%04" PRIx32, character);
		else
			fwrite(bytes, 1, utf8_put(bytes, character), out);
	}
	putc('"', out);
}
