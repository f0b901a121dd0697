// SPDX-License-Identifier: GPL-2.0-only
/*
 * Input that is bad in the same way for each of the first ioctls: a wrong file, a wrong size, an
 * unknown flag, memory that cannot be used. Each has its errno, and leaves no
 * descriptor, buffer, attachment, mapping, pin or job behind.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "common.h"

enum file { EXPORTER, IMPORTER, ATTACHMENT };

/* What the calls work on; anew for every one of them that may succeed. */
static struct buffer buffer;
static int att;

static void objects_new(void)
{
	buffer = buffer_alloc(PAGE, 0);
	att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
}

static void objects_free(void)
{
	close(att);
	close(buffer.fd);
}

static void prepare_nothing(void *arg)
{
	(void)arg;
}

static void prepare_alloc(void *arg)
{
	struct dmabuf_revoke_alloc *alloc = arg;

	alloc->length = PAGE;
	alloc->fd_flags = O_RDWR;
}

static void prepare_revoke(void *arg)
{
	((struct dmabuf_revoke_revoke *)arg)->id = buffer.id;
}

static void prepare_query(void *arg)
{
	((struct dmabuf_revoke_query *)arg)->id = buffer.id;
}

static void prepare_attach(void *arg)
{
	((struct dmabuf_revoke_attach *)arg)->dmabuf_fd = buffer.fd;
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

static void prepare_wait(void *arg)
{
	struct dmabuf_revoke_wait *wait = arg;

	wait->job = submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 0);
	wait->deadline_ns = DMABUF_REVOKE_FOREVER;
	/* Its event says that the result is there. */
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	expect_event(att, DMABUF_REVOKE_EVENT_JOB_DONE);
}

struct row {
	const char *name;
	enum file file;
	unsigned long request;
	size_t size;
	size_t least;			/* as first published */
	uint32_t flags;			/* the known ones */
	bool answers;			/* has [out] members */
	void (*prepare)(void *arg);	/* makes it a good call */
};

