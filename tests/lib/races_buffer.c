// SPDX-License-Identifier: GPL-2.0-only
/* What owners, and who may do as they do, can do with buffers. */
#include <errno.h>
#include <unistd.h>

#include "races.h"

static const unsigned int sizes[] = { 1, 1, 2, 3, 4, 16, 33, 64 };	/* pages */

/* Any file of the device will do to name a buffer: the players are root. */
static int some_owner(struct race_thread *thread, uint16_t choice)
{
	return race_handle_get(&thread->process->owners[choice % RACE_OWNERS]).fd;
}

static uint64_t shared_id(struct race_thread *thread, uint16_t choice)
{
	return atomic_load(&thread->board->slots[choice % RACE_SHARED_SLOTS]);
}

/* The buffers that others keep are disturbed, too. */
static uint64_t any_id(struct race_thread *thread, uint16_t choice)
{
	return atomic_load(&thread->board->slots[race_any_slot(thread, choice)]);
}

/* Calls @call with "owner" and "id", if both are to be had. */
#define WITH_OWNER(thread, choice, id_, call)				\
({									\
	uint64_t id = (id_);						\
	int owner = id ? some_owner(thread, choice) : -1;		\
	int ret_ = RACE_NOTHING;					\
									\
	if (owner >= 0) {						\
		ret_ = (call);						\
		close(owner);						\
	}								\
	ret_;								\
})

static uint64_t some_faults(struct race_thread *thread, const uint16_t *arg)
{
	uint64_t faults = thread->board->options.faults;

	if (arg[3] % 8 == 0)
		faults |= DMABUF_REVOKE_FAULT_TELL_TWICE;
	if (arg[3] % 64 == 1)
		faults |= DMABUF_REVOKE_FAULT_HOLD_LOCK;
	return faults;
}

int race_alloc(struct race_thread *thread, const uint16_t *arg)
{
	unsigned int slot = arg[0] % RACE_SHARED_SLOTS;
	uint64_t length = sizes[arg[1] % 8] * RACE_PAGE;
	uint32_t flags = arg[2] % 8;
	int owner = some_owner(thread, arg[4]);
	uint64_t id, before;
	int fd, ret;

	if (owner < 0)
		return RACE_NOTHING;
	ret = dr_alloc_faulty(owner, length, flags, some_faults(thread, arg),
			      &id, &fd);
	if (ret)
		goto out_close;

	atomic_store(&race_fact(thread->board, id)->zero_page,
		     flags & DMABUF_REVOKE_ALLOC_ZERO_PAGE);
	before = atomic_exchange(&thread->board->slots[slot], id);
	race_handle_set(&thread->process->buffers[slot], fd, id, length, slot);
	/* Half of those that nobody finds any more are for their owner to lose. */
	if (before && arg[5] % 2)
		dr_free(owner, before, NULL, 0, NULL);
out_close:
	close(owner);
	return ret;
}

static void check_quarantine(struct race_thread *thread, uint64_t id,
			     const struct dmabuf_revoke_free *out)
{
	if (out->checked && out->changed)
		race_violation(thread, "%u pages of buffer %llu were written to after its revoke",
			       out->changed, (unsigned long long)id);
}

int race_free(struct race_thread *thread, const uint16_t *arg)
{
	uint64_t target = shared_id(thread, arg[0]);
	struct dmabuf_revoke_free out;
	uint64_t offsets[4];
	int ret;

	ret = WITH_OWNER(thread, arg[1], target,
			 dr_free(owner, id, offsets, 4, &out));
	if (ret)
		return ret;
	atomic_store(&race_fact(thread->board, target)->told, true);
	check_quarantine(thread, target, &out);
	return 0;
}

/* Another descriptor, of what is there by now, in place of the one that was. */
int race_export(struct race_thread *thread, const uint16_t *arg)
{
	unsigned int slot = race_any_slot(thread, arg[0]);
	struct race_handle buffer;

	race_handle_set(&thread->process->buffers[slot], -1, 0, 0, 0);
	buffer = race_buffer(thread, slot);
	if (buffer.fd < 0)
		return RACE_NOTHING;
	close(buffer.fd);
	return 0;
}

/* Closes what may be the last descriptor of a buffer in this process. */
int race_drop(struct race_thread *thread, const uint16_t *arg)
{
	unsigned int slot = race_any_slot(thread, arg[0]);

	race_handle_set(&thread->process->buffers[slot], -1, 0, 0, 0);
	return 0;
}

