// SPDX-License-Identifier: GPL-2.0-only
/*
 * E13: the owner ends, by close() or by SIGKILL, in every state that its buffer can
 * be in. However that was, the buffer is revoked and at last everything is gone.
 */
#include <sys/mman.h>

#include "life.h"

#define LENGTH (16 * PAGE)

/* The owner in a process of its own: makes the buffer, then does as it is told. */
static int is_owner(struct child *self, void *arg)
{
	struct buffer *shared = arg;
	int own = dr_open(DMABUF_REVOKE_EXPORTER_PATH);

	if (dr_alloc(own, LENGTH, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY,
		     &shared->id, &shared->fd))
		return 1;
	child_waits(self);
	close(own);
	/* The dma-buf goes with the process: closing the file was the end. */
	child_waits(self);
	return 0;
}

/* A state that the buffer is in when the owner ends. */
struct state {
	int atts[2];
	int fence;
};

enum how { CLOSED, KILLED };

static void end_owner(struct child *child, enum how how)
{
	if (how == KILLED) {
		child_kill(child);
		return;
	}
	child_go_on(child);
	child_is_waiting(child);
}

/* Memory that parent and child see. */
static struct buffer *shared_buffer(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	holds(page != MAP_FAILED);
	return page;
}

static void owner_ends(void (*before)(struct buffer *, struct state *),
		       bool blocked, enum how how)
{
	struct state state = { { -1, -1 }, -1 };
	struct buffer *shared = shared_buffer(), buffer;
	struct child child = child_start(is_owner, shared);

	child_is_waiting(&child);
	buffer = *shared;
	buffer.length = LENGTH;
	buffer.fd = child_descriptor(&child, shared->fd);
	before(&buffer, &state);
	end_owner(&child, how);

	/* What a killed process held goes a little later. */
	if (blocked) {
		holds(eventually(is_orphaned, buffer.id));
		equal(state_of(buffer.id), DMABUF_REVOKE_STATE_REVOKING);
	}
	for (size_t i = 0; i < ARRAY_SIZE(state.atts); i++)
		if (state.atts[i] >= 0)
			close(state.atts[i]);
	holds(eventually(is_gone, buffer.id));
	equal(query_fd(buffer.fd).state, DMABUF_REVOKE_STATE_REVOKED);
	holds(eventually(bytes_are, state.fence >= 0 ? FOREIGN : 0));
	if (state.fence >= 0)
		close(state.fence);
	if (how == CLOSED) {
		child_go_on(&child);
		equal(child_end(&child), 0);
	}
	close(buffer.fd);
	cpu_unmap(shared, PAGE);
}

static void is_live(struct buffer *buffer, struct state *state)
{
	(void)state;
	equal(state_of(buffer->id), DMABUF_REVOKE_STATE_LIVE);
}

static void is_mapped(struct buffer *buffer, struct state *state)
{
	state->atts[0] = attach_mapped(buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	state->atts[1] = attach_mapped(buffer->fd, DMABUF_REVOKE_KIND_PINNED, 0);
}

static void has_a_legacy_mapping(struct buffer *buffer, struct state *state)
{
	state->atts[0] = attach_mapped(buffer->fd,
				       DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	state->atts[1] = attach_mapped(buffer->fd,
				       DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
}

static void has_a_job(struct buffer *buffer, struct state *state)
{
	state->atts[0] = attach(buffer->fd, DMABUF_REVOKE_KIND_PINNED, 0);
	submit_running(state->atts[0], buffer->fd, 0, 600 * SEC, NULL);
}

static void has_a_job_that_is_not_cut_short(struct buffer *buffer,
					    struct state *state)
{
	state->atts[0] = attach(buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC,
				DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	submit_running(state->atts[0], buffer->fd, 0, 600 * SEC, NULL);
}

static void has_a_fence(struct buffer *buffer, struct state *state)
{
	state->fence = foreign_fence(600 * SEC, &state->atts[0]);
	succeeds(import_fence(buffer->fd, state->fence));
}

static void has_a_vmap(struct buffer *buffer, struct state *state)
{
	state->atts[0] = attach(buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	succeeds(dr_vmap(state->atts[0], NULL));
}

static void is_suspended(struct buffer *buffer, struct state *state)
{
	is_mapped(buffer, state);
	suspend_fully(buffer->id);
}

static void is_being_suspended(struct buffer *buffer, struct state *state)
{
	has_a_legacy_mapping(buffer, state);
	suspend_times_out(buffer->id, 0);
}

static void is_being_restored(struct buffer *buffer, struct state *state)
{
	suspend_fully(buffer->id);
	has_a_fence(buffer, state);
	fails(dr_restore(exporter, buffer->id, 0), ETIMEDOUT);
}

static void is_being_moved(struct buffer *buffer, struct state *state)
{
	has_a_fence(buffer, state);
	fails(dr_move(exporter, buffer->id, 0), ETIMEDOUT);
}

static void is_being_revoked(struct buffer *buffer, struct state *state)
{
	has_a_legacy_mapping(buffer, state);
	revoke_times_out(buffer->id, 0);
}

static void has_been_revoked(struct buffer *buffer, struct state *state)
{
	is_mapped(buffer, state);
	revoke_fully(buffer->id);
}

CASE(deaths, E13_owner_closed_while_it_is_live)
{
	owner_ends(is_live, false, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_is_live)
{
	owner_ends(is_live, false, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_is_mapped)
{
	owner_ends(is_mapped, false, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_is_mapped)
{
	owner_ends(is_mapped, false, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_has_a_legacy_mapping)
{
	owner_ends(has_a_legacy_mapping, true, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_has_a_legacy_mapping)
{
	owner_ends(has_a_legacy_mapping, true, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_has_a_job)
{
	owner_ends(has_a_job, false, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_has_a_job)
{
	owner_ends(has_a_job, false, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_has_a_job_that_is_not_cut_short)
{
	owner_ends(has_a_job_that_is_not_cut_short, true, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_has_a_job_that_is_not_cut_short)
{
	owner_ends(has_a_job_that_is_not_cut_short, true, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_has_a_fence)
{
	owner_ends(has_a_fence, true, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_has_a_fence)
{
	owner_ends(has_a_fence, true, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_has_a_vmap)
{
	owner_ends(has_a_vmap, true, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_has_a_vmap)
{
	owner_ends(has_a_vmap, true, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_is_suspended)
{
	owner_ends(is_suspended, false, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_is_suspended)
{
	owner_ends(is_suspended, false, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_is_being_suspended)
{
	owner_ends(is_being_suspended, true, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_is_being_suspended)
{
	owner_ends(is_being_suspended, true, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_is_being_restored)
{
	owner_ends(is_being_restored, true, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_is_being_restored)
{
	owner_ends(is_being_restored, true, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_is_being_moved)
{
	owner_ends(is_being_moved, true, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_is_being_moved)
{
	owner_ends(is_being_moved, true, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_is_being_revoked)
{
	owner_ends(is_being_revoked, true, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_is_being_revoked)
{
	owner_ends(is_being_revoked, true, KILLED);
}

CASE(deaths, E13_owner_closed_while_it_has_been_revoked)
{
	owner_ends(has_been_revoked, false, CLOSED);
}

CASE(deaths, E13_owner_killed_while_it_has_been_revoked)
{
	owner_ends(has_been_revoked, false, KILLED);
}
