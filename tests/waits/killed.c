// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call of the importer ends when its process is killed, whatever it waits for; and
 * none waits for another that does.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "deliberate.h"
#include "life.h"
#include "lock/holder.h"

TIME_LIMIT(110);

#define M(name) DMABUF_REVOKE_MISBEHAVE_##name

/* What the calls are made on, all of it open here: a child that dies closes nothing. */
struct scene {
	struct buffer buffer;
	int idle;		/* an attachment without a mapping */
	int mapped;		/* one with a mapping, an endless job and a vmap */
	uint64_t job;
};

static int call_attach(struct scene *s)
{
	return dr_attach(importer, s->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
}

static int call_map(struct scene *s)
{
	return dr_map(s->idle, 0);
}

static int call_unmap(struct scene *s)
{
	return dr_unmap(s->idle);
}

static int call_submit(struct scene *s)
{
	struct dmabuf_revoke_submit job = { .length = 1 };

	return dr_submit(s->idle, &job);
}

static int call_status(struct scene *s)
{
	struct dmabuf_revoke_status out;

	return dr_status(s->idle, &out);
}

static int call_segments(struct scene *s)
{
	uint32_t count;

	return dr_segments(s->mapped, NULL, 0, &count);
}

static int call_vmap(struct scene *s)
{
	return dr_vmap(s->idle, NULL);
}

static int call_vunmap(struct scene *s)
{
	return dr_vunmap(s->mapped);
}

static int call_wait(struct scene *s)
{
	struct dmabuf_revoke_wait out;

	return dr_wait(s->mapped, s->job, DMABUF_REVOKE_FOREVER, &out);
}

static int call_read(struct scene *s)
{
	struct dmabuf_revoke_event event;

	return dr_event(s->idle, &event);
}

static pid_t start(int (*call)(struct scene *s), struct scene *s)
{
	pid_t pid = fork();

	if (!pid)
		_exit(call(s) ? 1 : 0);
	holds(pid > 0);
	return pid;
}

static void ends_when_killed(const char *name, pid_t pid)
{
	int status;

	holds(eventually(is_asleep, pid), "%s does not wait", name);
	equal(kill(pid, SIGKILL), 0);
	equal(waitpid(pid, &status, 0), pid);
	holds(WIFSIGNALED(status), "%s ended by itself", name);
}

static struct scene scene_new(void)
{
	struct scene s = { .buffer = buffer_alloc(PAGE, 0) };

	s.idle = attach(s.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	s.mapped = attach(s.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			  DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	succeeds(dr_vmap(s.mapped, NULL));
	s.job = submit_running(s.mapped, s.buffer.fd,
			       DMABUF_REVOKE_SUBMIT_BOOKKEEP, ENDLESS, NULL);
	return s;
}

static void scene_free(struct scene *s)
{
	close(s->mapped);
	close(s->idle);
	revoke_fully(s->buffer.id);
	close(s->buffer.fd);
}

/* --- a lock that others hold ------------------------------------------------ */

CASE(killed, E8_calls_that_wait_for_the_lock)
{
	static const struct {
		const char *name;
		int (*call)(struct scene *s);
	} rows[] = {
		{ "ATTACH", call_attach }, { "MAP", call_map },
		{ "UNMAP", call_unmap }, { "SUBMIT", call_submit },
		{ "STATUS", call_status }, { "VMAP", call_vmap },
		{ "VUNMAP", call_vunmap }, { "SEGMENTS", call_segments },
	};
	struct scene s = scene_new();
	pid_t pids[ARRAY_SIZE(rows)];
	struct holder holder;

	holder_begin(&holder, &s.buffer);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		pids[i] = start(rows[i].call, &s);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ends_when_killed(rows[i].name, pids[i]);
	holds(!holder_has_let_go(&holder));
	holder_end(&holder);
	equal(status(s.idle).vmapped, 0);
	equal(status(s.mapped).vmapped, 1);
	scene_free(&s);
}

CASE(killed, E8_calls_that_wait_for_what_does_not_come)
{
	struct scene s = scene_new();

	ends_when_killed("WAIT", start(call_wait, &s));
	ends_when_killed("read", start(call_read, &s));
	scene_free(&s);
}

/* --- a vmap that waits ------------------------------------------------------- */

/* A writer that does not end, so that no reader may begin. */
static int endless_writer(const struct buffer *buffer)
{
	int att = attach(buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);

	submit_running(att, buffer->fd, 0, ENDLESS, NULL);
	return att;
}

static bool has_no_vmap(uint64_t id)
{
	return !query(id).pending.vmaps;
}

CASE(killed, E8_E9_vmap_that_waits_for_a_writer)
{
	struct scene s = scene_new();
	int writer = endless_writer(&s.buffer);
	pid_t pid = start(call_vmap, &s);

	holds(eventually(is_asleep, pid));
	/* It keeps nobody waiting. */
	equal(status(s.idle).vmapped, 0);
	fails(dr_vmap(s.idle, NULL), EBUSY);
	fails(dr_vunmap(s.idle), ENXIO);
	ends_when_killed("VMAP", pid);
	succeeds(dr_vunmap(s.mapped));
	equal(query(s.buffer.id).pending.vmaps, 0);
	close(writer);
	succeeds(dr_vmap(s.idle, NULL));
	scene_free(&s);
}

/* What it has to undo takes a lock that it may not wait for. */
CASE(killed, E8_E9_vmap_that_waits_for_a_writer_while_the_lock_is_held)
{
	struct scene s = scene_new();
	int writer = endless_writer(&s.buffer);
	pid_t pid = start(call_vmap, &s);
	struct holder holder;

	holds(eventually(is_asleep, pid));
	succeeds(dr_vunmap(s.mapped));
	holder_begin(&holder, &s.buffer);
	ends_when_killed("VMAP", pid);
	holds(!holder_has_let_go(&holder));
	holder_end(&holder);
	holds(eventually(has_no_vmap, s.buffer.id));
	close(writer);
	scene_free(&s);
}

/* --- a process with several attachments --------------------------------------- */

/*
 * One, whose fence does not signal before it is closed, is amidst others: closing those takes the
 * resv lock, and whatever the order is in which the kernel closes them, one of those comes first.
 */
static int own_attachments(struct child *self, void *arg)
{
	int dmabuf = *(int *)arg;
	int stuck;

	attach_mapped(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	stuck = attach_misbehaving(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC,
				   M(STUCK_FENCE) | M(KERNEL_FENCE), 0);
	submit_running(stuck, dmabuf, 0, 0, NULL);
	attach(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	child_waits(self);
	return 0;
}

static void ends_with_all_it_has(struct child *child)
{
	equal(kill(child->pid, SIGKILL), 0);
	holds(eventually(has_exited, child->pid), "it waits for itself");
	holds(WIFSIGNALED(child_reap(child)));
}

/* The same; and while the lock is held it closes one of those before it is killed. */
static int closes_one_of_its_own(struct child *self, void *arg)
{
	int dmabuf = *(int *)arg;
	int first = attach_mapped(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	submit_running(attach_misbehaving(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC,
					  M(STUCK_FENCE) | M(KERNEL_FENCE), 0),
		       dmabuf, 0, 0, NULL);
	child_waits(self);
	return close(first);
}

/* Puts them into a message that nobody reads, and closes them: they go with the socket. */
static void send_to_oneself(const int fds[3])
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} rights = {
		.header = {
			.cmsg_len = CMSG_LEN(3 * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec byte = { "", 1 };
	struct msghdr message = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights),
	};
	int ends[2];

	memcpy(CMSG_DATA(&rights.header), fds, 3 * sizeof(int));
	succeeds(sys(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends)));
	succeeds(sys(sendmsg(ends[0], &message, 0)));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

/* They are released one after the other, when it has no signals any more. */
static int has_sent_what_it_has(struct child *self, void *arg)
{
	int dmabuf = *(int *)arg;
	const int fds[3] = {
		attach_mapped(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0),
		attach_misbehaving(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC,
				   M(STUCK_FENCE) | M(KERNEL_FENCE), 0),
		attach_mapped(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0),
	};

	submit_running(fds[1], dmabuf, 0, 0, NULL);
	send_to_oneself(fds);
	child_waits(self);
	return 0;
}

static void is_killed(struct child *child)
{
	ends_with_all_it_has(child);
}

static void is_killed_in_close(struct child *child)
{
	child_go_on(child);
	holds(eventually(is_closing, child->pid));
	ends_with_all_it_has(child);
}

static void exits(struct child *child)
{
	child_go_on(child);
	holds(eventually(has_exited, child->pid), "it waits for itself");
	equal(child_end(child), 0);
}

static void ends_while_the_lock_waits(int (*act)(struct child *self, void *arg),
				      void (*ends)(struct child *child))
{
	struct buffer buffer = buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	struct mapper mapper;
	struct child child;

	mapper_need();
	mapper_attach(&mapper, &buffer);
	child = child_start(act, &buffer.fd);
	child_is_waiting(&child);
	mapper_begin(&mapper);
	ends(&child);
	mapper_end(&mapper);
	close(buffer.fd);
}

CASE(killed, I4_process_with_the_fence_that_the_lock_waits_for)
{
	ends_while_the_lock_waits(own_attachments, is_killed);
}

CASE(killed, I4_process_that_closes_while_the_lock_waits_for_its_fence)
{
	ends_while_the_lock_waits(closes_one_of_its_own, is_killed_in_close);
}

CASE(killed, I4_process_that_exits_while_the_lock_waits_for_its_fence)
{
	ends_while_the_lock_waits(has_sent_what_it_has, exits);
}

/* --- a callback that ends with its process ------------------------------------- */

static int own_slow_callback(struct child *self, void *arg)
{
	int dmabuf = *(int *)arg, slow;

	attach_mapped(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	slow = attach_misbehaving(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, M(SLOW_CALLBACK),
				  HELD_LONGEST);
	attach_mapped(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	child_waits(self);
	expect_event(slow, DMABUF_REVOKE_EVENT_INVALIDATED);
	child_waits(self);
	return 0;
}

/* Without a job. It holds the lock that the end of the others takes, and may come first or last. */
CASE(killed, I2_process_whose_callback_takes_its_time)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct child child = child_start(own_slow_callback, &buffer.fd);
	struct holder holder;
	uint64_t began;

	child_is_waiting(&child);
	began = dr_now();
	holder_suspend(&holder, buffer.id);
	child_go_on(&child);
	child_is_waiting(&child);
	ends_with_all_it_has(&child);
	holds(dr_now() - began < HELD_LONGEST, "it waited for its own callback");
	holder_await(&holder);
	revoke_fully(buffer.id);
	close(buffer.fd);
}
