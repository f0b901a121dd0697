// SPDX-License-Identifier: GPL-2.0-only
/* Both modules, and what is particular to each. */
#include <inttypes.h>
#include <stddef.h>

#include "doctor/diagnosis.h"
#include "doctor/patients.h"
#include "lib/buffers/ids.h"
#include "lib/devices/ioctls.h"
#include "lib/text/units.h"

#define LIMIT "/sys/module/dmabuf_revoke_exporter/parameters/limit_mb"

/* A worker of the kernel releases the last reference. */
#define UNNAMED_PATIENCE_NS 1000000000

static int exporter_abi(int fd, uint32_t *version)
{
	struct dmabuf_revoke_exporter_info info = { 0 };
	int ret = dr_exporter_info(fd, &info);

	*version = info.abi_version;
	return ret;
}

static int importer_abi(int fd, uint32_t *version)
{
	struct dmabuf_revoke_importer_info info = { 0 };
	int ret = dr_importer_info(fd, &info);

	*version = info.abi_version;
	return ret;
}

/*
 * What list does not name: its owner has given it up, nothing blocks it, and somebody's
 * reference keeps it, and this module with it. Few can tell whose.
 */
static void examine_unnamed(struct diagnosis *diagnosis, int fd)
{
	uint64_t unnamed;

	if (count_unnamed(fd, UNNAMED_PATIENCE_NS, &unnamed) || !unnamed)
		return;
	diagnose(diagnosis, RESULT_UNKNOWN, "exporter", "can name its buffers",
		 "%" PRIu64 " buffer%s kept %s", unnamed, unnamed == 1 ? " is" : "s are",
		 "by a reference alone: /proc/PID/fd or maps have it, or a driver has leaked it");
}

/* The limit may have been lowered below what is in use. */
static void examine_limit(struct diagnosis *diagnosis, int fd)
{
	const char *expected = "has memory left";
	struct dmabuf_revoke_exporter_info info = { 0 };
	char used[UNITS_TEXT], limit[UNITS_TEXT];
	bool left;

	if (dr_exporter_info(fd, &info))
		return;
	format_size(used, info.bytes);
	format_size(limit, info.limit_bytes);
	left = info.bytes + info.page_size <= info.limit_bytes;
	if (left) {
		diagnose(diagnosis, RESULT_OK, "exporter", expected, "%s of %s in use",
			 used, limit);
		return;
	}
	diagnose_failed(diagnosis, STATUS_FAILED, "exporter", expected,
			"limit reached: %s of %s in use", used, limit);
	prescribe(diagnosis, "end who holds buffers (dmabuf-revoke list), or raise " LIMIT);
}

static void examine_exporter(struct diagnosis *diagnosis, int fd)
{
	examine_limit(diagnosis, fd);
	examine_unnamed(diagnosis, fd);
}

const struct patient patients[] = {
	{ "exporter", "dmabuf_revoke_exporter", DMABUF_REVOKE_EXPORTER_PATH,
	  ACT_OPEN_EXPORTER, true, exporter_abi, examine_exporter },
	{ "importer", "dmabuf_revoke_importer", DMABUF_REVOKE_IMPORTER_PATH,
	  ACT_OPEN_IMPORTER, false, importer_abi, NULL },
	{ 0 },
};
