// SPDX-License-Identifier: GPL-2.0-only
/*
 * The judge's pulse where one CPU stands still: its thread sleeps longer than it asked for. Prints
 * how many threads there are, and CPUs; then of each CPU, and of all at once, how much was lost,
 * how long all stood still, and how long it was, in ms.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "judge/seen/pulse.h"
#include "lib/devices/ioctls.h"

#define MS	1000000ULL
#define ALL	-2
#define NONE	-1

static atomic_int stopped = NONE, threads;
static __thread bool counted;

/* What the pulse calls by the name of clock_nanosleep(), as <time.h> has it. */
int slow_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	const struct timespec longer = { .tv_nsec = 500 * MS };

	(void)clock;
	(void)flags;
	threads += !counted;
	counted = true;
	return nanosleep(stopped == ALL || stopped == sched_getcpu() ? &longer : time, left);
}

static void sleep_for(unsigned int ms)
{
	const struct timespec time = { .tv_nsec = (long)(ms * MS) };

	nanosleep(&time, NULL);
}

static void stop(int cpu)
{
	unsigned long long began = dr_now(), ended;

	stopped = cpu;
	sleep_for(900);
	stopped = NONE;
	ended = dr_now();
	printf("%llu %llu %llu\n", pulse_lost(began, ended) / MS, pulse_stood(began, ended) / MS,
	       (ended - began) / MS);
	/* The last ones wake. */
	sleep_for(600);
}

int main(void)
{
	cpu_set_t cpus;
	int cpu;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	if (pulse_start())
		return 1;
	/* Beside load they may take a while to begin. */
	for (cpu = 0; cpu < 3000 && threads < CPU_COUNT(&cpus); cpu++)
		sleep_for(10);
	printf("%d %d\n", threads, CPU_COUNT(&cpus));
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			stop(cpu);
	stop(ALL);
	pulse_stop();
	return 0;
}
