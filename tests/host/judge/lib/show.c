// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the judge prints of findings that it is given: show FORMAT [interrupted] [PROGRAM...]. On
 * stdin each finding is six strings with their 0: scenario, round, clause, verdict, text, details.
 */
#include <stdlib.h>
#include <string.h>

#include "judge/report/formats.h"
#include "judge/report/groups.h"

static char *next(void)
{
	char *text = NULL;
	size_t room = 0;

	return getdelim(&text, &room, 0, stdin) < 0 ? NULL : text;
}

static enum verdict verdict_of(const char *word)
{
	int verdict = VERDICT_SKIP;

	while (strcmp(verdict_word((enum verdict)verdict), word))
		verdict++;
	return (enum verdict)verdict;
}

static bool read_finding(struct judge *judge)
{
	char *fields[6];
	struct finding finding = { 0 };
	int i;

	for (i = 0; i < 6; i++) {
		fields[i] = next();
		if (!fields[i])
			return false;
	}
	finding.scenario = fields[0];
	finding.round = (unsigned int)atoi(fields[1]);
	finding.verdict = verdict_of(fields[3]);
	snprintf(finding.clause, sizeof(finding.clause), "%s", fields[2]);
	snprintf(finding.text, sizeof(finding.text), "%s", fields[4]);
	finding.details = *fields[5] ? fields[5] : NULL;
	findings_add(&judge->findings, &finding);
	return true;
}

int main(int argc, char **argv)
{
	const struct heading heading = { .origin.kernel = "7.3.4", .version = "1" };
	struct judge judge = { .about = "importer", .seed = 7, .limits.scale = 3 };
	const char *format = argv[1];

	judge.interrupted = argc > 2 && !strcmp(argv[2], "interrupted");
	judge.program = argv + 2;
	while (read_finding(&judge))
		continue;
	if (!strcmp(format, "json"))
		json_write(stdout, &judge, &heading);
	else if (!strcmp(format, "ktap"))
		ktap_write(stdout, &judge, &heading);
	else if (!strcmp(format, "junit"))
		junit_write(stdout, &judge, &heading);
	else
		people_write(stdout, &judge, (unsigned int)atoi(format));
	return verdict_on_all(&judge);
}
