// SPDX-License-Identifier: GPL-2.0-only
/* From a module that is not there to one that is loaded. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor/diagnosis.h"
#include "doctor/lines.h"
#include "doctor/patients.h"

#define BUILT	"is built for this kernel"
#define LOADED	"is loaded"
#define STATUS	"dkms status -m dmabuf-revoke"
#define INSTALL	"make dkms-install, or install the package dmabuf-revoke-dkms"

static bool have_headers(const char *release)
{
	char path[256];

	snprintf(path, sizeof(path), "/lib/modules/%s/build/Makefile", release);
	return !access(path, F_OK);
}

/* Its line about this kernel, else about any; empty if it does not know us. */
static const char *ask_dkms(struct diagnosis *diagnosis)
{
	if (!diagnosis->dkms_asked &&
	    !command_line(diagnosis->dkms, sizeof(diagnosis->dkms),
			  "all=$(" STATUS "); echo \"$all\" | grep -F ', %s,' || echo \"$all\"",
			  diagnosis->kernel.release))
		diagnosis->dkms[0] = '\0';
	diagnosis->dkms_asked = true;
	return diagnosis->dkms;
}

/* @known is dkms's line, such as "dmabuf-revoke/0.1.0, RELEASE, x86_64: built". */
static void prescribe_dkms(struct diagnosis *diagnosis, const char *release,
			   const char *known)
{
	if (!have_headers(release))
		prescribe(diagnosis, "apt-get install linux-headers-%s; then dkms autoinstall",
			  release);
	else
		prescribe(diagnosis, "dkms install %.*s -k %s, which says what is wrong",
			  (int)strcspn(known, ",:"), known, release);
}

static void explain_not_built(struct diagnosis *diagnosis, const struct patient *patient)
{
	const char *release = diagnosis->kernel.release;
	char path[128];
	const char *known;

	if (!command_line(path, sizeof(path), "command -v dkms")) {
		diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, BUILT,
				"no module for %s, and no dkms to build it", release);
		prescribe(diagnosis, "apt-get install dkms linux-headers-%s; " INSTALL, release);
		return;
	}
	known = ask_dkms(diagnosis);
	if (!*known) {
		diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, BUILT,
				"no module for %s; dkms does not know dmabuf-revoke", release);
		prescribe(diagnosis, INSTALL);
		return;
	}
	diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, BUILT,
			"no module for %s%s; dkms has: %s", release,
			have_headers(release) ? "" : ", nor the kernel's headers", known);
	prescribe_dkms(diagnosis, release, known);
}

bool examine_built(struct diagnosis *diagnosis, const struct patient *patient)
{
	const char *release = diagnosis->kernel.release;
	char path[256];

	if (command_line(path, sizeof(path), "modinfo -k '%s' -n %s", release,
			 patient->module) && !access(path, F_OK)) {
		diagnose(diagnosis, RESULT_OK, patient->subject, BUILT, "%s", path);
		return true;
	}
	explain_not_built(diagnosis, patient);
	return false;
}

static bool is_loaded(const struct patient *patient)
{
	char path[128], state[32];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", patient->module);
	return read_line(path, state, sizeof(state)) && !strcmp(state, "live");
}

bool examine_module(struct diagnosis *diagnosis, const struct patient *patient)
{
	if (is_loaded(patient)) {
		diagnose(diagnosis, RESULT_OK, patient->subject, LOADED, "%s",
			 patient->module);
		return true;
	}
	if (examine_options(diagnosis, patient) && examine_built(diagnosis, patient) &&
	    examine_signature(diagnosis, patient)) {
		diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, LOADED,
				"not loaded");
		prescribe(diagnosis, "modprobe %s", patient->module);
	}
	return false;
}
