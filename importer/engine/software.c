// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the CPU does in place of hardware.
 *
 * Like a device it knows nothing but the DMA addresses of the mapping; what is there bus.c
 * tells, each time anew.
 */

#include <linux/crc32.h>
#include <linux/highmem.h>
#include <linux/kcsan-checks.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>

#include "hooks.h"
#include "importer.h"

/* A position in a mapping. */
struct dbi_pos {
	struct scatterlist *sg;
	size_t skip;			/* in sg; less than its length */
	bool stays;			/* in sg; its end is followed by its beginning */
};

static void dbi_pos_advance(struct dbi_pos *pos, size_t bytes)
{
	pos->skip += bytes;
	while (pos->sg && pos->skip >= sg_dma_len(pos->sg)) {
		pos->skip -= sg_dma_len(pos->sg);
		if (!pos->stays)
			pos->sg = sg_next(pos->sg);
	}
}

static struct dbi_pos dbi_pos_at(struct dbi_job *job, u64 offset)
{
	struct dbi_pos pos = { .sg = job->map->table->sgl };

	/* An empty one would have no end. */
	pos.stays = !dbi_walks_table(job->att) && sg_dma_len(pos.sg);
	dbi_pos_advance(&pos, offset);
	return pos;
}

/* Bytes from @pos to the end of its page or of its segment. */
static size_t dbi_pos_span(const struct dbi_pos *pos)
{
	dma_addr_t addr = sg_dma_address(pos->sg) + pos->skip;

	return min_t(size_t, sg_dma_len(pos->sg) - pos->skip,
		     PAGE_SIZE - offset_in_page(addr));
}

/* Memory at the DMA address of @pos. Undo: kunmap_local(). NULL: a fault, which is told. */
static void *dbi_pos_access(struct dbi_job *job, const struct dbi_pos *pos)
{
	dma_addr_t addr = sg_dma_address(pos->sg) + pos->skip;
	void *mem = dbi_bus_access(job->att->device, addr);

	if (!mem)
		dbi_event(job->att, DMABUF_REVOKE_EVENT_DMA_FAULT, addr);
	return mem;
}

/* Byte i of the buffer becomes byte i modulo 8 of the pattern. */
static void dbi_fill(u8 *to, size_t bytes, u64 offset, u64 pattern)
{
	__le64 word = cpu_to_le64(ror64(pattern, offset % 8 * 8));

	for (; bytes >= sizeof(word); bytes -= sizeof(word), to += sizeof(word))
		memcpy(to, &word, sizeof(word));
	memcpy(to, &word, bytes);
}

static int dbi_software_copy(struct dbi_job *job, const struct dbi_pos *to,
			     const void *mem, size_t bytes)
{
	void *dst = dbi_pos_access(job, to);

	if (!dst)
		return -EFAULT;
	/* They overlap only where a hook says where they are. */
	memmove(dst, mem, bytes);
	kunmap_local(dst);
	return 0;
}

/* @bytes that lie in one page on either side, @done bytes into the range. 0, or -EFAULT. */
static int dbi_software_transfer(struct dbi_job *job, const struct dbi_pos *from,
				 const struct dbi_pos *to, size_t bytes,
				 u64 done, u32 *crc)
{
	void *mem = dbi_pos_access(job, from);
	int ret = 0;

	if (!mem)
		return -EFAULT;
	switch (job->op) {
	case DMABUF_REVOKE_OP_READ:
		*crc = crc32_le(*crc, mem, bytes);
		break;
	case DMABUF_REVOKE_OP_WRITE:
		dbi_fill(mem, bytes, job->offset + done, job->pattern);
		break;
	case DMABUF_REVOKE_OP_COPY:
		ret = dbi_software_copy(job, to, mem, bytes);
		break;
	}
	kunmap_local(mem);
	return ret;
}

/* Moves all data of one pass, page by page. 0; -ECANCELED if cut short; or -EFAULT. */
int dbi_software_move(struct dbi_job *job, u32 *crc)
{
	struct dbi_pos from = dbi_pos_at(job, job->offset);
	struct dbi_pos to = dbi_pos_at(job, job->dst_offset);
	u64 done = 0;
	size_t n;
	int ret;

	for (*crc = ~0U; done < job->length; done += n) {
		if (dbi_job_is_cut(job))
			return -ECANCELED;
		/* RCU-tasks, too, is to see that a stream without end comes by here. */
		cond_resched_tasks_rcu_qs();

		n = min_t(u64, job->length - done, dbi_pos_span(&from));
		if (job->op == DMABUF_REVOKE_OP_COPY)
			n = min(n, dbi_pos_span(&to));
		/* Whose memory it is writes to it when they like: no race of ours. */
		kcsan_disable_current();
		ret = dbi_software_transfer(job, &from, &to, n, done, crc);
		kcsan_enable_current();
		if (ret)
			return ret;
		dbi_pos_advance(&from, n);
		if (job->op == DMABUF_REVOKE_OP_COPY)
			dbi_pos_advance(&to, n);
	}
	*crc = ~*crc;
	return 0;
}
