// SPDX-License-Identifier: GPL-2.0-only
/*
 * E14: whoever wants a buffer whose contents are still on their way waits for them: a
 * CPU that touches it, and the attach of a static importer. Here they do not come: that
 * must hold up nobody but the one that waits, and not that one against a signal.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#include "life.h"

/* A buffer that is being moved until told otherwise. */
struct stuck {
	struct mapped m;
	int other;
	int fence;
};

static struct stuck stuck_moving(struct mapped m)
{
	struct stuck s = { .m = m };

	s.fence = foreign_fence(600 * SEC, &s.other);
	succeeds(import_fence(s.m.buffer.fd, s.fence));
	fails(dr_move(exporter, s.m.buffer.id, 0), ETIMEDOUT);
	return s;
}

static struct stuck stuck_new(void)
{
	return stuck_moving(mapped_new(0));
}

static void stuck_goes_on(struct stuck *s)
{
	close(s->other);
}

static void stuck_free(struct stuck *s)
{
	equal(s->m.memory[0], MAPPED_MARK);
	mapped_free(&s->m);
	close(s->fence);
}

struct toucher {
	uint8_t *memory;
	int other;		/* what a child must not keep open, or -1 */
	atomic_bool about_to;	/* touch the memory */
	atomic_bool done;
};

static struct toucher *toucher_new(struct stuck *s)
{
	struct toucher *toucher = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	holds(toucher != MAP_FAILED);
	toucher->memory = s->m.memory;
	toucher->other = s->other;
	return toucher;
}

static bool is_about_to(uint64_t toucher)
{
	return atomic_load(&((struct toucher *)(uintptr_t)toucher)->about_to);
}

/* Until the child sleeps, in the fault: it has nothing else to sleep on. */
static void wait_until_it_waits(struct child *child, struct toucher *toucher)
{
	holds(eventually(is_about_to, (uintptr_t)toucher));
	holds(eventually(is_asleep, child->pid));
	holds(!atomic_load(&toucher->done));
}

static int touches(struct child *self, void *arg)
{
	struct toucher *toucher = arg;
	uint8_t seen;

	(void)self;
	close(toucher->other);
	atomic_store(&toucher->about_to, true);
	seen = *(volatile uint8_t *)toucher->memory;
	atomic_store(&toucher->done, true);
	return seen == MAPPED_MARK ? 0 : 1;
}

/* The same, but it is the kernel that touches it. */
static int lets_the_kernel_touch(struct child *self, void *arg)
{
	struct toucher *toucher = arg;
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	(void)self;
	close(toucher->other);
	atomic_store(&toucher->about_to, true);
	got = read(zero, toucher->memory + PAGE, 1);
	atomic_store(&toucher->done, true);
	return got == 1 ? 0 : 1;
}

static void waits_for_the_contents(int (*fn)(struct child *self, void *arg))
{
	struct stuck s = stuck_new();
	struct toucher *toucher = toucher_new(&s);
	struct child child = child_start(fn, toucher);

	wait_until_it_waits(&child, toucher);
	stuck_goes_on(&s);
	equal(child_end(&child), 0);
	cpu_unmap(toucher, PAGE);
	stuck_free(&s);
}

CASE(faults, E14_touch_waits_for_the_contents)
{
	waits_for_the_contents(touches);
}

CASE(faults, E14_touch_by_the_kernel_waits_for_the_contents)
{
	waits_for_the_contents(lets_the_kernel_touch);
}

static void can_be_killed(int (*fn)(struct child *self, void *arg))
{
	struct stuck s = stuck_new();
	struct toucher *toucher = toucher_new(&s);
	struct child child = child_start(fn, toucher);

	wait_until_it_waits(&child, toucher);
	child_kill(&child);
	holds(!atomic_load(&toucher->done));
	stuck_goes_on(&s);
	cpu_unmap(toucher, PAGE);
	stuck_free(&s);
}

CASE(faults, E14_E8_process_that_waits_can_be_killed)
{
	can_be_killed(touches);
}

CASE(faults, E14_E8_process_that_waits_in_the_kernel_can_be_killed)
{
	can_be_killed(lets_the_kernel_touch);
}

static int told_by_handler;

static void tell(int sig)
{
	(void)sig;
	if (write(told_by_handler, "", 1) != 1)
		_exit(1);
}

static int touches_and_handles(struct child *self, void *arg)
{
	const struct sigaction action = { .sa_handler = tell };

	told_by_handler = self->to;
	sigaction(SIGUSR1, &action, NULL);
	return touches(self, arg);
}

CASE(faults, E14_E8_signal_is_handled_while_a_touch_waits)
{
	struct stuck s = stuck_new();
	struct toucher *toucher = toucher_new(&s);
	struct child child = child_start(touches_and_handles, toucher);

	for (int i = 0; i < 3; i++) {
		wait_until_it_waits(&child, toucher);
		succeeds(sys(kill(child.pid, SIGUSR1)));
		child_is_waiting(&child);
	}
	stuck_goes_on(&s);
	equal(child_end(&child), 0);
	cpu_unmap(toucher, PAGE);
	stuck_free(&s);
}

static void *touch_in_thread(void *arg)
{
	return (void *)(long)touches(NULL, arg);
}

/* Were mmap_lock held by the one that waits, the others would wait as well. */
CASE(faults, E14_others_change_mappings_while_a_touch_waits)
{
	struct stuck s = stuck_new();
	struct toucher *toucher = toucher_new(&s);
	pthread_t thread;
	void *result;

	toucher->other = -1;
	pthread_create(&thread, NULL, touch_in_thread, toucher);
	holds(eventually(is_about_to, (uintptr_t)toucher));
	for (int i = 0; i < 200; i++) {
		cpu_unmap(page_with(PROT_READ | PROT_WRITE), PAGE);
		sched_yield();
	}
	holds(!atomic_load(&toucher->done));
	/* And of this very mapping. */
	cpu_unmap(s.m.memory + 2 * PAGE, PAGE);
	stuck_goes_on(&s);
	pthread_join(thread, &result);
	equal((long)result, 0);
	cpu_unmap(toucher, PAGE);
	stuck_free(&s);
}

CASE(faults, E14_E9_revoke_does_not_wait_for_a_touch_that_waits)
{
	struct stuck s = stuck_new();
	struct toucher *toucher = toucher_new(&s);
	struct child child = child_start(touches, toucher);

	wait_until_it_waits(&child, toucher);
	revoke_times_out(s.m.buffer.id, 0);
	child_kill(&child);
	stuck_goes_on(&s);
	revoke_fully(s.m.buffer.id);
	mapped_gives(s.m.memory, SIGBUS);
	cpu_unmap(toucher, PAGE);
	mapped_free(&s.m);
	close(s.fence);
}

/* Where the core maps as it attaches, it waits for the copy as a map does. */
CASE(faults, E14_signal_ends_the_attach_of_a_static_importer)
{
	bool maps = maps_when_attaching(DMABUF_REVOKE_KIND_LEGACY_STATIC);
	struct stuck s = stuck_moving(mapped_new(ACCEPT_LEGACY));
	int att;

	signals_begin(0);
	att = dr_attach(importer, s.m.buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	signals_end();
	if (maps)
		fails(att, EINTR);
	else
		close(succeeds(att));

	stuck_goes_on(&s);
	stuck_free(&s);
}
