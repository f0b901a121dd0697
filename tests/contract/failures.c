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

/* --- FAULTS: from now on --------------------------------------------------- */

static void faults(uint64_t id, uint64_t which, uint32_t count, uint32_t error)
{
	succeeds(dr_faults(exporter, id, which, count, error));
}

CASE(failures, I9_others_take_the_place_of_those_before_warns_vmap)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	for (size_t i = 0; i < ARRAY_SIZE(failing); i++) {
		faults(buffer.id, failing[i], 0, EIO);
		equal(query(buffer.id).faults, failing[i]);
		calls_fail(&buffer, failing[i], EIO);
		calls_fail(&buffer, failing[i], EIO);
	}
	faults(buffer.id, 0, 0, 0);
	equal(query(buffer.id).faults, 0);
	calls_fail(&buffer, 0, 0);
	close(buffer.fd);
}

CASE(failures, those_of_alloc_are_cleared_but_those_that_are_fixed)
{
	struct buffer buffer = buffer_alloc_faulty(PAGE, 0, F(FAIL_MMAP) | F(NO_ZAP));

	fails(mmaps(&buffer), ENOMEM);
	faults(buffer.id, 0, 0, 0);
	equal(query(buffer.id).faults, F(NO_ZAP));
	succeeds(mmaps(&buffer));
	faults(buffer.id, F(FAIL_MMAP), 0, 0);
	equal(query(buffer.id).faults, F(NO_ZAP) | F(FAIL_MMAP));
	fails(mmaps(&buffer), ENOMEM);
	close(buffer.fd);
}

/* All together, and it is as if they had never been. */
CASE(failures, they_end_when_they_have_happened_so_often)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	for (uint32_t count = 1; count < 4; count++) {
		faults(buffer.id, F(FAIL_MMAP) | F(FAIL_CPU_ACCESS), 2 * count, 0);
		for (uint32_t i = 0; i < count; i++) {
			equal(query(buffer.id).faults,
			      F(FAIL_MMAP) | F(FAIL_CPU_ACCESS));
			fails(mmaps(&buffer), ENOMEM);
			/* They are nothing to those. */
			succeeds(maps(&buffer));
			fails(syncs(&buffer), ENOMEM);
		}
		equal(query(buffer.id).faults, 0);
		succeeds(mmaps(&buffer));
		succeeds(syncs(&buffer));
	}
	close(buffer.fd);
}

CASE(failures, each_errno_that_programs_know)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	for (int error = 1; error <= EHWPOISON; error++) {
		faults(buffer.id, F(FAIL_MMAP), 1, error);
		fails(mmaps(&buffer), error);
	}
	faults(buffer.id, F(FAIL_MMAP), 0, EIO);
	/* The kernel's own would restart calls that nothing has interrupted. */
	fails(dr_faults(exporter, buffer.id, F(FAIL_MMAP), 1, EHWPOISON + 1), EINVAL);
	fails(dr_faults(exporter, buffer.id, F(FAIL_MMAP), 1, 512), EINVAL);
	fails(dr_faults(exporter, buffer.id, F(FAIL_MMAP), 1, UINT32_MAX), EINVAL);
	fails(mmaps(&buffer), EIO);
	close(buffer.fd);
}

CASE(failures, what_is_fixed_is_EINVAL)
{
	const uint64_t known = 2 * F(NO_PIN_OP) - 1;
	const uint64_t switched = F(FAIL_PIN) | F(FAIL_MAP) | F(TELL_IN_PIN) |
				  F(TELL_IN_MAP) | F(TELL_ON_RESTORE) |
				  F(FAIL_ATTACH) | F(FAIL_VMAP) | F(FAIL_MMAP) |
				  F(FAIL_CPU_ACCESS) | F(HOLD_IN_MAP) |
				  F(HOLD_AFTER_TELL);
	struct buffer buffer = buffer_alloc(PAGE, 0);

	faults(buffer.id, switched, 0, 0);
	equal(query(buffer.id).faults, switched);
	for (int bit = 0; bit < 64; bit++) {
		if (switched & 1ULL << bit)
			continue;
		row_gives(known & 1ULL << bit ? "fixed" : "unknown",
			  dr_faults(exporter, buffer.id, 1ULL << bit, 0, 0),
			  EINVAL);
		row_gives("with another",
			  dr_faults(exporter, buffer.id,
				    1ULL << bit | F(FAIL_MAP), 0, 0), EINVAL);
	}
	equal(query(buffer.id).faults, switched);
	close(buffer.fd);
}

/* --- ops that are not there -------------------------------------------------- */

#define NO_OPS (F(NO_VMAP_OP) | F(NO_MMAP_OP) | F(NO_PIN_OP))

/* The core answers: not that it is revoked, and not that it failed. */
CASE(failures, what_is_not_there_is_EINVAL)
{
	bool pinless = kernel_can(DMABUF_REVOKE_FEATURE_STATIC_MAP);

	for (unsigned int i = 0; i < (pinless ? 8 : 4); i++) {
		uint64_t without = i * F(NO_VMAP_OP);
		struct buffer buffer = buffer_alloc_faulty(PAGE, 0, without);

		equal(without & ~NO_OPS, 0);
		equal(query_fd(buffer.fd).faults, without);
		for (size_t j = 0; j < ARRAY_SIZE(calls); j++) {
			bool absent = (calls[j].run == vmaps && without & F(NO_VMAP_OP)) ||
				      (calls[j].run == mmaps && without & F(NO_MMAP_OP));

			row_gives(calls[j].name, calls[j].run(&buffer),
				  absent ? EINVAL : 0);
			nothing_is_in_use(buffer.id);
		}
		revoke_fully(buffer.id);
		close(buffer.fd);
	}
}

/* Who pins is told all the same, and reaches its memory until it unmaps. */
CASE(failures, E6_E14_pin_that_is_not_there_keeps_nothing)
{
	struct buffer buffer;
	uint32_t crc;
	int att;

	if (!kernel_can(DMABUF_REVOKE_FEATURE_STATIC_MAP))
		skip("exporters without a pin are mapped without the resv lock: Linux 7.1");
	buffer = buffer_alloc_faulty(PAGE, ACCEPT_LEGACY, F(NO_PIN_OP));
	att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	equal(query(buffer.id).pending.pins, 0);
	crc = device_crc(att, 0, PAGE);
	move_fully(buffer.id);
	equal(device_crc(att, 0, PAGE), crc);
	revoke_times_out(buffer.id, 0);
	close(att);
	revoke_fully(buffer.id);
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

CASE(failures, E4_tells_the_next_so_many)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int idle = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	faults(buffer.id, F(TELL_IN_PIN) | F(TELL_ON_RESTORE), 2, 0);
	pins(&buffer);
	equal(status(idle).invalidations, 1);
	suspend_fully(buffer.id);
	restore_fully(buffer.id);
	equal(status(idle).invalidations, 3);
	pins(&buffer);
	equal(status(idle).invalidations, 3);
	close(idle);
	close(buffer.fd);
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
