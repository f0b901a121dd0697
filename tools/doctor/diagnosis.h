/* SPDX-License-Identifier: GPL-2.0-only */
/* What the doctor has found, and what to do about it. */
#ifndef DOCTOR_DIAGNOSIS_H
#define DOCTOR_DIAGNOSIS_H

#include <stdbool.h>
#include <sys/utsname.h>

#include "command.h"

#define DOCTOR_FINDINGS	24

enum result {
	RESULT_OK,
	RESULT_FAILED,
	RESULT_UNKNOWN,		/* what it takes to tell is not at hand; no failure */
};

struct finding {
	enum result result;
	const char *subject;
	const char *expected;
	char observed[256];
	char remedy[256];	/* empty unless it failed */
};

struct diagnosis {
	struct utsname kernel;	/* the running one */
	bool dkms_asked;
	char dkms[128];		/* what it said, which takes it a second; or empty */
	unsigned int count;
	unsigned int failed;
	enum status status;	/* what doctor exits with */
	struct finding findings[DOCTOR_FINDINGS];
};

/* Add a finding that is as @expected, or cannot be told. @format: what was observed. */
void diagnose(struct diagnosis *diagnosis, enum result result, const char *subject,
	      const char *expected, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/*
 * Add a finding that is not as @expected. @status is what this alone makes the
 * doctor exit with. The remedy follows by prescribe().
 */
void diagnose_failed(struct diagnosis *diagnosis, enum status status,
		     const char *subject, const char *expected,
		     const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* What to do about the finding added last. */
void prescribe(struct diagnosis *diagnosis, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
