// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA_BUF_IOCTL_SYNC: what it waits for, and that devices and the CPU see what the other
 * has written, also where DMA is bounced.
 */
#include <linux/dma-buf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "life.h"

#define START (DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW)
#define START_READ (DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ)
#define START_WRITE (DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE)
#define END (DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW)
#define PATTERN 0x0102030405060708

/* --- what it waits for ----------------------------------------------------- */

/* A thread that goes on as user space has to: after EAGAIN and EINTR it calls again. */
struct access {
	pthread_t thread;
	int dmabuf;
	uint64_t flags;
	atomic_int tid;
	int calls;
	long result;
};

static void *access_main(void *arg)
{
	struct access *access = arg;

	access->tid = gettid();
	do {
		access->calls++;
		access->result = sync_cpu_access(access->dmabuf, access->flags);
	} while (access->result == -EAGAIN || access->result == -EINTR);
	return NULL;
}

/* Comes back when the thread sleeps in the call. */
static void access_begin(struct access *access, int dmabuf, uint64_t flags)
{
	*access = (struct access){ .dmabuf = dmabuf, .flags = flags };
	pthread_create(&access->thread, NULL, access_main, access);
	while (!access->tid)
		sched_yield();
	holds(eventually(is_asleep, access->tid));
}

/* It has made one call, which returned this. */
static void access_ends(struct access *access, int error)
{
	pthread_join(access->thread, NULL);
	equal(access->result, -error);
	equal(access->calls, 1);
}

static const uint64_t both[] = { START, END };

CASE(sync, E15_E21_waits_while_suspended)
{
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		struct access access;

		suspend_fully(buffer.id);
		access_begin(&access, buffer.fd, both[i]);
		restore_fully(buffer.id);
		access_ends(&access, 0);
		close(buffer.fd);
	}
}

CASE(sync, E3_E15_revoke_ends_the_wait_of_a_suspended_buffer)
{
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		struct access access;

		suspend_fully(buffer.id);
		access_begin(&access, buffer.fd, both[i]);
		revoke_fully(buffer.id);
		access_ends(&access, ENODEV);
		close(buffer.fd);
	}
}

/* The revoke itself cannot end, since a mapping is left: it has to wake them. */
CASE(sync, E3_E15_beginning_of_a_revoke_ends_the_wait_of_a_suspension)
{
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	struct access begin, end;

	suspend_times_out(buffer.id, 0);
	access_begin(&begin, buffer.fd, START);
	access_begin(&end, buffer.fd, END);
	revoke_times_out(buffer.id, 0);
	access_ends(&begin, ENODEV);
	access_ends(&end, ENODEV);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

CASE(sync, E8_E15_signal_ends_the_wait_of_a_suspended_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	suspend_fully(buffer.id);
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		signals_begin(0);
		fails(sync_cpu_access(buffer.fd, both[i]), EINTR);
		holds(signals_end() > 0);
	}
	close(buffer.fd);
}

static int sync_in_child(struct child *self, void *dmabuf)
{
	(void)self;
	return -sync_cpu_access(*(int *)dmabuf, START);
}

CASE(sync, E8_E15_death_ends_the_wait_of_a_suspended_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct child child;

	suspend_fully(buffer.id);
	child = child_start(sync_in_child, &buffer.fd);
	holds(eventually(is_asleep, child.pid));
	child_kill(&child);
	close(buffer.fd);
}

/* A signal ends that wait, too. */
CASE(sync, E8_E21_signal_ends_the_wait_for_a_fence)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);

	succeeds(import_fence(buffer.fd, fence));
	signals_begin(0);
	fails(sync_cpu_access(buffer.fd, START), EINTR);
	holds(signals_end() > 0);
	close(other);
	close(fence);
	close(buffer.fd);
}

