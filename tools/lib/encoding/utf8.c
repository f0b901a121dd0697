// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <string.h>

#include "lib/encoding/utf8.h"

/* How many bytes follow @first, or -1; the bits of the character in @first. */
static int following(unsigned char first, uint32_t *bits)
{
	if (first >= 0xc2 && first < 0xe0) {
		*bits = first & 0x1f;
		return 1;
	}
	if (first >= 0xe0 && first < 0xf0) {
		*bits = first & 0x0f;
		return 2;
	}
	if (first >= 0xf0 && first < 0xf5) {
		*bits = first & 0x07;
		return 3;
	}
	return -1;
}

/* No surrogates, nothing that fewer bytes could say, nothing beyond Unicode. */
static bool is_character(uint32_t character, int count)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

	return character >= least[count] && character <= 0x10ffff &&
	       (character < 0xd800 || character > 0xdfff);
}

uint32_t utf8_next(const char **at)
{
	const unsigned char *bytes = (const unsigned char *)*at;
	uint32_t character;
	int count, i;

	if (*bytes < 0x80) {
		*at += !!*bytes;
		return *bytes;
	}
	++*at;
	count = following(*bytes, &character);
	for (i = 1; i <= count; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return UTF8_REPLACEMENT;
		character = character << 6 | (bytes[i] & 0x3f);
	}
	if (count < 0 || !is_character(character, count))
		return UTF8_REPLACEMENT;
	*at += count;
	return character;
}

size_t utf8_put(char bytes[UTF8_LONGEST], uint32_t character)
{
	static const unsigned char marks[] = { 0, 0xc0, 0xe0, 0xf0 };
	size_t count = character < 0x80 ? 0 : character < 0x800 ? 1 :
		       character < 0x10000 ? 2 : 3;
	size_t i;

	for (i = count; i; i--) {
		bytes[i] = (char)(0x80 | (character & 0x3f));
		character >>= 6;
	}
	bytes[0] = (char)(marks[count] | character);
	return count + 1;
}

static bool is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
	       character == 0xfffe || character == 0xffff;
}

char *utf8_clean(char *clean, size_t size, const char *text)
{
	size_t used = 0, length;
	uint32_t character;
	char bytes[UTF8_LONGEST];

	while ((character = utf8_next(&text))) {
		if (is_control(character))
			character = UTF8_REPLACEMENT;
		length = utf8_put(bytes, character);
		if (used + length >= size)
			break;
		memcpy(clean + used, bytes, length);
		used += length;
	}
	clean[used] = '\0';
	return clean;
}
