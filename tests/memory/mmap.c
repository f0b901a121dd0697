// SPDX-License-Identifier: GPL-2.0-only
/* The CPU's access to a buffer: mmap and DMA_BUF_IOCTL_SYNC. */
#include <linux/dma-buf.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "common.h"

/* <asm/mman.h> and <asm/hwcap.h> of arm64. No other architecture has that bit in AT_HWCAP2. */
#ifndef PROT_MTE
#define PROT_MTE	0x20
#endif
#ifndef HWCAP2_MTE
#define HWCAP2_MTE	0x40000
#endif

static const uint64_t lengths[] = { 1, 4 * KIB, 68 * KIB, 16 * MIB };

/* The length as it is mapped: whole pages. */
static uint64_t whole(uint64_t length)
{
	return (length + PAGE - 1) / PAGE * PAGE;
}

static void cpu_writes_reach_the_device(uint64_t length)
{
	struct buffer buffer = buffer_alloc(length, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, whole(length));

	fill_noise(memory, length, length);
	equal(device_crc(att, 0, length), crc32(memory, length));
	/* A control: one bit makes the difference. */
	cpu_begins(buffer.fd);
	memory[length / 2] ^= 1;
	cpu_ends(buffer.fd);
	equal(device_crc(att, 0, length), crc32(memory, length));
	cpu_unmap(memory, whole(length));
	close(att);
	close(buffer.fd);
}

CASE(mmap, cpu_writes_reach_the_device)
{
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		cpu_writes_reach_the_device(lengths[i]);
}

static void device_writes_reach_the_cpu(uint64_t length)
{
	struct buffer buffer = buffer_alloc(length, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, whole(length));
	uint64_t job = submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = length,
		.pattern = 0x0807060504030201,
	});
	uint64_t i = 0;

	collect_ok(att, job);
	cpu_begins(buffer.fd);
	while (i < length && memory[i] == i % 8 + 1)
		i++;
	equal(i, length);
	/* What rounding added does not belong to the range. */
	while (i < whole(length) && !memory[i])
		i++;
	equal(i, whole(length));
	cpu_ends(buffer.fd);
	cpu_unmap(memory, whole(length));
	close(att);
	close(buffer.fd);
}

CASE(mmap, device_writes_reach_the_cpu)
{
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		device_writes_reach_the_cpu(lengths[i]);
}

CASE(mmap, two_mappings_show_the_same_memory)
{
	struct buffer buffer = buffer_alloc(2 * PAGE, 0);
	char *a = cpu_map(buffer.fd, 2 * PAGE);
	char *b = cpu_map(buffer.fd, 2 * PAGE);

	a[PAGE] = 42;
	equal(b[PAGE], 42);
	cpu_unmap(a, 2 * PAGE);
	cpu_unmap(b, 2 * PAGE);
	close(buffer.fd);
}

CASE(mmap, part_of_a_buffer_at_an_offset)
{
	const uint64_t length = 5 * PAGE;
	struct buffer buffer = buffer_alloc(length, 0);
	uint8_t *all = cpu_map(buffer.fd, length);
	uint8_t *part = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, buffer.fd,
			     2 * PAGE);

	holds(part != MAP_FAILED);
	fill_noise(all, length, 7);
	holds(!memcmp(part, all + 2 * PAGE, 2 * PAGE));
	revoke_fully(buffer.id);
	equal(fault_on_read(part), SIGBUS);
	equal(fault_on_read(part + PAGE), SIGBUS);
	cpu_unmap(part, 2 * PAGE);
	cpu_unmap(all, length);
	close(buffer.fd);
}

static int try_mmap(int fd, uint64_t length, int prot, int flags,
		    uint64_t offset)
{
	void *address = mmap(NULL, length, prot, flags, fd, offset);

	if (address == MAP_FAILED)
		return -errno;
	cpu_unmap(address, length);
	return 0;
}

CASE(mmap, beyond_the_end_is_EINVAL)
{
	struct buffer buffer = buffer_alloc(2 * PAGE, 0);

	fails(try_mmap(buffer.fd, 3 * PAGE, PROT_READ, MAP_SHARED, 0), EINVAL);
	fails(try_mmap(buffer.fd, 2 * PAGE, PROT_READ, MAP_SHARED, PAGE),
	      EINVAL);
	fails(try_mmap(buffer.fd, PAGE, PROT_READ, MAP_SHARED, 2 * PAGE),
	      EINVAL);
	close(buffer.fd);
}

