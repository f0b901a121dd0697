// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPU's mappings: those of a thread, moved, cut, and touched whatever they are, and
 * the windows of a process, which any thread replaces while others use them.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "program.h"

#define MOST (256 * 1024UL)

static __thread sigjmp_buf escape;
/* What ends an access: faults, or any signal, since a fault may wait for a fence. */
static __thread volatile enum { NOTHING, FAULTS, SIGNALS } ends;

static void on_signal(int number)
{
	bool fault = number == SIGBUS || number == SIGSEGV;

	if (ends == SIGNALS || (ends == FAULTS && fault))
		siglongjmp(escape, number);
	if (fault)
		signal(number, SIG_DFL);
}

void fuzz_signals(void)
{
	/* No SA_RESTART: what waits is to end. */
	struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = SA_NODEFER,
	};

	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	action.sa_flags |= SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* 0, or the signal that the access ended with. */
#define ATTEMPT(what, access)						\
	({								\
		int number_ = sigsetjmp(escape, 0);			\
									\
		if (!number_) {						\
			ends = what;					\
			access;						\
		}							\
		ends = NOTHING;						\
		number_;						\
	})

int fuzz_peek(const void *from, uint64_t *value)
{
	return ATTEMPT(FAULTS, *value = *(const volatile uint64_t *)from);
}

int fuzz_poke(void *to, uint64_t value)
{
	/* In two registers of a CPU of 32 bits, which sigsetjmp() might not give back. */
	const volatile uint64_t kept = value;

	return ATTEMPT(FAULTS, *(volatile uint64_t *)to = kept);
}

/* -EFAULT: a fault; -EINTR: it took too long, or it was interrupted. */
static int touch(volatile char *at, bool write)
{
	int number = write ? ATTEMPT(SIGNALS, *at = 1) : ATTEMPT(SIGNALS, (void)*at);

	if (!number)
		return 0;
	return number == SIGBUS || number == SIGSEGV ? -EFAULT : -EINTR;
}

