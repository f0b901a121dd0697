// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may do what: makes every call as an actor and prints what came of it, one line
 * a call: its name, a tab, "ok" or the errno. docs/modules/rights.md says what has to come of
 * it, test_rights.py compares.
 *
 *   rights --list     names of the calls, a line each; then of the actors
 *   rights ACTOR      77: it cannot be had here
 *
 * No TESTs: the rows and columns are those of the table.
 */
#include <grp.h>
#include <linux/dma-buf.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common.h"

#define NOBODY 65534
#define IMPOSSIBLE 77
#define UNEXPECTED 70

/* What there is when a call is made; what the actor lacks is closed by then. */
struct scene {
	struct buffer buffer;
	int own;	/* the exporter file that owns the buffer */
	int file;	/* the exporter file that the actor uses */
	int imp;
	int att;	/* mapped */
};

struct actor {
	const char *name;
	bool has_own;		/* uses the owner's file */
	bool has_dmabuf;
	int (*become)(void);	/* 0, or what to exit with */
};

static int become_nobody(void)
{
	return setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	       setresuid(NOBODY, NOBODY, NOBODY) ? UNEXPECTED : 0;
}

static int write_map(const char *path, const char *map)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0 || dprintf(fd, "%s", map) < 0)
		ret = IMPOSSIBLE;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* All capabilities, but in a user namespace that nobody made. */
static int become_namespace_root(void)
{
	int ret = become_nobody();

	if (ret)
		return ret;
	/* Or its files in /proc would be root's. */
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER))
		return IMPOSSIBLE;
	ret = write_map("/proc/self/uid_map", "0 65534 1");
	return ret ?: getuid() ? UNEXPECTED : 0;
}

static int stay_root(void)
{
	return 0;
}

static const struct actor actors[] = {
	{ "owner", true, true, become_nobody },
	{ "holder", false, true, become_nobody },
	{ "other", false, false, become_nobody },
	{ "namespace root", false, true, become_namespace_root },
	{ "CAP_SYS_ADMIN", false, false, stay_root },
};

/* --- the calls: 0 or -errno ---------------------------------------------- */

static int opened(const char *path)
{
	int fd = dr_open(path);

	return fd < 0 ? fd : 0;
}

static int open_exporter(struct scene *s)
{
	(void)s;
	return opened(DMABUF_REVOKE_EXPORTER_PATH);
}

static int open_importer(struct scene *s)
{
	(void)s;
	return opened(DMABUF_REVOKE_IMPORTER_PATH);
}

static int info(struct scene *s)
{
	struct dmabuf_revoke_exporter_info out;

	return dr_exporter_info(s->file, &out);
}

static int alloc(struct scene *s)
{
	struct buffer new;

	return dr_alloc(s->file, PAGE, 0, &new.id, &new.fd);
}

static int alloc_with_faults(struct scene *s)
{
	struct buffer new;

	return dr_alloc_faulty(s->file, PAGE, 0, DMABUF_REVOKE_FAULT_NO_ZAP,
			       &new.id, &new.fd);
}

static int revoke_it(struct scene *s)
{
	return dr_revoke(s->file, s->buffer.id, 0, NULL);
}

static int suspend(struct scene *s)
{
	return dr_suspend(s->file, s->buffer.id, 0, NULL);
}

static int restore(struct scene *s)
{
	return dr_restore(s->file, s->buffer.id, 0);
}

static int move(struct scene *s)
{
	return dr_move(s->file, s->buffer.id, dr_deadline(SOON));
}

static int free_it(struct scene *s)
{
	return dr_free(s->file, s->buffer.id, NULL, 0, NULL);
}

static int faults_that_fail(struct scene *s)
{
	return dr_faults(s->file, s->buffer.id, DMABUF_REVOKE_FAULT_FAIL_MAP, 0, 0);
}

static int faults_to_clear(struct scene *s)
{
	return dr_faults(s->file, s->buffer.id, 0, 0, 0);
}

static int export(struct scene *s)
{
	int fd = dr_export(s->file, s->buffer.id);

	return fd < 0 ? fd : 0;
}

static int query_by_id(struct scene *s)
{
	struct dmabuf_revoke_query out;

	return dr_query(s->file, s->buffer.id, &out);
}

static int query_by_descriptor(struct scene *s)
{
	struct dmabuf_revoke_query out;

	return dr_query_fd(s->file, s->buffer.fd, &out);
}

static int blockers(struct scene *s)
{
	uint32_t count;

	return dr_blockers(s->file, s->buffer.id, NULL, 0, &count);
}

/* Whether the buffer is among them; if not, that is ENOENT. */
static int list(struct scene *s)
{
	uint64_t ids[512];
	uint32_t count, i;
	int ret = dr_list(s->file, ids, ARRAY_SIZE(ids), &count);

	for (i = 0; !ret && i < count && i < ARRAY_SIZE(ids); i++)
		if (ids[i] == s->buffer.id)
			return 0;
	return ret ?: -ENOENT;
}

