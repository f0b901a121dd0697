// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU mappings: those of one thread, which knows what they lead to, and wild ones,
 * which any thread replaces while others use them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "races.h"

static __thread sigjmp_buf fault_jump;
static __thread volatile sig_atomic_t fault_expected;

static void on_fault(int signal_number)
{
	if (fault_expected)
		siglongjmp(fault_jump, signal_number);
	signal(signal_number, SIG_DFL);
}

static void on_interrupt(int signal_number)
{
	(void)signal_number;
}

void race_signals(void)
{
	struct sigaction fault = {
		.sa_handler = on_fault,
		.sa_flags = SA_NODEFER,
	};
	struct sigaction interrupt = { .sa_handler = on_interrupt };

	sigaction(SIGBUS, &fault, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGUSR2, &interrupt, NULL);
	interrupt.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &interrupt, NULL);
}

int race_load(const volatile uint64_t *from, uint64_t *value)
{
	int signal_number = sigsetjmp(fault_jump, 0);

	if (!signal_number) {
		fault_expected = 1;
		*value = *from;
	}
	fault_expected = 0;
	return signal_number;
}

int race_store(volatile uint64_t *to, uint64_t value)
{
	int signal_number = sigsetjmp(fault_jump, 0);

	if (!signal_number) {
		fault_expected = 1;
		*to = value;
	}
	fault_expected = 0;
	return signal_number;
}

