// SPDX-License-Identifier: GPL-2.0-only
/* ALLOC, LIST, QUERY, EXPORTER_INFO: buffers that nobody revokes. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "life.h"

static struct dmabuf_revoke_exporter_info info(void)
{
	struct dmabuf_revoke_exporter_info info;

	succeeds(dr_exporter_info(exporter, &info));
	return info;
}

static bool kernel_has(const char *symbol)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[256];
	bool found = false;

	holds(file, "/proc/kallsyms: %s", strerrorname_np(errno));
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, symbol);
	fclose(file);
	return found;
}

CASE(buffers, info_tells_version_page_size_and_limit)
{
	equal(info().abi_version, DMABUF_REVOKE_ABI_VERSION);
	equal(info().page_size, PAGE);
	holds(info().limit_bytes >= MIB);
}

CASE(buffers, info_tells_whether_the_core_has_the_revocable_test)
{
	equal(kernel_can(DMABUF_REVOKE_FEATURE_REVOCABLE_TEST),
	      kernel_has(" dma_buf_attach_revocable\n"));
}

CASE(buffers, info_counts_buffers_and_bytes)
{
	struct dmabuf_revoke_exporter_info before = info();
	struct buffer a = buffer_alloc(1, 0);
	struct buffer b = buffer_alloc(64 * KIB, 0);

	equal(info().buffers, before.buffers + 2);
	equal(info().bytes, before.bytes + PAGE + 64 * KIB);
	close(a.fd);
	close(b.fd);
}

static void alloc_rounds_up(uint64_t length, uint64_t rounded)
{
	struct dmabuf_revoke_alloc arg = {
		.size = sizeof(arg),
		.length = length,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	succeeds(sys(ioctl(exporter, DMABUF_REVOKE_IOC_ALLOC, &arg)));
	equal(arg.length, rounded);
	equal(query(arg.id).length, rounded);
	equal(lseek(arg.fd, 0, SEEK_END), rounded);
	close(arg.fd);
}

CASE(buffers, alloc_rounds_up_to_a_page)
{
	alloc_rounds_up(1, PAGE);
	alloc_rounds_up(PAGE - 1, PAGE);
	alloc_rounds_up(PAGE, PAGE);
	alloc_rounds_up(PAGE + 1, 2 * PAGE);
	alloc_rounds_up(64 * KIB + 1, 64 * KIB + PAGE);
	alloc_rounds_up(16 * MIB - 1, 16 * MIB);
}

static int alloc_with_fd_flags(uint32_t fd_flags)
{
	struct dmabuf_revoke_alloc arg = {
		.size = sizeof(arg),
		.length = PAGE,
		.fd_flags = fd_flags,
	};

	succeeds(sys(ioctl(exporter, DMABUF_REVOKE_IOC_ALLOC, &arg)));
	return arg.fd;
}

CASE(buffers, alloc_sets_access_mode_and_cloexec)
{
	for (int mode = 0; mode < 4; mode++) {
		int access = mode & 1 ? O_RDWR : O_RDONLY;
		int cloexec = mode & 2 ? O_CLOEXEC : 0;
		int fd = alloc_with_fd_flags(access | cloexec);

		equal(fcntl(fd, F_GETFL) & O_ACCMODE, access);
		equal(fcntl(fd, F_GETFD), cloexec ? FD_CLOEXEC : 0);
		close(fd);
	}
}

/* Pages that were just full of something else are the likeliest to be reused. */
CASE(buffers, alloc_gives_zeroed_memory)
{
	const uint64_t length = 4 * MIB;
	const uint64_t words = length / sizeof(uint64_t);

	for (int round = 0; round < 3; round++) {
		int owner;
		struct buffer buffer = buffer_alloc_owned(length, 0, &owner);
		uint64_t *word = cpu_map(buffer.fd, length);

		uint64_t zeros = 0;

		while (zeros < words && !word[zeros])
			zeros++;
		equal(zeros, words);
		memset(word, 0xa5, length);
		cpu_unmap(word, length);
		close(buffer.fd);
		close(owner);
	}
}

CASE(buffers, alloc_never_uses_an_id_again)
{
	uint64_t last = 0;

	for (int i = 0; i < 8; i++) {
		int owner;
		struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);

		holds(buffer.id > last);
		last = buffer.id;
		close(buffer.fd);
		close(owner);
	}
}

CASE(buffers, alloc_without_a_free_descriptor_is_EMFILE)
{
	uint64_t before = buffers_in_system();
	uint64_t id;
	int fd;

	forbid_new_fds();
	fails(dr_alloc(exporter, PAGE, 0, &id, &fd), EMFILE);
	allow_new_fds();
	equal(buffers_in_system(), before);
}

