// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer that one thread writes to, by CPU and by DMA, and all others disturb:
 * they move it, suspend it, read it. Its contents are the thread's own.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "races.h"

static uint32_t crc32(const void *data, size_t size)
{
	static const uint32_t table[] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *byte = data;
	uint32_t crc = ~0U;

	for (size_t i = 0; i < size; i++) {
		crc = table[(crc ^ byte[i]) & 15] ^ crc >> 4;
		crc = table[(crc ^ byte[i] >> 4) & 15] ^ crc >> 4;
	}
	return ~crc;
}

static void attach_own(struct race_thread *thread)
{
	static const struct {
		uint64_t misbehave;
		uint64_t delay_ns;
	} ways[] = {
		{ 0, 0 },
		{ 0, 0 },
		{ DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP, 2 * RACE_MSEC },
		{ DMABUF_REVOKE_MISBEHAVE_LATE_FENCE, RACE_MSEC },
	};
	unsigned int way = thread->slot + thread->process->life;
	struct race_kept *kept = &thread->kept;

	kept->att = dr_attach_misbehaving(thread->process->importer, kept->fd,
					  DMABUF_REVOKE_KIND_DYNAMIC, way % 2,
					  ways[way % 4].misbehave,
					  ways[way % 4].delay_ns);
}

void race_kept_begin(struct race_thread *thread)
{
	struct race_kept *kept = &thread->kept;
	int ret;

	*kept = (struct race_kept){ .owner = -1, .fd = -1, .att = -1 };
	kept->owner = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	ret = dr_alloc_faulty(kept->owner, RACE_KEPT_SIZE,
			      thread->slot % 2 ? DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY :
						 0,
			      thread->board->options.faults, &kept->id,
			      &kept->fd);
	if (ret)
		return;
	kept->address = mmap(NULL, RACE_KEPT_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED, kept->fd, 0);
	if (kept->address == MAP_FAILED) {
		kept->address = NULL;
		return;
	}
	attach_own(thread);
	kept->known = true;
	atomic_store(&thread->board->slots[thread->slot], kept->id);
}

void race_kept_end(struct race_thread *thread)
{
	struct race_kept *kept = &thread->kept;

	if (kept->address)
		munmap(kept->address, RACE_KEPT_SIZE);
	if (kept->att >= 0)
		close(kept->att);
	if (kept->fd >= 0)
		close(kept->fd);
	if (kept->owner >= 0)
		close(kept->owner);
}

static int store(struct race_kept *kept, unsigned int index, uint64_t value)
{
	if (race_store((uint64_t *)kept->address + index, value))
		return -EFAULT;
	kept->words[index] = value;
	return 0;
}

/* By the CPU, all of it if need be. A store that faults did not happen. */
int race_kept_write(struct race_thread *thread, const uint16_t *arg)
{
	struct race_kept *kept = &thread->kept;
	unsigned int i;
	int ret = 0;

	if (!kept->address)
		return RACE_NOTHING;
	if (!kept->known) {
		for (i = 0; i < RACE_KEPT_WORDS && !ret; i++)
			ret = store(kept, i, arg[0] + i);
		kept->known = !ret;
		return ret;
	}
	for (i = 0; i < 1U + arg[1] % 16 && !ret; i++)
		ret = store(kept, (arg[2] + i * (arg[3] | 1U)) % RACE_KEPT_WORDS,
			    arg[0] * 0x10001UL + i);
	return ret;
}

/*
 * 0, or what went wrong. The job has ended in any case: to close the attachment is
 * not enough for that, since a child of another thread may have it open, too.
 */
static int run(struct race_thread *thread, struct dmabuf_revoke_submit *job,
	       struct dmabuf_revoke_wait *out)
{
	struct race_kept *kept = &thread->kept;
	int ret;

	if (kept->att < 0)
		attach_own(thread);
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

int race_kept_dma(struct race_thread *thread, const uint16_t *arg)
{
	struct race_kept *kept = &thread->kept;
	struct dmabuf_revoke_submit job = {
		.op = DMABUF_REVOKE_OP_WRITE,
		.pattern = arg[0] * 0x0001000200030004 + arg[1],
		.length = RACE_KEPT_SIZE,
		.flags = arg[2] % 4 ? 0 : DMABUF_REVOKE_SUBMIT_BOOKKEEP,
		.duration_ns = arg[3] % 4 ? 0 : arg[4] % 1024 * 1000,
	};
	struct dmabuf_revoke_wait out;
	int ret;

	if (!kept->address)
		return RACE_NOTHING;
	if (kept->known) {
		job.offset = arg[4] % RACE_KEPT_WORDS * 8;
		job.length = 8 + arg[5] % (RACE_KEPT_SIZE - job.offset) / 8 * 8;
		if (job.length > RACE_KEPT_SIZE - job.offset)
			job.length -= 8;
	}
	ret = run(thread, &job, &out);
	if (ret)
		return ret;
	for (uint64_t i = job.offset / 8; i < (job.offset + job.length) / 8; i++)
		kept->words[i] = job.pattern;
	kept->known = true;
	return 0;
}

static void check_crc(struct race_thread *thread, const char *how, uint32_t have)
{
	uint32_t want = crc32(thread->kept.words, RACE_KEPT_SIZE);

	if (have != want)
		race_violation(thread, "%s of buffer %llu gives %08x, not %08x",
			       how, (unsigned long long)thread->kept.id, have,
			       want);
}

static int check_by_cpu(struct race_thread *thread, const uint16_t *arg)
{
	struct race_kept *kept = &thread->kept;
	uint64_t value;

	for (unsigned int i = 0; i < 32; i++) {
		unsigned int index = (arg[1] + i * 67) % RACE_KEPT_WORDS;

		if (race_load((uint64_t *)kept->address + index, &value))
			return -EFAULT;
		if (value != kept->words[index])
			race_violation(thread, "word %u of buffer %llu is %llx, not %llx",
				       index, (unsigned long long)kept->id,
				       (unsigned long long)value,
				       (unsigned long long)kept->words[index]);
	}
	return 0;
}

static int check_by_vmap(struct race_thread *thread)
{
	uint32_t crc;
	int ret;

	if (thread->kept.att < 0)
		attach_own(thread);
	ret = race_vmap_bounded(thread->kept.att, &crc);
	if (ret)
		return ret;
	check_crc(thread, "vmap", crc);
	return dr_vunmap(thread->kept.att);
}

int race_kept_check(struct race_thread *thread, const uint16_t *arg)
{
	struct dmabuf_revoke_submit job = {
		.op = DMABUF_REVOKE_OP_READ,
		.length = RACE_KEPT_SIZE,
	};
	struct dmabuf_revoke_wait out;
	int ret;

	if (!thread->kept.address || !thread->kept.known)
		return RACE_NOTHING;
	switch (arg[0] % 4) {
	case 0:
		ret = run(thread, &job, &out);
		if (!ret)
			check_crc(thread, "DMA", out.crc32);
		return ret;
	case 1:
		return check_by_vmap(thread);
	default:
		return check_by_cpu(thread, arg);
	}
}
