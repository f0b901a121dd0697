/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A buffer's life beyond one revoke: suspension, move, memory, and processes that
 * hold something of it.
 */
#ifndef TESTS_LIFE_H
#define TESTS_LIFE_H

#include <sys/types.h>

#include "common.h"

/* --- states -------------------------------------------------------------- */

uint32_t state_of(uint64_t id);
/* SUSPEND that has to finish. */
struct dmabuf_revoke_revoke suspend_fully(uint64_t id);
/* SUSPEND that has to give up @ns from now. */
struct dmabuf_revoke_revoke suspend_times_out(uint64_t id, uint64_t ns);
/* RESTORE that has to finish. */
void restore_fully(uint64_t id);
/* MOVE that has to finish, contents included. */
void move_fully(uint64_t id);
/*
 * Whether MOVE is refused because @att has the buffer mapped, as it is without
 * FEATURE_MAP_UNPINNED. Then it has to be, and nobody has been invalidated.
 */
bool map_prevents_move(uint64_t id, int att);
/* The same as move_fully(), @att being mapped: where that prevents it, it unmaps. */
void move_mapped(uint64_t id, int att);
/* No fence, mapping, vmap or pin is left. */
void nothing_is_in_use(uint64_t id);
/* The only blocker there is. */
struct dmabuf_revoke_blocker only_blocker(uint64_t id);

/* --- memory -------------------------------------------------------------- */

/* Behind all buffers. */
uint64_t bytes_in_system(void);
bool bytes_are(uint64_t bytes);
/* What foreign_fence() takes, until the exporter's file is closed. */
#define FOREIGN PAGE
/* A member of /proc/meminfo, such as "MemFree", in bytes. */
uint64_t memory_of_system(const char *name);

/* --- CPU mappings -------------------------------------------------------- */

#define MAPPED_PAGES 4
#define MAPPED_LENGTH (MAPPED_PAGES * PAGE)
#define MAPPED_MARK 0x5a

/* A buffer and a mapping of all of it, each byte MAPPED_MARK. */
struct mapped {
	struct buffer buffer;
	uint8_t *memory;
};

struct mapped mapped_new(uint32_t flags);
void mapped_free(struct mapped *m);
/* Reading and writing every page ends with this signal; 0: with none. */
void mapped_gives(uint8_t *memory, int sig);
/* REVOKE: the memory is released, and every page gives SIGBUS. */
void mapped_revoke(struct mapped *m);

/* --- devices ------------------------------------------------------------- */

int attach_misbehaving(int dmabuf, uint32_t kind, uint64_t misbehave,
		       uint64_t delay_ns);
/* A WRITE of @pattern to the whole buffer, at least @ns long. Its number. */
uint64_t submit_fill(int att, uint64_t length, uint64_t pattern, uint64_t ns);
/* Whether each byte is the one that WRITE of @pattern leaves. */
bool is_filled(const void *data, uint64_t length, uint64_t pattern);

/* --- other processes ----------------------------------------------------- */

/* A child that runs a function and waits to be told so, or to be killed. */
struct child {
	pid_t pid;
	int to;
	int from;
};

/*
 * Forks. The child calls @fn, which may call child_waits() to tell that it has
 * come so far and to wait for child_go_on(); it exits with what @fn returns, at
 * most 127.
 */
struct child child_start(int (*fn)(struct child *self, void *arg), void *arg);
/* In the child. */
void child_waits(struct child *self);
/* In the parent: until it has come to child_waits(). */
void child_is_waiting(struct child *child);
void child_go_on(struct child *child);
/* Whether a child, by its pid, has exited and can be reaped; or is in close(). */
bool has_exited(uint64_t pid);
bool is_closing(uint64_t pid);
/* As of waitpid(). */
int child_reap(struct child *child);
/* Its exit status. */
int child_end(struct child *child);
void child_kill(struct child *child);
/* Our own copy of one of its descriptors. */
int child_descriptor(struct child *child, int fd);

#endif