int race_owner_close(struct race_thread *thread, const uint16_t *arg)
{
	int owner = dr_open(DMABUF_REVOKE_EXPORTER_PATH);

	if (owner < 0)
		return owner;
	race_handle_set(&thread->process->owners[arg[0] % RACE_OWNERS], owner,
			0, 0, 0);
	return 0;
}

/* Nothing may use what has been taken back. */
static void check_idle(struct race_thread *thread, uint64_t id,
		       const struct dmabuf_revoke_pending *pending)
{
	if (pending->maps || pending->vmaps)
		race_violation(thread, "buffer %llu was taken back with %u mappings, %u vmaps",
			       (unsigned long long)id, pending->maps,
			       pending->vmaps);
}

int race_revoke(struct race_thread *thread, const uint16_t *arg)
{
	uint64_t target = shared_id(thread, arg[0]);
	struct dmabuf_revoke_revoke out;
	struct race_fact *fact;
	int ret;

	ret = WITH_OWNER(thread, arg[1], target,
			 dr_revoke(owner, id, race_deadline(arg[2]), &out));
	if (ret && ret != -ETIMEDOUT)
		return ret;

	fact = race_fact(thread->board, target);
	atomic_store(&fact->told, true);
	if (ret)
		return ret;
	atomic_store(&fact->done, true);
	if (out.state != DMABUF_REVOKE_STATE_REVOKED)
		race_violation(thread, "REVOKE of %llu is done in state %u",
			       (unsigned long long)target, out.state);
	check_idle(thread, target, &out.pending);
	return 0;
}

int race_suspend(struct race_thread *thread, const uint16_t *arg)
{
	uint64_t target = any_id(thread, arg[0]);
	struct dmabuf_revoke_revoke out;
	bool told;
	int ret;

	told = target && race_told(thread->board, target);
	ret = WITH_OWNER(thread, arg[1], target,
			 dr_suspend(owner, id, race_deadline(arg[2]), &out));
	if (ret)
		return ret;
	if (told)
		race_violation(thread, "SUSPEND of %llu, which is revoked",
			       (unsigned long long)target);
	if (out.state == DMABUF_REVOKE_STATE_SUSPENDED)
		check_idle(thread, target, &out.pending);
	return 0;
}

int race_restore(struct race_thread *thread, const uint16_t *arg)
{
	uint64_t target = any_id(thread, arg[0]);
	bool told = target && race_told(thread->board, target);
	int ret;

	ret = WITH_OWNER(thread, arg[1], target,
			 dr_restore(owner, id, race_deadline(arg[2])));
	if (!ret && told)
		race_violation(thread, "RESTORE of %llu, which is revoked",
			       (unsigned long long)target);
	return ret;
}

int race_move(struct race_thread *thread, const uint16_t *arg)
{
	uint64_t target = any_id(thread, arg[0]);
	bool told = target && race_told(thread->board, target);
	int ret;

	ret = WITH_OWNER(thread, arg[1], target,
			 dr_move(owner, id, race_deadline(arg[2])));
	if (!ret && told)
		race_violation(thread, "MOVE of %llu, which is revoked",
			       (unsigned long long)target);
	return ret;
}

int race_query(struct race_thread *thread, const uint16_t *arg)
{
	uint64_t target = any_id(thread, arg[0]);
	bool done = target && race_done(thread->board, target);
	struct dmabuf_revoke_query out;
	int ret;

	ret = WITH_OWNER(thread, arg[1], target, dr_query(owner, id, &out));
	if (ret || !done)
		return ret;
	if (out.state != DMABUF_REVOKE_STATE_REVOKED)
		race_violation(thread, "%llu is in state %u after its revoke",
			       (unsigned long long)target, out.state);
	check_idle(thread, target, &out.pending);
	return 0;
}

int race_list(struct race_thread *thread, const uint16_t *arg)
{
	uint64_t ids[64];
	uint32_t count;

	return WITH_OWNER(thread, arg[0], 1,
			  dr_list(owner, id ? ids : NULL, arg[1] % 65, &count));
}

int race_blockers(struct race_thread *thread, const uint16_t *arg)
{
	struct dmabuf_revoke_blocker blockers[8];
	uint32_t count;

	return WITH_OWNER(thread, arg[1], any_id(thread, arg[0]),
			  dr_blockers(owner, id, blockers, arg[2] % 9, &count));
}

int race_info(struct race_thread *thread, const uint16_t *arg)
{
	struct dmabuf_revoke_exporter_info exporter;
	struct dmabuf_revoke_importer_info importer;
	int ret;

	ret = WITH_OWNER(thread, arg[0], 1,
			 id ? dr_exporter_info(owner, &exporter) : 0);
	return ret ? ret : dr_importer_info(thread->process->importer, &importer);
}
