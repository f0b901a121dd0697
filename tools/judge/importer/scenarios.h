/* SPDX-License-Identifier: GPL-2.0-only */
/* Those of test-importer, in the files beside this one. */
#ifndef JUDGE_IMPORTER_SCENARIOS_H
#define JUDGE_IMPORTER_SCENARIOS_H

#include "judge/scenario.h"

/* revokes.c */
extern const struct scenario revoke_mapped;
extern const struct scenario revoke_busy;
extern const struct scenario revoke_twice;

#endif
