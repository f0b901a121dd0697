// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "judge/importer/where.h"

/* The numbers are the same everywhere; not every libc has them. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv	449
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait	455
#endif

/* Of a program that waits for something of its own: a word, a time, another process or thread. */
static bool is_waiting(long call)
{
	static const long calls[] = {
		SYS_read, SYS_recvfrom, SYS_recvmsg, SYS_ppoll, SYS_pselect6, SYS_epoll_pwait,
		SYS_nanosleep, SYS_clock_nanosleep, SYS_wait4, SYS_waitid, SYS_futex,
		SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_restart_syscall, SYS_accept4,
		SYS_sendmsg, SYS_flock, SYS_epoll_pwait2, SYS_io_uring_enter, SYS_futex_wait,
		SYS_futex_waitv,
#ifdef SYS_accept
		SYS_accept,
#endif
#ifdef SYS_poll
		SYS_poll, SYS_select, SYS_epoll_wait, SYS_pause,
#endif
#ifdef SYS_futex_time64
		SYS_ppoll_time64, SYS_pselect6_time64, SYS_clock_nanosleep_time64,
		SYS_futex_time64, SYS_rt_sigtimedwait_time64,
#endif
	};
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (call == calls[i])
			return true;
	return false;
}

/* A thread at one time. */
struct sample {
	char where[256];		/* "NUMBER ARGUMENTS" of its call, or "running" */
	unsigned long user, kernel;	/* ticks that it has had of a CPU until then */
};

static bool read_line(const char *process, const char *thread, const char *name, char *text,
		      size_t size)
{
	char path[96];
	FILE *file;
	bool got;

	snprintf(path, sizeof(path), "/proc/%.15s/task/%.15s/%s", process, thread, name);
	file = fopen(path, "re");
	got = file && fgets(text, (int)size, file);
	if (file)
		fclose(file);
	return got;
}

/* False: it has ended. */
static bool look(const char *process, const char *thread, struct sample *sample)
{
	char stat[1024], *after;

	if (!read_line(process, thread, "syscall", sample->where, sizeof(sample->where)) ||
	    !read_line(process, thread, "stat", stat, sizeof(stat)))
		return false;
	after = strrchr(stat, ')');
	return after && sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			       &sample->user, &sample->kernel) == 2;
}

static bool is_running(const struct sample *sample)
{
	return !strncmp(sample->where, "running", strlen("running"));
}

/* Whether it runs, or is in a call that waits for what is not its own. "-1": it is in none. */
static bool may_be_busy(const struct sample *sample)
{
	long call = strtol(sample->where, NULL, 10);

	return is_running(sample) || (call >= 0 && !is_waiting(call));
}

/* In which a tick is seen of whatever runs. */
#define BETWEEN_NS	100000000L

/*
 * It has not left a call meanwhile; or it runs, and that in the kernel: one that draws, or looks
 * again and again, is running, too.
 */
static bool thread_is_busy(const char *process, const char *thread)
{
	const struct timespec pause = { .tv_nsec = BETWEEN_NS };
	struct sample one, two;

	if (!look(process, thread, &one) || !may_be_busy(&one))
		return false;
	nanosleep(&pause, NULL);
	if (!look(process, thread, &two) || !may_be_busy(&two))
		return false;
	if (!is_running(&one) && !strcmp(one.where, two.where))
		return true;
	return two.kernel - one.kernel > two.user - one.user;
}

static bool process_is_busy(const char *process)
{
	struct dirent *entry;
	bool busy = false;
	char path[64];
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%.15s/task", process);
	threads = opendir(path);
	while (threads && !busy && (entry = readdir(threads)))
		busy = isdigit((unsigned char)*entry->d_name) &&
		       thread_is_busy(process, entry->d_name);
	if (threads)
		closedir(threads);
	return busy;
}

bool where_is_busy(pid_t group)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	bool busy = !processes;

	while (processes && !busy && (entry = readdir(processes)))
		busy = isdigit((unsigned char)*entry->d_name) &&
		       getpgid((pid_t)atol(entry->d_name)) == group &&
		       process_is_busy(entry->d_name);
	if (processes)
		closedir(processes);
	return busy;
}
