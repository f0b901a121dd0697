// SPDX-License-Identifier: GPL-2.0-only
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

#include "judge/importer/bounded.h"
#include "lib/devices/ioctls.h"

/* In case it came right before the call. */
#define AGAIN_US	50000

static void nothing(int signal)
{
	(void)signal;
}

void bounded_begin(uint64_t ns)
{
	/* Without SA_RESTART. */
	const struct sigaction action = { .sa_handler = nothing };
	const struct itimerval timer = {
		.it_value = { (time_t)(ns / 1000000000), (suseconds_t)(ns % 1000000000 / 1000) },
		.it_interval = { 0, AGAIN_US },
	};
	sigset_t alarm;

	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

void bounded_end(void)
{
	const struct itimerval off = { { 0, 0 }, { 0, 0 } };

	setitimer(ITIMER_REAL, &off, NULL);
}

void bounded_child(const struct judge *judge)
{
	const int *records;
	size_t count, i;
	int file;

	setpgid(0, 0);
	/* Who reads what the judge prints is not to wait for this. */
	for (file = 0; file <= STDERR_FILENO; file++)
		close(file);
	/* What is recorded into is not removed while somebody has it open. */
	count = own_record_descriptors(judge->record, &records);
	for (i = 0; i < count; i++)
		close(records[i]);
}

bool bounded_child_ends(int process, uint64_t ns)
{
	struct pollfd ended = { process, POLLIN, 0 };
	uint64_t deadline = dr_deadline(ns), now;

	while ((now = dr_now()) < deadline)
		if (poll(&ended, 1, (int)((deadline - now) / 1000000 + 1)) > 0)
			return true;
	return false;
}
