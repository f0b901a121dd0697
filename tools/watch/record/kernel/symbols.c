// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/record/kernel/symbols.h"

static void name(struct symbol *symbols, size_t count, uint64_t address, const char *text)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (symbols[i].address == address && !*symbols[i].name)
			snprintf(symbols[i].name, sizeof(symbols[i].name), "%s", text);
}

static bool all_named(const struct symbol *symbols, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!*symbols[i].name)
			return false;
	return true;
}

/* Both files have lines of "ADDRESS X NAME[+0xOFFSET] ...". */
static void look_into(const char *path, struct symbol *symbols, size_t count)
{
	char line[512], text[WATCH_NAME_LEN], *offset;
	FILE *file = fopen(path, "re");
	uint64_t address;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%" SCNx64 " %*s %63s", &address, text) != 2)
			continue;
		offset = strstr(text, "+0x");
		if (offset) {
			address -= strtoull(offset + 1, NULL, 16);
			*offset = '\0';
		}
		name(symbols, count, address, text);
	}
	fclose(file);
}

/* The list of what is probed is short; that of all symbols takes a while. */
void symbols_name(struct symbol *symbols, size_t count)
{
	if (!all_named(symbols, count))
		look_into("/sys/kernel/debug/kprobes/list", symbols, count);
	if (!all_named(symbols, count))
		look_into("/proc/kallsyms", symbols, count);
}
