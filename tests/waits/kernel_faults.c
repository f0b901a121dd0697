// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on a mapping that the kernel takes, in a system call of ours: they wait like those
 * of the CPU, but a signal cannot end the wait, since the call has not come so far.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "keeper.h"
#include "life.h"

/* So many that somebody always waits for the lock. */
#define KEEPERS	3
/* That go before who comes last: two rounds of all, in each of which each may be twice. */
#define TURNS	(2 * 2 * (KEEPERS + 1))

static uint64_t in_kernel(void)
{
	struct rusage usage;

	succeeds(sys(getrusage(RUSAGE_THREAD, &usage)));
	return usage.ru_stime.tv_sec * SEC + usage.ru_stime.tv_usec * 1000ULL;
}

/*
 * The kernel reads a byte through the mapping, which takes it until something else has
 * ended, while there are signals, which it must not spend on trying again and again.
 */
static void read_does_not_spin(const uint8_t *memory, uint8_t expected)
{
	uint64_t began, took, used;
	uint8_t byte;
	int ends[2];

	succeeds(sys(pipe(ends)));
	signals_begin(SA_RESTART);
	began = dr_now();
	used = in_kernel();
	equal(succeeds(sys(write(ends[1], memory, 1))), 1);
	used = in_kernel() - used;
	took = dr_now() - began;
	holds(signals_end() > 0);
	equal(succeeds(sys(read(ends[0], &byte, 1))), 1);
	equal(byte, expected);
	holds(took >= 200 * MSEC, "the fault did not wait");
	holds(used < took / 2, "%llu of %llu ms in the kernel",
	      (long long)(used / MSEC), (long long)(took / MSEC));
	close(ends[0]);
	close(ends[1]);
}

struct mover {
	pthread_t thread;
	uint64_t id;
	atomic_bool has_moved;
};

static void *mover_main(void *arg)
{
	struct mover *mover = arg;

	move_fully(mover->id);
	atomic_store(&mover->has_moved, true);
	return NULL;
}

static bool is_invalidated(uint64_t att)
{
	struct pollfd event = { .fd = att, .events = POLLIN };

	return poll(&event, 1, 0) == 1;
}

/* The mapping is taken down after the callback: until then only a new one faults. */
static void mapped_anew(struct mapped *m)
{
	cpu_unmap(m->memory, MAPPED_LENGTH);
	m->memory = cpu_map(m->buffer.fd, MAPPED_LENGTH);
}

/* A callback that takes its time holds the lock. */
CASE(kernel_faults, E8_signal_does_not_make_the_wait_for_the_lock_spin)
{
	struct mapped m = mapped_new(0);
	int att = attach_misbehaving(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK,
				     (uint64_t)(SEC * patience()));
	struct mover mover = { .id = m.buffer.id };

	pthread_create(&mover.thread, NULL, mover_main, &mover);
	holds(eventually(is_invalidated, att));
	mapped_anew(&m);
	read_does_not_spin(m.memory, MAPPED_MARK);
	pthread_join(mover.thread, NULL);
	close(att);
	mapped_revoke(&m);
	mapped_free(&m);
}

CASE(kernel_faults, E8_E14_signal_does_not_make_the_wait_for_the_contents_spin)
{
	struct mapped m = mapped_new(0);
	int other, fence = foreign_fence((uint64_t)(SEC * patience()), &other);
	uint64_t moves = 0;

	succeeds(import_fence(m.buffer.fd, fence));
	fails(dr_move_number(exporter, m.buffer.id, 0, &moves), ETIMEDOUT);
	read_does_not_spin(m.memory, MAPPED_MARK);
	close(other);
	succeeds(dr_move_number(exporter, m.buffer.id, DMABUF_REVOKE_FOREVER,
				&moves));
	close(fence);
	mapped_revoke(&m);
	mapped_free(&m);
}

static unsigned int maps_of(const struct keeper *keepers)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < KEEPERS; i++)
		sum += atomic_load(&keepers[i].maps);
	return sum;
}

/* The kernel reads a byte: how often the others have had the lock meanwhile. */
static unsigned int turns_of_others(int dmabuf, const struct keeper *keepers)
{
	void *memory = cpu_map(dmabuf, PAGE);
	unsigned int maps = maps_of(keepers);
	int ends[2];

	succeeds(sys(pipe(ends)));
	equal(succeeds(sys(write(ends[1], memory, 1))), 1);
	maps = maps_of(keepers) - maps;
	close(ends[0]);
	close(ends[1]);
	cpu_unmap(memory, PAGE);
	return maps;
}

static void turns_are_few(int dmabuf, const struct keeper *keepers)
{
	unsigned int turns = turns_of_others(dmabuf, keepers);

	holds(turns <= TURNS, "%u turns of others", turns);
}

/*
 * Whoever only asks whether it is free has it when the one who is next is slow to wake up. It
 * waits twice, without mmap_lock and with it; those before it in the queue go first, and now and
 * then one who has just had it.
 */
