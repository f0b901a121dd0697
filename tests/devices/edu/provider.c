// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's "edu" as a DMA engine with one channel, which copies memory. The device reads and
 * writes memory itself, through an IOMMU if there is one. Only driver_override leads here.
 *
 * The device has a buffer, and moves bytes between that and memory, 100 ms for each
 * transfer. So a descriptor takes two steps for each piece that fits. What is known of it is
 * how many steps it has made; whether a step is being made the device says. An interrupt
 * tells to ask it, and as much is done when a client asks for a status.
 *
 * A descriptor is in one of the lists from the moment it is prepared until it is called
 * back for, or dropped. The first of those issued is the one that is worked on.
 *
 * A client may keep the channel for longer than the driver has the device: @regs is NULL
 * then, whatever was not complete has been aborted, and nothing can be submitted.
 */
#include <linux/dmaengine.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/llist.h>
#include <linux/math.h>
#include <linux/mutex.h>
#include <linux/pci.h>

#include "compat.h"

#define EDU_VENDOR		0x1234
#define EDU_DEVICE		0x11e8

#define EDU_ID			0x00
#define  EDU_ID_MASK		0xffff	/* the rest is the version */
#define  EDU_ID_VALUE		0x00ed
#define EDU_IRQ_STATUS		0x24
#define EDU_IRQ_ACK		0x64
#define EDU_DMA_SOURCE		0x80
#define EDU_DMA_TARGET		0x88
#define EDU_DMA_COUNT		0x90
#define EDU_DMA_COMMAND		0x98
#define  EDU_DMA_RUN		BIT(0)
#define  EDU_DMA_TO_MEMORY	BIT(1)
#define  EDU_DMA_INTERRUPT	BIT(2)

#define EDU_BUFFER		0x40000
/* Half of the buffer: QEMU 7.2 aborts when a transfer reaches its end. */
#define EDU_PIECE		2048

/* How often it is looked whether a transfer has ended, and for how long. */
#define EDU_POLL_US		USEC_PER_MSEC
#define EDU_LIMIT_US		(30 * USEC_PER_SEC)

static bool edu_no_copy;
module_param_named(no_copy, edu_no_copy, bool, 0444);
MODULE_PARM_DESC(no_copy, "Do not say that the channel copies");

struct edu_desc {
	struct dma_async_tx_descriptor tx;
	struct list_head node;
	dma_addr_t source;
	dma_addr_t target;
	size_t length;
	unsigned int step;	/* even: into the buffer; odd: out of it */
	bool begun;		/* the step was given to the device */
	enum dmaengine_tx_result result;
};

struct edu {
	struct dma_device dma;
	struct dma_chan chan;
	int irq;
	struct tasklet_struct tasklet;	/* calls back for @ended */

	struct mutex stopping;	/* held by who waits for the device to have stopped */
	spinlock_t lock;	/* of what follows; @regs is written with both held */
	void __iomem *regs;
	struct list_head prepared;
	struct list_head submitted;
	struct list_head issued;
	struct list_head ended;

	struct llist_node released;
};

static struct edu *edu_of(struct dma_chan *chan)
{
	return container_of(chan, struct edu, chan);
}

static bool edu_runs(void __iomem *regs)
{
	return readq(regs + EDU_DMA_COMMAND) & EDU_DMA_RUN;
}

static void edu_begin(void __iomem *regs, struct edu_desc *desc)
{
	size_t offset = desc->step / 2 * EDU_PIECE;
	u64 command = EDU_DMA_RUN | EDU_DMA_INTERRUPT;
	u64 source = desc->source + offset;
	u64 target = EDU_BUFFER;

	if (desc->step % 2) {
		command |= EDU_DMA_TO_MEMORY;
		source = EDU_BUFFER;
		target = desc->target + offset;
	}
	writeq(source, regs + EDU_DMA_SOURCE);
	writeq(target, regs + EDU_DMA_TARGET);
	writeq(min_t(size_t, desc->length - offset, EDU_PIECE),
	       regs + EDU_DMA_COUNT);
	writeq(command, regs + EDU_DMA_COMMAND);
	desc->begun = true;
}

static void edu_end(struct edu *edu, struct edu_desc *desc,
		    enum dmaengine_tx_result result)
{
	lockdep_assert_held(&edu->lock);

	if (result == DMA_TRANS_NOERROR)
		edu->chan.completed_cookie = desc->tx.cookie;
	desc->result = result;
	list_move_tail(&desc->node, &edu->ended);
	tasklet_schedule(&edu->tasklet);
}

