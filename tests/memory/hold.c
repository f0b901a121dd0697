// SPDX-License-Identifier: GPL-2.0-only
/*
 * E9: every way in which user space may try to keep its access to a buffer beyond
 * the revoke: by pinning pages, by copies and other descriptors, by changes of the
 * mapping. Each is impossible, or the revoke gets at it.
 */
#include <linux/futex.h>
#include <linux/if_alg.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "life.h"

/* mseal(), the same on every architecture; older libraries lack it. */
#define SYS_MSEAL 462

#define LENGTH MAPPED_LENGTH
#define MARK MAPPED_MARK

/* The end of each case: the memory is released and the CPU is out. */
static void nothing_survives(struct mapped *m)
{
	mapped_revoke(m);
	mapped_free(m);
}

/* --- pinning, which no mapping of a buffer allows ------------------------- */

CASE(hold, E9_vmsplice_is_EFAULT)
{
	struct mapped m = mapped_new(0);
	struct iovec iov = { m.memory, PAGE };
	int ends[2];

	succeeds(sys(pipe2(ends, O_CLOEXEC | O_NONBLOCK)));
	fails(sys(vmsplice(ends[1], &iov, 1, 0)), EFAULT);
	fails(sys(vmsplice(ends[1], &iov, 1, SPLICE_F_GIFT)), EFAULT);
	close(ends[0]);
	close(ends[1]);
	nothing_survives(&m);
}

CASE(hold, E9_process_vm_readv_and_writev_are_EFAULT)
{
	struct mapped m = mapped_new(0);
	uint8_t copy[16] = {};
	struct iovec local = { copy, sizeof(copy) };
	struct iovec remote = { m.memory, sizeof(copy) };

	/* From ordinary memory it always succeeds. */
	if (sys(process_vm_readv(getpid(), &local, 1, &local, 1, 0)) < 0)
		skip("no process_vm_readv(): CONFIG_CROSS_MEMORY_ATTACH=y");
	fails(sys(process_vm_readv(getpid(), &local, 1, &remote, 1, 0)), EFAULT);
	fails(sys(process_vm_writev(getpid(), &local, 1, &remote, 1, 0)),
	      EFAULT);
	equal(m.memory[0], MARK);
	nothing_survives(&m);
}

