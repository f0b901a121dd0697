/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random programs over both devices: what a program is, and who does what.
 *
 * A program is text, an operation a line: its name, then NAME=VALUE for each
 * parameter that is not to have its default. Results go into slots, r0 to r31, and
 * are taken from there. An empty slot is descriptor -1, id 0, no address: any subset
 * of the lines is a program too, and any subset of a line's parameters is a line.
 * docs/fuzzing.md has the values.
 *
 * fuzz_plan.c makes programs from a seed, fuzz_text.c reads and writes them, fuzz_run.c
 * executes them, fuzz_board.c keeps what has to be true.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "tools/lib/devices/ioctls.h"

#define FUZZ_SLOTS 32
#define FUZZ_PARAMS 14
#define FUZZ_PAGE 4096UL
#define FUZZ_MSEC 1000000ULL
#define FUZZ_MAX_OPS 64
#define FUZZ_MAX_ERRNO 134	/* one more than the largest of user space */
#define FUZZ_IDS 65536		/* ids from the first one on that are kept track of */

#define FUZZ_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a slot holds, as the generator supposes it. */
enum fuzz_resource {
	R_NONE, R_EXPORTER, R_IMPORTER, R_BUFFER, R_ATTACHMENT, R_FENCE,
	R_MAPPING, R_TIMELINE, R_PATH,
	R_REVOKED,	/* a buffer, once */
	R_COUNT,	/* what another slot holds */
};

enum fuzz_kind {
	P_END,
	P_OUT,		/* slot of the result */
	P_FD,		/* descriptor of a slot; @extra is the fuzz_resource */
	P_ID,		/* id of a slot's buffer */
	P_JOB,		/* default: the last job of the attachment */
	P_SIZE,		/* default: that of the structure */
	P_FLAGS,	/* @extra: those that are known */
	P_BUGS,		/* the same, rarer */
	P_ENUM,		/* below @extra */
	P_LENGTH,	/* bytes of a buffer or mapping; default: a page */
	P_OFFSET,
	P_SPAN,		/* bytes of a range; default: 64 */
	P_NUMBER,	/* below @extra, mostly */
	P_ZERO,		/* must be 0 */
	P_DEADLINE,
	P_DURATION,	/* nanoseconds that a job or a bug takes */
	P_PLACE,	/* where a structure, or an array, is */
	P_MAP,		/* address of a slot */
};

struct fuzz_param {
	const char *name;
	enum fuzz_kind kind;
	uint64_t extra;
	uint16_t offset;	/* in the structure of an ioctl */
	uint8_t width;		/* 0: no member of it */
};

enum fuzz_place {
	PLACE_GOOD, PLACE_NULL, PLACE_UNMAPPED, PLACE_READONLY, PLACE_KERNEL,
	PLACE_EDGE,		/* the page ends in the midst of it */
	PLACE_COUNT,
};

enum fuzz_type {
	V_DEFAULT, V_NUMBER, V_SLOT, V_MS, V_NEVER, V_PLACE,
};

struct fuzz_value {
	enum fuzz_type type;
	uint64_t number;
};

struct fuzz_line {
	unsigned int op;		/* index into fuzz_ops */
	unsigned int number;		/* in the text, from 1 */
	struct fuzz_value value[FUZZ_PARAMS];
};

struct fuzz_program {
	struct fuzz_line *lines;
	size_t count;
};

struct fuzz_slot {
	int fd;
	uint64_t id;
	uint64_t length;
	uint64_t job;
	char *address;
	size_t mapped;
};

/* What is known for certain about a buffer that this program allocated. */
struct fuzz_fact {
	atomic_bool seen;
	atomic_bool faulty;	/* made with FAULT_*: promises nothing */
	atomic_bool revoked;	/* a revoke is complete */
	atomic_bool zero_page;	/* CPUs may read and write after that */
};

struct fuzz_tally {
	atomic_uint tried;
	atomic_uint succeeded;
	atomic_uint error[FUZZ_MAX_ERRNO];
};

/* In memory that all processes of a program share. */
struct fuzz_board {
	uint64_t first_id;
	atomic_uint wrong;
	char message[512];
	struct fuzz_tally tally[FUZZ_MAX_OPS];
	struct fuzz_fact facts[FUZZ_IDS];
};

/* Controls: what a revoke after an attach does. */
enum fuzz_bug {
	FUZZ_BUG_NONE,
	FUZZ_BUG_LOG,	/* logs a warning */
	FUZZ_BUG_CRASH,	/* crashes the kernel */
};

/* Descriptors that are closed when all others have been: see fuzz_timeline_fence(). */
#define FUZZ_KEPT_FROM 256
#define FUZZ_MAX_KEPT 512

