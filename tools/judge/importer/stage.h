/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A buffer of ours and the program that imports it: what a scenario does with both. Each has a
 * file of the exporter, and a buffer, of its own.
 */
#ifndef JUDGE_IMPORTER_STAGE_H
#define JUDGE_IMPORTER_STAGE_H

#include "judge/trial.h"
#include "lib/devices/ioctls.h"

/* What the scenarios of test-importer share, as @subject of struct judge. */
struct importer_subject {
	uint64_t length;		/* of each buffer, bytes */
	uint32_t flags;			/* DMABUF_REVOKE_ALLOC_* of each: ACCEPT_LEGACY */
	bool maps_unpinned;		/* DMABUF_REVOKE_FEATURE_MAP_UNPINNED */
	const char *range;		/* "OFFSET:LENGTH", or NULL */
	uint64_t range_offset, range_length;
};

struct stage {
	struct trial *trial;
	int exporter;			/* the owner's file; -1: closed */
	int dmabuf;			/* our descriptor; -1: closed */
	uint64_t id;
	uint64_t length;
	uint64_t memory;		/* bytes of it that are not there again and again */
	bool quarantined;
	bool legacy;			/* what attached cannot be revoked, and was let in */
	bool speaks;			/* the program has answered on its socket */
	int answer;			/* the last one: 0 or a positive errno */
	bool twice;			/* it has used the buffer again, before the act */
	bool may_wait;			/* for a restore, as an access of the CPU does */
	bool waits;			/* and does so, for it has not answered */
	bool fenced;			/* a fence was seen on the buffer before the act */
	int holder;			/* our own attachment, whose fence is stuck; -1: none */
	uint64_t other;			/* its number in the events; 0: none */
	const char *cgroup;		/* to start the program in, or NULL */
	const char *range;		/* to tell it, or NULL */
	uint64_t free_ns;		/* when that was let go of; 0: not yet */
	uint64_t told_ns;		/* when the last revoke, or move, began; 0: none */
	int ret;			/* what it returned */
	uint64_t moved;			/* the number of the move, if it was one */
	struct dmabuf_revoke_revoke revoke;	/* if it was one */
};

/*
 * A buffer as @like says (NULL: nothing special; its length is the subject's if it is 0, and the
 * subject's flags are added), and the program started with it. False after giving the scenario up.
 */
bool stage_open(struct stage *stage, struct trial *trial, const struct dmabuf_revoke_alloc *like);
/* The same, but the program is not started; then by itself. */
bool stage_alloc(struct stage *stage, struct trial *trial,
		 const struct dmabuf_revoke_alloc *like);
/* Only @like's flags, not the subject's. */
bool stage_alloc_strict(struct stage *stage, struct trial *trial,
			const struct dmabuf_revoke_alloc *like);
bool stage_start(struct stage *stage);
/*
 * A fence of ours is on the buffer, which signals when it is let go of: of a job of that sort,
 * DMABUF_REVOKE_OP_*, with DMABUF_REVOKE_SUBMIT_*. False after giving the scenario up: no importer.
 */
bool stage_hold(struct stage *stage, uint32_t op, uint32_t flags);
void stage_let_go(struct stage *stage);

enum progress {
	USED,			/* it says so */
	REFUSED,		/* it says which errno it got */
	MAPPED,			/* for a device */
	VMAPPED,
	ENDED,
	NOTHING,
};

/* Until one of these; @until_answer: MAPPED and VMAPPED only if nothing else comes. */
enum progress stage_await(struct stage *stage, bool until_answer);
/*
 * Until the program has used the buffer for the first time: has said so, or has mapped it. False
 * after giving the scenario up: refused, ended, or nothing within the limit.
 */
bool stage_await_use(struct stage *stage);
/*
 * The same from the begin, as stage_open(), and once more: whether it can use the buffer @twice.
 * Who never can is neither to be blamed nor praised for that after the act. He is started anew, and
 * not asked: he may have let go of the buffer, or answer late.
 */
bool stage_open_twice(struct stage *stage, struct trial *trial,
		      const struct dmabuf_revoke_alloc *like);
/* Until it is mapped, or refused; not until the program has done what it wants. The same. */
bool stage_await_map(struct stage *stage);
/*
 * "again", and the answer: true, and it is in @answer. False: it has said nothing within the limit,
 * or does not speak at all.
 */
