/* SPDX-License-Identifier: GPL-2.0-only */
/* One run of the judge: what it was asked, what it uses, what it has found. */
#ifndef JUDGE_CONTEXT_H
#define JUDGE_CONTEXT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "judge/finding/limits.h"
#include "judge/finding/verdict.h"
#include "watch/list.h"
#include "watch/record/own/record.h"

struct judge {
	const struct verb *verb;
	const char *about;		/* what is judged, for reports: "importer", "exporter" */
	char **program;			/* ends with NULL; or NULL: there is none */
	const void *subject;		/* what the scenarios of this verb know of each other */
	struct limits limits;
	uint32_t seed;
	int exporter, importer;		/* descriptors of our devices; -1: not needed */
	int log;			/* of kernel_log_open(); -1: cannot be read */
	int signals;			/* a signalfd of those that ask us to end */
	sigset_t before;		/* the signals that programs have blocked */
	bool interrupted;		/* by one of them: no more scenarios */
	bool stuck;			/* a program hangs in the kernel: the same */
	struct own_record *record;
	struct findings findings;
	bool tried;			/* some clause has a verdict, asked for or not */
	bool draws;			/* @all is wanted */
	struct watch_list all;		/* of all trials, for pictures */
};

#endif
