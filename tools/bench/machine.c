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

#ifdef __x86_64__

#define LOOPS	20000

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

static enum bench_time find_time(const struct machine *machine)
{
	if (strncmp(machine->hypervisor, "TCG", 3))
		return BENCH_REAL;
	return clock_counts_instructions() ? BENCH_INSTRUCTIONS : BENCH_EMULATED;
}

#else

static void find_hypervisor(struct machine *machine)
{
	(void)machine;
}

/* An emulator cannot be told here. */
static enum bench_time find_time(const struct machine *machine)
{
	(void)machine;
	return BENCH_REAL;
}

#endif

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
