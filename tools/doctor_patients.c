// SPDX-License-Identifier: GPL-2.0-only
/* Both modules, and what is particular to each. */
#include <stddef.h>

#include "doctor.h"
#include "ioctls.h"
#include "units.h"

#define LIMIT "/sys/module/dmabuf_revoke_exporter/parameters/limit_mb"

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

const struct patient patients[] = {
	{ "exporter", "dmabuf_revoke_exporter", DMABUF_REVOKE_EXPORTER_PATH,
	  true, exporter_abi, examine_limit },
	{ "importer", "dmabuf_revoke_importer", DMABUF_REVOKE_IMPORTER_PATH,
	  false, importer_abi, NULL },
	{ 0 },
};
