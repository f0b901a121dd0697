// SPDX-License-Identifier: GPL-2.0-only
/* Programs from a seed: mostly valid, some nearly so, a few wild. */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define ONE_OF(plan, array) ((array)[draw(plan, FUZZ_COUNT(array))])

/* Each resource has slots of its own, so that none drives out the others. */
static struct fuzz_value new_slot(struct plan *plan, enum fuzz_resource gives)
{
	static const struct {
		unsigned int first, count;
	} slots[R_COUNT + 1] = {
		[R_NONE] = { 0, FUZZ_SLOTS },		/* to close */
		[R_EXPORTER] = { 30, 1 },
		[R_IMPORTER] = { 1, 1 },
		[R_BUFFER] = { 2, 8 },
		[R_ATTACHMENT] = { 10, 10 },
		[R_FENCE] = { 20, 5 },
		[R_MAPPING] = { 25, 4 },
		[R_TIMELINE] = { 29, 1 },
		[R_PATH] = { 31, 1 },
		[R_COUNT] = { 2, FUZZ_SLOTS - 2 },	/* dup */
	};

	/* The owner of most buffers goes with them, now and then. */
	if (gives == R_EXPORTER && chance(plan, 40))
		return slot(0);
	if (plan->threads)
		return fuzz_pick(plan, gives);
	return slot(slots[gives].first + draw(plan, slots[gives].count));
}

static struct fuzz_value deadline(struct plan *plan)
{
	unsigned int way = draw(plan, 10);

	/* Others are held up by it. */
	if (way < 1 && (!plan->threads || chance(plan, 30)))
		return (struct fuzz_value){ V_NEVER, 0 };
	if (way < 5)
		return (struct fuzz_value){ V_MS, 1 + draw(plan, 8) };
	return number(way == 5);
}

static struct fuzz_value some_flags(struct plan *plan, uint64_t known, int none)
{
	uint64_t bit;

	if (chance(plan, none) || !known)
		return (struct fuzz_value){};
	if (chance(plan, 25))
		return number(draw(plan, UINT64_MAX) & known);
	do
		bit = 1ULL << draw(plan, 64);
	while (!(bit & known));
	return number(bit);
}

/* Of the importer's bugs: all waits come to an end. */
#define FINITE (DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP |			\
		DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK |			\
		DMABUF_REVOKE_MISBEHAVE_LATE_FENCE |			\
		DMABUF_REVOKE_MISBEHAVE_FENCE_ERROR |			\
		DMABUF_REVOKE_MISBEHAVE_FENCE_AFTER |			\
		DMABUF_REVOKE_MISBEHAVE_NEW_DMA |			\
		DMABUF_REVOKE_MISBEHAVE_REMAP |				\
		DMABUF_REVOKE_MISBEHAVE_KEEP_PIN |			\
		DMABUF_REVOKE_MISBEHAVE_REVIVE |			\
		DMABUF_REVOKE_MISBEHAVE_SKIP_KERNEL_FENCE |		\
		DMABUF_REVOKE_MISBEHAVE_WRONG_RANGE |			\
		DMABUF_REVOKE_MISBEHAVE_ONE_SEGMENT |			\
		DMABUF_REVOKE_MISBEHAVE_LOOP_ON_ERROR |			\
		DMABUF_REVOKE_MISBEHAVE_FENCE_OUTLIVES)

/* Those that take 100 ms are rare. */
static struct fuzz_value some_bugs(struct plan *plan, const struct fuzz_param *param)
{
	const uint64_t slow = DMABUF_REVOKE_FAULT_HOLD_LOCK |
			      DMABUF_REVOKE_FAULT_SLOW_MAP;
	const bool exporter = !strcmp(param->name, "faults");
	uint64_t known = param->extra;
	struct fuzz_value bugs;

	if (plan->threads)
		known &= exporter ? FUZZ_HARMLESS : FINITE;
	bugs = some_flags(plan, known, plan->threads && !exporter ? 50 : 80);

	if (exporter && bugs.number & slow && chance(plan, 95))
		bugs.number &= ~slow;
	return bugs;
}

static struct fuzz_value valid_id(struct plan *plan, const struct fuzz_param *param)
{
	if (plan->threads) {
		if (!param->extra && plan->class == C_KEPT)
			plan->class = C_SHARED;
		return fuzz_pick_id(plan);
	}
	if (param->extra == 1 && chance(plan, 12))
		return shared(FUZZ_SHARED_KEPT);
	return fuzz_pick(plan, chance(plan, 90) ? R_BUFFER : R_REVOKED);
}

/*
 * Whether the structure may be in a buffer, where others write to it before the kernel reads it.
 * An address in it would then be another thread's, whose memory the kernel would overwrite; and
 * what is made that way nobody knows of (streams have no descriptors).
 */
