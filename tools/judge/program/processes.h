/* SPDX-License-Identifier: GPL-2.0-only */
/* What processes do, as /proc tells it. */
#ifndef JUDGE_PROCESSES_H
#define JUDGE_PROCESSES_H

#include <stddef.h>
#include <sys/types.h>

/* "func; func": where a process stands in the kernel. */
void process_stack(pid_t pid, char *text, size_t size);
/*
 * Of those of a process group, and of our children, each thread that waits in the kernel and does
 * not end by a signal: "thread 12 (name) is in the kernel: func; func". Returns how many.
 */
int processes_stacks(pid_t group, void (*line)(void *context, const char *text), void *context);
/* No child that there is now is one of ours. Returns 0 or a negative errno. */
int processes_spare_children(void);
/* One that has ended, and was waited for: its number may be that of another one. */
void processes_forget(pid_t pid);
/* SIGKILL to each of ours. Returns how many there were. */
int processes_kill_children(void);

#endif
