// SPDX-License-Identifier: GPL-2.0-only
/*
 * What memory is made of, by ALLOC and MOVE: in one piece, in single pages out of order,
 * a little again and again; and tables that name no page.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "life.h"

#define S(name) DMABUF_REVOKE_SHAPE_##name
#define GIB (1024 * MIB)

static int alloc_shape(uint64_t length, uint32_t flags, uint32_t shape, uint64_t arg,
		       struct buffer *buffer)
{
	struct dmabuf_revoke_alloc alloc = {
		.flags = flags,
		.length = length,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.shape = shape,
		.shape_arg = arg,
	};
	int ret = dr_alloc_as(exporter, &alloc);

	*buffer = (struct buffer){ alloc.id, alloc.length, alloc.fd };
	return ret;
}

static struct buffer shaped(uint64_t length, uint32_t flags, uint32_t shape, uint64_t arg)
{
	struct buffer buffer;

	succeeds(alloc_shape(length, flags, shape, arg, &buffer));
	return buffer;
}

static int move_shape(uint64_t id, uint32_t shape, uint64_t arg)
{
	struct dmabuf_revoke_move move = {
		.id = id,
		.deadline_ns = DMABUF_REVOKE_FOREVER,
		.shape = shape,
		.shape_arg = arg,
	};

	return dr_move_as(exporter, &move);
}

/* Of a mapping of its own: the segments, after the device has read what the CPU wrote. */
static uint32_t segments(const struct buffer *buffer, uint32_t seed)
{
	int att = attach_mapped(buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer->fd, buffer->length);
	uint32_t count = status(att).segments;

	fill_noise(memory, buffer->length, seed);
	equal(device_crc(att, 0, buffer->length), crc32(memory, buffer->length));
	cpu_unmap(memory, buffer->length);
	close(att);
	return count;
}

/* --- one chunk ---------------------------------------------------------------- */

CASE(shapes, one_chunk_is_one_segment)
{
	for (uint64_t length = PAGE; length <= MIB; length *= 4) {
		uint64_t before = bytes_in_system();
		struct buffer buffer = shaped(length, 0, S(ONE_CHUNK), 0);

		equal(bytes_in_system(), before + length);
		equal(segments(&buffer, 1), 1);
		revoke_fully(buffer.id);
		equal(bytes_in_system(), before);
		close(buffer.fd);
	}
}

CASE(shapes, one_chunk_that_cannot_be)
{
	struct buffer buffer;

	fails(alloc_shape(3 * PAGE, 0, S(ONE_CHUNK), 0, &buffer), EINVAL);
	fails(alloc_shape(PAGE, 0, S(ONE_CHUNK), 1, &buffer), EINVAL);
	fails(alloc_shape(GIB, 0, S(ONE_CHUNK), 0, &buffer), EOVERFLOW);
	equal(buffers_in_system(), 0);
}

/* --- single pages ---------------------------------------------------------------- */

CASE(shapes, shuffled_has_a_segment_for_each_page)
{
	for (uint64_t seed = 0; seed < 3; seed++) {
		uint64_t before = bytes_in_system();
		struct buffer buffer = shaped(256 * PAGE, 0, S(SHUFFLED), seed - 1);

		equal(bytes_in_system(), before + 256 * PAGE);
		equal(segments(&buffer, 2), 256);
		revoke_fully(buffer.id);
		equal(bytes_in_system(), before);
		close(buffer.fd);
	}
}

CASE(shapes, E14_move_takes_another_shape)
{
	struct buffer buffer = buffer_alloc(256 * PAGE, 0);
	uint8_t *memory = cpu_map(buffer.fd, buffer.length);
	uint32_t crc;

	fill_noise(memory, buffer.length, 3);
	crc = crc32(memory, buffer.length);
	succeeds(move_shape(buffer.id, S(SHUFFLED), 7));
	equal(crc32(memory, buffer.length), crc);
	equal(segments(&buffer, 3), 256);
	succeeds(move_shape(buffer.id, S(ONE_CHUNK), 0));
	equal(crc32(memory, buffer.length), crc);
	equal(segments(&buffer, 3), 1);
	succeeds(move_shape(buffer.id, S(DEFAULT), 0));
	equal(crc32(memory, buffer.length), crc);
	fails(move_shape(buffer.id, S(DEFAULT), 1), EINVAL);
	fails(move_shape(buffer.id, S(ONE_CHUNK), 1), EINVAL);
	fails(move_shape(buffer.id, S(REPEATED), PAGE), EINVAL);
	fails(move_shape(buffer.id, S(REPEATED) + 1, 0), EINVAL);
	equal(query(buffer.id).moves, 3);
	cpu_unmap(memory, buffer.length);
	close(buffer.fd);
}

