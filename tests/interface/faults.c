// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs of exporters, on purpose: who may ask for them, that they are seen in QUERY,
 * and that no memory is let go that somebody may still reach. That each is noticed
 * is what the controls show; see controls/data.py.
 */
#include <signal.h>
#include <string.h>

#include "deliberate.h"
#include "life.h"

#define F(name) DMABUF_REVOKE_FAULT_##name

static const uint64_t table[] = {
	F(WEAK_FENCE_WAIT), F(NO_FENCE_WAIT), F(NO_UNMAP_WAIT), F(NO_TELL),
	F(TELL_TWICE), F(NO_ZAP), F(LATE_MAP), F(HOLD_LOCK), F(SLOW_MAP),
	F(FAIL_PIN), F(FAIL_MAP), F(MOVE_NO_COPY), F(MOVE_PINNED),
	F(NO_LEGACY_TEST), F(KEEP_MEMORY), F(BIG_SEGMENTS), F(ONE_MAP),
	F(SYNC_EARLY), F(LATE_REFUSAL), F(TELL_IN_PIN), F(TELL_IN_MAP),
	F(TELL_ON_RESTORE), F(FAIL_ATTACH), F(FAIL_VMAP), F(FAIL_MMAP),
	F(FAIL_CPU_ACCESS), F(HOLD_IN_MAP), F(HOLD_AFTER_TELL),
	F(NO_VMAP_OP), F(NO_MMAP_OP), F(NO_PIN_OP),
};

static bool kernel_stands(uint64_t fault)
{
	return fault != F(NO_PIN_OP) || kernel_can(DMABUF_REVOKE_FEATURE_STATIC_MAP);
}

CASE(faults, each_is_seen_in_query)
{
	for (size_t i = 0; i < ARRAY_SIZE(table) && kernel_stands(table[i]); i++) {
		struct buffer buffer = buffer_alloc_faulty(PAGE, 0, table[i]);

		equal(table[i], 1ULL << i);
		equal(query(buffer.id).faults, table[i]);
		equal(query_fd(buffer.fd).faults, table[i]);
		close(buffer.fd);
	}
}

CASE(faults, none_is_the_default)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	equal(query(buffer.id).faults, 0);
	close(buffer.fd);
}

static int alloc_with(void *arg)
{
	uint64_t id;
	int fd;

	return dr_alloc_faulty(exporter, PAGE, 0, *(uint64_t *)arg, &id, &fd);
}

CASE(faults, unknown_one_is_EINVAL)
{
	for (unsigned int bit = ARRAY_SIZE(table); bit < 64; bit++) {
		uint64_t faults = 1ULL << bit;

		row_gives("alone", alloc_with(&faults), EINVAL);
		faults |= F(NO_TELL);
		row_gives("with a known one", alloc_with(&faults), EINVAL);
	}
}

static int alloc_delayed(uint64_t faults, uint64_t delay_ns, struct buffer *buffer)
{
	struct dmabuf_revoke_alloc arg = {
		.length = PAGE,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.faults = faults,
		.delay_ns = delay_ns,
	};
	int ret = dr_alloc_as(exporter, &arg);

	buffer->id = arg.id;
	buffer->fd = arg.fd;
	return ret;
}

CASE(faults, delay_is_for_those_that_take_time)
{
	const uint64_t most = 10000 * MSEC;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		bool takes = table[i] & (F(HOLD_LOCK) | F(SLOW_MAP));
		struct buffer buffer;

		if (!kernel_stands(table[i]))
			continue;
		row_gives("too long", alloc_delayed(table[i], most + 1, &buffer), EINVAL);
		row_gives("at most", alloc_delayed(table[i], most, &buffer),
			  takes ? 0 : EINVAL);
		if (takes)
			close(buffer.fd);
	}
	row_gives("none", alloc_delayed(0, 1, &(struct buffer){}), EINVAL);
}

static uint64_t map_takes(uint64_t delay_ns)
{
	uint64_t began;
	struct buffer buffer;
	int att;

	succeeds(alloc_delayed(F(SLOW_MAP), delay_ns, &buffer));
	att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	began = dr_now();
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	began = dr_now() - began;
	close(att);
	close(buffer.fd);
	return began;
}

