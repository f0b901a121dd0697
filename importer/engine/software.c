// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the CPU does in place of hardware.
 *
 * Like a device it knows nothing but the DMA addresses of the mapping; what is there reach.c
 * tells, each time anew. I/O memory is accessed in words of 32 bits, as many devices want it.
 */

#include <linux/crc32.h>
#include <linux/io.h>
#include <linux/kcsan-checks.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>

#include "hooks.h"
#include "importer.h"

/* What is read, or written, of I/O memory in one go; a power of two. */
#define DBI_IO_BYTES	128
#define DBI_IO_WORD	sizeof(__le32)

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

/* Bytes from @pos to where it may be something else. */
static size_t dbi_pos_span(const struct dbi_job *job, const struct dbi_pos *pos)
{
	size_t step = job->map->nr_windows ? DBI_IO_BYTES : PAGE_SIZE;
	dma_addr_t addr = sg_dma_address(pos->sg) + pos->skip;

	return min_t(size_t, sg_dma_len(pos->sg) - pos->skip,
		     step - (addr & (step - 1)));
}

/* What is at the DMA address of @pos. Undo: dbi_reach_done(). False: a fault, which is told. */
static bool dbi_pos_access(struct dbi_job *job, const struct dbi_pos *pos,
			   struct iosys_map *at)
{
	dma_addr_t addr = sg_dma_address(pos->sg) + pos->skip;
	bool there = dbi_reach(job->map, pos->sg, addr, at);

	if (!there)
		dbi_event(job->att, DMABUF_REVOKE_EVENT_DMA_FAULT, addr);
	return there;
}

/* Of the word that @io is in: where it is there. */
static size_t dbi_io_skip(const void __iomem *io)
{
	return (__force unsigned long)io % DBI_IO_WORD;
}

static void dbi_io_read(u8 *to, const void __iomem *io, size_t bytes)
{
	size_t skip = dbi_io_skip(io), n;
	__le32 word;

	for (io -= skip; bytes; bytes -= n, to += n, io += DBI_IO_WORD) {
		word = cpu_to_le32(readl(io));
		n = min(bytes, DBI_IO_WORD - skip);
		memcpy(to, (u8 *)&word + skip, n);
		skip = 0;
	}
}

/* What of the first and the last word is not written stays as it is. */
static void dbi_io_write(void __iomem *io, const u8 *from, size_t bytes)
{
	size_t skip = dbi_io_skip(io), n;
	__le32 word = 0;

	for (io -= skip; bytes; bytes -= n, from += n, io += DBI_IO_WORD) {
		n = min(bytes, DBI_IO_WORD - skip);
		if (n < DBI_IO_WORD)
			word = cpu_to_le32(readl(io));
		memcpy((u8 *)&word + skip, from, n);
		writel(le32_to_cpu(word), io);
		skip = 0;
	}
}

/* Where @bytes can be read that are at @at: there, or in @buffer. */
static const void *dbi_read(const struct iosys_map *at, u8 *buffer, size_t bytes)
{
	if (!at->is_iomem)
		return at->vaddr;
	dbi_io_read(buffer, at->vaddr_iomem, bytes);
	return buffer;
}

/* Byte i of the buffer becomes byte i modulo 8 of the pattern. */
static void dbi_fill(u8 *to, size_t bytes, u64 offset, u64 pattern)
{
	__le64 word = cpu_to_le64(ror64(pattern, offset % 8 * 8));

	for (; bytes >= sizeof(word); bytes -= sizeof(word), to += sizeof(word))
		memcpy(to, &word, sizeof(word));
	memcpy(to, &word, bytes);
}

static void dbi_software_fill(const struct dbi_job *job,
			      const struct iosys_map *at, u8 *buffer,
			      size_t bytes, u64 offset)
{
	dbi_fill(at->is_iomem ? buffer : at->vaddr, bytes, offset, job->pattern);
	if (at->is_iomem)
		dbi_io_write(at->vaddr_iomem, buffer, bytes);
}

static int dbi_software_copy(struct dbi_job *job, const struct dbi_pos *to,
			     const void *mem, size_t bytes)
{
	struct iosys_map at;

	if (!dbi_pos_access(job, to, &at))
		return -EFAULT;
	/* They overlap only where a hook says where they are. */
	if (at.is_iomem)
		dbi_io_write(at.vaddr_iomem, mem, bytes);
	else
		memmove(at.vaddr, mem, bytes);
	dbi_reach_done(&at);
	return 0;
}

/* @bytes that are in one piece on either side, @done bytes into the range. 0, or -EFAULT. */
static int dbi_software_transfer(struct dbi_job *job, const struct dbi_pos *from,
				 const struct dbi_pos *to, size_t bytes,
				 u64 done, u32 *crc)
{
	u8 buffer[DBI_IO_BYTES];
	struct iosys_map at;
	int ret = 0;

	if (!dbi_pos_access(job, from, &at))
		return -EFAULT;
	switch (job->op) {
	case DMABUF_REVOKE_OP_READ:
		*crc = crc32_le(*crc, dbi_read(&at, buffer, bytes), bytes);
		break;
	case DMABUF_REVOKE_OP_WRITE:
		dbi_software_fill(job, &at, buffer, bytes, job->offset + done);
		break;
	case DMABUF_REVOKE_OP_COPY:
		ret = dbi_software_copy(job, to, dbi_read(&at, buffer, bytes),
					bytes);
		break;
	}
	dbi_reach_done(&at);
	return ret;
}

/* Moves all data of one pass, piece by piece. 0; -ECANCELED if cut short; or -EFAULT. */
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

		n = min_t(u64, job->length - done, dbi_pos_span(job, &from));
		if (job->op == DMABUF_REVOKE_OP_COPY)
			n = min(n, dbi_pos_span(job, &to));
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
