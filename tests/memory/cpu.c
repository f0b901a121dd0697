// SPDX-License-Identifier: GPL-2.0-only
/*
 * E9: when the memory is taken back, or moved, CPU mappings lose it, and what they
 * see then. mmap.c has the plain cases, hold.c the ways to hold on.
 */
#include <linux/dma-buf.h>
#include <signal.h>
#include <sys/mman.h>

#include "life.h"

#define PAGES MAPPED_PAGES
#define LENGTH MAPPED_LENGTH
#define MARK MAPPED_MARK

/* --- what takes access away, and what is seen then ----------------------- */

CASE(cpu, E9_E15_suspend_leaves_SIGBUS_until_restore)
{
	struct mapped m = mapped_new(0);

	suspend_fully(m.buffer.id);
	mapped_gives(m.memory, SIGBUS);
	restore_fully(m.buffer.id);
	for (uint64_t i = 0; i < LENGTH; i++)
		equal(m.memory[i], MARK);
	mapped_gives(m.memory, 0);
	mapped_revoke(&m);
	mapped_free(&m);
}

CASE(cpu, E9_E15_mapping_made_while_suspended_faults_until_restore)
{
	struct mapped m = mapped_new(0);
	uint8_t *late;

	suspend_fully(m.buffer.id);
	late = cpu_map(m.buffer.fd, LENGTH);
	mapped_gives(late, SIGBUS);
	restore_fully(m.buffer.id);
	equal(late[PAGE], MARK);
	cpu_unmap(late, LENGTH);
	mapped_revoke(&m);
	mapped_free(&m);
}

CASE(cpu, E9_E14_mapping_shows_the_new_pages_after_a_move)
{
	struct mapped m = mapped_new(0);
	int att = attach(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	for (int i = 1; i <= 3; i++) {
		if (i > 1)
			move_mapped(m.buffer.id, att);
		else
			move_fully(m.buffer.id);
		equal(m.memory[LENGTH - 1], MARK + i - 1);
		/* Had it stayed on the old pages, the device would not see it. */
		memset(m.memory, MARK + i, LENGTH);
		equal(device_crc(att, 0, LENGTH), crc32(m.memory, LENGTH));
	}
	close(att);
	mapped_revoke(&m);
	mapped_free(&m);
}

/* --- ALLOC_ZERO_PAGE ----------------------------------------------------- */

CASE(cpu, E9_zero_page_is_zeroed_and_private_to_the_buffer)
{
	struct mapped a = mapped_new(DMABUF_REVOKE_ALLOC_ZERO_PAGE);
	struct mapped b = mapped_new(DMABUF_REVOKE_ALLOC_ZERO_PAGE);
	uint8_t *again = cpu_map(a.buffer.fd, LENGTH);

	revoke_fully(a.buffer.id);
	revoke_fully(b.buffer.id);
	for (uint64_t i = 0; i < LENGTH; i++)
		equal(a.memory[i], 0);
	a.memory[7] = 1;
	/* One page, behind all pages of all mappings of this buffer. */
	for (uint64_t i = 0; i < PAGES; i++)
		equal(again[i * PAGE + 7], 1);
	for (uint64_t i = 0; i < LENGTH; i++)
		equal(b.memory[i], 0);
	fails(sync_cpu_access(a.buffer.fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW),
	      ENODEV);
	holds(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, a.buffer.fd, 0) ==
	      MAP_FAILED);
	equal(errno, ENODEV);
	cpu_unmap(again, LENGTH);
	mapped_free(&a);
	mapped_free(&b);
}

CASE(cpu, E9_zero_page_is_there_while_a_blocker_is_left)
{
	struct mapped m = mapped_new(DMABUF_REVOKE_ALLOC_ZERO_PAGE |
				     DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	int att = attach_mapped(m.buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	uint32_t seen = device_crc(att, 0, LENGTH);

	revoke_times_out(m.buffer.id, 0);
	memset(m.memory, 0xff, LENGTH);
	/* The device still has the old memory, and the CPU has not. */
	equal(device_crc(att, 0, LENGTH), seen);
	close(att);
	revoke_fully(m.buffer.id);
	equal(m.memory[PAGE], 0xff);
	mapped_free(&m);
}

CASE(cpu, E9_E15_zero_page_is_not_for_a_suspension)
{
	struct mapped m = mapped_new(DMABUF_REVOKE_ALLOC_ZERO_PAGE);

	suspend_fully(m.buffer.id);
	mapped_gives(m.memory, SIGBUS);
	restore_fully(m.buffer.id);
	equal(m.memory[0], MARK);
	suspend_fully(m.buffer.id);
	revoke_fully(m.buffer.id);
	equal(m.memory[1], 0);
	mapped_gives(m.memory, 0);
	mapped_free(&m);
}