CASE(buffers, alloc_beyond_the_limit_is_ENOMEM)
{
	struct dmabuf_revoke_exporter_info before = info();
	uint64_t id;
	int fd;

	fails(dr_alloc(exporter, before.limit_bytes - before.bytes + 1, 0, &id,
		       &fd), ENOMEM);
	equal(info().bytes, before.bytes);
	equal(info().buffers, before.buffers);
}

/* Threads that ask for what nobody can have, over and over. */
struct greedy {
	pthread_t threads[3];
	uint64_t length;
	atomic_bool stop;
};

static void *ask_for_too_much(void *arg)
{
	struct greedy *greedy = arg;
	uint64_t id;
	int fd;

	while (!greedy->stop)
		fails(dr_alloc(exporter, greedy->length, 0, &id, &fd), ENOMEM);
	return NULL;
}

/* Meanwhile others get what is within the limit, and none of it is charged. */
static void is_refused_without_a_trace(uint64_t length)
{
	const uint64_t before = info().bytes;
	struct greedy greedy = { .length = length };

	for (size_t i = 0; i < ARRAY_SIZE(greedy.threads); i++)
		equal(pthread_create(&greedy.threads[i], NULL, ask_for_too_much,
				     &greedy), 0);
	for (int i = 0; i < 500; i++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);

		equal(info().bytes, before + PAGE);
		succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
		close(buffer.fd);
		holds(eventually(bytes_are, before));
	}
	greedy.stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(greedy.threads); i++)
		equal(pthread_join(greedy.threads[i], NULL), 0);
}

CASE(buffers, alloc_beyond_the_limit_takes_nothing_from_others)
{
	is_refused_without_a_trace(1ULL << 62);
}

/* Two of these are next to nothing, in 64 bits. */
CASE(buffers, alloc_beyond_the_limit_does_not_wrap_the_account)
{
	is_refused_without_a_trace((1ULL << 63) - PAGE);
}

static uint64_t mem_available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	holds(file);
	while (!kib && fgets(line, sizeof(line), file))
		sscanf(line, "MemAvailable: %llu kB", &kib);
	fclose(file);
	return kib * KIB;
}

static bool available_at_least(uint64_t bytes)
{
	return mem_available() >= bytes;
}

#define LARGE (128 * MIB)

/* Half of a large buffer is far beyond what else comes and goes meanwhile. */
CASE(buffers, large_buffer_is_given_back_when_it_is_closed)
{
	uint64_t before = mem_available();
	struct buffer buffer;
	int owner;

	if (before < 2 * LARGE)
		skip("needs %llu MiB of available memory: give the guest more",
		     2 * LARGE / MIB);
	buffer = buffer_alloc_owned(LARGE, 0, &owner);
	holds(mem_available() < before - LARGE / 2);
	close(buffer.fd);
	close(owner);
	holds(eventually(available_at_least, before - LARGE / 2));
}

static bool buffers_in_system_are(uint64_t count)
{
	return buffers_in_system() == count;
}

/* Killed at whatever point of the allocation it has come to. */
CASE(buffers, alloc_of_a_process_that_is_killed_leaves_nothing)
{
	uint64_t before = buffers_in_system();
	int started[2], status;
	char byte;

	for (int round = 0; round < 4; round++) {
		pid_t child;

		succeeds(sys(pipe2(started, O_CLOEXEC)));
		child = succeeds(sys(fork()));
		if (!child) {
			uint64_t id;
			int fd;

			if (write(started[1], "", 1) != 1)
				_exit(EXIT_FAILURE);
			for (;;)
				dr_alloc(exporter, 64 * MIB, 0, &id, &fd);
		}
		close(started[1]);
		equal(read(started[0], &byte, 1), 1);
		close(started[0]);
		succeeds(sys(kill(child, SIGKILL)));
		equal(waitpid(child, &status, 0), child);
		close(exporter);
		exporter = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	}
	holds(eventually(buffers_in_system_are, before));
}

CASE(buffers, list_is_ascending_and_complete)
{
	struct buffer buffers[5];
	uint64_t ids[64];
	uint32_t count;

	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		buffers[i] = buffer_alloc(PAGE, 0);
	succeeds(dr_list(exporter, ids, ARRAY_SIZE(ids), &count));
	holds(count >= ARRAY_SIZE(buffers) && count <= ARRAY_SIZE(ids));
	for (uint32_t i = 1; i < count; i++)
		holds(ids[i - 1] < ids[i]);
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
		holds(listed(buffers[i].id));
		close(buffers[i].fd);
	}
}

