// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each turn is a buffer with a quarantine, one attachment, a stream and a revoke. One after
 * the other: a device may have one channel only.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <zlib.h>

#include "demo/descriptors.h"
#include "demo/device.h"
#include "demo/function/log.h"
#include "demo/function/play.h"
#include "lib/devices/functions.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

/* Of the file. A device may be slow: QEMU's edu takes 200 ms for so much. */
#define PART		2048
/* Whoever writes where its mapping began leaves the end alone. */
#define LENGTH		(64 * 1024)
/* How often it is looked whether memory has changed. */
#define LOOK_NS		1000000

#define INFO	"dmabuf-revoke info tells who has"
#define STRICT	"boot with iommu.strict=1, or give --engine iova"

struct turn {
	struct demo *demo;
	struct demo_turn *seen;
	struct device device;
	uint64_t deadline_ns;
	unsigned char *part;		/* of the file */
	int exporter;
	int importer;
	int log;			/* the kernel's, or negative */

	uint64_t id;
	int dmabuf;
	const volatile uint64_t *memory;	/* the buffer; after the revoke, too */
};

/* Where an IOMMU goes on translating for a while after an unmap; that is its group's kind. */
static bool is_lazy(const char *name)
{
	char path[128], kind[16] = "";
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group/type", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, kind, sizeof(kind) - 1);
	close(fd);
	return length > 0 && !strncmp(kind, "DMA-FQ", 6);
}

static bool is_translated(const struct demo_function *function)
{
	return function->device.iommu == DMABUF_REVOKE_IOMMU_TRANSLATED;
}

/* A real engine, if there is one: then it is hardware that goes on. */
static int choose_engine(struct demo_function *function)
{
	const struct dmabuf_revoke_device *device = &function->device;
	bool direct = device->engines & (1U << DMABUF_REVOKE_ENGINE_CPU |
					 1U << DMABUF_REVOKE_ENGINE_IOVA);

	if (function->engine && !(device->engines & 1U << function->engine)) {
		complain("--engine %s: not possible for %s: dmabuf-revoke info tells which are",
			 choice_name(engine_choices, function->engine), device->name);
		return STATUS_FAILED;
	}
	if (!direct) {
		complain("--device %s: its DMA is bounced: it takes the engine cpu or iova: " INFO,
			 device->name);
		return STATUS_FAILED;
	}
	if (!function->engine && device->engines & 1U << DMABUF_REVOKE_ENGINE_DMAENGINE)
		function->engine = DMABUF_REVOKE_ENGINE_DMAENGINE;
	if (function->engine == DMABUF_REVOKE_ENGINE_DMAENGINE && is_lazy(device->name)) {
		complain("--device %s: its IOMMU translates for a while after an unmap: " STRICT,
			 device->name);
		return STATUS_FAILED;
	}
	return 0;
}

int function_find(struct demo_function *function, int importer)
{
	int status;

	if (!function->name)
		return 0;
	status = find_device(importer, function->name,
			     function->engine == DMABUF_REVOKE_ENGINE_DMAENGINE,
			     &function->device);
	return status ? status : choose_engine(function);
}

