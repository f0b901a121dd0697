// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pass of a job over its range: piece by piece, along the segments of the mapping.
 *
 * Whatever does the DMA is told nothing but DMA addresses, as a device is.
 */

#include <linux/mm.h>
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

static struct dbi_place dbi_pos_place(const struct dbi_pos *pos)
{
	return (struct dbi_place){
		.addr = sg_dma_address(pos->sg) + pos->skip,
		.marked = sg_dma_is_bus_address(pos->sg),
	};
}

/* Bytes from @pos to where it may be something else. */
static size_t dbi_pos_span(const struct dbi_job *job, const struct dbi_pos *pos)
{
	size_t step = job->map->nr_windows ? DBI_IO_BYTES : PAGE_SIZE;
	dma_addr_t addr = sg_dma_address(pos->sg) + pos->skip;

	return min_t(size_t, sg_dma_len(pos->sg) - pos->skip,
		     step - (addr & (step - 1)));
}

static int dbi_pass_transfer(struct dbi_job *job, const struct dbi_piece *piece,
			     u32 *crc)
{
	return dbi_is_real(job->att) ? dbi_dmaengine_transfer(job, piece, crc) :
				       dbi_software_transfer(job, piece, crc);
}

/* Moves all data. 0; -ECANCELED if cut short; -EFAULT; or -EIO. */
int dbi_pass(struct dbi_job *job, u32 *crc)
{
	struct dbi_pos from = dbi_pos_at(job, job->offset);
	struct dbi_pos to = dbi_pos_at(job, job->dst_offset);
	bool copies = job->op == DMABUF_REVOKE_OP_COPY;
	struct dbi_piece piece = {};
	u64 done = 0;
	int ret;

	for (*crc = ~0U; done < job->length; done += piece.bytes) {
		if (dbi_job_is_cut(job))
			return -ECANCELED;
		/* RCU-tasks, too, is to see that a stream without end comes by here. */
		cond_resched_tasks_rcu_qs();

		piece.from = dbi_pos_place(&from);
		piece.offset = job->offset + done;
		piece.bytes = min_t(u64, job->length - done, dbi_pos_span(job, &from));
		if (copies) {
			piece.to = dbi_pos_place(&to);
			piece.bytes = min(piece.bytes, dbi_pos_span(job, &to));
		}
		ret = dbi_pass_transfer(job, &piece, crc);
		if (ret)
			return ret;
		dbi_pos_advance(&from, piece.bytes);
		if (copies)
			dbi_pos_advance(&to, piece.bytes);
	}
	*crc = ~*crc;
	return 0;
}
