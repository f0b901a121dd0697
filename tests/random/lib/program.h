/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random programs over both devices: what a program is, and who does what.
 *
 * A program is text, an operation a line: its name, then NAME=VALUE for each
 * parameter that is not to have its default. Results go into slots, r0 to r31, and
 * are taken from there. An empty slot is descriptor -1, id 0, no address: any subset
 * of the lines is a program too, and any subset of a line's parameters is a line.
 *
 * A line that begins with "2.3" belongs to thread 3 of process 2. The others come
 * first, in every process, one after the other; then its threads go on side by side.
 * A process that was killed has a next life: the common lines again, then what its
 * threads had not begun. docs/testing/fuzzing.md has the values.
 *
 * generator/ makes programs from a seed, text.c reads and writes them, lane.c
 * executes lines, life.c is a process, referee.c watches them all; judge.c says what has
 * to be true, device.c of devices; board.c what is known for that, kept.c what is in a buffer.
 */
#ifndef TESTS_RANDOM_PROGRAM_H
#define TESTS_RANDOM_PROGRAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "tools/lib/devices/ioctls.h"

#define FUZZ_SLOTS 32
#define FUZZ_PARAMS 14
#define FUZZ_PAGE ((uint64_t)sysconf(_SC_PAGESIZE))
#define FUZZ_MSEC 1000000ULL
#define FUZZ_MAX_OPS 80
/* Bugs of the exporter that no program has: nobody would release who is held. */
#define FUZZ_HOLD (DMABUF_REVOKE_FAULT_HOLD_IN_MAP | DMABUF_REVOKE_FAULT_HOLD_AFTER_TELL)

#define FUZZ_MAX_ERRNO 134	/* one more than the largest of user space */
#define FUZZ_IDS 65536		/* ids from the first one on that are kept track of */
#define FUZZ_PROCESSES 8
#define FUZZ_THREADS 8		/* of a process, besides the one of the common lines */
#define FUZZ_CHILDREN 3		/* of a lane, at a time */
#define FUZZ_LANES (FUZZ_PROCESSES * (FUZZ_THREADS + 1))
#define FUZZ_WATCHES (FUZZ_LANES + 64)	/* children, also those whose parent was killed */

/* Of the exporter's bugs: it keeps its promises all the same, and all waits have an end. */
#define FUZZ_HARMLESS (DMABUF_REVOKE_FAULT_TELL_TWICE | DMABUF_REVOKE_FAULT_HOLD_LOCK)

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
	P_ID,		/* id of a buffer; @extra: 1: it stays as it is; 2: and is lent */
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
	P_PLACE,	/* of a structure; @extra: of an array, or it leads to one */
	P_MAP,		/* address of a mapping */
	P_THREAD,	/* of the same process */
	P_DEVICE,	/* 0: the importer's own; 1: a function; 2: unknown; else no name at all */
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
	V_SHARED,		/* an id that all processes know: see fuzz_board */
};

struct fuzz_value {
	enum fuzz_type type;
	uint64_t number;
};

struct fuzz_line {
	unsigned int op;		/* index into fuzz_ops */
	unsigned int number;		/* in the text, from 1 */
	uint8_t process, thread;	/* from 1; 0: all, and before the threads */
	struct fuzz_value value[FUZZ_PARAMS];
};

struct fuzz_program {
	struct fuzz_line *lines;
	size_t count;
};

/* What a thread may be asked to do besides the program. */
struct fuzz_options {
	uint64_t faults;	/* DMABUF_REVOKE_FAULT_*, of all buffers */
	uint64_t bound_ms;	/* that one operation may take */
	unsigned int forbidden_op;
	int forbidden_errno;	/* 0: none */
	bool warn;		/* a control: a revoke after an attach logs a warning */
};

/* A descriptor, and what it leads to. */
struct fuzz_slot {
	int fd;
	uint64_t id;
	uint64_t length;
	uint64_t job;
	bool keeps_table;	/* of a static importer: see FEATURE_STATIC_MAP */
};

struct fuzz_mapping {
	char *address;
	size_t length;
	uint64_t id;
};

/* What is known for certain about a buffer that this program allocated. */
struct fuzz_fact {
	atomic_bool seen;
	atomic_bool faulty;	/* made with FAULT_*: promises nothing */
	atomic_bool written;	/* by an importer that goes on after its unmap */
	atomic_bool told;	/* a revoke has begun */
	atomic_bool revoked;	/* a revoke is complete */
	atomic_bool zero_page;	/* CPUs may read and write after that */
	atomic_bool repeated;	/* its memory is less than its length */
};

struct fuzz_tally {
	atomic_uint tried;
	atomic_uint succeeded;
	atomic_uint error[FUZZ_MAX_ERRNO];
};

/* What a lane is doing, for the referee. */
struct fuzz_watch {
	atomic_int tid;			/* 0: it was never there; of a child: it is free */
	atomic_uint line;		/* index of the line that it is at, and 1 */
	atomic_uint_least64_t since;	/* 0: nothing */
};