struct fuzz_state {
	struct fuzz_board *board;
	const struct fuzz_program *program;
	const struct fuzz_line *line;
	struct fuzz_slot slot[FUZZ_SLOTS];
	int trace;		/* descriptor, or -1 */
	bool is_child;
	uint32_t child_left;	/* lines until the child ends */
	bool child_is_killed;
	unsigned int children;
	unsigned int kept;	/* descriptors from FUZZ_KEPT_FROM on */
	unsigned int forbidden_op;
	int forbidden_errno;	/* 0: none */
	enum fuzz_bug bug;
	bool attached;
};

struct fuzz_op {
	const char *name;
	unsigned int weight;
	struct fuzz_param param[FUZZ_PARAMS];
	/* 0 or more, or a negative errno. */
	long (*run)(struct fuzz_state *state, const struct fuzz_op *op);
	/* Names of the errnos that it may end with, apart from the common ones. */
	const char *errnos;
	unsigned long request;	/* of an ioctl */
	uint16_t size;		/* of its structure */
	enum fuzz_resource gives;
	bool ours;		/* an ioctl of dmabuf_revoke.h */
};

extern const struct fuzz_op fuzz_ops[];
extern const unsigned int fuzz_nr_ops;

/* fuzz_ops.c */
int fuzz_find_op(const char *name);
bool fuzz_may_return(const struct fuzz_op *op, int error);
int fuzz_errno_of(const char *name);

/* fuzz_text.c */
void fuzz_print_line(FILE *out, const struct fuzz_line *line);
/* NULL, or what is wrong with the text. */
const char *fuzz_parse_line(const char *text, struct fuzz_line *line);
bool fuzz_load(FILE *in, struct fuzz_program *program);

/* fuzz_plan.c */
struct fuzz_program fuzz_plan(uint64_t seed, size_t operations);

/* fuzz_board.c */
struct fuzz_board *fuzz_board_create(void);
/* The buffer's, or NULL if it is none of this program's. */
struct fuzz_fact *fuzz_fact(struct fuzz_board *board, uint64_t id);
void fuzz_wrong(struct fuzz_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void fuzz_print_tally(struct fuzz_board *board);
/* False: something is left behind, which has been said. */
bool fuzz_counts_before(void);
bool fuzz_counts_after(struct fuzz_board *board);

/* fuzz_run.c */
void fuzz_run(struct fuzz_state *state);
/* Values of the line that is executed, by the name of the parameter. */
uint64_t fuzz_number(struct fuzz_state *state, const char *name);
bool fuzz_given(struct fuzz_state *state, const char *name);
int fuzz_fd(struct fuzz_state *state, const char *name);
struct fuzz_slot *fuzz_slot(struct fuzz_state *state, const char *name);
/* Puts a result into the slot "out", or closes it. Returns 0. */
struct fuzz_slot *fuzz_store(struct fuzz_state *state, int fd);
void fuzz_slot_clear(struct fuzz_slot *slot);

/* fuzz_place.c */
void fuzz_places_create(void);
/* Memory for @size bytes that begin as @content; where it ends is up to @place. */
void *fuzz_place(enum fuzz_place place, const void *content, size_t size);
/* An array to be written to. */
void *fuzz_array(enum fuzz_place place);

/* fuzz_ioctl.c */
long fuzz_ioctl(struct fuzz_state *state, const struct fuzz_op *op);
long fuzz_raw(struct fuzz_state *state, const struct fuzz_op *op);

/* fuzz_check.c: what has to be true of what an ioctl of ours returned. */
bool fuzz_is_revoked(struct fuzz_state *state, const struct fuzz_op *op,
		     const void *in);
/* @revoked: what fuzz_is_revoked() said before the call. */
void fuzz_check(struct fuzz_state *state, const struct fuzz_op *op,
		const void *in, const void *out, long result, bool revoked);

#define FUZZ_RUN(name) \
	long fuzz_##name(struct fuzz_state *state, const struct fuzz_op *op)

/* fuzz_fd.c, fuzz_fence.c, fuzz_cpu.c, fuzz_run.c */
FUZZ_RUN(open);
FUZZ_RUN(close);
FUZZ_RUN(dup);
FUZZ_RUN(reopen);
FUZZ_RUN(read);
FUZZ_RUN(poll);
FUZZ_RUN(lseek);
FUZZ_RUN(fcntl);
FUZZ_RUN(sync);
FUZZ_RUN(set_name);
FUZZ_RUN(fence_export);
FUZZ_RUN(fence_import);
FUZZ_RUN(fence_merge);
FUZZ_RUN(fence_info);
FUZZ_RUN(timeline);
FUZZ_RUN(timeline_fence);
FUZZ_RUN(timeline_step);
/* fuzz_cpu.c */
void fuzz_signals(void);
FUZZ_RUN(mmap);
FUZZ_RUN(munmap);
FUZZ_RUN(mremap);
FUZZ_RUN(madvise);
FUZZ_RUN(touch);
FUZZ_RUN(pause);
FUZZ_RUN(fork);
FUZZ_RUN(hang);

#endif
