// SPDX-License-Identifier: GPL-2.0-only
/*
 * E10: when the last blocker has gone, and not before, the memory goes back to the
 * system, although descriptors are still open.
 *
 * That it is scrubbed before cannot be seen from here: the kernel gives user space
 * no page that it has not zeroed itself. What can be seen is that a new buffer
 * shows nothing of the old ones.
 */
#include <signal.h>
#include <sys/mman.h>

#include "life.h"

TIME_LIMIT(100);

#define LARGE (128 * MIB)
#define LENGTH (64 * KIB)

static struct buffer buffer_for_all(void)
{
	return buffer_alloc(LENGTH, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
}

/* Free memory beyond @bytes; what others do meanwhile is a few MiB. */
static bool has_free(uint64_t bytes)
{
	return memory_of_system("MemFree") >= bytes;
}

/* So much of what is free may be counted elsewhere: on the lists of a CPU, for one. */
#define SLACK (LARGE / 8)

/* How much was free before, and is not any more. */
static uint64_t alloc_visibly(struct buffer *buffer)
{
	uint64_t before;
	int i;

	/* What is freed by others just then hides it; and what is cached on the way is, at last. */
	for (i = 0; i < 10; i++) {
		before = memory_of_system("MemFree");
		if (before < 2 * LARGE)
			skip("less than 256 MiB of free memory");
		*buffer = buffer_alloc(LARGE, 0);
		if (i && memory_of_system("MemFree") < before - LARGE + SLACK)
			return before;
		revoke_fully(buffer->id);
		close(buffer->fd);
	}
	holds(false, "it was never taken");
	return 0;
}

CASE(release, E10_system_has_the_memory_while_descriptors_are_open)
{
	struct buffer buffer;
	uint64_t before = alloc_visibly(&buffer);

	revoke_fully(buffer.id);
	holds(eventually(has_free, before - SLACK),
	      "%llu MiB free before, %llu after",
	      (long long)(before / MIB),
	      (long long)(memory_of_system("MemFree") / MIB));
	equal(bytes_in_system(), 0);
	equal(query_fd(buffer.fd).length, LARGE);
	close(buffer.fd);
}

CASE(release, E10_it_has_gone_when_the_revoke_returns)
{
	for (int i = 0; i < 20; i++) {
		struct buffer buffer = buffer_alloc(LENGTH, 0);
		int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
					DMABUF_REVOKE_ATTACH_DEFER_UNMAP);

		submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, MSEC);
		holds(revoke_fully(buffer.id).phases.give_back_ns);
		equal(bytes_in_system(), 0);
		close(att);
		close(buffer.fd);
	}
}

/* The revoke waits for the move's fence. What is left to do then is not only its own. */
CASE(release, E10_E14_old_pages_of_a_move_have_gone_too)
{
	for (int i = 0; i < 20; i++) {
		int other, fence = foreign_fence(ENDLESS, &other);
		uint64_t others = bytes_in_system();
		struct buffer buffer = buffer_alloc(4 * MIB, 0);

		succeeds(import_fence(buffer.fd, fence));
		fails(dr_move(exporter, buffer.id, 0), ETIMEDOUT);
		revoke_times_out(buffer.id, 0);
		close(other);
		revoke_fully(buffer.id);
		equal(bytes_in_system(), others);
		close(fence);
		close(buffer.fd);
	}
}

CASE(release, E10_without_blockers_a_revoke_need_not_wait)
{
	struct buffer buffer = buffer_alloc(16 * MIB, 0);

	succeeds(dr_revoke(exporter, buffer.id, 0, NULL));
	equal(bytes_in_system(), 0);
	close(buffer.fd);
}

CASE(release, E10_not_before_the_last_mapping)
{
	struct buffer buffer = buffer_for_all();
	int a = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	int b = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);

	revoke_times_out(buffer.id, 20 * MSEC);
	equal(bytes_in_system(), LENGTH);
	succeeds(dr_unmap(a));
	revoke_times_out(buffer.id, 20 * MSEC);
	equal(bytes_in_system(), LENGTH);
	succeeds(dr_unmap(b));
	revoke_fully(buffer.id);
	equal(bytes_in_system(), 0);
	close(b);
	close(a);
	close(buffer.fd);
}

CASE(release, E10_not_before_the_last_fence)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int other, fence = foreign_fence(600 * SEC, &other);

	succeeds(import_fence(buffer.fd, fence));
	revoke_times_out(buffer.id, 20 * MSEC);
	equal(bytes_in_system(), LENGTH + FOREIGN);
	close(other);
	revoke_fully(buffer.id);
	equal(bytes_in_system(), FOREIGN);
	close(fence);
	close(buffer.fd);
}

