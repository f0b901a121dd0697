// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "judge/finding/clauses.h"

const struct clause clauses[] = {
	{ "E1", "who cannot be revoked is refused, with EOPNOTSUPP" },
	{ "E2", "nobody maps once importers are being told" },
	{ "E3", "after a revoke every new use fails with ENODEV" },
	{ "E4", "each revocable attachment is told once, a legacy one never" },
	{ "E5", "all fences are waited for" },
	{ "E6", "all unmaps are waited for" },
	{ "E7", "nothing is waited for with the resv lock held" },
	{ "E8", "a second revoke succeeds" },
	{ "E9", "CPU mappings end, with SIGBUS or zeroes" },
	{ "E13", "when the exporter goes, that is a revoke" },
	{ "E14", "a pinned buffer does not move, and a move keeps the contents" },
	{ "E15", "suspend and restore leave it as it was" },
	{ "E16", "an export that fails leaves nothing" },
	{ "E18", "what can never be mapped is refused at attach" },
	{ "E19", "the addresses are for the device that attached" },
	{ "E21", "CPU access waits for the fences" },
	{ "E22", "a new mapping is had beside an old one" },
	{ "E25", "who is told of a restore can map" },
	{ "I2", "the callback is quick" },
	{ "I3", "no DMA after the callback, but what has a fence" },
	{ "I4", "the unmap follows within bounded time" },
	{ "I5", "a pinned importer unpins, and stays dead" },
	{ "I6", "a dynamic importer maps again before its next DMA" },
	{ "I7", "the callback is idempotent" },
	{ "I8", "fences signal in bounded time" },
	{ "I9", "what was mapped is unmapped, what was pinned is unpinned, once" },
	{ "I10", "no DMA before the contents of the memory are there" },
	{ "I12", "every segment of the table counts" },
	{ "I13", "a table need not have struct pages" },
	{ "I14", "DMA stays inside its range" },
	{ "I16", "told in its own pin or map it uses nothing old" },
	{ "I17", "what fails is passed on, and leaks nothing" },
	{ "I18", "no fence is left behind" },
	{ "LOG", "the kernel has nothing to complain of" },
};

const size_t clause_count = sizeof(clauses) / sizeof(*clauses);

const struct clause *clause_find(const char *name)
{
	size_t i;

	for (i = 0; i < clause_count; i++)
		if (!strcmp(clauses[i].name, name))
			return &clauses[i];
	return NULL;
}

int clause_among(const char *names, const char *name)
{
	size_t length = strlen(name);

	while (*names) {
		size_t word = strcspn(names, " ");

		if (word == length && !strncmp(names, name, word))
			return 1;
		names += word + (names[word] == ' ');
	}
	return 0;
}