CASE(hold, E9_proc_self_mem_is_EIO)
{
	struct mapped m = mapped_new(0);
	int mem = succeeds(sys(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
	char byte = 0;

	fails(sys(pread(mem, &byte, 1, (uintptr_t)m.memory)), EIO);
	fails(sys(pwrite(mem, &byte, 1, (uintptr_t)m.memory)), EIO);
	equal(m.memory[0], MARK);
	close(mem);
	nothing_survives(&m);
}

static int is_traced(struct child *self, void *arg)
{
	(void)self;
	(void)arg;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		return 1;
	raise(SIGSTOP);
	return 0;
}

CASE(hold, E9_ptrace_peek_and_poke_are_EIO)
{
	struct mapped m = mapped_new(0);
	struct child child = child_start(is_traced, NULL);
	int status;

	equal(waitpid(child.pid, &status, 0), child.pid);
	holds(WIFSTOPPED(status));
	fails(sys(ptrace(PTRACE_PEEKDATA, child.pid, m.memory, NULL)), EIO);
	fails(sys(ptrace(PTRACE_POKEDATA, child.pid, m.memory, NULL)), EIO);
	succeeds(sys(ptrace(PTRACE_CONT, child.pid, NULL, NULL)));
	equal(child_end(&child), 0);
	equal(m.memory[0], MARK);
	nothing_survives(&m);
}

CASE(hold, E9_io_uring_buffer_is_EFAULT)
{
	struct mapped m = mapped_new(0);
	struct io_uring_params params = {};
	struct iovec iov = { m.memory, LENGTH };
	int ring = sys(syscall(SYS_io_uring_setup, 1, &params));

	if (ring < 0)
		skip("no io_uring: CONFIG_IO_URING=y, kernel.io_uring_disabled=0");
	fails(sys(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS,
			  &iov, 1)), EFAULT);
	close(ring);
	nothing_survives(&m);
}

/* Some disk, to be read from only; -ENOENT: there is none. */
static int open_disk_directly(void)
{
	static const char * const names[] = {
		"vda", "sda", "nvme0n1", "mmcblk0", "xvda", "sr0",
	};
	char path[32];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd;

		snprintf(path, sizeof(path), "/dev/%s", names[i]);
		fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -ENOENT;
}

CASE(hold, E9_direct_io_is_EFAULT)
{
	struct mapped m = mapped_new(0);
	int disk = open_disk_directly();

	if (disk == -ENOENT)
		skip("no disk that can be read with O_DIRECT");
	fails(sys(pread(disk, m.memory, PAGE, 0)), EFAULT);
	equal(m.memory[0], MARK);
	close(disk);
	nothing_survives(&m);
}

CASE(hold, E9_crypto_socket_is_EFAULT)
{
	const struct sockaddr_alg name = {
		.salg_family = AF_ALG,
		.salg_type = "hash",
		.salg_name = "sha256",
	};
	struct mapped m = mapped_new(0);
	int hash, sock = sys(socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));

	if (sock == -EAFNOSUPPORT ||
	    bind(sock, (const struct sockaddr *)&name, sizeof(name)))
		skip("no hashes by AF_ALG: CONFIG_CRYPTO_USER_API_HASH");
	hash = succeeds(sys(accept4(sock, NULL, NULL, SOCK_CLOEXEC)));
	fails(sys(send(hash, m.memory, LENGTH, MSG_MORE)), EFAULT);
	close(hash);
	close(sock);
	nothing_survives(&m);
}

CASE(hold, E9_futex_in_a_mapping_is_EFAULT)
{
	struct mapped m = mapped_new(0);

	fails(sys(syscall(SYS_futex, m.memory, FUTEX_WAKE, 1, NULL, NULL, 0)),
	      EFAULT);
	nothing_survives(&m);
}

/* --- copies and other descriptors ----------------------------------------- */

CASE(hold, E9_system_call_that_copies_is_EFAULT_after_the_revoke)
{
	struct mapped m = mapped_new(0);
	int zero = succeeds(dr_open("/dev/zero"));
	int ends[2];

	succeeds(sys(pipe2(ends, O_CLOEXEC | O_NONBLOCK)));
	equal(read(zero, m.memory, LENGTH), LENGTH);
	equal(write(ends[1], m.memory, PAGE), PAGE);
	revoke_fully(m.buffer.id);
	fails(sys(read(zero, m.memory, 1)), EFAULT);
	fails(sys(write(ends[1], m.memory, 1)), EFAULT);
	close(ends[0]);
	close(ends[1]);
	close(zero);
	mapped_free(&m);
}

CASE(hold, E9_descriptor_cannot_be_read_written_or_spliced)
{
	struct mapped m = mapped_new(0);
	char byte = 0;
	int ends[2];

	succeeds(sys(pipe2(ends, O_CLOEXEC | O_NONBLOCK)));
	fails(sys(read(m.buffer.fd, &byte, 1)), EINVAL);
	fails(sys(write(m.buffer.fd, &byte, 1)), EINVAL);
	fails(sys(splice(m.buffer.fd, NULL, ends[1], NULL, 1, 0)), EINVAL);
	fails(sys(sendfile(ends[1], m.buffer.fd, NULL, 1)), EINVAL);
	close(ends[0]);
	close(ends[1]);
	nothing_survives(&m);
}

CASE(hold, E9_descriptor_cannot_be_opened_anew)
{
	struct mapped m = mapped_new(0);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", m.buffer.fd);
	fails(sys(open(path, O_RDWR | O_CLOEXEC)), ENXIO);
	nothing_survives(&m);
}