/* --- a little again and again ------------------------------------------------------ */

static uint8_t *window(const struct buffer *buffer, uint64_t offset, uint64_t length)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd,
			    offset);

	holds(memory != MAP_FAILED, "mmap: %s", strerrorname_np(errno));
	return memory;
}

static void is_repeated(uint64_t length)
{
	uint64_t before = bytes_in_system(), far = length - 4 * MIB;
	struct buffer buffer = shaped(length, 0, S(REPEATED), 4 * MIB);
	uint8_t *first = window(&buffer, 0, 4 * MIB);
	uint8_t *last = window(&buffer, far, 4 * MIB);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	equal(bytes_in_system(), before + 4 * MIB);
	equal(status(att).length, length);
	holds(status(att).segments >= length / (4 * MIB));
	fill_noise(first, 4 * MIB, 4);
	holds(!memcmp(first, last, 4 * MIB));
	equal(device_crc(att, far + 5, MIB), crc32(first + 5, MIB));
	collect_ok(att, submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.offset = far + PAGE,
		.length = PAGE,
		.pattern = 5,
	}));
	cpu_begins(buffer.fd);
	holds(is_filled(first + PAGE, PAGE, 5));
	cpu_ends(buffer.fd);
	close(att);

	revoke_fully(buffer.id);
	equal(bytes_in_system(), before);
	cpu_unmap(first, 4 * MIB);
	cpu_unmap(last, 4 * MIB);
	close(buffer.fd);
}

CASE(shapes, E10_repeated_beyond_4_GiB_warns_overlap)
{
	is_repeated(5 * GIB);
}

CASE(shapes, E10_repeated_beyond_8_GiB_warns_overlap)
{
	is_repeated(9 * GIB);
}

/* What is counted for whoever has it is what it takes, however often it is there. */
CASE(shapes, E10_repeated_takes_no_more_than_is_counted)
{
	struct buffer buffers[8];
	uint64_t before;

	/* What the first one of all takes for good. */
	buffers[0] = shaped(2 * PAGE, 0, S(REPEATED), PAGE);
	revoke_fully(buffers[0].id);
	close(buffers[0].fd);
	before = memory_of_system("MemFree");
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		buffers[i] = shaped(4 * GIB, 0, S(REPEATED), PAGE);
	equal(bytes_in_system(), ARRAY_SIZE(buffers) * PAGE);
	holds(memory_of_system("MemFree") + 32 * MIB > before, "%lld MiB are gone",
	      (long long)((before - memory_of_system("MemFree")) / MIB));
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		close(buffers[i].fd);
}

/* Once, and in its own place. */
CASE(shapes, E14_repeated_is_moved)
{
	uint64_t before = bytes_in_system();
	struct buffer buffer = shaped(4 * GIB + 64 * PAGE, 0, S(REPEATED), 64 * PAGE);
	uint8_t *memory = window(&buffer, 4 * GIB, 64 * PAGE);
	uint32_t crc;

	fill_noise(memory, 64 * PAGE, 6);
	crc = crc32(memory, 64 * PAGE);
	for (uint32_t i = 1; i <= 3; i++) {
		move_fully(buffer.id);
		equal(crc32(memory, 64 * PAGE), crc);
		holds(eventually(bytes_are, before + 64 * PAGE));
	}
	fails(move_shape(buffer.id, S(SHUFFLED), 0), EOPNOTSUPP);
	fails(move_shape(buffer.id, S(REPEATED), 64 * PAGE), EINVAL);
	cpu_unmap(memory, 64 * PAGE);
	close(buffer.fd);
}

CASE(shapes, repeated_in_a_vmap)
{
	struct buffer buffer = shaped(64 * PAGE, 0, S(REPEATED), PAGE);
	uint8_t *memory = cpu_map(buffer.fd, buffer.length);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint32_t crc;

	fill_noise(memory, PAGE, 7);
	succeeds(dr_vmap(att, &crc));
	equal(crc, crc32(memory, buffer.length));
	close(att);
	cpu_unmap(memory, buffer.length);
	close(buffer.fd);
}

