// SPDX-License-Identifier: GPL-2.0-only
/*
 * The README's examples, as they stand there, each with the other side played here.
 * Their "exporter" and "importer" hide those of the CASE.
 */
#include <stdio.h>
#include <sys/ioctl.h>

#include "common.h"

static int imported = -1;
static struct buffer exported;

static void your_driver_imports(int dmabuf)
{
	imported = attach_mapped(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC,
				 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	submit_running(imported, dmabuf, DMABUF_REVOKE_SUBMIT_STREAM, 20 * MSEC,
		       NULL);
}

static int your_driver_exports(void)
{
	exported = buffer_alloc(MIB, 0);
	return exported.fd;
}

static void your_driver_revokes(void)
{
	revoke_fully(exported.id);
}

CASE(examples, exporter_side)
{
#include "examples/exporter.inc"
	equal(r.state, DMABUF_REVOKE_STATE_REVOKED);
	holds(r.phases.fences_ns > 0);
	equal(status(imported).unmaps, 1);
	close(imported);
	close(a.fd);
	close(exporter);
}

CASE(examples, importer_side)
{
#include "examples/importer.inc"
	equal(e.type, DMABUF_REVOKE_EVENT_UNMAPPED);
	equal(status(a.fd).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
	close(importer);
	close(a.fd);
	close(exported.fd);
}
