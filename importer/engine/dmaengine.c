// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real DMA, by a channel of the kernel's DMA engine that copies memory. The attachment is for
 * the device that does the copying: its addresses are those that the device emits.
 *
 * Each attachment has a channel for itself, and a page that the device reaches, too: what is
 * read comes there, what is written comes from there. A step is what is given to the device at
 * once: one piece, at most a page. One is made after the other.
 */

#include <linux/crc32.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "importer.h"

/* For so many seconds a step may take. It is then the device that hangs. */
#define DBI_STEP_LIMIT	30

struct dbi_dmaengine {
	/* Constant. */
	struct dma_chan *chan;
	u8 *mem;			/* PAGE_SIZE bytes, coherent */
	dma_addr_t addr;		/* of @mem */

	struct mutex lock;		/* a step, and what is in @mem for it */
	bool lost;			/* the same; a callback may still come: no step begins */

	/* The callback's, from the beginning of the step until @done. */
	enum dmaengine_tx_result result;
	bool done;
};

/* In a tasklet, or wherever the channel's driver likes: no lock of ours. */
static void dbi_step_ended(void *param, const struct dmaengine_result *result)
{
	struct dbi_attachment *att = param;
	unsigned long flags;

	att->dmaengine->result = result ? result->result : DMA_TRANS_NOERROR;
	/* Who sees it takes the lock before the attachment may go. */
	spin_lock_irqsave(&att->wait.lock, flags);
	/* Pairs with dbi_step_is_done(): then there is a result. */
	smp_store_release(&att->dmaengine->done, true);
	wake_up_all_locked(&att->wait);
	spin_unlock_irqrestore(&att->wait.lock, flags);
}

static bool dbi_step_is_done(const struct dbi_attachment *att)
{
	/* Pairs with dbi_step_ended(). */
	return smp_load_acquire(&att->dmaengine->done);
}

/* @job is NULL for what belongs to none. */
static bool dbi_step_is_cut(const struct dbi_attachment *att,
			    const struct dbi_job *job)
{
	return job ? dbi_job_is_cut(job) : READ_ONCE(att->closing);
}

/* What is not there any more does no DMA, nor does it ever end. */
static bool dbi_channel_is_gone(const struct dma_chan *chan)
{
	struct device *dev = chan->device->dev;

	return dev_is_pci(dev) && !pci_device_is_present(to_pci_dev(dev));
}

/* Until it has ended, or nothing comes of it any more: 0, -ECANCELED, or -EIO. */
static int dbi_step_await(struct dbi_attachment *att, const struct dbi_job *job,
			  dma_cookie_t cookie)
{
	struct dma_chan *chan = att->dmaengine->chan;
	int seconds;

	/* Interruptible only so as not to count as load; nobody signals us. */
	for (seconds = 0; seconds < DBI_STEP_LIMIT; seconds++) {
		wait_event_interruptible_timeout(att->wait,
						 dbi_step_is_done(att) ||
						 dbi_step_is_cut(att, job), HZ);
		if (dbi_step_is_done(att))
			return 0;
		if (dbi_step_is_cut(att, job))
			break;
		/* An interrupt is lost when the device is reset. The driver looks now. */
		dmaengine_tx_status(chan, cookie, NULL);
	}
	/* There are drivers that forget a transfer, and the device goes on. A page is soon over. */
	if (wait_event_idle_timeout(att->wait, dbi_step_is_done(att), HZ / 50))
		return 0;
	if (!dmaengine_terminate_sync(chan))
		return dbi_step_is_cut(att, job) ? -ECANCELED : -EIO;
	/* There are channels that cannot be stopped. They end what they are at. */
	while (!wait_event_idle_timeout(att->wait, dbi_step_is_done(att), HZ)) {
		if (dbi_channel_is_gone(chan)) {
			att->dmaengine->lost = true;
			return -EIO;
		}
		dmaengine_tx_status(chan, cookie, NULL);
	}
	return 0;
}

/* How the step ended: 0, -EFAULT with an event, or -EIO. */
static int dbi_step_result(struct dbi_attachment *att, dma_addr_t to,
			   dma_addr_t from)
{
	switch (att->dmaengine->result) {
	case DMA_TRANS_NOERROR:
		return 0;
	case DMA_TRANS_READ_FAILED:
		dbi_event(att, DMABUF_REVOKE_EVENT_DMA_FAULT, from);
		return -EFAULT;
	case DMA_TRANS_WRITE_FAILED:
		dbi_event(att, DMABUF_REVOKE_EVENT_DMA_FAULT, to);
		return -EFAULT;
	default:
		return -EIO;
	}
}

/*
 * Drivers allocate descriptors without waiting for memory: fences may depend on this.
 *
 * Return: 0, -ECANCELED, -EFAULT, or -EIO. No DMA is under way any more, whatever it is.
 */
