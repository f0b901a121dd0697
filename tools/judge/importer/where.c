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
static bool is_wait(long call)
{
	static const long calls[] = {
		SYS_read, SYS_recvfrom, SYS_recvmsg, SYS_ppoll, SYS_pselect6, SYS_epoll_pwait,
		SYS_nanosleep, SYS_clock_nanosleep, SYS_wait4, SYS_waitid, SYS_futex,
		SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_restart_syscall, SYS_accept4,
		SYS_sendmsg, SYS_flock, SYS_epoll_pwait2, SYS_io_uring_enter, SYS_futex_wait,
		SYS_futex_waitv, SYS_connect, SYS_sendto, SYS_msgrcv, SYS_io_getevents,
#ifdef SYS_accept
		SYS_accept,
#endif
#ifdef SYS_semtimedop
		SYS_semtimedop, SYS_mq_timedreceive,
#endif
#ifdef SYS_semop
		SYS_semop,
#endif
#ifdef SYS_poll
		SYS_poll, SYS_select, SYS_epoll_wait, SYS_pause,
#endif
#ifdef SYS_futex_time64
		SYS_ppoll_time64, SYS_pselect6_time64, SYS_clock_nanosleep_time64,
		SYS_futex_time64, SYS_rt_sigtimedwait_time64, SYS_semtimedop_time64,
		SYS_mq_timedreceive_time64, SYS_io_pgetevents_time64,
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
	unsigned long waits;		/* how often it has begun to wait */
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

static unsigned long count_waits(const char *process, const char *thread)
{
	char path[96], line[256];
	unsigned long waits = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.15s/task/%.15s/status", process, thread);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "voluntary_ctxt_switches: %lu", &waits);
	if (file)
		fclose(file);
	return waits;
}

/* False: it has ended. */
static bool look(const char *process, const char *thread, struct sample *sample)
{
	char stat[1024], *after;

	if (!read_line(process, thread, "syscall", sample->where, sizeof(sample->where)) ||
	    !read_line(process, thread, "stat", stat, sizeof(stat)))
		return false;
	sample->waits = count_waits(process, thread);
	after = strrchr(stat, ')');
	return after && sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			       &sample->user, &sample->kernel) == 2;
}

static bool is_running(const struct sample *sample)
{
	return !strncmp(sample->where, "running", strlen("running"));
}

/* A write waits for who reads, unless it is a driver that is written to. */
static bool is_to_reader(const char *process, const struct sample *sample, long call)
{
	char path[96], link[8] = "";
	unsigned long file;

	if ((call != SYS_write && call != SYS_writev) ||
	    sscanf(sample->where, "%*d %lx", &file) != 1)
		return false;
	snprintf(path, sizeof(path), "/proc/%.15s/fd/%lu", process, file);
	return readlink(path, link, sizeof(link) - 1) > 0 &&
	       (!strncmp(link, "pipe:", 5) || !strncmp(link, "socket:", 7));
}

/* Whether it runs, or is in a call that waits for what is not its own. "-1": it is in none. */
static bool may_be_busy(const char *process, const struct sample *sample)
{
	long call = strtol(sample->where, NULL, 10);

	return is_running(sample) ||
	       (call >= 0 && !is_wait(call) && !is_to_reader(process, sample, call));
}

/* In which a tick is seen of whatever runs. */
#define BETWEEN_NS	100000000L

/*
 * It has not left a call meanwhile; or it runs, and that in the kernel: one that draws, or looks
 * again and again, is running, too. Who has waited anew may have come again with the same call:
 * such a one is not known to be in its driver all the time.
 */
static bool thread_is_busy(const char *process, const char *thread)
{
	const struct timespec pause = { .tv_nsec = BETWEEN_NS };
	struct sample one, two;

	if (!look(process, thread, &one) || !may_be_busy(process, &one))
		return false;
	nanosleep(&pause, NULL);
	if (!look(process, thread, &two) || !may_be_busy(process, &two))
		return false;
	if (!is_running(&one) && !strcmp(one.where, two.where))
		return one.waits == two.waits;
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
