// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exporter owes, clause by clause: who gets in, who is invalidated, what is left
 * behind. E5 to E9 are in waits.c and waits/revoke.c, E9 in memory/mmap.c, E10 and E11 in
 * release.c, E12 in interface/strangers.c, E13 in life/owners.c. The names of the cases
 * begin with the clauses.
 */
#include <linux/dma-buf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "life.h"

static const uint32_t revocable_kinds[] = {
	DMABUF_REVOKE_KIND_DYNAMIC,
	DMABUF_REVOKE_KIND_PINNED,
};

static const uint32_t legacy_kinds[] = {
	DMABUF_REVOKE_KIND_LEGACY_STATIC,
	DMABUF_REVOKE_KIND_LEGACY_RDMA,
};

static struct buffer buffer_for_all(void)
{
	return buffer_alloc(PAGE, ACCEPT_LEGACY);
}

CASE(exporter, E1_legacy_importer_is_refused)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	for (size_t i = 0; i < ARRAY_SIZE(legacy_kinds); i++)
		fails(dr_attach(importer, buffer.fd, legacy_kinds[i], 0),
		      EOPNOTSUPP);
	equal(query(buffer.id).attachments, 0);
	equal(query(buffer.id).pending.pins, 0);
	for (size_t i = 0; i < ARRAY_SIZE(revocable_kinds); i++)
		close(attach(buffer.fd, revocable_kinds[i], 0));
	close(buffer.fd);
}

CASE(exporter, E1_control_legacy_importer_is_let_in_where_accepted)
{
	struct buffer buffer = buffer_for_all();

	for (size_t i = 0; i < ARRAY_SIZE(legacy_kinds); i++) {
		int att = attach_mapped(buffer.fd, legacy_kinds[i], 0);

		equal(query(buffer.id).pending.legacy_maps, 1);
		close(att);
	}
	close(buffer.fd);
}

struct mapper {
	pthread_t thread;
	int dmabuf;
	uint32_t kind;
	const atomic_bool *revoked;
	atomic_uint mapped;	/* times that it got in */
	bool late;		/* got in after the revoke had returned */
	int result;
};

static void *map_until_refused(void *arg)
{
	struct mapper *mapper = arg;

	while (!mapper->result) {
		bool late = atomic_load(mapper->revoked);
		int att = dr_attach(importer, mapper->dmabuf, mapper->kind, 0);

		if (att < 0) {
			mapper->result = att;
			break;
		}
		mapper->result = dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);
		if (!mapper->result) {
			mapper->late |= late;
			atomic_fetch_add(&mapper->mapped, 1);
		}
		close(att);
	}
	return NULL;
}