CASE(faults, delay_is_what_it_takes)
{
	holds(map_takes(0) >= 100 * MSEC);
	holds(map_takes(300 * MSEC) >= 300 * MSEC);
}

CASE(faults, one_that_the_kernel_does_not_stand_is_EOPNOTSUPP)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t fault = table[i];

		/* Its end closes what it has got. */
		row_gives("alone", in_child(alloc_with, &fault),
			  kernel_stands(fault) ? 0 : EOPNOTSUPP);
	}
}

CASE(faults, E12_are_for_the_administrator)
{
	uint64_t none = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t faults = table[i];

		row_gives("nobody", as_nobody(alloc_with, &faults), EPERM);
	}
	/* It is not the descriptor that is refused. */
	succeeds(as_nobody(alloc_with, &none));
}

CASE(faults, E12_are_not_for_root_of_another_user_namespace)
{
	uint64_t faults = F(NO_TELL);
	int ret = as_namespace_root(alloc_with, &faults);

	if (ret == -ENOTSUP)
		skip("no user namespaces: CONFIG_USER_NS=y");
	fails(ret, EPERM);
}

/* The exporter does not wait, but the mapping keeps its memory. */
CASE(faults, mapping_keeps_its_memory)
{
	const uint32_t legacy = DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY;
	const uint64_t faults[] = {
		F(NO_UNMAP_WAIT), F(NO_FENCE_WAIT) | F(NO_UNMAP_WAIT),
		F(NO_TELL) | F(NO_UNMAP_WAIT),
	};

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		uint64_t before = bytes_in_system();
		struct buffer buffer = buffer_alloc_faulty(MIB, legacy,
							   faults[i]);
		int lazy = attach_mapped(buffer.fd,
					 DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
		uint32_t crc = device_crc(lazy, 0, MIB);

		revoke_fully(buffer.id);
		equal(bytes_in_system(), before + MIB);
		equal(device_crc(lazy, 0, MIB), crc);
		close(lazy);
		/* A worker frees it. */
		holds(eventually(bytes_are, before));
		close(buffer.fd);
	}
}

CASE(faults, slow_map_takes_its_time)
{
	struct buffer buffer = buffer_alloc_faulty(PAGE, 0, F(SLOW_MAP));
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t began = dr_now();

	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	holds(dr_now() - began >= 100 * MSEC);
	close(att);
	close(buffer.fd);
}

/* Whoever can still reach the memory, by a fault or a map, reaches the buffer's. */
CASE(faults, memory_that_can_be_reached_is_kept)
{
	const uint64_t faults[] = { F(NO_ZAP), F(LATE_MAP), F(KEEP_MEMORY) };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		uint64_t before = bytes_in_system();
		struct buffer buffer = buffer_alloc_faulty(MIB, 0, faults[i]);
		uint8_t *memory = cpu_map(buffer.fd, MIB);
		bool reached = faults[i] != F(KEEP_MEMORY);

		memory[0] = 7;
		revoke_fully(buffer.id);
		equal(bytes_in_system(), before + MIB);
		equal(fault_on_read(memory), reached ? 0 : SIGBUS);
		equal(fault_on_read(memory + PAGE), reached ? 0 : SIGBUS);
		if (reached)
			equal(memory[0], 7);
		cpu_unmap(memory, MIB);
		close(buffer.fd);
		succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
		holds(eventually(bytes_are, before));
	}
}

/* Moved away from a CPU mapping that is not taken down: the old memory is kept. */
CASE(faults, E14_memory_that_a_move_leaves_to_the_cpu_is_kept)
{
	uint64_t before = bytes_in_system();
	struct buffer buffer = buffer_alloc_faulty(MIB, 0, F(NO_ZAP));
	uint8_t *memory = cpu_map(buffer.fd, MIB);

	memset(memory, 7, MIB);
	for (uint64_t moves = 1; moves <= 3; moves++) {
		move_fully(buffer.id);
		equal(bytes_in_system(), before + (moves + 1) * MIB);
		equal(memory[0], 7);
		equal(memory[MIB - 1], 7);
	}
	revoke_fully(buffer.id);
	equal(memory[0], 7);
	cpu_unmap(memory, MIB);
	close(buffer.fd);
	succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
	holds(eventually(bytes_are, before));
}
