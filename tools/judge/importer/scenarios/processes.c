// SPDX-License-Identifier: GPL-2.0-only
/* The buffer is revoked from a program that cannot help: stopped, killed, without memory. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"

static const struct dmabuf_revoke_alloc quarantined = { .flags = DMABUF_REVOKE_ALLOC_QUARANTINE };

/* One that is in the kernel stops when it leaves it; that is not waited for without end. */
static void stop(struct stage *stage)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t deadline = trial_deadline(stage->trial, LIMIT_ANSWER);
	pid_t pid = stage->trial->partner.pid;
	char path[64], text[256], *end, state = 0;
	ssize_t length;
	int file;

	kill(-pid, SIGSTOP);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'T' && dr_now() < deadline) {
		file = open(path, O_RDONLY | O_CLOEXEC);
		length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
		if (file >= 0)
			close(file);
		if (length <= 0)
			return;
		text[length] = 0;
		end = strrchr(text, ')');
		state = end && end[1] ? end[2] : 0;
		nanosleep(&pause, NULL);
	}
}

static void run_stopped(struct trial *trial)
{
	struct stage stage;

	if (stage_open(&stage, trial, &quarantined) && stage_await_map(&stage)) {
		stop(&stage);
		stage_revoke(&stage);
		stage_judge_told(&stage);
		kill(-trial->partner.pid, SIGCONT);
	}
	stage_close(&stage);
}

const struct scenario stopped = {
	.name = "stopped",
	.summary = "revoke when the program is stopped (SIGSTOP): no fence may wait for it",
	.clauses = "I2 I3 I4 I8 I9 I17 I18",
	.run = run_stopped,
};

static void run_killed(struct trial *trial)
{
	struct stage stage;

	if (stage_open(&stage, trial, &quarantined) && stage_await_map(&stage)) {
		kill(-trial->partner.pid, SIGKILL);
		stage_revoke(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
}

const struct scenario killed = {
	.name = "killed",
	.summary = "revoke while the program is being killed (SIGKILL)",
	.clauses = "I3 I4 I9 I17 I18",
	.run = run_killed,
};

static void run_last(struct trial *trial)
{
	struct stage stage;

	if (stage_open(&stage, trial, &quarantined) && stage_await_map(&stage)) {
		/* Those left are the program's, and go before its driver's file, or after. */
		close(stage.dmabuf);
		stage.dmabuf = -1;
		stage_begin_revoke(&stage);
		kill(-trial->partner.pid, SIGKILL);
		stage_finish_revoke(&stage);
		stage_judge_told(&stage);
	}
	stage_close(&stage);
}

const struct scenario last_descriptor = {
	.name = "last-descriptor",
	.summary = "the last descriptor goes before the last unmap",
	.clauses = "I3 I4 I9 I17 I18",
	.run = run_last,
};

static bool find_cgroups(char *folder, size_t size)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[1024], place[256], type[64];
	bool found = false;

	while (mounts && !found && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %255s %63s", place, type) == 2 && !strcmp(type, "cgroup2")) {
			snprintf(folder, size, "%s", place);
			found = true;
		}
	if (mounts)
		fclose(mounts);
	return found;
}

static bool write_file(const char *folder, const char *name, const char *text)
{
	char path[512];
	bool written;
	int file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = open(path, O_WRONLY | O_CLOEXEC);
	written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
	if (file >= 0)
		close(file);
	return written;
}

/* It has what it has, and gets no more. */
static bool close_group(const char *folder)
{
	char path[512], text[32];
	ssize_t length;
	int file;

	snprintf(path, sizeof(path), "%s/memory.current", folder);
	file = open(path, O_RDONLY | O_CLOEXEC);
	length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	if (file >= 0)
		close(file);
	if (length <= 0)
		return false;
	text[length] = 0;
	return write_file(folder, "memory.max", text);
}

/* Those that it has killed take a while. */
static void remove_group(const char *folder)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int i;

	for (i = 0; i < 500 && rmdir(folder) && errno == EBUSY; i++)
		nanosleep(&pause, NULL);
}

static void run_in(struct trial *trial, const char *folder)
{
	struct stage stage;

	if (stage_alloc(&stage, trial, &quarantined)) {
		stage.cgroup = folder;
		if (stage_start(&stage) && stage_await_use(&stage)) {
			if (close_group(folder)) {
				stage_revoke(&stage);
				stage_judge_told(&stage);
				/* How soon it ends without memory says nothing of a driver. */
				write_file(folder, "memory.max", "max");
			} else {
				trial_give_up(trial, "no memory controller in %s", folder);
			}
		}
	}
	stage_close(&stage);
}

static void run_group(struct trial *trial)
{
	char root[256], folder[320];

	if (!find_cgroups(root, sizeof(root))) {
		trial_give_up(trial, "no cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup");
		return;
	}
	snprintf(folder, sizeof(folder), "%s/dmabuf-revoke-judge-%d", root, getpid());
	if (mkdir(folder, 0700)) {
		trial_give_up(trial, "no cgroup of its own: %s", errno_name(errno));
		return;
	}
	if (write_file(folder, "memory.max", "max"))
		run_in(trial, folder);
	else
		trial_give_up(trial,
			      "no memory controller for it: echo +memory >%s/cgroup.subtree_control",
			      root);
	remove_group(folder);
}

const struct scenario memory_limit = {
	.name = "memory-limit",
	.summary = "revoke when its control group is at its limit of memory",
	.clauses = "I2 I3 I4 I8 I9 I17 I18",
	.run = run_group,
};