void *race_reserve(size_t size)
{
	void *address = mmap(NULL, size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return address == MAP_FAILED ? NULL : address;
}

static struct race_handle some_buffer(struct race_thread *thread, uint16_t choice)
{
	return race_buffer(thread, race_any_slot(thread, choice));
}

/* Of the windows that there are; the last of all, if there is none. */
static struct race_window *some_window(struct race_thread *thread, uint16_t choice)
{
	struct race_window *window = NULL;

	for (unsigned int i = 0; i < RACE_WINDOWS; i++) {
		window = &thread->windows[(choice + i) % RACE_WINDOWS];
		if (window->id)
			break;
	}
	return window;
}

static size_t window_length(const struct race_handle *buffer)
{
	return buffer->length < RACE_WINDOW_SIZE ? buffer->length :
						   RACE_WINDOW_SIZE;
}

/* Consumes the descriptor. What others keep is not written to. */
static char *map_buffer(struct race_thread *thread, struct race_handle *buffer)
{
	int prot = PROT_READ |
		   (buffer->slot < RACE_SHARED_SLOTS ? PROT_WRITE : 0);
	bool told = race_told(thread->board, buffer->id);
	char *address;

	address = mmap(NULL, window_length(buffer), prot, MAP_SHARED,
		       buffer->fd, 0);
	close(buffer->fd);
	if (address == MAP_FAILED)
		return NULL;
	if (told)
		race_violation(thread, "mmap of %llu, which is revoked",
			       (unsigned long long)buffer->id);
	return address;
}

static void window_unmap(struct race_window *window)
{
	if (window->id)
		munmap(window->address, window->length);
	window->id = 0;
}

int race_cpu_map(struct race_thread *thread, const uint16_t *arg)
{
	struct race_window *window = &thread->windows[arg[0] % RACE_WINDOWS];
	struct race_handle buffer = some_buffer(thread, arg[1]);
	char *address;

	if (buffer.fd < 0)
		return RACE_NOTHING;
	address = map_buffer(thread, &buffer);
	if (!address)
		return -errno;
	window_unmap(window);
	window->address = address;
	window->id = buffer.id;
	window->length = window_length(&buffer);
	return 0;
}

int race_cpu_unmap(struct race_thread *thread, const uint16_t *arg)
{
	struct race_window *window = some_window(thread, arg[0]);

	if (!window->id)
		return RACE_NOTHING;
	/* Only the second half, which splits the mapping in two. */
	if (arg[1] % 2 && window->length > RACE_PAGE) {
		uint64_t pages = window->length / RACE_PAGE / 2;

		window->length -= pages * RACE_PAGE;
		munmap(window->address + window->length, pages * RACE_PAGE);
		return 0;
	}
	window_unmap(window);
	return 0;
}

int race_cpu_move(struct race_thread *thread, const uint16_t *arg)
{
	struct race_window *window = some_window(thread, arg[0]);
	char *to, *address;

	if (!window->id)
		return RACE_NOTHING;
	to = race_reserve(window->length);
	if (!to)
		return -errno;
	address = mremap(window->address, window->length, window->length,
			 MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (address == MAP_FAILED) {
		munmap(to, window->length);
		return -errno;
	}
	window->address = address;
	return 0;
}

/* Whether an access to this window has to fail. */
static bool must_fault(struct race_thread *thread, const struct race_window *window)
{
	struct race_fact *fact = race_fact(thread->board, window->id);

	return atomic_load(&fact->told) && !atomic_load(&fact->zero_page);
}

static uint64_t *word_in(const struct race_window *window, uint16_t choice)
{
	uint64_t offset = choice * 509UL * sizeof(uint64_t) % window->length;

	return (uint64_t *)(window->address + offset);
}

int race_cpu_touch(struct race_thread *thread, const uint16_t *arg)
{
	struct race_window *window = some_window(thread, arg[0]);
	uint64_t value;
	int signal_number;
	bool gone;

	if (!window->id)
		return RACE_NOTHING;
	gone = must_fault(thread, window);
	if (arg[1] % 2)
		signal_number = race_store(word_in(window, arg[2]), arg[3]);
	else
		signal_number = race_load(word_in(window, arg[2]), &value);
	if (gone && !signal_number)
		race_violation(thread, "CPU %s %llu, which is revoked",
			       arg[1] % 2 ? "writes to" : "reads from",
			       (unsigned long long)window->id);
	return signal_number ? -EFAULT : 0;
}

/* By a way that cannot leave a hole for somebody else's mapping. */
int race_wild_map(struct race_thread *thread, const uint16_t *arg)
{
	char *to = thread->process->wild +
		   arg[0] % RACE_WILD_WINDOWS * RACE_WINDOW_SIZE;
	struct race_handle buffer = some_buffer(thread, arg[1]);
	char *address;
	int ret = 0;

	if (buffer.fd < 0) {
		mmap(to, RACE_WINDOW_SIZE, PROT_NONE, MAP_PRIVATE |
		     MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
		return 0;
	}
	address = map_buffer(thread, &buffer);
	if (!address)
		return -errno;
	if (mremap(address, window_length(&buffer), window_length(&buffer),
		   MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
		ret = -errno;
		munmap(address, window_length(&buffer));
	}
	return ret;
}

int race_wild_touch(struct race_thread *thread, const uint16_t *arg)
{
	struct race_window wild = {
		.address = thread->process->wild,
		.length = RACE_WILD_WINDOWS * RACE_WINDOW_SIZE,
	};
	uint64_t value;
	int fault = 0;

	for (unsigned int i = 1; i < 4; i++)
		fault |= arg[i] % 2 ? race_store(word_in(&wild, arg[i]), arg[0]) :
				      race_load(word_in(&wild, arg[i]), &value);
	return fault ? -EFAULT : 0;
}

/* The kernel reads and writes there on our behalf, and gets the fault. */
int race_kernel_touch(struct race_thread *thread, const uint16_t *arg)
{
	struct race_window *window = some_window(thread, arg[0]);
	int ret = 0, fds[2];
	bool gone;

	if (!window->id)
		return RACE_NOTHING;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	gone = must_fault(thread, window);
	if (write(fds[1], window->address, RACE_PAGE) < 0)
		ret = -errno;
	if (write(fds[1], arg, 8) == 8 &&
	    read(fds[0], window->address + arg[1] % RACE_PAGE / 8 * 8, 8) != 8)
		ret = ret ? ret : -EFAULT;
	if (gone && !ret)
		race_violation(thread, "the kernel reads from %llu, which is revoked",
			       (unsigned long long)window->id);
	close(fds[0]);
	close(fds[1]);
	return ret;
}

static void put_words(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		race_store((uint64_t *)to + i, ((const uint64_t *)from)[i]);
}

/* An ioctl whose argument is in a buffer: faults while locks are held. */
int race_argument(struct race_thread *thread, const uint16_t *arg)
{
	struct race_window *window = some_window(thread, arg[0]);
	struct dmabuf_revoke_submit submit = {
		.size = sizeof(submit),
		.length = 64,
		.op = DMABUF_REVOKE_OP_READ,
	};
	struct dmabuf_revoke_vmap vmap = { .size = sizeof(vmap) };
	struct race_handle att;
	int ret;

	if (!window->id)
		return RACE_NOTHING;
	att = race_attachment(thread, arg[1]);
	if (att.fd < 0)
		return RACE_NOTHING;
	switch (arg[2] % 3) {
	case 0:
		put_words(window->address, &submit, sizeof(submit));
		ret = ioctl(att.fd, DMABUF_REVOKE_IOC_SUBMIT, window->address) < 0 ?
			-errno : 0;
		break;
	case 1:
		put_words(window->address, &vmap, sizeof(vmap));
		ret = race_ioctl_bounded(att.fd, DMABUF_REVOKE_IOC_VMAP,
					 window->address);
		break;
	default:
		ret = read(att.fd, window->address,
			   2 * sizeof(struct dmabuf_revoke_event)) < 0 ? -errno : 0;
	}
	close(att.fd);
	return ret;
}