bool stage_again(struct stage *stage);
/* "again" only. False: nobody hears it. */
bool stage_ask(struct stage *stage);
/* An answer until then, to what was said before. */
bool stage_hear(struct stage *stage, uint64_t deadline_ns);
/* The same, until it is late: trial_is_over() with the limit for answers. */
bool stage_hear_late(struct stage *stage, uint64_t began_ns);
/* What the exporter refused last, and with what; 0: nothing was. */
int stage_refusal(const struct stage *stage, const char **call);
/* How often the same call was refused since then, at most. */
unsigned int stage_tries(const struct stage *stage, uint64_t since_ns);
/* Whether it tries without end, and not anew for each use: often, and one right after the other. */
bool stage_is_stubborn(const struct stage *stage, uint64_t since_ns);
/* How it is now, by the exporter. All 0 if that cannot be had. */
struct dmabuf_revoke_query stage_look(const struct stage *stage);
/* The same; or -ENOENT: there is no such buffer any more; or why it cannot be had. */
int stage_see(const struct stage *stage, struct dmabuf_revoke_query *query);

/*
 * The acts of the exporter, in a process of their own, since a callback may never return. Each
 * sets @told_ns, @ret. -EINPROGRESS: it hangs, which was told.
 */
void stage_revoke(struct stage *stage);
/* In two steps: importers are told, and nothing is waited for; then that is. */
void stage_begin_revoke(struct stage *stage);
void stage_finish_revoke(struct stage *stage);
void stage_suspend(struct stage *stage);
void stage_restore(struct stage *stage);
/* The file of the owner is closed. */
void stage_die(struct stage *stage);
void stage_move(struct stage *stage);
/* Does not wait for the contents. */
void stage_move_only(struct stage *stage);

/* told.c: what the events say of what the program did. */

/*
 * Of the last act: I2 the callback, I8 the fences, I4 the unmaps, I5 the pins. Only those that the
 * scenario names.
 */
void stage_judge_told(struct stage *stage);
/* I3: what has begun after that. To be asked when nothing can come any more. */
void stage_judge_new_work(struct stage *stage);
/* Whether an attachment of the program can be revoked, so that it is told. */
bool stage_is_revocable(const struct stage *stage);
/* Whether there was one when the last act told; and whether one had a pin then. */
bool stage_was_told(const struct stage *stage);
bool stage_is_pinned(const struct stage *stage);
/* When the telling of the last act began. */
uint64_t stage_told_at(const struct stage *stage);
/* Mapped anew since then, by the program. */
bool stage_mapped_since(const struct stage *stage, uint64_t since_ns);
/* Whether one that was told is mapped now; and whether one that had a pin has mapped since. */
bool stage_keeps(const struct stage *stage);
bool stage_has_revived(const struct stage *stage);

/* again.c: the program is asked to use the buffer again. */

/*
 * It has not answered since then: @clause is SKIP if it has ended, I17 FAIL if it is in a call that
 * may be the driver's.
 */
void stage_judge_silence(struct stage *stage, const char *clause, uint64_t since_ns,
			 const char *when);

/* I5, I6: while it is taken back, it says that it could not. */
void stage_judge_gone(struct stage *stage);
/* I6: after a move it does, with a new mapping. Whether it says so. */
bool stage_judge_moved(struct stage *stage);
/* I5, I6: after a suspension a pinned importer says that it could not, others do. */
void stage_judge_back(struct stage *stage);

/* holders.c: who has the buffer when the program has ended. */

/* Whether the kernel does not list the dma-buf: nobody has a reference to it. */
bool stage_is_forgotten(const struct stage *stage);
/* Whether it lists it: somebody has one. Neither: it cannot be seen. */
bool stage_is_listed(const struct stage *stage);
/* The process that has attached, and lives on when the program has ended; 0: none. */
uint32_t stage_stranger(const struct stage *stage);
/* Whether a process has it, so that it is no reference of the driver's. */
bool stage_is_had(const struct stage *stage);

/* left.c */

/*
 * The program's end, in order, and what it has left: I9 pins and mappings, I17 attachments and
 * the dma-buf, I18 fences, I3 memory that was written to in quarantine. Then the buffer goes.
 */
void stage_close(struct stage *stage);

#endif
