// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation fails once: the exporter's ioctls. */
#include <signal.h>

#include "failnth.h"
#include "life.h"

#define BIG (256 * PAGE)
#define ODD (3 * PAGE)		/* more than one allocation of pages */

static struct buffer buffer = { .fd = -1 };
static int other = -1;
static int made = -1;
static uint8_t *memory;

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void end(void)
{
	if (memory)
		cpu_unmap(memory, PAGE);
	memory = NULL;
	close_if_open(&made);
	close_if_open(&other);
	close_if_open(&buffer.fd);
	/* Gone for good, so that each round begins with nothing; it may go by itself. */
	if (buffer.id) {
		int result = dr_free(exporter, buffer.id, NULL, 0, NULL);

		if (result != -ENOENT)
			succeeds(result);
	}
	buffer.id = 0;
}

static void begin(void)
{
	buffer = buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
}

static void begin_mapped(void)
{
	begin();
	other = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	memory = cpu_map(buffer.fd, PAGE);
	memory[0] = 1;
}

static void begin_busy(void)
{
	begin();
	other = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			      DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	submit_busy(other, DMABUF_REVOKE_OP_READ, 0, 0);
}

static long call_info(void)
{
	struct dmabuf_revoke_exporter_info info;

	return dr_exporter_info(exporter, &info);
}

CASE(exporter, info)
{
	fails_at_every_point("EXPORTER_INFO", NULL, call_info, NULL);
}

static long alloc(uint64_t length, uint32_t flags)
{
	int ret = dr_alloc(exporter, length, flags, &buffer.id, &buffer.fd);

	if (ret < 0) {
		buffer.id = 0;
		buffer.fd = -1;
	}
	return ret;
}

static long call_alloc(void)
{
	return alloc(PAGE, 0);
}

static long call_alloc_odd(void)
{
	return alloc(ODD, 0);
}

static long call_alloc_big(void)
{
	return alloc(BIG, 0);
}

static long call_alloc_all_flags(void)
{
	return alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY |
			   DMABUF_REVOKE_ALLOC_ZERO_PAGE |
			   DMABUF_REVOKE_ALLOC_QUARANTINE);
}

CASE(exporter, alloc)
{
	fails_at_every_point("ALLOC_4K", NULL, call_alloc, end);
}

CASE(exporter, alloc_of_several_chunks)
{
	fails_at_every_point("ALLOC_12K", NULL, call_alloc_odd, end);
}

CASE(exporter, alloc_of_many_pages)
{
	fails_at_every_point("ALLOC_1M", NULL, call_alloc_big, end);
}

CASE(exporter, alloc_with_every_flag)
{
	fails_at_every_point("ALLOC_FLAGS", NULL, call_alloc_all_flags, end);
}

static long alloc_shape(uint64_t length, uint32_t shape, uint64_t arg)
{
	struct dmabuf_revoke_alloc alloc = {
		.length = length,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.shape = shape,
		.shape_arg = arg,
	};
	int ret = dr_alloc_as(exporter, &alloc);

	buffer.id = ret ? 0 : alloc.id;
	buffer.fd = ret ? -1 : alloc.fd;
	return ret;
}

static long call_alloc_repeated(void)
{
	return alloc_shape(2 * ODD, DMABUF_REVOKE_SHAPE_REPEATED, ODD);
}

CASE(exporter, alloc_of_what_repeats)
{
	fails_at_every_point("ALLOC_REPEATED", NULL, call_alloc_repeated, end);
}

/* After a failure to write the result the revoke has begun, and is resumed. */
static long call_revoke(void)
{
	return dr_revoke(exporter, buffer.id, DMABUF_REVOKE_FOREVER, NULL);
}

static void end_revoked(void)
{
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_REVOKED);
	end();
}

CASE(exporter, revoke)
{
	fails_at_every_point("REVOKE_IDLE", begin, call_revoke, end_revoked);
}

CASE(exporter, E6_E9_revoke_of_what_is_mapped)
{
	fails_at_every_point("REVOKE_MAPPED", begin_mapped, call_revoke,
			     end_revoked);
}

CASE(exporter, E5_revoke_of_what_has_a_fence)
{
	fails_at_every_point("REVOKE_BUSY", begin_busy, call_revoke,
			     end_revoked);
}

static void begin_quarantined(void)
{
	buffer = buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_QUARANTINE);
}

CASE(exporter, revoke_into_quarantine)
{
	fails_at_every_point("REVOKE_QUARANTINE", begin_quarantined, call_revoke,
			     end_revoked);
}

static long call_suspend(void)
{
	return dr_suspend(exporter, buffer.id, DMABUF_REVOKE_FOREVER, NULL);
}

