// SPDX-License-Identifier: GPL-2.0-only
/* What the generator supposes that a program has done so far. */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define LONGEST_REPEATED (16 << 20)	/* of ALLOC, bytes */

struct range {
	unsigned int first, count;
};

static struct fuzz_value pick_from(struct plan *plan, struct range range)
{
	return slot(range.first + draw(plan, range.count));
}

/* What a thread may do goes by the numbers of the slots: others fill them meanwhile. */
static struct fuzz_value pick_by_class(struct plan *plan, enum fuzz_resource resource)
{
	static const struct range buffers[] = { { 2, 2 }, { 4, 4 }, { 8, 2 } };
	static const struct range attachments[] = { { 10, 1 }, { 11, 3 }, { 14, 3 } };
	static const struct range mappings[] = { { 25, 1 }, { 26, 1 }, { 27, 1 } };

	switch (resource) {
	case R_EXPORTER:
		return slot(chance(plan, 50) ? 0 : 30);
	case R_IMPORTER:
		return slot(1);
	case R_BUFFER:
	case R_REVOKED:
		return pick_from(plan, buffers[plan->class]);
	case R_ATTACHMENT:
		return pick_from(plan, attachments[plan->class]);
	case R_MAPPING:
		return pick_from(plan, mappings[plan->class]);
	case R_FENCE:
		return pick_from(plan, (struct range){ 20, 3 });
	default:
		return slot(31);
	}
}

struct fuzz_value fuzz_pick(struct plan *plan, enum fuzz_resource resource)
{
	unsigned int first = draw(plan, FUZZ_SLOTS);

	if (plan->threads)
		return pick_by_class(plan, resource);
	for (unsigned int i = 0; i < FUZZ_SLOTS; i++)
		if (plan->holds[(first + i) % FUZZ_SLOTS] == resource)
			return slot((first + i) % FUZZ_SLOTS);
	return slot(first);
}

struct fuzz_value fuzz_pick_id(struct plan *plan)
{
	unsigned int process = draw(plan, plan->processes);
	unsigned int thread = 1 + draw(plan, plan->threads);

	if (plan->class != C_KEPT)
		return shared(pick_by_class(plan, R_BUFFER).number);
	return shared(FUZZ_SHARED_KEPT + process * (FUZZ_THREADS + 1) + thread);
}

static struct fuzz_value *value_of(struct fuzz_line *line, const char *name)
{
	int i = fuzz_find_param(&fuzz_ops[line->op], name);

	if (i < 0)
		abort();
	return &line->value[i];
}

#define DELAYED (DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP |			\
		 DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK |		\
		 DMABUF_REVOKE_MISBEHAVE_LATE_FENCE |			\
		 DMABUF_REVOKE_MISBEHAVE_FENCE_AFTER |			\
		 DMABUF_REVOKE_MISBEHAVE_LOOP_ON_ERROR |		\
		 DMABUF_REVOKE_MISBEHAVE_FENCE_OUTLIVES)

/* One that the system chooses is the most common. Pieces of it for REPEATED, or the whole. */
static void agree_shape(struct plan *plan, struct fuzz_line *line, uint64_t length)
{
	struct fuzz_value *shape = value_of(line, "shape");
	struct fuzz_value *arg = value_of(line, "shape_arg");

	if (chance(plan, 50))
		*shape = (struct fuzz_value){};
	if (shape->number == DMABUF_REVOKE_SHAPE_SHUFFLED)
		*arg = number(draw(plan, 1 << 16));
	if (shape->number == DMABUF_REVOKE_SHAPE_REPEATED)
		*arg = number(chance(plan, 25) ? 1 : length >> draw(plan, 3));
}

static void agree_alloc(struct plan *plan, struct fuzz_line *line)
{
	const struct fuzz_value *length = value_of(line, "length");

	agree_shape(plan, line, length->number ? : FUZZ_PAGE);
	if (plan->threads || chance(plan, 80))
		*value_of(line, "fd_flags") = number(02);
	if (plan->threads)
		*value_of(line, "flags") = number(draw(plan, 8));
}

static void agree_query(struct plan *plan, struct fuzz_line *line)
{
	bool by_fd = value_of(line, "flags")->number;

	(void)plan;
	*value_of(line, by_fd ? "id" : "fd") = (struct fuzz_value){};
}

