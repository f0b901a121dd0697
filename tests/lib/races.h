/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything at once: the players of ../races.c.
 *
 * A number of processes, each of some threads, do one operation after the other on
 * buffers that they share. What a thread does is a pure function of the seed, its
 * number and its life: an operation does not depend on how an earlier one ended,
 * it merely finds nothing to work on. A process that was killed, or has done all
 * that it had to do in this life, is followed by one with its next life.
 *
 * Without libcheck, so that it can be linked statically and run in a bare guest.
 */
#ifndef TESTS_RACES_H
#define TESTS_RACES_H

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/lib/devices/ioctls.h"

#define RACE_LIVES 3
#define RACE_MAX_WORKERS 32
#define RACE_MAX_IDS 65536
#define RACE_PAGE 4096UL
#define RACE_MSEC UINT64_C(1000000)
#define RACE_SEC (1000 * RACE_MSEC)

/*
 * Places for buffers, known to all processes by id. On the first ones there may be
 * DMA without end, so nobody takes fences from there. Then those that are written
 * to and revoked at will. The last ones have a thread each, which alone writes to
 * its buffer and knows what has to be in it.
 */
#define RACE_STREAM_SLOTS 2
#define RACE_SHARED_SLOTS 6
#define RACE_SLOTS (RACE_SHARED_SLOTS + RACE_MAX_WORKERS)

#define RACE_ATTACHMENTS 10
#define RACE_FENCES 4
#define RACE_OWNERS 2
#define RACE_WINDOWS 3		/* CPU mappings of a thread */
#define RACE_WILD_WINDOWS 4	/* CPU mappings of all threads of a process */
#define RACE_WINDOW_SIZE (64 * RACE_PAGE)

struct race_options {
	uint64_t seed;
	uint64_t operations;
	uint64_t bound_ns;	/* that one operation may take */
	uint64_t faults;	/* DMABUF_REVOKE_FAULT_*, of all buffers */
	bool inject;		/* allocations of the players may fail */
	unsigned int threads;	/* of a process */
	unsigned int processes;
};

#define RACE_ARGS 6

struct race_step {
	unsigned int op;	/* index into race_ops */
	uint16_t arg[RACE_ARGS];
};

/* What is known for certain about a buffer. */
struct race_fact {
	atomic_bool told;	/* a revoke has begun */
	atomic_bool done;	/* a revoke is complete */
	atomic_bool zero_page;
};

/* What a thread is doing, for the watchdog. */
struct race_worker {
	atomic_int pid;
	atomic_int tid;
	atomic_uint op;
	atomic_uint index;		/* of the step in its life */
	atomic_uint_least64_t since;	/* 0: nothing */
	atomic_uint_least64_t hash;	/* of what it did in its last life */
};

#define RACE_MAX_OPS 48

/* In memory that all processes share. */
struct race_board {
	struct race_options options;
	uint64_t first_id;
	atomic_uint_least64_t slots[RACE_SLOTS];
	struct race_fact facts[RACE_MAX_IDS];
	struct race_worker workers[RACE_MAX_WORKERS];
	atomic_uint violations;
	atomic_uint reported[RACE_MAX_OPS];
	atomic_uint done[RACE_MAX_OPS];
	atomic_uint refused[RACE_MAX_OPS];
};

/*
 * A descriptor that threads share. They work on duplicates, so that it may be
 * replaced at any time.
 */
struct race_handle {
	pthread_mutex_t lock;
	int fd;			/* -1: none */
	uint64_t id;		/* of the buffer that it leads to */
	uint64_t length;
	unsigned int slot;
	atomic_uint_least64_t *job;	/* attachments: number of the last one */
};

struct race_process {
	struct race_board *board;
	unsigned int number;
	unsigned int life;
	int importer;
	struct race_handle owners[RACE_OWNERS];
	struct race_handle buffers[RACE_SLOTS];
	struct race_handle attachments[RACE_ATTACHMENTS];
	struct race_handle fences[RACE_FENCES];
	atomic_uint_least64_t jobs[RACE_ATTACHMENTS];
	char *wild;		/* RACE_WILD_WINDOWS windows */
};

struct race_window {
	char *address;
	uint64_t id;		/* 0: nothing is mapped */
	uint64_t length;
};

/* A buffer that nobody else writes to. */
#define RACE_KEPT_SIZE (4 * RACE_PAGE)
#define RACE_KEPT_WORDS (RACE_KEPT_SIZE / sizeof(uint64_t))