static int reads_after_the_revoke(struct child *self, void *arg)
{
	uint8_t *memory = arg;

	if (memory[PAGE] != MARK)
		return 1;
	child_waits(self);
	return fault_on_read(memory) == SIGBUS &&
		fault_on_write(memory + PAGE) == SIGBUS ? 0 : 2;
}

/* fork() copies page tables of such mappings. */
CASE(hold, E9_touched_mapping_inherited_by_fork_is_zapped)
{
	struct mapped m = mapped_new(0);
	struct child child = child_start(reads_after_the_revoke, m.memory);

	child_is_waiting(&child);
	revoke_fully(m.buffer.id);
	child_go_on(&child);
	equal(child_end(&child), 0);
	mapped_free(&m);
}

/* --- changes of the mapping ----------------------------------------------- */

CASE(hold, E9_moved_mapping_is_zapped)
{
	struct mapped m = mapped_new(0);
	uint8_t *old = m.memory;
	void *there = mmap(NULL, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	holds(there != MAP_FAILED);
	m.memory = mremap(old, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED,
			  there);
	holds(m.memory == there, "mremap: %s", strerrorname_np(errno));
	equal(m.memory[LENGTH - 1], MARK);
	equal(fault_on_read(old), SIGSEGV);
	nothing_survives(&m);
}

static int try_mremap(void *memory, size_t from, size_t to, int flags)
{
	return mremap(memory, from, to, flags) == MAP_FAILED ? -errno : 0;
}

CASE(hold, E9_mapping_cannot_grow_or_be_doubled)
{
	struct mapped m = mapped_new(0);

	fails(try_mremap(m.memory, LENGTH, 2 * LENGTH, MREMAP_MAYMOVE), EFAULT);
	fails(try_mremap(m.memory, 0, LENGTH, MREMAP_MAYMOVE), EFAULT);
	fails(try_mremap(m.memory, LENGTH, LENGTH,
			 MREMAP_MAYMOVE | MREMAP_DONTUNMAP), EINVAL);
	nothing_survives(&m);
}

CASE(hold, E9_shrunk_and_split_mapping_is_zapped)
{
	struct mapped m = mapped_new(0);

	cpu_unmap(m.memory + PAGE, PAGE);
	holds(mremap(m.memory + 2 * PAGE, 2 * PAGE, PAGE, 0) !=
	      MAP_FAILED);
	revoke_fully(m.buffer.id);
	equal(fault_on_read(m.memory), SIGBUS);
	equal(fault_on_read(m.memory + PAGE), SIGSEGV);
	equal(fault_on_write(m.memory + 2 * PAGE), SIGBUS);
	equal(fault_on_read(m.memory + 3 * PAGE), SIGSEGV);
	mapped_free(&m);
}

CASE(hold, E9_mprotect_brings_nothing_back)
{
	struct mapped m = mapped_new(0);

	succeeds(sys(mprotect(m.memory, LENGTH, PROT_READ)));
	equal(fault_on_write(m.memory), SIGSEGV);
	succeeds(sys(mprotect(m.memory, LENGTH, PROT_READ | PROT_WRITE)));
	equal(m.memory[0], MARK);
	succeeds(sys(mprotect(m.memory, LENGTH, PROT_NONE)));
	revoke_fully(m.buffer.id);
	equal(fault_on_read(m.memory), SIGSEGV);
	succeeds(sys(mprotect(m.memory, LENGTH, PROT_READ | PROT_WRITE)));
	mapped_gives(m.memory, SIGBUS);
	mapped_free(&m);
}

static int seals_and_looks(struct child *self, void *arg)
{
	struct mapped *m = arg;

	if (syscall(SYS_MSEAL, m->memory, LENGTH, 0))
		return 77;
	child_waits(self);
	return fault_on_read(m->memory) == SIGBUS ? 0 : 1;
}

/* Which nobody can unmap; in a child, since neither could we. */
CASE(hold, E9_sealed_mapping_is_zapped)
{
	struct mapped m = mapped_new(0);
	struct child child = child_start(seals_and_looks, &m);
	struct pollfd pollfd = { .fd = child.from, .events = POLLIN };

	succeeds(sys(poll(&pollfd, 1, -1)));
	if (!(pollfd.revents & POLLIN)) {
		equal(child_end(&child), 77);
		skip("no mseal(): Linux 6.10");
	}
	child_is_waiting(&child);
	revoke_fully(m.buffer.id);
	child_go_on(&child);
	equal(child_end(&child), 0);
	mapped_free(&m);
}

CASE(hold, E9_page_that_replaced_part_of_a_mapping_is_spared)
{
	struct mapped m = mapped_new(0);
	uint8_t *own = mmap(m.memory + PAGE, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	holds(own == m.memory + PAGE);
	equal(own[0], 0);
	own[0] = 1;
	revoke_fully(m.buffer.id);
	equal(fault_on_read(m.memory), SIGBUS);
	equal(own[0], 1);
	equal(fault_on_read(m.memory + 2 * PAGE), SIGBUS);
	mapped_free(&m);
}

CASE(hold, E9_mlock_and_populate_hold_nothing)
{
	struct mapped m = mapped_new(0);
	uint8_t *populated = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_POPULATE, m.buffer.fd, 0);

	holds(populated != MAP_FAILED);
	succeeds(sys(mlock(m.memory, LENGTH)));
	equal(populated[0], MARK);
	revoke_fully(m.buffer.id);
	mapped_gives(populated, SIGBUS);
	mapped_gives(m.memory, SIGBUS);
	cpu_unmap(populated, LENGTH);
	mapped_free(&m);
}

/* What advice may do to memory that can be reclaimed it must not do here. */
CASE(hold, E9_madvise_neither_drops_nor_keeps)
{
	static const struct {
		const char *name;
		int advice;
		int error;
	} rows[] = {
		{ "DONTNEED", MADV_DONTNEED, EINVAL },
		{ "FREE", MADV_FREE, EINVAL },
		{ "REMOVE", MADV_REMOVE, ENODEV },
		{ "COLD", MADV_COLD, EINVAL },
		{ "PAGEOUT", MADV_PAGEOUT, EINVAL },
		{ "POPULATE_READ", MADV_POPULATE_READ, EINVAL },
		{ "POPULATE_WRITE", MADV_POPULATE_WRITE, EINVAL },
		{ "DODUMP", MADV_DODUMP, EINVAL },
		{ "DOFORK", MADV_DOFORK, EINVAL },
		{ "WIPEONFORK", MADV_WIPEONFORK, EINVAL },
	};
	struct mapped m = mapped_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		row_gives(rows[i].name,
			  sys(madvise(m.memory, LENGTH, rows[i].advice)),
			  rows[i].error);
	for (uint64_t i = 0; i < LENGTH; i++)
		equal(m.memory[i], MARK);
	nothing_survives(&m);
}

CASE(hold, E9_userfaultfd_is_EINVAL)
{
	static const uint64_t modes[] = {
		UFFDIO_REGISTER_MODE_MISSING, UFFDIO_REGISTER_MODE_WP,
		UFFDIO_REGISTER_MODE_MINOR,
	};
	struct mapped m = mapped_new(0);
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = sys(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));

	if (uffd < 0)
		skip("no userfaultfd: CONFIG_USERFAULTFD=y");
	succeeds(sys(ioctl(uffd, UFFDIO_API, &api)));
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct uffdio_register arg = {
			.range = { (uintptr_t)m.memory, LENGTH },
			.mode = modes[i],
		};

		fails(sys(ioctl(uffd, UFFDIO_REGISTER, &arg)), EINVAL);
	}
	close(uffd);
	nothing_survives(&m);
}
