// SPDX-License-Identifier: GPL-2.0-only
/* Attachments of the test importer, their jobs and the fences of those. */
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <sys/ioctl.h>

#include "common.h"

int attach(int dmabuf, uint32_t kind, uint32_t flags)
{
	uint64_t misbehave = from_environment("DBR_MISBEHAVE");
	uint64_t delay_ns = from_environment("DBR_DELAY_NS");
	int attached = dr_attach_misbehaving(importer, dmabuf, kind, flags,
					     misbehave, delay_ns);

	/* A kind that cannot have this bug behaves well. */
	if (misbehave && attached == -EINVAL)
		attached = dr_attach(importer, dmabuf, kind, flags);
	return succeeds(attached);
}

bool maps_when_attaching(uint32_t kind)
{
	return kind == DMABUF_REVOKE_KIND_LEGACY_STATIC &&
	       !kernel_can(DMABUF_REVOKE_FEATURE_STATIC_MAP);
}

int attach_mapped(int dmabuf, uint32_t kind, uint32_t flags)
{
	int att = attach(dmabuf, kind, flags);

	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	return att;
}

struct dmabuf_revoke_status status(int att)
{
	struct dmabuf_revoke_status out;

	succeeds(dr_status(att, &out));
	return out;
}

struct dmabuf_revoke_event next_event(int att)
{
	struct dmabuf_revoke_event event;

	holds(is_readable(att, SOON / MSEC), "no event arrived");
	succeeds(dr_event(att, &event));
	return event;
}

struct dmabuf_revoke_event expect_event(int att, uint32_t type)
{
	struct dmabuf_revoke_event event = next_event(att);

	equal(event.type, type);
	return event;
}

uint64_t submit(int att, struct dmabuf_revoke_submit job)
{
	succeeds(dr_submit(att, &job));
	return job.job;
}

uint64_t submit_busy(int att, uint32_t op, uint32_t flags, uint64_t ns)
{
	return submit(att, (struct dmabuf_revoke_submit){
		.flags = flags,
		.op = op,
		.length = 1,
		.duration_ns = ns,
	});
}

int submit_fence(int att, uint32_t flags, uint64_t ns, uint64_t *job)
{
	struct dmabuf_revoke_submit arg = {
		.flags = flags | DMABUF_REVOKE_SUBMIT_FENCE_FD,
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = 1,
		.duration_ns = ns,
	};

	succeeds(dr_submit(att, &arg));
	if (job)
		*job = arg.job;
	return arg.fence_fd;
}

struct passes {
	int att;
	uint64_t number;
};

static bool has_passed(uint64_t address)
{
	const struct passes *passes = (void *)(uintptr_t)address;

	return status(passes->att).passes >= passes->number;
}

void await_passes(int att, uint64_t number)
{
	struct passes passes = { att, status(att).passes + number };

	holds(eventually(has_passed, (uintptr_t)&passes), "no pass is completed");
}

void await_pass(int att)
{
	struct passes first = { att, 1 };

	holds(eventually(has_passed, (uintptr_t)&first), "no pass is completed");
}

static bool has_been_written(uint64_t address)
{
	return *(const volatile uint8_t *)(uintptr_t)address;
}

uint64_t submit_running(int att, int dmabuf, uint32_t flags, uint64_t ns,
			int *fence)
{
	struct dmabuf_revoke_submit job = {
		.flags = flags | (fence ? DMABUF_REVOKE_SUBMIT_FENCE_FD : 0),
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = 1,
		.pattern = 0xff,
		.duration_ns = ns,
	};
	uint8_t *memory = cpu_map(dmabuf, PAGE);

	memory[0] = 0;
	succeeds(dr_submit(att, &job));
	holds(eventually(has_been_written, (uintptr_t)memory),
	      "job %llu does not start", (long long)job.job);
	if (flags & DMABUF_REVOKE_SUBMIT_STREAM)
		await_pass(att);
	cpu_unmap(memory, PAGE);
	if (fence)
		*fence = job.fence_fd;
	return job.job;
}

struct dmabuf_revoke_wait collect(int att, uint64_t job)
{
	struct dmabuf_revoke_wait out;

	succeeds(dr_wait(att, job, dr_deadline(2 * SOON), &out));
	return out;
}

struct dmabuf_revoke_wait collect_ok(int att, uint64_t job)
{
	struct dmabuf_revoke_wait out = collect(att, job);

	holds(!out.status, "job %llu ended with %s", (long long)job,
	      result_name(out.status));
	return out;
}

uint32_t device_crc(int att, uint64_t offset, uint64_t length)
{
	uint64_t job = submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_READ,
		.offset = offset,
		.length = length,
	});

	return collect_ok(att, job).crc32;
}

bool is_readable(int fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	succeeds(sys(poll(&pollfd, 1, timeout_ms)));
	return pollfd.revents & POLLIN;
}

int fence_status(int fence)
{
	struct sync_file_info info = {};

	succeeds(sys(ioctl(fence, SYNC_IOC_FILE_INFO, &info)));
	return info.status;
}

int import_fence(int dmabuf, int fence)
{
	struct dma_buf_import_sync_file arg = {
		.flags = DMA_BUF_SYNC_WRITE,
		.fd = fence,
	};

	return sys(ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg));
}

int foreign_fence(uint64_t ns, int *att)
{
	struct buffer other = buffer_alloc(PAGE, 0);

	*att = attach(other.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	close(other.fd);
	return submit_fence(*att, 0, ns, NULL);
}
