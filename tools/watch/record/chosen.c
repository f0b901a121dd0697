// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buffers/whose.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/units.h"
#include "watch/record/chosen.h"
#include "watch/record/there.h"

static int add(struct chosen *chosen, uint64_t inode)
{
	uint64_t *inodes = reallocarray(chosen->inodes, chosen->count + 1, sizeof(*inodes));

	if (!inodes)
		return -ENOMEM;
	inodes[chosen->count++] = inode;
	chosen->inodes = inodes;
	return 0;
}

/* Consumes @dmabuf. */
static int add_descriptor(struct chosen *chosen, int dmabuf)
{
	struct stat stat;
	int ret = fstat(dmabuf, &stat) ? -errno : add(chosen, stat.st_ino);

	close(dmabuf);
	return ret ? explain(ACT_OTHER, ret, "watch: the dma-buf") : STATUS_DONE;
}

static int by_descriptor(const struct verb *verb, const struct choosing *choosing,
			 struct chosen *chosen)
{
	int status, dmabuf = open_dmabuf(verb, choosing->pid, choosing->fd, &status);

	if (dmabuf < 0)
		return status;
	if (whose_dmabuf(dmabuf) == WHOSE_NOBODYS) {
		complain("watch: --fd %d: not a dma-buf", choosing->fd);
		close(dmabuf);
		return STATUS_FAILED;
	}
	return add_descriptor(chosen, dmabuf);
}

static int by_id(const struct verb *verb, const struct choosing *choosing,
		 struct chosen *chosen)
{
	int status, exporter, dmabuf;
	uint64_t id;

	if (parse_number(choosing->id, UINT64_MAX, &id))
		return usage(verb, "--id: '%s' is not the id of a buffer", choosing->id);
	exporter = open_exporter(&status);
	if (exporter < 0)
		return status;
	dmabuf = dr_export(exporter, id);
	close(exporter);
	if (dmabuf < 0)
		return explain(ACT_EXPORT, dmabuf, "watch: buffer %s", choosing->id);
	return add_descriptor(chosen, dmabuf);
}

static int found(void *context, const struct descriptor *descriptor)
{
	return add(context, descriptor->inode);
}

static int by_process(const struct choosing *choosing, struct chosen *chosen)
{
	int ret = there_walk(choosing->pid, found, chosen);

	if (ret == -ENOENT)
		ret = -ESRCH;
	if (ret)
		return explain(ACT_FETCH, ret, "watch: process %d", choosing->pid);
	if (!chosen->count) {
		complain("watch: process %d has no descriptor of a dma-buf", choosing->pid);
		return STATUS_FAILED;
	}
	return STATUS_DONE;
}

int chosen_find(const struct verb *verb, const struct choosing *choosing,
		struct chosen *chosen)
{
	int status = STATUS_DONE;

	if (!choosing->pid)
		return usage(verb, "--pid 0: no process has that number");
	if (choosing->id && (choosing->fd >= 0 || choosing->pid >= 0))
		return usage(verb, "--id, and --fd or --pid: they name dma-bufs each by itself; %s",
			     "give one of them");
	*chosen = (struct chosen){ .exporter = choosing->exporter };
	chosen->by_inode = choosing->fd >= 0 || choosing->pid >= 0 || choosing->id;
	if (choosing->fd >= 0)
		status = by_descriptor(verb, choosing, chosen);
	else if (choosing->pid >= 0)
		status = by_process(choosing, chosen);
	if (!status && choosing->id)
		status = by_id(verb, choosing, chosen);
	if (status)
		chosen_free(chosen);
	return status;
}

static bool has_inode(const struct chosen *chosen, uint64_t inode)
{
	uint64_t i;

	for (i = 0; i < chosen->count; i++)
		if (chosen->inodes[i] == inode)
			return true;
	return false;
}

bool chosen_has(const struct chosen *chosen, uint64_t inode, const char *exporter)
{
	if (chosen->by_inode && !has_inode(chosen, inode))
		return false;
	return !chosen->exporter || !strcmp(chosen->exporter, exporter);
}

void chosen_free(struct chosen *chosen)
{
	free(chosen->inodes);
	*chosen = (struct chosen){ 0 };
}
