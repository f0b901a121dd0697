/* SPDX-License-Identifier: GPL-2.0-only */
/* Those of test-exporter, in the files beside this one. */
#ifndef JUDGE_EXPORTER_SCENARIOS_H
#define JUDGE_EXPORTER_SCENARIOS_H

#include "judge/scenario.h"

/* kinds.c */
extern const struct scenario exporter_kinds;
extern const struct scenario exporter_legacy;

/* told.c */
extern const struct scenario exporter_told;

/* waits.c */
extern const struct scenario exporter_fence_write;
extern const struct scenario exporter_fence_read;
extern const struct scenario exporter_fence_bookkeep;
extern const struct scenario exporter_unmap;
extern const struct scenario exporter_lock;
extern const struct scenario exporter_lock_unmap;

/* access.c */
extern const struct scenario exporter_cpu;
extern const struct scenario exporter_sync;

/* moves.c */
extern const struct scenario exporter_move;
extern const struct scenario exporter_move_twice;
extern const struct scenario exporter_move_pinned;

/* suspends.c */
extern const struct scenario exporter_suspend;
extern const struct scenario exporter_restore;

/* ends.c */
extern const struct scenario exporter_descriptors;
extern const struct scenario exporter_remove;

#endif
