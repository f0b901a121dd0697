// SPDX-License-Identifier: GPL-2.0-only
/* Programs of another word size. abi/layout.txt has the numbers of the interface. */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "common.h"

#ifdef __x86_64__
#define LOW MAP_32BIT

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
#else
#define LOW 0

/* The only one that there is. */
static int ioctl_32(int fd, unsigned long request, void *arg)
{
	return sys(ioctl(fd, request, arg));
}
#endif

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
			  MAP_PRIVATE | MAP_ANONYMOUS | LOW, -1, 0);

	holds(page != MAP_FAILED);
	return page;
}

CASE(word_size, same_layout_for_32_bit_programs)
{
	struct dmabuf_revoke_alloc *alloc = low_page();
	struct dmabuf_revoke_attach *attach_arg = (void *)(alloc + 1);
	struct dmabuf_revoke_status *status_arg = (void *)(attach_arg + 1);
	struct dmabuf_revoke_exporter_info *info = (void *)(status_arg + 1);

	info->size = sizeof(*info);
	if (in_child(try_info_32, info) == -ENOTSUP)
		skip("no 32-bit system calls: CONFIG_IA32_EMULATION, ia32_emulation=1");
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

/* No part of an address is ignored, also of one that is wider than the program's own. */
CASE(word_size, all_bits_of_an_address_count)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	uint64_t *ids = page_with(PROT_READ | PROT_WRITE);
	struct dmabuf_revoke_list list = {
		.size = sizeof(list),
		.ids = (uintptr_t)ids,
		.capacity = PAGE / sizeof(*ids),
	};

	succeeds(sys(ioctl(exporter, DMABUF_REVOKE_IOC_LIST, &list)));
	for (int bit = 32; bit < 64; bit++) {
		list.ids = (uintptr_t)ids ^ 1ULL << bit;
		if (sizeof(void *) > 4 && bit < 47)
			continue; /* may be an address of the program's */
		fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_LIST, &list)),
		      EFAULT);
	}
	cpu_unmap(ids, PAGE);
	close(buffer.fd);
}
