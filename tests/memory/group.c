// SPDX-License-Identifier: GPL-2.0-only
/* A memory control group that is full: calls fail, and nobody is killed for it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "life.h"

#define ATTACHMENTS 16
#define BUFFERS 1000

static char mount_point[64];
static char group[128];

static int open_in_group(const char *file, int how)
{
	char path[192];

	snprintf(path, sizeof(path), "%s%s", group, file);
	return open(path, how | O_CLOEXEC);
}

static void put(const char *file, const char *text)
{
	int fd = succeeds(sys(open_in_group(file, O_WRONLY)));

	succeeds(sys(write(fd, text, strlen(text))));
	close(fd);
}

static void get(const char *file, char *text, size_t size)
{
	int fd = succeeds(sys(open_in_group(file, O_RDONLY)));
	ssize_t length;

	length = succeeds(sys(read(fd, text, size - 1)));
	text[length] = 0;
	close(fd);
}

/* Of the second version; mounted here, wherever else it may be. */
static void group_begin(void)
{
	char controllers[256];

	snprintf(mount_point, sizeof(mount_point), "/tmp/dmabuf-revoke-XXXXXX");
	holds(mkdtemp(mount_point));
	if (mount("none", mount_point, "cgroup2", 0, NULL)) {
		rmdir(mount_point);
		skip("no cgroup2 (CONFIG_CGROUPS)");
	}
	snprintf(group, sizeof(group), "%s", mount_point);
	get("/cgroup.controllers", controllers, sizeof(controllers));
	if (!strstr(controllers, "memory")) {
		umount(mount_point);
		rmdir(mount_point);
		skip("no memory controller in cgroup2 (CONFIG_MEMCG)");
	}
	put("/cgroup.subtree_control", "+memory");
	snprintf(group, sizeof(group), "%s/dmabuf-revoke-test-%d", mount_point,
		 getpid());
	succeeds(sys(mkdir(group, 0700)));
}

static bool group_is_removed(uint64_t unused)
{
	(void)unused;
	return !rmdir(group) || errno != EBUSY;
}

static void group_end(void)
{
	holds(eventually(group_is_removed, 0));
	succeeds(sys(umount(mount_point)));
	succeeds(sys(rmdir(mount_point)));
}

/* What the calls are made with. */
static struct buffer buffer, others[BUFFERS];
static int atts[ATTACHMENTS];
static uint64_t ids[2 * BUFFERS];
static struct dmabuf_revoke_blocker blockers[4];

static int alloc(void)
{
	uint64_t id;
	int fd, ret = dr_alloc(exporter, PAGE, 0, &id, &fd);

	if (!ret) {
		dr_free(exporter, id, NULL, 0, NULL);
		close(fd);
	}
	return ret;
}

static int move(void)
{
	return dr_move(exporter, others[ATTACHMENTS].id, DMABUF_REVOKE_FOREVER);
}

static int attach_it(void)
{
	int ret = dr_attach(importer, buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	if (ret >= 0)
		close(ret);
	return ret < 0 ? ret : 0;
}

static int export_it(void)
{
	int ret = dr_export(exporter, buffer.id);

	if (ret >= 0)
		close(ret);
	return ret < 0 ? ret : 0;
}

static int list(void)
{
	uint32_t count;

	return dr_list(exporter, ids, ARRAY_SIZE(ids), &count);
}

static int ask_for_blockers(void)
{
	uint32_t count;

	return dr_blockers(exporter, others[0].id, blockers, ARRAY_SIZE(blockers),
			   &count);
}

static int submit_one(int att)
{
	struct dmabuf_revoke_submit job = { .length = 1 };

	return dr_submit(att, &job);
}

/* All that it takes is ours: whatever is in stock for the group is used up. */
static int use_up(void)
{
	int ret = 0;

	for (size_t i = 0; i < ATTACHMENTS && ret != -ENOMEM; i++)
		do
			ret = submit_one(atts[i]);
		while (!ret);
	return ret;
}

static const struct {
	const char *name;
	int (*call)(void);
} calls[] = {
	{ "ALLOC", alloc },
	{ "MOVE", move },
	{ "ATTACH", attach_it },
	{ "EXPORT", export_it },
	{ "LIST", list },
	{ "BLOCKERS", ask_for_blockers },
};

/* What it touches it has touched before the group is full, and it opens nothing more. */
static int calls_in_a_full_group(void *arg)
{
	int result[ARRAY_SIZE(calls)], used, max = *(int *)arg;
	char text[32];

	put("/cgroup.procs", "0");
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		succeeds(calls[i].call());
	succeeds(sys(mlockall(MCL_CURRENT)));
	memset(result, -1, sizeof(result));
	get("/memory.current", text, sizeof(text));
	succeeds(sys(write(max, text, strlen(text))));

	used = use_up();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		result[i] = calls[i].call();

	succeeds(sys(write(max, "max", 3)));
	fails(used, ENOMEM);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (result[i] != -ENOMEM)
			row_gives(calls[i].name, result[i], 0);
	return 0;
}

CASE(group, calls_in_a_full_group_are_ENOMEM_and_nobody_is_killed)
{
	char events[256];
	int max;

	group_begin();
	max = succeeds(sys(open_in_group("/memory.max", O_WRONLY)));
	buffer = buffer_alloc(PAGE, 0);
	for (size_t i = 0; i < BUFFERS; i++) {
		others[i] = buffer_alloc(PAGE, 0);
		/* Each its own: the DMA-API checks count no more than 7 of one page. */
		if (i < ATTACHMENTS)
			atts[i] = attach_mapped(others[i].fd,
						DMABUF_REVOKE_KIND_DYNAMIC, 0);
		close(others[i].fd);
	}
	equal(in_child(calls_in_a_full_group, &max), 0);
	close(max);
	get("/memory.events", events, sizeof(events));
	holds(strstr(events, "oom_kill 0\n"), "%s", events);
	for (size_t i = 0; i < ATTACHMENTS; i++)
		close(atts[i]);
	close(buffer.fd);
	group_end();
}
