// SPDX-License-Identifier: GPL-2.0-only
/*
 * The demo itself. Only what it cannot do without (the file, a buffer, the
 * reader) makes it fail here; whatever else goes wrong is noted and judged later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <zlib.h>

#include "demo/descriptors.h"
#include "demo/device.h"
#include "demo/function/play.h"
#include "demo/observed.h"
#include "demo/reader.h"
#include "demo/run.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"

#define CHUNK		(64 * 1024)
/* The deadline of the revoke that legacy importers hold up. */
#define BLOCKED_NS	(250 * 1000000ULL)

struct stage {
	struct demo *demo;
	int exporter;
	int importer;
	int dmabuf;
	uint64_t deadline_ns;
	struct reader reader;
	struct device devices[DEMO_IMPORTERS];
};

static const struct demo_importer cast[DEMO_IMPORTERS] = {
	{ .name = "dynamic", .kind = DMABUF_REVOKE_KIND_DYNAMIC },
	{ .name = "dynamic, deferred", .kind = DMABUF_REVOKE_KIND_DYNAMIC,
	  .defer_unmap = true },
	{ .name = "pinned", .kind = DMABUF_REVOKE_KIND_PINNED },
	{ .name = "legacy static", .kind = DMABUF_REVOKE_KIND_LEGACY_STATIC,
	  .legacy = true },
	{ .name = "legacy rdma", .kind = DMABUF_REVOKE_KIND_LEGACY_RDMA,
	  .legacy = true },
};

static void set_untried(struct demo *demo)
{
	unsigned int i;

	demo->count = DEMO_IMPORTERS;
	for (i = 0; i < DEMO_IMPORTERS; i++) {
		struct demo_importer *imp = &demo->importers[i];

		*imp = cast[i];
		imp->attach = DEMO_UNTRIED;
		imp->read = DEMO_UNTRIED;
		imp->stream = DEMO_UNTRIED;
		imp->result = DEMO_UNTRIED;
		imp->map = DEMO_UNTRIED;
		imp->submit = DEMO_UNTRIED;
	}
	demo->blocked.revoke = DEMO_UNTRIED;
	demo->blocked.query = DEMO_UNTRIED;
	demo->revoke.result = DEMO_UNTRIED;
	demo->attach = DEMO_UNTRIED;
	demo->mmap = DEMO_UNTRIED;
	demo->sync = DEMO_UNTRIED;
	demo->again = DEMO_UNTRIED;
}

/* Copies @length bytes. The checksum is that of what was read, not of the buffer. */
static int copy_file(int file, unsigned char *to, uint64_t length, uint32_t *crc)
{
	unsigned char *chunk = malloc(CHUNK);
	uint64_t done = 0;
	int ret = chunk ? 0 : -ENOMEM;

	*crc = 0;
	while (!ret && done < length) {
		size_t want = length - done < CHUNK ? length - done : CHUNK;
		ssize_t n = read(file, chunk, want);

		if (n <= 0) {
			/* Somebody made it shorter. */
			ret = n ? -errno : -ENODATA;
			break;
		}
		*crc = crc32_z(*crc, chunk, n);
		memcpy(to + done, chunk, n);
		done += n;
	}
	free(chunk);
	return ret;
}