static bool may_be_shared(struct plan *plan, const struct fuzz_op *op)
{
	for (unsigned int i = 0; op->param[i].kind != P_END; i++)
		if (op->param[i].kind == P_PLACE && op->param[i].extra)
			return false;
	return op->gives == R_NONE || (op->request == DMABUF_REVOKE_IOC_SUBMIT &&
				       plan->class == C_STREAM);
}

static struct fuzz_value valid_place(struct plan *plan, const struct fuzz_op *op)
{
	if (!plan->threads || !may_be_shared(plan, op) || !chance(plan, 5))
		return (struct fuzz_value){};
	return fuzz_pick(plan, R_MAPPING);
}

static struct fuzz_value valid(struct plan *plan, const struct fuzz_op *op,
			       const struct fuzz_param *param)
{
	static const uint64_t lengths[] = { 1, 1, 2, 4, 16, 64 };

	switch (param->kind) {
	case P_OUT:
		return new_slot(plan, op->gives);
	case P_FD:
		/* So that most programs stay with the owner of their buffers. */
		if (param->extra == R_EXPORTER && !plan->threads &&
		    plan->holds[0] == R_EXPORTER && chance(plan, 85))
			return slot(0);
		return fuzz_pick(plan, param->extra);
	case P_ID:
		return valid_id(plan, param);
	case P_PLACE:
		return valid_place(plan, op);
	case P_THREAD:
		return number(1 + draw(plan, plan->threads ? : 1));
	case P_MAP:
		return fuzz_pick(plan, R_MAPPING);
	case P_JOB:
		return chance(plan, 70) ? (struct fuzz_value){} :
					  number(1 + draw(plan, 4));
	case P_FLAGS:
		return some_flags(plan, param->extra, 60);
	case P_BUGS:
		return some_bugs(plan, param);
	case P_ENUM:
		return number(draw(plan, param->extra));
	case P_LENGTH:
		if (chance(plan, 40))
			return (struct fuzz_value){};
		return number(ONE_OF(plan, lengths) * FUZZ_PAGE);
	case P_OFFSET:
		return number(chance(plan, 60) ? 0 : draw(plan, 4 * FUZZ_PAGE));
	case P_SPAN:
		return number(1 + draw(plan, FUZZ_PAGE));
	case P_NUMBER:
		return number(draw(plan, param->extra));
	case P_DEADLINE:
		return deadline(plan);
	case P_DEVICE:
		return number(chance(plan, 40));
	case P_DURATION:
		return chance(plan, 60) || param->extra ?
			       (struct fuzz_value){} :
			       number(draw(plan, 5 * FUZZ_MSEC));
	default:
		return (struct fuzz_value){};
	}
}

static struct fuzz_value wrong(struct plan *plan, const struct fuzz_param *param)
{
	const uint64_t sizes[] = {
		0, 1, FUZZ_PAGE - 1, FUZZ_PAGE, FUZZ_PAGE + 1, 1ULL << 31,
		1ULL << 32, 1ULL << 40, 1ULL << 63, UINT64_MAX - FUZZ_PAGE,
		UINT64_MAX,
	};
	/* The kernel takes none beyond a page. */
	const uint64_t structs[] = {
		0, 4, 7, 15, 17, 23, 25, 33, 200, FUZZ_PAGE - 1, FUZZ_PAGE,
		FUZZ_PAGE + 1, UINT32_MAX,
	};
	static const uint64_t times[] = {
		3600 * 1000 * FUZZ_MSEC, 3600 * 1000 * FUZZ_MSEC + 1, UINT64_MAX,
	};
	static const uint64_t fds[] = { UINT64_MAX, 1000, INT32_MAX };

	switch (param->kind) {
	case P_FD:
		if (chance(plan, 30))
			return number(ONE_OF(plan, fds));
		return slot(draw(plan, FUZZ_SLOTS));
	case P_OUT:
	case P_MAP:
		return slot(draw(plan, FUZZ_SLOTS));
	case P_ID:
		return chance(plan, 50) ? slot(draw(plan, FUZZ_SLOTS)) :
					  number(ONE_OF(plan, sizes));
	case P_SIZE:
		return number(ONE_OF(plan, structs));
	case P_FLAGS:
	case P_BUGS:
		return number(1ULL << draw(plan, 64) & ~FUZZ_HOLD);
	case P_ENUM:
		return number(chance(plan, 50) ? param->extra : UINT32_MAX);
	case P_ZERO:
		return number(1);
	case P_DURATION:
		return number(ONE_OF(plan, times));
	case P_DEVICE:
		return number(2 + draw(plan, 2));
	case P_PLACE:
		return (struct fuzz_value){ V_PLACE, draw(plan, PLACE_COUNT) };
	default:
		return number(ONE_OF(plan, sizes));
	}
}

/* Of what is wrong in every process: no slot, no bug, no end. */
static bool is_local(const struct fuzz_param *param)
{
	return param->kind == P_PLACE || param->kind == P_SIZE || param->kind == P_ZERO;
}

