// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls of both devices, from the table of their parameters. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"

#define ROOM 256	/* more than any structure has */

static uint64_t member(struct fuzz_lane *lane, const struct fuzz_param *param,
		       const struct fuzz_value *value)
{
	if (param->kind == P_PLACE && value->type != V_NUMBER)
		return (uintptr_t)fuzz_array(value->type == V_SLOT ?
					     PLACE_NULL : value->number);
	/* Not a descriptor that somebody chose. */
	if (param->kind == P_FD && value->type == V_DEFAULT)
		return 0;
	return fuzz_number(lane, param->name);
}

/* What would block for longer than a program may take. */
static void tame(struct dmabuf_revoke_attach *attach)
{
	attach->misbehave &= ~DMABUF_REVOKE_MISBEHAVE_DOUBLE_UNPIN;
	if (attach->misbehave & (DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK |
				 DMABUF_REVOKE_MISBEHAVE_FENCE_OUTLIVES) &&
	    attach->delay_ns <= 3600 * 1000 * FUZZ_MSEC)
		attach->delay_ns %= 5 * FUZZ_MSEC;
}

/* By who goes on after his unmap. */
static void will_be_written(struct fuzz_lane *lane,
			    const struct dmabuf_revoke_attach *attach)
{
	const struct fuzz_slot *buffer = fuzz_slot(lane, "dmabuf_fd");
	struct fuzz_fact *fact = fuzz_fact(lane->board, buffer ? buffer->id : 0);

	if (fact && attach->misbehave & DMABUF_REVOKE_MISBEHAVE_DMA_AFTER_UNMAP)
		atomic_store(&fact->written, true);
}

static void fill(struct fuzz_lane *lane, char *bytes)
{
	const struct fuzz_op *op = lane->op;

	for (unsigned int i = 0; op->param[i].kind != P_END; i++) {
		const struct fuzz_param *param = &op->param[i];
		uint64_t value;

		if (!param->width)
			continue;
		if (param->kind == P_DEVICE) {
			fuzz_device_name(lane->board, fuzz_number(lane, param->name),
					 bytes + param->offset);
			continue;
		}
		value = member(lane, param, &lane->line->value[i]);
		memcpy(bytes + param->offset, &value, param->width);
	}
	if (op->request == DMABUF_REVOKE_IOC_ATTACH) {
		tame((struct dmabuf_revoke_attach *)bytes);
		will_be_written(lane, (struct dmabuf_revoke_attach *)bytes);
	}
	if (op->request == DMABUF_REVOKE_IOC_ALLOC)
		((struct dmabuf_revoke_alloc *)bytes)->faults |=
			lane->process->options->faults;
}

/* After success the descriptor exists. */
static void check_fd(struct fuzz_lane *lane, int fd)
{
	if (fcntl(fd, F_GETFD) < 0)
		fuzz_wrong(lane, "success, but %d is no descriptor", fd);
}

static void keep_alloc(struct fuzz_lane *lane, const struct dmabuf_revoke_alloc *out)
{
	const struct fuzz_value *value =
		&lane->line->value[fuzz_find_param(lane->op, "out")];

	check_fd(lane, out->fd);
	fuzz_store(lane, &(struct fuzz_slot){
		.fd = out->fd, .id = out->id, .length = out->length,
	});
	if (value->type == V_SLOT)
		atomic_store(&lane->board->shared[value->number], out->id);
}

static void keep_export(struct fuzz_lane *lane,
			const struct dmabuf_revoke_export *out)
{
	struct dmabuf_revoke_query query = {};

	check_fd(lane, out->fd);
	if (!dr_query_fd(fuzz_fd(lane, "on"), out->fd, &query) && query.id != out->id)
		fuzz_wrong(lane, "the descriptor leads to %llu",
			   (unsigned long long)query.id);
	fuzz_store(lane, &(struct fuzz_slot){
		.fd = out->fd, .id = out->id, .length = query.length,
	});
}

