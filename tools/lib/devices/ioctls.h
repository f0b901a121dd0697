/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thin wrappers of the ioctls in dmabuf_revoke.h, shared by the command and the
 * tests. Each fills in @size, makes the call and returns 0 or a negative errno;
 * what each errno means is said in that header.
 */
#ifndef IOCTLS_H
#define IOCTLS_H

#include <stddef.h>
#include <stdint.h>

#include <dmabuf_revoke.h>

/* Open a node read-write, close-on-exec. Returns the descriptor or -errno. */
int dr_open(const char *path);

/* An absolute deadline @ns nanoseconds from now; saturates at FOREVER. */
uint64_t dr_deadline(uint64_t ns);
/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t dr_now(void);

/* Exporter. @exp is a descriptor of DMABUF_REVOKE_EXPORTER_PATH. */
int dr_exporter_info(int exp, struct dmabuf_revoke_exporter_info *info);
/* On success *@fd is the dma-buf (O_RDWR | O_CLOEXEC) and *@id its number. */
int dr_alloc(int exp, uint64_t length, uint32_t flags, uint64_t *id, int *fd);
/* The same for a buffer with deliberate bugs, DMABUF_REVOKE_FAULT_*. */
int dr_alloc_faulty(int exp, uint64_t length, uint32_t flags, uint64_t faults,
		    uint64_t *id, int *fd);
/* @arg in and out: the caller fills in all but @size. */
int dr_alloc_as(int exp, struct dmabuf_revoke_alloc *arg);
/* @out may be NULL; it is filled in on success and with -ETIMEDOUT. */
int dr_revoke(int exp, uint64_t id, uint64_t deadline_ns,
	      struct dmabuf_revoke_revoke *out);
/* As dr_revoke(); the buffer comes back with dr_restore(). */
int dr_suspend(int exp, uint64_t id, uint64_t deadline_ns,
	       struct dmabuf_revoke_revoke *out);
int dr_restore(int exp, uint64_t id, uint64_t deadline_ns);
int dr_move(int exp, uint64_t id, uint64_t deadline_ns);
/* @arg in and out: the caller fills in all but @size. */
int dr_move_as(int exp, struct dmabuf_revoke_move *arg);
/* *@moves: 0, and the number of the move that has begun; or of the one to wait for. */
int dr_move_number(int exp, uint64_t id, uint64_t deadline_ns, uint64_t *moves);
/* @out may be NULL, and without it so may @offsets. */
int dr_free(int exp, uint64_t id, uint64_t *offsets, uint32_t capacity,
	    struct dmabuf_revoke_free *out);
/* Returns a dma-buf descriptor (close-on-exec) or -errno. */
int dr_export(int exp, uint64_t id);
/* Writes up to @capacity blockers; *@count is how many there are. */
int dr_blockers(int exp, uint64_t id, struct dmabuf_revoke_blocker *blockers,
		uint32_t capacity, uint32_t *count);
/*
 * In place of those set before: DMABUF_REVOKE_FAULT_*, which end after @count times (0: do
 * not), and fail with @error (0: ENOMEM).
 */
int dr_faults(int exp, uint64_t id, uint64_t faults, uint32_t count, uint32_t error);
/* Until somebody is blocked by DMABUF_REVOKE_FAULT_HOLD_*. */
int dr_faults_await(int exp, uint64_t id, uint64_t deadline_ns);
int dr_query(int exp, uint64_t id, struct dmabuf_revoke_query *out);
int dr_query_fd(int exp, int dmabuf, struct dmabuf_revoke_query *out);
/* Writes up to @capacity ids; *@count is how many there are. */
int dr_list(int exp, uint64_t *ids, uint32_t capacity, uint32_t *count);

/* Importer. @imp is a descriptor of DMABUF_REVOKE_IMPORTER_PATH. */
int dr_importer_info(int imp, struct dmabuf_revoke_importer_info *info);
/* Returns the attachment's descriptor (close-on-exec) or -errno. */
int dr_attach(int imp, int dmabuf, uint32_t kind, uint32_t flags);
/* The same for one with deliberate bugs, DMABUF_REVOKE_MISBEHAVE_*. */
int dr_attach_misbehaving(int imp, int dmabuf, uint32_t kind, uint32_t flags,
			  uint64_t misbehave, uint64_t delay_ns);
/* @arg in and out: the caller fills in all but @size. Returns 0 or -errno. */
int dr_attach_as(int imp, struct dmabuf_revoke_attach *arg);
/* Writes up to @capacity devices; *@count is how many there are. */
int dr_devices(int imp, struct dmabuf_revoke_device *devices, uint32_t capacity,
	       uint32_t *count);

/* An attachment. */
int dr_map(int att, uint32_t direction);
int dr_unmap(int att);
/* @job in and out: the caller fills in all but @size. */
int dr_submit(int att, struct dmabuf_revoke_submit *job);
int dr_wait(int att, uint64_t job, uint64_t deadline_ns,
	    struct dmabuf_revoke_wait *out);
/* *@crc32 is the buffer's, read by the CPU; may be NULL. */
int dr_vmap(int att, uint32_t *crc32);
int dr_vunmap(int att);
/* Writes up to @capacity segments; *@count is how many there are. */
int dr_segments(int att, struct dmabuf_revoke_segment *segments, uint32_t capacity,
		uint32_t *count);
int dr_status(int att, struct dmabuf_revoke_status *out);
/* Next event, blocking. Returns 0 or -errno. */
int dr_event(int att, struct dmabuf_revoke_event *event);

#endif
