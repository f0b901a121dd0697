// SPDX-License-Identifier: GPL-2.0-only
/* Signals that interrupt a call which waits. */
#include <signal.h>
#include <sys/time.h>

#include "common.h"

static volatile sig_atomic_t signals;

static void on_alarm(int sig)
{
	(void)sig;
	signals = signals + 1;
}

static void ring(long microseconds)
{
	const struct itimerval often = {
		.it_interval.tv_usec = microseconds,
		.it_value.tv_usec = microseconds,
	};

	succeeds(sys(setitimer(ITIMER_REAL, &often, NULL)));
}

void signals_begin(int flags)
{
	const struct sigaction action = {
		.sa_handler = on_alarm,
		.sa_flags = flags,
	};

	signals = 0;
	succeeds(sys(sigaction(SIGALRM, &action, NULL)));
	ring(10000);
}

int signals_end(void)
{
	ring(0);
	return signals;
}

void restarts_do_not_lengthen(int (*wait)(uint64_t arg, uint64_t deadline_ns),
			      uint64_t arg, int count)
{
	uint64_t ns = 50 * MSEC;
	uint64_t deadline;

	do {
		ns *= 2;
		holds(ns < SOON, "no %d signals within %llu ms", count,
		      (long long)(ns / 2 / MSEC));
		signals_begin(SA_RESTART);
		deadline = dr_deadline(ns);
		fails(wait(arg, deadline), ETIMEDOUT);
		holds(dr_now() >= deadline);
		holds(dr_now() < deadline + SOON);
	} while (signals_end() < count);
}
