// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which complaints of the kernel's a scenario forgives: forgiven SCENARIO TEXT... There is no
 * exporter, and no buffer, so that it does no more than that. Prints 0 or 1 for each text.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"

int __wrap_own_record_take(struct own_record *record, struct watch_list *out)
{
	(void)record;
	(void)out;
	return 0;
}

int __wrap_open64(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	errno = ENOENT;
	return -1;
}

int main(int argc, char **argv)
{
	static const struct scenario *const scenarios[] = {
		&beyond_4gib, &fragmented, &vmap_fails, &exporter_told, NULL
	};
	const struct scenario *const *scenario = scenarios;
	const char *gone = "another";
	struct exporter_subject given = { .gone = &gone };
	struct importer_subject subject = { 0 };
	struct judge judge = { .subject = &subject, .exporter = -1, .signals = -1 };
	struct trial trial = { .judge = &judge, .round = 1, .partner = { .received = -1 } };
	int i;

	if (argc < 2)
		return 1;
	while (*scenario && strcmp((*scenario)->name, argv[1]))
		scenario++;
	if (!*scenario)
		return 1;
	if (*scenario == &exporter_told)
		judge.subject = &given;
	trial.scenario = *scenario;
	trial.scenario->run(&trial);
	for (i = 2; i < argc; i++)
		printf("%d\n", trial_forgives(&trial, argv[i]));
	findings_free(&judge.findings);
	return 0;
}