/* Places of ids that all know: of the last ALLOC into each slot, of what lanes keep. */
#define FUZZ_SHARED_KEPT FUZZ_SLOTS
#define FUZZ_SHARED (FUZZ_SHARED_KEPT + FUZZ_LANES)

/* In memory that all processes of a program share. */
struct fuzz_board {
	uint64_t first_id;
	bool static_map;		/* FEATURE_STATIC_MAP */
	/* The importer's own, and a PCI function: the own one again where there is none. */
	struct dmabuf_revoke_device device[2];
	atomic_uint wrong;
	char message[512];
	atomic_uint_least64_t shared[FUZZ_SHARED];
	struct fuzz_watch watch[FUZZ_WATCHES];
	struct fuzz_tally tally[FUZZ_MAX_OPS];
	struct fuzz_fact facts[FUZZ_IDS];
};

/* Descriptors that are closed when all others have been: see fuzz_timeline_fence(). */
#define FUZZ_KEPT_FROM 256
#define FUZZ_MAX_KEPT 512

/* Those of a process that all its threads map and touch. */
#define FUZZ_WINDOWS 4
#define FUZZ_WINDOW_SIZE (64 * FUZZ_PAGE)

struct fuzz_process {
	struct fuzz_board *board;
	const struct fuzz_program *program;
	const struct fuzz_options *options;
	unsigned int number;		/* from 1 */
	unsigned int threads;		/* besides the first one */
	bool is_child;			/* of fuzz_fork() */
	pthread_mutex_t lock;		/* guards @slot */
	struct fuzz_slot slot[FUZZ_SLOTS];
	char *windows;
	unsigned int kept;		/* descriptors from FUZZ_KEPT_FROM on */
	atomic_bool attached;
};

/* A buffer that this lane alone writes to: several pages, where they are small. */
#define FUZZ_KEPT_SIZE (16UL << 10)
#define FUZZ_KEPT_WORDS (FUZZ_KEPT_SIZE / sizeof(uint64_t))

struct fuzz_kept {
	bool begun;
	bool known;		/* @words is what is in the buffer */
	uint64_t id;
	union {
		struct {
			int owner, importer, fd, att;
		};
		int files[4];
	};
	char *address;
	uint64_t words[FUZZ_KEPT_WORDS];
};

/* One after the other: the common lines, or a thread. */
struct fuzz_lane {
	struct fuzz_process *process;
	struct fuzz_board *board;
	struct fuzz_watch *watch;
	unsigned int thread;			/* 0: the common lines */
	const struct fuzz_line *line;
	const struct fuzz_op *op;		/* of @line */
	/* What the parameters of this line found in their slots. */
	struct fuzz_slot view[FUZZ_PARAMS];
	/* Mappings are a thread's own, so that it knows what they lead to. */
	struct fuzz_mapping mapping[FUZZ_SLOTS];
	struct fuzz_kept kept;
	pid_t child[FUZZ_CHILDREN];
	unsigned int children;
	uint32_t child_left;			/* lines until this child ends */
	bool child_is_killed;
	pthread_t id;
};

struct fuzz_op {
	const char *name;
	/* Shares of the programs with one thread, and with several. */
	unsigned int weight, beside;
	struct fuzz_param param[FUZZ_PARAMS];
	/* 0 or more, or a negative errno. */
	long (*run)(struct fuzz_lane *lane);
	/* Names of the errnos that it may end with, apart from the common ones. */
	const char *errnos;
	unsigned long request;	/* of an ioctl */
	uint16_t size;		/* of its structure */
	enum fuzz_resource gives;
	bool ours;		/* an ioctl of dmabuf_revoke.h */
};

extern const struct fuzz_op fuzz_ops[];
extern const unsigned int fuzz_nr_ops;

/* ops.c */
int fuzz_find_op(const char *name);
/* Index of a parameter, or -1. */
int fuzz_find_param(const struct fuzz_op *op, const char *name);
bool fuzz_may_return(const struct fuzz_op *op, int error);
int fuzz_errno_of(const char *name);

/* text.c */
void fuzz_print_line(FILE *out, const struct fuzz_line *line);
/* NULL, or what is wrong with the text. */
const char *fuzz_parse_line(const char *text, struct fuzz_line *line);
bool fuzz_load(FILE *in, struct fuzz_program *program);

/* generator/plan.c: with one process and no threads all lines are common ones. */
struct fuzz_program fuzz_plan(uint64_t seed, size_t operations,
			      unsigned int processes, unsigned int threads);

/* board.c */
/* NULL: there are no devices. */
struct fuzz_board *fuzz_board_create(void);
/* The buffer's, or NULL if it is none of this program's. */
struct fuzz_fact *fuzz_fact(struct fuzz_board *board, uint64_t id);
/* Whether a buffer that keeps its promises is revoked; @done: completely. */
bool fuzz_is_revoked(struct fuzz_board *board, uint64_t id, bool done);
struct fuzz_watch *fuzz_watch(struct fuzz_board *board, unsigned int process,
			      unsigned int thread);
