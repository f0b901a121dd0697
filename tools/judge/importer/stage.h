/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A buffer of ours and the program that imports it: what a scenario does with both. Each trial has
 * a file of the exporter, and a buffer, of its own.
 */
#ifndef JUDGE_IMPORTER_STAGE_H
#define JUDGE_IMPORTER_STAGE_H

#include "judge/trial.h"
#include "lib/devices/ioctls.h"

/* What the scenarios of test-importer share, as @subject of struct judge. */
struct importer_subject {
	uint64_t length;		/* of each buffer, bytes */
	uint32_t flags;			/* DMABUF_REVOKE_ALLOC_* of each, such as ACCEPT_LEGACY */
};

struct stage {
	struct trial *trial;
	int exporter;			/* the owner's file; -1: closed */
	int dmabuf;			/* our descriptor; -1: closed */
	uint64_t id;
	bool quarantined;
	bool speaks;			/* the program has answered on its socket */
	int answer;			/* the last one: 0 or a positive errno */
	uint64_t told_ns;		/* when the last revoke, or move, began; 0: none */
	int ret;			/* what it returned */
	struct dmabuf_revoke_revoke revoke;	/* if it was one */
};

/*
 * A buffer as @like says (NULL: nothing special; its length, and flags, are the subject's if they
 * are 0), and the program started with it. False after giving the scenario up.
 */
bool stage_open(struct stage *stage, struct trial *trial, const struct dmabuf_revoke_alloc *like);
/* The same, but the program is not started; then by itself. */
bool stage_alloc(struct stage *stage, struct trial *trial,
		 const struct dmabuf_revoke_alloc *like);
bool stage_start(struct stage *stage);

/*
 * Until the program has used the buffer for the first time: has said so, or has mapped it. False
 * after giving the scenario up: refused, ended, or nothing within the limit.
 */
bool stage_await_use(struct stage *stage);
/* Until it is mapped, or refused; not until the program has done what it wants. The same. */
bool stage_await_map(struct stage *stage);
/*
 * "again", and the answer: true, and it is in @answer. False: it has said nothing within the limit,
 * or does not speak at all.
 */
bool stage_again(struct stage *stage);

/* The acts of the exporter. Each sets @told_ns, @ret. */
void stage_revoke(struct stage *stage);
void stage_suspend(struct stage *stage);
void stage_restore(struct stage *stage);
void stage_move(struct stage *stage);

/*
 * What the events say of the last act: I2 the callback, I8 the fences, I4 the unmaps. Only those
 * that the scenario names.
 */
void stage_judge_told(struct stage *stage);
/* I5, I6: asked to use it again after a revoke, it says that it could not. */
void stage_judge_again(struct stage *stage);
/*
 * The program's end, in order, and what it has left: I9 pins and mappings, I17 attachments and
 * the dma-buf, I18 fences, I3 memory that was written to in quarantine. Then the buffer goes.
 */
void stage_close(struct stage *stage);

#endif
