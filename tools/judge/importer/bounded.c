// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

#include "judge/importer/bounded.h"

/* In case it came right before the call. */
#define AGAIN_US	50000

static void nothing(int signal)
{
	(void)signal;
}

void bounded_begin(uint64_t ns)
{
	/* Without SA_RESTART. */
	const struct sigaction action = { .sa_handler = nothing };
	const struct itimerval timer = {
		.it_value = { (time_t)(ns / 1000000000), (suseconds_t)(ns % 1000000000 / 1000) },
		.it_interval = { 0, AGAIN_US },
	};
	sigset_t alarm;

	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

void bounded_end(void)
{
	const struct itimerval off = { { 0, 0 }, { 0, 0 } };

	setitimer(ITIMER_REAL, &off, NULL);
}
