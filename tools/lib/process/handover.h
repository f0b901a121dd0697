/* SPDX-License-Identifier: GPL-2.0-only */
/* Handing a dma-buf on: to a program that inherits it, or to whoever fetches it. */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <signal.h>
#include <stdint.h>

#include "lib/text/options.h"

struct handover {
	uint64_t id;
	uint64_t length;
	int fd;
};

/*
 * The program after --, or NULL, of arguments of which the first one is not its. Returns
 * an enum status after a message.
 */
int parse_program(const struct verb *verb, const struct arguments *rest, bool json,
		  char ***program);

/*
 * Run @program with @buffer's descriptor and pass signals on to it. @signals and @mask
 * are those of signals_block(). Returns what it exits with.
 */
int run_program(const struct handover *buffer, char **program, sigset_t *signals,
		const sigset_t *mask);

/* Say to people how to get at it; then until one of @signals. */
void hold_until(const struct handover *buffer, bool json, const sigset_t *signals);

#endif
