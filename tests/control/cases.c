// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases that have to fail, each in its way: test_gates.py runs them and expects to
 * see red. They are no part of the suite.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "common.h"

TestSuite(control, .timeout = 60);

CASE(control, passes)
{
	cr_assert(buffers_in_system() < UINT64_MAX);
}

CASE(control, fails_an_assertion)
{
	fails(dr_unmap(importer), ENXIO);
}

CASE(control, crashes)
{
	raise(SIGSEGV);
}

CASE(control, runs_into_its_limit, .timeout = 1)
{
	pause();
}

CASE(control, is_skipped)
{
	cr_skip("there is no %s", "such thing");
}

CASE(control, leaves_a_descriptor)
{
	buffer_alloc(PAGE, 0);
}

/* In the background, so that the case itself ends well. */
CASE(control, leaves_a_buffer)
{
	pid_t child = succeeds(sys(fork()));

	if (!child) {
		buffer_alloc(PAGE, 0);
		for (;;)
			pause();
	}
	printf("child %d\n", child);
	fflush(stdout);
}

CASE(control, warns_in_the_kernel_log)
{
	int log = succeeds(sys(open("/dev/kmsg", O_WRONLY | O_CLOEXEC)));

	dprintf(log, "WARNING: control of the log gate, from a case\n");
	close(log);
}
