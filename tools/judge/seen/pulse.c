// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "judge/seen/pulse.h"
#include "lib/devices/ioctls.h"

#define PERIOD_NS	10000000ULL
/* What is less is not remembered: a beat may be late by that anywhere. */
#define LATE_NS		PERIOD_NS
#define REMEMBERED	4096

/* The newest ones. */
static struct gap {
	uint64_t begin_ns, end_ns;
} gaps[REMEMBERED];

static size_t gap_count;		/* ever; under @gaps_lock, as @gaps */
static uint64_t last_beat;		/* the same */
static pthread_mutex_t gaps_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t thread;
static atomic_bool ending;

static void *beat(void *unused)
{
	struct timespec next = { .tv_nsec = PERIOD_NS };

	(void)unused;
	while (!ending) {
		uint64_t now;

		clock_nanosleep(CLOCK_MONOTONIC, 0, &next, NULL);
		now = dr_now();
		pthread_mutex_lock(&gaps_lock);
		if (now - last_beat > PERIOD_NS + LATE_NS)
			gaps[gap_count++ % REMEMBERED] = (struct gap){ last_beat, now };
		last_beat = now;
		pthread_mutex_unlock(&gaps_lock);
	}
	return NULL;
}

int pulse_start(void)
{
	last_beat = dr_now();
	return -pthread_create(&thread, NULL, beat, NULL);
}

void pulse_stop(void)
{
	ending = true;
	pthread_join(thread, NULL);
}

static uint64_t overlap(const struct gap *gap, uint64_t begin_ns, uint64_t end_ns)
{
	uint64_t begin = gap->begin_ns > begin_ns ? gap->begin_ns : begin_ns;
	uint64_t end = gap->end_ns < end_ns ? gap->end_ns : end_ns;

	return begin < end ? end - begin : 0;
}

uint64_t pulse_lost(uint64_t begin_ns, uint64_t end_ns)
{
	uint64_t lost = 0;
	size_t i, first;
	struct gap now;

	pthread_mutex_lock(&gaps_lock);
	first = gap_count > REMEMBERED ? gap_count - REMEMBERED : 0;
	for (i = first; i < gap_count; i++)
		lost += overlap(&gaps[i % REMEMBERED], begin_ns, end_ns);
	/* It may be late at this moment. */
	now = (struct gap){ last_beat, dr_now() };
	if (now.end_ns - now.begin_ns > PERIOD_NS + LATE_NS)
		lost += overlap(&now, begin_ns, end_ns);
	pthread_mutex_unlock(&gaps_lock);
	return lost;
}
