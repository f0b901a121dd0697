// SPDX-License-Identifier: GPL-2.0-only
#include "lib/encoding/utf8.h"
#include "lib/encoding/xml.h"

static void put(FILE *out, uint32_t character)
{
	char bytes[UTF8_LONGEST];

	switch (character) {
	case '<':
		fputs("&lt;", out);
		return;
	case '>':
		fputs("&gt;", out);
		return;
	case '&':
		fputs("&amp;", out);
		return;
	case '"':
		fputs("&quot;", out);
		return;
	}
	/* XML has no way to say these. */
	if ((character < 0x20 && character != '\n' && character != '\t') ||
	    character == 0xfffe || character == 0xffff)
		character = UTF8_REPLACEMENT;
	fwrite(bytes, 1, utf8_put(bytes, character), out);
}

void xml_print(FILE *out, const char *text)
{
	uint32_t character;

	while ((character = utf8_next(&text)))
		put(out, character);
}

static unsigned int count(const char *text)
{
	unsigned int found = 0;

	while (utf8_next(&text))
		found++;
	return found;
}

void xml_print_short(FILE *out, const char *text, unsigned int most)
{
	unsigned int length = count(text), i;
	/* Of each half, without the sign between them. */
	unsigned int head = most / 2, tail = most - head - 1;
	uint32_t character;

	for (i = 0; (character = utf8_next(&text)); i++) {
		if (length <= most || i < head || i >= length - tail)
			put(out, character);
		else if (i == head)
			put(out, 0x2026);
	}
}
