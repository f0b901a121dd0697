// SPDX-License-Identifier: GPL-2.0-only
/* The frame of a test case, and children with other identities. */
#include <dirent.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "common.h"

#define NOBODY 65534

int exporter = -1;
int importer = -1;

static int fds_at_begin;

int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	holds(dir, "/proc/self/fd: %s", strerrorname_np(errno));
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 3; /* ".", ".." and the descriptor of the directory */
}

static void read_environment(void)
{
	const char *path = getenv("DBR_ENVIRONMENT");
	char line[64];
	FILE *file;

	if (!path)
		return;
	file = fopen(path, "re");
	holds(file, "%s: %s", path, strerrorname_np(errno));
	while (fgets(line, sizeof(line), file)) {
		char *value = strchr(line, '=');

		holds(value, "%s: %s", path, line);
		*value++ = 0;
		setenv(line, value, 1);
	}
	fclose(file);
}

void case_begin(void)
{
	read_environment();
	fds_at_begin = open_fds();
	exporter = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	importer = succeeds(dr_open(DMABUF_REVOKE_IMPORTER_PATH));
}

void case_end(void)
{
	close(importer);
	close(exporter);
	equal(open_fds(), fds_at_begin);
	holds(waitpid(-1, NULL, WNOHANG) < 0, "a child is left");
}

bool kernel_can(uint64_t feature)
{
	struct dmabuf_revoke_exporter_info info;

	succeeds(dr_exporter_info(exporter, &info));
	return info.features & feature;
}

static struct rlimit fds_limit;

void forbid_new_fds(void)
{
	struct rlimit none;

	succeeds(sys(getrlimit(RLIMIT_NOFILE, &fds_limit)));
	none = fds_limit;
	none.rlim_cur = 0;
	succeeds(sys(setrlimit(RLIMIT_NOFILE, &none)));
}

void allow_new_fds(void)
{
	succeeds(sys(setrlimit(RLIMIT_NOFILE, &fds_limit)));
}

bool eventually(bool (*is_so)(uint64_t arg), uint64_t arg)
{
	const struct timespec pause = { .tv_nsec = MSEC };
	uint64_t deadline = dr_deadline(SOON);

	while (!is_so(arg)) {
		if (dr_now() >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

bool luck_lasts(struct luck *luck)
{
	if (!luck->until)
		luck->until = dr_deadline(LUCK);
	return luck->rounds-- && dr_now() < luck->until;
}

bool is_asleep(uint64_t tid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S' || state == 'D';
}

long call_of(uint64_t tid)
{
	long number = -1;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)tid);
	file = fopen(path, "re");
	/* A number only if it sleeps. */
	if (!file || fscanf(file, "%ld", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	return number;
}

void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	succeeds(sys(sched_setaffinity(0, sizeof(set), &set)));
}

uint64_t from_environment(const char *name)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : 0;
}

int in_child(int (*fn)(void *arg), void *arg)
{
	pid_t child = succeeds(sys(fork()));
	int status;

	if (!child)
		_exit(-fn(arg));
	while (waitpid(child, &status, 0) < 0)
		equal(errno, EINTR);
	holds(WIFEXITED(status), "the child died of signal %d",
	      WTERMSIG(status));
	return -WEXITSTATUS(status);
}

struct call {
	int (*fn)(void *arg);
	void *arg;
};

static int call_as_nobody(void *arg)
{
	struct call *call = arg;

	/* The control of E12: the stranger keeps its rights. */
	if (from_environment("DBR_NOBODY_IS_ROOT"))
		return call->fn(call->arg);
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return -ENOTRECOVERABLE;
	return call->fn(call->arg);
}

int as_nobody(int (*fn)(void *arg), void *arg)
{
	struct call call = { fn, arg };

	return in_child(call_as_nobody, &call);
}

static int write_map(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0 || dprintf(fd, "0 0 1") < 0)
		ret = -ENOTSUP;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int call_as_namespace_root(void *arg)
{
	struct call *call = arg;

	if (unshare(CLONE_NEWUSER) || write_map("/proc/self/uid_map"))
		return -ENOTSUP;
	return call->fn(call->arg);
}

int as_namespace_root(int (*fn)(void *arg), void *arg)
{
	struct call call = { fn, arg };

	return in_child(call_as_namespace_root, &call);
}
