/* SPDX-License-Identifier: GPL-2.0-only */
/* The modules, and what is examined of each: a file for each subject. */
#ifndef DOCTOR_PATIENTS_H
#define DOCTOR_PATIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "doctor/diagnosis.h"
#include "lib/text/causes.h"

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
