// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "life.h"
#include "machine.h"

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
	const char *const *module = processor.modules;
	int kvm = dr_open("/dev/kvm");

	for (; kvm == -ENOENT && *module; module++) {
		load_module(*module);
		kvm = dr_open("/dev/kvm");
	}
	return kvm;
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
		skip("%s", processor.lack);
	if (m->vm == -EBUSY || m->vm == -EOPNOTSUPP)
		skip("somebody else uses what the CPU has for virtual machines");
	succeeds(m->vm);
	succeeds(m->cpu);
}

static int try_memory(struct machine *m, uint32_t slot, uint64_t at, void *memory,
		      uint64_t length)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = at,
		.memory_size = length,
		.userspace_addr = (uintptr_t)memory,
	};

	return sys(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region));
}

void machine_memory(struct machine *m, uint32_t slot, uint64_t at, void *memory,
		    uint64_t length)
{
	succeeds(try_memory(m, slot, at, memory, length));
}

/* Whether it may be what a buffer's mapping leads to. */
static void machine_mapped(struct machine *m, uint32_t slot, uint64_t at, void *memory,
			   uint64_t length)
{
	int ret = try_memory(m, slot, at, memory, length);

	if (ret == -EINVAL && processor.lacks_for_mapping)
		skip("%s", processor.lacks_for_mapping);
	succeeds(ret);
}

void machine_new(struct machine *m, uint8_t *code, uint8_t *data)
{
	*m = (struct machine){};
	machine_create(m);
	processor_set(m, code);
	machine_mapped(m, 0, 0, code, PAGE);
	machine_mapped(m, 1, processor.data, data, MAPPED_LENGTH);
	m->run_size = succeeds(sys(ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0)));
	m->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      m->cpu, 0);
	holds(m->run != MAP_FAILED);
}

static void *runs(void *arg)
{
	struct machine *m = arg;

	m->result = sys(ioctl(m->cpu, KVM_RUN, 0));
	m->ended = true;
	return NULL;
}

void machine_start(struct machine *m)
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

long machine_stop(struct machine *m)
{
	const struct sigaction action = { .sa_handler = on_signal };

	succeeds(sys(sigaction(SIGUSR1, &action, NULL)));
	/* For the case that it is not in KVM_RUN yet when the signal comes. */
	m->run->immediate_exit = 1;
	succeeds(-pthread_kill(m->thread, SIGUSR1));
	pthread_join(m->thread, NULL);
	return m->result;
}

long machine_end(struct machine *m)
{
	if (!eventually(has_ended, (uintptr_t)m))
		return machine_stop(m);
	pthread_join(m->thread, NULL);
	return m->result;
}

void machine_free(struct machine *m)
{
	succeeds(sys(munmap(m->run, m->run_size)));
	if (m->tables)
		succeeds(sys(munmap(m->tables, PAGE)));
	others_are_online(false);
	close(m->cpu);
	close(m->vm);
	close(m->kvm);
	others_are_online(true);
}
