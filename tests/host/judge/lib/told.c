// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the judge says of what an importer did after it was told, of events that it is given:
 * told CLAUSES [RET]. On stdin each event is a line: what (a number), time, begin (ms), attach,
 * context, seqno, moves, result, name or "-". Prints a line for each verdict.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/importer/stage.h"
#include "judge/seen/pulse.h"

#define MS	1000000ULL

/* Nothing is recorded: there is no more than what was read. */
int __wrap_own_record_take(struct own_record *record, struct watch_list *out)
{
	(void)record;
	(void)out;
	return 0;
}

static bool read_event(struct watch_event *event)
{
	unsigned long long time, begin, attach, context, seqno, moves;
	int what, result;
	char name[64];

	if (scanf("%d %llu %llu %llu %llu %llu %llu %d %63s", &what, &time, &begin, &attach,
		  &context, &seqno, &moves, &result, name) != 9)
		return false;
	*event = (struct watch_event){
		.what = (enum watch_what)what, .time_ns = time * MS, .begin_ns = begin * MS,
		.attach = attach, .context = context, .seqno = seqno, .moves = moves,
		.result = result,
		.inode = what == WATCH_LOST ? 0 : 7, .usage = 1,
	};
	if (strcmp(name, "-"))
		memcpy(event->name, name, sizeof(name));
	return true;
}

int main(int argc, char **argv)
{
	struct importer_subject subject = { .maps_unpinned = true };
	struct judge judge = { .subject = &subject, .exporter = -1, .signals = -1 };
	const struct scenario scenario = { .name = "s", .clauses = argc > 1 ? argv[1] : "" };
	struct trial trial = { .judge = &judge, .scenario = &scenario, .round = 1, .inode = 7 };
	struct stage stage = { .trial = &trial, .told_ns = MS, .holder = -1 };
	struct watch_event event;
	size_t i;

	if (pulse_start())
		return 1;
	limits_default(&judge.limits);
	for (i = 0; i < LIMITS; i++)
		judge.limits.ns[i] = 100 * MS;
	if (argc > 2)
		stage.ret = atoi(argv[2]);
	while (read_event(&event))
		watch_list_add(&trial.list, &event);
	stage_judge_told(&stage);
	printf("pinned %d told %d keeps %d\n", stage_is_pinned(&stage), stage_was_told(&stage),
	       stage_keeps(&stage));
	for (i = 0; i < judge.findings.count; i++)
		printf("%s %s %s\n", judge.findings.rows[i].clause,
		       verdict_word(judge.findings.rows[i].verdict), judge.findings.rows[i].text);
	pulse_stop();
	findings_free(&judge.findings);
	watch_list_free(&trial.list);
	return 0;
}