static int fill_buffer(struct stage *stage, int file)
{
	struct demo *demo = stage->demo;
	void *map = mmap(NULL, demo->length, PROT_READ | PROT_WRITE, MAP_SHARED,
			 stage->dmabuf, 0);
	int ret;

	if (map == MAP_FAILED)
		return explain(ACT_OTHER, errno, "demo: mapping the buffer");
	ret = sync_dmabuf(stage->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	if (!ret)
		ret = copy_file(file, map, demo->length, &demo->crc32);
	if (!ret)
		ret = sync_dmabuf(stage->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
	munmap(map, demo->length);
	return ret ? explain(ACT_OTHER, ret, "demo: copying %s", demo->path) : 0;
}

static int check_file(struct demo *demo, int file)
{
	struct stat stat;

	if (fstat(file, &stat))
		return explain(ACT_OTHER, errno, "demo: %s", demo->path);
	if (!S_ISREG(stat.st_mode) || !stat.st_size) {
		complain("demo: %s is %s: give a file of 1 byte or more", demo->path,
			 S_ISREG(stat.st_mode) ? "empty" : "not a regular file");
		return STATUS_FAILED;
	}
	demo->length = (uint64_t)stat.st_size;
	return 0;
}

/* A buffer with the file in it. */
static int make_buffer(struct stage *stage)
{
	struct demo *demo = stage->demo;
	int file = open(demo->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int ret, status;

	if (file < 0)
		return explain(ACT_OTHER, errno, "demo: %s", demo->path);
	status = check_file(demo, file);
	if (!status) {
		ret = dr_alloc(stage->exporter, demo->length,
			       demo->accept_legacy ? DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY : 0,
			       &demo->id, &stage->dmabuf);
		if (ret)
			status = explain(ACT_ALLOC, ret, "demo: a buffer for %s",
					 demo->path);
	}
	if (!status)
		status = fill_buffer(stage, file);
	close(file);
	return status;
}

/* The next one that is attached; @device NULL: the first. */
static struct device *next_device(struct stage *stage, struct device *device)
{
	device = device ? device + 1 : stage->devices;
	for (; device < stage->devices + DEMO_IMPORTERS; device++)
		if (device->fd >= 0)
			return device;
	return NULL;
}

static void attach_all(struct stage *stage)
{
	unsigned int i;

	for (i = 0; i < DEMO_IMPORTERS; i++) {
		stage->devices[i].seen = &stage->demo->importers[i];
		device_attach(&stage->devices[i], stage->importer, stage->dmabuf);
	}
}

/* Everybody once, all at the same time. Returns the longest pass. */
static uint64_t read_once(struct stage *stage)
{
	struct device *device;
	uint64_t longest = 0;

	for (device = next_device(stage, NULL); device; device = next_device(stage, device))
		device_read(device, stage->demo->length);
	for (device = next_device(stage, NULL); device; device = next_device(stage, device)) {
		device_await_read(device, stage->deadline_ns);
		if (device->seen->read_ns > longest)
			longest = device->seen->read_ns;
	}
	return longest;
}

static void stream_for_a_while(struct stage *stage, uint64_t pass_ns)
{
	struct demo *demo = stage->demo;
	uint64_t began_ns = dr_now();
	struct device *device;

	for (device = next_device(stage, NULL); device; device = next_device(stage, device))
		device_stream(device, demo->length, demo->duration_ns);
	devices_take_time(pass_ns, demo->duration_ns, stage->deadline_ns);
	for (device = next_device(stage, NULL); device; device = next_device(stage, device))
		device_look(device, stage->deadline_ns);
	demo->streamed_ns = dr_now() - began_ns;
}

static void revoke_buffer(struct stage *stage)
{
	struct demo_revoke *revoke = &stage->demo->revoke;

	if (!revoke->called_ns)
		revoke->called_ns = dr_now();
	revoke->result = -dr_revoke(stage->exporter, stage->demo->id,
				    stage->deadline_ns, &revoke->out);
	revoke->returned_ns = dr_now();
}

static void await_revocable(struct stage *stage)
{
	struct device *device;

	for (device = next_device(stage, NULL); device; device = next_device(stage, device))
		if (!device->seen->legacy)
			device_await_end(device, stage->deadline_ns);
}

/* Legacy importers hold up the first revoke; the second one finds them gone. */
static void revoke_despite_legacy(struct stage *stage)
{
	struct demo *demo = stage->demo;
	struct dmabuf_revoke_query query;
	struct device *device;

	demo->revoke.called_ns = dr_now();
	demo->blocked.revoke = -dr_revoke(stage->exporter, demo->id,
					  dr_deadline(BLOCKED_NS), NULL);
	await_revocable(stage);
	demo->blocked.query = -dr_query(stage->exporter, demo->id, &query);
	demo->blocked.state = query.state;
	demo->blocked.pending = query.pending;
	for (device = next_device(stage, NULL); device; device = next_device(stage, device)) {
		if (!device->seen->legacy)
			continue;
		device_look_again(device);
		device_detach(device);
	}
	revoke_buffer(stage);
}

/* What everybody gets who comes too late. */
static void try_afterwards(struct stage *stage)
{
	struct demo *demo = stage->demo;
	struct dmabuf_revoke_revoke again;
	struct device *device;
	void *map;
	int fd;

	for (device = next_device(stage, NULL); device; device = next_device(stage, device))
		device_retry(device, demo->length);
	fd = dr_attach(stage->importer, stage->dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	demo->attach = fd < 0 ? -fd : 0;
	if (fd >= 0)
		close(fd);
	map = mmap(NULL, demo->length, PROT_READ, MAP_SHARED, stage->dmabuf, 0);
	demo->mmap = map == MAP_FAILED ? errno : 0;
	if (map != MAP_FAILED)
		munmap(map, demo->length);
	demo->sync = -sync_dmabuf(stage->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	demo->again = -dr_revoke(stage->exporter, demo->id, 0, &again);
	demo->already = !demo->again && again.already;
}

static int play(struct stage *stage)
{
	struct demo *demo = stage->demo;
	uint64_t pass_ns;
	int ret;

	stage->deadline_ns = dr_deadline(demo->limit_ns);
	ret = reader_start(&stage->reader, stage->dmabuf, demo->length, demo->crc32);
	if (ret)
		return explain(ACT_OTHER, ret, "demo: starting a process that reads");
	attach_all(stage);
	pass_ns = read_once(stage);
	if (!reader_await(&stage->reader, stage->deadline_ns, &demo->reader))
		stream_for_a_while(stage, pass_ns);
	if (demo->accept_legacy)
		revoke_despite_legacy(stage);
	else
		revoke_buffer(stage);
	if (!demo->accept_legacy)
		await_revocable(stage);
	reader_await(&stage->reader, stage->deadline_ns, &demo->reader);
	try_afterwards(stage);
	reader_stop(&stage->reader);
	return 0;
}

static void close_all(struct stage *stage)
{
	struct device *device;

	for (device = next_device(stage, NULL); device; device = next_device(stage, device))
		close(device->fd);
	close(stage->dmabuf);
}

int demo_run(struct demo *demo)
{
	struct stage stage = { .demo = demo, .dmabuf = -1 };
	unsigned int i;
	int status;

	for (i = 0; i < DEMO_IMPORTERS; i++)
		stage.devices[i].fd = -1;
	set_untried(demo);
	stage.exporter = open_exporter(&status);
	if (stage.exporter < 0)
		return status;
	stage.importer = open_importer(&status);
	if (stage.importer < 0)
		return status;
	status = function_find(&demo->function, stage.importer);
	if (!status)
		status = make_buffer(&stage);
	if (!status)
		status = play(&stage);
	close_all(&stage);
	if (!status && demo->function.name)
		status = function_play(demo, stage.exporter, stage.importer);
	close(stage.importer);
	close(stage.exporter);
	return status;
}
