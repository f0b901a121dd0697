// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has to be true of what our ioctls return. Other processes of the program go
 * on meanwhile, so that only what is final can be relied on: a complete revoke.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"

#define CHECK(state, condition)						\
	do {								\
		if (!(condition))					\
			fuzz_wrong(state, "not so: %s", #condition);	\
	} while (0)

static uint64_t id_of(const struct fuzz_slot *slot)
{
	return slot ? slot->id : 0;
}

/* Whether the buffer that a call is about is known to be revoked, for good. */
bool fuzz_is_revoked(struct fuzz_state *state, const struct fuzz_op *op,
		     const void *in)
{
	const struct dmabuf_revoke_query *query = in;
	struct fuzz_fact *fact;
	uint64_t id;

	switch (op->request) {
	case DMABUF_REVOKE_IOC_REVOKE:
	case DMABUF_REVOKE_IOC_RESTORE:
	case DMABUF_REVOKE_IOC_MOVE:
		/* Theirs is the same as query's. */
		id = query->id;
		break;
	case DMABUF_REVOKE_IOC_QUERY:
		id = query->flags ? id_of(fuzz_slot(state, "fd")) : query->id;
		break;
	case DMABUF_REVOKE_IOC_ATTACH:
		id = id_of(fuzz_slot(state, "dmabuf_fd"));
		break;
	default:
		id = id_of(fuzz_slot(state, "on"));
	}
	fact = fuzz_fact(state->board, id);
	return fact && atomic_load(&fact->revoked) && !atomic_load(&fact->faulty);
}

static void check_alloc(struct fuzz_state *state,
			const struct dmabuf_revoke_alloc *in,
			const struct dmabuf_revoke_alloc *out)
{
	struct fuzz_fact *fact = fuzz_fact(state->board, out->id);

	CHECK(state, out->length >= in->length);
	CHECK(state, out->length - in->length < FUZZ_PAGE);
	CHECK(state, out->length % FUZZ_PAGE == 0);
	CHECK(state, out->id > state->board->first_id);
	if (!fact)
		return;
	if (atomic_exchange(&fact->seen, true))
		fuzz_wrong(state, "id %llu has been used before",
			   (unsigned long long)out->id);
	atomic_store(&fact->faulty, in->faults != 0);
	atomic_store(&fact->zero_page, in->flags & DMABUF_REVOKE_ALLOC_ZERO_PAGE);
}

static void check_pending(struct fuzz_state *state,
			  const struct dmabuf_revoke_pending *pending)
{
	CHECK(state, pending->legacy_maps <= pending->maps);
	CHECK(state, pending->vmaps <= 1);
	CHECK(state, !pending->reserved);
}

static void check_revoke(struct fuzz_state *state,
			 const struct dmabuf_revoke_revoke *in,
			 const struct dmabuf_revoke_revoke *out, bool was_revoked,
			 long result)
{
	bool suspend = in->flags & DMABUF_REVOKE_REVOKE_SUSPEND;
	struct fuzz_fact *fact = fuzz_fact(state->board, in->id);

	if (was_revoked && suspend)
		fuzz_wrong(state, "a revoked buffer is suspended");
	if (was_revoked && !suspend)
		CHECK(state, !result && out->already == 1);
	check_pending(state, &out->pending);
	if (result || suspend)
		return;
	CHECK(state, out->state == DMABUF_REVOKE_STATE_REVOKED);
	CHECK(state, out->already <= 1);
	CHECK(state, out->phases.began_ns && out->phases.began_ns <= dr_now());
	if (!fact)
		return;
	if (!atomic_load(&fact->faulty)) {
		CHECK(state, !out->pending.maps);
		CHECK(state, !out->pending.vmaps);
	}
	atomic_store(&fact->revoked, true);
}

static void check_query(struct fuzz_state *state,
			const struct dmabuf_revoke_query *out, bool was_revoked)
{
	CHECK(state, out->state <= DMABUF_REVOKE_STATE_SUSPENDED);
	CHECK(state, out->length && out->length % FUZZ_PAGE == 0);
	CHECK(state, out->orphaned <= 1);
	CHECK(state, out->legacy_attachments <= out->attachments);
	check_pending(state, &out->pending);
	if (was_revoked)
		CHECK(state, out->state == DMABUF_REVOKE_STATE_REVOKED);
}

static void check_list(struct fuzz_state *state,
		       const struct dmabuf_revoke_list *out)
{
	const uint64_t *ids = (const uint64_t *)(uintptr_t)out->ids;
	uint32_t n = out->count < out->capacity ? out->count : out->capacity;

	for (uint32_t i = 1; i < n; i++)
		CHECK(state, ids[i - 1] < ids[i]);
}

static void check_blockers(struct fuzz_state *state,
			   const struct dmabuf_revoke_blockers *out)
{
	const struct dmabuf_revoke_blocker *blocker =
		(const struct dmabuf_revoke_blocker *)(uintptr_t)out->blockers;
	uint32_t n = out->count < out->capacity ? out->count : out->capacity;

	for (uint32_t i = 0; i < n; i++, blocker++) {
		CHECK(state, blocker->type - 1 < DMABUF_REVOKE_BLOCKER_VMAP);
		CHECK(state, blocker->legacy <= 1);
		CHECK(state, memchr(blocker->name, 0, sizeof(blocker->name)));
		CHECK(state, memchr(blocker->timeline, 0,
				    sizeof(blocker->timeline)));
	}
}

static void check_status(struct fuzz_state *state,
			 const struct dmabuf_revoke_status *out)
{
	CHECK(state, out->kind <= DMABUF_REVOKE_KIND_LEGACY_RDMA);
	CHECK(state, out->state <= DMABUF_REVOKE_ATTACHMENT_DEAD);
	CHECK(state, out->maps >= out->unmaps);
	/* There may be several. */
	if (out->state == DMABUF_REVOKE_ATTACHMENT_IDLE)
		CHECK(state, out->maps == out->unmaps);
	if (out->state == DMABUF_REVOKE_ATTACHMENT_MAPPED)
		CHECK(state, out->maps > out->unmaps);
	CHECK(state, out->pinned <= 1 && out->vmapped <= 1);
	CHECK(state, out->remap_error <= 0);
}

static void check_wait(struct fuzz_state *state,
		       const struct dmabuf_revoke_wait *out)
{
	CHECK(state, out->status <= 0 && out->status > -FUZZ_MAX_ERRNO);
	CHECK(state, out->ended_ns && out->ended_ns >= out->started_ns);
	CHECK(state, out->ended_ns <= dr_now());
}

/* As much of it as a structure of this size has. */
static uint64_t moves_of(const struct dmabuf_revoke_move *move)
{
	const size_t before = offsetof(struct dmabuf_revoke_move, moves);
	uint64_t moves = 0;

	if (move->size > before)
		memcpy(&moves, &move->moves,
		       move->size < sizeof(*move) ? move->size - before :
						    sizeof(moves));
	return moves;
}

/* A buffer that is revoked lets nobody in, and stays revoked. */
static bool is_refused(const struct fuzz_op *op, const void *in)
{
	const struct dmabuf_revoke_move *move = in;

	switch (op->request) {
	case DMABUF_REVOKE_IOC_MOVE:
		/* By its number an earlier one is asked for. */
		return !moves_of(move);
	case DMABUF_REVOKE_IOC_RESTORE:
	case DMABUF_REVOKE_IOC_ATTACH:
	case DMABUF_REVOKE_IOC_MAP:
	case DMABUF_REVOKE_IOC_SUBMIT:
	case DMABUF_REVOKE_IOC_VMAP:
		return true;
	default:
		return false;
	}
}

void fuzz_check(struct fuzz_state *state, const struct fuzz_op *op,
		const void *in, const void *out, long result, bool revoked)
{
	if (op->request == DMABUF_REVOKE_IOC_REVOKE && result == -ETIMEDOUT)
		check_revoke(state, in, out, revoked, result);
	if (result)
		return;
	if (revoked && is_refused(op, in))
		fuzz_wrong(state, "success, but the buffer is revoked");
	if (op->request == DMABUF_REVOKE_IOC_REVOKE)
		check_revoke(state, in, out, revoked, result);
	else if (op->request == DMABUF_REVOKE_IOC_QUERY)
		check_query(state, out, revoked);
	else if (op->request == DMABUF_REVOKE_IOC_ALLOC)
		check_alloc(state, in, out);
	else if (op->request == DMABUF_REVOKE_IOC_LIST)
		check_list(state, out);
	else if (op->request == DMABUF_REVOKE_IOC_BLOCKERS)
		check_blockers(state, out);
	else if (op->request == DMABUF_REVOKE_IOC_STATUS)
		check_status(state, out);
	else if (op->request == DMABUF_REVOKE_IOC_WAIT)
		check_wait(state, out);
}
