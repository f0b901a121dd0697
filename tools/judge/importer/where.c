// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "judge/importer/where.h"

/* Of a program that waits for something of its own: a word, a time, another process or thread. */
static bool is_waiting(long call)
{
	static const long calls[] = {
		SYS_read, SYS_recvfrom, SYS_recvmsg, SYS_ppoll, SYS_pselect6, SYS_epoll_pwait,
		SYS_nanosleep, SYS_clock_nanosleep, SYS_wait4, SYS_waitid, SYS_futex,
		SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_restart_syscall,
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

/* "NUMBER ARGUMENTS", or "running". A thread that has ended is in no call. */
static bool thread_is_busy(const char *process, const char *thread)
{
	char path[96], text[32], *end;
	FILE *file;
	long call;
	bool got;

	snprintf(path, sizeof(path), "/proc/%.15s/task/%.15s/syscall", process, thread);
	file = fopen(path, "re");
	got = file && fgets(text, sizeof(text), file);
	if (file)
		fclose(file);
	if (!got)
		return false;
	call = strtol(text, &end, 10);
	return end == text || (call >= 0 && !is_waiting(call));
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
