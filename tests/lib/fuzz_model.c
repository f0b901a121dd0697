// SPDX-License-Identifier: GPL-2.0-only
/* What the generator supposes that a program has done so far. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_plan.h"

struct fuzz_value fuzz_pick(struct plan *plan, enum fuzz_resource resource)
{
	unsigned int first = draw(plan, FUZZ_SLOTS);

	for (unsigned int i = 0; i < FUZZ_SLOTS; i++)
		if (plan->holds[(first + i) % FUZZ_SLOTS] == resource)
			return slot((first + i) % FUZZ_SLOTS);
	return slot(first);
}

static struct fuzz_value *value_of(struct fuzz_line *line, const char *name)
{
	const struct fuzz_op *op = &fuzz_ops[line->op];

	for (unsigned int i = 0; op->param[i].kind != P_END; i++)
		if (!strcmp(op->param[i].name, name))
			return &line->value[i];
	abort();
}

#define DELAYED (DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP |			\
		 DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK |		\
		 DMABUF_REVOKE_MISBEHAVE_LATE_FENCE |			\
		 DMABUF_REVOKE_MISBEHAVE_FENCE_AFTER)

static void agree_alloc(struct plan *plan, struct fuzz_line *line)
{
	if (chance(plan, 80))
		*value_of(line, "fd_flags") = number(02);
}

static void agree_query(struct plan *plan, struct fuzz_line *line)
{
	bool by_fd = value_of(line, "flags")->number;

	(void)plan;
	*value_of(line, by_fd ? "id" : "fd") = (struct fuzz_value){};
}

static void agree_attach(struct plan *plan, struct fuzz_line *line)
{
	if (value_of(line, "misbehave")->number & DELAYED)
		*value_of(line, "delay_ns") =
			number(1 + draw(plan, 5 * FUZZ_MSEC));
	if (chance(plan, 60))
		*value_of(line, "kind") = (struct fuzz_value){};
}

static void agree_submit(struct plan *plan, struct fuzz_line *line)
{
	uint64_t job = value_of(line, "op")->number;

	if (job == DMABUF_REVOKE_OP_WRITE)
		*value_of(line, "pattern") = number(draw(plan, UINT64_MAX));
	if (job == DMABUF_REVOKE_OP_COPY) {
		*value_of(line, "offset") = (struct fuzz_value){};
		*value_of(line, "length") = (struct fuzz_value){};
		*value_of(line, "dst_offset") = number(64 + draw(plan, 2000));
	}
}

static void agree_raw(struct plan *plan, struct fuzz_line *line)
{
	const struct fuzz_op *other = &fuzz_ops[draw(plan, fuzz_nr_ops)];

	if (!other->ours)
		return;
	*value_of(line, "nr") = number(other->request & 0xff);
	*value_of(line, "on") = fuzz_pick(plan, other->param[0].extra);
}

/* Neither reading nor writing is never what a caller means. */
static void agree_access(struct plan *plan, struct fuzz_line *line)
{
	value_of(line, "flags")->type = V_NUMBER;
	value_of(line, "flags")->number |= 1 + draw(plan, 3);
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
}

static const struct {
	const char *name;
	void (*agree)(struct plan *plan, struct fuzz_line *line);
} agreements[] = {
	{ "alloc", agree_alloc },
	{ "query", agree_query },
	{ "attach", agree_attach },
	{ "submit", agree_submit },
	{ "raw", agree_raw },
	{ "sync", agree_access },
	{ "fence_export", agree_access },
	{ "fence_import", agree_access },
	{ "mmap", agree_mmap },
	{ "munmap", agree_munmap },
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
	for (unsigned int n = 0; n < FUZZ_COUNT(names); n++)
		for (unsigned int i = 0; op->param[i].kind != P_END; i++)
			if (!strcmp(op->param[i].name, names[n]) &&
			    line->value[i].type == V_SLOT)
				return &line->value[i];
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