static void mappers_race_a_revoke(struct buffer *buffer)
{
	atomic_bool revoked = false;
	struct mapper mappers[4] = {};

	for (size_t i = 0; i < ARRAY_SIZE(mappers); i++) {
		mappers[i].dmabuf = buffer->fd;
		mappers[i].kind = revocable_kinds[i % 2];
		mappers[i].revoked = &revoked;
		pthread_create(&mappers[i].thread, NULL, map_until_refused,
			       &mappers[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(mappers); i++)
		while (!atomic_load(&mappers[i].mapped))
			sched_yield();
	revoke_fully(buffer->id);
	atomic_store(&revoked, true);
	equal(query(buffer->id).pending.maps, 0);
	for (size_t i = 0; i < ARRAY_SIZE(mappers); i++) {
		pthread_join(mappers[i].thread, NULL);
		equal(mappers[i].result, -ENODEV);
		holds(!mappers[i].late, "mapped after the revoke");
	}
	equal(query(buffer->id).pending.maps, 0);
	equal(query(buffer->id).pending.pins, 0);
}

CASE(exporter, E2_I1_nobody_gets_in_once_a_revoke_has_returned)
{
	for (int round = 0; round < 8; round++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);

		mappers_race_a_revoke(&buffer);
		close(buffer.fd);
	}
}

/* Attached before, so that map itself has to decide. */
CASE(exporter, E2_E3_map_after_revoke_is_ENODEV)
{
	struct buffer buffer = buffer_for_all();
	int dynamic = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int pinned = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
	int rdma = attach(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	struct dmabuf_revoke_submit job = { .length = 1 };

	revoke_fully(buffer.id);
	fails(dr_map(dynamic, 0), ENODEV);
	fails(dr_map(pinned, 0), ENODEV);
	fails(dr_map(rdma, 0), ENODEV);
	fails(dr_submit(dynamic, &job), ENODEV);
	fails(dr_submit(rdma, &job), ENODEV);
	equal(query(buffer.id).pending.maps, 0);
	close(rdma);
	close(pinned);
	close(dynamic);
	close(buffer.fd);
}

static void attach_is_ENODEV(int dmabuf)
{
	for (size_t i = 0; i < 2; i++) {
		fails(dr_attach(importer, dmabuf, revocable_kinds[i], 0),
		      ENODEV);
		fails(dr_attach(importer, dmabuf, legacy_kinds[i], 0), ENODEV);
	}
}

CASE(exporter, E3_attach_after_revoke_is_ENODEV)
{
	struct buffer buffer = buffer_for_all();

	revoke_fully(buffer.id);
	attach_is_ENODEV(buffer.fd);
	equal(query(buffer.id).attachments, 0);
	close(buffer.fd);
}

CASE(exporter, E3_nobody_gets_in_while_a_blocker_is_left)
{
	struct buffer buffer = buffer_for_all();
	int idle = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	void *memory;

	revoke_times_out(buffer.id, 0);
	attach_is_ENODEV(buffer.fd);
	fails(dr_map(idle, 0), ENODEV);
	fails(sync_cpu_access(buffer.fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW),
	      ENODEV);
	memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, buffer.fd, 0);
	holds(memory == MAP_FAILED);
	equal(errno, ENODEV);
	/* Once the one that was in has unmapped, it does not get in again. */
	succeeds(dr_unmap(lazy));
	fails(dr_map(lazy, 0), ENODEV);
	close(lazy);
	close(idle);
	close(buffer.fd);
}

CASE(exporter, E4_each_revocable_attachment_is_invalidated_once)
{
	struct buffer buffer = buffer_for_all();
	int idle[8], mapped[8];

	for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
		uint32_t kind = revocable_kinds[i % 2];
		uint32_t flags = i & 2 ? DMABUF_REVOKE_ATTACH_DEFER_UNMAP : 0;

		idle[i] = attach(buffer.fd, kind, 0);
		mapped[i] = attach_mapped(buffer.fd, kind, flags);
	}
	revoke_fully(buffer.id);
	revoke_fully(buffer.id);
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
		equal(status(idle[i]).invalidations, 1);
		equal(status(mapped[i]).invalidations, 1);
		close(idle[i]);
		close(mapped[i]);
	}
	close(buffer.fd);
}

CASE(exporter, E4_resumed_revoke_invalidates_nobody_again)
{
	struct buffer buffer = buffer_for_all();
	int importer = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	for (int i = 0; i < 3; i++)
		revoke_times_out(buffer.id, 0);
	equal(status(importer).invalidations, 1);
	close(lazy);
	revoke_fully(buffer.id);
	equal(status(importer).invalidations, 1);
	close(importer);
	close(buffer.fd);
}

