// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufd maps the buffer for a virtual machine's device (IOMMU_IOAS_MAP_FILE). It attaches itself,
 * without a DMA mask, which our exporter refuses (EIO); others it asks for physical addresses, and
 * that is EOPNOTSUPP if they are not vfio-pci's.
 */
#include <fcntl.h>
#include <stdint.h>

#include "../protocol.h"

/* Since Linux 6.2, and 6.14; see linux/iommufd.h. */
#define IOMMU_ALLOC	_IO(';', 0x81)
#define IOMMU_MAP_FILE	_IO(';', 0x8f)

#define WRITEABLE	2
#define READABLE	4

struct iommu_alloc {
	uint32_t size, flags;
	uint32_t space;		/* out */
};

struct iommu_map_file {
	uint32_t size, flags;
	uint32_t space;
	int32_t fd;
	uint64_t start, length;
	uint64_t address;	/* out */
};

static int node;

static int import(int dmabuf)
{
	struct iommu_alloc alloc = { .size = sizeof(alloc) };
	struct iommu_map_file map = {
		.size = sizeof(map),
		.flags = WRITEABLE | READABLE,
		.fd = dmabuf,
		.length = lseek(dmabuf, 0, SEEK_END),
	};
	int error = call(node, IOMMU_ALLOC, &alloc);

	map.space = alloc.space;
	return error ? error : call(node, IOMMU_MAP_FILE, &map);
}

static int use(void)
{
	return 0;
}

static void release(void)
{
	close(node);
}

int main(void)
{
	node = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (node < 0) {
		fprintf(stderr, "no iommufd: CONFIG_IOMMUFD\n");
		return STATUS_MISSING;
	}
	return run_importer(&(struct importer){ import, use, release, false });
}