CASE(exporter, E15_suspend)
{
	fails_at_every_point("SUSPEND", begin_mapped, call_suspend, end);
}

static void begin_suspended(void)
{
	begin_mapped();
	suspend_fully(buffer.id);
}

static long call_restore(void)
{
	return dr_restore(exporter, buffer.id, DMABUF_REVOKE_FOREVER);
}

static void end_live(void)
{
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_LIVE);
	end();
}

CASE(exporter, E15_restore)
{
	fails_at_every_point("RESTORE", begin_suspended, call_restore,
			     end_live);
}

static long call_move(void)
{
	return dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER);
}

/* The contents are those of before, for the CPU and for the device. */
static void end_moved(void)
{
	equal(memory[0], 1);
	equal(query(buffer.id).moves >= 1, 1);
	/* Nobody was invalidated for a move that has not been. */
	equal(status(other).invalidations, query(buffer.id).moves);
	end_live();
}

CASE(exporter, E14_move)
{
	fails_at_every_point("MOVE", begin_mapped, call_move, end_moved);
}

static long call_query(void)
{
	struct dmabuf_revoke_query out;

	return dr_query(exporter, buffer.id, &out);
}

static long call_query_fd(void)
{
	struct dmabuf_revoke_query out;

	return dr_query_fd(exporter, buffer.fd, &out);
}

CASE(exporter, query)
{
	fails_at_every_point("QUERY", begin_mapped, call_query, end);
}

CASE(exporter, query_by_descriptor)
{
	fails_at_every_point("QUERY_BY_FD", begin_mapped, call_query_fd, end);
}

static long call_list(void)
{
	uint64_t ids[16];
	uint32_t count;

	return dr_list(exporter, ids, ARRAY_SIZE(ids), &count);
}

CASE(exporter, list)
{
	fails_at_every_point("LIST", begin, call_list, end);
}

static long call_blockers(void)
{
	struct dmabuf_revoke_blocker blockers[4];
	uint32_t count;

	return dr_blockers(exporter, buffer.id, blockers, ARRAY_SIZE(blockers),
			   &count);
}

CASE(exporter, E11_blockers)
{
	fails_at_every_point("BLOCKERS", begin_mapped, call_blockers, end);
}

static long call_faults(void)
{
	return dr_faults(exporter, buffer.id, DMABUF_REVOKE_FAULT_FAIL_MAP, 1, EIO);
}

CASE(exporter, faults)
{
	fails_at_every_point("FAULTS", begin, call_faults, end);
}

static long call_export(void)
{
	made = dr_export(exporter, buffer.id);
	return made;
}

CASE(exporter, E16_export)
{
	fails_at_every_point("EXPORT", begin, call_export, end);
}

static long call_free(void)
{
	struct dmabuf_revoke_free out;
	uint64_t offsets[4];

	return dr_free(exporter, buffer.id, offsets, ARRAY_SIZE(offsets),
		       &out);
}

static void begin_quarantine_revoked(void)
{
	begin_quarantined();
	revoke_fully(buffer.id);
}

CASE(exporter, free)
{
	fails_at_every_point("FREE", begin_mapped, call_free, end);
}

CASE(exporter, free_of_a_quarantined_buffer)
{
	fails_at_every_point("FREE_QUARANTINE", begin_quarantine_revoked, call_free,
			     end);
}

static long call_open(void)
{
	made = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	return made;
}

CASE(exporter, open)
{
	fails_at_every_point("OPEN_EXPORTER", NULL, call_open, end);
}

/* A file of its own, with a buffer in each state, one of them held up. */
static struct buffer owned[4];

static void begin_owner(void)
{
	made = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		succeeds(dr_alloc(made, PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY,
				  &owned[i].id, &owned[i].fd));
	other = attach_mapped(owned[0].fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	succeeds(dr_suspend(made, owned[1].id, DMABUF_REVOKE_FOREVER, NULL));
	succeeds(dr_revoke(made, owned[2].id, DMABUF_REVOKE_FOREVER, NULL));
	memory = cpu_map(owned[3].fd, PAGE);
	memory[0] = 1;
}

/* It cannot fail: whatever goes wrong, all is revoked in the end. */
static long call_close(void)
{
	long result = sys(close(made));

	made = -1;
	return result;
}

static void end_owner(void)
{
	holds(eventually(is_gone, owned[3].id));
	equal(fault_on_read(memory), SIGBUS);
	close_if_open(&other);
	for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
		holds(eventually(is_gone, owned[i].id));
		close(owned[i].fd);
	}
	end();
}

CASE(exporter, E13_death_of_the_owner)
{
	fails_at_no_point("CLOSE_EXPORTER", begin_owner, call_close, end_owner);
}
