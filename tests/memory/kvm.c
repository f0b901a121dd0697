// SPDX-License-Identifier: GPL-2.0-only
/*
 * E24: a mapping as the memory of a virtual machine. KVM has page tables of its own
 * over it, and a CPU in them that no signal of ours disturbs: it counts in the buffer.
 * After a move it counts in the new memory; after a revoke it has none.
 */
#include <sys/mman.h>

#include "life.h"
#include "machine.h"

/* The counter is in the second page of a buffer. */
static volatile uint16_t *counter_in(uint8_t *memory)
{
	return (volatile uint16_t *)(memory + PAGE);
}

static uint16_t counter_before;

static bool counter_moves(uint64_t memory)
{
	return *counter_in((uint8_t *)(uintptr_t)memory) != counter_before;
}

static bool counts_in(uint8_t *memory)
{
	counter_before = *counter_in(memory);
	return eventually(counter_moves, (uintptr_t)memory);
}

/* Code and counter are in the buffer. */
CASE(kvm, E24_machine_goes_on_in_the_new_memory_after_a_move)
{
	struct mapped m = mapped_new(0);
	struct machine machine;
	uint8_t *fresh;
	bool counts;

	machine_new(&machine, m.memory, m.memory);
	machine_start(&machine);
	counts = counts_in(m.memory);
	for (int i = 0; counts && i < 3; i++) {
		move_fully(m.buffer.id);
		fresh = cpu_map(m.buffer.fd, MAPPED_LENGTH);
		counts = counts_in(fresh);
		cpu_unmap(fresh, MAPPED_LENGTH);
	}
	equal(machine_stop(&machine), -EINTR);
	machine_free(&machine);
	holds(counts, "after %llu moves the counter stands",
	      (long long)query(m.buffer.id).moves);
	mapped_revoke(&m);
	mapped_free(&m);
}

CASE(kvm, E24_machine_ends_with_EFAULT_after_a_revoke)
{
	struct mapped m = mapped_new(0);
	struct machine machine;
	long result, again;
	bool counts;

	machine_new(&machine, m.memory, m.memory);
	machine_start(&machine);
	counts = counts_in(m.memory);
	revoke_fully(m.buffer.id);
	result = machine_end(&machine);
	machine_start(&machine);
	again = machine_end(&machine);
	machine_free(&machine);
	holds(counts);
	equal(result, -EFAULT);
	equal(again, -EFAULT);
	mapped_free(&m);
}

CASE(kvm, E24_machine_goes_on_after_a_suspension)
{
	struct mapped m = mapped_new(0);
	struct machine machine;
	bool before, after;
	long result;

	machine_new(&machine, m.memory, m.memory);
	machine_start(&machine);
	before = counts_in(m.memory);
	suspend_fully(m.buffer.id);
	result = machine_end(&machine);
	restore_fully(m.buffer.id);
	machine_start(&machine);
	after = counts_in(m.memory);
	equal(machine_stop(&machine), -EINTR);
	machine_free(&machine);
	holds(before);
	equal(result, -EFAULT);
	holds(after);
	mapped_revoke(&m);
	mapped_free(&m);
}

/* Its code is not in the buffer: on the zero page there is none. */
CASE(kvm, E24_machine_goes_on_in_the_zero_page_after_a_revoke)
{
	struct mapped m = mapped_new(DMABUF_REVOKE_ALLOC_ZERO_PAGE);
	uint8_t *code = page_with(PROT_READ | PROT_WRITE);
	uint64_t before = bytes_in_system(), after;
	bool counts, on_zero_page, everywhere;
	struct machine machine;

	machine_new(&machine, code, m.memory);
	machine_start(&machine);
	counts = counts_in(m.memory);
	revoke_fully(m.buffer.id);
	after = bytes_in_system();
	on_zero_page = counts_in(m.memory);
	/* All pages of the mapping are that one. */
	everywhere = counts_in(m.memory + PAGE);
	equal(machine_stop(&machine), -EINTR);
	machine_free(&machine);
	holds(counts);
	equal(after, before - MAPPED_LENGTH);
	holds(on_zero_page);
	holds(everywhere);
	cpu_unmap(code, PAGE);
	mapped_free(&m);
}