CASE(buffers, list_writes_no_more_than_capacity)
{
	struct buffer a = buffer_alloc(PAGE, 0);
	struct buffer b = buffer_alloc(PAGE, 0);
	uint64_t ids[2] = { 0, 0xdeadbeef };
	uint32_t all, count;

	succeeds(dr_list(exporter, NULL, 0, &all));
	holds(all >= 2);
	succeeds(dr_list(exporter, ids, 1, &count));
	equal(count, all);
	holds(ids[0]);
	equal(ids[1], 0xdeadbeef);
	close(a.fd);
	close(b.fd);
}

CASE(buffers, query_describes_a_live_buffer)
{
	const uint32_t flags = ACCEPT_LEGACY;
	struct buffer buffer = buffer_alloc(3 * PAGE, flags);
	struct dmabuf_revoke_query out = query(buffer.id);
	const struct dmabuf_revoke_phases never = {};

	equal(out.id, buffer.id);
	equal(out.state, DMABUF_REVOKE_STATE_LIVE);
	equal(out.length, 3 * PAGE);
	equal(out.alloc_flags, flags);
	equal(out.orphaned, 0);
	equal(out.attachments, 0);
	equal(out.legacy_attachments, 0);
	holds(!memcmp(&out.phases, &never, sizeof(never)));
	equal(out.pending.fences + out.pending.maps + out.pending.pins, 0);
	close(buffer.fd);
}

CASE(buffers, query_counts_what_is_in_use)
{
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
	int idle = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int pinned = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
	int legacy = attach(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	struct dmabuf_revoke_query out = query(buffer.id);

	equal(out.pending.fences + out.pending.maps, 0);
	equal(out.pending.pins, 2);
	succeeds(dr_map(legacy, 0));
	submit_busy(pinned, DMABUF_REVOKE_OP_READ, 0, ENDLESS);
	out = query(buffer.id);
	equal(out.attachments, 3);
	equal(out.legacy_attachments, 1);
	equal(out.pending.fences, 1);
	equal(out.pending.maps, 2);
	equal(out.pending.legacy_maps, 1);
	close(legacy);
	close(pinned);
	equal(query(buffer.id).pending.fences, 0);
	equal(query(buffer.id).attachments, 1);
	equal(query(buffer.id).pending.pins, 0);
	close(idle);
	equal(query(buffer.id).attachments, 0);
	close(buffer.fd);
}

CASE(buffers, query_by_descriptor_finds_the_same_buffer)
{
	struct buffer buffer = buffer_alloc(2 * PAGE, 0);
	int copy = dup(buffer.fd);

	equal(query_fd(buffer.fd).id, buffer.id);
	close(buffer.fd);
	equal(query_fd(copy).id, buffer.id);
	equal(query_fd(copy).length, 2 * PAGE);
	close(copy);
}

CASE(buffers, owner_keeps_a_buffer_without_descriptors)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	close(buffer.fd);
	equal(query(buffer.id).state, DMABUF_REVOKE_STATE_LIVE);
	holds(listed(buffer.id));
}

CASE(buffers, buffer_is_gone_after_the_last_reference)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	uint64_t id = buffer.id;

	close(buffer.fd);
	close(owner);
	holds(eventually(is_gone, id));
}

/* --- arrays, while others come and go -------------------------------------- */

struct comer {
	pthread_t thread;
	struct buffer buffer;
	atomic_bool enough;
	atomic_ullong last;	/* id that it was given */
	atomic_uint turn;	/* allocates_in_its_turn(): told */
	atomic_uint rested;	/* the last one of rest that it has seen */
};

static void free_and_close(const struct buffer *buffer)
{
	succeeds(dr_free(exporter, buffer->id, NULL, 0, NULL));
	close(buffer->fd);
}

/* The last one stays until there is another. */
static void *allocates_and_frees(void *arg)
{
	struct comer *comer = arg;
	struct buffer last = buffer_alloc(PAGE, 0);

	while (!atomic_load(&comer->enough)) {
		struct buffer next = buffer_alloc(PAGE, 0);

		atomic_store(&comer->last, next.id);
		free_and_close(&last);
		last = next;
	}
	free_and_close(&last);
	return NULL;
}

