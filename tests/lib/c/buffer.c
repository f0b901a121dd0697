// SPDX-License-Identifier: GPL-2.0-only
/* Buffers of our exporter, and the CPU's view of them. */
#include <linux/dma-buf.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "common.h"

static struct buffer alloc_on(int file, uint64_t length, uint32_t flags)
{
	struct buffer buffer = { .length = length };

	succeeds(dr_alloc_faulty(file, length, flags,
				 from_environment("DBR_FAULTS"), &buffer.id,
				 &buffer.fd));
	return buffer;
}

struct buffer buffer_alloc(uint64_t length, uint32_t flags)
{
	return alloc_on(exporter, length, flags);
}

struct buffer buffer_alloc_owned(uint64_t length, uint32_t flags, int *owner)
{
	*owner = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	return alloc_on(*owner, length, flags);
}

struct dmabuf_revoke_query query(uint64_t id)
{
	struct dmabuf_revoke_query out;

	succeeds(dr_query(exporter, id, &out));
	return out;
}

struct dmabuf_revoke_query query_fd(int dmabuf)
{
	struct dmabuf_revoke_query out;

	succeeds(dr_query_fd(exporter, dmabuf, &out));
	return out;
}

struct dmabuf_revoke_revoke revoke_fully(uint64_t id)
{
	struct dmabuf_revoke_revoke out;

	succeeds(dr_revoke(exporter, id, dr_deadline(2 * SOON), &out));
	equal(out.state, DMABUF_REVOKE_STATE_REVOKED);
	return out;
}

struct dmabuf_revoke_revoke revoke_times_out(uint64_t id, uint64_t ns)
{
	struct dmabuf_revoke_revoke out;

	fails(dr_revoke(exporter, id, ns ? dr_deadline(ns) : 0, &out),
	      ETIMEDOUT);
	equal(out.state, DMABUF_REVOKE_STATE_REVOKING);
	return out;
}

bool listed(uint64_t id)
{
	uint64_t ids[512];
	uint32_t count;

	succeeds(dr_list(exporter, ids, ARRAY_SIZE(ids), &count));
	holds(count <= ARRAY_SIZE(ids), "%u buffers in the system", count);
	for (uint32_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

bool is_revoked(uint64_t id)
{
	return query(id).state == DMABUF_REVOKE_STATE_REVOKED;
}

bool is_gone(uint64_t id)
{
	struct dmabuf_revoke_query out;

	return !listed(id) && dr_query(exporter, id, &out) == -ENOENT;
}

bool is_orphaned(uint64_t id)
{
	struct dmabuf_revoke_query out;
	int ret = dr_query(exporter, id, &out);

	if (ret == -ENOENT)
		return true;
	succeeds(ret);
	return out.orphaned;
}

uint64_t buffers_in_system(void)
{
	struct dmabuf_revoke_exporter_info info;

	succeeds(dr_exporter_info(exporter, &info));
	return info.buffers;
}

void *cpu_map(int dmabuf, uint64_t length)
{
	void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			     dmabuf, 0);

	holds(address != MAP_FAILED, "mmap: %s", strerrorname_np(errno));
	return address;
}

void cpu_unmap(void *address, uint64_t length)
{
	succeeds(sys(munmap(address, length)));
}

void *page_with(int prot)
{
	void *page = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	holds(page != MAP_FAILED, "mmap: %s", strerrorname_np(errno));
	return page;
}

static __thread sigjmp_buf after_fault;

static void on_fault(int sig)
{
	siglongjmp(after_fault, sig);
}

static int fault_on(const volatile void *address, bool write)
{
	const struct sigaction catch = { .sa_handler = on_fault };
	int sig;

	sigaction(SIGBUS, &catch, NULL);
	sigaction(SIGSEGV, &catch, NULL);
	sig = sigsetjmp(after_fault, 1);
	if (sig)
		return sig;
	if (write)
		*(volatile char *)address = 1;
	else
		(void)*(const volatile char *)address;
	return 0;
}

int fault_on_read(const volatile void *address)
{
	return fault_on(address, false);
}

int fault_on_write(volatile void *address)
{
	return fault_on(address, true);
}

int sync_cpu_access(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync arg = { .flags = flags };

	return sys(ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &arg));
}

void cpu_begins(int dmabuf)
{
	succeeds(sync_cpu_access(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
}

void cpu_ends(int dmabuf)
{
	succeeds(sync_cpu_access(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
}

uint32_t crc32(const void *data, uint64_t length)
{
	static uint32_t table[256];
	const uint8_t *byte = data;
	uint32_t crc = ~0U;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		uint32_t entry = i;

		for (int bit = 0; bit < 8; bit++)
			entry = entry >> 1 ^ (entry & 1 ? 0xedb88320 : 0);
		table[i] = entry;
	}
	while (length--)
		crc = crc >> 8 ^ table[(crc ^ *byte++) & 0xff];
	return ~crc;
}

void fill_noise(void *data, uint64_t length, uint32_t seed)
{
	uint8_t *byte = data;
	uint32_t x = seed | 1;

	while (length--) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		*byte++ = x;
	}
}