static void *reserve(size_t size)
{
	void *address = mmap(NULL, size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return address == MAP_FAILED ? NULL : address;
}

void fuzz_windows_create(struct fuzz_process *process)
{
	process->windows = reserve(FUZZ_WINDOWS * FUZZ_WINDOW_SIZE);
	if (!process->windows)
		abort();
}

/* Nobody gets a mapping of what is revoked. */
static void *map(struct fuzz_lane *lane, size_t length, int prot, int flags,
		 off_t offset)
{
	const struct fuzz_slot *from = fuzz_slot(lane, "fd");
	bool told = from && fuzz_is_revoked(lane->board, from->id, false);
	void *address = mmap(NULL, length, prot, flags, fuzz_fd(lane, "fd"), offset);

	if (address == MAP_FAILED)
		return NULL;
	if (told)
		fuzz_wrong(lane, "success, but the buffer is revoked");
	return address;
}

long fuzz_mmap(struct fuzz_lane *lane)
{
	const struct fuzz_slot *from = fuzz_slot(lane, "fd");
	size_t length = fuzz_number(lane, "length");
	bool private = fuzz_number(lane, "private");
	struct fuzz_mapping *mapping;
	char *address;

	address = map(lane, length, (int)fuzz_number(lane, "prot") & 3,
		      private ? MAP_PRIVATE : MAP_SHARED,
		      fuzz_number(lane, "offset") * FUZZ_PAGE);
	if (!address)
		return -errno;
	mapping = fuzz_mapping(lane, "out");
	if (!mapping)
		return munmap(address, length) ? -errno : 0;
	if (mapping->address)
		munmap(mapping->address, mapping->length);
	*mapping = (struct fuzz_mapping){ address, length, from ? from->id : 0 };
	return 0;
}

long fuzz_munmap(struct fuzz_lane *lane)
{
	struct fuzz_mapping *mapping = fuzz_mapping(lane, "at");
	size_t length = fuzz_number(lane, "length");

	if (!mapping || !mapping->address)
		return -EINVAL;
	/* Of a part, the rest stays. */
	if (length > mapping->length)
		length = mapping->length;
	if (munmap(mapping->address, length))
		return -errno;
	length = (length + FUZZ_PAGE - 1) & -FUZZ_PAGE;
	mapping->address += length;
	mapping->length -= length < mapping->length ? length : mapping->length;
	if (!mapping->length)
		mapping->address = NULL;
	return 0;
}

long fuzz_mremap(struct fuzz_lane *lane)
{
	struct fuzz_mapping *mapping = fuzz_mapping(lane, "at");
	bool move = fuzz_number(lane, "flags") & MREMAP_MAYMOVE;
	size_t length = fuzz_number(lane, "length");
	char *address, *to = NULL;

	if (!mapping || !mapping->address || !length || length > MOST)
		return -EINVAL;
	/* What may move does. If it cannot, what is at @to by then may be another thread's. */
	if (move)
		to = reserve(length);
	address = mremap(mapping->address, mapping->length, length,
			 to ? MREMAP_MAYMOVE | MREMAP_FIXED : 0, to);
	if (address == MAP_FAILED)
		return -errno;
	mapping->address = address;
	mapping->length = length;
	return 0;
}

long fuzz_madvise(struct fuzz_lane *lane)
{
	struct fuzz_mapping *mapping = fuzz_mapping(lane, "at");
	unsigned int advice = fuzz_number(lane, "advice") % 32;

	if (!mapping || !mapping->address)
		return -EINVAL;
	return madvise(mapping->address, mapping->length, advice) ? -errno : 0;
}

/* Whether the CPU must not reach this. */
static bool is_gone(struct fuzz_lane *lane, const struct fuzz_mapping *mapping)
{
	return fuzz_is_revoked(lane->board, mapping->id, false) &&
	       !atomic_load(&fuzz_fact(lane->board, mapping->id)->zero_page);
}

static void check_gone(struct fuzz_lane *lane, const struct fuzz_mapping *mapping,
		       const char *who, bool gone)
{
	if (gone)
		fuzz_wrong(lane, "%s reaches buffer %llu, which is revoked", who,
			   (unsigned long long)mapping->id);
}

long fuzz_touch(struct fuzz_lane *lane)
{
	struct fuzz_mapping *mapping = fuzz_mapping(lane, "at");
	uint64_t offset = fuzz_number(lane, "offset");
	bool gone;
	int result;

	if (!mapping || !mapping->address)
		return -EINVAL;
	gone = is_gone(lane, mapping);
	result = touch(mapping->address + offset % mapping->length,
		       fuzz_number(lane, "write") & 1);
	check_gone(lane, mapping, "the CPU", gone && !result);
	return result;
}

/* The kernel reads and writes there on our behalf, and gets the fault. */
long fuzz_kernel_touch(struct fuzz_lane *lane)
{
	struct fuzz_mapping *mapping = fuzz_mapping(lane, "at");
	uint64_t word = 0;
	ssize_t from, to;
	int fds[2], error;
	bool gone;

	if (!mapping || !mapping->address)
		return -EINVAL;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	gone = is_gone(lane, mapping);
	from = write(fds[1], mapping->address, FUZZ_PAGE);
	error = from < 0 ? errno : 0;
	to = write(fds[1], &word, sizeof(word));
	if (to > 0)
		to = read(fds[0], mapping->address +
			  fuzz_number(lane, "offset") % FUZZ_PAGE / 8 * 8, sizeof(word));
	if (to < 0 && !error)
		error = errno;
	check_gone(lane, mapping, "the kernel", gone && (from > 0 || to > 0));
	close(fds[0]);
	close(fds[1]);
	return -error;
}

static char *window(struct fuzz_lane *lane)
{
	return lane->process->windows +
	       fuzz_number(lane, "window") % FUZZ_WINDOWS * FUZZ_WINDOW_SIZE;
}

/* In a way that cannot leave a hole for somebody else's mapping. */
long fuzz_window_map(struct fuzz_lane *lane)
{
	const struct fuzz_slot *from = fuzz_slot(lane, "fd");
	char *address, *to = window(lane);
	size_t length;

	if (!from || from->fd < 0)
		return mmap(to, FUZZ_WINDOW_SIZE, PROT_NONE, MAP_PRIVATE |
			    MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
		       MAP_FAILED ? -errno : 0;
	length = from->length < FUZZ_WINDOW_SIZE ? from->length : FUZZ_WINDOW_SIZE;
	/* What a thread keeps is not written to by others. */
	address = map(lane, length, PROT_READ |
		      (fuzz_number(lane, "write") & 1 ? PROT_WRITE : 0), MAP_SHARED, 0);
	if (!address)
		return -errno;
	if (mremap(address, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
	    MAP_FAILED) {
		int error = errno;

		munmap(address, length);
		return -error;
	}
	return 0;
}

long fuzz_window_touch(struct fuzz_lane *lane)
{
	uint64_t offset = fuzz_number(lane, "offset");

	return touch(window(lane) + offset % FUZZ_WINDOW_SIZE,
		     fuzz_number(lane, "write") & 1);
}
