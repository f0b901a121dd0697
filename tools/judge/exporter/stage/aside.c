// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge/exporter/stage/aside.h"
#include "judge/program/processes.h"
#include "lib/devices/ioctls.h"

/* After SIGKILL: what can be killed has ended by then. */
#define KILLED_NS	1000000000ULL

struct shared {
	int ret;
	uint64_t began_ns, awake_ns;		/* before the call */
	uint64_t ended_ns, blocked_ns;
	bool known;
	char arg[] __attribute__((aligned(16)));
};

/* As fork(), but descriptors that it opens or closes are ours, too. */
static pid_t fork_sharing_files(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

static bool has_ended(pid_t pid, uint64_t deadline_ns)
{
	struct pollfd process = { (int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0 };
	uint64_t now;
	int ret;

	if (process.fd < 0)
		return true;
	do {
		now = dr_now();
		ret = poll(&process, 1, deadline_ns > now ?
			   (int)((deadline_ns - now) / 1000000 + 1) : 0);
	} while (ret < 0 && errno == EINTR);
	close(process.fd);
	return waitpid(pid, NULL, WNOHANG) == pid;
}

/* What a process has been, running or waiting for a CPU, in ns; 0: that is not known. */
static uint64_t awake(pid_t pid)
{
	unsigned long long running, ready;
	char path[32], text[64] = "";
	ssize_t length;
	int file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	length = file < 0 ? 0 : read(file, text, sizeof(text) - 1);
	if (file >= 0)
		close(file);
	if (length <= 0 || sscanf(text, "%llu %llu", &running, &ready) != 2)
		return 0;
	return running + ready;
}

/* The call of that process has ended, or is given up. */
static void note_end(struct shared *shared, pid_t pid)
{
	uint64_t took, after;

	shared->ended_ns = dr_now();
	took = shared->ended_ns - shared->began_ns;
	after = awake(pid);
	/* Who has not come to his call yet was not blocked in it. */
	shared->known = shared->began_ns && after;
	shared->blocked_ns = took > after - shared->awake_ns ?
			     took - (after - shared->awake_ns) : 0;
}

static void make(struct shared *shared, int (*call)(void *arg))
{
	int ret;

	shared->awake_ns = awake(getpid());
	shared->began_ns = dr_now();
	ret = call(shared->arg);
	note_end(shared, getpid());
	shared->ret = ret;
}

/* Descriptors of whom we leave behind are ours: what nobody closes is open for as long as he is. */
static void close_output(void)
{
	fflush(NULL);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
}

void aside_leave(struct aside *aside, pid_t pid)
{
	kill(pid, SIGKILL);
	if (has_ended(pid, dr_deadline(KILLED_NS)) || aside->count == ASIDE_MOST)
		return;
	/* Who reads what we print is not to wait for him. */
	if (!aside->count)
		atexit(close_output);
	aside->left[aside->count++] = pid;
}

/* It is looked at while it is there. */
static void give_up(struct aside *aside, struct shared *shared, pid_t pid)
{
	if (shared->ret == ASIDE_NEVER)
		note_end(shared, pid);
	aside_leave(aside, pid);
}

int aside_call(struct aside *aside, int (*call)(void *arg), void *arg, size_t size,
	       uint64_t deadline_ns)
{
	struct shared *shared = mmap(NULL, sizeof(*shared) + size, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ret;
	pid_t pid;

	if (shared == MAP_FAILED)
		return -ENOMEM;
	memcpy(shared->arg, arg, size);
	shared->ret = ASIDE_NEVER;
	pid = fork_sharing_files();
	if (!pid) {
		make(shared, call);
		_exit(0);
	}
	if (pid < 0) {
		ret = -ENOMEM;
	} else {
		if (!has_ended(pid, deadline_ns))
			give_up(aside, shared, pid);
		ret = shared->ret;
		aside->ended_ns = shared->ended_ns;
		aside->blocked_ns = shared->blocked_ns;
		aside->known = shared->known;
		memcpy(arg, shared->arg, size);
	}
	munmap(shared, sizeof(*shared) + size);
	return ret;
}

unsigned int aside_await(struct aside *aside, uint64_t deadline_ns)
{
	unsigned int left = 0, i;

	for (i = 0; i < aside->count; i++)
		if (!has_ended(aside->left[i], deadline_ns))
			aside->left[left++] = aside->left[i];
	aside->count = left;
	return left;
}

void aside_end(struct aside *aside, void (*line)(void *context, const char *text), void *context)
{
	char stack[512], text[600];
	unsigned int i;

	for (i = 0; i < aside->count; i++) {
		process_stack(aside->left[i], stack, sizeof(stack));
		snprintf(text, sizeof(text), "a call hangs in the kernel: %s", stack);
		line(context, text);
	}
	aside->count = 0;
}