/* What a thread keeps is suspended at most. */
static void agree_revoke(struct plan *plan, struct fuzz_line *line)
{
	bool suspend = value_of(line, "flags")->number;

	if (plan->threads && chance(plan, 45)) {
		plan->class = draw(plan, C_COUNT);
		*value_of(line, "flags") = number(1);
		*value_of(line, "id") = fuzz_pick_id(plan);
	} else if (!plan->threads && suspend && chance(plan, 25)) {
		*value_of(line, "id") = shared(FUZZ_SHARED_KEPT);
	}
}

static void agree_move(struct plan *plan, struct fuzz_line *line)
{
	agree_shape(plan, line, 0);
	if (plan->threads && chance(plan, 97))
		*value_of(line, "moves") = (struct fuzz_value){};
}

/* Into the slot where all look for it. */
static void agree_export(struct plan *plan, struct fuzz_line *line)
{
	if (plan->threads && plan->class != C_KEPT)
		*value_of(line, "out") = slot(value_of(line, "id")->number);
}

#define LEGACY (DMABUF_REVOKE_MISBEHAVE_LATE_FENCE |			\
		DMABUF_REVOKE_MISBEHAVE_FENCE_ERROR |			\
		DMABUF_REVOKE_MISBEHAVE_SKIP_KERNEL_FENCE |		\
		DMABUF_REVOKE_MISBEHAVE_WRONG_RANGE |			\
		DMABUF_REVOKE_MISBEHAVE_ONE_SEGMENT |			\
		DMABUF_REVOKE_MISBEHAVE_LOOP_ON_ERROR |			\
		DMABUF_REVOKE_MISBEHAVE_FENCE_OUTLIVES)

/* More of those that nothing else waits for, and what each can do. */
static void agree_attach_beside(struct plan *plan, struct fuzz_line *line)
{
	static const uint64_t kinds[] = { 0, 0, 0, 0, 1, 1, 2, 3 };
	static const uint64_t bugs[] = {
		[DMABUF_REVOKE_KIND_DYNAMIC] = ~(DMABUF_REVOKE_MISBEHAVE_KEEP_PIN |
						 DMABUF_REVOKE_MISBEHAVE_REVIVE),
		[DMABUF_REVOKE_KIND_PINNED] = UINT64_MAX,
		[DMABUF_REVOKE_KIND_LEGACY_STATIC] = LEGACY,
		[DMABUF_REVOKE_KIND_LEGACY_RDMA] = LEGACY,
	};
	uint64_t kind = kinds[draw(plan, FUZZ_COUNT(kinds))];
	struct fuzz_value *bug = value_of(line, "misbehave");

	*value_of(line, "kind") = number(kind);
	bug->number &= bugs[kind];
	if (kind >= DMABUF_REVOKE_KIND_LEGACY_STATIC ||
	    bug->number & DMABUF_REVOKE_MISBEHAVE_REMAP)
		*value_of(line, "flags") = (struct fuzz_value){};
	/* A reader is not to wait for what another one took. */
	*value_of(line, "fd_flags") = number(04000);
}

/* The device's own is slow: others are not to wait for it. What a device has is seen by then. */
static void agree_engine(struct plan *plan, struct fuzz_line *line)
{
	bool function = value_of(line, "device")->number;
	struct fuzz_value *engine = value_of(line, "engine");

	if (chance(plan, 60))
		*engine = (struct fuzz_value){};
	else if (!function && chance(plan, 80))
		*engine = number(1 + 2 * chance(plan, 20));
	else if (plan->threads && engine->number == DMABUF_REVOKE_ENGINE_DMAENGINE)
		*engine = number(DMABUF_REVOKE_ENGINE_NONE);
	/* Only a function asks for what is in other devices. */
	if (!function && chance(plan, 80))
		value_of(line, "flags")->number &= ~DMABUF_REVOKE_ATTACH_PEER2PEER;
}

static void agree_attach(struct plan *plan, struct fuzz_line *line)
{
	agree_engine(plan, line);
	if (plan->threads)
		agree_attach_beside(plan, line);
	if (value_of(line, "misbehave")->number & DELAYED)
		*value_of(line, "delay_ns") =
			number(1 + draw(plan, 5 * FUZZ_MSEC));
	if (!plan->threads && chance(plan, 60))
		*value_of(line, "kind") = (struct fuzz_value){};
}

