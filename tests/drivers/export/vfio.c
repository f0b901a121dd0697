// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci exports a BAR of a PCI function that is bound to it, behind an IOMMU. It is suspended
 * while the function does not decode its memory, and revoked when the function is closed.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdint.h>

#include "../protocol.h"

/* Since Linux 6.19; see its linux/vfio.h. */
#ifndef VFIO_DEVICE_FEATURE_DMA_BUF
#define VFIO_DEVICE_FEATURE_DMA_BUF 11

struct vfio_region_dma_range {
	uint64_t offset;
	uint64_t length;
};

struct vfio_device_feature_dma_buf {
	uint32_t region_index;
	uint32_t open_flags;
	uint32_t flags;
	uint32_t nr_ranges;
	struct vfio_region_dma_range dma_ranges[];
};
#endif

static const char *address;
static uint32_t bar = VFIO_PCI_BAR2_REGION_INDEX;
static int container = -1, group = -1, function = -1;
static uint64_t config;

/* The IOMMU group's file; -1 with an errno. */
static int open_group(void)
{
	char link[64], target[256], path[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", address);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		return -1;
	target[length] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%.32s", strrchr(target, '/') + 1);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int open_function(void)
{
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container < 0)
		return -errno;
	group = open_group();
	if (group < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	function = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address);
	return function < 0 ? -errno : 0;
}

/* Where it is in the function's file, and how long. */
static int find_region(uint32_t index, uint64_t *start, uint64_t *length)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };
	int error = call(function, VFIO_DEVICE_GET_REGION_INFO, &info);

	*start = info.offset;
	*length = info.size;
	return error;
}

static int export_bar(uint64_t length, int *dmabuf)
{
	_Alignas(8) char space[sizeof(struct vfio_device_feature) +
			       sizeof(struct vfio_device_feature_dma_buf) +
			       sizeof(struct vfio_region_dma_range)] = {};
	struct vfio_device_feature *feature = (void *)space;
	struct vfio_device_feature_dma_buf *buffer = (void *)feature->data;

	feature->argsz = sizeof(space);
	feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
	buffer->region_index = bar;
	buffer->open_flags = O_RDWR | O_CLOEXEC;
	buffer->nr_ranges = 1;
	buffer->dma_ranges[0].length = length;
	*dmabuf = ioctl(function, VFIO_DEVICE_FEATURE, feature);
	return *dmabuf < 0 ? -errno : 0;
}

static int decode(bool on)
{
	uint16_t command;

	if (pread(function, &command, sizeof(command), config + PCI_COMMAND) < 0)
		return -errno;
	command = on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY;
	return pwrite(function, &command, sizeof(command), config + PCI_COMMAND) < 0 ? -errno : 0;
}

static int vfio_suspend(void)
{
	return decode(false);
}

static int vfio_restore(void)
{
	return decode(true);
}

static int vfio_export(int *dmabuf)
{
	uint64_t start, length;
	int error = open_function();

	if (!error)
		error = find_region(VFIO_PCI_CONFIG_REGION_INDEX, &config, &length);
	if (!error)
		error = find_region(bar, &start, &length);
	/* Nobody may have switched it on yet. */
	if (!error)
		error = vfio_restore();
	return error ? error : export_bar(length, dmabuf);
}

/* The function is closed once: the driver has no second revoke. */
static int vfio_revoke(void)
{
	int error;

	if (function < 0)
		return -EOPNOTSUPP;
	error = close(function) ? -errno : 0;
	function = -1;
	return error;
}

static void vfio_release(void)
{
	close(function);
	close(group);
	close(container);
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "Usage: vfio ADDRESS [BAR], such as 0000:01:00.0 2\n");
		return STATUS_USAGE;
	}
	address = argv[1];
	if (argc == 3)
		bar = atoi(argv[2]);
	return run_exporter(&(struct exporter){
		.export = vfio_export,
		.revoke = vfio_revoke,
		.suspend = vfio_suspend,
		.restore = vfio_restore,
		.release = vfio_release,
	}, "a function that vfio-pci drives behind an IOMMU, and CONFIG_VFIO_PCI_DMABUF");
}
