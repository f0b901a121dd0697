// SPDX-License-Identifier: GPL-2.0-only
/* ALLOC_QUARANTINE: who writes to the memory after the revoke is found out. */
#include <signal.h>
#include <sys/mman.h>

#include "life.h"

#define PAGES 8
#define LENGTH (PAGES * PAGE)
#define ROGUE DMABUF_REVOKE_MISBEHAVE_DMA_AFTER_UNMAP

static struct buffer quarantined(void)
{
	return buffer_alloc(LENGTH, DMABUF_REVOKE_ALLOC_QUARANTINE);
}

/* With CPU mappings that a revoke leaves alone, to write wherever one likes. */
static struct buffer quarantined_and_open(void)
{
	struct buffer buffer = { .length = LENGTH };

	succeeds(dr_alloc_faulty(exporter, LENGTH,
				 DMABUF_REVOKE_ALLOC_QUARANTINE,
				 DMABUF_REVOKE_FAULT_NO_ZAP, &buffer.id,
				 &buffer.fd));
	return buffer;
}

/* FREE that has to succeed, with room for all. */
static struct dmabuf_revoke_free free_and_check(uint64_t id, uint64_t *offsets)
{
	struct dmabuf_revoke_free out;

	succeeds(dr_free(exporter, id, offsets, PAGES, &out));
	return out;
}

static void is_clean(struct buffer *buffer)
{
	uint64_t offsets[PAGES] = { 42 };
	struct dmabuf_revoke_free out = free_and_check(buffer->id, offsets);

	equal(out.checked, 1);
	equal(out.changed, 0);
	equal(offsets[0], 42);
	close(buffer->fd);
}

CASE(quarantine, idle_buffer_is_clean)
{
	struct buffer buffer = quarantined();

	revoke_fully(buffer.id);
	is_clean(&buffer);
}

CASE(quarantine, E10_importers_that_stop_in_time_leave_it_clean)
{
	static const uint32_t flags[] = { 0, DMABUF_REVOKE_ATTACH_DEFER_UNMAP };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct buffer buffer = quarantined();
		int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				 flags[i]);

		submit(att, (struct dmabuf_revoke_submit){
			.flags = DMABUF_REVOKE_SUBMIT_STREAM,
			.op = DMABUF_REVOKE_OP_WRITE,
			.length = LENGTH,
			.pattern = 1,
		});
		revoke_fully(buffer.id);
		is_clean(&buffer);
		close(att);
	}
}

CASE(quarantine, E9_cpu_writes_before_the_revoke_leave_it_clean)
{
	struct buffer buffer = quarantined();
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);

	memset(memory, 1, LENGTH);
	revoke_fully(buffer.id);
	cpu_unmap(memory, LENGTH);
	is_clean(&buffer);
}

/* The rogue device writes once per tick; the first page is where it was mapped. */
static bool has_changed(uint64_t word)
{
	const volatile uint64_t *address = (const uint64_t *)(uintptr_t)word;

	return *address != 0xdbdbdbdbdbdbdbdb;
}

CASE(quarantine, dma_after_the_unmap_is_found)
{
	struct buffer buffer = quarantined_and_open();
	uint64_t *memory = cpu_map(buffer.fd, LENGTH);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     ROGUE, 0);
	uint64_t offsets[PAGES] = { 42, 42 };
	struct dmabuf_revoke_free out;

	succeeds(dr_map(att, 0));
	revoke_fully(buffer.id);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
	holds(eventually(has_changed, (uintptr_t)memory));
	out = free_and_check(buffer.id, offsets);
	equal(out.checked, 1);
	equal(out.changed, 1);
	equal(offsets[0], 0);
	equal(offsets[1], 42);
	close(att);
	cpu_unmap(memory, LENGTH);
	close(buffer.fd);
}

static void pages_are_found(const int *pages, uint32_t count)
{
	struct buffer buffer = quarantined_and_open();
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	uint64_t offsets[PAGES] = {};
	struct dmabuf_revoke_free out;

	revoke_fully(buffer.id);
	/* At either end of the page. */
	for (uint32_t i = 0; i < count; i++)
		memory[pages[i] * PAGE + (i & 1 ? PAGE - 1 : 0)] ^= 1;
	out = free_and_check(buffer.id, offsets);
	equal(out.checked, 1);
	equal(out.changed, count);
	for (uint32_t i = 0; i < count; i++)
		equal(offsets[i], pages[i] * PAGE);
	cpu_unmap(memory, LENGTH);
	close(buffer.fd);
}