CASE(kernel_faults, the_lock_is_had_in_turn)
{
	struct buffer buffer = buffer_that_maps_slowly(PAGE);
	const struct sched_param same = { .sched_priority = 1 };
	struct keeper keepers[KEEPERS];

	/* As those have it: where locks are had by priority nobody else would have his turn. */
	equal(pthread_setschedparam(pthread_self(), SCHED_FIFO, &same), 0);
	for (size_t i = 0; i < KEEPERS; i++)
		keeper_begin(&keepers[i], buffer.fd);
	for (int i = 0; i < 3; i++)
		turns_are_few(buffer.fd, keepers);
	for (size_t i = 0; i < KEEPERS; i++)
		keeper_end(&keepers[i]);
	close(buffer.fd);
}

static int read_in_child(struct child *self, void *memory)
{
	int ends[2];

	(void)self;
	if (pipe(ends))
		return errno;
	return write(ends[1], memory, 1) == 1 ? 0 : errno;
}

/* Long before the callback returns. */
CASE(kernel_faults, E8_death_ends_the_wait_for_the_lock)
{
	struct mapped m = mapped_new(0);
	/* As long as a callback may take. */
	int att = attach_misbehaving(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK, 10 * SEC);
	struct mover mover = { .id = m.buffer.id };
	struct child child;

	pthread_create(&mover.thread, NULL, mover_main, &mover);
	holds(eventually(is_invalidated, att));
	mapped_anew(&m);
	child = child_start(read_in_child, m.memory);
	holds(eventually(is_asleep, child.pid));
	child_kill(&child);
	holds(!atomic_load(&mover.has_moved), "it died with the callback");
	/* Which ends it. */
	close(att);
	pthread_join(mover.thread, NULL);
	mapped_revoke(&m);
	mapped_free(&m);
}

/* For ever, unless it can be killed. */
static void death_ends_the_wait_for_the_contents(int (*fn)(struct child *self,
							   void *memory))
{
	struct mapped m = mapped_new(0);
	int other, fence = foreign_fence(ENDLESS, &other);
	struct child child;
	uint64_t moves = 0;

	succeeds(import_fence(m.buffer.fd, fence));
	fails(dr_move_number(exporter, m.buffer.id, 0, &moves), ETIMEDOUT);
	child = child_start(fn, m.memory);
	holds(eventually(is_asleep, child.pid));
	child_kill(&child);
	close(other);
	succeeds(dr_move_number(exporter, m.buffer.id, DMABUF_REVOKE_FOREVER,
				&moves));
	close(fence);
	mapped_revoke(&m);
	mapped_free(&m);
}

CASE(kernel_faults, E8_E14_death_ends_the_wait_for_the_contents)
{
	death_ends_the_wait_for_the_contents(read_in_child);
}

static int wake_in_child(struct child *self, void *memory)
{
	uint32_t mine = 0;

	(void)self;
	syscall(SYS_futex, &mine, FUTEX_WAKE_OP_PRIVATE, 0, 0, memory,
		FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_EQ, 0));
	return 0;
}

/* It takes the fault anew as often as it is not told of an error, whatever the signal. */
CASE(kernel_faults, E8_E14_death_ends_a_futex_operation)
{
	death_ends_the_wait_for_the_contents(wake_in_child);
}

static int touch_in_child(struct child *self, void *memory)
{
	(void)self;
	return fault_on_read(memory) == SIGBUS ? 0 : 1;
}

/* What is to arrive never will, or not for whoever maps the buffer now. */
static void move_is_not_waited_for(int (*take_back)(uint64_t id))
{
	struct mapped m = mapped_new(0);
	int other, fence = foreign_fence(ENDLESS, &other);
	struct child touching, reading;
	uint64_t moves = 0;

	succeeds(import_fence(m.buffer.fd, fence));
	fails(dr_move_number(exporter, m.buffer.id, 0, &moves), ETIMEDOUT);
	touching = child_start(touch_in_child, m.memory);
	reading = child_start(read_in_child, m.memory);
	holds(eventually(is_asleep, touching.pid));
	holds(eventually(is_asleep, reading.pid));
	fails(take_back(m.buffer.id), ETIMEDOUT);
	equal(child_end(&touching), 0);
	equal(child_end(&reading), EFAULT);
	mapped_gives(m.memory, SIGBUS);
	close(other);
	close(fence);
	revoke_fully(m.buffer.id);
	mapped_free(&m);
}

static int begin_to_revoke(uint64_t id)
{
	return dr_revoke(exporter, id, 0, NULL);
}

static int begin_to_suspend(uint64_t id)
{
	return dr_suspend(exporter, id, 0, NULL);
}

CASE(kernel_faults, E9_E14_revoke_does_not_leave_faults_waiting_for_a_move)
{
	move_is_not_waited_for(begin_to_revoke);
}

CASE(kernel_faults, E9_E15_suspension_does_not_leave_faults_waiting_for_a_move)
{
	move_is_not_waited_for(begin_to_suspend);
}
