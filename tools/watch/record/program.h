/* SPDX-License-Identifier: GPL-2.0-only */
/* A program that is started only when everything is ready. */
#ifndef RECORD_PROGRAM_H
#define RECORD_PROGRAM_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct program {
	char **words;			/* ends with NULL */
	pid_t pid;			/* 0: there is none */
	int go, failed;			/* pipes: to it, and the errno of exec from it */
};

/*
 * Fork it, waiting. @mask is the signals it has blocked. With @quiet its standard output is
 * ours for errors. Returns an enum status; says what went wrong.
 */
int program_prepare(struct program *program, char **words, const sigset_t *mask, bool quiet);
/* The same. */
int program_go(struct program *program);
/* Not after all; if it runs, it is left alone. */
void program_drop(struct program *program);
/* Of what it ended with, if that was not 0. */
void program_report(const struct program *program, int state);

#endif