/* The wait is over before anything is synchronised, or looked at. */
CASE(sync, E21_E3_access_that_waits_while_the_buffer_is_revoked_is_ENODEV)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);
	struct access access;

	succeeds(import_fence(buffer.fd, fence));
	access_begin(&access, buffer.fd, START);
	revoke_times_out(buffer.id, 0);
	close(other);
	access_ends(&access, ENODEV);
	revoke_fully(buffer.id);
	close(fence);
	close(buffer.fd);
}

/* It does not wait for what the revoke waits for. */
CASE(sync, E21_E3_access_to_a_buffer_that_is_being_revoked_is_ENODEV)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);

	succeeds(import_fence(buffer.fd, fence));
	revoke_times_out(buffer.id, 0);
	fails(sync_cpu_access(buffer.fd, START), ENODEV);
	fails(sync_cpu_access(buffer.fd, END), ENODEV);
	close(other);
	revoke_fully(buffer.id);
	close(fence);
	close(buffer.fd);
}

/* Who waits does not hold the resv lock. */
CASE(sync, E7_E21_nobody_is_held_up_by_the_wait_for_a_fence)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct access access;

	succeeds(import_fence(buffer.fd, fence));
	access_begin(&access, buffer.fd, START);
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	succeeds(dr_unmap(att));
	equal(query(buffer.id).pending.fences, 1);
	close(att);
	close(other);
	access_ends(&access, 0);
	close(fence);
	close(buffer.fd);
}

/* A reader does not wait for readers. */
CASE(sync, E21_only_a_writer_waits_for_a_reader)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct access access;

	submit_busy(att, DMABUF_REVOKE_OP_READ, 0, ENDLESS);
	succeeds(sync_cpu_access(buffer.fd, START_READ));
	access_begin(&access, buffer.fd, START_WRITE);
	close(att);
	access_ends(&access, 0);
	close(buffer.fd);
}

/* --- what is seen afterwards ----------------------------------------------- */

#define LENGTH (64 * KIB)

/* The writer has to wait for a reader, so it writes long after the call. */
CASE(sync, E21_reader_sees_what_it_has_waited_for)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t read = submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 100 * MSEC);
	uint64_t write = submit_fill(att, LENGTH, PATTERN, 0);

	succeeds(sync_cpu_access(buffer.fd, START_READ));
	holds(is_filled(memory, LENGTH, PATTERN));
	succeeds(sync_cpu_access(buffer.fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	collect_ok(att, read);
	collect_ok(att, write);
	cpu_unmap(memory, LENGTH);
	close(att);
	close(buffer.fd);
}

/* Mapped once, and synchronised in its own direction each time. */
static void cpu_and_device_see_each_other(uint32_t direction)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_map(att, direction));
	for (uint32_t round = 1; round <= 3; round++) {
		if (direction != DMABUF_REVOKE_TO_DEVICE)
			collect_ok(att, submit_fill(att, LENGTH, PATTERN + round, 0));
		succeeds(sync_cpu_access(buffer.fd, START));
		if (direction != DMABUF_REVOKE_TO_DEVICE)
			holds(is_filled(memory, LENGTH, PATTERN + round));
		fill_noise(memory, LENGTH, round);
		succeeds(sync_cpu_access(buffer.fd, END));
		if (direction != DMABUF_REVOKE_FROM_DEVICE)
			equal(device_crc(att, 0, LENGTH), crc32(memory, LENGTH));
	}
	equal(status(att).maps, 1);
	cpu_unmap(memory, LENGTH);
	close(att);
	close(buffer.fd);
}

CASE(sync, E21_both_sides_see_each_other)
{
	cpu_and_device_see_each_other(DMABUF_REVOKE_BIDIRECTIONAL);
}

CASE(sync, E21_device_that_reads_sees_the_cpu)
{
	cpu_and_device_see_each_other(DMABUF_REVOKE_TO_DEVICE);
}

CASE(sync, E21_cpu_sees_the_device_that_writes)
{
	cpu_and_device_see_each_other(DMABUF_REVOKE_FROM_DEVICE);
}
