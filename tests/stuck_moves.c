// SPDX-License-Identifier: GPL-2.0-only
/* Who waits for the contents of a moved buffer, and is killed or interrupted meanwhile. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "common.h"

TIME_LIMIT(30);

static bool sleeps(uint64_t pid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S';
}

static bool is_reaped(uint64_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == (pid_t)pid;
}

static void read_there(const volatile char *memory)
{
	(void)*memory;
}

/* The kernel reads, on our behalf. */
static void write_from_there(const volatile char *memory)
{
	int fds[2];

	if (!pipe(fds))
		(void)!write(fds[1], (const void *)memory, 64);
}

/* A fence that does not signal holds up the copy, and so each access. */
static void killed_while(void (*access)(const volatile char *memory))
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	char *memory = cpu_map(buffer.fd, PAGE);
	int other, fence = foreign_fence(ENDLESS, &other);
	pid_t child;

	succeeds(import_fence(buffer.fd, fence));
	fails(dr_move(exporter, buffer.id, 0), ETIMEDOUT);

	child = succeeds(sys(fork()));
	if (!child) {
		access(memory);
		_exit(0);
	}
	holds(eventually(sleeps, child), "the access does not wait");
	succeeds(sys(kill(child, SIGKILL)));
	holds(eventually(is_reaped, child), "it cannot be killed");

	close(other);
	close(fence);
	cpu_unmap(memory, PAGE);
	close(buffer.fd);
}

CASE(stuck_moves, E14_killed_in_a_fault_of_its_own)
{
	killed_while(read_there);
}

CASE(stuck_moves, E14_killed_in_a_fault_of_the_kernel)
{
	killed_while(write_from_there);
}

/* Where the core maps as it attaches, it waits for the copy as a map does. */
CASE(stuck_moves, signal_ends_the_attach_of_a_static_importer)
{
	bool maps = maps_when_attaching(DMABUF_REVOKE_KIND_LEGACY_STATIC);
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
	int other, fence = foreign_fence(ENDLESS, &other);
	int att;

	succeeds(import_fence(buffer.fd, fence));
	fails(dr_move(exporter, buffer.id, 0), ETIMEDOUT);

	signals_begin(0);
	att = dr_attach(importer, buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	signals_end();
	if (maps)
		fails(att, EINTR);
	else
		close(succeeds(att));

	close(other);
	close(fence);
	close(buffer.fd);
}