/* What was written to is told once, by where it is first. */
CASE(shapes, repeated_in_quarantine)
{
	struct dmabuf_revoke_alloc alloc = {
		.flags = DMABUF_REVOKE_ALLOC_QUARANTINE,
		.length = 64 * PAGE,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.faults = DMABUF_REVOKE_FAULT_NO_ZAP,
		.shape = S(REPEATED),
		.shape_arg = 4 * PAGE,
	};
	uint64_t offsets[64] = { 0 };
	struct dmabuf_revoke_free out;
	uint8_t *memory;

	succeeds(dr_alloc_as(exporter, &alloc));
	memory = cpu_map(alloc.fd, alloc.length);
	revoke_fully(alloc.id);
	memory[41 * PAGE + 3] = 1;
	memory[63 * PAGE] = 1;
	succeeds(dr_free(exporter, alloc.id, offsets, 64, &out));
	equal(out.checked, 1);
	equal(out.changed, 2);
	equal(offsets[0], PAGE);
	equal(offsets[1], 3 * PAGE);
	cpu_unmap(memory, alloc.length);
	close(alloc.fd);
}

#define MOST_CHUNKS	134217727ULL

/* No array is long enough: it says so before it takes the memory. */
CASE(shapes, shuffled_that_cannot_be)
{
	uint64_t before = bytes_in_system();
	struct buffer buffer;

	fails(alloc_shape((MOST_CHUNKS + 1) * PAGE, 0, S(SHUFFLED), 0, &buffer),
	      EOVERFLOW);
	/* There is not as much memory, which is another reason. */
	fails(alloc_shape(MOST_CHUNKS * PAGE, 0, S(SHUFFLED), 0, &buffer), ENOMEM);
	equal(bytes_in_system(), before);
}

CASE(shapes, repeated_that_cannot_be)
{
	struct buffer buffer;

	fails(alloc_shape(4 * PAGE, 0, S(REPEATED), 0, &buffer), EINVAL);
	fails(alloc_shape(4 * PAGE, 0, S(REPEATED), 3 * PAGE, &buffer), EINVAL);
	fails(alloc_shape(4 * PAGE, 0, S(REPEATED), 5 * PAGE, &buffer), EINVAL);
	fails(alloc_shape(4 * PAGE, 0, S(REPEATED), UINT64_MAX, &buffer), EINVAL);
	fails(alloc_shape(16 * GIB + PAGE, 0, S(REPEATED), PAGE, &buffer), EOVERFLOW);
	/* Of 16 KiB there are no more pieces than there may be. */
	fails(alloc_shape((MIB + 1) * PAGE, 0, S(REPEATED), PAGE, &buffer), EOVERFLOW);
	fails(alloc_shape(4 * PAGE, 0, S(REPEATED) + 1, 0, &buffer), EINVAL);
	fails(alloc_shape(4 * PAGE, 0, UINT32_MAX, 0, &buffer), EINVAL);
	fails(alloc_shape(4 * PAGE, 0, S(DEFAULT), 1, &buffer), EINVAL);
	equal(buffers_in_system(), 0);
	equal(bytes_in_system(), 0);
}

CASE(shapes, reserved_is_EINVAL)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct dmabuf_revoke_alloc alloc = {
		.size = sizeof(alloc), .length = PAGE, .reserved = 1,
	};
	struct dmabuf_revoke_move move = {
		.size = sizeof(move), .id = buffer.id, .reserved = 1,
	};

	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_ALLOC, &alloc)), EINVAL);
	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_MOVE, &move)), EINVAL);
	equal(query(buffer.id).moves, 0);
	close(buffer.fd);
}

/* --- a table without pages ----------------------------------------------------------- */

CASE(shapes, I13_bare_table_is_enough)
{
	const uint32_t flags = DMABUF_REVOKE_ALLOC_BARE_TABLE | ACCEPT_LEGACY;
	struct buffer buffer = shaped(256 * PAGE, flags, S(SHUFFLED), 8);
	uint8_t *memory = cpu_map(buffer.fd, buffer.length);

	equal(query(buffer.id).alloc_flags, flags);
	for (uint32_t kind = 0; kind <= DMABUF_REVOKE_KIND_LEGACY_RDMA; kind++) {
		int att = attach_mapped(buffer.fd, kind, 0);

		equal(status(att).segments, 256);
		fill_noise(memory, buffer.length, kind);
		equal(device_crc(att, 0, buffer.length),
		      crc32(memory, buffer.length));
		succeeds(dr_unmap(att));
		succeeds(dr_map(att, DMABUF_REVOKE_FROM_DEVICE));
		collect_ok(att, submit_fill(att, buffer.length, kind + 1, 0));
		cpu_begins(buffer.fd);
		holds(is_filled(memory, buffer.length, kind + 1));
		cpu_ends(buffer.fd);
		close(att);
	}
	revoke_fully(buffer.id);
	cpu_unmap(memory, buffer.length);
	close(buffer.fd);
}