static int read_part(struct demo *demo, unsigned char part[PART])
{
	struct demo_function *function = &demo->function;
	int file = open(demo->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length;

	if (file < 0)
		return explain(ACT_OTHER, errno, "demo: %s", demo->path);
	length = read(file, part, PART);
	close(file);
	if (length <= 0)
		return explain(ACT_OTHER, length ? errno : ENODATA, "demo: %s", demo->path);
	function->length = (uint64_t)length;
	function->crc32 = crc32_z(0, part, (size_t)length);
	return 0;
}

/* A CPU mapping of the buffer with the part in it, or NULL, with errno. */
static void *map_filled(int dmabuf, const unsigned char *part, uint64_t length)
{
	void *memory = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	if (memory == MAP_FAILED)
		return NULL;
	sync_dmabuf(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	memcpy(memory, part, length);
	sync_dmabuf(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
	return memory;
}

/* The CPU mapping stays, to look into the quarantine: NO_ZAP. */
static int make_buffer(struct turn *turn)
{
	int ret = dr_alloc_faulty(turn->exporter, LENGTH, DMABUF_REVOKE_ALLOC_QUARANTINE,
				  DMABUF_REVOKE_FAULT_NO_ZAP, &turn->id, &turn->dmabuf);

	if (ret)
		return explain(ACT_ALLOC, ret, "demo: a buffer with a quarantine");
	turn->memory = map_filled(turn->dmabuf, turn->part, turn->demo->function.length);
	if (turn->memory)
		return 0;
	ret = explain(ACT_OTHER, errno, "demo: mapping the buffer");
	close(turn->dmabuf);
	return ret;
}

static void stream(struct turn *turn)
{
	struct demo *demo = turn->demo;
	struct dmabuf_revoke_segment first;
	uint32_t count;

	device_read(&turn->device, demo->function.length);
	device_await_read(&turn->device, turn->deadline_ns);
	if (!dr_segments(turn->device.fd, &first, 1, &count) && count)
		turn->seen->address = first.address;
	device_stream(&turn->device, demo->function.length, demo->duration_ns);
	devices_take_time(turn->seen->importer.read_ns, demo->duration_ns,
			  turn->deadline_ns);
	device_look(&turn->device, turn->deadline_ns);
}

static void revoke_buffer(struct turn *turn)
{
	struct demo_revoke *revoke = &turn->seen->revoke;

	revoke->called_ns = dr_now();
	revoke->result = -dr_revoke(turn->exporter, turn->id, turn->deadline_ns,
				    &revoke->out);
	revoke->returned_ns = dr_now();
	device_await_end(&turn->device, turn->deadline_ns);
}

/* Whether the IOMMU has stopped it by now: some engines know, else the kernel's log does. */
static bool has_faulted(struct turn *turn)
{
	struct demo_importer *seen = &turn->seen->importer;
	struct demo_function *function = &turn->demo->function;

	while (!device_note_event(&turn->device, 0))
		continue;
	if (turn->log >= 0 &&
	    log_has_fault(turn->log, function->name, turn->seen->address, function->log,
			  sizeof(function->log)) &&
	    !seen->faulted_ns) {
		seen->faulted_ns = dr_now();
		seen->fault_address = turn->seen->address;
	}
	return seen->faulted_ns;
}

/* A quarantine is filled with one word, all over, when the revoke is complete. */
static bool has_written(struct turn *turn)
{
	struct demo_importer *seen = &turn->seen->importer;

	if (turn->seen->revoke.result ||
	    turn->memory[0] == turn->memory[LENGTH / sizeof(uint64_t) - 1])
		return false;
	if (!seen->wrote_ns)
		seen->wrote_ns = dr_now();
	return true;
}

/* Memory has no event for who writes to it. */
static void await_rogue(struct turn *turn)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };
	bool translated = is_translated(&turn->demo->function);

	while (!(translated ? has_faulted(turn) : has_written(turn)) &&
	       dr_now() < turn->deadline_ns)
		nanosleep(&look, NULL);
	has_written(turn);
}

/* Somebody gets memory while the device goes on. */
static void watch_rogue(struct turn *turn)
{
	struct demo_function *function = &turn->demo->function;
	void *memory = NULL;
	uint64_t id;
	int dmabuf, ret;

	ret = dr_alloc(turn->exporter, LENGTH, 0, &id, &dmabuf);
	if (!ret) {
		memory = map_filled(dmabuf, turn->part, function->length);
		ret = memory ? 0 : -errno;
		close(dmabuf);
	}
	await_rogue(turn);
	function->next = -ret;
	if (!memory)
		return;
	function->next_crc32 = crc32_z(0, memory, function->length);
	munmap(memory, LENGTH);
	dr_free(turn->exporter, id, NULL, 0, NULL);
}

static void give_up(struct turn *turn)
{
	struct demo_turn *seen = turn->seen;
	struct dmabuf_revoke_free out;

	seen->free = -dr_free(turn->exporter, turn->id, NULL, 0, &out);
	seen->checked = !seen->free && out.checked;
	seen->changed = seen->checked ? out.changed : 0;
	munmap((void *)turn->memory, LENGTH);
	close(turn->dmabuf);
}

static int explain_refusal(const struct turn *turn)
{
	const struct situation ours = {
		.act = ACT_ATTACH,
		.whose = WHOSE_OURS,
		.kind = DMABUF_REVOKE_KIND_DYNAMIC,
		.state = DMABUF_REVOKE_STATE_LIVE,
	};
	int err = turn->seen->importer.attach;

	if (explain_busy_channel("demo", turn->device.engine, &turn->device.function, -err))
		return STATUS_FAILED;
	return explain_in(&ours, err, "demo: attaching %s%s", turn->device.function.name,
			  turn->device.misbehave ? ", which is to go on after its unmap" : "");
}

/* A turn without an attachment is none. */
static int play(struct turn *turn)
{
	int status = make_buffer(turn);

	if (status)
		return status;
	device_attach(&turn->device, turn->importer, turn->dmabuf);
	turn->demo->function.engine = turn->device.engine;
	if (turn->device.fd < 0) {
		give_up(turn);
		return explain_refusal(turn);
	}
	stream(turn);
	revoke_buffer(turn);
	if (turn->device.misbehave)
		watch_rogue(turn);
	else
		has_faulted(turn);
	device_retry(&turn->device, turn->demo->function.length);
	give_up(turn);
	close(turn->device.fd);
	return 0;
}

static void set_untried(struct demo_turn *turn, const char *name)
{
	turn->importer = (struct demo_importer){
		.name = name,
		.kind = DMABUF_REVOKE_KIND_DYNAMIC,
		.attach = DEMO_UNTRIED,
		.read = DEMO_UNTRIED,
		.stream = DEMO_UNTRIED,
		.result = DEMO_UNTRIED,
		.map = DEMO_UNTRIED,
		.submit = DEMO_UNTRIED,
	};
	turn->revoke.result = DEMO_UNTRIED;
	turn->free = DEMO_UNTRIED;
}

static int play_turn(struct turn *turn, struct demo_turn *seen, uint64_t misbehave)
{
	const struct demo_function *function = &turn->demo->function;

	turn->seen = seen;
	turn->device = (struct device){
		.seen = &seen->importer,
		.function = function->device,
		.engine = function->engine,
		.misbehave = misbehave,
		.fd = -1,
	};
	return play(turn);
}

int function_play(struct demo *demo, int exporter, int importer)
{
	struct demo_function *function = &demo->function;
	unsigned char part[PART];
	struct turn turn = {
		.demo = demo,
		.part = part,
		.exporter = exporter,
		.importer = importer,
		.deadline_ns = dr_deadline(demo->limit_ns),
		.log = log_open(),
	};
	int status;

	set_untried(&function->behaved, function->name);
	set_untried(&function->rogue, "the same, rogue");
	function->next = DEMO_UNTRIED;
	status = read_part(demo, part);
	if (!status && turn.log < 0 && is_translated(function) &&
	    function->engine == DMABUF_REVOKE_ENGINE_DMAENGINE)
		status = explain(ACT_OTHER, turn.log,
				 "demo: /dev/kmsg, which tells what the IOMMU blocks");
	if (!status)
		status = play_turn(&turn, &function->behaved, 0);
	if (!status)
		status = play_turn(&turn, &function->rogue,
				   DMABUF_REVOKE_MISBEHAVE_DMA_AFTER_UNMAP);
	if (turn.log >= 0)
		close(turn.log);
	return status;
}