static int dbi_step(struct dbi_attachment *att, const struct dbi_job *job,
		    dma_addr_t to, dma_addr_t from, size_t bytes)
{
	struct dbi_dmaengine *engine = att->dmaengine;
	struct dma_async_tx_descriptor *tx;
	dma_cookie_t cookie;
	int ret;

	lockdep_assert_held(&engine->lock);

	/* A reset may have been all, and the device is there again. */
	if (engine->lost)
		return -EIO;
	tx = dmaengine_prep_dma_memcpy(engine->chan, to, from, bytes,
				       DMA_PREP_INTERRUPT | DMA_CTRL_ACK);
	if (!tx)
		return -EIO;
	engine->done = false;
	tx->callback_result = dbi_step_ended;
	tx->callback_param = att;
	cookie = dmaengine_submit(tx);
	if (dma_submit_error(cookie))
		return -EIO;
	dma_async_issue_pending(engine->chan);

	ret = dbi_step_await(att, job, cookie);
	/* The callback has let go of the attachment. */
	spin_lock_irq(&att->wait.lock);
	spin_unlock_irq(&att->wait.lock);
	return ret ?: dbi_step_result(att, to, from);
}

/* 0, -ECANCELED, -EFAULT, or -EIO. */
int dbi_dmaengine_transfer(struct dbi_job *job, const struct dbi_piece *piece,
			   u32 *crc)
{
	struct dbi_attachment *att = job->att;
	struct dbi_dmaengine *engine = att->dmaengine;
	int ret = 0;

	mutex_lock(&engine->lock);
	switch (job->op) {
	case DMABUF_REVOKE_OP_READ:
		ret = dbi_step(att, job, engine->addr, piece->from.addr, piece->bytes);
		if (!ret)
			*crc = crc32_le(*crc, engine->mem, piece->bytes);
		break;
	case DMABUF_REVOKE_OP_WRITE:
		dbi_fill(engine->mem, piece->bytes, piece->offset, job->pattern);
		ret = dbi_step(att, job, piece->from.addr, engine->addr, piece->bytes);
		break;
	case DMABUF_REVOKE_OP_COPY:
		ret = dbi_step(att, job, piece->to.addr, piece->from.addr, piece->bytes);
		break;
	}
	mutex_unlock(&engine->lock);
	return ret;
}

/* Of no job, whatever is at @addr. */
void dbi_dmaengine_write(struct dbi_attachment *att, dma_addr_t addr, u64 word)
{
	struct dbi_dmaengine *engine = att->dmaengine;

	mutex_lock(&engine->lock);
	memcpy(engine->mem, &word, sizeof(word));
	dbi_step(att, NULL, addr, engine->addr, sizeof(word));
	mutex_unlock(&engine->lock);
}

/* What is asked of a channel, and whether one was free that can do it, or cannot. */
struct dbi_dmaengine_wish {
	const struct device *dev;
	bool suits;
	bool other;
};

static bool dbi_dmaengine_suits(struct dma_chan *chan, void *param)
{
	struct dbi_dmaengine_wish *wish = param;
	bool suits;

	if (chan->device->dev != wish->dev)
		return false;
	/*
	 * Any address and length, and those that the attachment is mapped for. Not those of
	 * idxd, out of order, which go while its driver stays: nobody would tell us.
	 */
	suits = dma_has_cap(DMA_MEMCPY, chan->device->cap_mask) &&
		!dma_has_cap(DMA_COMPLETION_NO_ORDER, chan->device->cap_mask) &&
		chan->device->copy_align == DMAENGINE_ALIGN_1_BYTE &&
		dmaengine_get_dma_device(chan) == wish->dev;
	wish->suits |= suits;
	wish->other |= !suits;
	return suits;
}

static struct dma_chan *dbi_dmaengine_request(const struct device *dev)
{
	struct dbi_dmaengine_wish wish = { .dev = dev };
	struct dma_chan *chan;
	dma_cap_mask_t any;

	dma_cap_zero(any);
	chan = dma_request_channel(any, dbi_dmaengine_suits, &wish);
	if (chan)
		return chan;
	/* The driver had a free one, and no resources for it: of its errno nobody is told. */
	if (wish.suits)
		return ERR_PTR(-ENOMEM);
	return ERR_PTR(wish.other ? -ENXIO : -EBUSY);
}

/**
 * dbi_dmaengine_open - get a channel, and what goes with it
 * @att: complete, and not attached yet
 *
 * Return: 0, -EBUSY: all channels of the device are in use, -ENXIO: none can do what an
 * attachment asks for, or -ENOMEM.
 */
int dbi_dmaengine_open(struct dbi_attachment *att)
{
	struct dbi_dmaengine *engine;
	int ret = -ENOMEM;

	engine = kzalloc_obj(*engine, GFP_CALLER);
	if (!engine)
		return ret;
	mutex_init(&engine->lock);
	engine->mem = dma_alloc_coherent(att->device->dev, PAGE_SIZE,
					 &engine->addr, GFP_KERNEL);
	if (!engine->mem)
		goto err_free;
	engine->chan = dbi_dmaengine_request(att->device->dev);
	if (IS_ERR(engine->chan)) {
		ret = PTR_ERR(engine->chan);
		goto err_mem;
	}
	att->dmaengine = engine;
	return 0;

err_mem:
	dma_free_coherent(att->device->dev, PAGE_SIZE, engine->mem, engine->addr);
err_free:
	kfree(engine);
	return ret;
}

/* Of an attachment that does nothing any more. What goes after it may be the device. */
void dbi_dmaengine_close(struct dbi_attachment *att)
{
	struct dbi_dmaengine *engine = att->dmaengine;

	dma_release_channel(engine->chan);
	dma_free_coherent(att->device->dev, PAGE_SIZE, engine->mem, engine->addr);
	kfree(engine);
}
