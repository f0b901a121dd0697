/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share: a CASE with both devices open and a check that
 * it closed every descriptor, buffers, CPU mappings, jobs, other identities.
 */
#ifndef TESTS_COMMON_H
#define TESTS_COMMON_H

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"
#include "tools/lib/devices/ioctls.h"

#define MSEC 1000000ULL
#define SEC (1000 * MSEC)
#define KIB 1024ULL
#define MIB (1024 * KIB)
#define PAGE ((uint64_t)sysconf(_SC_PAGESIZE))

/* Where no program has memory, of whatever word size. */
#define NOWHERE ((void *)-(uintptr_t)PAGE)

/* How many times as long as on a stock kernel all may take: $DBR_PATIENCE, or 1. */
double patience(void);

/*
 * Much longer than anything takes that does not wait by design, or than a worker, an RCU
 * callback or a delayed fput is late: emulated guests on a busy host pause for hundreds of
 * milliseconds. A control that fails by its end has a shorter one, $DBR_SOON_MS.
 */
#define SOON soon()
uint64_t soon(void);

/* Longer than any case: a job that others have to end, and a fence likewise. */
#define ENDLESS (600 * SEC)

#define ACCEPT_LEGACY DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Both devices, open while a CASE runs. */
extern int exporter;
extern int importer;

void case_begin(void);
void case_end(void);