/* Until it unmaps, the device may read what was there. */
CASE(release, E10_E6_late_importer_reads_the_contents_and_no_foreign_ones)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	struct buffer others[8];
	uint32_t crc;

	fill_noise(memory, LENGTH, 11);
	crc = crc32(memory, LENGTH);
	revoke_times_out(buffer.id, 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		void *theirs;

		others[i] = buffer_alloc(LENGTH, 0);
		theirs = cpu_map(others[i].fd, LENGTH);
		memset(theirs, 0xff, LENGTH);
		cpu_unmap(theirs, LENGTH);
	}
	equal(device_crc(att, 0, LENGTH), crc);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		close(others[i].fd);
	cpu_unmap(memory, LENGTH);
	close(att);
	close(buffer.fd);
}

CASE(release, E10_happens_after_the_caller_gave_up)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);

	revoke_times_out(buffer.id, 0);
	succeeds(dr_unmap(att));
	holds(eventually(is_revoked, buffer.id));
	equal(bytes_in_system(), 0);
	holds(query(buffer.id).phases.give_back_ns);
	close(att);
	close(buffer.fd);
}

static void on_alarm(int sig)
{
	(void)sig;
}

CASE(release, E10_E8_happens_after_a_signal_ended_the_wait)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int other, fence = foreign_fence(600 * SEC, &other);

	succeeds(import_fence(buffer.fd, fence));
	sigaction(SIGALRM, &action, NULL);
	ualarm(10000, 10000);
	fails(dr_revoke(exporter, buffer.id, DMABUF_REVOKE_FOREVER, NULL),
	      EINTR);
	ualarm(0, 0);
	close(other);
	holds(eventually(is_revoked, buffer.id));
	equal(bytes_in_system(), FOREIGN);
	close(fence);
	close(buffer.fd);
}

CASE(release, E10_misbehaving_importer_gets_its_memory_kept)
{
	static const struct {
		uint64_t how;
		uint64_t delay_ns;
	} rows[] = {
		{ DMABUF_REVOKE_MISBEHAVE_IGNORE, 0 },
		{ DMABUF_REVOKE_MISBEHAVE_NO_UNMAP, 0 },
		{ DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP, 600 * SEC },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buffer buffer = buffer_alloc(LENGTH, 0);
		int att = attach_misbehaving(buffer.fd,
					     DMABUF_REVOKE_KIND_DYNAMIC,
					     rows[i].how, rows[i].delay_ns);

		succeeds(dr_map(att, 0));
		revoke_times_out(buffer.id, 10 * MSEC);
		equal(bytes_in_system(), LENGTH);
		close(att);
		revoke_fully(buffer.id);
		equal(bytes_in_system(), 0);
		close(buffer.fd);
	}
}

CASE(release, E10_new_buffer_shows_nothing_of_the_old)
{
	for (int round = 0; round < 4; round++) {
		struct buffer buffer = buffer_alloc(4 * MIB, 0);
		uint8_t *memory = cpu_map(buffer.fd, 4 * MIB);

		holds(is_filled(memory, 4 * MIB, 0), "round %d", round);
		memset(memory, 0xee, 4 * MIB);
		revoke_fully(buffer.id);
		cpu_unmap(memory, 4 * MIB);
		close(buffer.fd);
	}
}

CASE(release, E10_descriptors_without_memory_cost_nothing_more)
{
	struct buffer buffers[16];

	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
		buffers[i] = buffer_alloc(LENGTH, 0);
		revoke_fully(buffers[i].id);
	}
	equal(bytes_in_system(), 0);
	equal(buffers_in_system(), ARRAY_SIZE(buffers));
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		close(buffers[i].fd);
}

/* Control: with the matching bug the memory stays, so the cases above see it. */
CASE(release, E10_control_memory_that_is_kept_is_noticed)
{
	struct buffer buffer = { .length = LENGTH };
	int owner = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));

	succeeds(dr_alloc_faulty(owner, LENGTH, 0,
				 DMABUF_REVOKE_FAULT_KEEP_MEMORY, &buffer.id,
				 &buffer.fd));
	revoke_fully(buffer.id);
	equal(bytes_in_system(), LENGTH);
	close(owner);
	holds(eventually(is_gone, buffer.id));
	equal(bytes_in_system(), LENGTH);
	close(buffer.fd);
	holds(eventually(bytes_are, 0));
}
