/* SPDX-License-Identifier: GPL-2.0-only */
/* Ending on a signal, in order. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>

/*
 * Block the signals that ask a program to end (SIGINT, SIGTERM, SIGHUP), but for
 * those that were ignored when it was started (nohup, & in a script). *@ending
 * is what was blocked, *@before the mask to give to other programs.
 */
void signals_block(sigset_t *ending, sigset_t *before);

#endif
