// SPDX-License-Identifier: GPL-2.0-only
/* A list of dma-bufs that is never there to be read, where SIGALRM is blocked: what comes of it. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "watch/record/there.h"

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	(void)path;
	(void)mode;
	for (;;)
		pause();
}

static int found(void *context, const struct descriptor *descriptor)
{
	(void)context;
	(void)descriptor;
	return 0;
}

int main(void)
{
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	printf("%d\n", there_listed(found, NULL));
	return 0;
}