static void *maps_and_unmaps(void *arg)
{
	struct comer *comer = arg;
	int att = attach(comer->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	while (!atomic_load(&comer->enough)) {
		succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
		succeeds(dr_unmap(att));
	}
	close(att);
	return NULL;
}

static void comer_begin(struct comer *comer, void *(*fn)(void *arg))
{
	comer->buffer = buffer_alloc(PAGE, 0);
	atomic_init(&comer->enough, false);
	atomic_init(&comer->last, 0);
	atomic_init(&comer->turn, 0);
	atomic_init(&comer->rested, 0);
	equal(pthread_create(&comer->thread, NULL, fn, comer), 0);
}

static void comer_end(struct comer *comer)
{
	atomic_store(&comer->enough, true);
	equal(pthread_join(comer->thread, NULL), 0);
	close(comer->buffer.fd);
}

#define ROUNDS 20000
#define HELD 4096

CASE(buffers, list_writes_as_many_ids_as_it_says)
{
	struct luck luck = { .rounds = ROUNDS };
	struct comer comer;

	comer_begin(&comer, allocates_and_frees);
	while (luck_lasts(&luck)) {
		uint64_t ids[64] = { 0 };
		uint32_t count;

		succeeds(dr_list(exporter, ids, ARRAY_SIZE(ids), &count));
		for (uint32_t k = 0; k < count && k < ARRAY_SIZE(ids); k++)
			holds(ids[k], "%u of %u was not written", k, count);
	}
	comer_end(&comer);
}

/* The same, but only while it is told to: the number of the turn is odd. */
static void *allocates_in_its_turn(void *arg)
{
	struct comer *comer = arg;
	struct buffer last = buffer_alloc(PAGE, 0);

	atomic_store(&comer->last, last.id);
	while (!atomic_load(&comer->enough)) {
		unsigned int turn = atomic_load(&comer->turn);
		struct buffer next;

		if (turn % 2 == 0) {
			atomic_store(&comer->rested, turn);
			sched_yield();
			continue;
		}
		next = buffer_alloc(PAGE, 0);
		atomic_store(&comer->last, next.id);
		free_and_close(&last);
		last = next;
	}
	free_and_close(&last);
	return NULL;
}

/* The next turn; one of rest has come when this returns. */
static void next_turn(struct comer *comer)
{
	unsigned int turn = atomic_fetch_add(&comer->turn, 1) + 1;

	while (turn % 2 == 0 && atomic_load(&comer->rested) != turn)
		sched_yield();
}

/* Calls beside which somebody came, and those that saw some of who came. */
struct beside {
	unsigned int calls;
	unsigned int followed;
};

static void list_beside(struct comer *comer, uint64_t *ids, uint32_t capacity,
			struct beside *beside)
{
	uint64_t before = atomic_load(&comer->last);
	uint32_t count;

	next_turn(comer);
	succeeds(dr_list(exporter, ids, capacity, &count));
	next_turn(comer);
	holds(count && count <= capacity);
	if (atomic_load(&comer->last) == before)
		return;
	beside->calls++;
	beside->followed += ids[count - 1] > before;
}

/*
 * Of those that are allocated meanwhile there is no end. Some may come before the call has
 * begun: now and then, where a host is busy.
 */
CASE(buffers, list_ends_with_the_buffer_that_was_the_last_when_it_began)
{
	static struct buffer held[HELD];
	static uint64_t ids[HELD + 64];
	struct luck luck = { .rounds = 500 };
	struct beside beside = { 0 };
	struct comer comer;

	for (int i = 0; i < HELD; i++) {
		held[i] = buffer_alloc(PAGE, 0);
		close(held[i].fd);
	}
	comer_begin(&comer, allocates_in_its_turn);
	next_turn(&comer);
	next_turn(&comer);
	while (luck_lasts(&luck) || beside.calls < 100)
		list_beside(&comer, ids, ARRAY_SIZE(ids), &beside);
	holds(beside.followed < beside.calls / 10, "%u of %u calls",
	      beside.followed, beside.calls);
	comer_end(&comer);
	for (int i = 0; i < HELD; i++)
		succeeds(dr_free(exporter, held[i].id, NULL, 0, NULL));
}

CASE(buffers, blockers_writes_as_many_as_it_says)
{
	struct luck luck = { .rounds = ROUNDS };
	struct comer comer;

	comer_begin(&comer, maps_and_unmaps);
	while (luck_lasts(&luck)) {
		struct dmabuf_revoke_blocker blockers[8] = { 0 };
		uint32_t count;

		succeeds(dr_blockers(exporter, comer.buffer.id, blockers,
				     ARRAY_SIZE(blockers), &count));
		for (uint32_t k = 0; k < count && k < ARRAY_SIZE(blockers); k++)
			holds(blockers[k].type, "%u of %u was not written", k,
			      count);
	}
	comer_end(&comer);
}
