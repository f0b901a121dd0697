// SPDX-License-Identifier: GPL-2.0-only
/* How a case fails or is skipped. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

struct outcome *outcome;

void test_complain(const char *file, int line, const char *condition,
		   const char *format, ...)
{
	va_list args;

	if (outcome)
		outcome->failed = true;
	fflush(stdout);
	fprintf(stderr, "%s:%d:", file, line);
	va_start(args, format);
	/* A format of no more than the macros' blank says nothing. */
	if (format[1])
		vfprintf(stderr, format, args);
	else
		fprintf(stderr, " not so: %s", condition);
	va_end(args);
	fputc('\n', stderr);
}

/* Not exit(): this may be a child, or a thread, of the case. */
static _Noreturn void end_case(int status)
{
	if (outcome)
		outcome->given_up = true;
	fflush(stdout);
	_exit(status);
}

void test_give_up(void)
{
	end_case(EXIT_FAILURE);
}

void test_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (outcome)
		vsnprintf(outcome->reason, sizeof(outcome->reason), format, args);
	va_end(args);
	end_case(EXIT_SUCCESS);
}
