// SPDX-License-Identifier: GPL-2.0-only
#if !defined(__x86_64__) && !defined(__i386__) && !defined(__aarch64__)

#include "common.h"
#include "machine.h"

const struct processor processor;

void processor_set(struct machine *m, uint8_t *code)
{
	(void)m;
	(void)code;
	skip("no program for the CPUs that a program of this architecture is given by KVM");
}

#endif