CASE(quarantine, every_changed_page_is_reported_with_its_offset)
{
	static const int first[] = { 0 }, last[] = { PAGES - 1 };
	static const int some[] = { 1, 2, 5 };
	static const int all[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	pages_are_found(first, 1);
	pages_are_found(last, 1);
	pages_are_found(some, ARRAY_SIZE(some));
	pages_are_found(all, ARRAY_SIZE(all));
}

CASE(quarantine, more_changed_pages_than_capacity)
{
	static const uint32_t capacities[] = { 0, 1, 2, 3, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(capacities); i++) {
		struct buffer buffer = quarantined_and_open();
		uint8_t *memory = cpu_map(buffer.fd, LENGTH);
		uint64_t offsets[PAGES] = { 42, 42, 42, 42 };
		uint32_t written = capacities[i] < 3 ? capacities[i] : 3;
		struct dmabuf_revoke_free out;

		revoke_fully(buffer.id);
		memory[PAGE] = 0;
		memory[3 * PAGE] = 0;
		memory[4 * PAGE] = 0;
		succeeds(dr_free(exporter, buffer.id, offsets, capacities[i],
				 &out));
		equal(out.changed, 3);
		equal(offsets[written], 42);
		if (written)
			equal(offsets[0], PAGE);
		cpu_unmap(memory, LENGTH);
		close(buffer.fd);
	}
}

CASE(quarantine, nothing_is_checked_before_the_revoke_is_complete)
{
	const uint32_t flags = DMABUF_REVOKE_ALLOC_QUARANTINE |
			       DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY;
	struct buffer live = buffer_alloc(LENGTH, flags);
	struct buffer suspended = buffer_alloc(LENGTH, flags);
	struct buffer busy = buffer_alloc(LENGTH, flags);
	int att = attach_mapped(busy.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	uint64_t offsets[PAGES];

	equal(free_and_check(live.id, offsets).checked, 0);
	suspend_fully(suspended.id);
	equal(free_and_check(suspended.id, offsets).checked, 0);
	revoke_times_out(busy.id, 0);
	equal(free_and_check(busy.id, offsets).checked, 0);
	close(att);
	close(busy.fd);
	close(suspended.fd);
	close(live.fd);
}

CASE(quarantine, nothing_is_checked_of_other_buffers)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	uint64_t offsets[PAGES];

	revoke_fully(buffer.id);
	equal(free_and_check(buffer.id, offsets).checked, 0);
	close(buffer.fd);
}

CASE(quarantine, memory_is_kept_until_FREE)
{
	struct buffer buffer = quarantined();

	revoke_fully(buffer.id);
	equal(bytes_in_system(), LENGTH);
	close(buffer.fd);
	equal(bytes_in_system(), LENGTH);
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_REVOKED);
	succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
	holds(eventually(bytes_are, 0));
}

CASE(quarantine, offsets_into_bad_memory_are_EFAULT_and_the_id_is_kept)
{
	struct buffer buffer = quarantined_and_open();
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	uint64_t *read_only = page_with(PROT_READ);
	uint64_t offsets[PAGES];

	revoke_fully(buffer.id);
	memory[0] = 0;
	fails(dr_free(exporter, buffer.id, NULL, 1, NULL), EFAULT);
	fails(dr_free(exporter, buffer.id, read_only, 1, NULL), EFAULT);
	equal(free_and_check(buffer.id, offsets).changed, 1);
	cpu_unmap(read_only, PAGE);
	cpu_unmap(memory, LENGTH);
	close(buffer.fd);
}

CASE(quarantine, E9_mapping_faults_with_SIGBUS)
{
	struct mapped m = mapped_new(DMABUF_REVOKE_ALLOC_QUARANTINE);

	revoke_fully(m.buffer.id);
	mapped_gives(m.memory, SIGBUS);
	mapped_free(&m);
}

CASE(quarantine, rogue_device_is_refused_elsewhere)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);

	fails(dr_attach_misbehaving(importer, buffer.fd,
				    DMABUF_REVOKE_KIND_DYNAMIC, 0, ROGUE, 0),
	      EOPNOTSUPP);
	close(buffer.fd);
}
