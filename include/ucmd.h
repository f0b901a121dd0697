/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Size-versioned ioctl arguments, the same for every file of both modules.
 *
 * The first member of each argument is its size as user space knows it. What is
 * missing reads as zero, what is too much must be zero. A handler checks flags and
 * reserved members, and writes results with ucmd_respond() before it publishes
 * anything, so that unwritable memory leaves nothing behind.
 */
#ifndef DMABUF_REVOKE_UCMD_H
#define DMABUF_REVOKE_UCMD_H

#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

/**
 * struct ucmd - one ioctl call in progress
 * @file: the file it was made on
 * @arg: kernel copy of the argument, as long as this kernel knows it
 * @uarg: where it came from
 * @len: bytes of it that both sides know
 */
struct ucmd {
	struct file *file;
	void *arg;
	void __user *uarg;
	size_t len;
};

/**
 * struct ucmd_op - one ioctl that a file knows
 * @cmd: its number
 * @size: of the argument that this kernel knows
 * @min_size: of the argument as it was first published
 * @execute: does it; 0 or a negative errno
 */
struct ucmd_op {
	unsigned int cmd;
	size_t size;
	size_t min_size;
	int (*execute)(struct ucmd *ucmd);
};

/* No argument is larger. */
#define UCMD_MAX_SIZE	256

#define UCMD_OP(_cmd, _struct, _last, _execute)				\
	{								\
		.cmd = _cmd,						\
		.size = sizeof(struct _struct) +			\
			BUILD_BUG_ON_ZERO(sizeof(struct _struct) >	\
					  UCMD_MAX_SIZE),		\
		.min_size = offsetofend(struct _struct, _last),		\
		.execute = _execute,					\
	}

static inline int ucmd_respond(struct ucmd *ucmd)
{
	return copy_to_user(ucmd->uarg, ucmd->arg, ucmd->len) ? -EFAULT : 0;
}

/* For results that may be huge: ends on a fatal signal. */
static inline int ucmd_copy_array(u64 to, const void *from, size_t bytes)
{
	size_t done, step;

	for (done = 0; done < bytes; done += step) {
		step = min_t(size_t, bytes - done, SZ_1M);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (copy_to_user(u64_to_user_ptr(to + done), from + done, step))
			return -EFAULT;
		cond_resched();
	}
	return 0;
}

static inline long ucmd_dispatch(struct file *file, unsigned int cmd,
				 unsigned long uarg, const struct ucmd_op *ops,
				 size_t nr_ops)
{
	u8 buf[UCMD_MAX_SIZE] __aligned(8);
	struct ucmd ucmd = {
		.file = file,
		.arg = buf,
		.uarg = (void __user *)uarg,
	};
	const struct ucmd_op *op;
	u32 size;
	int ret;

	for (op = ops; op < ops + nr_ops; op++)
		if (op->cmd == cmd)
			break;
	if (op == ops + nr_ops)
		return -ENOTTY;

	if (get_user(size, (u32 __user *)ucmd.uarg))
		return -EFAULT;
	if (size < op->min_size)
		return -EINVAL;
	/* What follows is looked at for being zero: not 4 GiB of it. */
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(buf, op->size, ucmd.uarg, size);
	if (ret)
		return ret;
	ucmd.len = min_t(size_t, size, op->size);

	return op->execute(&ucmd);
}

#endif /* DMABUF_REVOKE_UCMD_H */