#define GROWN_ROW(file, request, name, least, flags, answers, prepare)	\
	{								\
		#request, file, DMABUF_REVOKE_IOC_##request,		\
		sizeof(struct dmabuf_revoke_##name), least, flags,	\
		answers, prepare					\
	}

#define ROW(file, request, name, ...)					\
	GROWN_ROW(file, request, name,					\
		  sizeof(struct dmabuf_revoke_##name), __VA_ARGS__)

static const struct row rows[] = {
	ROW(EXPORTER, EXPORTER_INFO, exporter_info, 0, true, prepare_nothing),
	GROWN_ROW(EXPORTER, ALLOC, alloc, 40, 31, true, prepare_alloc),
	ROW(EXPORTER, REVOKE, revoke, 1, true, prepare_revoke),
	ROW(EXPORTER, QUERY, query, 1, true, prepare_query),
	ROW(EXPORTER, LIST, list, 0, true, prepare_nothing),
	ROW(IMPORTER, IMPORTER_INFO, importer_info, 0, true, prepare_nothing),
	GROWN_ROW(IMPORTER, ATTACH, attach, 48, 3, true, prepare_attach),
	ROW(ATTACHMENT, MAP, map, 0, false, prepare_map),
	ROW(ATTACHMENT, UNMAP, unmap, 0, false, prepare_nothing),
	ROW(ATTACHMENT, SUBMIT, submit, 7, true, prepare_submit),
	ROW(ATTACHMENT, WAIT, wait, 0, true, prepare_wait),
	ROW(ATTACHMENT, STATUS, status, 0, true, prepare_nothing),
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

/* Whatever a call could create or change. */
struct traces {
	uint64_t fds, buffers, ids, attachments, jobs;
	uint64_t buffer_state, maps, pins, att_state, mapped, unmapped;
	uint64_t uncollected;
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
		.ids = ids,
		.attachments = info.attachments,
		.jobs = info.jobs,
		.buffer_state = out.state,
		.maps = out.pending.maps,
		.pins = out.pending.pins,
		.att_state = seen.state,
		.mapped = seen.maps,
		.unmapped = seen.unmaps,
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
static void *page;

static void *arg_at_page_end(const struct row *row, size_t size)
{
	uint32_t *arg;

	if (!page) {
		page = page_with(PROT_NONE);
		succeeds(sys(munmap(page, PAGE)));
		page = mmap(page, 2 * PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		holds(page != MAP_FAILED);
	}
	succeeds(sys(mprotect(page, PAGE, PROT_READ | PROT_WRITE)));
	memset(page, 0, PAGE);
	arg = page + PAGE - size;
	row->prepare(arg);
	arg[0] = size;
	return arg;
}

static void good_call_succeeds(const struct row *row, size_t size)
{
	void *arg;

	objects_new();
	arg = arg_at_page_end(row, size);
	row_gives(row->name, call(row, arg), 0);
	if (row->request == DMABUF_REVOKE_IOC_ALLOC)
		close(((struct dmabuf_revoke_alloc *)arg)->fd);
	if (row->request == DMABUF_REVOKE_IOC_ATTACH)
		close(((struct dmabuf_revoke_attach *)arg)->fd);
	objects_free();
}

CASE(first_ioctls, control_good_call_succeeds)
{
	const struct row *row;

	for_each_row(row)
		good_call_succeeds(row, row->size);
}

CASE(first_ioctls, wrong_file_is_ENOTTY)
{
	int null = succeeds(dr_open("/dev/null"));
	const struct row *row;
	uint32_t arg[64] = { 0 };

	objects_new();
	for_each_row(row) {
		const int files[] = { exporter, importer, att, null, buffer.fd };

		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			if (i == row->file)
				continue;
			arg[0] = row->size;
			row_gives(row->name,
				  sys(ioctl(files[i], row->request, arg)),
				  ENOTTY);
		}
	}
	objects_free();
	close(null);
}

CASE(first_ioctls, unknown_number_is_ENOTTY)
{
	uint32_t arg[64] = { sizeof(arg) };

	objects_new();
	for (unsigned long nr = 0; nr < 256; nr++) {
		unsigned long request = _IO(DMABUF_REVOKE_IOC_TYPE, nr);
		const struct row *row;

		for_each_row(row)
			if (row->request == request)
				break;
		if (row < rows + ARRAY_SIZE(rows))
			continue;
		if (nr == 0x42 || nr == 0x67)
			continue;
		/* Those of later_ioctls.c. */
		if ((nr >= 5 && nr <= 10) || nr == 0x65 || nr == 0x66)
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

CASE(first_ioctls, short_structure_is_EINVAL)
{
	const struct row *row;

	objects_new();
	for_each_row(row) {
		uint32_t *arg = arg_at_page_end(row, row->size);
		uint32_t original = status(att).maps;

		for (uint32_t size = 0; size < row->least; size++) {
			arg[0] = size;
			row_gives(row->name, call(row, arg), EINVAL);
		}
		equal(status(att).maps, original);
		arg[0] = row->least - 1;
		leaves_no_trace(row, arg, EINVAL);
		objects_free();
		objects_new();
	}
	objects_free();
}

CASE(first_ioctls, longer_structure_is_taken_if_the_rest_is_zero)
{
	const struct row *row;

	for_each_row(row)
		good_call_succeeds(row, row->size + 64);
}

CASE(first_ioctls, longer_structure_with_something_in_it_is_E2BIG)
{
	const struct row *row;

	for_each_row(row) {
		uint8_t *arg;

		objects_new();
		arg = arg_at_page_end(row, row->size + 64);
		arg[row->size] = 1;
		leaves_no_trace(row, arg, E2BIG);
		arg[row->size] = 0;
		arg[row->size + 63] = 1;
		leaves_no_trace(row, arg, E2BIG);
		objects_free();
	}
}

CASE(first_ioctls, size_beyond_the_memory_is_EFAULT)
{
	const struct row *row;

	for_each_row(row) {
		uint32_t *arg;

		objects_new();
		arg = arg_at_page_end(row, row->size);
		arg[0] = row->size + 1;
		leaves_no_trace(row, arg, EFAULT);
		objects_free();
	}
}

/* Nobody reads 4 GiB to see whether they are zero. */
CASE(first_ioctls, size_beyond_a_page_is_E2BIG)
{
	const struct row *row;

	for_each_row(row) {
		uint32_t *arg;

		objects_new();
		arg = arg_at_page_end(row, row->size);
		arg[0] = PAGE + 1;
		leaves_no_trace(row, arg, E2BIG);
		arg[0] = UINT32_MAX;
		leaves_no_trace(row, arg, E2BIG);
		objects_free();
	}
}

CASE(first_ioctls, unknown_flag_is_EINVAL)
{
	const struct row *row;

	for_each_row(row) {
		uint32_t *arg;

		objects_new();
		arg = arg_at_page_end(row, row->size);
		for (int bit = 0; bit < 32; bit++) {
			if (row->flags & 1U << bit)
				continue;
			arg[1] = 1U << bit;
			row_gives(row->name, call(row, arg), EINVAL);
		}
		leaves_no_trace(row, arg, EINVAL);
		objects_free();
	}
}

CASE(first_ioctls, unreadable_argument_is_EFAULT)
{
	void *nowhere = page_with(PROT_NONE);
	const struct row *row;

	objects_new();
	for_each_row(row) {
		leaves_no_trace(row, NULL, EFAULT);
		leaves_no_trace(row, nowhere, EFAULT);
		leaves_no_trace(row, NOWHERE, EFAULT);
	}
	cpu_unmap(nowhere, PAGE);
	objects_free();
}

static void ends_too_early(const struct row *row, size_t inside)
{
	uint8_t *arg = arg_at_page_end(row, row->size);
	uint8_t *cut = arg + row->size - inside;

	memmove(cut, arg, inside);
	leaves_no_trace(row, cut, EFAULT);
}

CASE(first_ioctls, argument_across_the_end_of_memory_is_EFAULT)
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

CASE(first_ioctls, E16_unwritable_argument_is_EFAULT)
{
	const struct row *row;

	for_each_row(row) {
		void *arg;

		if (!row->answers)
			continue;
		objects_new();
		arg = arg_at_page_end(row, row->size);
		succeeds(sys(mprotect(page, PAGE, PROT_READ)));
		if (row->request == DMABUF_REVOKE_IOC_REVOKE) {
			/* The revoke itself has begun. */
			row_gives(row->name, call(row, arg), EFAULT);
			equal(status(att).invalidations, 1);
		} else {
			leaves_no_trace(row, arg, EFAULT);
		}
		objects_free();
	}
}

/* FENCE_FD has a second descriptor to take back. */
CASE(first_ioctls, E16_unwritable_argument_leaves_no_fence)
{
	struct dmabuf_revoke_submit *arg = page_with(PROT_READ | PROT_WRITE);
	const struct row *row;

	for_each_row(row)
		if (row->request == DMABUF_REVOKE_IOC_SUBMIT)
			break;
	objects_new();
	*arg = (struct dmabuf_revoke_submit){
		.size = sizeof(*arg),
		.flags = DMABUF_REVOKE_SUBMIT_FENCE_FD,
		.length = 1,
	};
	succeeds(sys(mprotect(arg, PAGE, PROT_READ)));
	leaves_no_trace(row, arg, EFAULT);
	equal(query(buffer.id).pending.fences, 0);
	cpu_unmap(arg, PAGE);
	objects_free();
}