static struct edu_desc *edu_first(struct list_head *list)
{
	return list_first_entry_or_null(list, struct edu_desc, node);
}

/*
 * Begins the next step, if there is one and the device has time for it. It may still be
 * at a step of a descriptor that was dropped.
 */
static void edu_advance(struct edu *edu)
{
	struct edu_desc *desc = edu_first(&edu->issued);

	lockdep_assert_held(&edu->lock);

	if (!desc || !edu->regs || edu_runs(edu->regs))
		return;
	if (desc->begun) {
		desc->begun = false;
		desc->step++;
		if (desc->step == 2 * DIV_ROUND_UP(desc->length, EDU_PIECE)) {
			edu_end(edu, desc, DMA_TRANS_NOERROR);
			desc = edu_first(&edu->issued);
		}
	}
	if (desc)
		edu_begin(edu->regs, desc);
}

static irqreturn_t edu_interrupt(int irq, void *data)
{
	struct edu *edu = data;

	spin_lock(&edu->lock);
	if (edu->regs) {
		writel(readl(edu->regs + EDU_IRQ_STATUS),
		       edu->regs + EDU_IRQ_ACK);
		edu_advance(edu);
	}
	spin_unlock(&edu->lock);
	return IRQ_HANDLED;
}

static void edu_drop(struct list_head *list)
{
	struct edu_desc *desc, *next;

	list_for_each_entry_safe(desc, next, list, node) {
		dma_descriptor_unmap(&desc->tx);
		kfree(desc);
	}
}

static struct edu_desc *edu_take_ended(struct edu *edu)
{
	struct edu_desc *desc;
	unsigned long flags;

	spin_lock_irqsave(&edu->lock, flags);
	desc = edu_first(&edu->ended);
	if (desc)
		list_del(&desc->node);
	spin_unlock_irqrestore(&edu->lock, flags);
	return desc;
}

static void edu_call_back(struct tasklet_struct *tasklet)
{
	struct edu *edu = container_of(tasklet, struct edu, tasklet);
	struct edu_desc *desc;

	while ((desc = edu_take_ended(edu))) {
		struct dma_async_tx_descriptor *tx = &desc->tx;
		const struct dmaengine_result result = {
			.result = desc->result,
			.residue = desc->result ? desc->length : 0,
		};

		dma_descriptor_unmap(tx);
		if (tx->callback_result)
			tx->callback_result(tx->callback_param, &result);
		else if (tx->callback)
			tx->callback(tx->callback_param);
		kfree(desc);
	}
}

static dma_cookie_t edu_submit(struct dma_async_tx_descriptor *tx)
{
	struct edu_desc *desc = container_of(tx, struct edu_desc, tx);
	struct dma_chan *chan = tx->chan;
	struct edu *edu = edu_of(chan);
	dma_cookie_t cookie = -ENODEV;
	unsigned long flags;

	spin_lock_irqsave(&edu->lock, flags);
	if (edu->regs) {
		cookie = chan->cookie < S32_MAX ? chan->cookie + 1 :
						  DMA_MIN_COOKIE;
		chan->cookie = cookie;
		tx->cookie = cookie;
		list_move_tail(&desc->node, &edu->submitted);
	}
	spin_unlock_irqrestore(&edu->lock, flags);
	return cookie;
}

static struct dma_async_tx_descriptor *
edu_prep_memcpy(struct dma_chan *chan, dma_addr_t target, dma_addr_t source,
		size_t length, unsigned long tx_flags)
{
	struct edu *edu = edu_of(chan);
	struct edu_desc *desc;
	unsigned long flags;

	desc = length ? kzalloc_obj(*desc, GFP_NOWAIT) : NULL;
	if (!desc)
		return NULL;
	dma_async_tx_descriptor_init(&desc->tx, chan);
	desc->tx.flags = tx_flags;
	desc->tx.tx_submit = edu_submit;
	desc->source = source;
	desc->target = target;
	desc->length = length;

	spin_lock_irqsave(&edu->lock, flags);
	list_add_tail(&desc->node, &edu->prepared);
	spin_unlock_irqrestore(&edu->lock, flags);
	return &desc->tx;
}

static void edu_issue_pending(struct dma_chan *chan)
{
	struct edu *edu = edu_of(chan);
	unsigned long flags;

	spin_lock_irqsave(&edu->lock, flags);
	list_splice_tail_init(&edu->submitted, &edu->issued);
	edu_advance(edu);
	spin_unlock_irqrestore(&edu->lock, flags);
}

