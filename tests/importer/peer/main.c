// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dbr-peer, see peer.h. A file refers to its dma-buf, attachment and mappings, and
 * lets go of all of them when it is closed. Only tests load this.
 */
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "module.h"

struct peer {
	struct mutex lock;		/* of all that follows but @invalidated */
	struct dma_buf *dmabuf;		/* NULL: not attached */
	struct dma_buf_attachment *attach;
	struct sg_table *mapping[PEER_MAPPINGS];
	struct peer_fence_set fences;
	atomic_t invalidated;
	atomic_t eager;			/* set once */
	atomic_t refused;
};

/* Once more, to see whether it may. */
static void peer_try(struct peer *peer, struct dma_buf_attachment *attach)
{
	struct sg_table *table;

	dma_resv_assert_held(attach->dmabuf->resv);

	table = dma_buf_map_attachment(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(table))
		atomic_inc(&peer->refused);
	else
		dma_buf_unmap_attachment(attach, table, DMA_BIDIRECTIONAL);
}

/* The mappings are what the tests look at afterwards: they stay. */
static void peer_invalidate(struct dma_buf_attachment *attach)
{
	struct peer *peer = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	atomic_inc(&peer->invalidated);
	if (atomic_read(&peer->eager))
		peer_try(peer, attach);
}

static const struct dma_buf_attach_ops peer_attach_ops = {
	.invalidate_mappings = peer_invalidate,
};

static int peer_attach(struct peer *peer, const struct peer_attach *arg)
{
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;

	lockdep_assert_held(&peer->lock);

	if (peer->dmabuf)
		return -EBUSY;
	if (arg->device >= PEER_DEVICES)
		return -EINVAL;
	dmabuf = dma_buf_get(arg->dmabuf);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	attach = dma_buf_dynamic_attach(dmabuf, peer_device(arg->device),
					&peer_attach_ops, peer);
	if (IS_ERR(attach)) {
		dma_buf_put(dmabuf);
		return PTR_ERR(attach);
	}
	peer->dmabuf = dmabuf;
	peer->attach = attach;
	return 0;
}

static int peer_map(struct peer *peer)
{
	struct sg_table *table;
	int i = 0;

	lockdep_assert_held(&peer->lock);

	if (!peer->dmabuf)
		return -ENXIO;
	while (i < PEER_MAPPINGS && peer->mapping[i])
		i++;
	if (i == PEER_MAPPINGS)
		return -ENOSPC;
	dma_resv_lock(peer->dmabuf->resv, NULL);
	table = dma_buf_map_attachment(peer->attach, DMA_BIDIRECTIONAL);
	dma_resv_unlock(peer->dmabuf->resv);
	if (IS_ERR(table))
		return PTR_ERR(table);
	peer->mapping[i] = table;
	return i;
}

static int peer_unmap(struct peer *peer, unsigned long which)
{
	lockdep_assert_held(&peer->lock);

	if (which >= PEER_MAPPINGS || !peer->mapping[which])
		return -ENXIO;
	dma_resv_lock(peer->dmabuf->resv, NULL);
	dma_buf_unmap_attachment(peer->attach, peer->mapping[which],
				 DMA_BIDIRECTIONAL);
	dma_resv_unlock(peer->dmabuf->resv);
	peer->mapping[which] = NULL;
	return 0;
}

/* Nobody is to take them for leaks: kmemleak finds them here. */
static struct peer_lost {
	struct peer_lost *next;
	struct sg_table *mapping[PEER_MAPPINGS];
} *peer_lost;

