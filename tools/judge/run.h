/* SPDX-License-Identifier: GPL-2.0-only */
/* What both judges have in common: their options, and one scenario after the other. */
#ifndef JUDGE_RUN_H
#define JUDGE_RUN_H

#include "judge/context.h"
#include "judge/scenario.h"
#include "lib/text/options.h"

struct suite {
	const struct scenario *const *scenarios;	/* ends with NULL */
	const char *about;				/* "importer" */
};

struct run_options {
	bool list, json, ktap;
	const char *scenarios, *clauses;	/* "a,b", or NULL: all */
	const char *limits;			/* "unmap=100ms", or NULL */
	const char *junit, *svg, *perfetto;	/* files, or NULL */
	int repeat, seed;
};

#define RUN_DEFAULTS	{ .repeat = 1, .seed = 1 }

/* Rows of a table of options. */
#define RUN_LIST(options) \
	{ "list", OPTION_FLAG, &(options).list, NULL, \
	  "print the scenarios and their clauses, and run nothing", NULL }
#define RUN_SCENARIO(options) \
	{ "scenario", OPTION_TEXT, &(options).scenarios, "NAMES", \
	  "run only these: NAME[,NAME]...", NULL }
#define RUN_CLAUSE(options) \
	{ "clause", OPTION_TEXT, &(options).clauses, "CLAUSES", \
	  "judge only these, by the scenarios that can: CLAUSE[,CLAUSE]...", NULL }
#define RUN_REPEAT(options) \
	{ "repeat", OPTION_INTEGER, &(options).repeat, "N", \
	  "run each scenario so often; default 1", NULL }
#define RUN_SEED(options) \
	{ "seed", OPTION_INTEGER, &(options).seed, "N", \
	  "of what is done at random times; default 1", NULL }
#define RUN_LIMIT(options) \
	{ "limit", OPTION_TEXT, &(options).limits, "LIMITS", \
	  "how long something may take, NAME=DURATION[,...]: of import, callback, fence, unmap, " \
	  "answer, end, command", NULL }
#define RUN_KTAP(options) \
	{ "ktap", OPTION_FLAG, &(options).ktap, NULL, \
	  "print KTAP, which kselftest and KernelCI read", NULL }
#define RUN_JUNIT(options) \
	{ "junit", OPTION_TEXT, &(options).junit, "FILE", \
	  "write JUnit XML into FILE, too", NULL }
#define RUN_SVG(options) \
	{ "svg", OPTION_TEXT, &(options).svg, "FILE", \
	  "draw what happened into FILE, too", NULL }
#define RUN_PERFETTO(options) \
	{ "perfetto", OPTION_TEXT, &(options).perfetto, "FILE", \
	  "write it into FILE, too, for ui.perfetto.dev", NULL }

/*
 * All that was chosen, and the report. @judge has the verb, the program, the subject and the
 * descriptors; the rest is filled in. Returns an enum status: FAILED if a verdict is FAIL, DONE if
 * none is and one is PASS, IMPOSSIBLE if nothing could be judged; USAGE.
 */
int run_suite(const struct suite *suite, struct judge *judge, const struct run_options *options);
/* For --list; needs nothing of @judge but the verb. */
int run_list(const struct suite *suite, bool json);

#endif