static int importer_info(struct scene *s)
{
	struct dmabuf_revoke_importer_info out;

	return dr_importer_info(s->imp, &out);
}

static int attach_it(struct scene *s)
{
	int att = dr_attach(s->imp, s->buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);

	return att < 0 ? att : dr_map(att, 0);
}

static int attach_misbehaving(struct scene *s)
{
	int att = dr_attach_misbehaving(s->imp, s->buffer.fd,
					DMABUF_REVOKE_KIND_DYNAMIC, 0,
					DMABUF_REVOKE_MISBEHAVE_IGNORE, 0);

	return att < 0 ? att : 0;
}

static int devices(struct scene *s)
{
	uint32_t count;

	return dr_devices(s->imp, NULL, 0, &count);
}

static int segments(struct scene *s)
{
	uint32_t count;

	return dr_segments(s->att, NULL, 0, &count);
}

static int mmap_it(struct scene *s)
{
	void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    s->buffer.fd, 0);

	return memory == MAP_FAILED ? -errno : 0;
}

static int sync_it(struct scene *s)
{
	struct dma_buf_sync arg = { DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	return ioctl(s->buffer.fd, DMA_BUF_IOCTL_SYNC, &arg) ? -errno : 0;
}

static const struct {
	const char *name;
	int (*call)(struct scene *s);
	bool suspended;		/* the buffer has to be */
} calls[] = {
	{ "open the exporter", open_exporter, false },
	{ "open the importer", open_importer, false },
	{ "EXPORTER_INFO", info, false },
	{ "ALLOC", alloc, false },
	{ "ALLOC with faults", alloc_with_faults, false },
	{ "REVOKE", revoke_it, false },
	{ "REVOKE to suspend", suspend, false },
	{ "RESTORE", restore, true },
	{ "MOVE", move, false },
	{ "FREE", free_it, false },
	{ "FAULTS that fail", faults_that_fail, false },
	{ "FAULTS to clear them", faults_to_clear, false },
	{ "EXPORT", export, false },
	{ "QUERY by id", query_by_id, false },
	{ "QUERY by descriptor", query_by_descriptor, false },
	{ "BLOCKERS", blockers, false },
	{ "LIST names it", list, false },
	{ "mmap", mmap_it, false },
	{ "DMA_BUF_IOCTL_SYNC", sync_it, false },
	{ "IMPORTER_INFO", importer_info, false },
	{ "ATTACH and MAP", attach_it, false },
	{ "ATTACH to misbehave", attach_misbehaving, false },
	{ "DEVICES", devices, false },
	{ "SEGMENTS", segments, false },
};

/* In a process of its own, whose end takes everything away. */
static int play(const struct actor *actor, size_t i)
{
	struct scene s;
	int ret;

	s.own = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	s.file = actor->has_own ? s.own : dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	s.imp = dr_open(DMABUF_REVOKE_IMPORTER_PATH);
	if (s.imp < 0 || s.file < 0 ||
	    dr_alloc(s.own, PAGE, 0, &s.buffer.id, &s.buffer.fd) ||
	    (calls[i].suspended && dr_suspend(s.own, s.buffer.id, 0, NULL)))
		return UNEXPECTED;
	if (calls[i].call == segments) {
		s.att = dr_attach(s.imp, s.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
		if (s.att < 0 || dr_map(s.att, DMABUF_REVOKE_BIDIRECTIONAL))
			return UNEXPECTED;
	}
	if (!actor->has_dmabuf)
		close(s.buffer.fd);
	ret = actor->become();
	if (ret)
		return ret;
	ret = calls[i].call(&s);
	printf("%s\t%s\n", calls[i].name,
	       ret ? strerrorname_np(-ret) : "ok");
	return 0;
}

static int play_apart(const struct actor *actor, size_t i)
{
	pid_t child = fork();
	int status;

	if (!child) {
		int ret = play(actor, i);

		fflush(stdout);
		_exit(ret);
	}
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		return UNEXPECTED;
	return WEXITSTATUS(status);
}

static int print_names(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		puts(calls[i].name);
	puts("");
	for (size_t i = 0; i < ARRAY_SIZE(actors); i++)
		puts(actors[i].name);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct actor *actor;

	if (argc == 2 && !strcmp(argv[1], "--list"))
		return print_names();
	for (actor = actors; actor < actors + ARRAY_SIZE(actors); actor++) {
		if (argc != 2 || strcmp(argv[1], actor->name))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
			int ret = play_apart(actor, i);

			if (ret)
				return ret;
		}
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "usage: rights --list | ACTOR\n");
	return EXIT_FAILURE;
}
