/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One scenario, once: the program is started for it, and ends with it. Verdicts are given here, so
 * that each has its evidence: what happened, with times, and what the limit was.
 */
#ifndef JUDGE_TRIAL_H
#define JUDGE_TRIAL_H

#include <stdbool.h>

#include "judge/context.h"
#include "judge/program/partner.h"
#include "judge/scenario.h"

struct trial {
	struct judge *judge;
	const struct scenario *scenario;
	unsigned int round;		/* from 1 */
	uint64_t began_ns;
	struct partner partner;
	struct watch_list list;		/* what happened, as far as was looked */
	uint64_t inode;			/* of the dma-buf that it is about; 0: not yet known */
	bool unused;			/* by the driver: it can break a clause, not keep one */
	bool once;			/* it is the same several times: say the same once */
	bool spoiled;			/* by this machine: another try may tell what is UNKNOWN */
	const char *forgiven;		/* "A~B|C~D": complaints that begin with A and have B */
};

/* What has happened until now is in @list afterwards. */
void trial_look(struct trial *trial);
/* Whether events are missing in it: what is not there may have happened. */
bool trial_is_blind(const struct trial *trial);

/*
 * A verdict, with the events of the buffer as details if it is FAIL. What was not seen may be
 * FAIL only if !trial_is_blind(): it is UNKNOWN then, by itself.
 */
struct finding *trial_find(struct trial *trial, const char *clause, enum verdict verdict,
			   const char *format, ...) __attribute__((format(printf, 4, 5)));
#define trial_pass(trial, clause, ...)	trial_find(trial, clause, VERDICT_PASS, __VA_ARGS__)
#define trial_fail(trial, clause, ...)	trial_find(trial, clause, VERDICT_FAIL, __VA_ARGS__)
#define trial_skip(trial, clause, ...)	trial_find(trial, clause, VERDICT_SKIP, __VA_ARGS__)
#define trial_unknown(trial, clause, ...) trial_find(trial, clause, VERDICT_UNKNOWN, __VA_ARGS__)

/*
 * The core warns of a vmap that fails, whoever wants it: once per boot. Nothing else than that
 * warning, and no function of a driver's whose name has the other in it.
 */
#define FORGIVEN_VMAP	"WARNING:~ dma_buf_vmap"
/*
 * The DMA-API checks do not count more than 7 mappings of the same memory, and warn once. Whatever
 * else they find has a line of its own.
 */
#define FORGIVEN_OVERLAP "DMA-API:~overlapping mappings|WARNING:~ kernel/dma/debug.c"

/* Whether that complaint of the kernel's comes of what the scenario does, as @forgiven says. */
bool trial_forgives(const struct trial *trial, const char *text);

/*
 * By time: PASS if it took no longer than the limit, UNKNOWN if this machine was not alive
 * meanwhile, else FAIL. @what: "the last unmap came"; " 12 ms after WHEN" is added.
 */
struct finding *trial_took(struct trial *trial, const char *clause, enum limit limit,
			   uint64_t begin_ns, uint64_t end_ns, const char *what,
			   const char *when);
/* It has not come at all, although that was waited for since @begin_ns: FAIL, or UNKNOWN. */
struct finding *trial_never(struct trial *trial, const char *clause, enum limit limit,
			    uint64_t begin_ns, const char *what, const char *when);
/* SKIP for all clauses of the scenario that have no verdict yet; UNKNOWN if it was interrupted. */
void trial_give_up(struct trial *trial, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, but UNKNOWN. */
void trial_unclear(struct trial *trial, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The program is asked to end, then killed: it may be started anew. What no signal ends, hangs, and
 * nothing can be tried after that.
 */
void trial_end_program(struct trial *trial);
/* The socket of the program ends, and it is waited for, until the user asks us to end. */
void trial_hang_up(struct trial *trial);
/*
 * SIGKILL to any, now. False: it hangs, which is said. However long this machine stood still, it is
 * looked at again before that.
 */
bool trial_stop(struct trial *trial, struct partner *partner, const char *name);
/* The same with all that @name has started, which is ours when it has ended. */
void trial_sweep(struct trial *trial, const struct partner *partner, const char *name);
/* Whether what was killed at @killed_ns and is there still has had its time. */
bool trial_is_hang(struct trial *trial, uint64_t killed_ns);
/* That is said: FAIL of LOG, or UNKNOWN if it may be of this machine, or of the user. */
struct finding *trial_hangs(struct trial *trial, uint64_t killed_ns, const char *text);

/* A deadline of CLOCK_MONOTONIC, that far from now. */
uint64_t trial_deadline(const struct trial *trial, enum limit limit);
/* partner_hear() and partner_has_ended(), which end when the user asks us to, too. */
int trial_hear(struct trial *trial, char line[PARTNER_LINE], uint64_t deadline_ns);
bool trial_await_program(struct trial *trial, uint64_t deadline_ns);
/*
 * Whether what was waited for since @begin_ns has had @ns and more of a machine that was alive,
 * so that trial_never() is FAIL; or ten times that, or the user asked us to end.
 */
bool trial_is_over(struct trial *trial, uint64_t ns, uint64_t begin_ns);
/* Whether the user asked us to end: every wait ends then. */
bool trial_is_interrupted(struct trial *trial);

/* It is not run, for a reason. */
void trial_leave_out(struct judge *judge, const struct scenario *scenario, unsigned int round,
		     const char *why);
/*
 * All there is to one trial: runs the scenario, ends its program, reads the kernel's log. Where the
 * machine stood still the scenario is run anew, if it starts a program.
 */
void trial_run(struct judge *judge, const struct scenario *scenario, unsigned int round);

#endif
