// SPDX-License-Identifier: GPL-2.0-only
/*
 * Input that is bad in the same way for every ioctl: a wrong file, a wrong size, an unknown flag, a
 * reserved member, memory that cannot be used, an id of nothing. Each has its errno, and leaves
 * no descriptor, buffer, attachment, mapping, pin, vmap or job behind.
 */
#include <stddef.h>
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
	size_t size;
	size_t least;			/* of it, as it was first published; 0: @size */
	uint32_t flags;			/* the known ones */
	size_t id;			/* where the buffer is named; 0: nowhere */
	size_t reserved;		/* where a zero has to be; 0: nowhere */
	bool answers;			/* has [out] members */
	void (*prepare)(void *arg);	/* makes it a good call; NULL: it is one */
};

static void prepare_alloc(void *arg)
{
	struct dmabuf_revoke_alloc *alloc = arg;

	alloc->length = PAGE;
	alloc->fd_flags = O_RDWR;
}

/* What fails may not leave a pin behind either. */
static void prepare_attach(void *arg)
{
	struct dmabuf_revoke_attach *attach = arg;

	attach->dmabuf_fd = buffer.fd;
	attach->kind = DMABUF_REVOKE_KIND_PINNED;
}

static void prepare_submit(void *arg)
{
	((struct dmabuf_revoke_submit *)arg)->length = 1;
}

static void prepare_map(void *arg)
{
	(void)arg;
	succeeds(dr_unmap(att));
}

static void prepare_vunmap(void *arg)
{
	(void)arg;
	succeeds(dr_vmap(att, NULL));
}

static void prepare_wait(void *arg)
{
	struct dmabuf_revoke_wait *wait = arg;

	wait->job = submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 0);
	wait->deadline_ns = DMABUF_REVOKE_FOREVER;
	/* Its event says that the result is there. */
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	expect_event(att, DMABUF_REVOKE_EVENT_JOB_DONE);
}

#define ROW(_file, _request, _type, ...)				\
	{								\
		.name = #_request,					\
		.file = _file,						\
		.request = DMABUF_REVOKE_IOC_##_request,		\
		.size = sizeof(struct dmabuf_revoke_##_type),		\
		__VA_ARGS__						\
	}
#define MEMBER(_type, _member)	offsetof(struct dmabuf_revoke_##_type, _member)

static const struct row rows[] = {
	ROW(EXPORTER, EXPORTER_INFO, exporter_info, .answers = true),
	ROW(EXPORTER, ALLOC, alloc, .least = 40, .flags = 31, .answers = true,
	    .reserved = MEMBER(alloc, reserved), .prepare = prepare_alloc),
	ROW(EXPORTER, REVOKE, revoke, .flags = 1, .id = MEMBER(revoke, id),
	    .answers = true),
	ROW(EXPORTER, QUERY, query, .flags = 1, .id = MEMBER(query, id), .answers = true),
	ROW(EXPORTER, LIST, list, .answers = true),
	ROW(EXPORTER, RESTORE, restore, .id = MEMBER(restore, id)),
	ROW(EXPORTER, MOVE, move, .least = 24, .id = MEMBER(move, id),
	    .reserved = MEMBER(move, reserved)),
	ROW(EXPORTER, FREE, free, .id = MEMBER(free, id),
	    .reserved = MEMBER(free, reserved), .answers = true),
	ROW(EXPORTER, EXPORT, export, .id = MEMBER(export, id), .answers = true),
	ROW(EXPORTER, BLOCKERS, blockers, .id = MEMBER(blockers, id), .answers = true),
	ROW(EXPORTER, FAULTS, faults, .flags = 1, .id = MEMBER(faults, id)),
	ROW(IMPORTER, IMPORTER_INFO, importer_info, .answers = true),
	ROW(IMPORTER, ATTACH, attach, .least = 48, .flags = 3,
	    .reserved = MEMBER(attach, reserved), .answers = true,
	    .prepare = prepare_attach),
	ROW(IMPORTER, DEVICES, devices, .answers = true),
	ROW(ATTACHMENT, MAP, map, .reserved = MEMBER(map, reserved),
	    .prepare = prepare_map),
	ROW(ATTACHMENT, UNMAP, unmap),
	ROW(ATTACHMENT, SUBMIT, submit, .flags = 7, .answers = true,
	    .prepare = prepare_submit),
	ROW(ATTACHMENT, WAIT, wait, .answers = true, .prepare = prepare_wait),
	ROW(ATTACHMENT, STATUS, status, .answers = true),
	ROW(ATTACHMENT, VMAP, vmap, .reserved = MEMBER(vmap, reserved), .answers = true),
	ROW(ATTACHMENT, VUNMAP, vmap, .reserved = MEMBER(vmap, reserved),
	    .prepare = prepare_vunmap),
	ROW(ATTACHMENT, SEGMENTS, segments, .answers = true),
};

#define for_each_row(row) \
	for (row = rows; row < rows + ARRAY_SIZE(rows); row++)

/* With objects of its own. */
static void each_row(void (*fn)(const struct row *row))
{
	const struct row *row;

	for_each_row(row) {
		objects_new();
		fn(row);
		objects_free();
	}
}

static int file_of(const struct row *row)
{
	const int files[] = { exporter, importer, att };

	return files[row->file];
}

static int call(const struct row *row, void *arg)
{
	return sys(ioctl(file_of(row), row->request, arg));
}

/* Whatever a call could create or change. */
struct traces {
	uint64_t fds, buffers, bytes, ids, attachments, jobs;
	uint64_t buffer_state, orphaned, moves, maps, pins, fences;
	uint64_t att_state, mapped, unmapped, vmapped, uncollected;
};

static struct traces traces(void)
{
	struct dmabuf_revoke_importer_info info;
	struct dmabuf_revoke_status seen = status(att);
	struct dmabuf_revoke_query out = query(buffer.id);
	uint32_t ids;

	succeeds(dr_importer_info(importer, &info));
	succeeds(dr_list(exporter, NULL, 0, &ids));
	return (struct traces){
		.fds = open_fds(),
		.buffers = buffers_in_system(),
		.bytes = bytes_in_system(),
		.ids = ids,
		.attachments = info.attachments,
		.jobs = info.jobs,
		.buffer_state = out.state,
		.orphaned = out.orphaned,
		.moves = out.moves,
		.maps = out.pending.maps,
		.pins = out.pending.pins,
		.fences = out.pending.fences,
		.att_state = seen.state,
		.mapped = seen.maps,
		.unmapped = seen.unmaps,
		.vmapped = seen.vmapped,
		.uncollected = seen.jobs_uncollected,
	};
}

/* The call fails with @error, and nothing else happens. */
static void leaves_no_trace(const struct row *row, void *arg, int error)
{
	struct traces before = traces();
	struct traces after;

	row_gives(row->name, call(row, arg), error);
	after = traces();
	expect(!memcmp(&before, &after, sizeof(before)),
	       "%s left something behind", row->name);
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
	if (row->id)
		memcpy((uint8_t *)arg + row->id, &buffer.id, sizeof(buffer.id));
	if (row->prepare)
		row->prepare(arg);
	arg[0] = size;
	return arg;
}

static bool may_not_move(void)
{
	return !kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED);
}

