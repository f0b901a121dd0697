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

#include "importer.h"

#define DBI_IO_WORD	sizeof(__le32)

/* What is at @place. Undo: dbi_reach_done(). False: a fault, which is told. */
static bool dbi_software_access(struct dbi_job *job, const struct dbi_place *place,
				struct iosys_map *at)
{
	bool there = dbi_reach(job->map, place, at);

	if (!there)
		dbi_event(job->att, DMABUF_REVOKE_EVENT_DMA_FAULT, place->addr);
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
void dbi_fill(u8 *to, size_t bytes, u64 offset, u64 pattern)
{
	__le64 word = cpu_to_le64(ror64(pattern, offset % 8 * 8));

	for (; bytes >= sizeof(word); bytes -= sizeof(word), to += sizeof(word))
		memcpy(to, &word, sizeof(word));
	memcpy(to, &word, bytes);
}

static void dbi_software_fill(const struct dbi_job *job,
			      const struct dbi_piece *piece,
			      const struct iosys_map *at, u8 *buffer)
{
	dbi_fill(at->is_iomem ? buffer : at->vaddr, piece->bytes, piece->offset,
		 job->pattern);
	if (at->is_iomem)
		dbi_io_write(at->vaddr_iomem, buffer, piece->bytes);
}

static int dbi_software_copy(struct dbi_job *job, const struct dbi_piece *piece,
			     const void *mem)
{
	struct iosys_map at;

	if (!dbi_software_access(job, &piece->to, &at))
		return -EFAULT;
	/* They overlap only where a hook says where they are. */
	if (at.is_iomem)
		dbi_io_write(at.vaddr_iomem, mem, piece->bytes);
	else
		memmove(at.vaddr, mem, piece->bytes);
	dbi_reach_done(&at);
	return 0;
}

/* 0, or -EFAULT. */
int dbi_software_transfer(struct dbi_job *job, const struct dbi_piece *piece,
			  u32 *crc)
{
	u8 buffer[DBI_IO_BYTES];
	struct iosys_map at;
	const void *mem;
	int ret = 0;

	if (!dbi_software_access(job, &piece->from, &at))
		return -EFAULT;
	/* Whose memory it is writes to it when they like: no race of ours. */
	kcsan_disable_current();
	if (job->op == DMABUF_REVOKE_OP_WRITE) {
		dbi_software_fill(job, piece, &at, buffer);
	} else {
		mem = dbi_read(&at, buffer, piece->bytes);
		if (job->op == DMABUF_REVOKE_OP_READ)
			*crc = crc32_le(*crc, mem, piece->bytes);
		else
			ret = dbi_software_copy(job, piece, mem);
	}
	kcsan_enable_current();
	dbi_reach_done(&at);
	return ret;
}