CASE(mmap, private_mapping_is_EINVAL)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	fails(try_mmap(buffer.fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0),
	      EINVAL);
	fails(try_mmap(buffer.fd, PAGE, PROT_READ, MAP_PRIVATE, 0), EINVAL);
	close(buffer.fd);
}

/* The core would have to know of the pages, whose tags an exporter's page tables do not set up. */
CASE(mmap, tagged_mapping_is_EINVAL)
{
	const int prot = PROT_READ | PROT_WRITE | PROT_MTE;
	struct buffer buffer = buffer_alloc(PAGE, 0);
	void *memory;

	if (!(getauxval(AT_HWCAP2) & HWCAP2_MTE))
		skip("no memory with tags: a CPU of arm64 with MTE (QEMU: -M virt,mte=on)");
	memory = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	holds(memory != MAP_FAILED);
	cpu_unmap(memory, PAGE);
	fails(try_mmap(buffer.fd, PAGE, prot, MAP_SHARED, 0), EINVAL);
	memory = cpu_map(buffer.fd, PAGE);
	fails(sys(mprotect(memory, PAGE, prot)), EINVAL);
	cpu_unmap(memory, PAGE);
	close(buffer.fd);
}

CASE(mmap, write_through_a_read_only_descriptor_is_EACCES)
{
	struct dmabuf_revoke_alloc arg = {
		.size = sizeof(arg),
		.length = PAGE,
		.fd_flags = O_RDONLY | O_CLOEXEC,
	};
	void *memory;

	succeeds(sys(ioctl(exporter, DMABUF_REVOKE_IOC_ALLOC, &arg)));
	fails(try_mmap(arg.fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0),
	      EACCES);
	memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, arg.fd, 0);
	holds(memory != MAP_FAILED);
	equal(fault_on_write(memory), SIGSEGV);
	fails(sys(mprotect(memory, PAGE, PROT_READ | PROT_WRITE)), EACCES);
	cpu_unmap(memory, PAGE);
	close(arg.fd);
}

