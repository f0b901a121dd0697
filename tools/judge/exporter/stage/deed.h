/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the exporter under test does when it is told: PROGRAM by a word, or a command of the user
 * makes it. It goes on while we look at what it does.
 */
#ifndef JUDGE_EXPORTER_STAGE_DEED_H
#define JUDGE_EXPORTER_STAGE_DEED_H

#include "judge/trial.h"

enum deed_what {
	DEED_REVOKE,
	DEED_SUSPEND,
	DEED_RESTORE,
	DEED_MOVE,
	DEED_REMOVE,
	DEEDS,
};

#define DEED_REASON	256

struct deed {
	enum deed_what what;
	bool running;
	bool lacking;			/* there is no such thing; or nobody said how */
	bool failed;			/* a command did, or PROGRAM has ended */
	int error;			/* if it has ended: 0, or an errno that PROGRAM says */
	uint64_t began_ns, ended_ns;	/* when we knew that it has ended */
	const char *command;		/* NULL: PROGRAM does it */
	struct partner partner;		/* the command's */
	char *words[4];
	char reason[DEED_REASON];	/* if it did not what was asked: why */
};

/* "revoke" */
const char *deed_name(enum deed_what what);
/* It may have ended at once: lacking, or failed. */
void deed_start(struct deed *deed, struct trial *trial, enum deed_what what,
		const char *const commands[DEEDS]);
/* A descriptor to poll for POLLIN, or -1. */
int deed_descriptor(const struct deed *deed, const struct trial *trial);
/* Whether it has ended, as of now. */
bool deed_has_ended(struct deed *deed, struct trial *trial);
/* Has ended, and has done it. */
bool deed_is_done(const struct deed *deed);
/* At the latest now; or it hangs in the kernel, which is said. */
void deed_end(struct deed *deed, struct trial *trial);

#endif
