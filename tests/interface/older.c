// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that was built against an older header, and against nothing newer: every
 * ioctl, and what read() returns, goes on meaning what that header says.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "abi/dmabuf_revoke-2026-11-22.h"
#include "check.h"

#ifdef DMABUF_REVOKE_FEATURE_STATIC_MAP
#error "this is not the header that was asked for"
#endif

#define LENGTH (2 * (uint64_t)sysconf(_SC_PAGESIZE))
#define PATTERN 0x0123456789abcdefULL

/* An argument as that program sets it up; the size is the one that it knows. */
#define ARG(name, ...)							\
	((struct dmabuf_revoke_##name){					\
		.size = sizeof(struct dmabuf_revoke_##name), ##__VA_ARGS__	\
	})

static int exporter = -1;
static int importer = -1;

static long call(int fd, unsigned long request, void *arg)
{
	return sys(ioctl(fd, request, arg));
}

static void devices_open(void)
{
	exporter = succeeds(sys(open(DMABUF_REVOKE_EXPORTER_PATH, O_RDWR)));
	importer = succeeds(sys(open(DMABUF_REVOKE_IMPORTER_PATH, O_RDWR)));
}

static void devices_close(void)
{
	close(importer);
	close(exporter);
}

static struct dmabuf_revoke_alloc alloc(uint32_t flags)
{
	struct dmabuf_revoke_alloc arg = ARG(alloc, .flags = flags,
					     .length = LENGTH - 1,
					     .fd_flags = O_RDWR | O_CLOEXEC);

	succeeds(call(exporter, DMABUF_REVOKE_IOC_ALLOC, &arg));
	equal(arg.length, LENGTH);
	return arg;
}

static int attach(int dmabuf, uint32_t kind, uint32_t flags)
{
	struct dmabuf_revoke_attach arg = ARG(attach, .flags = flags,
					      .dmabuf_fd = dmabuf, .kind = kind,
					      .fd_flags = O_CLOEXEC);

	succeeds(call(importer, DMABUF_REVOKE_IOC_ATTACH, &arg));
	equal(arg.length, LENGTH);
	return arg.fd;
}

static struct dmabuf_revoke_wait run(int att, struct dmabuf_revoke_submit job)
{
	struct dmabuf_revoke_wait wait = ARG(wait, .deadline_ns =
					     DMABUF_REVOKE_FOREVER);

	succeeds(call(att, DMABUF_REVOKE_IOC_SUBMIT, &job));
	wait.job = job.job;
	succeeds(call(att, DMABUF_REVOKE_IOC_WAIT, &wait));
	return wait;
}

static void expect_event(int att, uint32_t type)
{
	struct dmabuf_revoke_event event;

	equal(read(att, &event, sizeof(event)), sizeof(event));
	equal(event.type, type);
}

static struct dmabuf_revoke_status status(int att)
{
	struct dmabuf_revoke_status arg = ARG(status);

	succeeds(call(att, DMABUF_REVOKE_IOC_STATUS, &arg));
	return arg;
}

static struct dmabuf_revoke_query query(uint64_t id)
{
	struct dmabuf_revoke_query arg = ARG(query, .id = id);

	succeeds(call(exporter, DMABUF_REVOKE_IOC_QUERY, &arg));
	return arg;
}

static struct dmabuf_revoke_revoke take_back(uint64_t id, uint32_t flags)
{
	struct dmabuf_revoke_revoke arg = ARG(revoke, .flags = flags, .id = id,
					      .deadline_ns =
					      DMABUF_REVOKE_FOREVER);

	succeeds(call(exporter, DMABUF_REVOKE_IOC_REVOKE, &arg));
	equal(arg.pending.maps, 0);
	equal(arg.pending.fences, 0);
	return arg;
}

TEST(older, info)
{
	struct dmabuf_revoke_exporter_info exp = ARG(exporter_info);
	struct dmabuf_revoke_importer_info imp = ARG(importer_info);

	devices_open();
	succeeds(call(exporter, DMABUF_REVOKE_IOC_EXPORTER_INFO, &exp));
	succeeds(call(importer, DMABUF_REVOKE_IOC_IMPORTER_INFO, &imp));
	holds(exp.abi_version >= DMABUF_REVOKE_ABI_VERSION);
	holds(imp.abi_version >= DMABUF_REVOKE_ABI_VERSION);
	equal(exp.page_size, sysconf(_SC_PAGESIZE));
	holds(exp.limit_bytes >= LENGTH && imp.max_jobs);
	devices_close();
}

/* Around what the CPU reads, see DMA_BUF_IOCTL_SYNC. */
static void cpu_access(int dmabuf, uint64_t which)
{
	struct dma_buf_sync sync = { .flags = which | DMA_BUF_SYNC_READ };

	succeeds(call(dmabuf, DMA_BUF_IOCTL_SYNC, &sync));
}

/* What DMA does is seen by the CPU, and by DMA. */
static void device_writes(int att, int dmabuf)
{
	struct dmabuf_revoke_wait wait;
	uint64_t *memory = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, dmabuf, 0);

	holds(memory != MAP_FAILED);
	wait = run(att, ARG(submit, .op = DMABUF_REVOKE_OP_WRITE,
			    .length = LENGTH / 2, .pattern = PATTERN));
	equal(wait.status, 0);
	equal(wait.passes, 1);
	cpu_access(dmabuf, DMA_BUF_SYNC_START);
	equal(memory[LENGTH / 2 / 8 - 1], PATTERN);
	equal(memory[LENGTH / 2 / 8], 0);
	cpu_access(dmabuf, DMA_BUF_SYNC_END);
	wait = run(att, ARG(submit, .op = DMABUF_REVOKE_OP_COPY,
			    .length = LENGTH / 2, .dst_offset = LENGTH / 2));
	equal(wait.status, 0);
	cpu_access(dmabuf, DMA_BUF_SYNC_START);
	equal(memory[LENGTH / 8 - 1], PATTERN);
	cpu_access(dmabuf, DMA_BUF_SYNC_END);
	munmap(memory, LENGTH);
}

