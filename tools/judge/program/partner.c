// SPDX-License-Identifier: GPL-2.0-only
/* What is said to the program, what it says, and its end. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "judge/program/partner.h"
#include "judge/program/processes.h"
#include "lib/devices/ioctls.h"

int partner_say(struct partner *partner, const char *word)
{
	char line[PARTNER_LINE];
	int length = snprintf(line, sizeof(line), "%s\n", word);

	if (partner->control < 0)
		return -EPIPE;
	return send(partner->control, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) == length ?
	       0 : -EPIPE;
}

/*
 * One byte at a time, so that a descriptor comes with its line. There is room for one: the kernel
 * drops others. Returns as recvmsg().
 */
static ssize_t receive(struct partner *partner, char *byte)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space;
	struct iovec vector = { byte, 1 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &space,
				  .msg_controllen = CMSG_LEN(sizeof(int)) };
	ssize_t length = recvmsg(partner->control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return length;
	if (partner->received >= 0)
		close(partner->received);
	memcpy(&partner->received, CMSG_DATA(header), sizeof(int));
	return length;
}

/* Milliseconds until then, for poll(): at least 1 before. */
static int left(uint64_t deadline_ns)
{
	uint64_t now = dr_now();

	return deadline_ns > now ? (int)((deadline_ns - now) / 1000000 + 1) : 0;
}

int partner_hear(struct partner *partner, char line[PARTNER_LINE], uint64_t deadline_ns)
{
	if (partner->control < 0)
		return -EPIPE;
	for (;;) {
		struct pollfd socket = { partner->control, POLLIN, 0 };
		ssize_t length;
		char byte;

		length = receive(partner, &byte);
		if (!length || (length < 0 && errno != EAGAIN && errno != EINTR))
			return -EPIPE;
		if (length > 0 && ++partner->heard > PARTNER_MOST)
			return -EPIPE;
		if (length < 0) {
			if (poll(&socket, 1, left(deadline_ns)) > 0)
				continue;
			return 0;
		}
		if (byte == '\n') {
			memcpy(line, partner->line, partner->length);
			line[partner->length] = 0;
			partner->length = 0;
			return 1;
		}
		/* A longer line is none that we know. */
		if (partner->length < PARTNER_LINE - 1)
			partner->line[partner->length++] = byte;
	}
}

bool partner_done(const char *line, int *err)
{
	char *end;
	long value;

	if (strncmp(line, "done ", 5) || !isdigit((unsigned char)line[5]))
		return false;
	value = strtol(line + 5, &end, 10);
	if (*end || value > 4095)
		return false;
	*err = (int)value;
	return true;
}

bool partner_has_ended(struct partner *partner, uint64_t deadline_ns)
{
	struct pollfd process = { partner->pidfd, POLLIN, 0 };
	siginfo_t info = { 0 };

	if (!partner->pid || partner->ended)
		return true;
	while (poll(&process, 1, left(deadline_ns)) < 0 && errno == EINTR)
		continue;
	/* Until partner_stop() its number is that of its process group, and of nobody else. */
	if (waitid(P_PID, (id_t)partner->pid, &info, WEXITED | WNOHANG | WNOWAIT))
		partner->ended = errno == ECHILD;
	else if (info.si_pid)
		partner->ended = true;
	if (info.si_pid)
		partner->state = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
	return partner->ended;
}

/* Whether it still is our child, if only as one that has ended: nobody else has its number. */
static bool is_ours(const struct partner *partner)
{
	siginfo_t info;

	return partner->pid && !waitid(P_PID, (id_t)partner->pid, &info,
				       WEXITED | WNOHANG | WNOWAIT);
}

void partner_signal(const struct partner *partner, int number)
{
	if (!is_ours(partner))
		return;
	/* Not twice, to who has two ways to end. */
	if (getpgid(partner->pid) != partner->pid)
		kill(partner->pid, number);
	kill(-partner->pid, number);
}

const char *partner_fate(struct partner *partner, char text[128])
{
	if (!partner_has_ended(partner, 0))
		snprintf(text, 128, "still runs");
	else if (WIFSIGNALED(partner->state))
		snprintf(text, 128, "was ended by signal %d (%s)", WTERMSIG(partner->state),
			 strsignal(WTERMSIG(partner->state)));
	else
		snprintf(text, 128, "has exited with %d", WEXITSTATUS(partner->state));
	return text;
}

int partner_stacks(const struct partner *partner, void (*line)(void *context, const char *text),
		   void *context)
{
	return processes_stacks(partner->pid, line, context);
}

int partners_adopt(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return processes_spare_children();
}

bool partners_sweep(uint64_t deadline_ns)
{
	const struct timespec shortly = { .tv_nsec = 1000000 };
	bool late;
	pid_t pid;

	do {
		/* Before the look: what ends while nothing runs here has ended in time. */
		late = dr_now() >= deadline_ns;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			processes_forget(pid);
		if (!processes_kill_children())
			return true;
		/* The children of a child that is gone are ours when it is. */
		nanosleep(&shortly, NULL);
	} while (!late);
	return false;
}

bool partner_stop(struct partner *partner, uint64_t deadline_ns, uint64_t kill_deadline_ns)
{
	bool gone;

	if (!partner->words)
		return true;
	if (partner->control >= 0)
		close(partner->control);
	partner->control = -1;
	partner_has_ended(partner, deadline_ns);
	partner_signal(partner, SIGKILL);
	gone = partner_has_ended(partner, kill_deadline_ns);
	if (partner->ended)
		waitpid(partner->pid, NULL, WNOHANG);
	output_end(&partner->output);
	if (partner->received >= 0)
		close(partner->received);
	if (partner->pidfd >= 0)
		close(partner->pidfd);
	partner->words = NULL;
	return gone;
}

bool partner_is_gone(const struct partner *partner)
{
	return !partner->pid || waitpid(partner->pid, NULL, WNOHANG);
}