static void good_call_succeeds(const struct row *row, size_t size)
{
	uint32_t *arg = good_arg(row, size);
	int ret = call(row, arg);

	/* Whether it may move, and is copied by now, is not the question here. */
	if (row->request == DMABUF_REVOKE_IOC_MOVE &&
	    (ret == -ETIMEDOUT || (ret == -EBUSY && may_not_move())))
		ret = 0;
	row_gives(row->name, ret, 0);
	if (row->request == DMABUF_REVOKE_IOC_ALLOC)
		close(((struct dmabuf_revoke_alloc *)arg)->fd);
	if (row->request == DMABUF_REVOKE_IOC_ATTACH)
		close(((struct dmabuf_revoke_attach *)arg)->fd);
	if (row->request == DMABUF_REVOKE_IOC_EXPORT)
		close(((struct dmabuf_revoke_export *)arg)->fd);
}

static void is_good(const struct row *row)
{
	good_call_succeeds(row, row->size);
}

CASE(ioctls, control_good_call_succeeds)
{
	each_row(is_good);
}

CASE(ioctls, wrong_file_is_ENOTTY)
{
	int null = succeeds(dr_open("/dev/null"));
	const struct row *row;

	objects_new();
	for_each_row(row) {
		const int files[] = { exporter, importer, att, null, buffer.fd };

		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			uint32_t arg[64] = { row->size };

			if (i == row->file)
				continue;
			row_gives(row->name,
				  sys(ioctl(files[i], row->request, arg)),
				  ENOTTY);
		}
	}
	objects_free();
	close(null);
}

static bool is_known(unsigned long request)
{
	const struct row *row;

	for_each_row(row)
		if (row->request == request)
			return true;
	return false;
}

CASE(ioctls, unknown_number_is_ENOTTY)
{
	uint32_t arg[64] = { sizeof(arg) };

	objects_new();
	for (unsigned long nr = 0; nr < 256; nr++) {
		unsigned long request = _IO(DMABUF_REVOKE_IOC_TYPE, nr);

		if (is_known(request))
			continue;
		fails(sys(ioctl(exporter, request, arg)), ENOTTY);
		fails(sys(ioctl(importer, request, arg)), ENOTTY);
		fails(sys(ioctl(att, request, arg)), ENOTTY);
	}
	/* The same number with a size or direction in it is another one. */
	fails(sys(ioctl(exporter, _IOWR(DMABUF_REVOKE_IOC_TYPE, 1, int), arg)),
	      ENOTTY);
	objects_free();
}

static void is_too_short(const struct row *row)
{
	uint32_t least = row->least ?: row->size;
	uint32_t *arg = good_arg(row, row->size);

	for (uint32_t size = 0; size < least - 1; size++) {
		arg[0] = size;
		row_gives(row->name, call(row, arg), EINVAL);
	}
	arg[0] = least - 1;
	leaves_no_trace(row, arg, EINVAL);
}