static uint32_t device_reads(int att)
{
	struct dmabuf_revoke_wait wait = run(att, ARG(submit, .length = LENGTH));

	equal(wait.status, 0);
	holds(wait.started_ns && wait.ended_ns >= wait.started_ns);
	return wait.crc32;
}

static uint32_t cpu_reads(int att)
{
	struct dmabuf_revoke_vmap vmap = ARG(vmap);
	uint32_t crc32;

	succeeds(call(att, DMABUF_REVOKE_IOC_VMAP, &vmap));
	crc32 = vmap.crc32;
	equal(status(att).vmapped, 1);
	vmap = ARG(vmap);
	succeeds(call(att, DMABUF_REVOKE_IOC_VUNMAP, &vmap));
	return crc32;
}

TEST(older, from_alloc_to_revoke)
{
	struct dmabuf_revoke_map map = ARG(map, .direction =
					   DMABUF_REVOKE_BIDIRECTIONAL);
	struct dmabuf_revoke_alloc buffer;
	struct dmabuf_revoke_revoke revoke;
	int att;

	devices_open();
	buffer = alloc(0);
	att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	succeeds(call(att, DMABUF_REVOKE_IOC_MAP, &map));
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	device_writes(att, buffer.fd);
	expect_event(att, DMABUF_REVOKE_EVENT_JOB_DONE);
	expect_event(att, DMABUF_REVOKE_EVENT_JOB_DONE);
	equal(device_reads(att), cpu_reads(att));
	expect_event(att, DMABUF_REVOKE_EVENT_JOB_DONE);

	revoke = take_back(buffer.id, 0);
	equal(revoke.state, DMABUF_REVOKE_STATE_REVOKED);
	equal(revoke.already, 0);
	holds(revoke.phases.began_ns && revoke.phases.give_back_ns);
	expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	expect_event(att, DMABUF_REVOKE_EVENT_UNMAPPED);
	equal(status(att).invalidations, 1);
	equal(take_back(buffer.id, 0).already, 1);
	equal(query(buffer.id).phases.began_ns, revoke.phases.began_ns);
	fails(call(att, DMABUF_REVOKE_IOC_MAP, &map), ENODEV);
	close(att);
	close(buffer.fd);
	devices_close();
}

