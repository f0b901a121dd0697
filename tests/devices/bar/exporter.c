// SPDX-License-Identifier: GPL-2.0-only
/* /dev/dbr-bar, see uapi.h. A dma-buf has the function, until nobody refers to it any more. */
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "uapi.h"

struct bar {
	struct pci_dev *pdev;		/* a reference; enabled */
	struct page *memory;
	struct bar_export what;		/* checked */
};

static phys_addr_t bar_phys(const struct bar *bar, const struct bar_piece *piece)
{
	return pci_resource_start(bar->pdev, bar->what.bar) +
	       (phys_addr_t)piece->page * PAGE_SIZE;
}

/* DMA_MAPPING_ERROR: it cannot be mapped. */
static dma_addr_t bar_piece_map(const struct bar *bar, const struct bar_piece *piece,
				struct device *dev, enum dma_data_direction dir)
{
	dma_addr_t addr;

	switch (piece->what) {
	case BAR_MEMORY:
		addr = dma_map_page(dev, bar->memory, 0, PAGE_SIZE, dir);
		break;
	case BAR_IO:
		addr = dma_map_resource(dev, bar_phys(bar, piece), PAGE_SIZE, dir, 0);
		break;
	case BAR_BUS:
		return pci_bus_address(bar->pdev, bar->what.bar) +
		       (dma_addr_t)piece->page * PAGE_SIZE;
	default:
		return BIT_ULL(45);
	}
	return dma_mapping_error(dev, addr) ? DMA_MAPPING_ERROR : addr;
}

static void bar_piece_unmap(const struct bar_piece *piece, dma_addr_t addr,
			    struct device *dev, enum dma_data_direction dir)
{
	if (piece->what == BAR_MEMORY)
		dma_unmap_page(dev, addr, PAGE_SIZE, dir);
	else if (piece->what == BAR_IO)
		dma_unmap_resource(dev, addr, PAGE_SIZE, dir, 0);
}

/* The first @count of a table, and the table. */
static void bar_table_free(const struct bar *bar, struct sg_table *table,
			   unsigned int count, struct device *dev,
			   enum dma_data_direction dir)
{
	struct scatterlist *sg = table->sgl;
	unsigned int i;

	for (i = 0; i < count; i++, sg = sg_next(sg))
		bar_piece_unmap(&bar->what.pieces[i], sg_dma_address(sg), dev, dir);
	sg_free_table(table);
	kfree(table);
}

static struct sg_table *bar_map(struct dma_buf_attachment *attach,
				enum dma_data_direction dir)
{
	const struct bar *bar = attach->dmabuf->priv;
	struct sg_table *table = kzalloc_obj(*table, GFP_KERNEL);
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	if (!table)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(table, bar->what.count, GFP_KERNEL);
	if (ret) {
		kfree(table);
		return ERR_PTR(ret);
	}
	for_each_sgtable_sg(table, sg, i) {
		const struct bar_piece *piece = &bar->what.pieces[i];

		sg_dma_address(sg) = bar_piece_map(bar, piece, attach->dev, dir);
		sg_dma_len(sg) = PAGE_SIZE;
		if (piece->what == BAR_BUS)
			sg_dma_mark_bus_address(sg);
		if (sg_dma_address(sg) == DMA_MAPPING_ERROR) {
			bar_table_free(bar, table, i, attach->dev, dir);
			return ERR_PTR(-EIO);
		}
	}
	return table;
}

static void bar_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
		      enum dma_data_direction dir)
{
	const struct bar *bar = attach->dmabuf->priv;

	bar_table_free(bar, table, bar->what.count, attach->dev, dir);
}

static void bar_free(struct bar *bar)
{
	if (bar->memory)
		__free_page(bar->memory);
	pci_disable_device(bar->pdev);
	pci_dev_put(bar->pdev);
	kfree(bar);
}

static void bar_release(struct dma_buf *dmabuf)
{
	bar_free(dmabuf->priv);
}

static const struct dma_buf_ops bar_ops = {
	.map_dma_buf = bar_map,
	.unmap_dma_buf = bar_unmap,
	.release = bar_release,
};

static int bar_check(struct pci_dev *pdev, const struct bar_export *what)
{
	unsigned int i;

	if (!what->count || what->count > BAR_PIECES ||
	    what->bar >= PCI_STD_NUM_BARS ||
	    !(pci_resource_flags(pdev, what->bar) & IORESOURCE_MEM))
		return -EINVAL;
	for (i = 0; i < what->count; i++)
		if (what->pieces[i].what > BAR_NOWHERE ||
		    what->pieces[i].page >=
		    pci_resource_len(pdev, what->bar) / PAGE_SIZE)
			return -EINVAL;
	return 0;
}

/* Consumes the reference, in any case. */
static struct bar *bar_new(struct pci_dev *pdev, const struct bar_export *what)
{
	struct bar *bar = kzalloc_obj(*bar, GFP_KERNEL);
	int ret = -ENOMEM;

	if (bar)
		ret = bar_check(pdev, what) ?: pci_enable_device_mem(pdev);
	if (ret) {
		pci_dev_put(pdev);
		kfree(bar);
		return ERR_PTR(ret);
	}
	bar->pdev = pdev;
	bar->what = *what;
	bar->memory = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!bar->memory) {
		bar_free(bar);
		return ERR_PTR(-ENOMEM);
	}
	return bar;
}

static int bar_export(const struct bar_export *what)
{
	struct device *dev = bus_find_device_by_name(&pci_bus_type, NULL, what->function);
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	struct bar *bar;
	int fd;

	if (!dev)
		return -ENODEV;
	bar = bar_new(to_pci_dev(dev), what);
	if (IS_ERR(bar))
		return PTR_ERR(bar);
	info.ops = &bar_ops;
	info.size = what->count * PAGE_SIZE;
	info.flags = O_RDWR;
	info.priv = bar;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		bar_free(bar);
		return PTR_ERR(dmabuf);
	}
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static long bar_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct bar_export what;

	if (cmd != BAR_IOC_EXPORT)
		return -ENOTTY;
	if (copy_from_user(&what, (void __user *)user, sizeof(what)))
		return -EFAULT;
	what.function[sizeof(what.function) - 1] = '\0';
	return bar_export(&what);
}

static const struct file_operations bar_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = bar_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice bar_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dbr-bar",
	.fops = &bar_fops,
	.mode = 0600,
};

module_misc_device(bar_misc);

MODULE_DESCRIPTION("An exporter of I/O memory for the tests of dmabuf-revoke");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
