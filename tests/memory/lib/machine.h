/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine with one CPU, which a thread runs. Whatever architecture that has, it
 * adds one to 16 bits at DATA + PAGE, and once more, without end.
 */
#ifndef TESTS_MEMORY_MACHINE_H
#define TESTS_MEMORY_MACHINE_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct machine {
	int kvm, vm, cpu;
	struct kvm_run *run;
	size_t run_size;
	void *tables;		/* of the CPU: a page; or NULL */
	pthread_t thread;
	atomic_bool ended;
	long result;
};

/* Its program is at @code, a page; it counts in the second of MAPPED_LENGTH bytes at @data. */
void machine_new(struct machine *m, uint8_t *code, uint8_t *data);
void machine_start(struct machine *m);
/* What KVM_RUN returns when it is interrupted. */
long machine_stop(struct machine *m);
/* What KVM_RUN returns by itself; -EINTR: it does not, and had to be stopped. */
long machine_end(struct machine *m);
/* Before what a case has found is judged. */
void machine_free(struct machine *m);

/* @length bytes at @memory are @at in the machine; each such piece has a @slot of its own. */
void machine_memory(struct machine *m, uint32_t slot, uint64_t at, void *memory,
		    uint64_t length);

/* What it takes of the architecture; one processor_*.c has it. */
struct processor {
	const char *modules[3];	/* that have /dev/kvm, where it is missing; NULL ends it */
	const char *lack;	/* why it is missing all the same */
	/* Why memory without struct pages is EINVAL, where memory with them is not; or NULL. */
	const char *lacks_for_mapping;
	uint64_t data;		/* where that is; the program is at 0 */
};

extern const struct processor processor;

/* Put the program at @code, and have the CPU begin there. */
void processor_set(struct machine *m, uint8_t *code);

#endif
