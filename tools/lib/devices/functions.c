// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/devices/functions.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

#define DRIVER		"dmabuf_revoke_importer"
#define PCI		"/sys/bus/pci"

/* What to do, each with the name of the function; UNBIND has it twice. */
#define GIVE	"give it to the importer: echo " DRIVER " > " PCI "/devices/%s/driver_override"
#define UNBIND	"echo %s > " PCI "/devices/%s/driver/unbind"
#define LOAD	"load one, such as ioatdma or ptdma, or name another: "
#define PROBE	"echo %s > " PCI "/drivers_probe"
#define USED_CHANNELS	"grep . /sys/class/dma/*/in_use"

static const struct column columns[] = {
	{ "name", "NAME", CELL_TEXT, 0 },
	{ "iommu", "IOMMU", CELL_TEXT, 0 },
	{ "dma_mask", "DMA MASK", CELL_HEX, 0 },
	{ "peer2peer", "PEER-TO-PEER", CELL_BOOL, 0 },
	{ "engines", "ENGINES", CELL_TEXT, 0 },
	{ "attachments", "ATTACHMENTS", CELL_NUMBER, 0 },
	{ 0 },
};

int read_devices(int imp, struct dmabuf_revoke_device **devices, uint32_t *count)
{
	uint32_t capacity = 0;
	int ret;

	*devices = NULL;
	for (;;) {
		ret = dr_devices(imp, *devices, capacity, count);
		if (ret || *count <= capacity)
			break;
		/* There are more by now. */
		capacity = *count;
		free(*devices);
		*devices = calloc(capacity, sizeof(**devices));
		if (!*devices)
			return -ENOMEM;
	}
	if (ret)
		free(*devices);
	return ret;
}

/* Why a function is not the importer's, and how to make it so. */
static int explain_function(const char *name)
{
	char path[256], link[256];
	ssize_t length;

	snprintf(path, sizeof(path), PCI "/devices/%s/vendor", name);
	if (strchr(name, '/') || access(path, F_OK)) {
		complain("--device %s: there is no such PCI function: lspci -D lists them",
			 name);
		return STATUS_FAILED;
	}
	snprintf(path, sizeof(path), PCI "/devices/%s/driver", name);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0) {
		complain("--device %s: it has no driver: " GIVE "; " PROBE, name, name, name);
		return STATUS_FAILED;
	}
	link[length] = 0;
	complain("--device %s: it is in use by %s: if it may lose that, " GIVE "; " UNBIND "; "
		 PROBE, name, basename(link), name, name, name, name);
	return STATUS_FAILED;
}

/* Why there is no channel of it, and where there is one. */
static int explain_channel(const char *name)
{
	if (access("/sys/class/dma", F_OK))
		complain("--engine dmaengine: it takes a kernel with CONFIG_DMA_ENGINE");
	else
		complain("--device %s: it has no driver that offers a channel: " LOAD CHANNELS,
			 name);
	return STATUS_FAILED;
}

bool explain_busy_channel(const char *verb, uint32_t engine,
			  const struct dmabuf_revoke_device *device, int err)
{
	if (engine != DMABUF_REVOKE_ENGINE_DMAENGINE)
		return false;
	if (err == -EBUSY)
		complain("%s: all channels of %s are in use (EBUSY): end who has them: "
			 USED_CHANNELS, verb, device->name);
	if (err == -ENXIO)
		complain("%s: no channel of %s copies memory (ENXIO): name another: " CHANNELS,
			 verb, device->name);
	return err == -EBUSY || err == -ENXIO;
}

int find_device(int imp, const char *name, bool channel,
		struct dmabuf_revoke_device *device)
{
	struct dmabuf_revoke_device *devices;
	uint32_t count, i;
	int ret = read_devices(imp, &devices, &count);

	if (ret)
		return explain(ACT_INFO, ret, "asking for devices");
	for (i = 0; i < count; i++)
		if (!name || !strcmp(devices[i].name, name))
			break;
	if (i < count)
		*device = devices[i];
	free(devices);
	if (i < count)
		return STATUS_DONE;
	return channel ? explain_channel(name) : explain_function(name);
}

static void set_engines(struct table *table, uint32_t engines)
{
	const struct choice *choice;
	char text[64] = "";

	for (choice = engine_choices; choice->name; choice++) {
		if (!(engines & 1U << choice->value))
			continue;
		if (*text)
			strcat(text, " ");
		strcat(text, choice->name);
	}
	table_text(table, "engines", text);
}

int devices_add(struct document *document, int imp)
{
	struct dmabuf_revoke_device *devices;
	struct table *table;
	uint32_t count, i;
	int ret = read_devices(imp, &devices, &count);

	if (ret)
		return ret;
	table = table_new(document, "devices", "Devices", LAYOUT_ROWS, columns);
	for (i = 0; i < count; i++) {
		table_row(table);
		table_text(table, "name", devices[i].name);
		table_text(table, "iommu", iommu_name(devices[i].iommu));
		table_set(table, "dma_mask", devices[i].dma_mask);
		table_set(table, "peer2peer",
			  !!(devices[i].flags & DMABUF_REVOKE_DEVICE_PEER2PEER));
		set_engines(table, devices[i].engines);
		table_set(table, "attachments", devices[i].attachments);
	}
	free(devices);
	return 0;
}
