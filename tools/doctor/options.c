// SPDX-License-Identifier: GPL-2.0-only
/* The configuration of the running kernel. */
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "doctor/diagnosis.h"
#include "doctor/patients.h"
#include "lib/text/flavour.h"

#define EXPECTED "finds its kernel options"

/* As dkms.conf has it: both modules are built, or none. NULL ends it. */
static const char *const options[] = {
	"CONFIG_DMA_SHARED_BUFFER",
	"CONFIG_SYNC_FILE",
	NULL,
};

/* In order of trust; %s is the release. zlib also reads what is not compressed. */
static const char *const places[] = {
	"/proc/config.gz",
	"/boot/config-%s",
	"/lib/modules/%s/config",
	"/lib/modules/%s/build/.config",
	NULL,
};

static gzFile open_config(const char *release, char *path, size_t size)
{
	const char *const *place;
	gzFile file = NULL;

	for (place = places; *place && !file; place++) {
		/* The first one does not use it. */
		snprintf(path, size, *place, release);
		file = gzopen(path, "re");
	}
	return file;
}

static bool has_option(gzFile file, const char *option)
{
	size_t length = strlen(option);
	char line[512];

	gzrewind(file);
	while (gzgets(file, line, sizeof(line)))
		if (!strncmp(line, option, length) &&
		    (!strncmp(line + length, "=y", 2) || !strncmp(line + length, "=m", 2)))
			return true;
	return false;
}

bool examine_options(struct diagnosis *diagnosis, const struct patient *patient)
{
	const char *const *option = options;
	char path[256];
	gzFile file = open_config(diagnosis->kernel.release, path, sizeof(path));

	if (!file) {
		diagnose(diagnosis, RESULT_UNKNOWN, patient->subject, EXPECTED,
			 "no configuration of %s found", diagnosis->kernel.release);
		return true;
	}
	while (*option && has_option(file, *option))
		option++;
	gzclose(file);
	if (!*option) {
		diagnose(diagnosis, RESULT_OK, patient->subject, EXPECTED, "%s", path);
		return true;
	}
	diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, EXPECTED,
			"no %s in %s", *option, path);
	prescribe(diagnosis, "boot a kernel that has it, such as Debian's linux-image%s",
		  debian_flavour(diagnosis->kernel.machine));
	return false;
}
