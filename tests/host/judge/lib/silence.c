// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to wait for a program that has closed its socket and goes on: silence PROGRAM...
 * Prints, in ms, how long it was waited for, and how long that computed.
 */
#include <stdio.h>
#include <time.h>

#include "judge/importer/stage.h"
#include "judge/seen/pulse.h"

#define MS	1000000ULL

static unsigned long long computed(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (unsigned long long)time.tv_sec * 1000 + (unsigned long long)time.tv_nsec / MS;
}

int main(int argc, char **argv)
{
	struct judge judge = { .program = argv + 1, .exporter = -1, .signals = -1 };
	struct trial trial = { .judge = &judge, .round = 1 };
	struct stage stage = { .trial = &trial, .dmabuf = -1, .holder = -1 };
	unsigned long long before;
	uint64_t began;

	judge.limits.ns[LIMIT_ANSWER] = 500 * MS;
	if (argc < 2 || pulse_start() || !stage_start(&stage))
		return 1;
	began = dr_now();
	before = computed();
	stage_hear_late(&stage, began);
	printf("%llu %llu\n", (dr_now() - began) / MS, computed() - before);
	partner_stop(&trial.partner, 1, dr_deadline(10000 * MS));
	pulse_stop();
	return 0;
}
