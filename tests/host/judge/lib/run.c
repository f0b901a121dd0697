// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a signal does to the judge while it reports: run. Its only scenario is interrupted, twice.
 * There are neither events nor devices. Prints how often it was, and what is blocked then.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "judge/report/print.h"
#include "judge/run.h"
#include "judge/trial.h"
#include "watch/record/own/record.h"

int __wrap_own_record_open(struct own_record **record, uint64_t ring)
{
	(void)ring;
	*record = NULL;
	return 0;
}

int __wrap_own_record_take(struct own_record *record, struct watch_list *out)
{
	(void)record;
	(void)out;
	return 0;
}

void __wrap_own_record_close(struct own_record *record)
{
	(void)record;
}

int __wrap_report(struct judge *judge, const struct run_options *options)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	sigset_t blocked, pending;
	size_t i;

	(void)options;
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	sigpending(&pending);
	printf("interrupted %d, blocked", judge->interrupted);
	for (i = 0; i < sizeof(ending) / sizeof(*ending); i++)
		if (sigismember(&blocked, ending[i]) || sigismember(&pending, ending[i]))
			printf(" %s", sigabbrev_np(ending[i]));
	printf("\n");
	return 0;
}

static void interrupt(struct trial *trial)
{
	/* Who reads our messages has gone. */
	kill(getpid(), SIGPIPE);
	kill(getpid(), SIGINT);
	trial_is_interrupted(trial);
	kill(getpid(), SIGTERM);
}

int main(void)
{
	static const struct scenario scenario = { .name = "s", .clauses = "", .run = interrupt };
	static const struct scenario *const scenarios[] = { &scenario, NULL };
	const struct suite suite = { scenarios, "exporter" };
	const struct run_options options = RUN_DEFAULTS;
	struct judge judge = { .exporter = -1 };

	return run_suite(&suite, &judge, &options);
}