/* It binds CPU mappings only. */
CASE(mmap, read_only_descriptor_does_not_stop_a_device)
{
	struct dmabuf_revoke_alloc arg = {
		.size = sizeof(arg),
		.length = PAGE,
		.fd_flags = O_RDONLY | O_CLOEXEC,
	};
	uint8_t *memory;
	int att;

	succeeds(sys(ioctl(exporter, DMABUF_REVOKE_IOC_ALLOC, &arg)));
	memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, arg.fd, 0);
	holds(memory != MAP_FAILED);
	att = attach(arg.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	collect_ok(att, submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = PAGE,
		.pattern = 0x0101010101010101,
	}));
	succeeds(sync_cpu_access(arg.fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	equal(memory[PAGE - 1], 1);
	succeeds(sync_cpu_access(arg.fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	cpu_unmap(memory, PAGE);
	close(att);
	close(arg.fd);
}

/* Whether it may grow is not promised; that it shows no foreign memory is. */
CASE(mmap, grown_mapping_shows_nothing_beyond_the_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	char *memory = cpu_map(buffer.fd, PAGE);
	char *grown = mremap(memory, PAGE, 2 * PAGE, MREMAP_MAYMOVE);

	if (grown == MAP_FAILED) {
		equal(errno, EFAULT);
		cpu_unmap(memory, PAGE);
	} else {
		equal(fault_on_read(grown + PAGE), SIGBUS);
		cpu_unmap(grown, 2 * PAGE);
	}
	close(buffer.fd);
}

CASE(mmap, E3_after_revoke_is_ENODEV)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	succeeds(try_mmap(buffer.fd, PAGE, PROT_READ, MAP_SHARED, 0));
	revoke_fully(buffer.id);
	fails(try_mmap(buffer.fd, PAGE, PROT_READ, MAP_SHARED, 0), ENODEV);
	close(buffer.fd);
}

CASE(mmap, E3_E9_sync_after_revoke_is_ENODEV)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	succeeds(sync_cpu_access(buffer.fd,
				 DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	succeeds(sync_cpu_access(buffer.fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	revoke_fully(buffer.id);
	fails(sync_cpu_access(buffer.fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW),
	      ENODEV);
	close(buffer.fd);
}

CASE(mmap, E9_revoke_leaves_SIGBUS_on_every_page)
{
	const uint64_t pages = 20;
	struct buffer buffer = buffer_alloc(pages * PAGE, 0);
	char *memory = cpu_map(buffer.fd, pages * PAGE);

	/* The odd pages have been touched, so there is something to zap. */
	for (uint64_t i = 1; i < pages; i += 2)
		equal(fault_on_write(memory + i * PAGE), 0);
	revoke_fully(buffer.id);
	for (uint64_t i = 0; i < pages; i++) {
		equal(fault_on_read(memory + i * PAGE), SIGBUS);
		equal(fault_on_write(memory + i * PAGE), SIGBUS);
	}
	cpu_unmap(memory, pages * PAGE);
	close(buffer.fd);
}

CASE(mmap, E9_uncaught_SIGBUS_ends_the_process, .signal = SIGBUS)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	volatile char *memory = cpu_map(buffer.fd, PAGE);

	memory[0] = 1;
	revoke_fully(buffer.id);
	memory[0] = 2;
	holds(false, "the write went through");
}

CASE(mmap, E9_mapping_faults_while_a_blocker_is_left)
{
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
	int att = attach_mapped(buffer.fd,
				DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	char *memory = cpu_map(buffer.fd, PAGE);

	equal(fault_on_write(memory), 0);
	revoke_times_out(buffer.id, 0);
	equal(fault_on_read(memory), SIGBUS);
	cpu_unmap(memory, PAGE);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

CASE(mmap, E9_mapping_without_descriptors_is_zapped)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	char *memory = cpu_map(buffer.fd, PAGE);

	equal(fault_on_write(memory), 0);
	close(buffer.fd);
	equal(fault_on_read(memory), 0);
	close(owner);
	holds(eventually(is_gone, buffer.id));
	equal(fault_on_read(memory), SIGBUS);
	cpu_unmap(memory, PAGE);
}

static void wait_for_byte(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		_exit(EXIT_FAILURE);
}

CASE(mmap, E9_mapping_inherited_by_fork_is_zapped)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	char *memory = cpu_map(buffer.fd, PAGE);
	int ready[2], go[2], status;
	pid_t child;

	succeeds(sys(pipe2(ready, O_CLOEXEC)));
	succeeds(sys(pipe2(go, O_CLOEXEC)));
	child = succeeds(sys(fork()));
	if (!child) {
		if (fault_on_write(memory) || write(ready[1], "", 1) != 1)
			_exit(EXIT_FAILURE);
		wait_for_byte(go[0]);
		_exit(fault_on_read(memory));
	}
	close(ready[1]);
	wait_for_byte(ready[0]);
	revoke_fully(buffer.id);
	equal(write(go[1], "", 1), 1);
	equal(waitpid(child, &status, 0), child);
	holds(WIFEXITED(status));
	equal(WEXITSTATUS(status), SIGBUS);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	cpu_unmap(memory, PAGE);
	close(buffer.fd);
}

struct toucher {
	pthread_t thread;
	char *memory;
	uint64_t pages;
	atomic_ullong touches;
	int sig;
};

static void *touch_until_fault(void *arg)
{
	struct toucher *toucher = arg;

	for (uint64_t i = 0; !toucher->sig; i++) {
		toucher->sig = fault_on_write(toucher->memory +
					      i % toucher->pages * PAGE);
		atomic_fetch_add(&toucher->touches, 1);
	}
	return NULL;
}

/* Faults that race the zap: nobody may get a page in after it. */
CASE(mmap, E9_faults_race_the_zap)
{
	const uint64_t pages = 64;

	for (int round = 0; round < 10; round++) {
		struct buffer buffer = buffer_alloc(pages * PAGE, 0);
		char *memory = cpu_map(buffer.fd, pages * PAGE);
		struct toucher touchers[3] = {};

		for (size_t i = 0; i < ARRAY_SIZE(touchers); i++) {
			touchers[i].memory = memory;
			touchers[i].pages = pages;
			pthread_create(&touchers[i].thread, NULL,
				       touch_until_fault, &touchers[i]);
		}
		for (size_t i = 0; i < ARRAY_SIZE(touchers); i++)
			while (!atomic_load(&touchers[i].touches))
				sched_yield();
		revoke_fully(buffer.id);
		for (size_t i = 0; i < ARRAY_SIZE(touchers); i++) {
			pthread_join(touchers[i].thread, NULL);
			equal(touchers[i].sig, SIGBUS);
		}
		for (uint64_t i = 0; i < pages; i++)
			equal(fault_on_read(memory + i * PAGE), SIGBUS);
		cpu_unmap(memory, pages * PAGE);
		close(buffer.fd);
	}
}