/* A fence that a revoke waits for, and by which name it is known meanwhile. */
TEST(older, blockers)
{
	struct dmabuf_revoke_submit stream = ARG(submit,
		.flags = DMABUF_REVOKE_SUBMIT_STREAM |
			 DMABUF_REVOKE_SUBMIT_FENCE_FD,
		.length = LENGTH);
	struct dmabuf_revoke_blocker blockers[2];
	struct dmabuf_revoke_blockers arg = ARG(blockers,
		.blockers = (uintptr_t)blockers,
		.capacity = 2);
	struct dmabuf_revoke_alloc buffer;
	int att;

	devices_open();
	buffer = alloc(0);
	att = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED,
		     DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	succeeds(call(att, DMABUF_REVOKE_IOC_SUBMIT, &stream));
	arg.id = buffer.id;
	succeeds(call(exporter, DMABUF_REVOKE_IOC_BLOCKERS, &arg));
	equal(arg.count, 2);
	for (int i = 0; i < 2; i++) {
		struct dmabuf_revoke_blocker *one = &blockers[i];

		holds(one->name[0]);
		if (one->type == DMABUF_REVOKE_BLOCKER_MAP)
			holds(one->pins);
		else
			holds(one->timeline[0]);
	}
	equal(blockers[0].type + blockers[1].type,
	      DMABUF_REVOKE_BLOCKER_FENCE + DMABUF_REVOKE_BLOCKER_MAP);
	equal(query(buffer.id).pending.fences, 1);
	take_back(buffer.id, 0);
	close(stream.fence_fd);
	close(att);
	close(buffer.fd);
	devices_close();
}

TEST(older, suspend_restore_move_unmap)
{
	struct dmabuf_revoke_alloc buffer;
	struct dmabuf_revoke_restore restore;
	struct dmabuf_revoke_unmap unmap = ARG(unmap);
	struct dmabuf_revoke_move move;
	uint32_t crc32;
	int att;

	devices_open();
	buffer = alloc(0);
	att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	device_writes(att, buffer.fd);
	crc32 = device_reads(att);
	equal(take_back(buffer.id, DMABUF_REVOKE_REVOKE_SUSPEND).state,
	      DMABUF_REVOKE_STATE_SUSPENDED);
	restore = ARG(restore, .id = buffer.id,
		      .deadline_ns = DMABUF_REVOKE_FOREVER);
	succeeds(call(exporter, DMABUF_REVOKE_IOC_RESTORE, &restore));
	equal(device_reads(att), crc32);
	succeeds(call(att, DMABUF_REVOKE_IOC_UNMAP, &unmap));
	move = ARG(move, .id = buffer.id, .deadline_ns = DMABUF_REVOKE_FOREVER);
	succeeds(call(exporter, DMABUF_REVOKE_IOC_MOVE, &move));
	equal(query(buffer.id).moves, 1);
	equal(device_reads(att), crc32);
	close(att);
	close(buffer.fd);
	devices_close();
}

TEST(older, list_export_quarantine_free)
{
	struct dmabuf_revoke_alloc buffer;
	uint64_t ids[64] = { 0 }, offset;
	struct dmabuf_revoke_list list = ARG(list, .ids = (uintptr_t)ids,
					     .capacity = 64);
	struct dmabuf_revoke_export export;
	struct dmabuf_revoke_free free;

	devices_open();
	buffer = alloc(DMABUF_REVOKE_ALLOC_QUARANTINE);
	succeeds(call(exporter, DMABUF_REVOKE_IOC_LIST, &list));
	/* Ascending, and none is newer. */
	holds(list.count >= 1 && list.count <= 64);
	equal(ids[list.count - 1], buffer.id);
	export = ARG(export, .id = buffer.id, .fd_flags = O_CLOEXEC);
	succeeds(call(exporter, DMABUF_REVOKE_IOC_EXPORT, &export));
	holds(export.fd >= 0 && export.fd != buffer.fd);
	take_back(buffer.id, 0);
	free = ARG(free, .id = buffer.id, .offsets = (uintptr_t)&offset,
		   .capacity = 1);
	succeeds(call(exporter, DMABUF_REVOKE_IOC_FREE, &free));
	equal(free.checked, 1);
	equal(free.changed, 0);
	close(export.fd);
	close(buffer.fd);
	devices_close();
}
