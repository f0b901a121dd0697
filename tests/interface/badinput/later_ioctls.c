// SPDX-License-Identifier: GPL-2.0-only
/*
 * Input that is bad in the same way for every ioctl that came after the first ones:
 * sizes, flags, memory, ids. Each has its errno, and nothing else happens.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "life.h"

/* What the calls work on; anew for every one of them that may succeed. */
static struct buffer buffer;
static int att;

static void objects_new(void)
{
	buffer = buffer_alloc(PAGE, 0);
	att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
}

static void objects_free(void)
{
	close(att);
	close(buffer.fd);
}

enum file { EXPORTER, IMPORTER, ATTACHMENT };

struct row {
	const char *name;
	enum file file;
	unsigned long request;
	uint32_t size;
	uint32_t least;			/* of it, as it was first published */
	size_t id;			/* where the buffer is named; 0: nowhere */
	size_t reserved;		/* where a zero has to be; 0: nowhere */
	bool answers;			/* has [out] members */
};

#define GROWN_ROW(file, request, name, least, id, reserved, answers)	\
	{								\
		#request, file, DMABUF_REVOKE_IOC_##request,		\
		sizeof(struct dmabuf_revoke_##name), least, id,		\
		reserved, answers					\
	}

#define ROW(file, request, name, ...)					\
	GROWN_ROW(file, request, name,					\
		  sizeof(struct dmabuf_revoke_##name), __VA_ARGS__)

static const struct row rows[] = {
	ROW(EXPORTER, RESTORE, restore, 8, 0, false),
	GROWN_ROW(EXPORTER, MOVE, move, 24, 8, 36, false),
	ROW(EXPORTER, FREE, free, 8, 36, true),
	ROW(EXPORTER, EXPORT, export, 8, 0, true),
	ROW(EXPORTER, BLOCKERS, blockers, 8, 0, true),
	ROW(EXPORTER, FAULTS, faults, 8, 0, false),
	ROW(ATTACHMENT, VMAP, vmap, 0, 12, true),
	ROW(ATTACHMENT, VUNMAP, vmap, 0, 12, false),
	ROW(ATTACHMENT, SEGMENTS, segments, 0, 0, true),
	ROW(IMPORTER, DEVICES, devices, 0, 0, true),
};

#define for_each_row(row) \
	for (row = rows; row < rows + ARRAY_SIZE(rows); row++)

static int file_of(const struct row *row)
{
	const int files[] = { exporter, importer, att };

	return files[row->file];
}

static int call(const struct row *row, void *arg)
{
	return sys(ioctl(file_of(row), row->request, arg));
}

/* A good argument at the end of a page that nothing follows. */
static uint8_t *page;

static uint32_t *good_arg(const struct row *row, size_t size)
{
	uint32_t *arg;

	if (!page) {
		void *two = mmap(NULL, 2 * PAGE, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		holds(two != MAP_FAILED);
		page = two;
	}
	succeeds(sys(mprotect(page, PAGE, PROT_READ | PROT_WRITE)));
	memset(page, 0, PAGE);
	arg = (uint32_t *)(page + PAGE - size);
	arg[0] = size;
	if (row->id)
		memcpy((uint8_t *)arg + row->id, &buffer.id, sizeof(buffer.id));
	if (row->request == DMABUF_REVOKE_IOC_VUNMAP)
		succeeds(dr_vmap(att, NULL));
	return arg;
}

/* What any of the calls would change. */
struct traces {
	uint64_t fds, state, orphaned, moves, bytes, vmapped, fences;
};

static struct traces traces(void)
{
	struct dmabuf_revoke_query out = query(buffer.id);

	return (struct traces){
		.fds = open_fds(),
		.state = out.state,
		.orphaned = out.orphaned,
		.moves = out.moves,
		.bytes = bytes_in_system(),
		.vmapped = status(att).vmapped,
		.fences = out.pending.fences,
	};
}

static void leaves_no_trace(const struct row *row, void *arg, int error)
{
	struct traces before = traces();
	struct traces after;

	row_gives(row->name, call(row, arg), error);
	after = traces();
	expect(!memcmp(&before, &after, sizeof(before)),
	       "%s left something behind", row->name);
}

static bool may_not_move(void)
{
	return !kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED);
}

static void good_call_succeeds(const struct row *row, size_t size)
{
	uint32_t *arg;
	int ret;

	objects_new();
	arg = good_arg(row, size);
	ret = call(row, arg);
	/* Whether it may move, and is copied by now, is not the question here. */
	if (row->request == DMABUF_REVOKE_IOC_MOVE &&
	    (ret == -ETIMEDOUT || (ret == -EBUSY && may_not_move())))
		ret = 0;
	row_gives(row->name, ret, 0);
	if (row->request == DMABUF_REVOKE_IOC_EXPORT)
		close(((struct dmabuf_revoke_export *)arg)->fd);
	objects_free();
}

CASE(later_ioctls, control_good_call_succeeds)
{
	const struct row *row;

	for_each_row(row)
		good_call_succeeds(row, row->size);
}

CASE(later_ioctls, wrong_file_is_ENOTTY)
{
	const struct row *row;

	objects_new();
	for_each_row(row) {
		const int files[] = { exporter, importer, att, buffer.fd };

		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			uint32_t arg[64] = { row->size };

			if (files[i] == file_of(row))
				continue;
			row_gives(row->name,
				  sys(ioctl(files[i], row->request, arg)),
				  ENOTTY);
		}
	}
	objects_free();
}

static void each_row(void (*fn)(const struct row *row))
{
	const struct row *row;

	for_each_row(row) {
		objects_new();
		fn(row);
		objects_free();
	}
}

static void is_too_short(const struct row *row)
{
	uint32_t *arg = good_arg(row, row->size);

	for (uint32_t size = 0; size < row->least - 1; size++) {
		arg[0] = size;
		row_gives(row->name, call(row, arg), EINVAL);
	}
	arg[0] = row->least - 1;
	leaves_no_trace(row, arg, EINVAL);
}

CASE(later_ioctls, short_structure_is_EINVAL)
{
	each_row(is_too_short);
}

static void is_too_long(const struct row *row)
{
	uint8_t *arg = (uint8_t *)good_arg(row, row->size + 64);

	arg[row->size] = 1;
	leaves_no_trace(row, arg, E2BIG);
	arg[row->size] = 0;
	arg[row->size + 63] = 1;
	leaves_no_trace(row, arg, E2BIG);
}

CASE(later_ioctls, longer_structure_with_something_in_it_is_E2BIG)
{
	each_row(is_too_long);
}

static void is_absurdly_long(const struct row *row)
{
	uint32_t *arg = good_arg(row, row->size);

	arg[0] = PAGE + 1;
	leaves_no_trace(row, arg, E2BIG);
	arg[0] = UINT32_MAX;
	leaves_no_trace(row, arg, E2BIG);
}

CASE(later_ioctls, size_beyond_a_page_is_E2BIG)
{
	each_row(is_absurdly_long);
}

CASE(later_ioctls, longer_structure_is_taken_if_the_rest_is_zero)
{
	const struct row *row;

	for_each_row(row)
		good_call_succeeds(row, row->size + 64);
}

static void has_unknown_flags(const struct row *row)
{
	/* AWAIT is known. */
	int bit = row->request == DMABUF_REVOKE_IOC_FAULTS;
	uint32_t *arg = good_arg(row, row->size);

	for (; bit < 31; bit++) {
		arg[1] = 1U << bit;
		row_gives(row->name, call(row, arg), EINVAL);
	}
	arg[1] = 1U << 31;
	leaves_no_trace(row, arg, EINVAL);
}

CASE(later_ioctls, unknown_flag_is_EINVAL)
{
	each_row(has_unknown_flags);
}

static void has_something_reserved(const struct row *row)
{
	if (!row->reserved)
		return;
	for (int bit = 0; bit < 32; bit += 31) {
		uint32_t *arg = good_arg(row, row->size);

		arg[row->reserved / sizeof(*arg)] = 1U << bit;
		leaves_no_trace(row, arg, EINVAL);
		dr_vunmap(att);
	}
}

CASE(later_ioctls, reserved_member_is_EINVAL)
{
	each_row(has_something_reserved);
}

static void is_unreadable(const struct row *row)
{
	uint8_t *arg = (uint8_t *)good_arg(row, row->size);

	leaves_no_trace(row, NULL, EFAULT);
	leaves_no_trace(row, NOWHERE, EFAULT);
	*(uint32_t *)arg = row->size + 1;
	leaves_no_trace(row, arg, EFAULT);
	/* Its end is missing. */
	*(uint32_t *)arg = row->size;
	memmove(arg + 8, arg, row->size - 8);
	leaves_no_trace(row, arg + 8, EFAULT);
}

CASE(later_ioctls, unreadable_argument_is_EFAULT)
{
	each_row(is_unreadable);
}

static void is_unwritable(const struct row *row)
{
	uint32_t *arg;

	if (!row->answers)
		return;
	arg = good_arg(row, row->size);
	succeeds(sys(mprotect(page, PAGE, PROT_READ)));
	leaves_no_trace(row, arg, EFAULT);
}

CASE(later_ioctls, E16_unwritable_argument_is_EFAULT)
{
	each_row(is_unwritable);
}

CASE(later_ioctls, unknown_id_is_ENOENT)
{
	static const uint64_t ids[] = { 0, 1ULL << 32 | 1, UINT64_MAX };

	objects_new();
	for (size_t i = 0; i <= ARRAY_SIZE(ids); i++) {
		const struct row *row;

		for_each_row(row) {
			uint64_t id = i ? ids[i - 1] : buffer.id + 1;
			uint8_t *arg;

			if (!row->id)
				continue;
			arg = (uint8_t *)good_arg(row, row->size);
			memcpy(arg + row->id, &id, sizeof(id));
			leaves_no_trace(row, arg, ENOENT);
		}
	}
	objects_free();
}
