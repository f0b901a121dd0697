// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has to be true of what our ioctls return. Other processes of the program go
 * on meanwhile, so that only what is final can be relied on: a complete revoke.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "program.h"

#define CHECK(lane, condition)						\
	do {								\
		if (!(condition))					\
			fuzz_wrong(lane, "not so: %s", #condition);	\
	} while (0)

static uint64_t id_of(const struct fuzz_slot *slot)
{
	return slot ? slot->id : 0;
}

/* The buffer that a call is about. */
static uint64_t target(struct fuzz_lane *lane, const void *in)
{
	const struct dmabuf_revoke_query *query = in;

	switch (lane->op->request) {
	case DMABUF_REVOKE_IOC_REVOKE:
	case DMABUF_REVOKE_IOC_RESTORE:
	case DMABUF_REVOKE_IOC_MOVE:
		/* Theirs is the same as query's. */
		return query->id;
	case DMABUF_REVOKE_IOC_QUERY:
		return query->flags ? id_of(fuzz_slot(lane, "fd")) : query->id;
	case DMABUF_REVOKE_IOC_ATTACH:
		return id_of(fuzz_slot(lane, "dmabuf_fd"));
	default:
		return id_of(fuzz_slot(lane, "on"));
	}
}

struct fuzz_before fuzz_before(struct fuzz_lane *lane, const void *in)
{
	uint64_t id = target(lane, in);

	return (struct fuzz_before){
		.told = fuzz_is_revoked(lane->board, id, false),
		.revoked = fuzz_is_revoked(lane->board, id, true),
	};
}

/* Whether ALLOC and MOVE take memory of this shape, for so many bytes. */
static bool is_shape(uint32_t shape, uint64_t arg, uint64_t length)
{
	uint64_t piece = (arg + FUZZ_PAGE - 1) & ~(FUZZ_PAGE - 1);

	switch (shape) {
	case DMABUF_REVOKE_SHAPE_DEFAULT:
		return !arg;
	case DMABUF_REVOKE_SHAPE_ONE_CHUNK:
		return !arg && !(length & (length - 1));
	case DMABUF_REVOKE_SHAPE_SHUFFLED:
		return true;
	default:
		return shape == DMABUF_REVOKE_SHAPE_REPEATED && arg && arg <= length &&
		       length % piece == 0;
	}
}

#define FLAGS (2 * DMABUF_REVOKE_ALLOC_BARE_TABLE - 1)
#define FAULTS (2 * DMABUF_REVOKE_FAULT_NO_PIN_OP - 1)

/* EINVAL, though all is as it has to be. */
static void check_invalid_alloc(struct fuzz_lane *lane, const struct dmabuf_revoke_alloc *in)
{
	uint64_t length = (in->length + FUZZ_PAGE - 1) & ~(FUZZ_PAGE - 1);

	if (in->size == sizeof(*in) && !(in->flags & ~FLAGS) && length &&
	    !(in->fd_flags & ~(O_RDWR | O_CLOEXEC)) && !(in->faults & ~FAULTS) &&
	    is_shape(in->shape, in->shape_arg, length) && !in->reserved && !in->delay_ns)
		fuzz_wrong(lane, "refused, but all of it is valid");
}

/* A shorter structure says less than it seems to. */
static void check_shape(struct fuzz_lane *lane, const struct dmabuf_revoke_alloc *in,
			const struct dmabuf_revoke_alloc *out)
{
	if (in->size == sizeof(*in) && !is_shape(in->shape, in->shape_arg, out->length))
		fuzz_wrong(lane, "success with shape %u of %llu", in->shape,
			   (unsigned long long)in->shape_arg);
}

static void check_alloc(struct fuzz_lane *lane,
			const struct dmabuf_revoke_alloc *in,
			const struct dmabuf_revoke_alloc *out)
{
	struct fuzz_fact *fact = fuzz_fact(lane->board, out->id);
	bool repeated;

	CHECK(lane, out->length >= in->length);
	CHECK(lane, out->length - in->length < FUZZ_PAGE);
	CHECK(lane, out->length % FUZZ_PAGE == 0);
	check_shape(lane, in, out);
	CHECK(lane, out->id > lane->board->first_id);
	if (!fact)
		return;
	if (atomic_exchange(&fact->seen, true))
		fuzz_wrong(lane, "id %llu has been used before",
			   (unsigned long long)out->id);
	/* What all buffers have is there to be found. */
	atomic_store(&fact->faulty,
		     in->faults & ~(FUZZ_HARMLESS | lane->process->options->faults));
	atomic_store(&fact->zero_page, in->flags & DMABUF_REVOKE_ALLOC_ZERO_PAGE);
	repeated = in->size == sizeof(*in) && in->shape == DMABUF_REVOKE_SHAPE_REPEATED;
	atomic_store(&fact->repeated, repeated);
}

static void check_pending(struct fuzz_lane *lane,
			  const struct dmabuf_revoke_pending *pending)
{
	CHECK(lane, pending->legacy_maps <= pending->maps);
	CHECK(lane, pending->vmaps <= 1);
	CHECK(lane, !pending->reserved);
}

/* Nothing uses what has been taken back. */
static void check_idle(struct fuzz_lane *lane, uint64_t id,
		       const struct dmabuf_revoke_pending *pending)
{
	struct fuzz_fact *fact = fuzz_fact(lane->board, id);

	if (!fact || atomic_load(&fact->faulty))
		return;
	CHECK(lane, !pending->maps);
	CHECK(lane, !pending->vmaps);
}

/* Also after ETIMEDOUT. */
static void check_revoke(struct fuzz_lane *lane,
			 const struct dmabuf_revoke_revoke *in,
			 const struct dmabuf_revoke_revoke *out, long result,
			 struct fuzz_before before)
{
	bool suspend = in->flags & DMABUF_REVOKE_REVOKE_SUSPEND;
	struct fuzz_fact *fact = fuzz_fact(lane->board, in->id);

	if (before.told && suspend)
		fuzz_wrong(lane, "a revoked buffer is suspended");
	if (before.revoked && !suspend)
		CHECK(lane, !result && out->already == 1);
	check_pending(lane, &out->pending);
	if (!suspend && fact)
		atomic_store(&fact->told, true);
	if (result)
		return;
	if (!suspend || out->state == DMABUF_REVOKE_STATE_SUSPENDED)
		check_idle(lane, in->id, &out->pending);
	if (suspend)
		return;
	CHECK(lane, out->state == DMABUF_REVOKE_STATE_REVOKED);
	CHECK(lane, out->already <= 1);
	CHECK(lane, out->phases.began_ns && out->phases.began_ns <= dr_now());
	if (fact)
		atomic_store(&fact->revoked, true);
}

/* Whoever gives up a buffer revokes it; nobody writes to what has been taken back. */
static void check_free(struct fuzz_lane *lane, const struct dmabuf_revoke_free *in,
		       const struct dmabuf_revoke_free *out)
{
	struct fuzz_fact *fact = fuzz_fact(lane->board, in->id);

	if (!fact)
		return;
	atomic_store(&fact->told, true);
	if (!atomic_load(&fact->faulty) && !atomic_load(&fact->written))
		CHECK(lane, !out->checked || !out->changed);
}

static void check_query(struct fuzz_lane *lane,
			const struct dmabuf_revoke_query *out, bool revoked)
{
	CHECK(lane, out->state <= DMABUF_REVOKE_STATE_SUSPENDED);
	CHECK(lane, out->length && out->length % FUZZ_PAGE == 0);
	CHECK(lane, out->orphaned <= 1);
	CHECK(lane, out->legacy_attachments <= out->attachments);
	check_pending(lane, &out->pending);
	if (!revoked)
		return;
	CHECK(lane, out->state == DMABUF_REVOKE_STATE_REVOKED);
	check_idle(lane, out->id, &out->pending);
}

static void check_list(struct fuzz_lane *lane,
		       const struct dmabuf_revoke_list *out)
{
	const uint64_t *ids = (const uint64_t *)(uintptr_t)out->ids;
	uint32_t n = out->count < out->capacity ? out->count : out->capacity;

	for (uint32_t i = 1; i < n; i++)
		CHECK(lane, ids[i - 1] < ids[i]);
}

static void check_blockers(struct fuzz_lane *lane,
			   const struct dmabuf_revoke_blockers *out)
{
	const struct dmabuf_revoke_blocker *blocker =
		(const struct dmabuf_revoke_blocker *)(uintptr_t)out->blockers;
	uint32_t n = out->count < out->capacity ? out->count : out->capacity;

	for (uint32_t i = 0; i < n; i++, blocker++) {
		CHECK(lane, blocker->type - 1 < DMABUF_REVOKE_BLOCKER_VMAP);
		CHECK(lane, blocker->legacy <= 1);
		CHECK(lane, memchr(blocker->name, 0, sizeof(blocker->name)));
		CHECK(lane, memchr(blocker->timeline, 0, sizeof(blocker->timeline)));
	}
}

static void check_status(struct fuzz_lane *lane,
			 const struct dmabuf_revoke_status *out)
{
	CHECK(lane, out->kind <= DMABUF_REVOKE_KIND_LEGACY_RDMA);
	CHECK(lane, out->state <= DMABUF_REVOKE_ATTACHMENT_DEAD);
	CHECK(lane, out->maps >= out->unmaps);
	/* There may be several. */
	if (out->state == DMABUF_REVOKE_ATTACHMENT_IDLE)
		CHECK(lane, out->maps == out->unmaps);
	if (out->state == DMABUF_REVOKE_ATTACHMENT_MAPPED)
		CHECK(lane, out->maps > out->unmaps);
	CHECK(lane, out->pinned <= 1 && out->vmapped <= 1);
	CHECK(lane, out->remap_error <= 0);
}

static void check_wait(struct fuzz_lane *lane,
		       const struct dmabuf_revoke_wait *out)
{
	CHECK(lane, out->status <= 0 && out->status > -FUZZ_MAX_ERRNO);
	CHECK(lane, out->ended_ns && out->ended_ns >= out->started_ns);
	CHECK(lane, out->ended_ns <= dr_now());
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

/* Memory of a shape that there is for ALLOC only, or in place of what is there again and again. */
static void check_move(struct fuzz_lane *lane, const struct dmabuf_revoke_move *in)
{
	struct fuzz_fact *fact = fuzz_fact(lane->board, in->id);

	if (in->size != sizeof(*in) || in->moves)
		return;
	CHECK(lane, in->shape < DMABUF_REVOKE_SHAPE_REPEATED);
	if (fact && atomic_load(&fact->repeated))
		CHECK(lane, !in->shape);
}

/* A buffer that is revoked lets nobody in, and stays revoked. */
static bool is_refused(struct fuzz_lane *lane, const void *in,
		       struct fuzz_before before)
{
	const struct dmabuf_revoke_move *move = in;
	const struct fuzz_slot *on;

	switch (lane->op->request) {
	case DMABUF_REVOKE_IOC_MOVE:
		/* By its number an earlier one is asked for. */
		return before.told && !moves_of(move);
	case DMABUF_REVOKE_IOC_RESTORE:
	case DMABUF_REVOKE_IOC_ATTACH:
		return before.told;
	case DMABUF_REVOKE_IOC_MAP:
		on = fuzz_slot(lane, "on");
		return on && on->keeps_table ? before.revoked : before.told;
	case DMABUF_REVOKE_IOC_SUBMIT:
		/* Who cannot be told may still hold a mapping. */
	case DMABUF_REVOKE_IOC_VMAP:
		/* The core hands out a vmap that is there, without asking. */
		return before.revoked;
	default:
		return false;
	}
}

void fuzz_judge(struct fuzz_lane *lane, const void *in, const void *out, long result,
		struct fuzz_before before)
{
	unsigned long request = lane->op->request;

	if (request == DMABUF_REVOKE_IOC_ATTACH)
		fuzz_judge_attach(lane, in, out, result);
	if (request == DMABUF_REVOKE_IOC_ALLOC && result == -EINVAL)
		check_invalid_alloc(lane, in);
	if (request == DMABUF_REVOKE_IOC_REVOKE && (!result || result == -ETIMEDOUT))
		check_revoke(lane, in, out, result, before);
	if (result)
		return;
	if (is_refused(lane, in, before))
		fuzz_wrong(lane, "success, but the buffer is revoked");
	switch (request) {
	case DMABUF_REVOKE_IOC_QUERY:
		return check_query(lane, out, before.revoked);
	case DMABUF_REVOKE_IOC_FREE:
		return check_free(lane, in, out);
	case DMABUF_REVOKE_IOC_ALLOC:
		return check_alloc(lane, in, out);
	case DMABUF_REVOKE_IOC_MOVE:
		return check_move(lane, in);
	case DMABUF_REVOKE_IOC_LIST:
		return check_list(lane, out);
	case DMABUF_REVOKE_IOC_BLOCKERS:
		return check_blockers(lane, out);
	case DMABUF_REVOKE_IOC_STATUS:
		return check_status(lane, out);
	case DMABUF_REVOKE_IOC_WAIT:
		return check_wait(lane, out);
	}
}

void fuzz_judge_events(struct fuzz_lane *lane,
		       const struct dmabuf_revoke_event *event, size_t size)
{
	size_t n = size / sizeof(*event);

	CHECK(lane, size % sizeof(*event) == 0);
	for (size_t i = 0; i < n; i++) {
		CHECK(lane, event[i].type >= DMABUF_REVOKE_EVENT_MAPPED);
		CHECK(lane, event[i].type <= DMABUF_REVOKE_EVENT_DMA_FAULT);
		CHECK(lane, !i || event[i].sequence > event[i - 1].sequence);
	}
}
