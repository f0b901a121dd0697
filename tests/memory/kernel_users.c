// SPDX-License-Identifier: GPL-2.0-only
/*
 * E24: what the kernel does with a CPU mapping on behalf of its process: system calls
 * that copy, those that would pin pages, io_uring. After a move each sees the new
 * memory, after a revoke it fails. hold.c has the ways to hold on that need no revoke
 * to be refused, kvm.c a virtual machine's memory.
 */
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "life.h"

#define LENGTH MAPPED_LENGTH
#define MARK MAPPED_MARK

/* --- system calls that pin, or reach through another mapping --------------- */

static long tries_vmsplice(uint8_t *memory)
{
	struct iovec iov = { memory, PAGE };
	int ends[2];
	long ret;

	succeeds(sys(pipe2(ends, O_CLOEXEC | O_NONBLOCK)));
	ret = sys(vmsplice(ends[1], &iov, 1, SPLICE_F_GIFT));
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static long tries_process_vm(uint8_t *memory, bool write)
{
	uint8_t copy[16] = {};
	struct iovec local = { copy, sizeof(copy) };
	struct iovec remote = { memory, sizeof(copy) };

	/* Of ordinary memory it succeeds, where there is such a call. */
	if (process_vm_readv(getpid(), &local, 1, &local, 1, 0) < 0)
		return -EFAULT;
	return write ?
		sys(process_vm_writev(getpid(), &local, 1, &remote, 1, 0)) :
		sys(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
}

static long tries_process_vm_readv(uint8_t *memory)
{
	return tries_process_vm(memory, false);
}

static long tries_process_vm_writev(uint8_t *memory)
{
	return tries_process_vm(memory, true);
}

static long tries_proc_self_mem(uint8_t *memory)
{
	int mem = succeeds(sys(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
	char byte = 0;
	long ret = sys(pread(mem, &byte, 1, (uintptr_t)memory));

	equal(sys(pwrite(mem, &byte, 1, (uintptr_t)memory)), ret);
	close(mem);
	return ret;
}

static long tries_io_uring_buffer(uint8_t *memory)
{
	struct io_uring_params params = {};
	struct iovec iov = { memory, LENGTH };
	int ring = sys(syscall(SYS_io_uring_setup, 1, &params));
	long ret;

	/* Not there, or forbidden. */
	if (ring < 0)
		return -EFAULT;
	ret = sys(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS,
			  &iov, 1));
	close(ring);
	return ret;
}

/* Without a copy the socket would keep the pages until they are sent. */
static long tries_zero_copy_send(uint8_t *memory)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	const int on = 1;
	int from, to;
	long ret;

	to = succeeds(sys(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
	from = succeeds(sys(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
	succeeds(sys(setsockopt(from, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on))));
	succeeds(sys(listen(to, 1)));
	succeeds(sys(getsockname(to, (struct sockaddr *)&name, &length)));
	succeeds(sys(connect(from, (struct sockaddr *)&name, length)));
	ret = sys(send(from, memory, LENGTH, MSG_ZEROCOPY | MSG_NOSIGNAL));
	close(from);
	close(to);
	return ret;
}

/* A shared futex is found by its page. */
static long tries_shared_futex(uint8_t *memory)
{
	return sys(syscall(SYS_futex, memory, FUTEX_WAKE, 1, NULL, NULL, 0));
}

static const struct {
	const char *name;
	long (*call)(uint8_t *memory);
	int error;
} pinning[] = {
	{ "vmsplice", tries_vmsplice, EFAULT },
	{ "process_vm_readv", tries_process_vm_readv, EFAULT },
	{ "process_vm_writev", tries_process_vm_writev, EFAULT },
	{ "/proc/self/mem", tries_proc_self_mem, EIO },
	{ "IORING_REGISTER_BUFFERS", tries_io_uring_buffer, EFAULT },
	{ "MSG_ZEROCOPY", tries_zero_copy_send, EFAULT },
	{ "futex", tries_shared_futex, EFAULT },
};

static void nobody_pins(struct mapped *m, const char *when)
{
	char row[64];

	for (size_t i = 0; i < ARRAY_SIZE(pinning); i++) {
		snprintf(row, sizeof(row), "%s, %s", when, pinning[i].name);
		row_gives(row, pinning[i].call(m->memory + PAGE),
			  pinning[i].error);
	}
}

CASE(kernel_users, E24_nobody_pins_in_any_state)
{
	struct mapped m = mapped_new(0);

	nobody_pins(&m, "live");
	move_fully(m.buffer.id);
	nobody_pins(&m, "moved");
	equal(m.memory[PAGE], MARK);
	nobody_pins(&m, "moved and touched");
	suspend_fully(m.buffer.id);
	nobody_pins(&m, "suspended");
	restore_fully(m.buffer.id);
	nobody_pins(&m, "restored");
	mapped_revoke(&m);
	nobody_pins(&m, "revoked");
	mapped_free(&m);
}

CASE(kernel_users, E24_nobody_pins_the_zero_page)
{
	struct mapped m = mapped_new(DMABUF_REVOKE_ALLOC_ZERO_PAGE);

	revoke_fully(m.buffer.id);
	nobody_pins(&m, "revoked");
	equal(m.memory[PAGE], 0);
	nobody_pins(&m, "revoked and touched");
	mapped_free(&m);
}

/* --- system calls that copy ------------------------------------------------ */

/* A pipe, to be read from into a mapping. */
struct feed {
	int out, in;
};

static struct feed feed_new(void)
{
	int ends[2];

	succeeds(sys(pipe2(ends, O_CLOEXEC)));
	return (struct feed){ .out = ends[0], .in = ends[1] };
}

static void feed_with(const struct feed *feed, uint8_t byte)
{
	uint8_t page[PAGE];

	memset(page, byte, PAGE);
	equal(write(feed->in, page, PAGE), PAGE);
}

static void feed_free(const struct feed *feed)
{
	close(feed->out);
	close(feed->in);
}

/* What read() brought is where the device looks, and write() takes it from there. */
static void copies_reach_the_device(struct mapped *m, int att, uint8_t byte)
{
	const struct feed feed = feed_new();
	uint8_t page[PAGE], back[PAGE];

	memset(page, byte, PAGE);
	feed_with(&feed, byte);
	equal(sys(read(feed.out, m->memory + PAGE, PAGE)), PAGE);
	equal(device_crc(att, PAGE, PAGE), crc32(page, PAGE));
	equal(sys(write(feed.in, m->memory + PAGE, PAGE)), PAGE);
	equal(read(feed.out, back, PAGE), PAGE);
	holds(!memcmp(page, back, PAGE));
	feed_free(&feed);
}

CASE(kernel_users, E24_copies_see_the_new_memory_after_a_move)
{
	struct mapped m = mapped_new(0);
	int att = attach(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	copies_reach_the_device(&m, att, 1);
	move_mapped(m.buffer.id, att);
	copies_reach_the_device(&m, att, 2);
	close(att);
	mapped_revoke(&m);
	mapped_free(&m);
}

CASE(kernel_users, E24_copies_are_EFAULT_after_a_revoke)
{
	struct mapped m = mapped_new(0);
	const struct feed feed = feed_new();

	feed_with(&feed, 1);
	suspend_fully(m.buffer.id);
	fails(sys(read(feed.out, m.memory, PAGE)), EFAULT);
	fails(sys(write(feed.in, m.memory, PAGE)), EFAULT);
	restore_fully(m.buffer.id);
	equal(sys(write(feed.in, m.memory, PAGE)), PAGE);
	revoke_fully(m.buffer.id);
	fails(sys(read(feed.out, m.memory, PAGE)), EFAULT);
	fails(sys(write(feed.in, m.memory, PAGE)), EFAULT);
	feed_free(&feed);
	mapped_free(&m);
}

/* A read() that has begun, and waits for data. */
struct reader {
	pthread_t thread;
	const struct feed *feed;
	void *to;
	atomic_int tid;
	long result;
};

static void *reads(void *arg)
{
	struct reader *reader = arg;

	reader->tid = gettid();
	reader->result = sys(read(reader->feed->out, reader->to, PAGE));
	return NULL;
}

static void reader_begin(struct reader *reader, const struct feed *feed,
			 void *to)
{
	*reader = (struct reader){ .feed = feed, .to = to };
	succeeds(-pthread_create(&reader->thread, NULL, reads, reader));
	while (!reader->tid)
		sched_yield();
	holds(eventually(is_asleep, reader->tid));
}

static long reader_end(struct reader *reader)
{
	pthread_join(reader->thread, NULL);
	return reader->result;
}

CASE(kernel_users, E24_read_that_waits_is_EFAULT_after_a_revoke)
{
	struct mapped m = mapped_new(0);
	const struct feed feed = feed_new();
	struct reader reader;

	reader_begin(&reader, &feed, m.memory);
	revoke_fully(m.buffer.id);
	feed_with(&feed, 1);
	equal(reader_end(&reader), -EFAULT);
	feed_free(&feed);
	mapped_free(&m);
}

CASE(kernel_users, E24_read_that_waits_sees_the_new_memory_after_a_move)
{
	struct mapped m = mapped_new(0);
	int att = attach(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	const struct feed feed = feed_new();
	struct reader reader;
	uint8_t page[PAGE];

	memset(page, 7, PAGE);
	reader_begin(&reader, &feed, m.memory);
	move_fully(m.buffer.id);
	feed_with(&feed, 7);
	equal(reader_end(&reader), PAGE);
	equal(device_crc(att, 0, PAGE), crc32(page, PAGE));
	close(att);
	feed_free(&feed);
	mapped_revoke(&m);
	mapped_free(&m);
}

/* --- a private futex, which is found by its address ------------------------ */

struct waiter {
	pthread_t thread;
	uint32_t *word;
	atomic_int tid;
	long result;
};

static void *waits(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = gettid();
	waiter->result = sys(syscall(SYS_futex, waiter->word, FUTEX_WAIT_PRIVATE,
				     *waiter->word, NULL, NULL, 0));
	return NULL;
}

CASE(kernel_users, E24_private_futex_is_EFAULT_after_a_revoke)
{
	struct mapped m = mapped_new(0);
	struct waiter waiter = { .word = (uint32_t *)m.memory };

	succeeds(-pthread_create(&waiter.thread, NULL, waits, &waiter));
	while (!waiter.tid)
		sched_yield();
	holds(eventually(is_asleep, waiter.tid));
	revoke_fully(m.buffer.id);
	fails(sys(syscall(SYS_futex, m.memory, FUTEX_WAIT_PRIVATE, 0, NULL, NULL,
			  0)), EFAULT);
	/* Who slept before can still be woken: that takes no memory. */
	equal(sys(syscall(SYS_futex, m.memory, FUTEX_WAKE_PRIVATE, 1, NULL, NULL,
			  0)), 1);
	pthread_join(waiter.thread, NULL);
	equal(waiter.result, 0);
	mapped_free(&m);
}

/* --- io_uring, which copies later ------------------------------------------ */

/* A ring of one entry. */
struct ring {
	int fd;
	struct io_uring_params params;
	uint8_t *memory;
	struct io_uring_sqe *sqe;
};

static struct ring ring_new(void)
{
	struct ring ring = {};

	ring.fd = sys(syscall(SYS_io_uring_setup, 1, &ring.params));
	if (ring.fd < 0)
		skip("no io_uring: CONFIG_IO_URING=y, kernel.io_uring_disabled=0");
	holds(ring.params.features & IORING_FEAT_SINGLE_MMAP);
	ring.memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			   ring.fd, IORING_OFF_SQ_RING);
	ring.sqe = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd,
			IORING_OFF_SQES);
	holds(ring.memory != MAP_FAILED && (void *)ring.sqe != MAP_FAILED);
	return ring;
}

static uint32_t *ring_word(const struct ring *ring, uint32_t offset)
{
	return (uint32_t *)(ring->memory + offset);
}

/* READ of a page, which waits for the feed. */
static void ring_read(struct ring *ring, const struct feed *feed, void *to)
{
	uint32_t *tail = ring_word(ring, ring->params.sq_off.tail);

	*ring->sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.fd = feed->out,
		.addr = (uintptr_t)to,
		.len = PAGE,
	};
	*ring_word(ring, ring->params.sq_off.array) = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	equal(sys(syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0)), 1);
}

static long ring_result(struct ring *ring)
{
	uint32_t *head = ring_word(ring, ring->params.cq_off.head);
	struct io_uring_cqe *cqe;
	long result;

	equal(sys(syscall(SYS_io_uring_enter, ring->fd, 0, 1,
			  IORING_ENTER_GETEVENTS, NULL, 0)), 0);
	cqe = (struct io_uring_cqe *)(ring->memory + ring->params.cq_off.cqes);
	result = cqe[*head & *ring_word(ring, ring->params.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

static void ring_free(struct ring *ring)
{
	cpu_unmap(ring->memory, PAGE);
	cpu_unmap(ring->sqe, PAGE);
	close(ring->fd);
}

CASE(kernel_users, E24_io_uring_read_is_EFAULT_after_a_revoke)
{
	struct mapped m = mapped_new(0);
	const struct feed feed = feed_new();
	struct ring ring = ring_new();

	ring_read(&ring, &feed, m.memory);
	revoke_fully(m.buffer.id);
	feed_with(&feed, 1);
	equal(ring_result(&ring), -EFAULT);
	ring_free(&ring);
	feed_free(&feed);
	mapped_free(&m);
}

CASE(kernel_users, E24_io_uring_read_sees_the_new_memory_after_a_move)
{
	struct mapped m = mapped_new(0);
	int att = attach(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	const struct feed feed = feed_new();
	struct ring ring = ring_new();
	uint8_t page[PAGE];

	memset(page, 9, PAGE);
	ring_read(&ring, &feed, m.memory);
	move_fully(m.buffer.id);
	feed_with(&feed, 9);
	equal(ring_result(&ring), PAGE);
	equal(device_crc(att, 0, PAGE), crc32(page, PAGE));
	close(att);
	ring_free(&ring);
	feed_free(&feed);
	mapped_revoke(&m);
	mapped_free(&m);
}
