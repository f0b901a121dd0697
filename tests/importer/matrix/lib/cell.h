/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One cell of docs/modules/matrix.md: a buffer of our exporter, an attachment of our importer
 * in a certain state, and what can be seen of them after an event.
 *
 * Not for TESTs: whatever cannot be set up ends the process with a message on
 * standard output, where the observation is expected.
 */
#ifndef TESTS_MATRIX_H
#define TESTS_MATRIX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/lib/devices/ioctls.h"

enum matrix_state {
	MATRIX_IDLE,
	MATRIX_MAPPED,
	MATRIX_JOB,
	MATRIX_STREAMING,
	MATRIX_VMAPPED,
	MATRIX_MMAPPED,
};

/* Exit status: the job may have been over; to be tried again with a longer one. */
#define MATRIX_AGAIN 75

struct scene {
	/* chosen by the caller */
	uint32_t kind;
	uint32_t attach_flags;
	char device[DMABUF_REVOKE_DEVICE_LEN];	/* empty: the importer's own */
	enum matrix_state state;
	uint64_t faults;
	uint64_t misbehave;
	uint64_t delay_ns;
	uint64_t job_ns;
	uint64_t patience_ns;	/* for what goes by itself, when it goes */
	bool let_go_first;	/* unload: close everything before */
	bool owned_by_child;	/* set by scene_see() */

	int owner;		/* the exporter file that made the buffer, or -1 */
	pid_t owner_pid;	/* with owned_by_child: who has it */
	int observer;		/* another exporter file */
	int importer;
	int dmabuf;
	uint64_t id;
	int att;		/* -1: closed */
	int fence;		/* of the job or stream; else -1 */
	uint64_t submitted_ns;	/* CLOCK_MONOTONIC, before that */
	uint8_t *window;	/* MMAPPED: the whole buffer; else NULL */
};

/* Prints what went wrong and ends the process unless @result is 0 or more. */
long matrix_must(const char *what, long result);
#define must(call) matrix_must(#call, call)

void scene_set(struct scene *s);
void scene_clear(struct scene *s);

/* Sleeps a little between two looks at what has no event; false: patience is over. */
bool scene_wait_until(struct scene *s, bool (*is_so)(struct scene *s));
struct dmabuf_revoke_query scene_query(struct scene *s);
/* Calls of the callback so far; 0 if the attachment is closed. */
uint64_t scene_invalidated(struct scene *s);
/* CLOCK_MONOTONIC of the last one; 0 if there was none. */
uint64_t scene_invalidated_ns(struct scene *s);
/* What BLOCKERS names, each type once: "fence+map"; "nothing". */
const char *scene_blockers(struct scene *s);

/* 1 signalled, 0 not, or the fence's error. */
int scene_fence_status(struct scene *s, uint64_t *signalled_ns);
/* Waits for the job's end. */
void scene_await_job(struct scene *s);
/* Whether the device still writes, for a stream. */
bool scene_is_streaming(struct scene *s);

/* What one gets: "maps", "keeps" (is mapped), an errno's name, "-" (closed), ... */
const char *scene_same(struct scene *s);
const char *scene_newcomer(struct scene *s);
/* NULL: the CPU has not mapped it. */
const char *scene_cpu(struct scene *s);

#define MATRIX_EVENTS 7

struct matrix_event {
	const char *name;
	void (*run)(struct scene *s);
	bool owned_by_child;
};

extern const struct matrix_event matrix_events[MATRIX_EVENTS];

/* Sets the scene, lets it happen, clears up; what was seen, in the notation. */
const char *scene_see(struct scene *s, const struct matrix_event *event);

#endif
