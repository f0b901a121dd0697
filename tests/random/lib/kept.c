// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer that one thread writes to, by CPU and by DMA, and all others disturb:
 * they move it, suspend it, read it. Its contents are the thread's own. It is made by
 * the first operation that needs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"
#include "program.h"

static int attach_own(struct fuzz_lane *lane)
{
	static const struct {
		uint64_t misbehave;
		uint64_t delay_ns;
	} ways[] = {
		{ 0, 0 },
		{ 0, 0 },
		{ DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP, 2 * FUZZ_MSEC },
		{ DMABUF_REVOKE_MISBEHAVE_LATE_FENCE, FUZZ_MSEC },
	};
	struct fuzz_kept *kept = &lane->kept;
	unsigned int way = lane->thread + kept->id;
	struct dmabuf_revoke_attach arg = {
		.dmabuf_fd = kept->fd,
		.kind = DMABUF_REVOKE_KIND_DYNAMIC,
		.flags = way % 2,
		.fd_flags = O_CLOEXEC,
		.misbehave = ways[way % 4].misbehave,
		.delay_ns = ways[way % 4].delay_ns,
	};
	int ret;

	if (kept->att >= 0)
		return 0;
	fuzz_device_name(lane->board, way / 4 % 2, arg.device);
	ret = dr_attach_as(kept->importer, &arg);
	if (!ret)
		kept->att = arg.fd;
	return ret;
}

void fuzz_kept_end(struct fuzz_lane *lane)
{
	struct fuzz_kept *kept = &lane->kept;

	if (!kept->begun)
		return;
	if (kept->address)
		munmap(kept->address, FUZZ_KEPT_SIZE);
	for (unsigned int i = 0; i < FUZZ_COUNT(kept->files); i++)
		if (kept->files[i] >= 0)
			close(kept->files[i]);
	kept->begun = false;
}

static int map(struct fuzz_kept *kept)
{
	void *address = mmap(NULL, FUZZ_KEPT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			     kept->fd, 0);

	if (address == MAP_FAILED)
		return -errno;
	kept->address = address;
	return 0;
}

static int create(struct fuzz_lane *lane)
{
	uint32_t flags = lane->thread % 2 ? DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY : 0;
	struct fuzz_kept *kept = &lane->kept;
	int ret;

	*kept = (struct fuzz_kept){
		.begun = true, .known = true, .fd = -1, .att = -1,
		.owner = dr_open(DMABUF_REVOKE_EXPORTER_PATH),
		.importer = dr_open(DMABUF_REVOKE_IMPORTER_PATH),
	};
	if (kept->owner < 0 || kept->importer < 0)
		return kept->owner < 0 ? kept->owner : kept->importer;
	ret = dr_alloc_faulty(kept->owner, FUZZ_KEPT_SIZE, flags,
			      lane->process->options->faults, &kept->id, &kept->fd);
	return ret ? ret : map(kept);
}

/* A child has its parent's, and leaves it alone. */
static int begin(struct fuzz_lane *lane)
{
	struct fuzz_kept *kept = &lane->kept;
	int ret;

	if (lane->process->is_child)
		return -EAGAIN;
	if (kept->begun)
		return 0;
	ret = create(lane);
	if (ret)
		fuzz_kept_end(lane);
	else
		atomic_store(&lane->board->shared[FUZZ_SHARED_KEPT +
						  (lane->watch - lane->board->watch)],
			     kept->id);
	return ret;
}

static int store(struct fuzz_kept *kept, unsigned int index, uint64_t value)
{
	if (fuzz_poke((uint64_t *)kept->address + index, value))
		return -EFAULT;
	kept->words[index] = value;
	return 0;
}

/* By the CPU, all of it if need be. A store that faults did not happen. */
long fuzz_kept_write(struct fuzz_lane *lane)
{
	uint64_t seed = fuzz_number(lane, "seed"), step = fuzz_number(lane, "step");
	uint64_t first = fuzz_number(lane, "first");
	struct fuzz_kept *kept = &lane->kept;
	int ret = begin(lane);
	unsigned int i;

	if (ret)
		return ret;
	if (!kept->known) {
		for (i = 0; i < FUZZ_KEPT_WORDS && !ret; i++)
			ret = store(kept, i, seed + i);
		kept->known = !ret;
		return ret;
	}
	for (i = 0; i <= fuzz_number(lane, "count") % 16 && !ret; i++)
		ret = store(kept, (first + i * (step | 1)) % FUZZ_KEPT_WORDS,
			    seed * 0x10001 + i);
	return ret;
}

