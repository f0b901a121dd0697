// SPDX-License-Identifier: GPL-2.0-only
/* The node of a loaded module. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/diagnosis.h"
#include "doctor/patients.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"

#define NODE	"has its node"
#define OPENS	"may be opened"
#define ABI	"speaks this command's ABI"

/* After @first the module may make its node anew. */
static void prescribe_reload(struct diagnosis *diagnosis,
			     const struct patient *patient, const char *first)
{
	prescribe(diagnosis, "%s; then rmmod %s; modprobe %s", first, patient->module,
		  patient->module);
}

static bool examine_node(struct diagnosis *diagnosis, const struct patient *patient,
			 struct stat *status)
{
	if (stat(patient->node, status)) {
		diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, NODE,
				"no %s (%s)", patient->node, errno_name(errno));
		prescribe_reload(diagnosis, patient,
				 "in a container, pass it in; else see that devtmpfs is on /dev");
		return false;
	}
	if (!S_ISCHR(status->st_mode)) {
		diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, NODE,
				"%s is not a device", patient->node);
		prescribe_reload(diagnosis, patient, "remove it");
		return false;
	}
	diagnose(diagnosis, RESULT_OK, patient->subject, NODE, "%s", patient->node);
	return true;
}

/* Whom a node that is not ours to open belongs to, and how to become that. */
static void explain_permission(struct diagnosis *diagnosis,
			       const struct patient *patient, const struct stat *status)
{
	struct group *group = getgrgid(status->st_gid);
	const char *name = group ? group->gr_name : "?";

	diagnose_failed(diagnosis, STATUS_FAILED, patient->subject, OPENS,
			"uid %u may not: mode %04o, uid %u, group %s",
			geteuid(), status->st_mode & 07777, status->st_uid, name);
	if (!geteuid())
		prescribe(diagnosis,
			  "root of a container or user namespace is not enough: run outside, or have it allowed there");
	else if (patient->for_groups && status->st_gid && (status->st_mode & 060) == 060)
		prescribe(diagnosis, "run as root, or join its group: adduser USER %s", name);
	else
		prescribe(diagnosis, "run as root");
}

/* Neither the node nor the module is to blame. */
static void explain_open(struct diagnosis *diagnosis, const struct patient *patient, int err)
{
	const struct situation opening = { .act = patient->opening };
	const struct reason *reason = find_reason(&opening, -err);

	diagnose_failed(diagnosis, STATUS_FAILED, patient->subject, OPENS, "%s: %s (%s)",
			patient->node, reason ? reason->cause : strerror(-err),
			errno_name(err));
	prescribe(diagnosis, "%s", reason && reason->remedy ? reason->remedy : "try again");
}

static int examine_open(struct diagnosis *diagnosis, const struct patient *patient,
			const struct stat *status)
{
	int fd = dr_open(patient->node);

	if (fd >= 0) {
		diagnose(diagnosis, RESULT_OK, patient->subject, OPENS, "yes");
	} else if (fd == -EACCES || fd == -EPERM) {
		explain_permission(diagnosis, patient, status);
	} else if (fd == -ENODEV || fd == -ENXIO) {
		diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, OPENS,
				"%s: %s", patient->node, errno_name(fd));
		prescribe_reload(diagnosis, patient, "the node is not this module's: remove it");
	} else {
		explain_open(diagnosis, patient, fd);
	}
	return fd;
}

static bool examine_abi(struct diagnosis *diagnosis, const struct patient *patient,
			int fd)
{
	uint32_t version;
	int ret = patient->abi_version(fd, &version);

	if (!ret && version == DMABUF_REVOKE_ABI_VERSION) {
		diagnose(diagnosis, RESULT_OK, patient->subject, ABI, "version %u",
			 version);
		return true;
	}
	if (ret)
		diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, ABI,
				"%s does not answer as it should (%s)", patient->node,
				errno_name(ret));
	else
		diagnose_failed(diagnosis, STATUS_IMPOSSIBLE, patient->subject, ABI,
				"version %u, not %u", version,
				DMABUF_REVOKE_ABI_VERSION);
	prescribe_reload(diagnosis, patient, "install command and modules of the same version");
	return false;
}

void examine_device(struct diagnosis *diagnosis, const struct patient *patient)
{
	struct stat status;
	int fd;

	if (!examine_node(diagnosis, patient, &status))
		return;
	fd = examine_open(diagnosis, patient, &status);
	if (fd < 0)
		return;
	if (examine_abi(diagnosis, patient, fd) && patient->examine)
		patient->examine(diagnosis, fd);
	close(fd);
}
