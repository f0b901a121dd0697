// SPDX-License-Identifier: GPL-2.0-only
/* E13: what the end of the owner does. */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common.h"

CASE(owners, E13_close_revokes_an_idle_buffer)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);

	close(owner);
	holds(eventually(is_gone, buffer.id));
	equal(query_fd(buffer.fd).state, DMABUF_REVOKE_STATE_REVOKED);
	equal(query_fd(buffer.fd).orphaned, 1);
	equal(query_fd(buffer.fd).id, buffer.id);
	close(buffer.fd);
}

CASE(owners, E13_close_after_a_revoke)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);

	revoke_fully(buffer.id);
	holds(listed(buffer.id));
	close(owner);
	holds(eventually(is_gone, buffer.id));
	close(buffer.fd);
}

/* It is orphaned but there, with what it waits for, until that is gone. */
static struct dmabuf_revoke_query close_leaves_orphan(struct buffer *buffer,
						      int owner)
{
	uint64_t before = dr_now();
	struct dmabuf_revoke_query out;

	close(owner);
	holds(dr_now() - before < SOON, "close() waited");
	holds(eventually(is_orphaned, buffer->id));
	holds(listed(buffer->id));
	out = query(buffer->id);
	equal(out.state, DMABUF_REVOKE_STATE_REVOKING);
	equal(out.orphaned, 1);
	return out;
}

CASE(owners, E13_close_with_a_legacy_mapping)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, ACCEPT_LEGACY, &owner);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	close(buffer.fd);
	equal(close_leaves_orphan(&buffer, owner).pending.legacy_maps, 1);
	close(att);
	holds(eventually(is_gone, buffer.id));
}

CASE(owners, E13_close_with_a_fence)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	int other, fence = foreign_fence(ENDLESS, &other);

	succeeds(import_fence(buffer.fd, fence));
	close(buffer.fd);
	equal(close_leaves_orphan(&buffer, owner).pending.fences, 1);
	close(other);
	holds(eventually(is_gone, buffer.id));
	close(fence);
}

CASE(owners, E13_close_with_a_job_and_a_deferred_unmap)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	struct dmabuf_revoke_query out;

	submit_running(att, buffer.fd, 0, ENDLESS, NULL);
	close(buffer.fd);
	out = close_leaves_orphan(&buffer, owner);
	equal(out.pending.fences, 1);
	equal(out.pending.maps, 1);
	close(att);
	holds(eventually(is_gone, buffer.id));
}

CASE(owners, E13_close_with_several_blockers_waits_for_the_last)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, ACCEPT_LEGACY, &owner);
	int rdma = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	int other, fence = foreign_fence(ENDLESS, &other);

	succeeds(import_fence(buffer.fd, fence));
	close(buffer.fd);
	equal(close_leaves_orphan(&buffer, owner).pending.maps, 2);
	close(rdma);
	equal(query(buffer.id).pending.maps, 1);
	close(other);
	equal(query(buffer.id).state, DMABUF_REVOKE_STATE_REVOKING);
	close(lazy);
	holds(eventually(is_gone, buffer.id));
	close(fence);
}

CASE(owners, E13_close_in_the_middle_of_a_revoke)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, ACCEPT_LEGACY, &owner);
	int importer = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	uint64_t began = revoke_times_out(buffer.id, 0).phases.began_ns;

	close(buffer.fd);
	equal(close_leaves_orphan(&buffer, owner).phases.began_ns, began);
	equal(status(importer).invalidations, 1);
	/* An administrator can still wait for it. */
	revoke_times_out(buffer.id, 10 * MSEC);
	succeeds(dr_unmap(lazy));
	holds(eventually(is_gone, buffer.id));
	close(lazy);
	close(importer);
}

CASE(owners, E13_dup_of_the_file_keeps_the_owner)
{
	int owner, copy;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);

	copy = dup(owner);
	close(owner);
	equal(query(buffer.id).state, DMABUF_REVOKE_STATE_LIVE);
	equal(query(buffer.id).orphaned, 0);
	close(copy);
	holds(eventually(is_gone, buffer.id));
	equal(query_fd(buffer.fd).state, DMABUF_REVOKE_STATE_REVOKED);
	close(buffer.fd);
}

/* An owner in a process of its own, which waits to be killed. */
static pid_t owner_start(struct buffer *buffer)
{
	int result[2];
	pid_t child;

	succeeds(sys(pipe2(result, O_CLOEXEC)));
	child = succeeds(sys(fork()));
	if (!child) {
		struct buffer mine = {};
		int own = dr_open(DMABUF_REVOKE_EXPORTER_PATH);

		if (dr_alloc(own, PAGE, ACCEPT_LEGACY,
			     &mine.id, &mine.fd) ||
		    write(result[1], &mine, sizeof(mine)) != sizeof(mine))
			_exit(1);
		for (;;)
			pause();
	}
	close(result[1]);
	equal(read(result[0], buffer, sizeof(*buffer)), sizeof(*buffer));
	close(result[0]);
	return child;
}

/* Our own copy of a descriptor of another process. */
static int take_descriptor(pid_t pid, int fd)
{
	int pidfd = succeeds(sys(syscall(SYS_pidfd_open, pid, 0)));
	int copy = succeeds(sys(syscall(SYS_pidfd_getfd, pidfd, fd, 0)));

	close(pidfd);
	return copy;
}

static void owner_kill(pid_t child)
{
	int status;

	succeeds(sys(kill(child, SIGKILL)));
	equal(waitpid(child, &status, 0), child);
	equal(WTERMSIG(status), SIGKILL);
}

CASE(owners, E13_death_of_the_process_revokes)
{
	struct buffer buffer;
	pid_t child = owner_start(&buffer);
	int importer, fd = take_descriptor(child, buffer.fd);
	char *memory = cpu_map(fd, PAGE);

	importer = attach_mapped(fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	equal(fault_on_write(memory), 0);
	owner_kill(child);
	holds(eventually(is_gone, buffer.id));
	equal(status(importer).invalidations, 1);
	equal(fault_on_read(memory), SIGBUS);
	equal(query_fd(fd).state, DMABUF_REVOKE_STATE_REVOKED);
	cpu_unmap(memory, PAGE);
	close(importer);
	close(fd);
}

CASE(owners, E13_death_of_the_process_with_a_blocker)
{
	struct buffer buffer;
	pid_t child = owner_start(&buffer);
	int fd = take_descriptor(child, buffer.fd);
	int lazy = attach_mapped(fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	close(fd);
	owner_kill(child);
	holds(eventually(is_orphaned, buffer.id));
	equal(query(buffer.id).pending.legacy_maps, 1);
	close(lazy);
	holds(eventually(is_gone, buffer.id));
}

static int revoke_orphan(void *arg)
{
	struct buffer *buffer = arg;

	return dr_revoke(exporter, buffer->id, 0, NULL);
}

/* Nobody owns an orphan, so only an administrator may name it. */
CASE(owners, E12_E13_orphan_is_the_administrators)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, ACCEPT_LEGACY, &owner);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	close_leaves_orphan(&buffer, owner);
	fails(as_nobody(revoke_orphan, &buffer), EPERM);
	revoke_times_out(buffer.id, 0);
	close(lazy);
	holds(eventually(is_gone, buffer.id));
	close(buffer.fd);
}
