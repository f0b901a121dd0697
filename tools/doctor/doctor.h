/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What dmabuf-revoke doctor looks at. The files doctor_*.c each examine one
 * subject and add what they find to a diagnosis.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/utsname.h>

#include "command.h"
#include "lib/text/causes.h"

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

/* One module of ours and its device. */
struct patient {
	const char *subject;
	const char *module;
	const char *node;
	enum act opening;		/* ACT_OPEN_* */
	bool for_groups;		/* the node may belong to a group */
	/* Its ABI version; or a negative errno. */
	int (*abi_version)(int fd, uint32_t *version);
	/* What else there is to examine through an open node; or NULL. */
	void (*examine)(struct diagnosis *diagnosis, int fd);
};

extern const struct patient patients[];		/* without a subject: the end */

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

/* Whether the module is loaded; if not, the findings say why. */
bool examine_module(struct diagnosis *diagnosis, const struct patient *patient);
/* Whether the running kernel has the options it takes, as far as that is known. */
bool examine_options(struct diagnosis *diagnosis, const struct patient *patient);
/* Whether there is a module for the running kernel, and what dkms says if not. */
bool examine_built(struct diagnosis *diagnosis, const struct patient *patient);
/* Whether the running kernel accepts the module's signature or the lack of one. */
bool examine_signature(struct diagnosis *diagnosis, const struct patient *patient);
/* The node of a loaded module, and what can be seen through it. */
void examine_device(struct diagnosis *diagnosis, const struct patient *patient);

#endif
