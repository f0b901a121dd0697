// SPDX-License-Identifier: GPL-2.0-only
/*
 * The numbers of the binary interface. Programs that were compiled against the
 * first release go on using them: a number may be added here, never changed.
 */
#include <signal.h>
#include <sys/mman.h>

#include "common.h"

TestSuite(abi, .timeout = 60);

#define SIZE(name, bytes) { #name, sizeof(struct dmabuf_revoke_##name), bytes }
#define AT(name, member, bytes)						\
	{								\
		#name "." #member,					\
		offsetof(struct dmabuf_revoke_##name, member), bytes	\
	}
#define NUMBER(name, value) { #name, DMABUF_REVOKE_##name, value }

struct row {
	const char *name;
	unsigned long have;
	unsigned long want;
};

static void expect_all(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_expect(rows[i].have == rows[i].want, "%s is %#lx, was %#lx",
			  rows[i].name, rows[i].have, rows[i].want);
}

Test(abi, sizes_of_structures)
{
	static const struct row rows[] = {
		SIZE(exporter_info, 48), SIZE(list, 24), SIZE(importer_info, 40),
		SIZE(map, 16), SIZE(unmap, 8), SIZE(submit, 64), SIZE(wait, 64),
		SIZE(event, 32),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}

Test(abi, last_members_of_structures)
{
	static const struct row rows[] = {
		AT(exporter_info, features, 40), AT(list, count, 20),
		AT(importer_info, features, 32), AT(map, reserved, 12),
		AT(unmap, flags, 4), AT(submit, job, 56), AT(wait, ended_ns, 56),
		AT(event, job, 24),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}

Test(abi, numbers_of_ioctls)
{
	static const struct row rows[] = {
		NUMBER(IOC_EXPORTER_INFO, 0xdb00), NUMBER(IOC_ALLOC, 0xdb01),
		NUMBER(IOC_REVOKE, 0xdb02), NUMBER(IOC_QUERY, 0xdb03),
		NUMBER(IOC_LIST, 0xdb04), NUMBER(IOC_IMPORTER_INFO, 0xdb40),
		NUMBER(IOC_ATTACH, 0xdb41), NUMBER(IOC_MAP, 0xdb60),
		NUMBER(IOC_UNMAP, 0xdb61), NUMBER(IOC_SUBMIT, 0xdb62),
		NUMBER(IOC_WAIT, 0xdb63), NUMBER(IOC_STATUS, 0xdb64),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}

Test(abi, numbers_of_constants)
{
	static const struct row rows[] = {
		NUMBER(ABI_VERSION, 1), NUMBER(FOREVER, ~0UL),
		NUMBER(STATE_LIVE, 0), NUMBER(STATE_REVOKING, 1),
		NUMBER(STATE_REVOKED, 2), NUMBER(FEATURE_REVOCABLE_TEST, 1),
		NUMBER(ALLOC_ACCEPT_LEGACY, 1), NUMBER(QUERY_BY_FD, 1),
		NUMBER(KIND_DYNAMIC, 0), NUMBER(KIND_PINNED, 1),
		NUMBER(KIND_LEGACY_STATIC, 2), NUMBER(KIND_LEGACY_RDMA, 3),
		NUMBER(ATTACH_DEFER_UNMAP, 1), NUMBER(BIDIRECTIONAL, 0),
		NUMBER(TO_DEVICE, 1), NUMBER(FROM_DEVICE, 2),
		NUMBER(OP_READ, 0), NUMBER(OP_WRITE, 1), NUMBER(OP_COPY, 2),
		NUMBER(SUBMIT_STREAM, 1), NUMBER(SUBMIT_FENCE_FD, 2),
		NUMBER(SUBMIT_BOOKKEEP, 4), NUMBER(ATTACHMENT_IDLE, 0),
		NUMBER(ATTACHMENT_MAPPED, 1), NUMBER(ATTACHMENT_INVALIDATED, 2),
		NUMBER(ATTACHMENT_DEAD, 3), NUMBER(EVENT_MAPPED, 1),
		NUMBER(EVENT_INVALIDATED, 2), NUMBER(EVENT_UNMAPPED, 3),
		NUMBER(EVENT_JOB_DONE, 4),
	};

	expect_all(rows, ARRAY_SIZE(rows));
}

#ifdef __x86_64__

/* An ioctl as a 32-bit program makes it, from its own entry into the kernel. */
static int ioctl_32(int fd, unsigned long request, void *arg)
{
	const int nr_ioctl = 54;
	int result;

	asm volatile("int $0x80"
		     : "=a" (result)
		     : "0" (nr_ioctl), "b" (fd), "c" (request), "d" (arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static void on_fault(int sig)
{
	(void)sig;
	_exit(ENOTSUP);
}

/* Where the kernel has no such entry it is a fault. */
static int try_info_32(void *arg)
{
	signal(SIGSEGV, on_fault);
	return ioctl_32(exporter, DMABUF_REVOKE_IOC_EXPORTER_INFO, arg);
}

static void *low_page(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	cr_assert(page != MAP_FAILED);
	return page;
}

CASE(abi, same_layout_for_32_bit_programs)
{
	struct dmabuf_revoke_alloc *alloc = low_page();
	struct dmabuf_revoke_attach *attach_arg = (void *)(alloc + 1);
	struct dmabuf_revoke_status *status_arg = (void *)(attach_arg + 1);
	struct dmabuf_revoke_exporter_info *info = (void *)(status_arg + 1);

	info->size = sizeof(*info);
	if (in_child(try_info_32, info) == -ENOTSUP)
		cr_skip("no 32-bit system calls: CONFIG_IA32_EMULATION, ia32_emulation=1");
	succeeds(ioctl_32(exporter, DMABUF_REVOKE_IOC_EXPORTER_INFO, info));
	equal(info->page_size, PAGE);
	*alloc = (struct dmabuf_revoke_alloc){
		.size = sizeof(*alloc),
		.length = 3 * PAGE,
		.fd_flags = O_RDWR,
	};
	succeeds(ioctl_32(exporter, DMABUF_REVOKE_IOC_ALLOC, alloc));
	equal(query_fd(alloc->fd).id, alloc->id);
	*attach_arg = (struct dmabuf_revoke_attach){
		.size = sizeof(*attach_arg),
		.dmabuf_fd = alloc->fd,
		.kind = DMABUF_REVOKE_KIND_PINNED,
	};
	succeeds(ioctl_32(importer, DMABUF_REVOKE_IOC_ATTACH, attach_arg));
	equal(attach_arg->length, 3 * PAGE);
	status_arg->size = sizeof(*status_arg);
	succeeds(ioctl_32(attach_arg->fd, DMABUF_REVOKE_IOC_STATUS, status_arg));
	equal(status_arg->pinned, 1);
	close(attach_arg->fd);
	close(alloc->fd);
	cpu_unmap(alloc, PAGE);
}

#endif
