// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "judge/seen/pulse.h"
#include "lib/devices/ioctls.h"

#define PERIOD_NS	10000000ULL
/* What is less is not remembered: a beat may be late by that anywhere. */
#define LATE_NS		2000000ULL
#define REMEMBERED	65536

/* A CPU that this process may use. */
struct heart {
	pthread_t thread;
	int cpu;
	uint64_t last_beat;		/* under @gaps_lock */
};

/* The newest ones, of any CPU, in the order of their ends. */
static struct gap {
	uint64_t begin_ns, end_ns;
	const struct heart *heart;
} gaps[REMEMBERED];

static size_t gap_count;		/* ever; under @gaps_lock, as @gaps */
static pthread_mutex_t gaps_lock = PTHREAD_MUTEX_INITIALIZER;
static struct heart *hearts;
static size_t heart_count;		/* of those that beat */
static atomic_bool ending;

/* From when a beat was due that has not come until then. */
static struct gap since(const struct heart *heart, uint64_t now)
{
	uint64_t due = heart->last_beat + PERIOD_NS;

	return (struct gap){ now > due + LATE_NS ? due : now, now, heart };
}

static void *beat(void *context)
{
	const struct timespec next = { .tv_nsec = PERIOD_NS };
	struct heart *heart = context;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(heart->cpu, &cpu);
	pthread_setaffinity_np(pthread_self(), sizeof(cpu), &cpu);
	while (!ending) {
		struct gap gap;

		clock_nanosleep(CLOCK_MONOTONIC, 0, &next, NULL);
		pthread_mutex_lock(&gaps_lock);
		gap = since(heart, dr_now());
		if (gap.begin_ns < gap.end_ns)
			gaps[gap_count++ % REMEMBERED] = gap;
		heart->last_beat = gap.end_ns;
		pthread_mutex_unlock(&gaps_lock);
	}
	return NULL;
}

int pulse_start(void)
{
	cpu_set_t cpus;
	int cpu, ret = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus)) {
		CPU_ZERO(&cpus);
		CPU_SET(0, &cpus);
	}
	hearts = calloc((size_t)CPU_COUNT(&cpus), sizeof(*hearts));
	if (!hearts)
		return -ENOMEM;
	for (cpu = 0; cpu < CPU_SETSIZE && !ret; cpu++) {
		struct heart *heart = &hearts[heart_count];

		if (!CPU_ISSET(cpu, &cpus))
			continue;
		*heart = (struct heart){ .cpu = cpu, .last_beat = dr_now() };
		ret = pthread_create(&heart->thread, NULL, beat, heart);
		heart_count += !ret;
	}
	if (ret)
		pulse_stop();
	return -ret;
}

void pulse_stop(void)
{
	ending = true;
	while (heart_count)
		pthread_join(hearts[--heart_count].thread, NULL);
	free(hearts);
	hearts = NULL;
}

/* What of @gap is in the time that is looked at, and before what was added already. */
static uint64_t add(const struct gap *gap, uint64_t begin_ns, uint64_t *before_ns)
{
	uint64_t begin = gap->begin_ns > begin_ns ? gap->begin_ns : begin_ns;
	uint64_t end = gap->end_ns < *before_ns ? gap->end_ns : *before_ns;

	if (begin >= end)
		return 0;
	*before_ns = begin;
	return end - begin;
}

uint64_t pulse_lost(uint64_t begin_ns, uint64_t end_ns)
{
	uint64_t lost = 0, now;
	size_t i, first;

	pthread_mutex_lock(&gaps_lock);
	now = dr_now();
	/* Some may be late at this moment: these end last. Then back in time, to add none twice. */
	for (i = 0; i < heart_count; i++) {
		struct gap gap = since(&hearts[i], now);

		lost += add(&gap, begin_ns, &end_ns);
	}
	first = gap_count > REMEMBERED ? gap_count - REMEMBERED : 0;
	for (i = gap_count; i > first && gaps[(i - 1) % REMEMBERED].end_ns > begin_ns; i--)
		lost += add(&gaps[(i - 1) % REMEMBERED], begin_ns, &end_ns);
	/* Nobody knows of what was before the first one. */
	if (first && i == first && end_ns > begin_ns)
		lost += end_ns - begin_ns;
	pthread_mutex_unlock(&gaps_lock);
	return lost;
}

static uint64_t within(const struct gap *gap, uint64_t begin_ns, uint64_t end_ns)
{
	uint64_t before_ns = end_ns;

	return add(gap, begin_ns, &before_ns);
}

static uint64_t longest(const struct heart *heart, uint64_t begin_ns, uint64_t end_ns)
{
	const struct gap last = since(heart, dr_now());
	uint64_t most = within(&last, begin_ns, end_ns), one;
	size_t i;

	for (i = 0; i < gap_count && i < REMEMBERED; i++) {
		one = gaps[i].heart == heart ? within(&gaps[i], begin_ns, end_ns) : 0;
		if (one > most)
			most = one;
	}
	return most;
}

uint64_t pulse_stood(uint64_t begin_ns, uint64_t end_ns)
{
	uint64_t least = UINT64_MAX, one;
	size_t i;

	pthread_mutex_lock(&gaps_lock);
	for (i = 0; i < heart_count; i++) {
		one = longest(&hearts[i], begin_ns, end_ns);
		if (one < least)
			least = one;
	}
	pthread_mutex_unlock(&gaps_lock);
	return heart_count ? least : 0;
}
