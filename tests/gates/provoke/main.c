// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dbr-provoke: whoever writes "NAME" or "NAME NUMBER" to it has that bug provoked,
 * in the context of the write. Not at module load, and not by a parameter: a bug that
 * kills the caller would leave behind a module that is being loaded for ever, or the
 * lock of the parameters.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "module.h"

struct device *provoke_device;
static struct platform_device *provoke_pdev;

/* The control: no detector has anything to say. */
static int nothing(int number)
{
	return 0;
}

static const struct bug no_bugs[] = {
	{ "nothing", nothing },
	{ }
};

static const struct bug *const tables[] = {
	no_bugs, dma_bugs, hang_bugs, lock_bugs, memory_bugs, object_bugs,
};

static const struct bug *lookup(const char *name)
{
	const struct bug *bug;
	int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (bug = tables[i]; bug->name; bug++)
			if (!strcmp(bug->name, name))
				return bug;
	return NULL;
}

static ssize_t provoke_write(struct file *file, const char __user *from, size_t count,
			     loff_t *pos)
{
	char text[64], name[32];
	const struct bug *bug;
	int number = -1;
	int err;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	text[count] = '\0';
	if (sscanf(text, "%31s %d", name, &number) < 1)
		return -EINVAL;
	bug = lookup(name);
	if (!bug)
		return -ENOENT;
	err = bug->provoke(number);
	return err ?: count;
}

static const struct file_operations provoke_fops = {
	.owner = THIS_MODULE,
	.write = provoke_write,
};

static struct miscdevice provoke_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dbr-provoke",
	.fops = &provoke_fops,
	.mode = 0200,
};

static int __init provoke_init(void)
{
	int err;

	provoke_pdev = platform_device_register_simple("dbr_provoke", -1, NULL, 0);
	if (IS_ERR(provoke_pdev))
		return PTR_ERR(provoke_pdev);
	provoke_device = &provoke_pdev->dev;
	err = dma_coerce_mask_and_coherent(provoke_device, DMA_BIT_MASK(64));
	if (!err)
		err = misc_register(&provoke_misc);
	if (err)
		platform_device_unregister(provoke_pdev);
	return err;
}
module_init(provoke_init);

static void __exit provoke_exit(void)
{
	misc_deregister(&provoke_misc);
	platform_device_unregister(provoke_pdev);
}
module_exit(provoke_exit);

MODULE_DESCRIPTION("Deliberate bugs, for the detectors of a debug kernel");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
