// SPDX-License-Identifier: GPL-2.0-only
/* States, memory and processes, see life.h. */
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "life.h"

uint32_t state_of(uint64_t id)
{
	return query(id).state;
}

struct dmabuf_revoke_revoke suspend_fully(uint64_t id)
{
	struct dmabuf_revoke_revoke out;

	succeeds(dr_suspend(exporter, id, dr_deadline(2 * SOON), &out));
	equal(out.state, DMABUF_REVOKE_STATE_SUSPENDED);
	return out;
}

struct dmabuf_revoke_revoke suspend_times_out(uint64_t id, uint64_t ns)
{
	struct dmabuf_revoke_revoke out;

	fails(dr_suspend(exporter, id, ns ? dr_deadline(ns) : 0, &out),
	      ETIMEDOUT);
	equal(out.state, DMABUF_REVOKE_STATE_SUSPENDING);
	return out;
}

void restore_fully(uint64_t id)
{
	succeeds(dr_restore(exporter, id, dr_deadline(2 * SOON)));
	equal(state_of(id), DMABUF_REVOKE_STATE_LIVE);
}

void move_fully(uint64_t id)
{
	succeeds(dr_move(exporter, id, dr_deadline(2 * SOON)));
}

bool map_prevents_move(uint64_t id, int att)
{
	struct dmabuf_revoke_status before = status(att);

	if (kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED))
		return false;
	fails(dr_move(exporter, id, DMABUF_REVOKE_FOREVER), EBUSY);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	equal(status(att).invalidations, before.invalidations);
	return true;
}

void move_mapped(uint64_t id, int att)
{
	if (map_prevents_move(id, att))
		succeeds(dr_unmap(att));
	move_fully(id);
}

void nothing_is_in_use(uint64_t id)
{
	struct dmabuf_revoke_pending pending = query(id).pending;

	equal(pending.fences, 0);
	equal(pending.maps, 0);
	equal(pending.legacy_maps, 0);
	equal(pending.vmaps, 0);
	equal(pending.pins, 0);
}

struct dmabuf_revoke_blocker only_blocker(uint64_t id)
{
	struct dmabuf_revoke_blocker blocker;
	uint32_t count;

	succeeds(dr_blockers(exporter, id, &blocker, 1, &count));
	equal(count, 1);
	return blocker;
}

uint64_t bytes_in_system(void)
{
	struct dmabuf_revoke_exporter_info info;

	succeeds(dr_exporter_info(exporter, &info));
	return info.bytes;
}

bool bytes_are(uint64_t bytes)
{
	return bytes_in_system() == bytes;
}

uint64_t memory_of_system(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128], member[64];
	bool found = false;

	holds(file, "/proc/meminfo: %s", strerrorname_np(errno));
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%63[^:]: %llu", member, &kib) == 2 &&
			!strcmp(member, name);
	fclose(file);
	holds(found, "/proc/meminfo has no %s", name);
	return kib * KIB;
}

struct mapped mapped_new(uint32_t flags)
{
	struct mapped m = { .buffer = buffer_alloc(MAPPED_LENGTH, flags) };

	m.memory = cpu_map(m.buffer.fd, MAPPED_LENGTH);
	memset(m.memory, MAPPED_MARK, MAPPED_LENGTH);
	return m;
}

void mapped_free(struct mapped *m)
{
	cpu_unmap(m->memory, MAPPED_LENGTH);
	close(m->buffer.fd);
}

void mapped_gives(uint8_t *memory, int sig)
{
	for (int i = 0; i < MAPPED_PAGES; i++) {
		equal(fault_on_read(memory + i * PAGE), sig);
		equal(fault_on_write(memory + i * PAGE), sig);
	}
}

void mapped_revoke(struct mapped *m)
{
	uint64_t before = bytes_in_system();

	revoke_fully(m->buffer.id);
	equal(bytes_in_system(), before - MAPPED_LENGTH);
	mapped_gives(m->memory, SIGBUS);
}

int attach_misbehaving(int dmabuf, uint32_t kind, uint64_t misbehave,
		       uint64_t delay_ns)
{
	return succeeds(dr_attach_misbehaving(importer, dmabuf, kind, 0,
					      misbehave, delay_ns));
}

uint64_t submit_fill(int att, uint64_t length, uint64_t pattern, uint64_t ns)
{
	return submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = length,
		.pattern = pattern,
		.duration_ns = ns,
	});
}

bool is_filled(const void *data, uint64_t length, uint64_t pattern)
{
	const uint8_t *byte = data;
	uint64_t i = 0;

	while (i < length && byte[i] == (uint8_t)(pattern >> i % 8 * 8))
		i++;
	return i == length;
}

static void send_byte(int fd)
{
	equal(write(fd, "", 1), 1);
}

static void receive_byte(int fd)
{
	char byte;

	holds(read(fd, &byte, 1) == 1, "the other process has ended");
}

struct child child_start(int (*fn)(struct child *self, void *arg), void *arg)
{
	int up[2], down[2];
	struct child child;

	succeeds(sys(pipe2(up, O_CLOEXEC)));
	succeeds(sys(pipe2(down, O_CLOEXEC)));
	child.pid = succeeds(sys(fork()));
	if (!child.pid) {
		struct child self = { .to = up[1], .from = down[0] };

		close(up[0]);
		close(down[1]);
		_exit(fn(&self, arg));
	}
	close(up[1]);
	close(down[0]);
	child.to = down[1];
	child.from = up[0];
	return child;
}

/* No assertions: its end tells the case more. */
void child_waits(struct child *self)
{
	char byte;

	if (write(self->to, "", 1) != 1 || read(self->from, &byte, 1) != 1)
		_exit(127);
}

void child_is_waiting(struct child *child)
{
	receive_byte(child->from);
}

void child_go_on(struct child *child)
{
	send_byte(child->to);
}

bool has_exited(uint64_t pid)
{
	siginfo_t info = {};

	equal(waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid;
}

bool is_closing(uint64_t pid)
{
	return call_of(pid) == SYS_close;
}

int child_reap(struct child *child)
{
	int status;

	while (waitpid(child->pid, &status, 0) < 0)
		equal(errno, EINTR);
	close(child->to);
	close(child->from);
	return status;
}

int child_end(struct child *child)
{
	int status = child_reap(child);

	holds(WIFEXITED(status), "the child died of signal %d",
	      WTERMSIG(status));
	return WEXITSTATUS(status);
}

void child_kill(struct child *child)
{
	succeeds(sys(kill(child->pid, SIGKILL)));
	holds(WIFSIGNALED(child_reap(child)), "it had ended before");
}

int child_descriptor(struct child *child, int fd)
{
	int pidfd = succeeds(sys(syscall(SYS_pidfd_open, child->pid, 0)));
	int copy = succeeds(sys(syscall(SYS_pidfd_getfd, pidfd, fd, 0)));

	close(pidfd);
	return copy;
}
