/* SPDX-License-Identifier: GPL-2.0-only */
/* What the times were taken on, and what they are worth. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>

/* What the times are made of. */
enum bench_time {
	BENCH_REAL,
	BENCH_EMULATED,		/* an emulator's: they differ from run to run */
	BENCH_INSTRUCTIONS,	/* the emulator counts: a nanosecond is an instruction */
};

struct machine {
	char box[192];		/* vendor, product and its version; empty: unknown */
	char cpu[128];
	unsigned int cpus;	/* that are online */
	char hypervisor[16];	/* its signature; empty: none */
	enum bench_time time;
	char clock[64];		/* the kernel's clock source */
	char kernel[128];	/* release */
	char build[128];	/* version: preemption, date */
	char options[1024];	/* of its command line */
	uint64_t memory;	/* bytes */
};

void bench_machine(struct machine *machine);
/* Bytes, by its name in /proc/meminfo; 0 if there is no such line. */
uint64_t bench_meminfo(const char *name);

#endif
