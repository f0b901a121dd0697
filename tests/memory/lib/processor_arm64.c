// SPDX-License-Identifier: GPL-2.0-only
#ifdef __aarch64__

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "common.h"
#include "machine.h"

#define DATA	0x1000000ULL
#define TABLES	0x2000000ULL

static const uint32_t loop[] = {
	0x79400001,		/* ldrh w1, [x0] */
	0x11000421,		/* add w1, w1, #1 */
	0x79000001,		/* strh w1, [x0] */
	0x17fffffd,		/* b to the first */
};

const struct processor processor = {
	.modules = { NULL },
	.lack = "no /dev/kvm: CONFIG_KVM, and a CPU with EL2 (QEMU: -M virt,virtualization=on)",
	.lacks_for_mapping =
		"a CPU with FEAT_S2FWB, and DIC in CTR_EL0: KVM else takes no PFN mapping",
	.data = DATA,
};

static void set(struct machine *m, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	succeeds(sys(ioctl(m->cpu, KVM_SET_ONE_REG, &reg)));
}

#define CORE(what)							\
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.what))
#define SCTLR_EL1	ARM64_SYS_REG(3, 0, 1, 0, 0)
#define TTBR0_EL1	ARM64_SYS_REG(3, 0, 2, 0, 0)
#define TCR_EL1		ARM64_SYS_REG(3, 0, 2, 0, 2)
#define MAIR_EL1	ARM64_SYS_REG(3, 0, 10, 2, 0)

/* The first GiB, as it is: a block that was accessed, inner shareable, attribute 0. */
#define BLOCK		(1ULL | 3 << 8 | 1 << 10)
/* 39 bits in pages of 4 KiB, walked through the caches; nothing in the upper half; to 40 bits. */
#define TCR		(25ULL | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2ULL << 32)
/* What is always set, MMU, caches. */
#define SCTLR		(0x30d00800ULL | 1 << 0 | 1 << 2 | 1 << 12)

/*
 * A CPU without MMU goes past the caches, which ours does not: neither would see what the
 * other has written.
 */
static void mmu_on(struct machine *m)
{
	m->tables = page_with(PROT_READ | PROT_WRITE);
	*(uint64_t *)m->tables = BLOCK;
	machine_memory(m, 2, TABLES, m->tables, PAGE);
	set(m, MAIR_EL1, 0xff);
	set(m, TCR_EL1, TCR);
	set(m, TTBR0_EL1, TABLES);
	set(m, SCTLR_EL1, SCTLR);
}

void processor_set(struct machine *m, uint8_t *code)
{
	struct kvm_vcpu_init init;

	succeeds(sys(ioctl(m->vm, KVM_ARM_PREFERRED_TARGET, &init)));
	succeeds(sys(ioctl(m->cpu, KVM_ARM_VCPU_INIT, &init)));
	mmu_on(m);
	set(m, CORE(regs[0]), DATA + PAGE);
	set(m, CORE(pc), 0);
	memcpy(code, loop, sizeof(loop));
}

#endif