struct race_kept {
	uint64_t id;
	int owner;
	int fd;
	int att;
	char *address;
	bool known;		/* @words is what is in the buffer */
	uint64_t words[RACE_KEPT_WORDS];
};

struct race_thread {
	struct race_process *process;
	struct race_board *board;
	unsigned int number;	/* in its process */
	struct race_worker *worker;
	unsigned int slot;	/* where its own buffer is */
	unsigned int length;	/* steps of a life */
	unsigned int death;	/* the step at which it kills its process */
	struct race_window windows[RACE_WINDOWS];
	struct race_kept kept;
	pthread_t thread;
};

/* Result of an operation that found nothing to work on. */
#define RACE_NOTHING (-4096)

struct race_op {
	const char *name;
	unsigned int weight;
	int (*run)(struct race_thread *thread, const uint16_t *arg);
};

extern const struct race_op race_ops[];
extern const unsigned int race_nr_ops;

/* races_plan.c */
struct race_step race_step(const struct race_options *options,
			   unsigned int worker, unsigned int life,
			   unsigned int index);
uint64_t race_hash_step(uint64_t hash, const struct race_step *step);
unsigned int race_life_length(const struct race_options *options);
/* Step at which this worker kills its process; UINT32_MAX: it does not. */
unsigned int race_death(const struct race_options *options, unsigned int worker,
			unsigned int life);

/* races_board.c */
struct race_board *race_board_create(const struct race_options *options,
				     uint64_t first_id);
struct race_fact *race_fact(struct race_board *board, uint64_t id);
bool race_told(struct race_board *board, uint64_t id);
bool race_done(struct race_board *board, uint64_t id);
void race_violation(struct race_thread *thread, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void race_handle_init(struct race_handle *handle);
/* A duplicate with what is known about it; fd -1: there is none. */
struct race_handle race_handle_get(struct race_handle *handle);
/* Any place, those that others keep included. */
unsigned int race_any_slot(struct race_thread *thread, uint16_t choice);
/* What a signal ends soon: 0 or -errno. */
int race_ioctl_bounded(int fd, unsigned long request, void *arg);
int race_vmap_bounded(int att, uint32_t *crc);
/* The buffer of a place, by a descriptor of this process. */
struct race_handle race_buffer(struct race_thread *thread, unsigned int slot);
/* Of the attachments that there are. */
struct race_handle race_attachment(struct race_thread *thread, uint16_t choice);
/* Takes @fd over, closes what was there. */
void race_handle_set(struct race_handle *handle, int fd, uint64_t id,
		     uint64_t length, unsigned int slot);

/* races_cpu.c */
void race_signals(void);
/* 0, or the signal that the access ended with. */
int race_load(const volatile uint64_t *from, uint64_t *value);
int race_store(volatile uint64_t *to, uint64_t value);
void *race_reserve(size_t size);

/* races_kept.c */
void race_kept_begin(struct race_thread *thread);
void race_kept_end(struct race_thread *thread);

/* races_life.c */
int race_live(struct race_board *board, unsigned int process,
	      unsigned int life);

/* Deadlines short enough never to look like a hang. */
uint64_t race_deadline(uint16_t choice);

/* The operations, by subject. */
#define RACE_OP(name) \
	int race_##name(struct race_thread *thread, const uint16_t *arg)

RACE_OP(alloc);
RACE_OP(free);
RACE_OP(export);
RACE_OP(drop);
RACE_OP(owner_close);
RACE_OP(revoke);
RACE_OP(suspend);
RACE_OP(restore);
RACE_OP(move);
RACE_OP(query);
RACE_OP(list);
RACE_OP(blockers);
RACE_OP(info);

RACE_OP(attach);
RACE_OP(detach);
RACE_OP(map);
RACE_OP(unmap);
RACE_OP(submit);
RACE_OP(wait);
RACE_OP(vmap);
RACE_OP(vunmap);
RACE_OP(status);
RACE_OP(events);

RACE_OP(poll);
RACE_OP(epoll);
RACE_OP(fence_export);
RACE_OP(fence_import);
RACE_OP(fence_poll);
RACE_OP(debug_files);

RACE_OP(cpu_map);
RACE_OP(cpu_unmap);
RACE_OP(cpu_touch);
RACE_OP(cpu_move);
RACE_OP(wild_map);
RACE_OP(wild_touch);
RACE_OP(kernel_touch);
RACE_OP(argument);
RACE_OP(sync);

RACE_OP(fork);
RACE_OP(signal);
RACE_OP(kept_write);
RACE_OP(kept_dma);
RACE_OP(kept_check);

#endif
