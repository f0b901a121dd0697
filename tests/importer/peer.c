// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the exporter gives to an importer that is a module of the tests, peer/: for
 * devices of all sorts, several mappings at once, fences that wait to be asked.
 */
#include <linux/dma-buf.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "life.h"
#include "peer/uapi.h"

static int peer_open(void)
{
	char *const words[] = { "modprobe", "-q", "dbr_peer", NULL };
	pid_t child;

	if (access(PEER_PATH, F_OK)) {
		succeeds(-posix_spawnp(&child, words[0], NULL, NULL, words,
				       environ));
		waitpid(child, NULL, 0);
	}
	if (access(PEER_PATH, F_OK))
		skip("no %s: build and load the module of tests/importer/peer",
		     PEER_PATH);
	return succeeds(dr_open(PEER_PATH));
}

static int peer_attach(int peer, int dmabuf, uint32_t device)
{
	struct peer_attach arg = { .dmabuf = dmabuf, .device = device };

	return sys(ioctl(peer, PEER_IOC_ATTACH, &arg));
}

/* Attached, on a file of its own. */
static int peer_new(int dmabuf, uint32_t device)
{
	int peer = peer_open();

	succeeds(peer_attach(peer, dmabuf, device));
	return peer;
}

static int peer_map(int peer)
{
	return sys(ioctl(peer, PEER_IOC_MAP, 0));
}

static int peer_unmap(int peer, int mapping)
{
	return sys(ioctl(peer, PEER_IOC_UNMAP, mapping));
}

struct table {
	struct peer_segment *segments;
	int count;
};

static struct table table_of(int peer, int mapping)
{
	struct peer_segments arg = { .mapping = mapping };
	struct table table;

	table.count = succeeds(sys(ioctl(peer, PEER_IOC_SEGMENTS, &arg)));
	table.segments = calloc(table.count, sizeof(*table.segments));
	arg.segments = (uintptr_t)table.segments;
	arg.capacity = table.count;
	equal(sys(ioctl(peer, PEER_IOC_SEGMENTS, &arg)), table.count);
	return table;
}

static uint64_t word_of(const uint8_t *memory, uint64_t offset)
{
	uint64_t word;

	memcpy(&word, memory + offset, sizeof(word));
	return word;
}

/* The segments are all of the buffer, in its order. */
static void table_is(const struct table *table, const uint8_t *memory,
		     uint64_t length)
{
	uint64_t offset = 0;

	for (int i = 0; i < table->count; i++) {
		equal(table->segments[i].first, word_of(memory, offset));
		offset += table->segments[i].length;
		holds(offset <= length);
	}
	equal(offset, length);
}

/* The mapping of a peer shows what is in @memory. */
static void mapping_is(int peer, int mapping, const uint8_t *memory,
		       uint64_t length)
{
	struct table table = table_of(peer, mapping);

	table_is(&table, memory, length);
	free(table.segments);
}

/* Each page is told from the others by its first word. */
static void number_pages(uint8_t *memory, uint64_t length, uint64_t first)
{
	for (uint64_t offset = 0; offset < length; offset += PAGE) {
		uint64_t word = first + offset / PAGE;

		memcpy(memory + offset, &word, sizeof(word));
	}
}

/* --- E18, E19: for which device ------------------------------------------- */

CASE(peer, E18_device_that_can_map_nothing_is_refused_when_it_attaches)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int peer = peer_open();

	fails(peer_attach(peer, buffer.fd, PEER_MASKLESS), EIO);
	/* Only that device. */
	succeeds(peer_attach(peer, buffer.fd, PEER_PLAIN));
	close(peer);
	close(buffer.fd);
}