CASE(ioctls, short_structure_is_EINVAL)
{
	each_row(is_too_short);
}

static void is_longer(const struct row *row)
{
	good_call_succeeds(row, row->size + 64);
}

CASE(ioctls, longer_structure_is_taken_if_the_rest_is_zero)
{
	each_row(is_longer);
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

CASE(ioctls, longer_structure_with_something_in_it_is_E2BIG)
{
	each_row(is_too_long);
}

/* Nobody reads 4 GiB to see whether they are zero. */
static void is_absurdly_long(const struct row *row)
{
	uint32_t *arg = good_arg(row, row->size);

	arg[0] = PAGE + 1;
	leaves_no_trace(row, arg, E2BIG);
	arg[0] = UINT32_MAX;
	leaves_no_trace(row, arg, E2BIG);
}

CASE(ioctls, size_beyond_a_page_is_E2BIG)
{
	each_row(is_absurdly_long);
}

static void has_unknown_flags(const struct row *row)
{
	uint32_t *arg = good_arg(row, row->size);

	for (int bit = 0; bit < 32; bit++) {
		if (row->flags & 1U << bit)
			continue;
		arg[1] = 1U << bit;
		row_gives(row->name, call(row, arg), EINVAL);
	}
	leaves_no_trace(row, arg, EINVAL);
}

CASE(ioctls, unknown_flag_is_EINVAL)
{
	each_row(has_unknown_flags);
}

static void has_something_reserved(const struct row *row)
{
	uint32_t *arg = good_arg(row, row->size);

	if (!row->reserved)
		return;
	for (int bit = 0; bit < 32; bit += 31) {
		arg[row->reserved / sizeof(*arg)] = 1U << bit;
		leaves_no_trace(row, arg, EINVAL);
	}
}

CASE(ioctls, reserved_member_is_EINVAL)
{
	each_row(has_something_reserved);
}

static void is_unreadable(const struct row *row)
{
	void *nowhere = page_with(PROT_NONE);
	uint32_t *arg = good_arg(row, row->size);

	leaves_no_trace(row, NULL, EFAULT);
	leaves_no_trace(row, nowhere, EFAULT);
	leaves_no_trace(row, NOWHERE, EFAULT);
	arg[0] = row->size + 1;
	leaves_no_trace(row, arg, EFAULT);
	cpu_unmap(nowhere, PAGE);
}

CASE(ioctls, unreadable_argument_is_EFAULT)
{
	each_row(is_unreadable);
}

static void ends_too_early(const struct row *row, size_t inside)
{
	uint8_t *arg = (uint8_t *)good_arg(row, row->size);
	uint8_t *cut = arg + row->size - inside;

	memmove(cut, arg, inside);
	leaves_no_trace(row, cut, EFAULT);
}

CASE(ioctls, argument_across_the_end_of_memory_is_EFAULT)
{
	const struct row *row;

	for_each_row(row) {
		const size_t inside[] = { 1, 4, row->size / 2, row->size - 1 };

		for (size_t i = 0; i < ARRAY_SIZE(inside); i++) {
			objects_new();
			ends_too_early(row, inside[i]);
			objects_free();
		}
	}
}

static void is_unwritable(const struct row *row)
{
	uint32_t *arg = good_arg(row, row->size);

	if (!row->answers)
		return;
	succeeds(sys(mprotect(page, PAGE, PROT_READ)));
	if (row->request == DMABUF_REVOKE_IOC_REVOKE) {
		/* The revoke itself has begun. */
		row_gives(row->name, call(row, arg), EFAULT);
		equal(status(att).invalidations, 1);
		revoke_fully(buffer.id);
	} else {
		leaves_no_trace(row, arg, EFAULT);
	}
}

CASE(ioctls, E16_unwritable_argument_is_EFAULT)
{
	each_row(is_unwritable);
}

/* FENCE_FD has a second descriptor to take back. */
CASE(ioctls, E16_unwritable_argument_leaves_no_fence)
{
	const struct row *row;
	uint32_t *arg;

	for_each_row(row)
		if (row->request == DMABUF_REVOKE_IOC_SUBMIT)
			break;
	objects_new();
	arg = good_arg(row, row->size);
	arg[1] = DMABUF_REVOKE_SUBMIT_FENCE_FD;
	succeeds(sys(mprotect(page, PAGE, PROT_READ)));
	leaves_no_trace(row, arg, EFAULT);
	equal(query(buffer.id).pending.fences, 0);
	objects_free();
}

static void is_of_nothing(const struct row *row)
{
	const uint64_t ids[] = { buffer.id + 1, 0, 1ULL << 32 | 1, UINT64_MAX };
	uint8_t *arg = (uint8_t *)good_arg(row, row->size);

	for (size_t i = 0; row->id && i < ARRAY_SIZE(ids); i++) {
		memcpy(arg + row->id, &ids[i], sizeof(ids[i]));
		leaves_no_trace(row, arg, ENOENT);
	}
}

CASE(ioctls, unknown_id_is_ENOENT)
{
	each_row(is_of_nothing);
}
