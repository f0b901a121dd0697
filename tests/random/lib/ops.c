// SPDX-License-Identifier: GPL-2.0-only
/* The operations: their parameters, and the errnos that dmabuf_revoke.h lists. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "program.h"

/* A parameter that is a member of the structure, and one that is none. */
#define M(type, member, kind, extra)					\
	{								\
		#member, kind, extra,					\
		offsetof(struct dmabuf_revoke_##type, member),		\
		sizeof(((struct dmabuf_revoke_##type *)0)->member),	\
	}
#define A(name, kind, extra) { #name, kind, extra, 0, 0 }

#define IOCTL(operation, type, number, share, side, errors, result, device, ...)	\
	{								\
		.name = #operation, .weight = share, .beside = side,	\
		.run = fuzz_ioctl,					\
		.errnos = errors, .request = DMABUF_REVOKE_IOC_##number,\
		.size = sizeof(struct dmabuf_revoke_##type),		\
		.gives = result, .ours = true,				\
		.param = {						\
			A(on, P_FD, device), A(arg, P_PLACE, 0),	\
			M(type, size, P_SIZE, 0), __VA_ARGS__		\
		},							\
	}

#define CALL(operation, share, side, function, errors, result, ...)	\
	{								\
		.name = #operation, .weight = share, .beside = side,	\
		.run = fuzz_##function,					\
		.errnos = errors, .gives = result, .param = { __VA_ARGS__ },\
	}

#define ID(type) M(type, id, P_ID, 0)
#define ID_FOR_NOW(type) M(type, id, P_ID, 1)
#define NO_FLAGS(type) M(type, flags, P_FLAGS, 0)
#define OUT A(out, P_OUT, 0)

/* All that never make the kernel warn. */
#define BUGS ((2 * DMABUF_REVOKE_MISBEHAVE_STALE - 1) &			\
	      ~DMABUF_REVOKE_MISBEHAVE_DOUBLE_UNPIN)
#define FAULTS ((2 * DMABUF_REVOKE_FAULT_NO_PIN_OP - 1) & ~FUZZ_HOLD)

/* Those that FAULTS sets. */
#define SWITCHED							\
	(DMABUF_REVOKE_FAULT_FAIL_PIN | DMABUF_REVOKE_FAULT_FAIL_MAP |	\
	 (DMABUF_REVOKE_FAULT_HOLD_IN_MAP - DMABUF_REVOKE_FAULT_TELL_IN_PIN))

#define ANY "*"
/* Of what a move, a suspension, or an allocation that fails, ends. */
#define KEPT "EAGAIN EFAULT EINTR ENODEV EBUSY EIO ECANCELED"

const struct fuzz_op fuzz_ops[] = {
	/* The exporter. */
	IOCTL(exporter_info, exporter_info, EXPORTER_INFO, 2, 1, "", R_NONE,
	      R_EXPORTER, NO_FLAGS(exporter_info)),
	IOCTL(alloc, alloc, ALLOC, 20, 10,
	      "EOVERFLOW EMFILE ENFILE EPERM EOPNOTSUPP", R_BUFFER, R_EXPORTER, OUT,
	      M(alloc, flags, P_FLAGS, 31), M(alloc, length, P_LENGTH, 0),
	      M(alloc, fd_flags, P_FLAGS, 02000002),
	      M(alloc, faults, P_BUGS, FAULTS), M(alloc, shape, P_ENUM, 4),
	      M(alloc, reserved, P_ZERO, 0), M(alloc, shape_arg, P_ZERO, 0),
	      M(alloc, delay_ns, P_ZERO, 0)),
	IOCTL(revoke, revoke, REVOKE, 12, 11, "ENOENT EPERM ENODEV ETIMEDOUT EINTR",
	      R_NONE, R_EXPORTER, M(revoke, flags, P_FLAGS, 1), ID(revoke),
	      M(revoke, deadline_ns, P_DEADLINE, 0)),
	IOCTL(query, query, QUERY, 8, 5, "ENOENT EPERM EBADF EINTR", R_NONE, R_EXPORTER,
	      M(query, flags, P_FLAGS, 1), ID_FOR_NOW(query), M(query, fd, P_FD, R_BUFFER)),
	IOCTL(list, list, LIST, 3, 2, "EINTR", R_NONE, R_EXPORTER, NO_FLAGS(list),
	      M(list, ids, P_PLACE, 1), M(list, capacity, P_NUMBER, 40)),
	IOCTL(restore, restore, RESTORE, 10, 12, "ENOENT EPERM ENODEV ETIMEDOUT EINTR",
	      R_NONE, R_EXPORTER, NO_FLAGS(restore), ID_FOR_NOW(restore),
	      M(restore, deadline_ns, P_DEADLINE, 0)),
	IOCTL(move, move, MOVE, 12, 24,
	      "ENOENT EPERM EBUSY EOPNOTSUPP ENODEV ETIMEDOUT EINTR EOVERFLOW", R_NONE,
	      R_EXPORTER, NO_FLAGS(move), ID_FOR_NOW(move),
	      M(move, deadline_ns, P_DEADLINE, 0), M(move, moves, P_NUMBER, 3),
	      M(move, shape, P_ENUM, 3), M(move, shape_arg, P_ZERO, 0)),
	IOCTL(free, free, FREE, 4, 4, "ENOENT EPERM EINTR", R_NONE, R_EXPORTER,
	      NO_FLAGS(free), ID(free), M(free, offsets, P_PLACE, 1),
	      M(free, capacity, P_NUMBER, 64), M(free, reserved, P_ZERO, 0)),
	IOCTL(export, export, EXPORT, 6, 16, "ENOENT EPERM EMFILE ENFILE", R_BUFFER,
	      R_EXPORTER, OUT, NO_FLAGS(export), M(export, id, P_ID, 2),
	      M(export, fd_flags, P_FLAGS, 02000000)),
	IOCTL(blockers, blockers, BLOCKERS, 5, 4, "ENOENT EPERM EINTR", R_NONE,
	      R_EXPORTER, NO_FLAGS(blockers), ID_FOR_NOW(blockers),
	      M(blockers, blockers, P_PLACE, 1),
	      M(blockers, capacity, P_NUMBER, 24)),
	/* With an @error every errno would be right. */
	IOCTL(faults, faults, FAULTS, 4, 0, "ENOENT EPERM ENODEV ETIMEDOUT EINTR", R_NONE,
	      R_EXPORTER, M(faults, flags, P_FLAGS, 1), ID(faults),
	      M(faults, faults, P_FLAGS, SWITCHED), M(faults, count, P_NUMBER, 4)),

	/* The importer. */
	IOCTL(importer_info, importer_info, IMPORTER_INFO, 2, 1, "", R_NONE,
	      R_IMPORTER, NO_FLAGS(importer_info)),
	IOCTL(attach, attach, ATTACH, 24, 30,
	      "EBADF EOPNOTSUPP EMFILE ENFILE ENODEV EIO EBUSY ENXIO EINTR", R_ATTACHMENT,
	      R_IMPORTER, OUT, M(attach, flags, P_FLAGS, 3),
	      M(attach, dmabuf_fd, P_FD, R_BUFFER), M(attach, kind, P_ENUM, 4),
	      M(attach, fd_flags, P_FLAGS, 02004000),
	      M(attach, misbehave, P_BUGS, BUGS),
	      M(attach, delay_ns, P_DURATION, 1), M(attach, engine, P_ENUM, 5),
	      M(attach, reserved, P_ZERO, 0), M(attach, device, P_DEVICE, 0)),
	IOCTL(devices, devices, DEVICES, 2, 1, "EINTR", R_NONE, R_IMPORTER,
	      NO_FLAGS(devices), M(devices, devices, P_PLACE, 1),
	      M(devices, capacity, P_NUMBER, 40)),

	/* An attachment. */
	IOCTL(map, map, MAP, 14, 14, "EBUSY ENODEV EINTR EIO EOPNOTSUPP EAGAIN", R_NONE,
	      R_ATTACHMENT, NO_FLAGS(map), M(map, direction, P_ENUM, 3),
	      M(map, reserved, P_ZERO, 0)),
	IOCTL(unmap, unmap, UNMAP, 8, 8, "ENXIO EBUSY EINTR", R_NONE, R_ATTACHMENT,
	      NO_FLAGS(unmap)),
	IOCTL(submit, submit, SUBMIT, 24, 32,
	      "ERANGE EACCES EAGAIN EMFILE ENFILE EBUSY ENODEV EINTR EIO EOPNOTSUPP",
	      R_FENCE, R_ATTACHMENT, OUT, M(submit, flags, P_FLAGS, 7),
	      M(submit, op, P_ENUM, 3), M(submit, offset, P_OFFSET, 0),
	      M(submit, length, P_SPAN, 0), M(submit, dst_offset, P_ZERO, 1),
	      M(submit, pattern, P_ZERO, 1), M(submit, duration_ns, P_DURATION, 0)),
	IOCTL(wait, wait, WAIT, 14, 14, "ENOENT ETIMEDOUT EINTR", R_NONE, R_ATTACHMENT,
	      NO_FLAGS(wait), M(wait, job, P_JOB, 0),
	      M(wait, deadline_ns, P_DEADLINE, 0)),
	IOCTL(status, status, STATUS, 6, 4, "EINTR", R_NONE, R_ATTACHMENT,
	      NO_FLAGS(status)),
	IOCTL(vmap, vmap, VMAP, 7, 7, "EBUSY EINTR ENODEV EOPNOTSUPP", R_NONE,
	      R_ATTACHMENT, NO_FLAGS(vmap), M(vmap, reserved, P_ZERO, 0)),
	IOCTL(vunmap, vmap, VUNMAP, 7, 8, "ENXIO EINTR EOPNOTSUPP", R_NONE, R_ATTACHMENT,
	      NO_FLAGS(vmap), M(vmap, reserved, P_ZERO, 0)),
	IOCTL(segments, segments, SEGMENTS, 4, 4, "EPERM ENXIO EINTR", R_NONE,
	      R_ATTACHMENT, NO_FLAGS(segments), M(segments, segments, P_PLACE, 1),
	      M(segments, capacity, P_NUMBER, 40)),
	CALL(raw, 8, 0, raw, ANY, R_NONE, A(on, P_FD, R_EXPORTER),
	     A(nr, P_NUMBER, 256), A(arg, P_PLACE, 0), A(bytes, P_NUMBER, 512),
	     A(seed, P_NUMBER, 1 << 30)),

	/* Descriptors. */
	CALL(open_exporter, 3, 1, open, "", R_EXPORTER, OUT),
	CALL(open_importer, 2, 1, open, "", R_IMPORTER, OUT),
	CALL(close, 10, 12, close, "", R_NONE, OUT),
	CALL(dup, 6, 0, dup, "", R_COUNT, OUT, A(fd, P_FD, R_BUFFER)),
	CALL(reopen, 3, 2, reopen, "ENXIO EACCES ENOTDIR ELOOP", R_PATH, OUT,
	     A(fd, P_FD, R_EXPORTER), A(path, P_NUMBER, 2)),
	CALL(read, 6, 5, read, "EAGAIN EINTR EISDIR EFAULT", R_NONE,
	     A(fd, P_FD, R_ATTACHMENT), A(buf, P_PLACE, 0), A(length, P_SPAN, 0)),
	CALL(poll, 6, 8, poll, "EINTR", R_NONE, A(fd, P_FD, R_BUFFER),
	     A(events, P_FLAGS, 5), A(ms, P_NUMBER, 3)),
	CALL(epoll, 2, 4, epoll, "EINTR EPERM", R_NONE, A(fd, P_FD, R_BUFFER),
	     A(with, P_FD, R_ATTACHMENT), A(ms, P_NUMBER, 3)),
	CALL(debug_files, 1, 2, debug_files, "ENOENT EACCES EINTR", R_NONE,
	     A(fd, P_FD, R_BUFFER), A(maps, P_ENUM, 2)),
	CALL(lseek, 3, 1, lseek, "ESPIPE", R_NONE, A(fd, P_FD, R_BUFFER),
	     A(offset, P_NUMBER, 2), A(whence, P_ENUM, 3)),
	CALL(fcntl, 3, 1, fcntl, "", R_NONE, A(fd, P_FD, R_ATTACHMENT),
	     A(command, P_ENUM, 5), A(flags, P_FLAGS, 04000)),

	/* What every dma-buf knows, and the fences on it. */
	CALL(sync, 10, 8, sync, "ENODEV EINTR ENOTTY EFAULT", R_NONE,
	     A(fd, P_FD, R_BUFFER), A(flags, P_FLAGS, 7), A(arg, P_PLACE, 0)),
	CALL(set_name, 2, 1, set_name, "ENOTTY EFAULT ENAMETOOLONG EBUSY", R_NONE,
	     A(fd, P_FD, R_BUFFER), A(length, P_NUMBER, 40), A(arg, P_PLACE, 0)),
	CALL(fence_export, 8, 6, fence_export, "ENOTTY EFAULT", R_FENCE, OUT,
	     A(fd, P_FD, R_BUFFER), A(flags, P_FLAGS, 3), A(arg, P_PLACE, 0)),
	CALL(fence_import, 8, 6, fence_import, "ENOTTY EFAULT", R_NONE,
	     A(fd, P_FD, R_BUFFER), A(fence, P_FD, R_FENCE),
	     A(flags, P_FLAGS, 3), A(arg, P_PLACE, 0)),
	CALL(fence_merge, 3, 2, fence_merge, "ENOTTY EFAULT ENOENT", R_FENCE, OUT,
	     A(fd, P_FD, R_FENCE), A(with, P_FD, R_FENCE), A(arg, P_PLACE, 0)),
	CALL(fence_info, 4, 4, fence_info, "ENOTTY EFAULT", R_NONE,
	     A(fd, P_FD, R_FENCE), A(capacity, P_NUMBER, 8), A(arg, P_PLACE, 1)),
	CALL(timeline, 1, 0, timeline, "ENOENT EACCES", R_TIMELINE, OUT),
	CALL(timeline_fence, 3, 0, timeline_fence, "ENOTTY ENOENT EAGAIN", R_FENCE, OUT,
	     A(fd, P_FD, R_TIMELINE), A(value, P_NUMBER, 4)),
	CALL(timeline_step, 3, 0, timeline_step, "ENOTTY ENOENT", R_NONE,
	     A(fd, P_FD, R_TIMELINE), A(value, P_NUMBER, 3)),

	/* The CPU's mappings. */
	CALL(mmap, 12, 20, mmap, "EACCES ENODEV EAGAIN EPERM EINTR EOVERFLOW", R_MAPPING,
	     OUT, A(fd, P_FD, R_BUFFER), A(length, P_LENGTH, 0),
	     A(offset, P_NUMBER, 2), A(prot, P_FLAGS, 3), A(private, P_ZERO, 1)),
	CALL(munmap, 4, 3, munmap, "", R_NONE, A(at, P_MAP, R_MAPPING),
	     A(length, P_LENGTH, 0)),
	CALL(mremap, 4, 3, mremap, "EFAULT EAGAIN", R_NONE, A(at, P_MAP, R_MAPPING),
	     A(length, P_LENGTH, 0), A(flags, P_FLAGS, 5)),
	CALL(madvise, 4, 2, madvise, "EBADF EIO EPERM EACCES EFAULT EAGAIN ENODEV EOPNOTSUPP EINTR",
	     R_NONE, A(at, P_MAP, R_MAPPING), A(advice, P_NUMBER, 26)),
	CALL(touch, 16, 20, touch, "EFAULT EINTR", R_NONE, A(at, P_MAP, R_MAPPING),
	     A(offset, P_OFFSET, 0), A(write, P_ENUM, 2)),
	/* Ends by a fatal signal only: not where there are fences without end. */
	CALL(kernel_touch, 0, 8, kernel_touch, "EFAULT EINTR", R_NONE,
	     A(at, P_MAP, R_MAPPING), A(offset, P_OFFSET, 0)),
	CALL(window_map, 2, 6, window_map, "EACCES ENODEV EAGAIN EPERM EINTR",
	     R_NONE, A(fd, P_FD, R_BUFFER), A(window, P_ENUM, FUZZ_WINDOWS),
	     A(write, P_ENUM, 2)),
	CALL(window_touch, 3, 10, window_touch, "EFAULT EINTR", R_NONE,
	     A(window, P_ENUM, FUZZ_WINDOWS), A(offset, P_OFFSET, 0),
	     A(write, P_ENUM, 2)),

	/* The buffer that only this thread writes to: it knows what is in it. */
	CALL(kept_write, 5, 14, kept_write, KEPT, R_NONE, A(seed, P_NUMBER, 1 << 16),
	     A(first, P_NUMBER, FUZZ_KEPT_WORDS), A(step, P_NUMBER, 1 << 16),
	     A(count, P_NUMBER, 16)),
	CALL(kept_dma, 4, 8, kept_dma, KEPT, R_NONE, A(seed, P_NUMBER, 1 << 16),
	     A(first, P_NUMBER, FUZZ_KEPT_WORDS), A(words, P_NUMBER, FUZZ_KEPT_WORDS),
	     A(us, P_NUMBER, 1024), A(bookkeep, P_ENUM, 4)),
	CALL(kept_check, 8, 20, kept_check, KEPT, R_NONE, A(how, P_ENUM, 4),
	     A(first, P_NUMBER, FUZZ_KEPT_WORDS)),

	/* Time passes, and others. */
	CALL(pause, 2, 1, pause, "EINTR", R_NONE, A(us, P_NUMBER, 2000)),
	CALL(fork, 1, 2, fork, "EAGAIN", R_NONE, A(lines, P_NUMBER, 40),
	     A(kill, P_ENUM, 2)),
	CALL(die, 0, 0, die, "EAGAIN", R_NONE, A(zero, P_ZERO, 0)),
	CALL(signal, 0, 6, signal, "ESRCH", R_NONE, A(thread, P_THREAD, 0),
	     A(restart, P_ENUM, 2)),
	/* A control, which no seed has. */
	CALL(hang, 0, 0, hang, "", R_NONE, A(zero, P_ZERO, 0)),
};

const unsigned int fuzz_nr_ops = FUZZ_COUNT(fuzz_ops);

_Static_assert(FUZZ_COUNT(fuzz_ops) <= FUZZ_MAX_OPS, "FUZZ_MAX_OPS");

static const char every_ioctl[] = "EFAULT EINVAL E2BIG ENOMEM ENOTTY";
static const char every_call[] = "EBADF EINVAL ENOMEM EMFILE ENFILE";

int fuzz_find_op(const char *name)
{
	for (unsigned int i = 0; i < fuzz_nr_ops; i++)
		if (!strcmp(fuzz_ops[i].name, name))
			return i;
	return -1;
}

int fuzz_errno_of(const char *name)
{
	for (int error = 1; error < FUZZ_MAX_ERRNO; error++) {
		const char *known = strerrorname_np(error);

		if (known && !strcmp(known, name))
			return error;
	}
	return 0;
}

int fuzz_find_param(const struct fuzz_op *op, const char *name)
{
	for (int i = 0; i < FUZZ_PARAMS && op->param[i].kind != P_END; i++)
		if (!strcmp(op->param[i].name, name))
			return i;
	return -1;
}

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);
	const char *found = words;

	while ((found = strstr(found, word))) {
		bool begins = found == words || found[-1] == ' ';

		found += length;
		if (begins && (!*found || *found == ' '))
			return true;
	}
	return false;
}

bool fuzz_may_return(const struct fuzz_op *op, int error)
{
	const char *name = strerrorname_np(error);

	/* Those of the kernel's own, such as ERESTARTSYS, must not get out. */
	if (error >= FUZZ_MAX_ERRNO || !name)
		return false;
	return !strcmp(op->errnos, ANY) || has_word(op->errnos, name) ||
	       has_word(op->ours ? every_ioctl : every_call, name);
}