/* What a thread keeps is only read, and fences that others take come to an end. */
static void agree_submit_beside(struct plan *plan, struct fuzz_line *line)
{
	struct fuzz_value *flags = value_of(line, "flags");

	if (plan->class == C_KEPT)
		*value_of(line, "op") = (struct fuzz_value){};
	flags->number &= plan->class == C_STREAM ? ~DMABUF_REVOKE_SUBMIT_FENCE_FD :
						   ~DMABUF_REVOKE_SUBMIT_STREAM;
}

static void agree_submit(struct plan *plan, struct fuzz_line *line)
{
	uint64_t job;

	if (plan->threads)
		agree_submit_beside(plan, line);
	job = value_of(line, "op")->number;
	if (job == DMABUF_REVOKE_OP_WRITE)
		*value_of(line, "pattern") = number(draw(plan, UINT64_MAX));
	if (job == DMABUF_REVOKE_OP_COPY) {
		*value_of(line, "offset") = (struct fuzz_value){};
		*value_of(line, "length") = (struct fuzz_value){};
		*value_of(line, "dst_offset") = number(64 + draw(plan, 2000));
	}
}

/* It holds up moves: not all of them are for others to end. */
static void agree_vmap(struct plan *plan, struct fuzz_line *line)
{
	plan->follows = plan->threads && chance(plan, 75);
	plan->next = (struct fuzz_line){ .op = fuzz_find_op("vunmap") };
	plan->next.value[0] = line->value[0];
}

static void agree_raw(struct plan *plan, struct fuzz_line *line)
{
	const struct fuzz_op *other = &fuzz_ops[draw(plan, fuzz_nr_ops)];

	if (!other->ours)
		return;
	*value_of(line, "nr") = number(other->request & 0xff);
	*value_of(line, "on") = fuzz_pick(plan, other->param[0].extra);
}

static void agree_poll(struct plan *plan, struct fuzz_line *line)
{
	static const enum fuzz_resource others[] = { R_ATTACHMENT, R_FENCE };

	if (plan->threads && chance(plan, 60))
		*value_of(line, "fd") = fuzz_pick(plan, others[draw(plan, 2)]);
}

static void agree_close(struct plan *plan, struct fuzz_line *line)
{
	static const enum fuzz_resource some[] = {
		R_BUFFER, R_ATTACHMENT, R_MAPPING, R_FENCE,
	};

	if (plan->threads)
		*value_of(line, "out") = fuzz_pick(plan, some[draw(plan, 4)]);
}

/* Neither reading nor writing is never what a caller means. */
static void agree_access(struct plan *plan, struct fuzz_line *line)
{
	value_of(line, "flags")->type = V_NUMBER;
	value_of(line, "flags")->number |= 1 + draw(plan, 3);
}

/* Who begins ends it. */
static void agree_sync(struct plan *plan, struct fuzz_line *line)
{
	agree_access(plan, line);
	if (!plan->threads)
		return;
	value_of(line, "flags")->number &= 3;
	plan->next = *line;
	value_of(&plan->next, "flags")->number |= 4;
	plan->follows = true;
}

static void agree_fence_export(struct plan *plan, struct fuzz_line *line)
{
	agree_access(plan, line);
	if (plan->threads && plan->class == C_STREAM) {
		plan->class = C_SHARED;
		*value_of(line, "fd") = fuzz_pick(plan, R_BUFFER);
	}
}

static void agree_munmap(struct plan *plan, struct fuzz_line *line)
{
	if (chance(plan, 50))
		*value_of(line, "length") = (struct fuzz_value){};
}

static void agree_mmap(struct plan *plan, struct fuzz_line *line)
{
	agree_munmap(plan, line);
	if (chance(plan, 80))
		*value_of(line, "offset") = (struct fuzz_value){};
	*value_of(line, "prot") = number(1 + 2 * draw(plan, 2));
	if (plan->threads && plan->class == C_KEPT)
		*value_of(line, "prot") = number(1);
}

static void agree_window_map(struct plan *plan, struct fuzz_line *line)
{
	if (plan->threads && plan->class == C_KEPT)
		*value_of(line, "write") = number(0);
}

/* Its lines are its parent's: enough that others close and exit beside them. */
static void agree_fork(struct plan *plan, struct fuzz_line *line)
{
	if (plan->threads)
		value_of(line, "lines")->number %= 8;
}