static void make_line_beside(struct plan *plan, struct fuzz_line *line)
{
	const struct fuzz_op *op = &fuzz_ops[line->op];
	unsigned int n;

	/* Those that are kept are as many as the others. */
	plan->class = chance(plan, 50) ? C_KEPT : chance(plan, 33) ? C_STREAM : C_SHARED;
	if (op->request == DMABUF_REVOKE_IOC_ALLOC && plan->class == C_KEPT)
		plan->class = C_SHARED;
	for (n = 0; op->param[n].kind != P_END; n++)
		line->value[n] = valid(plan, op, &op->param[n]);
	fuzz_agree(plan, line);
	n = draw(plan, n);
	if (chance(plan, 5) && is_local(&op->param[n]))
		line->value[n] = wrong(plan, &op->param[n]);
	fuzz_bound(line);
}

static void make_line(struct plan *plan, struct fuzz_line *line)
{
	const struct fuzz_op *op = &fuzz_ops[line->op];
	const struct fuzz_param *param = op->param;
	unsigned int i, n, way = draw(plan, 100);

	for (n = 0; param[n].kind != P_END; n++)
		line->value[n] = valid(plan, op, &param[n]);
	if (op->run == fuzz_close && line->value[0].number < 2 && chance(plan, 80))
		line->value[0] = slot(2 + draw(plan, FUZZ_SLOTS - 2));
	fuzz_agree(plan, line);
	if (way >= 78 && way < 95) {
		i = draw(plan, n);
		line->value[i] = wrong(plan, &param[i]);
	}
	for (i = 0; way >= 95 && i < n; i++)
		if (chance(plan, 30))
			line->value[i] = wrong(plan, &param[i]);
	fuzz_bound(line);
	if (way < 78)
		fuzz_remember(plan, line);
}

static unsigned int weight_of(const struct plan *plan, unsigned int op)
{
	return plan->threads ? fuzz_ops[op].beside : fuzz_ops[op].weight;
}

static unsigned int pick_op(struct plan *plan)
{
	uint64_t rest = draw(plan, plan->weights);
	unsigned int op = 0;

	while (rest >= weight_of(plan, op))
		rest -= weight_of(plan, op++);
	return op;
}

/* What comes first: without it hardly anything would succeed. */
static const char * const prelude[] = {
	"open_exporter out=r0", "open_importer out=r1",
	"alloc on=r0 out=r2 fd_flags=2 flags=1",
	"attach on=r1 out=r3 dmabuf_fd=r2",
};

/* In each process: two owners, and what others have by then. */
static const char * const prelude_beside[] = {
	"open_exporter out=r0", "open_importer out=r1", "open_exporter out=r30",
	"export on=r0 id=s2 out=r2", "export on=r0 id=s3 out=r3",
	"export on=r0 id=s4 out=r4", "export on=r0 id=s5 out=r5",
	"export on=r0 id=s6 out=r6", "export on=r0 id=s7 out=r7",
};

static void begin(struct plan *plan, struct fuzz_line *line, size_t i)
{
	if (fuzz_parse_line(plan->threads ? prelude_beside[i] : prelude[i], line))
		abort();
	if (!plan->threads)
		fuzz_remember(plan, line);
}

/* Lines that come between two deaths. */
#define LIFE 1200

/* Any thread, but what follows is next to what it follows. */
static void go_on(struct plan *plan, struct fuzz_line *line)
{
	unsigned int lane;

	if (!plan->threads) {
		line->op = pick_op(plan);
		make_line(plan, line);
	} else if (plan->follows) {
		*line = plan->next;
		plan->follows = false;
	} else {
		lane = draw(plan, plan->processes * plan->threads);
		line->op = pick_op(plan);
		if (!draw(plan, LIFE))
			line->op = fuzz_find_op("die");
		make_line_beside(plan, line);
		line->process = 1 + lane / plan->threads;
		line->thread = 1 + lane % plan->threads;
		plan->next.process = line->process;
		plan->next.thread = line->thread;
	}
}

struct fuzz_program fuzz_plan(uint64_t seed, size_t operations,
			      unsigned int processes, unsigned int threads)
{
	struct plan plan = {
		.random = seed * 0xd1342543de82ef95,
		.processes = processes,
		.threads = threads,
	};
	size_t first = threads ? FUZZ_COUNT(prelude_beside) : FUZZ_COUNT(prelude);
	struct fuzz_program program = { .count = operations };

	program.lines = calloc(operations + 1, sizeof(*program.lines));
	if (!program.lines)
		abort();
	for (unsigned int i = 0; i < fuzz_nr_ops; i++)
		plan.weights += weight_of(&plan, i);
	for (size_t i = 0; i < operations; i++) {
		struct fuzz_line *line = &program.lines[i];

		if (i < first)
			begin(&plan, line, i);
		else
			go_on(&plan, line);
		line->number = i + 1;
	}
	return program;
}
