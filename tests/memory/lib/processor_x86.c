// SPDX-License-Identifier: GPL-2.0-only
#if defined(__x86_64__) || defined(__i386__)

#include <string.h>
#include <sys/ioctl.h>

#include "common.h"
#include "machine.h"

/* In real mode: inc word [0x5000], and once more */
static const uint8_t loop[] = { 0xff, 0x06, 0x00, 0x50, 0xeb, 0xfa };

const struct processor processor = {
	.modules = { "kvm_amd", "kvm_intel" },
	.lack = "no /dev/kvm: CONFIG_KVM_AMD or CONFIG_KVM_INTEL, and a CPU for it",
	.data = 0x4000,
};

void processor_set(struct machine *m, uint8_t *code)
{
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;

	succeeds(sys(ioctl(m->cpu, KVM_GET_SREGS, &sregs)));
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	succeeds(sys(ioctl(m->cpu, KVM_SET_SREGS, &sregs)));
	succeeds(sys(ioctl(m->cpu, KVM_SET_REGS, &regs)));
	memcpy(code, loop, sizeof(loop));
}

#endif