static enum dma_status edu_tx_status(struct dma_chan *chan, dma_cookie_t cookie,
				     struct dma_tx_state *state)
{
	struct edu *edu = edu_of(chan);
	enum dma_status status;
	unsigned long flags;

	spin_lock_irqsave(&edu->lock, flags);
	edu_advance(edu);
	status = dma_async_is_complete(cookie, chan->completed_cookie,
				       chan->cookie);
	if (status == DMA_IN_PROGRESS && !edu->regs)
		status = DMA_ERROR;
	dma_set_tx_state(state, chan->completed_cookie, chan->cookie, 0);
	spin_unlock_irqrestore(&edu->lock, flags);
	return status;
}

/* The device ends its step, which only synchronize waits for. */
static int edu_terminate_all(struct dma_chan *chan)
{
	struct edu *edu = edu_of(chan);
	unsigned long flags;
	LIST_HEAD(dropped);

	spin_lock_irqsave(&edu->lock, flags);
	list_splice_init(&edu->submitted, &dropped);
	list_splice_init(&edu->issued, &dropped);
	list_splice_init(&edu->ended, &dropped);
	spin_unlock_irqrestore(&edu->lock, flags);
	edu_drop(&dropped);
	return 0;
}

/* Whether the device is at a step of a descriptor that was dropped. */
static bool edu_is_behind(struct edu *edu)
{
	struct edu_desc *desc;
	unsigned long flags;
	bool behind;

	spin_lock_irqsave(&edu->lock, flags);
	desc = edu_first(&edu->issued);
	behind = edu->regs && !(desc && desc->begun) && edu_runs(edu->regs);
	spin_unlock_irqrestore(&edu->lock, flags);
	return behind;
}

static void edu_synchronize(struct dma_chan *chan)
{
	struct edu *edu = edu_of(chan);
	bool behind;

	mutex_lock(&edu->stopping);
	if (read_poll_timeout(edu_is_behind, behind, !behind, EDU_POLL_US,
			      EDU_LIMIT_US, false, edu))
		dev_err(edu->dma.dev, "a transfer does not end\n");
	if (edu->regs)
		synchronize_irq(edu->irq);
	mutex_unlock(&edu->stopping);
	tasklet_kill(&edu->tasklet);
}

static void edu_free_chan_resources(struct dma_chan *chan)
{
	struct edu *edu = edu_of(chan);
	unsigned long flags;
	LIST_HEAD(dropped);

	edu_terminate_all(chan);
	edu_synchronize(chan);
	spin_lock_irqsave(&edu->lock, flags);
	list_splice_init(&edu->prepared, &dropped);
	spin_unlock_irqrestore(&edu->lock, flags);
	edu_drop(&dropped);
}

/* Consumed by edu_exit(). */
static LLIST_HEAD(edu_released);

/*
 * dma_release_channel() goes on to look at the channel when it has called this, with its
 * mutex held: the memory stays until the module goes.
 */
static void edu_release(struct dma_device *dma)
{
	struct edu *edu = container_of(dma, struct edu, dma);

	put_device(dma->dev);
	llist_add(&edu->released, &edu_released);
}

static struct edu *edu_create(struct pci_dev *pdev, void __iomem *regs)
{
	struct edu *edu = kzalloc_obj(*edu, GFP_KERNEL);
	struct dma_device *dma;

	if (!edu)
		return NULL;
	edu->regs = regs;
	edu->irq = pci_irq_vector(pdev, 0);
	mutex_init(&edu->stopping);
	spin_lock_init(&edu->lock);
	INIT_LIST_HEAD(&edu->prepared);
	INIT_LIST_HEAD(&edu->submitted);
	INIT_LIST_HEAD(&edu->issued);
	INIT_LIST_HEAD(&edu->ended);
	tasklet_setup(&edu->tasklet, edu_call_back);

	dma = &edu->dma;
	dma->dev = &pdev->dev;
	if (!edu_no_copy)
		dma_cap_set(DMA_MEMCPY, dma->cap_mask);
	/* For those who ask for it: it is too slow for anybody else. */
	dma_cap_set(DMA_PRIVATE, dma->cap_mask);
	dma->residue_granularity = DMA_RESIDUE_GRANULARITY_DESCRIPTOR;
	dma->device_free_chan_resources = edu_free_chan_resources;
	dma->device_prep_dma_memcpy = edu_prep_memcpy;
	dma->device_tx_status = edu_tx_status;
	dma->device_issue_pending = edu_issue_pending;
	dma->device_terminate_all = edu_terminate_all;
	dma->device_synchronize = edu_synchronize;
	dma->device_release = edu_release;

