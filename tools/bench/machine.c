// SPDX-License-Identifier: GPL-2.0-only
/* What the times were taken on, and what they are worth. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "bench/machine.h"
#include "lib/devices/ioctls.h"

static void first_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");

	*line = '\0';
	if (!file)
		return;
	if (fgets(line, size, file))
		line[strcspn(line, "\n")] = '\0';
	fclose(file);
}

/* The value behind the first ':' of the line that begins with @name. */
static void find_line(const char *path, const char *name, char *value, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[512];

	*value = '\0';
	if (!file)
		return;
	while (!*value && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, name, strlen(name)))
			continue;
		colon += strspn(colon, ": \t");
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(value, size, "%s", colon);
	}
	fclose(file);
}

/* An emulator tells its version here. */
static void find_box(char *box, size_t size)
{
	char vendor[64], product[64], version[64];

	first_line("/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor));
	first_line("/sys/class/dmi/id/product_name", product, sizeof(product));
	first_line("/sys/class/dmi/id/product_version", version, sizeof(version));
	*box = '\0';
	if (*vendor)
		snprintf(box, size, "%s %s %s", vendor, product, version);
}

uint64_t bench_meminfo(const char *name)
{
	char text[64];
	uint64_t kib = 0;

	find_line("/proc/meminfo", name, text, sizeof(text));
	if (sscanf(text, "%" SCNu64, &kib) != 1)
		return 0;
	return kib << 10;
}

#define LOOPS	20000

#ifdef __x86_64__

/* 2 instructions per loop, which every CPU can do quickly. */
static uint64_t time_cheap(void)
{
	uint64_t begin = dr_now(), n = LOOPS;

	asm volatile("1: dec %0; jnz 1b" : "+r" (n) : : "cc");
	return (dr_now() - begin) / 2;
}

/* 5 instructions per loop, one of which is a division. */
static uint64_t time_dear(void)
{
	uint64_t begin = dr_now(), n = LOOPS;

	asm volatile("1: mov $1000003, %%eax; xor %%edx, %%edx; div %1; dec %0; jnz 1b"
		     : "+r" (n) : "r" (12345U) : "eax", "edx", "cc");
	return (dr_now() - begin) / 5;
}

static void find_hypervisor(struct machine *machine)
{
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & (1U << 31)))
		return;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(machine->hypervisor, &ebx, 4);
	memcpy(machine->hypervisor + 4, &ecx, 4);
	memcpy(machine->hypervisor + 8, &edx, 4);
}

#elif defined(__aarch64__)

#define EMULATOR	"TCGTCGTCGTCG"	/* as it calls itself on x86 */
#define VIRT_HZ		62500000ULL	/* of the clock that QEMU gives what it emulates */

/* The machine that QEMU makes up, by its device tree, or by its tables where it has those. */
static bool is_virt(const struct machine *machine)
{
	char compatible[64];

	first_line("/proc/device-tree/compatible", compatible, sizeof(compatible));
	return !strcmp(compatible, "linux,dummy-virt") || !strncmp(machine->box, "QEMU", 4);
}

/* A CPU that nobody makes, of a maker 0x00, which QEMU does not give to KVM. */
static bool is_made_up(void)
{
	char maker[16], part[16];

	find_line("/proc/cpuinfo", "CPU implementer", maker, sizeof(maker));
	find_line("/proc/cpuinfo", "CPU part", part, sizeof(part));
	return !strcmp(maker, "0x00") && !strcmp(part, "0x051");
}

static uint64_t clock_hz(void)
{
	uint64_t hz;

	asm("mrs %0, cntfrq_el0" : "=r" (hz));
	return hz;
}

static void find_hypervisor(struct machine *machine)
{
	if (is_virt(machine) && (is_made_up() || clock_hz() == VIRT_HZ))
		strcpy(machine->hypervisor, EMULATOR);
}

/* 2 instructions per loop, which every CPU can do quickly. */
static uint64_t time_cheap(void)
{
	uint64_t begin = dr_now(), n = LOOPS;

	asm volatile("1: subs %0, %0, #1; b.ne 1b" : "+r" (n) : : "cc");
	return (dr_now() - begin) / 2;
}

/* 5 instructions per loop, two of which are divisions. */
static uint64_t time_dear(void)
{
	uint64_t begin = dr_now(), n = LOOPS, q = 0;

	asm volatile("1: mov %1, #-1; udiv %1, %1, %2; udiv %1, %2, %1; subs %0, %0, #1; b.ne 1b"
		     : "+r" (n), "+r" (q) : "r" (12345ULL) : "cc");
	return (dr_now() - begin) / 5;
}

#else

/* An emulator cannot be told here. */
static void find_hypervisor(struct machine *machine)
{
	(void)machine;
}

static uint64_t time_cheap(void)
{
	return 0;
}

static uint64_t time_dear(void)
{
	return 0;
}

#endif

static uint64_t least(uint64_t (*time)(void))
{
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < 10; i++) {
		uint64_t ns = time();

		best = ns < best ? ns : best;
	}
	return best;
}

/* Where all instructions take the same time, they are what the clock counts. */
static bool clock_counts_instructions(void)
{
	uint64_t cheap = least(time_cheap), dear = least(time_dear);

	return cheap * 100 > dear * 98 && dear * 100 > cheap * 98;
}

static enum bench_time find_time(const struct machine *machine)
{
	if (strncmp(machine->hypervisor, "TCG", 3))
		return BENCH_REAL;
	return clock_counts_instructions() ? BENCH_INSTRUCTIONS : BENCH_EMULATED;
}

void bench_machine(struct machine *machine)
{
	struct utsname name;

	memset(machine, 0, sizeof(*machine));
	uname(&name);
	snprintf(machine->kernel, sizeof(machine->kernel), "%s", name.release);
	snprintf(machine->build, sizeof(machine->build), "%s", name.version);
	find_box(machine->box, sizeof(machine->box));
	find_line("/proc/cpuinfo", "model name", machine->cpu, sizeof(machine->cpu));
	if (!*machine->cpu)
		snprintf(machine->cpu, sizeof(machine->cpu), "%s", name.machine);
	first_line("/proc/cmdline", machine->options, sizeof(machine->options));
	first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		   machine->clock, sizeof(machine->clock));
	machine->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	machine->memory = bench_meminfo("MemTotal");
	find_hypervisor(machine);
	machine->time = find_time(machine);
}
