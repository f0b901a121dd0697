/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef JUDGE_SCENARIO_H
#define JUDGE_SCENARIO_H

struct trial;

struct scenario {
	const char *name;		/* lower case, with "-" */
	const char *summary;		/* what is done, in a line */
	const char *clauses;		/* that it may judge, "I3 I4"; LOG always */
	/* Gives verdicts by trial_...(); what has none afterwards is UNKNOWN. */
	void (*run)(struct trial *trial);
};

#endif
