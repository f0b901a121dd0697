/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A buffer of the exporter under test, and importers of ours on it: what a scenario does with both.
 * The buffer is PROGRAM's, a new one for each trial; or the one that the user gave, for all.
 *
 * Whatever the exporter has a say in may hang: such calls are made aside, and what importers have
 * seen is read from their files, for which nobody needs the resv lock.
 */
#ifndef JUDGE_EXPORTER_STAGE_SCENE_H
#define JUDGE_EXPORTER_STAGE_SCENE_H

#include <dmabuf_revoke.h>

#include "judge/exporter/stage/aside.h"
#include "judge/exporter/stage/deed.h"

/* What the scenarios of test-exporter share, as @subject of struct judge. */
struct exporter_subject {
	int dmabuf;			/* the user's; -1: PROGRAM exports one for each trial */
	const char *commands[DEEDS];	/* NULL: PROGRAM does it, or nobody */
	struct dmabuf_revoke_device device;	/* that we attach on behalf of */
	uint32_t engine;
	bool peer2peer;			/* ask for it, whoever can */
	bool accepts_legacy;		/* on purpose */
	uint64_t features;		/* DMABUF_REVOKE_FEATURE_* */
	int importer;			/* of open_importer() */
	const char **gone;		/* the scenario that has revoked @dmabuf, or NULL */
};

#define SEATS	8

/* An importer of ours, and what its events have said. */
struct seat {
	int file;			/* -1: it was not let in, or has left */
	int ret;			/* of attaching: 0 or a negative errno; ASIDE_NEVER */
	uint32_t kind;
	uint32_t engine;		/* that it has got */
	uint64_t length;
	uint64_t job;			/* the last one */
	unsigned int told;		/* how often, since the deed began */
	unsigned int done;		/* jobs */
	uint64_t first_told_ns;		/* since the deed began */
	uint64_t unmapped_ns;		/* the last time */
	uint64_t done_ns;		/* when the last job's fence signalled */
	uint64_t sequence;		/* of the next event */
	bool lost;			/* events */
};

struct scene {
	struct trial *trial;
	const struct exporter_subject *subject;
	int dmabuf;
	uint64_t length;
	struct seat seats[SEATS];
	unsigned int count;
	struct deed deed;
	bool suspended;			/* by a deed: a given buffer is to be restored */
	struct aside aside;
};

/* How an importer attaches. */
struct manner {
	uint32_t kind;
	uint32_t flags;			/* DMABUF_REVOKE_ATTACH_* */
	uint64_t misbehave, delay_ns;	/* DMABUF_REVOKE_MISBEHAVE_* */
	bool idle;			/* no engine is needed */
};

/* The buffer. False after giving the scenario up. */
bool scene_open(struct scene *scene, struct trial *trial);
/* The end of the deed, of all importers, of PROGRAM. */
void scene_close(struct scene *scene);

/* A new importer; @ret in it is what came of it. */
struct seat *scene_attach(struct scene *scene, const struct manner *manner);
/* The same; NULL after giving the scenario up: it was not let in, or not mapped. */
struct seat *scene_attach_mapped(struct scene *scene, const struct manner *manner);
/* The same: each of its fences signals so long after the DMA has ended. */
struct seat *scene_attach_fenced(struct scene *scene, uint64_t delay_ns);
/* "EOPNOTSUPP", or "no answer" of ASIDE_NEVER. */
const char *scene_result(int ret);
/* Whether it tells of what there was not at that moment, and nothing of the exporter. */
bool scene_is_for_now(int ret);
/*
 * What had to succeed, tried since @began_ns, has failed with @ret, or not come back within @limit:
 * FAIL; UNKNOWN if it is for now, of a machine that stood still, or the user asked us to end.
 * @what: "a dynamic importer cannot map".
 */
void scene_failed(struct scene *scene, const char *clause, int ret, enum limit limit,
		  uint64_t began_ns, const char *what);

/* 0 or a negative errno; ASIDE_NEVER. */
int scene_map(struct scene *scene, struct seat *seat);
int scene_unmap(struct scene *scene, struct seat *seat);
int scene_leave(struct scene *scene, struct seat *seat);
int scene_vmap(struct scene *scene, struct seat *seat);
int scene_vunmap(struct scene *scene, struct seat *seat);
int scene_status(struct scene *scene, struct seat *seat, struct dmabuf_revoke_status *status);
/*
 * The segments of its mapping, @capacity at most, to be freed; how many there are is *@count. NULL:
 * they cannot be had.
 */
struct dmabuf_revoke_segment *scene_segments(struct scene *scene, struct seat *seat,
					     uint32_t capacity, uint32_t *count);
/* The first one of them. Returns its length; 0: there is none, or it cannot be had. */
uint64_t scene_first_segment(struct scene *scene, struct seat *seat,
			     struct dmabuf_revoke_segment *segment);
/* Begins a job; its number is in @seat. */
int scene_submit(struct scene *scene, struct seat *seat, uint32_t op, uint32_t flags,
		 uint64_t pattern);
/* The same; false after giving the scenario up. */
bool scene_begin_job(struct scene *scene, struct seat *seat, uint32_t op, uint32_t flags,
		     uint64_t pattern);
/*
 * A job over all of the buffer, to its end; ASIDE_NEVER: that has not come within the limit for a
 * command. @crc32 may be NULL.
 */
int scene_dma(struct scene *scene, struct seat *seat, uint32_t op, uint64_t pattern,
	      uint32_t *crc32);
/* Whether its device does DMA. */
bool scene_has_engine(const struct seat *seat);
/* What crc32 READ yields of a buffer that WRITE has filled with @pattern. */
uint32_t scene_crc32(const struct scene *scene, uint64_t pattern);

/* What has happened to the importers, and whether the deed has ended, until now. */
void scene_look(struct scene *scene);
/* Until something happens, or the deadline. False: it has passed, or we were interrupted. */
bool scene_await(struct scene *scene, uint64_t deadline_ns);
/* Times that importers were told since the deed began, all together. */
unsigned int scene_told(const struct scene *scene);

/*
 * Of an importer that was not told when the deed was over: whether it is told within the limit for
 * an unmap, which is UNKNOWN, by itself: then a command only makes somebody do it, and how long
 * that takes is not known. Also if it was not waited for.
 */
bool scene_is_told_late(struct scene *scene, const struct seat *seat, const char *clause);

/* Tells the exporter to do something; then what happens is to be awaited. */
void scene_begin(struct scene *scene, enum deed_what what);
/* Until it has ended. False: not by the deadline; not within the limit for it, from now. */
bool scene_await_end(struct scene *scene, uint64_t deadline_ns);
bool scene_await_over(struct scene *scene);
/* The end of a limit, later by as much as nothing has run on this machine. */
uint64_t scene_deadline(const struct scene *scene, uint64_t began_ns, enum limit limit);
/* Both, with the limit for it: whether it was done; else the scenario was given up. */
bool scene_do(struct scene *scene, enum deed_what what);
/*
 * Begins to take the buffer back, by a revoke, or where there is none, or it is to stay, by a
 * suspension, until an importer is told. False after giving the scenario up.
 */
bool scene_take_back(struct scene *scene);
/* Only by a revoke, if @finally. */
bool scene_take_back_by(struct scene *scene, bool finally);
/* Whether the resv lock can be had within the limit for an answer. */
bool scene_lock_is_free(struct scene *scene);

/* Long enough to see that somebody waits: no more than that is done on purpose. */
uint64_t scene_hold(const struct scene *scene);

#endif