static int peer_leave(struct peer *peer)
{
	struct peer_lost *lost;
	int ret;

	lockdep_assert_held(&peer->lock);

	if (!peer->dmabuf)
		return -ENXIO;
	lost = kzalloc_obj(*lost, GFP_KERNEL);
	if (!lost)
		return -ENOMEM;
	dma_resv_lock(peer->dmabuf->resv, NULL);
	ret = dma_buf_pin(peer->attach);
	dma_resv_unlock(peer->dmabuf->resv);
	if (ret) {
		kfree(lost);
		return ret;
	}
	dma_buf_detach(peer->dmabuf, peer->attach);
	dma_buf_put(peer->dmabuf);
	peer->dmabuf = NULL;

	memcpy(lost->mapping, peer->mapping, sizeof(lost->mapping));
	memset(peer->mapping, 0, sizeof(peer->mapping));
	lost->next = xchg(&peer_lost, lost);
	return 0;
}

/* What is at this address of the device's; NULL where that is no memory. */
static u64 *peer_word(struct device *dev, dma_addr_t addr)
{
	phys_addr_t phys = dma_to_phys(dev, addr);

	if (device_iommu_mapped(dev) || !pfn_valid(PHYS_PFN(phys)))
		return NULL;
	return phys_to_virt(phys);
}

static u64 peer_read(struct device *dev, dma_addr_t addr)
{
	u64 *word = peer_word(dev, addr);

	return word ? READ_ONCE(*word) : 0;
}

static int peer_store(struct peer *peer, const struct peer_store *arg)
{
	u64 *word;

	lockdep_assert_held(&peer->lock);

	if (arg->mapping >= PEER_MAPPINGS || !peer->mapping[arg->mapping])
		return -ENXIO;
	word = peer_word(peer->attach->dev,
			 sg_dma_address(peer->mapping[arg->mapping]->sgl));
	if (!word)
		return -EOPNOTSUPP;
	WRITE_ONCE(*word, arg->value);
	return 0;
}

/* Into an array of as many as there are. */
static int peer_list(struct peer *peer, unsigned int which,
		     struct peer_segment **out)
{
	struct sg_table *table;
	struct scatterlist *sg;
	int i;

	lockdep_assert_held(&peer->lock);

	if (which >= PEER_MAPPINGS || !peer->mapping[which])
		return -ENXIO;
	table = peer->mapping[which];
	*out = kvcalloc(table->nents, sizeof(**out), GFP_KERNEL);
	if (!*out)
		return -ENOMEM;
	for_each_sgtable_dma_sg(table, sg, i) {
		(*out)[i].address = sg_dma_address(sg);
		(*out)[i].length = sg_dma_len(sg);
		(*out)[i].first = peer_read(peer->attach->dev,
					    sg_dma_address(sg));
	}
	return table->nents;
}

static int peer_pages(struct peer *peer, unsigned long which)
{
	struct scatterlist *sg;
	int i, n = 0;

	lockdep_assert_held(&peer->lock);

	if (which >= PEER_MAPPINGS || !peer->mapping[which])
		return -ENXIO;
	for_each_sgtable_sg(peer->mapping[which], sg, i)
		n += !!sg_page(sg);
	return n;
}

static int peer_segments(struct peer *peer, const struct peer_segments *arg)
{
	struct peer_segment *segments = NULL;
	size_t bytes;
	int ret;

	mutex_lock(&peer->lock);
	ret = peer_list(peer, arg->mapping, &segments);
	mutex_unlock(&peer->lock);
	if (ret < 0)
		return ret;

	bytes = min_t(size_t, ret, arg->capacity) * sizeof(*segments);
	if (copy_to_user(u64_to_user_ptr(arg->segments), segments, bytes))
		ret = -EFAULT;
	kvfree(segments);
	return ret;
}

static int peer_fences(struct peer *peer, const struct peer_fences *arg)
{
	lockdep_assert_held(&peer->lock);

	if (!peer->dmabuf)
		return -ENXIO;
	if (peer->fences.count)
		return -EBUSY;
	if (!arg->count || arg->count > PEER_FENCES)
		return -EINVAL;
	return peer_fences_add(&peer->fences, peer->dmabuf, arg);
}