	edu->chan.device = dma;
	edu->chan.cookie = DMA_MIN_COOKIE;
	edu->chan.completed_cookie = DMA_MIN_COOKIE;
	INIT_LIST_HEAD(&dma->channels);
	list_add_tail(&edu->chan.device_node, &dma->channels);
	return edu;
}

static int edu_register(struct pci_dev *pdev, struct edu *edu)
{
	int ret;

	ret = request_irq(edu->irq, edu_interrupt, 0, KBUILD_MODNAME, edu);
	if (ret)
		return ret;
	get_device(&pdev->dev);
	ret = dma_async_device_register(&edu->dma);
	if (ret) {
		put_device(&pdev->dev);
		free_irq(edu->irq, edu);
		return ret;
	}
	pci_set_drvdata(pdev, edu);
	return 0;
}

static void __iomem *edu_enable(struct pci_dev *pdev)
{
	void __iomem *regs;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return IOMEM_ERR_PTR(ret);
	regs = pcim_iomap(pdev, 0, 0);
	if (!regs)
		return IOMEM_ERR_PTR(-ENOMEM);
	if ((readl(regs + EDU_ID) & EDU_ID_MASK) != EDU_ID_VALUE)
		return IOMEM_ERR_PTR(-ENODEV);
	/* As -device edu,dma_mask= has to say: by itself it has 28 bits. */
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return IOMEM_ERR_PTR(ret);
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	pci_set_master(pdev);
	return regs;
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	void __iomem *regs;
	struct edu *edu;
	int ret;

	if (pdev->vendor != EDU_VENDOR || pdev->device != EDU_DEVICE)
		return -ENODEV;
	regs = edu_enable(pdev);
	if (IS_ERR(regs))
		return PTR_ERR(regs);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	edu = edu_create(pdev, regs);
	ret = edu ? edu_register(pdev, edu) : -ENOMEM;
	if (ret) {
		kfree(edu);
		pci_free_irq_vectors(pdev);
	}
	return ret;
}

/* Clients learn of it by their callbacks. Nothing is submitted any more. */
static void edu_abort(struct edu *edu)
{
	struct edu_desc *desc;
	unsigned long flags;

	spin_lock_irqsave(&edu->lock, flags);
	list_splice_tail_init(&edu->submitted, &edu->issued);
	while ((desc = edu_first(&edu->issued)))
		edu_end(edu, desc, DMA_TRANS_ABORTED);
	spin_unlock_irqrestore(&edu->lock, flags);
	tasklet_kill(&edu->tasklet);
}

static void edu_remove(struct pci_dev *pdev)
{
	struct edu *edu = pci_get_drvdata(pdev);
	void __iomem *regs = edu->regs;
	bool runs;

	mutex_lock(&edu->stopping);
	spin_lock_irq(&edu->lock);
	edu->regs = NULL;
	spin_unlock_irq(&edu->lock);
	if (read_poll_timeout(edu_runs, runs, !runs, EDU_POLL_US, EDU_LIMIT_US,
			      false, regs))
		pci_err(pdev, "a transfer does not end\n");
	mutex_unlock(&edu->stopping);

	free_irq(edu->irq, edu);
	edu_abort(edu);
	dma_async_device_unregister(&edu->dma);
	pci_free_irq_vectors(pdev);
}

/* No table of devices: none is to be had without being asked for. */
static struct pci_driver edu_driver = {
	.name = "dbr_edu",
	.probe = edu_probe,
	.remove = edu_remove,
};

static int __init edu_init(void)
{
	return pci_register_driver(&edu_driver);
}
module_init(edu_init);

static bool edu_refuse(struct dma_chan *chan, void *param)
{
	return false;
}

static void __exit edu_exit(void)
{
	struct edu *edu, *next;
	dma_cap_mask_t mask;

	pci_unregister_driver(&edu_driver);
	/* Whoever is still in dma_release_channel() has the mutex that this takes. */
	dma_cap_zero(mask);
	dma_request_channel(mask, edu_refuse, NULL);
	llist_for_each_entry_safe(edu, next, llist_del_all(&edu_released),
				  released)
		kfree(edu);
}
module_exit(edu_exit);

MODULE_DESCRIPTION("A DMA engine that the tests of dmabuf-revoke can break");
MODULE_LICENSE("GPL");
