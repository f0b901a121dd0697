// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases that have to fail, each in its way: test_red.py runs them and expects to
 * see red. They are no part of the suite.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "common.h"
#include "failnth.h"

CASE(failing, passes)
{
	holds(buffers_in_system() < UINT64_MAX);
}

CASE(failing, fails_an_assertion)
{
	fails(dr_unmap(importer), ENXIO);
}

CASE(failing, crashes)
{
	raise(SIGSEGV);
}

CASE(failing, misses_its_signal, .signal = SIGBUS)
{
}

CASE(failing, ends_early)
{
	exit(EXIT_SUCCESS);
}

/* Each of the first two is said, and nothing after the third. */
CASE(failing, fails_several_times)
{
	expect(importer < 0);
	expect_text("have", "want");
	holds(false, "the %s is the end", "third");
	holds(false);
}

CASE(failing, runs_into_its_limit, .timeout = 1)
{
	pause();
}

CASE(failing, is_skipped)
{
	skip("there is no %s", "such thing");
}

CASE(failing, leaves_a_descriptor)
{
	buffer_alloc(PAGE, 0);
}

static void hold_a_buffer(void)
{
	buffer_alloc(PAGE, 0);
	for (;;)
		pause();
}

CASE(failing, leaves_a_child)
{
	if (!succeeds(sys(fork())))
		hold_a_buffer();
}

/* In a session of its own and nobody's child, so that the case itself ends well. */
static int start_a_daemon(void *arg)
{
	pid_t child;

	(void)arg;
	setsid();
	child = fork();
	if (!child)
		hold_a_buffer();
	printf("child %d\n", child);
	fflush(stdout);
	return child < 0 ? -errno : 0;
}

CASE(failing, leaves_a_buffer)
{
	equal(in_child(start_a_daemon, NULL), 0);
}

CASE(failing, warns_in_the_kernel_log)
{
	static const char line[] = "WARNING: control of the log gate, from a case\n";
	int log = succeeds(sys(open("/dev/kmsg", O_WRONLY | O_CLOEXEC)));

	/* Not dprintf(), which before glibc 2.37 wants a file that can be sought. */
	equal(sys(write(log, line, strlen(line))), strlen(line));
	close(log);
}

static bool failed;

static long fails_with_the_wrong_errno(void)
{
	struct dmabuf_revoke_exporter_info info;

	return dr_exporter_info(exporter, &info) ? -EPERM : 0;
}

static long fails_and_leaves_a_descriptor(void)
{
	struct dmabuf_revoke_exporter_info info;
	long result = dr_exporter_info(exporter, &info);

	if (result)
		dup(exporter);
	return result;
}

static long fails_for_ever(void)
{
	struct dmabuf_revoke_exporter_info info;

	failed |= dr_exporter_info(exporter, &info);
	return failed ? -ENOMEM : 0;
}

static long has_no_point(void)
{
	return 0;
}

CASE(failing, point_with_the_wrong_errno)
{
	fails_at_every_point("control", NULL, fails_with_the_wrong_errno, NULL);
}

CASE(failing, point_that_leaves_a_descriptor)
{
	fails_at_every_point("control", NULL, fails_and_leaves_a_descriptor,
			     NULL);
}

CASE(failing, point_after_which_nothing_works)
{
	fails_at_every_point("control", NULL, fails_for_ever, NULL);
}

CASE(failing, point_that_is_not_there)
{
	fails_at_every_point("control", NULL, has_no_point, NULL);
}
