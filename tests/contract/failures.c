// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter that fails on purpose, or that invalidates for nothing: each fault does what
 * it says and nothing else, and nothing is left behind.
 */
#include <linux/dma-buf.h>
#include <sys/mman.h>

#include "deliberate.h"
#include "life.h"

#define F(name) DMABUF_REVOKE_FAULT_##name

static int attaches(struct buffer *buffer)
{
	int att = dr_attach(importer, buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	return att < 0 ? att : sys(close(att));
}

static int pins(struct buffer *buffer)
{
	int att = dr_attach(importer, buffer->fd, DMABUF_REVOKE_KIND_PINNED, 0);

	return att < 0 ? att : sys(close(att));
}

/* On an attachment: what comes of it, which is closed. */
static int with_attachment(struct buffer *buffer, int (*call)(int att))
{
	int att = dr_attach(importer, buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int ret = att < 0 ? att : call(att);

	if (att >= 0)
		close(att);
	return ret;
}

static int map(int att)
{
	return dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);
}

static int maps(struct buffer *buffer)
{
	return with_attachment(buffer, map);
}

static int vmap(int att)
{
	return dr_vmap(att, NULL);
}

static int vmaps(struct buffer *buffer)
{
	return with_attachment(buffer, vmap);
}

static int mmaps(struct buffer *buffer)
{
	void *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, buffer->fd, 0);

	return memory == MAP_FAILED ? -errno : sys(munmap(memory, PAGE));
}

static int syncs(struct buffer *buffer)
{
	int ret = sync_cpu_access(buffer->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);

	return ret ? ret :
		     sync_cpu_access(buffer->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
}

static const struct call {
	const char *name;
	int (*run)(struct buffer *buffer);
	uint64_t fails;		/* with these */
} calls[] = {
	{ "attach", attaches, F(FAIL_ATTACH) },
	{ "pin", pins, F(FAIL_ATTACH) | F(FAIL_PIN) },
	{ "map", maps, F(FAIL_ATTACH) | F(FAIL_MAP) },
	/* The importer reads it. */
	{ "vmap", vmaps, F(FAIL_ATTACH) | F(FAIL_VMAP) | F(FAIL_CPU_ACCESS) },
	{ "mmap", mmaps, F(FAIL_MMAP) },
	{ "sync", syncs, F(FAIL_CPU_ACCESS) },
};

static const uint64_t failing[] = {
	F(FAIL_ATTACH), F(FAIL_PIN), F(FAIL_MAP), F(FAIL_VMAP), F(FAIL_MMAP),
	F(FAIL_CPU_ACCESS),
};

static bool fails_with(const struct call *call, uint64_t fault)
{
	/* The core pins on behalf of who maps. */
	if (call->run == maps && fault == F(FAIL_PIN) &&
	    !kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED))
		return true;
	return call->fails & fault;
}

static void calls_fail(struct buffer *buffer, uint64_t fault, int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		row_gives(calls[i].name, calls[i].run(buffer),
			  fails_with(&calls[i], fault) ? error : 0);
		nothing_is_in_use(buffer->id);
		equal(query(buffer->id).attachments, 0);
	}
}

CASE(failures, I9_each_fails_what_it_names_warns_vmap)
{
	for (size_t i = 0; i < ARRAY_SIZE(failing); i++) {
		struct buffer buffer = buffer_alloc_faulty(PAGE, 0, failing[i]);

		calls_fail(&buffer, failing[i], ENOMEM);
		revoke_fully(buffer.id);
		close(buffer.fd);
	}
}

/* That it is revoked is what counts then. */
CASE(failures, E3_revoked_is_ENODEV_all_the_same)
{
	struct buffer buffer = buffer_alloc_faulty(PAGE, 0, F(FAIL_ATTACH) |
						   F(FAIL_MMAP) |
						   F(FAIL_CPU_ACCESS));

	revoke_fully(buffer.id);
	calls_fail(&buffer, ~0ULL, ENODEV);
	close(buffer.fd);
}

/* --- importers that are told for nothing ----------------------------------- */

/* How often those who do nothing are told while another does. */
static uint64_t told_while(uint64_t fault, int (*run)(struct buffer *buffer))
{
	struct buffer buffer = buffer_alloc_faulty(PAGE, 0, fault);
	int idle = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t told;

	/* Whether the one who is told in the midst of it goes on is his. */
	run(&buffer);
	told = status(idle).invalidations;
	suspend_fully(buffer.id);
	nothing_is_in_use(buffer.id);
	restore_fully(buffer.id);
	close(idle);
	close(buffer.fd);
	return told;
}

CASE(failures, E4_each_tells_when_it_says)
{
	bool unpinned = kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED);

	equal(told_while(0, pins), 0);
	equal(told_while(0, maps), 0);
	equal(told_while(F(TELL_IN_PIN), attaches), 0);
	equal(told_while(F(TELL_IN_PIN), pins), 1);
	equal(told_while(F(TELL_IN_MAP), pins), 0);
	holds(told_while(F(TELL_IN_MAP), maps) >= 1);
	if (unpinned)
		equal(told_while(F(TELL_IN_PIN), maps), 0);
	else
		holds(told_while(F(TELL_IN_PIN), maps) >= 1);
}

CASE(failures, E25_tells_when_a_suspension_ends)
{
	struct buffer buffer = buffer_alloc_faulty(PAGE, 0, F(TELL_ON_RESTORE));
	int idle = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	suspend_fully(buffer.id);
	equal(status(idle).invalidations, 1);
	restore_fully(buffer.id);
	equal(status(idle).invalidations, 2);
	/* It is live. */
	restore_fully(buffer.id);
	equal(status(idle).invalidations, 2);
	close(idle);
	close(buffer.fd);
}
