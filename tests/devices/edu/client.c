// SPDX-License-Identifier: GPL-2.0-only
/* /dev/dbr-copy, see uapi.h. Each ioctl has a channel, from its beginning to its end. */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/math.h>
#include <linux/miscdevice.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "uapi.h"

#define COPY_LIMIT	(30 * HZ)

struct copy_run;

struct copy_part {
	struct copy_run *run;
	unsigned int number;
};

/* Of one ioctl. The callbacks write to it, and do not come any more after a terminate. */
struct copy_run {
	struct dma_chan *chan;
	struct device *dev;
	u8 *source;
	u8 *target;
	dma_addr_t from;
	dma_addr_t to;
	struct copy_part parts[COPY_DESCRIPTORS];
	unsigned int ended;
	unsigned int enough;
	int error;
	struct completion done;	/* @enough have ended, or there was an error */
};

static void copy_ended(void *param, const struct dmaengine_result *result)
{
	struct copy_part *part = param;
	struct copy_run *run = part->run;

	if (result->result == DMA_TRANS_ABORTED)
		run->error = -ECANCELED;
	else if (result->result || part->number != run->ended)
		run->error = -EIO;
	else
		run->ended++;
	if (run->error || run->ended == run->enough)
		complete(&run->done);
}

static int copy_submit(struct copy_run *run, const struct copy *arg)
{
	u32 most = DIV_ROUND_UP(arg->length, arg->descriptors);
	struct dma_async_tx_descriptor *tx;
	u32 offset = 0;
	int i;

	for (i = 0; offset < arg->length; i++, offset += most) {
		tx = dmaengine_prep_dma_memcpy(run->chan, run->to + offset,
					       run->from + offset,
					       min(most, arg->length - offset),
					       DMA_PREP_INTERRUPT |
					       DMA_CTRL_ACK);
		if (!tx)
			return -ENOMEM;
		run->parts[i].run = run;
		run->parts[i].number = i;
		tx->callback_result = copy_ended;
		tx->callback_param = &run->parts[i];
		if (dma_submit_error(dmaengine_submit(tx)))
			return -ECANCELED;
	}
	run->enough = arg->flags & COPY_TERMINATE ? 1 : i;
	return 0;
}

/* Whatever becomes of it, nothing is under way any more at the end. */
static int copy_by_engine(struct copy_run *run, const struct copy *arg)
{
	long left;
	int ret;

	ret = copy_submit(run, arg);
	if (!ret) {
		dma_async_issue_pending(run->chan);
		left = wait_for_completion_killable_timeout(&run->done,
							    COPY_LIMIT);
		if (left <= 0)
			ret = left ?: -ETIMEDOUT;
	}
	dmaengine_terminate_sync(run->chan);
	return ret ?: run->error;
}

/* Whether a device that goes on writing there can reach no memory but the target's. */
static bool copy_stays_ours(struct copy_run *run)
{
	return device_iommu_mapped(run->dev) ||
	       run->to == virt_to_phys(run->target);
}

static int copy_mapped(struct copy_run *run, const struct copy *arg)
{
	int ret = -ENOMEM;

	run->from = dma_map_single(run->dev, run->source, arg->length,
				   DMA_TO_DEVICE);
	if (dma_mapping_error(run->dev, run->from))
		return ret;
	run->to = dma_map_single(run->dev, run->target, arg->length,
				 DMA_FROM_DEVICE);
	if (dma_mapping_error(run->dev, run->to))
		goto out;

	if (!(arg->flags & COPY_UNMAPPED)) {
		ret = copy_by_engine(run, arg);
		dma_unmap_single(run->dev, run->to, arg->length,
				 DMA_FROM_DEVICE);
	} else {
		ret = copy_stays_ours(run) ? 0 : -EOPNOTSUPP;
		dma_unmap_single(run->dev, run->to, arg->length,
				 DMA_FROM_DEVICE);
		ret = ret ?: copy_by_engine(run, arg);
	}
out:
	dma_unmap_single(run->dev, run->from, arg->length, DMA_TO_DEVICE);
	return ret;
}

static int copy_with_memory(struct copy_run *run, struct copy *arg)
{
	void __user *source = u64_to_user_ptr(arg->source);
	void __user *target = u64_to_user_ptr(arg->target);
	int ret = -ENOMEM;

	/* Pages of their own: nobody else's memory is mapped with them. */
	run->source = (u8 *)__get_free_pages(GFP_KERNEL, get_order(COPY_MOST));
	run->target = (u8 *)__get_free_pages(GFP_KERNEL, get_order(COPY_MOST));
	if (!run->source || !run->target)
		goto out;

	ret = -EFAULT;
	if (copy_from_user(run->source, source, arg->length) ||
	    copy_from_user(run->target, target, arg->length))
		goto out;
	ret = copy_mapped(run, arg);
	arg->ended = run->ended;
	if (copy_to_user(target, run->target, arg->length))
		ret = -EFAULT;
out:
	free_pages((unsigned long)run->source, get_order(COPY_MOST));
	free_pages((unsigned long)run->target, get_order(COPY_MOST));
	return ret;
}

static bool copy_is_of(struct dma_chan *chan, void *name)
{
	return !strcmp(dev_name(chan->device->dev), name);
}

static int copy(struct copy *arg)
{
	struct copy_run *run;
	dma_cap_mask_t mask;
	int ret = -ENODEV;

	if (!arg->length || arg->length > COPY_MOST || !arg->descriptors ||
	    arg->descriptors > min_t(u32, arg->length, COPY_DESCRIPTORS) ||
	    arg->flags & ~(COPY_TERMINATE | COPY_UNMAPPED))
		return -EINVAL;
	arg->device[sizeof(arg->device) - 1] = '\0';

	run = kzalloc_obj(*run, GFP_KERNEL);
	if (!run)
		return -ENOMEM;
	init_completion(&run->done);
	dma_cap_zero(mask);
	dma_cap_set(DMA_MEMCPY, mask);
	run->chan = dma_request_channel(mask, copy_is_of, arg->device);
	if (run->chan) {
		run->dev = get_device(run->chan->device->dev);
		ret = copy_with_memory(run, arg);
		dma_release_channel(run->chan);
		put_device(run->dev);
	}
	kfree(run);
	return ret;
}

static long copy_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct copy arg;
	int ret;

	if (cmd != COPY_IOC_COPY)
		return -ENOTTY;
	if (copy_from_user(&arg, (void __user *)user, sizeof(arg)))
		return -EFAULT;
	ret = copy(&arg);
	if (copy_to_user((void __user *)user, &arg, sizeof(arg)))
		return -EFAULT;
	return ret;
}

static const struct file_operations copy_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = copy_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice copy_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dbr-copy",
	.fops = &copy_fops,
	.mode = 0600,
};

module_misc_device(copy_misc);

MODULE_DESCRIPTION("A client of DMA engines for the tests of dmabuf-revoke");
MODULE_LICENSE("GPL");