#define fuzz_wrong(lane, ...) fuzz_wrong_at((lane)->board, (lane)->line, __VA_ARGS__)
void fuzz_wrong_at(struct fuzz_board *board, const struct fuzz_line *line,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void fuzz_print_tally(struct fuzz_board *board);

/* device.c */
/* Which there are; false: not even the importer's own. */
bool fuzz_devices_find(struct fuzz_board *board, int importer);
/* DMABUF_REVOKE_DEVICE_LEN bytes for a value of P_DEVICE. */
void fuzz_device_name(const struct fuzz_board *board, uint64_t which, char *name);
void fuzz_judge_attach(struct fuzz_lane *lane, const struct dmabuf_revoke_attach *in,
		       const struct dmabuf_revoke_attach *out, long result);

/* referee.c */
void fuzz_referee(struct fuzz_board *board, const struct fuzz_program *program,
		  const struct fuzz_options *options);

/* life.c */
/* A life of a process; does not return. */
void fuzz_live(struct fuzz_process *process) __attribute__((noreturn));
/* Waits for the youngest child. */
void fuzz_reap(struct fuzz_lane *lane);
/* A child has been waited for. */
void fuzz_forget_child(struct fuzz_board *board, pid_t pid);

/* lane.c */
/* Executes the lines of this lane that it has not begun. */
void fuzz_run(struct fuzz_lane *lane);
/* Sees to it that nothing of the calling thread blocks for long. */
void fuzz_bound_create(void);
/* Values of the line that is executed, by the name of the parameter. */
uint64_t fuzz_number(struct fuzz_lane *lane, const char *name);
int fuzz_fd(struct fuzz_lane *lane, const char *name);
/* What the slot held when the line began; NULL if the value is none. */
const struct fuzz_slot *fuzz_slot(struct fuzz_lane *lane, const char *name);
struct fuzz_mapping *fuzz_mapping(struct fuzz_lane *lane, const char *name);
/* Puts a result into the slot "out", and closes what was there. Consumes the descriptor. */
void fuzz_store(struct fuzz_lane *lane, const struct fuzz_slot *new);
void fuzz_store_fd(struct fuzz_lane *lane, int fd);
/* Closes what is in slot @n, descriptor and mapping. */
void fuzz_clear(struct fuzz_lane *lane, unsigned int n);

/* cpu.c */
void fuzz_signals(void);
void fuzz_windows_create(struct fuzz_process *process);
/* One word; 0, or the signal that the access ended with, SIGBUS or SIGSEGV. */
int fuzz_peek(const void *from, uint64_t *value);
int fuzz_poke(void *to, uint64_t value);

/* place.c */
void fuzz_places_create(void);
/* Memory for @size bytes that begin as @content; where it ends is up to the value. */
void *fuzz_place(struct fuzz_lane *lane, const char *name, const void *content,
		 size_t size);
/* Whether it is memory that nobody else writes to, and all of it is there. */
bool fuzz_is_good(struct fuzz_lane *lane, const char *name);
/* An array to be written to. */
void *fuzz_array(enum fuzz_place place);

/* judge.c: what has to be true of what an ioctl of ours returned. */
struct fuzz_before {
	bool told, revoked;	/* what was known before the call */
};

struct fuzz_before fuzz_before(struct fuzz_lane *lane, const void *in);
void fuzz_judge(struct fuzz_lane *lane, const void *in, const void *out, long result,
		struct fuzz_before before);
void fuzz_judge_events(struct fuzz_lane *lane,
		       const struct dmabuf_revoke_event *event, size_t size);

/* kept.c */
void fuzz_kept_end(struct fuzz_lane *lane);

/* The operations. */
#define FUZZ_RUN(name) long fuzz_##name(struct fuzz_lane *lane)

/* ioctl.c */
FUZZ_RUN(ioctl);
FUZZ_RUN(raw);
/* fd.c */
FUZZ_RUN(open);
FUZZ_RUN(close);
FUZZ_RUN(dup);
FUZZ_RUN(reopen);
FUZZ_RUN(read);
FUZZ_RUN(poll);
FUZZ_RUN(epoll);
FUZZ_RUN(lseek);
FUZZ_RUN(fcntl);
FUZZ_RUN(debug_files);
/* fence.c */
FUZZ_RUN(sync);
FUZZ_RUN(set_name);
FUZZ_RUN(fence_export);
FUZZ_RUN(fence_import);
FUZZ_RUN(fence_merge);
FUZZ_RUN(fence_info);
FUZZ_RUN(timeline);
FUZZ_RUN(timeline_fence);
FUZZ_RUN(timeline_step);
/* cpu.c */
FUZZ_RUN(mmap);
FUZZ_RUN(munmap);
FUZZ_RUN(mremap);
FUZZ_RUN(madvise);
FUZZ_RUN(touch);
FUZZ_RUN(kernel_touch);
FUZZ_RUN(window_map);
FUZZ_RUN(window_touch);
/* kept.c */
FUZZ_RUN(kept_write);
FUZZ_RUN(kept_dma);
FUZZ_RUN(kept_check);
/* life.c */
FUZZ_RUN(pause);
FUZZ_RUN(fork);
FUZZ_RUN(die);
FUZZ_RUN(signal);
FUZZ_RUN(hang);

#endif