static void segments_fit(uint64_t length)
{
	struct buffer buffer = buffer_alloc(length, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);
	int peer = peer_new(buffer.fd, PEER_SEGMENTS);
	struct table table;
	int mapping;

	number_pages(memory, length, 1);
	mapping = peer_map(peer);
	/* Where DMA is bounced, one that is too long is not mapped at all. */
	holds(mapping >= 0, "segment 0 of %llu bytes: %s", (long long)length,
	      result_name(mapping));
	table = table_of(peer, mapping);
	for (int i = 0; i < table.count; i++) {
		uint64_t first = table.segments[i].address;
		uint64_t last = first + table.segments[i].length - 1;

		holds(table.segments[i].length <= PEER_SEGMENT,
		      "segment %d of %llu bytes is %llu long", i,
		      (long long)length, (long long)table.segments[i].length);
		holds(first / PEER_SEGMENT == last / PEER_SEGMENT,
		      "segment %d of %llu bytes crosses a boundary: %#llx to %#llx",
		      i, (long long)length, (long long)first, (long long)last);
	}
	table_is(&table, memory, length);
	free(table.segments);
	close(peer);
	cpu_unmap(memory, length);
	close(buffer.fd);
}

CASE(peer, E19_segments_fit_the_device)
{
	static const uint64_t lengths[] = {
		4 * KIB, 64 * KIB, 68 * KIB, 1 * MIB, 5 * MIB + 4 * KIB, 64 * MIB,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		segments_fit(lengths[i]);
}

/* Each has a table of its own, whoever attached first. */
CASE(peer, E19_two_devices_have_tables_of_their_own)
{
	const uint64_t length = MIB;
	struct buffer buffer = buffer_alloc(length, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);
	int plain = peer_new(buffer.fd, PEER_PLAIN);
	int small = peer_new(buffer.fd, PEER_SEGMENTS);
	struct table table;

	number_pages(memory, length, 1);
	equal(succeeds(peer_map(plain)), 0);
	equal(succeeds(peer_map(small)), 0);
	mapping_is(plain, 0, memory, length);
	mapping_is(small, 0, memory, length);
	table = table_of(small, 0);
	holds(table.count >= (int)(length / PEER_SEGMENT), "%d segments",
	      table.count);
	free(table.segments);
	close(plain);
	close(small);
	cpu_unmap(memory, length);
	close(buffer.fd);
}

/* --- what tables are like --------------------------------------------------- */

static struct buffer shaped(uint64_t length, uint32_t flags, uint32_t shape)
{
	struct dmabuf_revoke_alloc alloc = {
		.flags = flags, .length = length, .fd_flags = O_RDWR | O_CLOEXEC,
		.shape = shape,
	};

	succeeds(dr_alloc_as(exporter, &alloc));
	return (struct buffer){ alloc.id, alloc.length, alloc.fd };
}

CASE(peer, E19_shuffled_pages_do_not_follow_each_other)
{
	const uint64_t length = 256 * PAGE;
	struct buffer buffer = shaped(length, 0, DMABUF_REVOKE_SHAPE_SHUFFLED);
	struct dmabuf_revoke_segment segments[256];
	uint8_t *memory = cpu_map(buffer.fd, length);
	int peer = peer_new(buffer.fd, PEER_PLAIN), downwards = 0;
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint32_t count;

	number_pages(memory, length, 1);
	equal(succeeds(peer_map(peer)), 0);
	mapping_is(peer, 0, memory, length);

	/* Where DMA is bounced only the importer's own device has the memory's addresses. */
	succeeds(dr_segments(att, segments, ARRAY_SIZE(segments), &count));
	equal(count, ARRAY_SIZE(segments));
	for (uint32_t i = 1; i < count; i++)
		downwards += segments[i].address < segments[i - 1].address;
	holds(downwards > 32, "%d of 255 are before the last", downwards);
	close(att);
	close(peer);
	cpu_unmap(memory, length);
	close(buffer.fd);
}

CASE(peer, E19_bare_table_has_addresses_and_no_page)
{
	const uint64_t length = 68 * KIB;
	struct buffer buffer = shaped(length, DMABUF_REVOKE_ALLOC_BARE_TABLE, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);
	int peer = peer_new(buffer.fd, PEER_SEGMENTS);

	number_pages(memory, length, 1);
	for (int i = 0; i < 2; i++) {
		equal(succeeds(peer_map(peer)), i);
		equal(ioctl(peer, PEER_IOC_PAGES, i), 0);
		mapping_is(peer, i, memory, length);
	}
	succeeds(peer_unmap(peer, 1));
	succeeds(peer_unmap(peer, 0));
	revoke_fully(buffer.id);
	close(peer);
	cpu_unmap(memory, length);
	close(buffer.fd);
}

/* --- E22: several mappings of one attachment ------------------------------ */

CASE(peer, E22_attachment_is_mapped_several_times)
{
	const uint64_t length = 68 * KIB;
	struct buffer buffer = buffer_alloc(length, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);
	int peer = peer_new(buffer.fd, PEER_SEGMENTS);

	number_pages(memory, length, 1);
	for (int i = 0; i < PEER_MAPPINGS; i++)
		equal(peer_map(peer), i);
	succeeds(peer_unmap(peer, 0));
	for (int i = 1; i < PEER_MAPPINGS; i++)
		mapping_is(peer, i, memory, length);
	for (int i = PEER_MAPPINGS - 1; i > 1; i--) {
		succeeds(peer_unmap(peer, i));
		mapping_is(peer, 1, memory, length);
	}
	/* The last one counts: the revoke waits for it. */
	revoke_times_out(buffer.id, 0);
	succeeds(peer_unmap(peer, 1));
	revoke_fully(buffer.id);
	fails(peer_map(peer), ENODEV);
	close(peer);
	cpu_unmap(memory, length);
	close(buffer.fd);
}

/* After a move the old mapping shows the old memory, which stays as long as it does. */
CASE(peer, E22_old_mapping_is_valid_after_a_move_until_it_is_unmapped)
{
	const uint64_t length = 68 * KIB;
	struct buffer buffer = buffer_alloc(length, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);
	uint8_t *before = malloc(length);
	uint64_t bytes = bytes_in_system();
	int peer;

	if (!kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED))
		skip("a mapping prevents a move: CONFIG_DMABUF_MOVE_NOTIFY=y");
	peer = peer_new(buffer.fd, PEER_SEGMENTS);
	number_pages(memory, length, 1);
	memcpy(before, memory, length);
	equal(succeeds(peer_map(peer)), 0);
	move_fully(buffer.id);
	equal(ioctl(peer, PEER_IOC_INVALIDATED, 0), 1);
	number_pages(memory, length, 1000);
	equal(succeeds(peer_map(peer)), 1);
	mapping_is(peer, 0, before, length);
	mapping_is(peer, 1, memory, length);
	move_fully(buffer.id);
	equal(succeeds(peer_map(peer)), 2);
	cpu_begins(buffer.fd);
	number_pages(memory, length, 2000);
	cpu_ends(buffer.fd);
	mapping_is(peer, 0, before, length);
	mapping_is(peer, 2, memory, length);

	for (int i = 0; i < 2; i++)
		succeeds(peer_unmap(peer, i));
	mapping_is(peer, 2, memory, length);
	/* What they showed has been released. */
	holds(eventually(bytes_are, bytes), "%llu bytes, expected %llu",
	      (long long)bytes_in_system(), (long long)bytes);
	close(peer);
	free(before);
	cpu_unmap(memory, length);
	close(buffer.fd);
}

