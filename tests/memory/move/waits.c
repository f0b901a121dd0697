// SPDX-License-Identifier: GPL-2.0-only
/* E14, E8: waiting for a move, by its number. */
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "life.h"

/* A buffer whose moves wait for a fence, until @other is closed. */
struct held {
	struct buffer buffer;
	int fence;
	int other;
};

static struct held held_new(void)
{
	struct held held = { .buffer = buffer_alloc(PAGE, 0) };

	held.fence = foreign_fence(ENDLESS, &held.other);
	succeeds(import_fence(held.buffer.fd, held.fence));
	return held;
}

static void held_free(struct held *held)
{
	holds(eventually(bytes_are, PAGE + FOREIGN));
	close(held->fence);
	close(held->buffer.fd);
}

CASE(waits, E14_E8_number_names_the_move_to_wait_for)
{
	struct held held = held_new();
	uint64_t id = held.buffer.id, first = 0, second = 0, none = 2;

	fails(dr_move_number(exporter, id, 0, &first), ETIMEDOUT);
	equal(first, 1);
	fails(dr_move_number(exporter, id, 0, &first), ETIMEDOUT);
	fails(dr_move_number(exporter, id, dr_deadline(20 * MSEC), &first),
	      ETIMEDOUT);
	fails(dr_move_number(exporter, id, 0, &second), EBUSY);
	fails(dr_move_number(exporter, id, 0, &none), EINVAL);
	equal(query(id).moves, 1);
	close(held.other);
	succeeds(dr_move_number(exporter, id, DMABUF_REVOKE_FOREVER, &first));
	equal(query(id).moves, 1);

	second = 0;
	succeeds(dr_move_number(exporter, id, DMABUF_REVOKE_FOREVER, &second));
	equal(second, 2);
	/* Those before are over. */
	succeeds(dr_move_number(exporter, id, 0, &first));
	succeeds(dr_move_number(exporter, id, 0, &second));
	equal(query(id).moves, 2);
	held_free(&held);
}

CASE(waits, E14_number_of_a_revoked_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	uint64_t moves = 0, none = 2;

	succeeds(dr_move_number(exporter, buffer.id, DMABUF_REVOKE_FOREVER,
				&moves));
	revoke_fully(buffer.id);
	succeeds(dr_move_number(exporter, buffer.id, 0, &moves));
	fails(dr_move_number(exporter, buffer.id, 0, &none), EINVAL);
	close(buffer.fd);
}

/* Some signals arrive while it waits. */
CASE(waits, E14_E8_restarted_call_does_not_move_it_again)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(300 * MSEC, &other);

	succeeds(import_fence(buffer.fd, fence));
	signals_begin(SA_RESTART);
	move_fully(buffer.id);
	holds(signals_end() > 0);
	equal(query(buffer.id).moves, 1);
	close(other);
	close(fence);
	close(buffer.fd);
}

static int move_for_ever(struct child *self, void *arg)
{
	struct held *held = arg;

	(void)self;
	close(held->other);
	return -dr_move(exporter, held->buffer.id, DMABUF_REVOKE_FOREVER);
}

/* No handler, so that user space cannot know why the call would have ended. */
CASE(waits, E14_E8_stopped_caller_goes_on)
{
	struct held held = held_new();
	struct child child = child_start(move_for_ever, &held);
	siginfo_t info;

	holds(eventually(is_asleep, child.pid));
	for (int i = 0; i < 3; i++) {
		succeeds(sys(kill(child.pid, SIGSTOP)));
		succeeds(sys(waitid(P_PID, child.pid, &info, WSTOPPED)));
		succeeds(sys(kill(child.pid, SIGCONT)));
		succeeds(sys(waitid(P_PID, child.pid, &info, WCONTINUED)));
		holds(eventually(is_asleep, child.pid));
	}
	close(held.other);
	equal(child_end(&child), 0);
	equal(query(held.buffer.id).moves, 1);
	held_free(&held);
}

CASE(waits, E14_E8_older_structure_is_not_restarted)
{
	struct held held = held_new();
	struct dmabuf_revoke_move arg = {
		.size = offsetof(struct dmabuf_revoke_move, moves),
		.id = held.buffer.id,
		.deadline_ns = DMABUF_REVOKE_FOREVER,
	};

	signals_begin(SA_RESTART);
	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_MOVE, &arg)), EINTR);
	signals_end();
	equal(arg.moves, 0);
	equal(query(held.buffer.id).moves, 1);
	close(held.other);
	held_free(&held);
}

CASE(waits, E14_E16_unwritable_structure_moves_nothing)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct dmabuf_revoke_move *arg = page_with(PROT_READ | PROT_WRITE);

	*arg = (struct dmabuf_revoke_move){
		.size = sizeof(*arg),
		.id = buffer.id,
		.deadline_ns = DMABUF_REVOKE_FOREVER,
	};
	succeeds(sys(mprotect(arg, PAGE, PROT_READ)));
	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_MOVE, arg)), EFAULT);
	equal(query(buffer.id).moves, 0);
	cpu_unmap(arg, PAGE);
	close(buffer.fd);
}
