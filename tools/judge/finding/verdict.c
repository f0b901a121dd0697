// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/finding/verdict.h"

const char *verdict_word(enum verdict verdict)
{
	static const char *const words[] = {
		[VERDICT_SKIP] = "SKIP",
		[VERDICT_UNKNOWN] = "UNKNOWN",
		[VERDICT_PASS] = "PASS",
		[VERDICT_FAIL] = "FAIL",
	};

	return words[verdict];
}

struct finding *findings_add(struct findings *findings, const struct finding *finding)
{
	if (findings->count == findings->room) {
		size_t room = findings->room ? 2 * findings->room : 64;
		struct finding *rows = reallocarray(findings->rows, room, sizeof(*rows));

		if (!rows) {
			findings->ret = -ENOMEM;
			return NULL;
		}
		findings->rows = rows;
		findings->room = room;
	}
	findings->rows[findings->count] = *finding;
	return &findings->rows[findings->count++];
}

void finding_detail(struct finding *finding, const char *format, ...)
{
	char line[1024], *longer;
	va_list values;

	if (!finding)
		return;
	va_start(values, format);
	vsnprintf(line, sizeof(line), format, values);
	va_end(values);
	if (asprintf(&longer, "%s%s\n", finding->details ? finding->details : "", line) < 0)
		return;
	free(finding->details);
	finding->details = longer;
}

void findings_free(struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->count; i++)
		free(findings->rows[i].details);
	free(findings->rows);
	*findings = (struct findings){ 0 };
}

void findings_keep_failures(struct findings *findings, size_t from)
{
	size_t i, kept = from;

	for (i = from; i < findings->count; i++)
		if (findings->rows[i].verdict == VERDICT_FAIL)
			findings->rows[kept++] = findings->rows[i];
		else
			free(findings->rows[i].details);
	findings->count = kept;
}

const struct finding *findings_worst(const struct findings *findings, const char *scenario,
				     const char *clause)
{
	const struct finding *worst = NULL;
	size_t i;

	for (i = 0; i < findings->count; i++) {
		const struct finding *row = &findings->rows[i];

		if (strcmp(row->clause, clause) || (*scenario && strcmp(row->scenario, scenario)))
			continue;
		if (!worst || row->verdict > worst->verdict)
			worst = row;
	}
	return worst;
}