CASE(exporter, E4_legacy_importer_is_never_invalidated)
{
	struct buffer buffer = buffer_for_all();
	int atts[2];

	for (size_t i = 0; i < ARRAY_SIZE(atts); i++)
		atts[i] = attach_mapped(buffer.fd, legacy_kinds[i], 0);
	revoke_times_out(buffer.id, 0);
	for (size_t i = 0; i < ARRAY_SIZE(atts); i++) {
		equal(status(atts[i]).invalidations, 0);
		equal(status(atts[i]).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
		expect_event(atts[i], DMABUF_REVOKE_EVENT_MAPPED);
		holds(!is_readable(atts[i], 0));
		close(atts[i]);
	}
	revoke_fully(buffer.id);
	close(buffer.fd);
}

/* It is told when something is taken from it, and then only. */
CASE(exporter, E4_pin_and_map_invalidate_nobody)
{
	for (size_t i = 0; i < ARRAY_SIZE(revocable_kinds); i++) {
		struct buffer buffer = buffer_for_all();
		int idle = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
		int other = dr_attach(importer, buffer.fd, revocable_kinds[i], 0);
		int mapped = other < 0 ? other : dr_map(other, 0);

		equal(status(idle).invalidations, 0);
		succeeds(mapped);
		equal(status(other).invalidations, 0);
		suspend_fully(buffer.id);
		restore_fully(buffer.id);
		equal(status(idle).invalidations, 1);
		close(other);
		close(idle);
		close(buffer.fd);
	}
}

CASE(exporter, E16_unwritable_argument_leaves_nothing)
{
	struct dmabuf_revoke_alloc *arg = page_with(PROT_READ | PROT_WRITE);
	uint64_t before = buffers_in_system();
	uint32_t listed_before, listed_after;
	int fds = open_fds();

	succeeds(dr_list(exporter, NULL, 0, &listed_before));
	arg->size = sizeof(*arg);
	arg->length = PAGE;
	arg->fd_flags = O_RDWR;
	succeeds(sys(mprotect(arg, PAGE, PROT_READ)));
	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_ALLOC, arg)), EFAULT);
	succeeds(dr_list(exporter, NULL, 0, &listed_after));
	equal(listed_after, listed_before);
	equal(open_fds(), fds);
	equal(buffers_in_system(), before);
	cpu_unmap(arg, PAGE);
}

static int open_path_only(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return succeeds(sys(open(path, O_PATH | O_CLOEXEC)));
}

/*
 * The dentry, and with it the dma-buf's release, is kept back by the O_PATH
 * descriptor long after the last file reference has gone.
 */
/* One that took it would wait for itself until the time of the case is up. */
CASE(exporter, E20_calls_with_the_lock_held_do_not_take_it)
{
	struct buffer buffer = buffer_for_all();

	for (uint32_t kind = 0; kind <= DMABUF_REVOKE_KIND_LEGACY_RDMA; kind++) {
		int att = attach_mapped(buffer.fd, kind, 0);

		succeeds(dr_vmap(att, NULL));
		succeeds(dr_vunmap(att));
		succeeds(dr_unmap(att));
		close(att);
	}
	revoke_fully(buffer.id);
	close(buffer.fd);
}

CASE(exporter, E17_path_descriptor_outlives_the_owner)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	int path = open_path_only(buffer.fd);
	struct dmabuf_revoke_query out;

	close(buffer.fd);
	equal(query(buffer.id).state, DMABUF_REVOKE_STATE_LIVE);
	close(owner);
	holds(eventually(is_gone, buffer.id));
	/* The file is freed after a grace period; what looks on until then. */
	for (int i = 0; i < 50; i++) {
		listed(buffer.id);
		fails(dr_query(exporter, buffer.id, &out), ENOENT);
		fails(dr_revoke(exporter, buffer.id, 0, NULL), ENOENT);
	}
	fails(dr_query_fd(exporter, path, &out), EBADF);
	fails(dr_attach(importer, path, 0, 0), EBADF);
	close(path);
}

CASE(exporter, E17_path_descriptor_during_a_revoke)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, ACCEPT_LEGACY, &owner);
	int path = open_path_only(buffer.fd);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	close(buffer.fd);
	close(owner);
	holds(eventually(is_orphaned, buffer.id));
	holds(listed(buffer.id));
	equal(query(buffer.id).pending.maps, 1);
	close(lazy);
	holds(eventually(is_gone, buffer.id));
	close(path);
}

/* It is invalidated under the lock, so only a flag that was set before can refuse it. */
CASE(exporter, E2_importer_that_maps_in_the_callback_is_refused)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     DMABUF_REVOKE_MISBEHAVE_REMAP, 0);

	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	dr_revoke(exporter, buffer.id, 0, NULL);
	equal(status(att).remap_error, -ENODEV);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
	close(att);
	close(buffer.fd);
}

CASE(exporter, E4_idle_attachment_is_invalidated_once)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int dynamic = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int pinned = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);

	revoke_fully(buffer.id);
	equal(status(dynamic).invalidations, 1);
	equal(status(pinned).invalidations, 1);
	close(pinned);
	close(dynamic);
	close(buffer.fd);
}
