// SPDX-License-Identifier: GPL-2.0-only
/* What importers do, well-behaved or not. Everything here ends in finite time. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "races.h"

#define MISBEHAVE(x) DMABUF_REVOKE_MISBEHAVE_##x

#define DELAYED (MISBEHAVE(LATE_UNMAP) | MISBEHAVE(SLOW_CALLBACK) |	\
		 MISBEHAVE(LATE_FENCE) | MISBEHAVE(FENCE_AFTER))

/* What all kinds can do comes first, what only the pinned one can last. */
static const uint64_t bugs[] = {
	MISBEHAVE(LATE_FENCE),
	MISBEHAVE(FENCE_ERROR),
	MISBEHAVE(LATE_UNMAP),
	MISBEHAVE(SLOW_CALLBACK),
	MISBEHAVE(FENCE_AFTER),
	MISBEHAVE(NEW_DMA),
	MISBEHAVE(REMAP),
	MISBEHAVE(LATE_FENCE) | MISBEHAVE(NEW_DMA) | MISBEHAVE(FENCE_AFTER),
	MISBEHAVE(KEEP_PIN),
	MISBEHAVE(REVIVE),
};

#define BUGS_LEGACY 2
#define BUGS_DYNAMIC 8
#define BUGS_PINNED 10

static uint64_t some_bug(uint32_t kind, uint16_t choice)
{
	static const unsigned int count[] = {
		[DMABUF_REVOKE_KIND_DYNAMIC] = BUGS_DYNAMIC,
		[DMABUF_REVOKE_KIND_PINNED] = BUGS_PINNED,
		[DMABUF_REVOKE_KIND_LEGACY_STATIC] = BUGS_LEGACY,
		[DMABUF_REVOKE_KIND_LEGACY_RDMA] = BUGS_LEGACY,
	};

	return choice % 2 ? bugs[choice / 2 % count[kind]] : 0;
}

static int attach(struct race_thread *thread, int fd, const uint16_t *arg)
{
	/* More of those that nothing else waits for. */
	static const uint32_t kinds[] = {
		DMABUF_REVOKE_KIND_DYNAMIC, DMABUF_REVOKE_KIND_DYNAMIC,
		DMABUF_REVOKE_KIND_DYNAMIC, DMABUF_REVOKE_KIND_DYNAMIC,
		DMABUF_REVOKE_KIND_PINNED, DMABUF_REVOKE_KIND_PINNED,
		DMABUF_REVOKE_KIND_LEGACY_STATIC,
		DMABUF_REVOKE_KIND_LEGACY_RDMA,
	};
	uint32_t kind = kinds[arg[2] % 8];
	uint64_t bug = some_bug(kind, arg[4]);
	uint32_t flags = 0;

	if (kind <= DMABUF_REVOKE_KIND_PINNED && bug != MISBEHAVE(REMAP))
		flags = arg[3] % 2;
	return dr_attach_misbehaving(thread->process->importer, fd, kind, flags,
				     bug, bug & DELAYED ?
				     (1 + arg[5] % 5) * RACE_MSEC : 0);
}

int race_attach(struct race_thread *thread, const uint16_t *arg)
{
	struct race_process *process = thread->process;
	unsigned int slot = race_any_slot(thread, arg[0]);
	struct race_handle buffer = race_buffer(thread, slot);
	bool told;
	int att;

	if (buffer.fd < 0)
		return RACE_NOTHING;
	told = race_told(thread->board, buffer.id);
	att = attach(thread, buffer.fd, arg);
	close(buffer.fd);
	if (att < 0)
		return att;
	if (told)
		race_violation(thread, "ATTACH to %llu, which is revoked",
			       (unsigned long long)buffer.id);
	/* So that a reader does not wait for what another one took. */
	fcntl(att, F_SETFL, O_NONBLOCK);
	race_handle_set(&process->attachments[arg[1] % RACE_ATTACHMENTS], att,
			buffer.id, buffer.length, slot);
	return 0;
}

int race_detach(struct race_thread *thread, const uint16_t *arg)
{
	struct race_process *process = thread->process;

	race_handle_set(&process->attachments[arg[0] % RACE_ATTACHMENTS], -1, 0,
			0, 0);
	return 0;
}

static void check_refused(struct race_thread *thread, const char *what,
			  uint64_t id, bool revoked, int ret)
{
	if (revoked && !ret)
		race_violation(thread, "%s of %llu, which is revoked", what,
			       (unsigned long long)id);
}

/* Without FEATURE_STATIC_MAP the core hands out its table until such a one detaches. */
static bool keeps_its_table(struct race_thread *thread, int att)
{
	struct dmabuf_revoke_importer_info info;
	struct dmabuf_revoke_status out;

	if (dr_importer_info(thread->process->importer, &info) ||
	    info.features & DMABUF_REVOKE_FEATURE_STATIC_MAP)
		return false;
	return !dr_status(att, &out) &&
	       out.kind == DMABUF_REVOKE_KIND_LEGACY_STATIC;
}

int race_map(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle att = race_attachment(thread, arg[0]);
	bool revoked;
	int ret;

	if (att.fd < 0)
		return RACE_NOTHING;
	revoked = keeps_its_table(thread, att.fd) ?
		race_done(thread->board, att.id) :
		race_told(thread->board, att.id);
	ret = dr_map(att.fd, arg[1] % 4 ? DMABUF_REVOKE_BIDIRECTIONAL : arg[2] % 3);
	check_refused(thread, "MAP", att.id, revoked, ret);
	close(att.fd);
	return ret;
}