/* --- E21: a device that is bounced, or not coherent ------------------------ */

static void peer_stores(int peer, uint64_t value)
{
	struct peer_store arg = { .value = value };

	succeeds(sys(ioctl(peer, PEER_IOC_STORE, &arg)));
}

static void reader_begins(int dmabuf)
{
	succeeds(sync_cpu_access(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
}

static void reader_ends(int dmabuf)
{
	succeeds(sync_cpu_access(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
}

/* The device does not wait for readers. */
CASE(peer, E21_end_of_a_reader_leaves_what_the_device_wrote_meanwhile)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	uint8_t *memory = cpu_map(buffer.fd, PAGE);
	int peer = peer_new(buffer.fd, PEER_PLAIN);

	equal(succeeds(peer_map(peer)), 0);
	reader_begins(buffer.fd);
	peer_stores(peer, 1);
	reader_ends(buffer.fd);
	reader_begins(buffer.fd);
	equal(word_of(memory, 0), 1);

	/* Nor does one reader take from another. */
	reader_begins(buffer.fd);
	peer_stores(peer, 2);
	reader_ends(buffer.fd);
	reader_ends(buffer.fd);
	reader_begins(buffer.fd);
	equal(word_of(memory, 0), 2);
	reader_ends(buffer.fd);
	close(peer);
	cpu_unmap(memory, PAGE);
	close(buffer.fd);
}

/* --- E10: what a move has left behind -------------------------------------- */

/* A worker may still be releasing the old pages when another does so with the new ones. */
CASE(peer, E10_E14_revoked_means_that_the_old_pages_are_given_back_too)
{
	const uint64_t length = 4 * MIB;
	uint64_t bytes = bytes_in_system();

	if (!kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED))
		skip("a mapping prevents a move: CONFIG_DMABUF_MOVE_NOTIFY=y");
	for (int i = 0; i < 20; i++) {
		struct buffer buffer = buffer_alloc(length, 0);
		int peer = peer_new(buffer.fd, PEER_PLAIN);

		equal(succeeds(peer_map(peer)), 0);
		move_fully(buffer.id);
		revoke_times_out(buffer.id, 0);
		succeeds(peer_unmap(peer, 0));
		revoke_fully(buffer.id);
		equal(bytes_in_system(), bytes);
		close(peer);
		close(buffer.fd);
	}
}

/* --- E25: who maps as soon as it is told ------------------------------------ */

static int refusals(int peer)
{
	return sys(ioctl(peer, PEER_IOC_EAGER, 0));
}

CASE(peer, E25_restore_refuses_nobody_whom_it_tells)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int peer = peer_new(buffer.fd, PEER_PLAIN);

	equal(refusals(peer), 0);
	for (int i = 1; i <= 3; i++) {
		suspend_fully(buffer.id);
		equal(refusals(peer), i);
		restore_fully(buffer.id);
		equal(refusals(peer), i);
		equal(succeeds(peer_map(peer)), 0);
		succeeds(peer_unmap(peer, 0));
	}
	close(peer);
	close(buffer.fd);
}

/* --- E5: fences that signal only when they are asked to -------------------- */

static int fence_times(int peer, struct peer_fence *times)
{
	struct peer_fence_times arg = { .fences = (uintptr_t)times };

	return sys(ioctl(peer, PEER_IOC_FENCE_TIMES, &arg));
}

/* Nobody asked before: else there is nothing to be seen. */
static void add_lazy_fences(int peer, struct peer_fences arg)
{
	struct peer_fence times[PEER_FENCES];

	succeeds(sys(ioctl(peer, PEER_IOC_FENCES, &arg)));
	equal(fence_times(peer, times), arg.count);
	for (uint32_t i = 0; i < arg.count; i++)
		equal(times[i].enabled_ns, 0);
}

/* One after the other they would take that many times as long. */
static void all_were_asked_before_any_signalled(int peer, uint32_t count)
{
	struct peer_fence times[PEER_FENCES];

	equal(fence_times(peer, times), count);
	for (uint32_t i = 0; i < count; i++) {
		holds(times[i].enabled_ns && times[i].signalled_ns);
		for (uint32_t j = 0; j < count; j++)
			holds(times[i].enabled_ns < times[j].signalled_ns,
			      "fence %u was asked when fence %u had signalled",
			      i, j);
	}
}

CASE(peer, E5_revoke_asks_all_fences_at_once)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int peer = peer_new(buffer.fd, PEER_PLAIN);

	add_lazy_fences(peer, (struct peer_fences){ 2, 100 * patience() });
	revoke_fully(buffer.id);
	all_were_asked_before_any_signalled(peer, 2);
	close(peer);
	close(buffer.fd);
}

CASE(peer, E5_suspension_asks_all_fences_at_once)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int peer = peer_new(buffer.fd, PEER_PLAIN);

	add_lazy_fences(peer, (struct peer_fences){ 16, 300 * patience() });
	suspend_fully(buffer.id);
	all_were_asked_before_any_signalled(peer, 16);
	close(peer);
	close(buffer.fd);
}

/* What nobody has asked, and nobody waits for, does not signal; the file's end does. */
CASE(peer, E5_fences_end_with_their_file)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int peer = peer_new(buffer.fd, PEER_PLAIN);

	add_lazy_fences(peer, (struct peer_fences){ 2, 3600 * 1000 });
	revoke_times_out(buffer.id, 0);
	close(peer);
	revoke_fully(buffer.id);
	close(buffer.fd);
}
