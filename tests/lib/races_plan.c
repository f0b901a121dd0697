// SPDX-License-Identifier: GPL-2.0-only
/* Who does what when: a function of the seed. */
#include "races.h"

const struct race_op race_ops[] = {
	{ "alloc", 10, race_alloc },
	{ "free", 2, race_free },
	{ "export", 12, race_export },
	{ "drop", 5, race_drop },
	{ "owner close", 1, race_owner_close },
	{ "revoke", 6, race_revoke },
	{ "suspend", 5, race_suspend },
	{ "restore", 12, race_restore },
	{ "move", 24, race_move },
	{ "query", 5, race_query },
	{ "list", 2, race_list },
	{ "blockers", 4, race_blockers },
	{ "info", 1, race_info },

	{ "attach", 24, race_attach },
	{ "detach", 10, race_detach },
	{ "map", 14, race_map },
	{ "unmap", 8, race_unmap },
	{ "submit", 30, race_submit },
	{ "wait", 14, race_wait },
	{ "vmap", 6, race_vmap },
	{ "vunmap", 8, race_vunmap },
	{ "status", 4, race_status },
	{ "events", 4, race_events },

	{ "poll", 6, race_poll },
	{ "epoll", 4, race_epoll },
	{ "fence export", 6, race_fence_export },
	{ "fence import", 6, race_fence_import },
	{ "fence poll", 4, race_fence_poll },
	{ "debug files", 2, race_debug_files },

	{ "cpu map", 16, race_cpu_map },
	{ "cpu unmap", 3, race_cpu_unmap },
	{ "cpu touch", 20, race_cpu_touch },
	{ "cpu move", 3, race_cpu_move },
	{ "wild map", 6, race_wild_map },
	{ "wild touch", 10, race_wild_touch },
	{ "kernel touch", 8, race_kernel_touch },
	{ "argument", 8, race_argument },
	{ "sync", 8, race_sync },

	{ "fork", 2, race_fork },
	{ "signal", 6, race_signal },
	{ "kept write", 14, race_kept_write },
	{ "kept dma", 8, race_kept_dma },
	{ "kept check", 20, race_kept_check },
};

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

const unsigned int race_nr_ops = ARRAY_SIZE(race_ops);

_Static_assert(ARRAY_SIZE(race_ops) <= RACE_MAX_OPS, "RACE_MAX_OPS");

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint64_t draw(const struct race_options *options, unsigned int worker,
		     unsigned int life, unsigned int index, unsigned int n)
{
	uint64_t x = mix(options->seed);

	x = mix(x ^ worker);
	x = mix(x ^ life);
	x = mix(x ^ index);
	return mix(x ^ n);
}

static unsigned int pick_op(uint64_t random)
{
	unsigned int total = 0, op;

	for (op = 0; op < race_nr_ops; op++)
		total += race_ops[op].weight;
	total = random % total;
	for (op = 0; total >= race_ops[op].weight; op++)
		total -= race_ops[op].weight;
	return op;
}

struct race_step race_step(const struct race_options *options,
			   unsigned int worker, unsigned int life,
			   unsigned int index)
{
	struct race_step step = {
		.op = pick_op(draw(options, worker, life, index, 0)),
	};

	for (unsigned int i = 0; i < RACE_ARGS; i++) {
		uint64_t random = draw(options, worker, life, index, 1 + i / 4);

		step.arg[i] = random >> i % 4 * 16;
	}
	return step;
}

uint64_t race_hash_step(uint64_t hash, const struct race_step *step)
{
	hash = mix(hash ^ step->op);
	for (unsigned int i = 0; i < RACE_ARGS; i++)
		hash = mix(hash ^ step->arg[i]);
	return hash;
}

unsigned int race_life_length(const struct race_options *options)
{
	uint64_t lives = (uint64_t)options->processes * options->threads *
			 RACE_LIVES;

	return (options->operations + lives - 1) / lives;
}

/* Every life but the last one ends in the midst, by one of the threads. */
unsigned int race_death(const struct race_options *options, unsigned int worker,
			unsigned int life)
{
	unsigned int process = worker / options->threads;
	uint64_t random = draw(options, RACE_MAX_WORKERS + process, life, 0, 0);
	unsigned int length = race_life_length(options);

	if (life == RACE_LIVES - 1 ||
	    random % options->threads != worker % options->threads)
		return UINT32_MAX;
	return length / 2 + (random >> 32) % (length / 2 + 1);
}
