// SPDX-License-Identifier: GPL-2.0-only
/* The buffer is revoked from a program that cannot help: stopped, killed, without memory. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"
#include "judge/program/cgroup.h"
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

	partner_signal(&stage->trial->partner, SIGSTOP);
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
		partner_signal(&trial->partner, SIGCONT);
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
		partner_signal(&trial->partner, SIGKILL);
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
		partner_signal(&trial->partner, SIGKILL);
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

static void run_in(struct trial *trial, const char *folder)
{
	struct stage stage;

	if (stage_alloc(&stage, trial, &quarantined)) {
		stage.cgroup = folder;
		if (stage_start(&stage) && stage_await_use(&stage)) {
			if (cgroup_fill(folder)) {
				stage_revoke(&stage);
				stage_judge_told(&stage);
				/* How soon it ends without memory says nothing of a driver. */
				cgroup_limit(folder, "max");
			} else {
				trial_give_up(trial, "no memory controller in %s", folder);
			}
		}
	}
	stage_close(&stage);
}

static void run_group(struct trial *trial)
{
	char root[CGROUP_PATH], folder[CGROUP_PATH];
	int ret;

	if (!cgroup_root(root)) {
		trial_give_up(trial, "no cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup");
		return;
	}
	ret = cgroup_make(root, folder);
	if (ret) {
		trial_give_up(trial, "no cgroup of its own: %s", errno_name(ret));
		return;
	}
	if (cgroup_limit(folder, "max"))
		run_in(trial, folder);
	else
		trial_give_up(trial,
			      "no memory controller for it: echo +memory >%s/cgroup.subtree_control",
			      root);
	cgroup_remove(folder);
}

const struct scenario memory_limit = {
	.name = "memory-limit",
	.summary = "revoke when its control group is at its limit of memory",
	.clauses = "I2 I3 I4 I8 I9 I17 I18",
	.run = run_group,
};
