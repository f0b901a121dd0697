// SPDX-License-Identifier: GPL-2.0-only
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "function.h"

#define PCI "/sys/bus/pci"
#define DRIVER "dmabuf_revoke_importer"
#define PROVIDER "dbr_edu"

char function[DMABUF_REVOKE_DEVICE_LEN];

static int put(const char *path, const char *text)
{
	int fd = sys(open(path, O_WRONLY | O_CLOEXEC));
	int ret;

	if (fd < 0)
		return fd;
	ret = sys(write(fd, text, strlen(text)));
	close(fd);
	return ret < 0 ? ret : 0;
}

/* To a file of the function. */
static int tell(const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), PCI "/devices/%s/%s", function, file);
	return put(path, text);
}

static bool has(const char *file, const char *what)
{
	char path[256], text[16] = "";
	FILE *stream;
	bool same;

	snprintf(path, sizeof(path), "%s/%s", file, what);
	stream = fopen(path, "re");
	if (!stream)
		return false;
	same = fgets(text, sizeof(text), stream) &&
	       !strcmp(text, !strcmp(what, "vendor") ? "0x1234\n" : "0x11e8\n");
	fclose(stream);
	return same;
}

static bool find(void)
{
	const char *given = getenv("DBR_FUNCTION");
	glob_t found;

	if (given) {
		snprintf(function, sizeof(function), "%s", given);
		return true;
	}
	*function = 0;
	if (glob(PCI "/devices/*", 0, NULL, &found))
		return false;
	/* The last one is below a port of its own, by which it can be reset. */
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (has(found.gl_pathv[i], "vendor") &&
		    has(found.gl_pathv[i], "device"))
			snprintf(function, sizeof(function), "%s",
				 strrchr(found.gl_pathv[i], '/') + 1);
	globfree(&found);
	return *function;
}

bool function_is_there(struct dmabuf_revoke_device *device)
{
	struct dmabuf_revoke_device devices[64];
	uint32_t count;

	succeeds(dr_devices(importer, devices, ARRAY_SIZE(devices), &count));
	holds(count <= ARRAY_SIZE(devices));
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(devices[i].name, function))
			continue;
		if (device)
			*device = devices[i];
		return true;
	}
	return false;
}

bool function_has_engine(void)
{
	struct dmabuf_revoke_device device;

	holds(function_is_there(&device));
	return device.engines & (1U << DMABUF_REVOKE_ENGINE_CPU |
				 1U << DMABUF_REVOKE_ENGINE_IOVA);
}

static void offer_to(const char *driver)
{
	if (!find())
		skip("no PCI function to spare: name one in DBR_FUNCTION; QEMU's: -device edu");
	succeeds(tell("driver_override", driver));
	tell("driver/unbind", function);
}

void function_offer(void)
{
	offer_to(DRIVER);
}

int function_try_bind(void)
{
	return put(PCI "/drivers/" DRIVER "/bind", function);
}

void function_bind(void)
{
	function_offer();
	succeeds(function_try_bind());
	holds(function_is_there(NULL), "%s is not bound to " DRIVER, function);
}

void function_unbind(void)
{
	if (!function_is_there(NULL))
		return;
	succeeds(tell("driver/unbind", function));
	succeeds(tell("driver_override", "\n"));
	holds(!function_is_there(NULL));
}

bool channel_try_bind(void)
{
	return !put(PCI "/drivers/" PROVIDER "/bind", function);
}

void channel_bind(void)
{
	if (system("modprobe -q " PROVIDER))
		skip("no module " PROVIDER ": build it for a kernel with CONFIG_DMA_ENGINE");
	offer_to(PROVIDER);
	if (!channel_try_bind()) {
		tell("driver_override", "\n");
		skip("%s is not QEMU's edu", function);
	}
	holds(function_is_there(NULL), "%s has no channel", function);
}

bool channel_writes(uint64_t unused)
{
	const uint64_t runs = 1, to_memory = 2;
	volatile uint64_t *registers;
	uint64_t command;
	char path[128];
	int fd;

	(void)unused;
	snprintf(path, sizeof(path), PCI "/devices/%s/resource0", function);
	fd = succeeds(sys(open(path, O_RDWR | O_CLOEXEC)));
	registers = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	holds(registers != MAP_FAILED);
	command = registers[0x98 / sizeof(*registers)];
	munmap((void *)registers, PAGE);
	close(fd);
	return command & runs && command & to_memory;
}

void channel_leave(void)
{
	succeeds(tell("driver/unbind", function));
}

void channel_unbind(void)
{
	succeeds(tell("driver/unbind", function));
	succeeds(tell("driver_override", "\n"));
	holds(!function_is_there(NULL));
}

void channel_unload(void)
{
	succeeds(sys(syscall(SYS_delete_module, PROVIDER, O_NONBLOCK)));
}

void function_remove(void)
{
	succeeds(tell("remove", "1"));
}

void function_rescan(void)
{
	succeeds(put(PCI "/rescan", "1"));
}

void need_reset(void)
{
	char path[128];

	snprintf(path, sizeof(path), PCI "/devices/%s/reset", function);
	if (access(path, W_OK))
		skip("%s cannot be reset: name one that can in DBR_FUNCTION", function);
}

void function_reset(void)
{
	succeeds(tell("reset", "1"));
}

int try_attach_channel(int dmabuf, uint32_t kind, uint32_t flags, uint64_t misbehave,
		       uint64_t delay_ns)
{
	struct dmabuf_revoke_attach arg = {
		.flags = flags,
		.dmabuf_fd = dmabuf,
		.kind = kind,
		.fd_flags = O_CLOEXEC,
		.misbehave = misbehave,
		.delay_ns = delay_ns,
		.engine = DMABUF_REVOKE_ENGINE_DMAENGINE,
	};
	int ret;

	memcpy(arg.device, function, sizeof(arg.device));
	ret = dr_attach_as(importer, &arg);
	return ret ?: arg.fd;
}

int attach_channel(int dmabuf, uint32_t kind, uint32_t flags)
{
	return succeeds(try_attach_channel(dmabuf, kind, flags, 0, 0));
}

static int attach_as(const char *device, int dmabuf, uint32_t kind, uint32_t flags,
		     uint64_t misbehave, uint64_t delay_ns)
{
	struct dmabuf_revoke_attach arg = {
		.flags = flags,
		.dmabuf_fd = dmabuf,
		.kind = kind,
		.fd_flags = O_CLOEXEC,
		.misbehave = misbehave,
		.delay_ns = delay_ns,
	};
	int ret;

	snprintf(arg.device, sizeof(arg.device), "%s", device);
	ret = dr_attach_as(importer, &arg);
	return ret ?: arg.fd;
}

int try_attach_for(const char *device, int dmabuf, uint32_t kind, uint32_t flags)
{
	return attach_as(device, dmabuf, kind, flags, 0, 0);
}

int attach_for_function(int dmabuf, uint32_t kind, uint32_t flags)
{
	return succeeds(try_attach_for(function, dmabuf, kind, flags));
}

int attach_for_function_badly(int dmabuf, uint32_t kind, uint64_t misbehave,
			      uint64_t delay_ns)
{
	return succeeds(attach_as(function, dmabuf, kind, 0, misbehave, delay_ns));
}
