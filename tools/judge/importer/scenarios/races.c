// SPDX-License-Identifier: GPL-2.0-only
/* Revokes at random moments, while the program comes or goes, and the death of the owner. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"

/* How often it is started, beside the first time, which tells how long it takes. */
#define TIMES	6

/* Of the seed, the round, and how many came before. */
static uint64_t random_below(const struct trial *trial, unsigned int number, uint64_t most)
{
	uint64_t x = ((uint64_t)trial->judge->seed << 32 ^ trial->round << 16 ^ number) + 1;

	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 31;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	return most ? x % most : 0;
}

/* In one go, for the moments to be random; unless that takes so long that it may be interrupted. */
#define SLICE_NS	200000000ULL

static void sleep_for(struct trial *trial, uint64_t ns)
{
	while (ns && !trial_is_interrupted(trial)) {
		uint64_t slice = ns < SLICE_NS ? ns : SLICE_NS;
		const struct timespec time = { .tv_nsec = (long)slice };

		nanosleep(&time, NULL);
		ns -= slice;
	}
}

/* How long it takes until it has used the buffer; 0 after giving up. */
static uint64_t time_of_import(struct trial *trial)
{
	uint64_t began_ns = 0, took = 0;
	struct stage stage;

	if (stage_alloc(&stage, trial, NULL)) {
		began_ns = dr_now();
		if (stage_start(&stage) && stage_await_use(&stage))
			took = dr_now() - began_ns;
	}
	stage_close(&stage);
	return took;
}

static const struct dmabuf_revoke_alloc quarantined = { .flags = DMABUF_REVOKE_ALLOC_QUARANTINE };

static void attach_and_revoke(struct trial *trial, uint64_t delay_ns)
{
	struct stage stage;

	if (stage_open(&stage, trial, &quarantined)) {
		sleep_for(trial, delay_ns);
		stage_revoke(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
}

static void run_attaching(struct trial *trial)
{
	uint64_t most = time_of_import(trial);
	unsigned int i;

	trial->once = true;
	for (i = 0; most && i < TIMES && !trial_is_interrupted(trial) && !trial->judge->stuck; i++)
		attach_and_revoke(trial, random_below(trial, i, most));
}

const struct scenario attaching = {
	.name = "attaching",
	.summary = "revoke at random moments while the program attaches and maps, several times",
	.clauses = "I3 I4 I9 I17 I18",
	.run = run_attaching,
};

/* In which it ends; 0 after giving up. */
static uint64_t time_of_end(struct trial *trial)
{
	struct stage stage;
	uint64_t took = 0;

	if (stage_open(&stage, trial, NULL) && stage_await_use(&stage)) {
		took = dr_now();
		trial_hang_up(trial);
		took = dr_now() - took;
	}
	stage_close(&stage);
	return took;
}

static void detach_and_revoke(struct trial *trial, uint64_t delay_ns)
{
	struct stage stage;

	if (stage_open(&stage, trial, &quarantined) && stage_await_use(&stage)) {
		close(trial->partner.control);
		trial->partner.control = -1;
		sleep_for(trial, delay_ns);
		stage_revoke(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
}

static void run_detaching(struct trial *trial)
{
	uint64_t most = time_of_end(trial);
	unsigned int i;

	trial->once = true;
	for (i = 0; most && i < TIMES && !trial_is_interrupted(trial) && !trial->judge->stuck; i++)
		detach_and_revoke(trial, random_below(trial, i, most));
}

const struct scenario detaching = {
	.name = "detaching",
	.summary = "revoke at random moments while the program lets go, several times",
	.clauses = "I3 I4 I9 I17 I18",
	.run = run_detaching,
};

static bool is_revoked(const struct stage *stage)
{
	struct dmabuf_revoke_query query;
	int ret = stage_see(stage, &query);

	return ret == -ENOENT || (!ret && query.state == DMABUF_REVOKE_STATE_REVOKED);
}

static void run_owner(struct trial *trial)
{
	struct stage stage;

	if (stage_open(&stage, trial, &quarantined) && stage_await_map(&stage)) {
		stage_die(&stage);
		while (!stage.legacy && !is_revoked(&stage) &&
		       !trial_is_over(trial, trial->judge->limits.ns[LIMIT_UNMAP] +
				      trial->judge->limits.ns[LIMIT_FENCE], stage.told_ns))
			sleep_for(trial, 2000000);
		stage.revoke.pending = stage_look(&stage).pending;
		stage.ret = is_revoked(&stage) ? 0 : -ETIMEDOUT;
		trial_look(trial);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
}

const struct scenario owner_dies = {
	.name = "owner-dies",
	.summary = "the exporter's file is closed while the buffer is being used",
	.clauses = "I2 I4 I8 I9 I17 I18",
	.run = run_owner,
};
