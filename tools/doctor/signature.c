// SPDX-License-Identifier: GPL-2.0-only
/* Whether a kernel that loads signed modules only would load ours. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor/diagnosis.h"
#include "doctor/lines.h"
#include "doctor/patients.h"

#define EXPECTED	"is accepted by this kernel"
#define SIG_ENFORCE	"/sys/module/module/parameters/sig_enforce"
#define LOCKDOWN	"/sys/kernel/security/lockdown"
#define ENROL		"mokutil --import /var/lib/dkms/mok.pub, and reboot"
#define TURN_OFF	"or turn off Secure Boot (module.sig_enforce, lockdown=)"

/* What makes this kernel refuse modules without a valid signature, or NULL. */
static const char *who_enforces(void)
{
	char line[128];

	if (read_line(SIG_ENFORCE, line, sizeof(line)) && *line == 'Y')
		return "module.sig_enforce";
	if (read_line(LOCKDOWN, line, sizeof(line)) && !strstr(line, "[none]"))
		return "lockdown, as set by Secure Boot,";
	return NULL;
}

/* A key of the kernel that has this name, such as "DKMS module signing key". */
static bool knows_key(const char *signer)
{
	FILE *keys = fopen("/proc/keys", "re");
	bool found = false;
	char line[512];

	if (!keys)
		return false;
	while (!found && fgets(line, sizeof(line), keys))
		found = strstr(line, "asymmetri") && strstr(line, signer);
	fclose(keys);
	return found;
}

static bool examine_signer(struct diagnosis *diagnosis, const struct patient *patient,
			   const char *enforcer, const char *signer)
{
	if (knows_key(signer)) {
		diagnose(diagnosis, RESULT_OK, patient->subject, EXPECTED,
			 "signed by %s, whose key the kernel has", signer);
		return true;
	}
	if (geteuid()) {
		diagnose(diagnosis, RESULT_UNKNOWN, patient->subject, EXPECTED,
			 "signed by %s; which keys the kernel has is shown to root only",
			 signer);
		return true;
	}
	diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, EXPECTED,
			"%s refuses it: the kernel has no key of its signer, %s",
			enforcer, signer);
	prescribe(diagnosis, "enrol the key: " ENROL "; " TURN_OFF);
	return false;
}

bool examine_signature(struct diagnosis *diagnosis, const struct patient *patient)
{
	const char *enforcer = who_enforces();
	char signer[128];

	if (!enforcer) {
		diagnose(diagnosis, RESULT_OK, patient->subject, EXPECTED,
			 "no signature is asked for");
		return true;
	}
	if (command_line(signer, sizeof(signer), "modinfo -k '%s' -F signer %s",
			 diagnosis->kernel.release, patient->module))
		return examine_signer(diagnosis, patient, enforcer, signer);
	diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, EXPECTED,
			"%s refuses it: it is not signed", enforcer);
	prescribe(diagnosis, "have dkms sign it: dkms build --force; enrol its key: " ENROL
		  "; " TURN_OFF);
	return false;
}
