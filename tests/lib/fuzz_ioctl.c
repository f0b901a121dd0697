// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls of both devices, from the table of their parameters. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"

#define ROOM 256	/* more than any structure has */

static bool takes_slot(const struct fuzz_op *op, const char *name)
{
	for (unsigned int i = 0; op->param[i].kind != P_END; i++)
		if (!strcmp(op->param[i].name, name))
			return true;
	return false;
}

static uint64_t member(struct fuzz_state *state, const struct fuzz_param *param,
		       const struct fuzz_value *value)
{
	if (param->kind == P_PLACE && value->type != V_NUMBER)
		return (uintptr_t)fuzz_array(value->number);
	/* Not a descriptor that somebody chose. */
	if (param->kind == P_FD && value->type == V_DEFAULT)
		return 0;
	return fuzz_number(state, param->name);
}

/* What would block for longer than a program may take. */
static void tame(struct dmabuf_revoke_attach *attach)
{
	attach->misbehave &= ~DMABUF_REVOKE_MISBEHAVE_DOUBLE_UNPIN;
	if (attach->misbehave & DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK &&
	    attach->delay_ns <= 3600 * 1000 * FUZZ_MSEC)
		attach->delay_ns %= 5 * FUZZ_MSEC;
}

static void fill(struct fuzz_state *state, const struct fuzz_op *op, char *bytes)
{
	for (unsigned int i = 0; op->param[i].kind != P_END; i++) {
		const struct fuzz_param *param = &op->param[i];
		uint64_t value;

		if (!param->width)
			continue;
		value = member(state, param, &state->line->value[i]);
		memcpy(bytes + param->offset, &value, param->width);
	}
	if (op->request == DMABUF_REVOKE_IOC_ATTACH)
		tame((struct dmabuf_revoke_attach *)bytes);
}

/* Puts what was made into the slot: a descriptor, and to what it leads. */
static void keep(struct fuzz_state *state, const struct fuzz_op *op,
		 const void *out)
{
	const struct dmabuf_revoke_alloc *alloc = out;
	const struct dmabuf_revoke_export *export = out;
	const struct dmabuf_revoke_attach *attach = out;
	const struct dmabuf_revoke_submit *submit = out;
	struct fuzz_slot *source, *slot;
	uint64_t id = 0;

	if (op->request == DMABUF_REVOKE_IOC_ALLOC) {
		slot = fuzz_store(state, alloc->fd);
		slot->id = alloc->id;
		slot->length = alloc->length;
	} else if (op->request == DMABUF_REVOKE_IOC_EXPORT) {
		id = export->id;
		slot = fuzz_store(state, export->fd);
		slot->id = id;
	} else if (op->request == DMABUF_REVOKE_IOC_ATTACH) {
		source = fuzz_slot(state, "dmabuf_fd");
		id = source ? source->id : 0;
		slot = fuzz_store(state, attach->fd);
		slot->id = id;
		slot->length = attach->length;
	} else if (op->request == DMABUF_REVOKE_IOC_SUBMIT) {
		source = fuzz_slot(state, "on");
		if (source)
			source->job = submit->job;
		if (submit->flags & DMABUF_REVOKE_SUBMIT_FENCE_FD)
			fuzz_store(state, submit->fence_fd);
	}
}

/* After success the descriptor exists, and is close-on-exec only if asked to. */
static void check_fd(struct fuzz_state *state, int fd)
{
	if (fcntl(fd, F_GETFD) < 0)
		fuzz_wrong(state, "success, but %d is no descriptor", fd);
}

long fuzz_ioctl(struct fuzz_state *state, const struct fuzz_op *op)
{
	_Alignas(8) char in[ROOM] = {}, out[ROOM];
	enum fuzz_place place = fuzz_number(state, "arg");
	int fd = fuzz_fd(state, "on");
	struct fuzz_slot *slot;
	bool revoked;
	long result;
	void *arg;

	fill(state, op, in);
	revoked = fuzz_is_revoked(state, op, in);
	arg = fuzz_place(place, in, op->size);
	result = ioctl(fd, op->request, arg) < 0 ? -errno : 0;
	if (result == -EBADF && fcntl(fd, F_GETFD) < 0)
		return result;
	memset(out, 0, sizeof(out));
	if (place == PLACE_GOOD)
		memcpy(out, arg, op->size);
	else if (!result && place != PLACE_READONLY)
		fuzz_wrong(state, "success with a structure that is not there");
	fuzz_check(state, op, in, out, result, revoked);
	if (!result && place == PLACE_GOOD && takes_slot(op, "out"))
		keep(state, op, out);
	slot = op->gives && op->gives != R_FENCE && !result ?
		       fuzz_slot(state, "out") : NULL;
	if (slot)
		check_fd(state, slot->fd);
	return result;
}

/* Random bytes, mostly small numbers; every other time they have the right size. */
static void scribble(uint64_t *bytes, size_t count, uint64_t random,
		     unsigned long request)
{
	unsigned int nr = _IOC_NR(request);
	uint32_t head[2] = { random };

	for (size_t i = 0; i < count; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		bytes[i] = random >> (random >> 58);
	}
	for (unsigned int i = 0; i < fuzz_nr_ops && *head % 2; i++)
		if (fuzz_ops[i].ours && _IOC_NR(fuzz_ops[i].request) == nr)
			head[0] = fuzz_ops[i].size;
	/* These would make what nobody closes. */
	if (nr == _IOC_NR(DMABUF_REVOKE_IOC_ALLOC) ||
	    nr == _IOC_NR(DMABUF_REVOKE_IOC_ATTACH) ||
	    nr == _IOC_NR(DMABUF_REVOKE_IOC_EXPORT) ||
	    nr == _IOC_NR(DMABUF_REVOKE_IOC_SUBMIT))
		head[1] = 1U << 31;
	memcpy(bytes, head, sizeof(head));
}

/* An ioctl of our type with bytes that nobody has thought about. */
long fuzz_raw(struct fuzz_state *state, const struct fuzz_op *op)
{
	uint64_t size = fuzz_number(state, "bytes") % 512;
	unsigned int nr = fuzz_number(state, "nr") & 0xff;
	unsigned long request = DMABUF_REVOKE_IOC_TYPE << 8 | nr;
	uint64_t bytes[64] = {};
	void *arg;

	(void)op;
	scribble(bytes, 1 + size / 8, fuzz_number(state, "seed"), request);
	/* What is asked for by number has no size in it; others have. */
	if (size % 8 == 7)
		request = _IOC(_IOC_READ | _IOC_WRITE, DMABUF_REVOKE_IOC_TYPE, nr,
			       size);
	arg = fuzz_place(fuzz_number(state, "arg"), bytes, sizeof(bytes));
	return ioctl(fuzz_fd(state, "on"), request, arg) < 0 ? -errno : 0;
}