static void keep_attach(struct fuzz_lane *lane,
			const struct dmabuf_revoke_attach *out)
{
	const struct fuzz_slot *source = fuzz_slot(lane, "dmabuf_fd");
	uint64_t id = source ? source->id : 0;

	check_fd(lane, out->fd);
	fuzz_store(lane, &(struct fuzz_slot){
		.fd = out->fd, .id = id, .length = out->length,
		.keeps_table = !lane->board->static_map &&
			       out->kind == DMABUF_REVOKE_KIND_LEGACY_STATIC,
	});
}

static void keep_submit(struct fuzz_lane *lane,
			const struct dmabuf_revoke_submit *out)
{
	const struct fuzz_value *on = &lane->line->value[0];
	struct fuzz_process *process = lane->process;

	if (on->type == V_SLOT) {
		pthread_mutex_lock(&process->lock);
		process->slot[on->number].job = out->job;
		pthread_mutex_unlock(&process->lock);
	}
	if (!(out->flags & DMABUF_REVOKE_SUBMIT_FENCE_FD))
		return;
	check_fd(lane, out->fence_fd);
	fuzz_store_fd(lane, out->fence_fd);
}

/* Puts what was made into the slot: a descriptor, and to what it leads. */
static void keep(struct fuzz_lane *lane, const void *out)
{
	switch (lane->op->request) {
	case DMABUF_REVOKE_IOC_ALLOC:
		return keep_alloc(lane, out);
	case DMABUF_REVOKE_IOC_EXPORT:
		return keep_export(lane, out);
	case DMABUF_REVOKE_IOC_ATTACH:
		return keep_attach(lane, out);
	case DMABUF_REVOKE_IOC_SUBMIT:
		return keep_submit(lane, out);
	}
}

long fuzz_ioctl(struct fuzz_lane *lane)
{
	_Alignas(8) char in[ROOM] = {}, out[ROOM] = {};
	bool good = fuzz_is_good(lane, "arg");
	int fd = fuzz_fd(lane, "on");
	struct fuzz_before before;
	long result;
	void *arg;

	fill(lane, in);
	before = fuzz_before(lane, in);
	arg = fuzz_place(lane, "arg", in, lane->op->size);
	result = ioctl(fd, lane->op->request, arg) < 0 ? -errno : 0;
	if (result == -EBADF && fcntl(fd, F_GETFD) < 0)
		return result;
	/* In a mapping others may have written to it. */
	if (fuzz_mapping(lane, "arg"))
		return result;
	if (good)
		memcpy(out, arg, lane->op->size);
	else if (!result && fuzz_number(lane, "arg") != PLACE_READONLY)
		fuzz_wrong(lane, "success with a structure that is not there");
	fuzz_judge(lane, in, out, result, before);
	if (!result && good)
		keep(lane, out);
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
	/* These would make what nobody closes, or knows of. */
	if (nr == _IOC_NR(DMABUF_REVOKE_IOC_ALLOC) ||
	    nr == _IOC_NR(DMABUF_REVOKE_IOC_ATTACH) ||
	    nr == _IOC_NR(DMABUF_REVOKE_IOC_EXPORT) ||
	    nr == _IOC_NR(DMABUF_REVOKE_IOC_FAULTS) ||
	    nr == _IOC_NR(DMABUF_REVOKE_IOC_SUBMIT))
		head[1] = 1U << 31;
	memcpy(bytes, head, sizeof(head));
}

/* An ioctl of our type with bytes that nobody has thought about. */
long fuzz_raw(struct fuzz_lane *lane)
{
	uint64_t size = fuzz_number(lane, "bytes") % 512;
	unsigned int nr = fuzz_number(lane, "nr") & 0xff;
	unsigned long request = DMABUF_REVOKE_IOC_TYPE << 8 | nr;
	uint64_t bytes[64] = {};
	void *arg;

	scribble(bytes, 1 + size / 8, fuzz_number(lane, "seed"), request);
	/* What is asked for by number has no size in it; others have. */
	if (size % 8 == 7)
		request = _IOC(_IOC_READ | _IOC_WRITE, DMABUF_REVOKE_IOC_TYPE, nr,
			       size);
	arg = fuzz_place(lane, "arg", bytes, sizeof(bytes));
	return ioctl(fuzz_fd(lane, "on"), request, arg) < 0 ? -errno : 0;
}
