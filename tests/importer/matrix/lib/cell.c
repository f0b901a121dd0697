// SPDX-License-Identifier: GPL-2.0-only
/* One cell of docs/modules/matrix.md: how it is set up, and how it is looked at. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "common.h"
#include "cell.h"

/* The device writes to the last page; the others have contents that stay. */
#define LENGTH (4 * PAGE)
#define CONTENTS (3 * PAGE)
#define STREAM_PASS_NS MSEC

long matrix_must(const char *what, long result)
{
	if (result < 0) {
		printf("%s: %s\n", what, result_name(result));
		exit(EXIT_FAILURE);
	}
	return result;
}

bool scene_wait_until(struct scene *s, bool (*is_so)(struct scene *s))
{
	const struct timespec pause = { .tv_nsec = MSEC / 4 };
	uint64_t deadline = dr_deadline(s->patience_ns);

	while (!is_so(s)) {
		if (dr_now() >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void close_window(uint8_t *window)
{
	if (window)
		munmap(window, LENGTH);
}

/* The whole buffer, or NULL if the CPU may not have it. */
static uint8_t *open_window(struct scene *s)
{
	void *address = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
			     s->dmabuf, 0);

	if (address == MAP_FAILED)
		return NULL;
	if (fault_on_read(address)) {
		close_window(address);
		return NULL;
	}
	return address;
}

static uint8_t *need_window(struct scene *s)
{
	uint8_t *window = open_window(s);

	must(window ? 0 : -EFAULT);
	return window;
}

static bool device_has_written(struct scene *s)
{
	uint8_t *window = need_window(s);
	bool written = *(volatile uint8_t *)(window + CONTENTS);

	close_window(window);
	return written;
}

/* A job, or one after the other: under way when this returns. */
static void start_dma(struct scene *s)
{
	bool stream = s->state == MATRIX_STREAMING;
	struct dmabuf_revoke_submit job = {
		.flags = DMABUF_REVOKE_SUBMIT_FENCE_FD |
			 (stream ? DMABUF_REVOKE_SUBMIT_STREAM : 0),
		.op = DMABUF_REVOKE_OP_WRITE,
		.offset = CONTENTS,
		.length = 8,
		.pattern = ~0ULL,
		.duration_ns = stream ? STREAM_PASS_NS : s->job_ns,
	};

	s->submitted_ns = dr_now();
	must(dr_submit(s->att, &job));
	s->fence = job.fence_fd;
	if (!scene_wait_until(s, device_has_written))
		must(-ETIMEDOUT);
}

/* The child has the file alone, and nothing else to do than to die. */
static void hand_over_to_child(struct scene *s)
{
	pid_t parent = getpid();

	fflush(stdout);
	s->owner_pid = must(sys(fork()));
	if (!s->owner_pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(s->observer);
		close(s->importer);
		close(s->dmabuf);
		while (getppid() == parent)
			pause();
		_exit(EXIT_SUCCESS);
	}
	close(s->owner);
	s->owner = -1;
}

static void make_buffer(struct scene *s)
{
	bool legacy = s->kind >= DMABUF_REVOKE_KIND_LEGACY_STATIC;
	uint8_t *window;

	s->owner = must(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	s->observer = must(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	s->importer = must(dr_open(DMABUF_REVOKE_IMPORTER_PATH));
	must(dr_alloc_faulty(s->owner, LENGTH,
			     legacy ? DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY : 0,
			     s->faults, &s->id, &s->dmabuf));
	if (s->owned_by_child)
		hand_over_to_child(s);

	window = need_window(s);
	fill_noise(window, CONTENTS, 1);
	close_window(window);
}

/* An attachment of the kind that the scene is about, or a negative errno. */
static int scene_attach(struct scene *s, uint64_t misbehave, uint64_t delay_ns)
{
	struct dmabuf_revoke_attach arg = {
		.flags = s->attach_flags,
		.dmabuf_fd = s->dmabuf,
		.kind = s->kind,
		.fd_flags = O_CLOEXEC,
		.misbehave = misbehave,
		.delay_ns = delay_ns,
	};
	int ret;

	memcpy(arg.device, s->device, sizeof(arg.device));
	ret = dr_attach_as(s->importer, &arg);
	return ret ? ret : arg.fd;
}

static void check_vmap(struct scene *s)
{
	uint8_t *window = need_window(s);
	uint32_t crc;

	must(dr_vmap(s->att, &crc));
	must(crc == crc32(window, LENGTH) ? 0 : -EILSEQ);
	close_window(window);
}

void scene_set(struct scene *s)
{
	s->fence = -1;
	s->window = NULL;
	make_buffer(s);
	s->att = must(scene_attach(s, s->misbehave, s->delay_ns));
	switch (s->state) {
	case MATRIX_IDLE:
		break;
	case MATRIX_MAPPED:
		must(dr_map(s->att, DMABUF_REVOKE_BIDIRECTIONAL));
		break;
	case MATRIX_JOB:
	case MATRIX_STREAMING:
		start_dma(s);
		break;
	case MATRIX_VMAPPED:
		check_vmap(s);
		break;
	case MATRIX_MMAPPED:
		s->window = need_window(s);
		must(fault_on_read(s->window) ? -EFAULT : 0);
		break;
	}
}

void scene_clear(struct scene *s)
{
	const int fds[] = { s->fence, s->att, s->dmabuf, s->owner, s->importer,
			    s->observer };

	close_window(s->window);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	s->window = NULL;
	s->fence = -1;
	s->att = -1;
	s->dmabuf = -1;
	s->owner = -1;
	s->importer = -1;
	s->observer = -1;
}

struct dmabuf_revoke_query scene_query(struct scene *s)
{
	struct dmabuf_revoke_query out;

	must(dr_query_fd(s->observer, s->dmabuf, &out));
	return out;
}

static struct dmabuf_revoke_status att_status(struct scene *s)
{
	struct dmabuf_revoke_status out;

	must(dr_status(s->att, &out));
	return out;
}

uint64_t scene_invalidated(struct scene *s)
{
	return s->att < 0 ? 0 : att_status(s).invalidations;
}

uint64_t scene_invalidated_ns(struct scene *s)
{
	return s->att < 0 ? 0 : att_status(s).invalidated_ns;
}

const char *scene_blockers(struct scene *s)
{
	static const char * const sets[] = {
		"nothing", "fence", "map", "fence+map", "vmap", "fence+vmap",
		"map+vmap", "fence+map+vmap",
	};
	struct dmabuf_revoke_blocker list[8];
	uint32_t count, seen = 0;
	int ret = dr_blockers(s->observer, s->id, list, ARRAY_SIZE(list), &count);

	/* Nobody owns it any more, and it is done. */
	if (ret == -ENOENT)
		return sets[0];
	must(ret);
	must(count > ARRAY_SIZE(list) ? -E2BIG : 0);
	for (uint32_t i = 0; i < count; i++)
		seen |= 1U << (list[i].type - DMABUF_REVOKE_BLOCKER_FENCE);
	return sets[seen & (ARRAY_SIZE(sets) - 1)];
}

int scene_fence_status(struct scene *s, uint64_t *signalled_ns)
{
	struct sync_fence_info fence = {};
	struct sync_file_info info = {
		.num_fences = 1,
		.sync_fence_info = (uintptr_t)&fence,
	};

	must(sys(ioctl(s->fence, SYNC_IOC_FILE_INFO, &info)));
	if (signalled_ns)
		*signalled_ns = fence.timestamp_ns;
	return info.status;
}

void scene_await_job(struct scene *s)
{
	struct pollfd pollfd = { .fd = s->fence, .events = POLLIN };

	must(sys(poll(&pollfd, 1, s->patience_ns / MSEC)));
}

bool scene_is_streaming(struct scene *s)
{
	uint8_t *window = need_window(s);

	*(volatile uint8_t *)(window + CONTENTS) = 0;
	close_window(window);
	return scene_wait_until(s, device_has_written);
}

/* Whether these are the contents of before the event, but for the first byte. */
static bool contents_are_kept(const uint8_t *window)
{
	uint8_t *want = page_with(PROT_READ | PROT_WRITE);
	bool kept;

	fill_noise(want, PAGE, 1);
	kept = !memcmp(window + 1, want + 1, PAGE - 1);
	munmap(want, PAGE);
	return kept;
}

/* Changes the first byte, so that old memory can be told from new. */
static bool cpu_writes(struct scene *s, uint32_t *crc)
{
	uint8_t *window = open_window(s);
	bool kept;

	if (!window)
		return false;
	(*(volatile uint8_t *)window)++;
	*crc = crc32(window, CONTENTS);
	kept = contents_are_kept(window);
	close_window(window);
	return kept;
}

/* Reads through a mapping that there is: does the device see what the CPU wrote? */
static const char *device_sees(int att, struct scene *s, const char *well)
{
	/* Does not wait for what others do, only for the copy of a move. */
	struct dmabuf_revoke_submit job = {
		.flags = DMABUF_REVOKE_SUBMIT_BOOKKEEP,
		.op = DMABUF_REVOKE_OP_READ,
		.length = CONTENTS,
	};
	struct dmabuf_revoke_wait done;
	uint32_t crc;
	int ret;

	if (!cpu_writes(s, &crc))
		return "unlike what the CPU sees";

	ret = dr_submit(att, &job);
	if (!ret)
		ret = dr_wait(att, job.job, dr_deadline(s->patience_ns), &done);
	if (!ret)
		ret = done.status;
	if (ret)
		return result_name(ret);
	return done.crc32 == crc ? well : "other contents";
}

static bool is_unmapped(struct scene *s)
{
	return att_status(s).state != DMABUF_REVOKE_ATTACHMENT_INVALIDATED;
}

const char *scene_same(struct scene *s)
{
	const char *result;
	int ret;

	if (s->att < 0)
		return "-";
	if (!scene_wait_until(s, is_unmapped))
		return "never unmaps";
	ret = dr_map(s->att, DMABUF_REVOKE_BIDIRECTIONAL);
	if (ret && ret != -EBUSY)
		return result_name(ret);
	/* Behind a stream no other job has its turn. */
	if (ret && s->state == MATRIX_STREAMING)
		return "keeps";
	result = device_sees(s->att, s, ret ? "keeps" : "maps");
	if (!ret)
		must(dr_unmap(s->att));
	return result;
}

const char *scene_newcomer(struct scene *s)
{
	const char *result;
	int att, ret;

	att = scene_attach(s, 0, 0);
	if (att < 0)
		return result_name(att);
	ret = dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);
	result = ret ? result_name(ret) : device_sees(att, s, "maps");
	close(att);
	return result;
}

const char *scene_cpu(struct scene *s)
{
	uint32_t crc;
	int sig;

	if (!s->window)
		return NULL;
	sig = fault_on_read(s->window);
	if (sig)
		return sig == SIGBUS ? "SIGBUS" : "another signal";
	if (!cpu_writes(s, &crc))
		return "sees what is gone";
	return crc32(s->window, CONTENTS) == crc ? "sees" : "other contents";
}
