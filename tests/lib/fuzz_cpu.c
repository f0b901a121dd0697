// SPDX-License-Identifier: GPL-2.0-only
/* The CPU's mappings: of dma-bufs, moved, cut, and touched whatever they are. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"

#define MOST (256 * 1024UL)

static sigjmp_buf escape;
static volatile sig_atomic_t touching;

static void on_signal(int number)
{
	/* A fault that waits for a fence is left by the timer's signal. */
	if (touching)
		siglongjmp(escape, number);
	if (number == SIGALRM)
		return;
	signal(number, SIG_DFL);
	raise(number);
}

void fuzz_signals(void)
{
	/* No SA_RESTART: what waits is to end. */
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

long fuzz_mmap(struct fuzz_state *state, const struct fuzz_op *op)
{
	struct fuzz_slot *from = fuzz_slot(state, "fd");
	size_t length = fuzz_number(state, "length");
	uint64_t id = from ? from->id : 0;
	struct fuzz_fact *fact = fuzz_fact(state->board, id);
	bool revoked = fact && fact->revoked && !fact->faulty;
	struct fuzz_slot *slot;
	char *address;

	(void)op;
	address = mmap(NULL, length, (int)fuzz_number(state, "prot") & 3,
		       fuzz_number(state, "private") ? MAP_PRIVATE : MAP_SHARED,
		       fuzz_fd(state, "fd"),
		       fuzz_number(state, "offset") * FUZZ_PAGE);
	if (address == MAP_FAILED)
		return -errno;
	if (revoked)
		fuzz_wrong(state, "success, but the buffer is revoked");
	slot = fuzz_store(state, -1);
	slot->address = address;
	slot->mapped = length;
	slot->id = id;
	if (slot != fuzz_slot(state, "out"))
		munmap(address, length);
	return 0;
}

long fuzz_munmap(struct fuzz_state *state, const struct fuzz_op *op)
{
	struct fuzz_slot *slot = fuzz_slot(state, "at");
	size_t length = fuzz_number(state, "length");

	(void)op;
	if (!slot || !slot->address)
		return -EINVAL;
	/* Of a part, the rest stays. */
	if (length > slot->mapped)
		length = slot->mapped;
	if (munmap(slot->address, length))
		return -errno;
	length = (length + FUZZ_PAGE - 1) & -FUZZ_PAGE;
	slot->address += length;
	slot->mapped -= length < slot->mapped ? length : slot->mapped;
	if (!slot->mapped)
		slot->address = NULL;
	return 0;
}

long fuzz_mremap(struct fuzz_state *state, const struct fuzz_op *op)
{
	struct fuzz_slot *slot = fuzz_slot(state, "at");
	size_t length = fuzz_number(state, "length");
	int flags = (int)fuzz_number(state, "flags") & ~MREMAP_FIXED;
	char *address;

	(void)op;
	if (!slot || !slot->address || length > MOST)
		return -EINVAL;
	/* The old range stays mapped, to nothing, and is in no slot. */
	if (flags & MREMAP_DONTUNMAP)
		flags = MREMAP_MAYMOVE;
	address = mremap(slot->address, slot->mapped, length, flags);
	if (address == MAP_FAILED)
		return -errno;
	slot->address = address;
	slot->mapped = length;
	return 0;
}

long fuzz_madvise(struct fuzz_state *state, const struct fuzz_op *op)
{
	struct fuzz_slot *slot = fuzz_slot(state, "at");
	unsigned int advice = fuzz_number(state, "advice") % 32;

	(void)op;
	if (!slot || !slot->address)
		return -EINVAL;
	return madvise(slot->address, slot->mapped, advice) ? -errno : 0;
}

/* -EFAULT: a signal; -EINTR: it took too long. */
static int touch(volatile char *at, bool write)
{
	int number = sigsetjmp(escape, 1);

	if (!number) {
		touching = 1;
		if (write)
			*at = 1;
		else
			(void)*at;
	}
	touching = 0;
	if (number == SIGALRM)
		return -EINTR;
	return number ? -EFAULT : 0;
}

long fuzz_touch(struct fuzz_state *state, const struct fuzz_op *op)
{
	struct fuzz_slot *slot = fuzz_slot(state, "at");
	uint64_t offset = fuzz_number(state, "offset");
	struct fuzz_fact *fact;
	bool gone;
	int result;

	(void)op;
	if (!slot || !slot->address)
		return -EINVAL;
	fact = fuzz_fact(state->board, slot->id);
	gone = fact && fact->revoked && !fact->faulty && !fact->zero_page;
	result = touch(slot->address + offset % slot->mapped,
		       fuzz_number(state, "write") & 1);
	if (!result && gone)
		fuzz_wrong(state, "the CPU reaches buffer %llu, which is revoked",
			   (unsigned long long)slot->id);
	return result;
}
