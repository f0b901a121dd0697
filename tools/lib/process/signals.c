// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>

#include "lib/process/signals.h"

static void add_unless_ignored(sigset_t *set, int signal)
{
	struct sigaction action;

	if (!sigaction(signal, NULL, &action) && action.sa_handler != SIG_IGN)
		sigaddset(set, signal);
}

void signals_block(sigset_t *ending, sigset_t *before)
{
	sigemptyset(ending);
	add_unless_ignored(ending, SIGINT);
	add_unless_ignored(ending, SIGTERM);
	add_unless_ignored(ending, SIGHUP);
	sigprocmask(SIG_BLOCK, ending, before);
}
