// SPDX-License-Identifier: GPL-2.0-only
/*
 * main() of the programs whose cases are TESTs: it runs those that are named, or all,
 * in the order of their names. libcheck forks a process for each, ends it when its time
 * is over, and tells how it ended; what is left of its process group it kills.
 *
 * pytest steps a program through its cases, so that it can judge the kernel log and
 * the counts of each case by itself without starting the program anew for it.
 * TESTS_DRIVER_FD names a socket. Lines go out: "cases COUNT" once, then for each
 * case "begin NAME" and "end STATUS REASON", at last "finish". All but the first
 * wait for an answer of one byte. The process of a case is gone at its "end". Without
 * that variable what is not well is said on standard output.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"

const unsigned int __attribute__((weak)) time_limit = 60;

static int driver = -1;

static int by_name(const void *a, const void *b)
{
	const struct test *const *first = a, *const *second = b;

	return strcmp((*first)->name, (*second)->name);
}

/* Nobody to answer means that pytest has gone: so has the reason to run. */
static void wait_for_answer(int written)
{
	char answer;

	if (written < 0 || read(driver, &answer, 1) != 1)
		_exit(EXIT_FAILURE);
}

START_TEST(run)
{
	if (driver >= 0)
		close(driver);
	/* As a program finds them: libcheck has handlers of its own. */
	signal(SIGALRM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	__start_tests[_i]->run();
	outcome->finished = true;
}

END_TEST

/* Why the case ended as it did; empty if that was its end, or is on standard error. */
static const char *reason_of(const struct test *test, struct TestResult *result)
{
	if (outcome->given_up)
		return outcome->reason;
	if (tr_rtype(result) != CK_PASS)
		return tr_msg(result);
	/* To libcheck this is as good as any other end. */
	if (!outcome->finished && !test->signal)
		return "Early exit with return value 0";
	return "";
}

/* When the process of the case is gone. Whether all is well. */
static bool report(const struct test *test, struct TestResult *result)
{
	const char *reason = reason_of(test, result);
	bool failed = outcome->failed || (!outcome->given_up && *reason);
	bool skipped = outcome->given_up && !failed;
	const char *status = failed ? "failed" : skipped ? "skipped" : "passed";

	if (driver >= 0)
		wait_for_answer(dprintf(driver, "end %s %s\n", status, reason));
	else if (failed || skipped)
		printf("%s %s%s%s\n", test->name, status, *reason ? ": " : "",
		       reason);
	return !failed;
}

static bool run_case(int i)
{
	const struct test *test = __start_tests[i];
	struct TCase *tcase = tcase_create(test->name);
	struct Suite *suite = suite_create("");
	struct SRunner *runner = srunner_create(suite);
	struct TestResult **results;
	bool well;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, (test->timeout ?: time_limit) * patience());
	tcase_add_loop_test_raise_signal(tcase, run, test->signal, i, i + 1);
	srunner_set_fork_status(runner, CK_FORK);

	memset(outcome, 0, sizeof(*outcome));
	if (driver >= 0)
		wait_for_answer(dprintf(driver, "begin %s\n", test->name));
	/* What is not written yet the process would write, too. */
	fflush(stdout);
	srunner_run_all(runner, CK_SILENT);
	results = srunner_results(runner);
	well = report(test, results[0]);
	free(results);
	srunner_free(runner);
	return well;
}

static bool is_chosen(const char *name, char **names)
{
	if (!*names)
		return true;
	while (*names)
		if (!strcmp(*names++, name))
			return true;
	return false;
}

/* Whether there are cases with all of these names. */
static bool exist(const char *program, int count, char **names)
{
	for (; *names; names++) {
		int i = 0;

		while (i < count && strcmp(__start_tests[i]->name, *names))
			i++;
		if (i < count)
			continue;
		fprintf(stderr, "%s: no case '%s'; it has:\n", program, *names);
		for (i = 0; i < count; i++)
			fprintf(stderr, "  %s\n", __start_tests[i]->name);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	const char *fd = getenv("TESTS_DRIVER_FD");
	int count = __stop_tests - __start_tests;
	int failed = 0, ran = 0;

	(void)argc;
	qsort(__start_tests, count, sizeof(*__start_tests), by_name);
	if (!exist(argv[0], count, argv + 1))
		return EXIT_FAILURE;
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED) {
		perror(argv[0]);
		return EXIT_FAILURE;
	}
	if (fd) {
		driver = atoi(fd);
		/* Nor does what a case starts inherit it. */
		unsetenv("TESTS_DRIVER_FD");
		dprintf(driver, "cases %d\n", count);
	}

	for (int i = 0; i < count; i++) {
		if (!is_chosen(__start_tests[i]->name, argv + 1))
			continue;
		ran++;
		failed += !run_case(i);
	}

	if (driver >= 0)
		wait_for_answer(dprintf(driver, "finish\n"));
	else
		printf("%d of %d cases failed\n", failed, ran);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