static void agree_kept_dma(struct plan *plan, struct fuzz_line *line)
{
	if (chance(plan, 75))
		*value_of(line, "us") = (struct fuzz_value){};
}

static const struct {
	const char *name;
	void (*agree)(struct plan *plan, struct fuzz_line *line);
} agreements[] = {
	{ "alloc", agree_alloc },
	{ "query", agree_query },
	{ "revoke", agree_revoke },
	{ "move", agree_move },
	{ "export", agree_export },
	{ "attach", agree_attach },
	{ "submit", agree_submit },
	{ "vmap", agree_vmap },
	{ "raw", agree_raw },
	{ "poll", agree_poll },
	{ "close", agree_close },
	{ "sync", agree_sync },
	{ "fence_export", agree_fence_export },
	{ "fence_import", agree_access },
	{ "mmap", agree_mmap },
	{ "munmap", agree_munmap },
	{ "window_map", agree_window_map },
	{ "kept_dma", agree_kept_dma },
	{ "fork", agree_fork },
};

void fuzz_agree(struct plan *plan, struct fuzz_line *line)
{
	for (unsigned int i = 0; i < FUZZ_COUNT(agreements); i++)
		if (!strcmp(fuzz_ops[line->op].name, agreements[i].name))
			agreements[i].agree(plan, line);
}

/* The buffer of this slot is revoked, or all are. */
static void forget(struct plan *plan, const struct fuzz_value *value)
{
	unsigned int buffer = value ? plan->buffer[value->number % FUZZ_SLOTS] : 0;

	for (unsigned int i = 0; i < FUZZ_SLOTS; i++) {
		if (value && plan->buffer[i] != buffer)
			continue;
		if (plan->holds[i] == R_BUFFER)
			plan->holds[i] = R_REVOKED;
		else if (plan->holds[i] == R_ATTACHMENT ||
			 plan->holds[i] == R_MAPPING)
			plan->holds[i] = R_NONE;
	}
}

/* The slot that a result comes from, if there is one. */
static const struct fuzz_value *source_of(struct fuzz_line *line)
{
	static const char * const names[] = { "dmabuf_fd", "id", "fd" };
	const struct fuzz_op *op = &fuzz_ops[line->op];

	if (op->request == DMABUF_REVOKE_IOC_ALLOC)
		return NULL;
	for (unsigned int n = 0; n < FUZZ_COUNT(names); n++) {
		int i = fuzz_find_param(op, names[n]);

		if (i >= 0 && line->value[i].type == V_SLOT)
			return &line->value[i];
	}
	return NULL;
}

void fuzz_remember(struct plan *plan, struct fuzz_line *line)
{
	const struct fuzz_op *op = &fuzz_ops[line->op];
	const struct fuzz_value *from = source_of(line);
	enum fuzz_resource gives = op->gives;
	struct fuzz_value *out;

	if (op->request == DMABUF_REVOKE_IOC_FREE ||
	    (op->request == DMABUF_REVOKE_IOC_REVOKE &&
	     !value_of(line, "flags")->number))
		forget(plan, value_of(line, "id"));
	if (op->run != fuzz_close && gives == R_NONE)
		return;
	if (op->request == DMABUF_REVOKE_IOC_SUBMIT &&
	    !(value_of(line, "flags")->number & DMABUF_REVOKE_SUBMIT_FENCE_FD))
		return;
	out = value_of(line, "out");
	if (out->type != V_SLOT)
		return;
	if (!out->number)
		forget(plan, NULL);
	if (gives == R_COUNT)
		gives = from ? plan->holds[from->number] : R_NONE;
	plan->holds[out->number] = gives;
	plan->buffer[out->number] = from ? plan->buffer[from->number] :
					   ++plan->buffers;
}

/*
 * Memory that repeats costs nothing, so that no limit refuses what is long. A table of a million
 * pages is right, but takes what looks at each of them, as the checks of the DMA API do, longer
 * than an operation may last.
 */
void fuzz_bound(struct fuzz_line *line)
{
	struct fuzz_value *length;

	if (fuzz_ops[line->op].request != DMABUF_REVOKE_IOC_ALLOC ||
	    value_of(line, "shape")->number != DMABUF_REVOKE_SHAPE_REPEATED)
		return;
	length = value_of(line, "length");
	if (length->number > LONGEST_REPEATED && length->number <= 1ULL << 40)
		length->number = LONGEST_REPEATED;
}
