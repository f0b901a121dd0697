/* SPDX-License-Identifier: GPL-2.0-only */
/* Those of test-importer, in the folder of that name. */
#ifndef JUDGE_IMPORTER_SCENARIOS_H
#define JUDGE_IMPORTER_SCENARIOS_H

#include "judge/scenario.h"

/* failures.c */
extern const struct scenario refused, revoked_before;
extern const struct scenario attach_fails, pin_fails, map_fails, vmap_fails;

/* revokes.c */
extern const struct scenario revoke_idle, revoke_mapped, revoke_busy, revoke_twice, revoke_waiting;

/* races.c */
extern const struct scenario attaching, detaching, owner_dies;

/* moves.c */
extern const struct scenario move_used, move_busy, move_fenced;

/* suspends.c */
extern const struct scenario suspend_restore, suspend_again;

/* within.c */
extern const struct scenario told_in_pin, told_in_map;

/* tables.c */
extern const struct scenario fragmented, beyond_4gib, bare_table, range;

/* processes.c */
extern const struct scenario stopped, killed, last_descriptor, memory_limit;

#endif
