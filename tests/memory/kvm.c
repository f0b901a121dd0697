// SPDX-License-Identifier: GPL-2.0-only
/*
 * E24: a mapping as the memory of a virtual machine. KVM has page tables of its own
 * over it, and a CPU in them that no signal of ours disturbs: it counts, in real mode,
 * in the buffer. After a move it counts in the new memory; after a revoke it has none.
 */
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "life.h"

/* inc word [COUNTER], and once more */
#define COUNTER (DATA + PAGE)
#define DATA 0x4000
static const uint8_t loop[] = { 0xff, 0x06, 0x00, 0x50, 0xeb, 0xfa };

/* The counter is in the second page of a buffer. */
static volatile uint16_t *counter_in(uint8_t *memory)
{
	return (volatile uint16_t *)(memory + COUNTER - DATA);
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

/* A virtual machine with one CPU, which a thread runs. */
struct machine {
	int kvm, vm, cpu;
	struct kvm_run *run;
	size_t run_size;
	pthread_t thread;
	atomic_bool ended;
	long result;
};

static bool is_emulated(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	bool found = false;
	char line[256];

	while (!found && file && fgets(line, sizeof(line), file))
		found = strstr(line, "QEMU TCG CPU");
	if (file)
		fclose(file);
	return found;
}

/*
 * KVM patches the scheduler's code when its first machine comes and when its last one
 * goes. An emulated CPU may meanwhile run into a breakpoint that is not there any more
 * (seen with QEMU 7.2), and the kernel dies. So there the others are taken away.
 */
static void others_are_online(bool online)
{
	if (!is_emulated())
		return;
	for (int cpu = 1; ; cpu++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/online", cpu);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		equal(write(fd, online ? "1" : "0", 1), 1);
		close(fd);
	}
}

static void load_module(const char *name)
{
	char *const words[] = { "modprobe", "-q", (char *)name, NULL };
	pid_t child;

	if (!posix_spawnp(&child, words[0], NULL, NULL, words, environ))
		waitpid(child, NULL, 0);
}

static int open_kvm(void)
{
	int kvm = dr_open("/dev/kvm");

	if (kvm != -ENOENT)
		return kvm;
	load_module("kvm_amd");
	kvm = dr_open("/dev/kvm");
	if (kvm != -ENOENT)
		return kvm;
	load_module("kvm_intel");
	return dr_open("/dev/kvm");
}

/* No assertion before the other CPUs are back. */
static void machine_create(struct machine *m)
{
	others_are_online(false);
	m->kvm = open_kvm();
	m->vm = sys(ioctl(m->kvm, KVM_CREATE_VM, 0));
	m->cpu = sys(ioctl(m->vm, KVM_CREATE_VCPU, 0));
	others_are_online(true);
	if (m->kvm < 0)
		skip("no /dev/kvm: CONFIG_KVM_AMD or CONFIG_KVM_INTEL, and a CPU for it");
	if (m->vm == -EBUSY || m->vm == -EOPNOTSUPP)
		skip("somebody else uses what the CPU has for virtual machines");
	succeeds(m->vm);
	succeeds(m->cpu);
}

static void machine_memory(struct machine *m, uint32_t slot, uint64_t at,
			   void *memory, uint64_t length)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = at,
		.memory_size = length,
		.userspace_addr = (uintptr_t)memory,
	};

	succeeds(sys(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region)));
}

/* Its program is at @code, what it counts in at @data. */
static void machine_new(struct machine *m, uint8_t *code, uint8_t *data)
{
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;

	*m = (struct machine){};
	machine_create(m);
	machine_memory(m, 0, 0, code, PAGE);
	machine_memory(m, 1, DATA, data, MAPPED_LENGTH);
	m->run_size = succeeds(sys(ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0)));
	m->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      m->cpu, 0);
	holds(m->run != MAP_FAILED);
	succeeds(sys(ioctl(m->cpu, KVM_GET_SREGS, &sregs)));
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	succeeds(sys(ioctl(m->cpu, KVM_SET_SREGS, &sregs)));
	succeeds(sys(ioctl(m->cpu, KVM_SET_REGS, &regs)));
	memcpy(code, loop, sizeof(loop));
}

static void *runs(void *arg)
{
	struct machine *m = arg;

	m->result = sys(ioctl(m->cpu, KVM_RUN, 0));
	m->ended = true;
	return NULL;
}

static void machine_start(struct machine *m)
{
	m->run->immediate_exit = 0;
	m->ended = false;
	succeeds(-pthread_create(&m->thread, NULL, runs, m));
}

static bool has_ended(uint64_t machine)
{
	return ((struct machine *)(uintptr_t)machine)->ended;
}

static void on_signal(int sig)
{
	(void)sig;
}

static long machine_stop(struct machine *m)
{
	const struct sigaction action = { .sa_handler = on_signal };

	succeeds(sys(sigaction(SIGUSR1, &action, NULL)));
	/* For the case that it is not in KVM_RUN yet when the signal comes. */
	m->run->immediate_exit = 1;
	succeeds(-pthread_kill(m->thread, SIGUSR1));
	pthread_join(m->thread, NULL);
	return m->result;
}

/* What KVM_RUN returns by itself; -EINTR: it does not, and had to be stopped. */
static long machine_end(struct machine *m)
{
	if (!eventually(has_ended, (uintptr_t)m))
		return machine_stop(m);
	pthread_join(m->thread, NULL);
	return m->result;
}

/* Before what a case has found is judged: see others_are_online(). */
static void machine_free(struct machine *m)
{
	succeeds(sys(munmap(m->run, m->run_size)));
	others_are_online(false);
	close(m->cpu);
	close(m->vm);
	close(m->kvm);
	others_are_online(true);
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