/* A TEST that checks at its end that it leaves no descriptor and no child. */
#define CASE(suite, id, ...)						\
	static void suite##_##id##_case(void);				\
	TEST(suite, id, ##__VA_ARGS__)					\
	{								\
		case_begin();						\
		suite##_##id##_case();					\
		case_end();						\
	}								\
	static void suite##_##id##_case(void)

/* Whether INFO reports this DMABUF_REVOKE_FEATURE_*. */
bool kernel_can(uint64_t feature);

/* Descriptors of this process. */
int open_fds(void);
/* While forbidden, whatever makes a descriptor fails with EMFILE. */
void forbid_new_fds(void);
void allow_new_fds(void);

/*
 * For what ends in a kernel worker and has no event to wait for, such as the
 * last reference to a buffer: asks again until it is so or SOON has passed.
 */
bool eventually(bool (*is_so)(uint64_t arg), uint64_t arg);

/*
 * For what takes luck to go wrong: so many rounds, or as many as fit into LUCK, since how long
 * they take is for the host to say. A kernel that is slow by itself tries less; there are others.
 */
#define LUCK (10 * SEC)
struct luck {
	unsigned int rounds;
	uint64_t until;		/* 0: it has not been tried */
};

bool luck_lasts(struct luck *luck);

/* Whether a thread, or a process by its pid, sleeps. */
bool is_asleep(uint64_t tid);
/* The number of the system call that one sleeps in, or -1. */
long call_of(uint64_t tid);
/* The caller, and what it starts from now on. */
void stay_on_this_cpu(void);

/*
 * The controls run cases against an exporter and an importer that are wrong on
 * purpose: what DBR_FAULTS, DBR_MISBEHAVE and DBR_DELAY_NS of the environment say is
 * how buffer_alloc() allocates and attach() attaches. DBR_ENVIRONMENT names a file
 * of lines NAME=VALUE, which each CASE reads anew. See controls/model.py.
 */
uint64_t from_environment(const char *name);

/* --- buffers ------------------------------------------------------------- */

struct buffer {
	uint64_t id;
	uint64_t length;
	int fd;
};

struct buffer buffer_alloc(uint64_t length, uint32_t flags);
/* ALLOC on a file of its own, which is stored in *@owner. */
struct buffer buffer_alloc_owned(uint64_t length, uint32_t flags, int *owner);
struct dmabuf_revoke_query query(uint64_t id);
struct dmabuf_revoke_query query_fd(int dmabuf);
/* REVOKE that has to finish. */
struct dmabuf_revoke_revoke revoke_fully(uint64_t id);
/* REVOKE that has to give up @ns from now. */
struct dmabuf_revoke_revoke revoke_times_out(uint64_t id, uint64_t ns);
bool listed(uint64_t id);
bool is_revoked(uint64_t id);
bool is_gone(uint64_t id);
/*
 * Whether the end of the owner has revoked it: a worker does that after close(). Also if
 * it is gone.
 */
bool is_orphaned(uint64_t id);
uint64_t buffers_in_system(void);

/* --- CPU mappings -------------------------------------------------------- */

void *cpu_map(int dmabuf, uint64_t length);
void cpu_unmap(void *address, uint64_t length);
/* A zeroed page of ordinary memory with this protection. */
void *page_with(int prot);
/* 0, or the signal that reading (writing) the byte at @address ended with. */
int fault_on_read(const volatile void *address);
int fault_on_write(volatile void *address);
int sync_cpu_access(int dmabuf, uint64_t flags);
/*
 * Around what the CPU reads and writes beside devices, some of which are not coherent.
 * The beginning waits for jobs.
 */
void cpu_begins(int dmabuf);
void cpu_ends(int dmabuf);

uint32_t crc32(const void *data, uint64_t length);
/* Bytes that differ from each other, at any distance below 2^31. */
void fill_noise(void *data, uint64_t length, uint32_t seed);

/* --- attachments --------------------------------------------------------- */

int attach(int dmabuf, uint32_t kind, uint32_t flags);
/* Whether that maps already: without FEATURE_STATIC_MAP the core does so. */
bool maps_when_attaching(uint32_t kind);
/* Attached and mapped in both directions. */
int attach_mapped(int dmabuf, uint32_t kind, uint32_t flags);
struct dmabuf_revoke_status status(int att);
struct dmabuf_revoke_event next_event(int att);
/* The next event has to be of this type. */
struct dmabuf_revoke_event expect_event(int att, uint32_t type);

/* The job's number. */
uint64_t submit(int att, struct dmabuf_revoke_submit job);
/* Until the running job has completed a pass. */
void await_pass(int att);
/* Until it has completed so many from now on. */
void await_passes(int att, uint64_t number);
/* A job whose only purpose is to last. */
uint64_t submit_busy(int att, uint32_t op, uint32_t flags, uint64_t ns);
/* The same, and its fence. */
int submit_fence(int att, uint32_t flags, uint64_t ns, uint64_t *job);
/*
 * A job that is under way when this returns: what it writes has been seen by the
 * CPU. A stream has then completed its first pass, and goes on until it is told to
 * end, so no delay makes it end too early. The fence goes to *@fence unless NULL.
 */
uint64_t submit_running(int att, int dmabuf, uint32_t flags, uint64_t ns,
			int *fence);
/* WAIT until it has ended, whatever its status. */
struct dmabuf_revoke_wait collect(int att, uint64_t job);
/* WAIT, and it has to be done well. */
struct dmabuf_revoke_wait collect_ok(int att, uint64_t job);
/* CRC-32 of a range as the device sees it. */
uint32_t device_crc(int att, uint64_t offset, uint64_t length);

bool is_readable(int fd, int timeout_ms);
/* SYNC_IOC_FILE_INFO: 1 signalled, 0 not, or the fence's error. */
int fence_status(int fence);
/* Put the fence of a sync_file on a dma-buf's dma_resv. */
int import_fence(int dmabuf, int fence);
/* A fence that takes @ns, made on another buffer; *@att keeps it going. */
int foreign_fence(uint64_t ns, int *att);

/* --- others -------------------------------------------------------------- */

/*
 * A signal with a handler, installed with these sa_flags, every 10 ms: so one
 * arrives after a call has begun to wait. The end tells how many there were.
 */
void signals_begin(int sa_flags);
int signals_end(void);
/*
 * Calls @wait with a deadline that passes, during which such signals restart the call.
 * Later ones, until at least @count arrived: a busy host may take all the time away.
 */
void restarts_do_not_lengthen(int (*wait)(uint64_t arg, uint64_t deadline_ns),
			      uint64_t arg, int count);

/*
 * Runs @fn in a child and returns what it returned, 0 or -errno. As nobody: all
 * ids are 65534 and there are no capabilities.
 */
int in_child(int (*fn)(void *arg), void *arg);
int as_nobody(int (*fn)(void *arg), void *arg);
/* As root of a user namespace of its own; -ENOTSUP: not to be had here. */
int as_namespace_root(int (*fn)(void *arg), void *arg);

#endif