int race_unmap(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle att = race_attachment(thread, arg[0]);
	int ret;

	if (att.fd < 0)
		return RACE_NOTHING;
	ret = dr_unmap(att.fd);
	close(att.fd);
	return ret;
}

/* What others keep is only read; DMA without end has slots of its own. */
static void make_job(struct dmabuf_revoke_submit *job,
		     const struct race_handle *att, const uint16_t *arg)
{
	*job = (struct dmabuf_revoke_submit){
		.op = att->slot < RACE_SHARED_SLOTS ? arg[1] % 3 : 0,
		.offset = arg[2] % att->length,
		.duration_ns = arg[3] % 4 ? 0 : arg[4] % 2048 * 1000,
	};
	job->length = 1 + arg[5] % (att->length - job->offset);
	if (job->op == DMABUF_REVOKE_OP_WRITE)
		job->pattern = arg[4] * 0x0001000100010001;
	if (job->op == DMABUF_REVOKE_OP_COPY) {
		job->length = 1 + arg[5] % (att->length / 2);
		job->offset = 0;
		job->dst_offset = att->length / 2;
	}
	if (arg[3] % 8 == 1)
		job->flags |= DMABUF_REVOKE_SUBMIT_BOOKKEEP;
	if (arg[3] % 16 == 2)
		job->flags |= DMABUF_REVOKE_SUBMIT_FENCE_FD;
	else if (arg[3] % 8 == 3 && att->slot < RACE_STREAM_SLOTS)
		job->flags |= DMABUF_REVOKE_SUBMIT_STREAM;
}

/* A fence from a place with endless DMA may wait for that, and goes nowhere. */
static void keep_fence(struct race_thread *thread, const struct race_handle *att,
		       uint16_t choice, int fence)
{
	if (att->slot < RACE_STREAM_SLOTS)
		close(fence);
	else
		race_handle_set(&thread->process->fences[choice % RACE_FENCES],
				fence, 0, 0, 0);
}

int race_submit(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle att = race_attachment(thread, arg[0]);
	struct dmabuf_revoke_submit job;
	bool done;
	int ret;

	if (att.fd < 0)
		return RACE_NOTHING;
	make_job(&job, &att, arg);
	/* Told is not enough: who cannot be told may still hold a mapping. */
	done = race_done(thread->board, att.id);
	ret = dr_submit(att.fd, &job);
	check_refused(thread, "SUBMIT", att.id, done, ret);
	close(att.fd);
	if (ret)
		return ret;
	atomic_store(att.job, job.job);
	if (job.flags & DMABUF_REVOKE_SUBMIT_FENCE_FD)
		keep_fence(thread, &att, arg[2], job.fence_fd);
	return 0;
}

int race_wait(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle att = race_attachment(thread, arg[0]);
	struct dmabuf_revoke_wait out;
	uint64_t job;
	int ret;

	if (att.fd < 0)
		return RACE_NOTHING;
	job = atomic_load(att.job);
	ret = dr_wait(att.fd, job > arg[1] % 2 ? job - arg[1] % 2 : job,
		      race_deadline(arg[2]), &out);
	close(att.fd);
	return ret;
}

int race_vmap(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle att = race_attachment(thread, arg[0]);
	uint32_t crc;
	bool done;
	int ret;

	if (att.fd < 0)
		return RACE_NOTHING;
	/* The core hands out a vmap that is there, without asking. */
	done = race_done(thread->board, att.id);
	ret = race_vmap_bounded(att.fd, &crc);
	check_refused(thread, "VMAP", att.id, done, ret);
	/* It holds up moves: not all of them are for others to end. */
	if (!ret && arg[1] % 4)
		dr_vunmap(att.fd);
	close(att.fd);
	return ret;
}

int race_vunmap(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle att = race_attachment(thread, arg[0]);
	int ret;

	if (att.fd < 0)
		return RACE_NOTHING;
	ret = dr_vunmap(att.fd);
	close(att.fd);
	return ret;
}

int race_status(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle att = race_attachment(thread, arg[0]);
	struct dmabuf_revoke_status out;
	int ret;

	if (att.fd < 0)
		return RACE_NOTHING;
	ret = dr_status(att.fd, &out);
	if (!ret && out.unmaps > out.maps)
		race_violation(thread, "%llu maps, %llu unmaps",
			       (unsigned long long)out.maps,
			       (unsigned long long)out.unmaps);
	close(att.fd);
	return ret;
}

int race_events(struct race_thread *thread, const uint16_t *arg)
{
	struct race_handle att = race_attachment(thread, arg[0]);
	struct dmabuf_revoke_event events[8];
	ssize_t n;

	if (att.fd < 0)
		return RACE_NOTHING;
	n = read(att.fd, events, sizeof(events[0]) * (1 + arg[1] % 8));
	if (n < 0)
		n = -errno;
	close(att.fd);
	for (ssize_t i = 1; i < n / (ssize_t)sizeof(events[0]); i++)
		if (events[i].sequence <= events[i - 1].sequence)
			race_violation(thread, "event %llu follows %llu",
				       (unsigned long long)events[i].sequence,
				       (unsigned long long)events[i - 1].sequence);
	return n < 0 ? n : 0;
}