/*
 * 0, or what went wrong. The job has ended in any case: to close the attachment is
 * not enough for that, since a child of another thread may have it open, too.
 */
static int run(struct fuzz_lane *lane, struct dmabuf_revoke_submit *job,
	       struct dmabuf_revoke_wait *out)
{
	struct fuzz_kept *kept = &lane->kept;
	int ret = attach_own(lane);

	if (!ret)
		ret = dr_submit(kept->att, job);
	if (ret)
		return ret;
	if (job->op == DMABUF_REVOKE_OP_WRITE)
		kept->known = false;
	do
		ret = dr_wait(kept->att, job->job, DMABUF_REVOKE_FOREVER, out);
	while (ret == -EINTR || ret == -EFAULT || ret == -ENOMEM);
	return ret ? ret : out->status;
}

long fuzz_kept_dma(struct fuzz_lane *lane)
{
	uint64_t seed = fuzz_number(lane, "seed");
	struct fuzz_kept *kept = &lane->kept;
	struct dmabuf_revoke_submit job = {
		.op = DMABUF_REVOKE_OP_WRITE,
		.pattern = seed * 0x0001000200030004 + 1,
		.length = FUZZ_KEPT_SIZE,
		.flags = fuzz_number(lane, "bookkeep") == 1 ?
			 DMABUF_REVOKE_SUBMIT_BOOKKEEP : 0,
		.duration_ns = fuzz_number(lane, "us") % 1024 * 1000,
	};
	uint64_t first = fuzz_number(lane, "first") % FUZZ_KEPT_WORDS;
	uint64_t words = fuzz_number(lane, "words");
	struct dmabuf_revoke_wait out;
	int ret = begin(lane);

	if (ret)
		return ret;
	if (kept->known) {
		job.offset = first * 8;
		job.length = 8 * (1 + words % (FUZZ_KEPT_WORDS - first));
	}
	ret = run(lane, &job, &out);
	if (ret)
		return ret;
	for (uint64_t i = job.offset / 8; i < (job.offset + job.length) / 8; i++)
		kept->words[i] = job.pattern;
	kept->known = true;
	return 0;
}

static void check_crc(struct fuzz_lane *lane, const char *how, uint32_t have)
{
	uint32_t want = crc32(lane->kept.words, FUZZ_KEPT_SIZE);

	if (have != want)
		fuzz_wrong(lane, "%s of buffer %llu gives %08x, not %08x", how,
			   (unsigned long long)lane->kept.id, have, want);
}

static int check_by_dma(struct fuzz_lane *lane)
{
	struct dmabuf_revoke_submit job = {
		.op = DMABUF_REVOKE_OP_READ,
		.length = FUZZ_KEPT_SIZE,
	};
	struct dmabuf_revoke_wait out;
	int ret = run(lane, &job, &out);

	if (!ret)
		check_crc(lane, "DMA", out.crc32);
	return ret;
}

static int check_by_cpu(struct fuzz_lane *lane)
{
	uint64_t value, first = fuzz_number(lane, "first");
	struct fuzz_kept *kept = &lane->kept;

	for (unsigned int i = 0; i < 32; i++) {
		unsigned int index = (first + i * 67) % FUZZ_KEPT_WORDS;

		if (fuzz_peek((uint64_t *)kept->address + index, &value))
			return -EFAULT;
		if (value != kept->words[index])
			fuzz_wrong(lane, "word %u of buffer %llu is %llx, not %llx",
				   index, (unsigned long long)kept->id,
				   (unsigned long long)value,
				   (unsigned long long)kept->words[index]);
	}
	return 0;
}

static int check_by_vmap(struct fuzz_lane *lane)
{
	uint32_t crc;
	int ret = attach_own(lane);

	if (!ret)
		ret = dr_vmap(lane->kept.att, &crc);
	if (ret)
		return ret;
	check_crc(lane, "vmap", crc);
	/* It would hold up all moves. */
	do
		ret = dr_vunmap(lane->kept.att);
	while (ret == -EINTR);
	return ret;
}

long fuzz_kept_check(struct fuzz_lane *lane)
{
	int ret = begin(lane);

	if (ret)
		return ret;
	if (!lane->kept.known)
		return -EAGAIN;
	switch (fuzz_number(lane, "how") % 4) {
	case 0:
		return check_by_dma(lane);
	case 1:
		return check_by_vmap(lane);
	default:
		return check_by_cpu(lane);
	}
}
