// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "doctor/diagnosis.h"

static struct finding *add(struct diagnosis *diagnosis, enum result result,
			   const char *subject, const char *expected)
{
	struct finding *finding;

	if (diagnosis->count == DOCTOR_FINDINGS)
		abort();
	finding = &diagnosis->findings[diagnosis->count++];
	finding->result = result;
	finding->subject = subject;
	finding->expected = expected;
	return finding;
}

void diagnose(struct diagnosis *diagnosis, enum result result, const char *subject,
	      const char *expected, const char *format, ...)
{
	struct finding *finding = add(diagnosis, result, subject, expected);
	va_list args;

	va_start(args, format);
	vsnprintf(finding->observed, sizeof(finding->observed), format, args);
	va_end(args);
}

void diagnose_failed(struct diagnosis *diagnosis, enum status status,
		     const char *subject, const char *expected,
		     const char *format, ...)
{
	struct finding *finding = add(diagnosis, RESULT_FAILED, subject, expected);
	va_list args;

	va_start(args, format);
	vsnprintf(finding->observed, sizeof(finding->observed), format, args);
	va_end(args);
	diagnosis->failed++;
	if (diagnosis->status != STATUS_IMPOSSIBLE)
		diagnosis->status = status;
}

void prescribe(struct diagnosis *diagnosis, const char *format, ...)
{
	struct finding *finding = &diagnosis->findings[diagnosis->count - 1];
	va_list args;

	va_start(args, format);
	vsnprintf(finding->remedy, sizeof(finding->remedy), format, args);
	va_end(args);
}
