// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets pytest step a program through its cases, so that it can judge the kernel log
 * and the counts of each case by itself without starting the program anew for it.
 *
 * TESTS_DRIVER_FD names a socket. Lines go out: "cases COUNT" once, then for each
 * case "begin NAME" and "end STATUS REASON", at last "finish". All but the first
 * wait for an answer of one byte. The process of a case is gone at the "begin" of
 * the next one, not earlier. Without that variable nothing of this happens.
 */
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int driver = -1;
static bool in_case;

/* Nobody to answer means that pytest has gone: so has the reason to run. */
static void wait_for_answer(int written)
{
	char answer;

	if (written < 0 || read(driver, &answer, 1) != 1)
		_exit(EXIT_FAILURE);
}

static void report_end(struct criterion_test_stats *stats)
{
	static const char * const names[] = {
		[CR_STATUS_PASSED] = "passed",
		[CR_STATUS_FAILED] = "failed",
		[CR_STATUS_SKIPPED] = "skipped",
	};
	enum criterion_test_status status = stats->test_status;
	const char *reason = stats->message ? stats->message : "";

	/* A case that crashes late is reported a second time. */
	if (driver < 0 || !in_case)
		return;
	in_case = false;
	if (stats->crashed)
		status = CR_STATUS_FAILED;
	if (stats->timed_out)
		reason = "it ran into its time limit";
	else if (stats->crashed)
		reason = "it died of an unexpected signal";
	wait_for_answer(dprintf(driver, "end %s %s\n", names[status], reason));
}

ReportHook(PRE_ALL)(struct criterion_test_set *set)
{
	const char *fd = getenv("TESTS_DRIVER_FD");

	if (!fd)
		return;
	driver = atoi(fd);
	/* The cases run in processes of their own, which must not inherit it. */
	fcntl(driver, F_SETFD, FD_CLOEXEC);
	unsetenv("TESTS_DRIVER_FD");
	dprintf(driver, "cases %zu\n", set->tests);
}

ReportHook(PRE_INIT)(struct criterion_test *test)
{
	in_case = true;
	if (driver >= 0)
		wait_for_answer(dprintf(driver, "begin %s\n", test->name));
}

ReportHook(POST_FINI)(struct criterion_test_stats *stats)
{
	report_end(stats);
}

ReportHook(TEST_CRASH)(struct criterion_test_stats *stats)
{
	report_end(stats);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
	(void)stats;
	if (driver >= 0)
		wait_for_answer(dprintf(driver, "finish\n"));
}