static int peer_times(struct peer *peer, const struct peer_fence_times *arg)
{
	struct peer_fence times[PEER_FENCES];
	int count;

	mutex_lock(&peer->lock);
	count = peer->fences.count;
	peer_fence_times(&peer->fences, times);
	mutex_unlock(&peer->lock);

	if (copy_to_user(u64_to_user_ptr(arg->fences), times,
			 count * sizeof(*times)))
		return -EFAULT;
	return count;
}

union peer_arg {
	struct peer_attach attach;
	struct peer_segments segments;
	struct peer_fences fences;
	struct peer_fence_times times;
	struct peer_store store;
};

static long peer_locked(struct peer *peer, unsigned int cmd, unsigned long number,
			const union peer_arg *arg)
{
	long ret;

	mutex_lock(&peer->lock);
	switch (cmd) {
	case PEER_IOC_ATTACH:
		ret = peer_attach(peer, &arg->attach);
		break;
	case PEER_IOC_MAP:
		ret = peer_map(peer);
		break;
	case PEER_IOC_UNMAP:
		ret = peer_unmap(peer, number);
		break;
	case PEER_IOC_PAGES:
		ret = peer_pages(peer, number);
		break;
	case PEER_IOC_FENCES:
		ret = peer_fences(peer, &arg->fences);
		break;
	case PEER_IOC_LEAVE:
		ret = peer_leave(peer);
		break;
	case PEER_IOC_STORE:
		ret = peer_store(peer, &arg->store);
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&peer->lock);
	return ret;
}

static long peer_ioctl(struct file *file, unsigned int cmd, unsigned long number)
{
	struct peer *peer = file->private_data;
	union peer_arg arg;

	if (_IOC_SIZE(cmd) > sizeof(arg))
		return -ENOTTY;
	if (copy_from_user(&arg, (void __user *)number, _IOC_SIZE(cmd)))
		return -EFAULT;
	switch (cmd) {
	case PEER_IOC_SEGMENTS:
		return peer_segments(peer, &arg.segments);
	case PEER_IOC_FENCE_TIMES:
		return peer_times(peer, &arg.times);
	case PEER_IOC_INVALIDATED:
		return atomic_read(&peer->invalidated);
	case PEER_IOC_EAGER:
		atomic_set(&peer->eager, 1);
		return atomic_read(&peer->refused);
	}
	return peer_locked(peer, cmd, number, &arg);
}

static int peer_open(struct inode *inode, struct file *file)
{
	struct peer *peer = kzalloc_obj(*peer, GFP_KERNEL);

	if (!peer)
		return -ENOMEM;
	mutex_init(&peer->lock);
	file->private_data = peer;
	return 0;
}

static int peer_release(struct inode *inode, struct file *file)
{
	struct peer *peer = file->private_data;
	int i;

	mutex_lock(&peer->lock);
	peer_fences_end(&peer->fences);
	for (i = 0; i < PEER_MAPPINGS; i++)
		peer_unmap(peer, i);
	mutex_unlock(&peer->lock);
	if (peer->dmabuf) {
		dma_buf_detach(peer->dmabuf, peer->attach);
		dma_buf_put(peer->dmabuf);
	}
	kfree(peer);
	return 0;
}

static const struct file_operations peer_fops = {
	.owner = THIS_MODULE,
	.open = peer_open,
	.release = peer_release,
	.unlocked_ioctl = peer_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice peer_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dbr-peer",
	.fops = &peer_fops,
	.mode = 0600,
};

static int __init peer_init(void)
{
	int ret;

	ret = peer_devices_begin();
	if (ret)
		return ret;
	ret = misc_register(&peer_misc);
	if (ret)
		peer_devices_end();
	return ret;
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	misc_deregister(&peer_misc);
	/* No file is left, so all fences have signalled. */
	compat_fences_end();
	peer_devices_end();
}
module_exit(peer_exit);

MODULE_DESCRIPTION("An importer that the tests of dmabuf-revoke take apart");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
