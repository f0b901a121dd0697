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

/* Rows of a table of options, with its end. */
#define RUN_SPECS	12

/* Those of a verb, up to its end, and those that both have. @specs has room for all. */
void run_specs(struct option_spec *specs, const struct option_spec *own,
	       struct run_options *options);
/*
 * All that was chosen, and the report. @judge has the verb, the program, the subject and the
 * descriptors; the rest is filled in. Returns an enum status: FAILED if a verdict is FAIL, DONE if
 * none is and one is PASS, IMPOSSIBLE if nothing could be judged; USAGE.
 */
int run_suite(const struct suite *suite, struct judge *judge, const struct run_options *options);
/* For --list; needs nothing of @judge but the verb. */
int run_list(const struct suite *suite, bool json);

#endif
