// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke attach */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/buffers/whose.h"
#include "lib/devices/functions.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/process/signals.h"
#include "lib/text/message.h"
#include "lib/text/names.h"
#include "lib/text/options.h"
#include "lib/text/table.h"
#include "lib/text/units.h"

#define BIT(n)		(1U << (n))

/* All names, with commas. */
#define MISBEHAVE_TEXT	512

/* Those that take a time of one's choice. */
#define DELAYED		(DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP | \
			 DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK | \
			 DMABUF_REVOKE_MISBEHAVE_LATE_FENCE | \
			 DMABUF_REVOKE_MISBEHAVE_FENCE_AFTER | \
			 DMABUF_REVOKE_MISBEHAVE_LOOP_ON_ERROR | \
			 DMABUF_REVOKE_MISBEHAVE_FENCE_OUTLIVES)

static const struct column event_columns[] = {
	{ "sequence", "NO", CELL_NUMBER, 4 },
	{ "time_ns", "AFTER ATTACH", CELL_DURATION, 12 },
	{ "event", "EVENT", CELL_TEXT, 12 },
	{ "job", "JOB", CELL_NUMBER, 4 },
	{ "status", "STATUS", CELL_TEXT, 0 },
	{ "address", "ADDRESS", CELL_HEX, 0 },
	{ 0 },
};

static const struct column segment_columns[] = {
	{ "address", "ADDRESS", CELL_HEX, 18 },
	{ "length", "LENGTH", CELL_SIZE, 0 },
	{ "memory", "MEMORY", CELL_BOOL, 0 },
	{ "bus", "BUS ADDRESS", CELL_BOOL, 0 },
	{ 0 },
};

static const struct column result_columns[] = {
	{ "device", "device", CELL_TEXT, 0 },
	{ "engine", "engine", CELL_TEXT, 0 },
	{ "peer2peer", "asked for peer-to-peer", CELL_BOOL, 0 },
	{ "misbehave", "misbehaves", CELL_TEXT, 0 },
	{ "kind", "kind", CELL_TEXT, 0 },
	{ "defer_unmap", "unmaps from a worker", CELL_BOOL, 0 },
	{ "length", "length", CELL_SIZE, 0 },
	{ "ended_by", "ended by", CELL_TEXT, 0 },
	{ "attached_ns", "attached at (monotonic)", CELL_DURATION, 0 },
	{ "maps", "times mapped", CELL_NUMBER, 0 },
	{ "unmaps", "times unmapped", CELL_NUMBER, 0 },
	{ "invalidations", "times invalidated", CELL_NUMBER, 0 },
	{ "passes", "DMA passes over the buffer", CELL_NUMBER, 0 },
	{ "crc32", "CRC-32 read last", CELL_HEX, 0 },
	{ "changed", "passes that read a new CRC-32", CELL_NUMBER, 0 },
	{ "remap", "mapping again", CELL_TEXT, 0 },
	{ "events_lost", "events lost", CELL_NUMBER, 0 },
	{ 0 },
};

struct attach {
	const char *name;		/* of the device; NULL: the importer's own */
	uint32_t engine;
	bool peer2peer;			/* insist on it */
	bool no_peer2peer;
	uint32_t kind;
	bool defer_unmap;
	uint32_t misbehave;
	uint64_t delay_ns;		/* of what it does late */
	bool stream;
	bool segments;
	uint64_t duration_ns;
	struct dmabuf_revoke_device device;

	int fd;
	uint64_t attached_ns;
	uint64_t job;			/* of the stream, 0: none */
	bool invalidated;
	bool unmapped;
	bool job_done;
	bool gone;
	const char *ended_by;
	struct document *document;
	struct table *events;
	unsigned int rows;
};

static int start_stream(struct attach *attach, uint64_t length)
{
	struct dmabuf_revoke_submit submit = {
		.flags = DMABUF_REVOKE_SUBMIT_STREAM,
		.op = DMABUF_REVOKE_OP_READ,
		.length = length,
		.duration_ns = attach->duration_ns,
	};
	int ret = dr_submit(attach->fd, &submit);

	if (!ret)
		attach->job = submit.job;
	return ret;
}

/* Why it was refused depends on whose the buffer is, and on what became of it. */
static int refused(const struct attach *attach, enum act act, int dmabuf, int err,
		   const char *what)
{
	const struct situation situation = {
		.act = act,
		.whose = whose_dmabuf(dmabuf),
		.kind = attach->kind,
		.state = state_of_dmabuf(dmabuf),
	};

	return explain_in(&situation, err, "%s --kind %s", what,
			  choice_name(kind_choices, attach->kind));
}

/* Unless told otherwise a device that may ask for peer-to-peer does so. */
static bool asks_for_peer2peer(const struct attach *attach)
{
	if (attach->peer2peer || attach->no_peer2peer)
		return attach->peer2peer;
	return attach->device.flags & DMABUF_REVOKE_DEVICE_PEER2PEER &&
	       attach->kind != DMABUF_REVOKE_KIND_LEGACY_STATIC;
}

static int do_attach(struct attach *attach, int importer, int dmabuf)
{
	struct dmabuf_revoke_attach arg = {
		.dmabuf_fd = dmabuf,
		.kind = attach->kind,
		.fd_flags = O_CLOEXEC,
		.engine = attach->engine,
		.misbehave = attach->misbehave,
		.delay_ns = attach->delay_ns,
	};
	int ret;

	if (attach->defer_unmap)
		arg.flags |= DMABUF_REVOKE_ATTACH_DEFER_UNMAP;
	if (asks_for_peer2peer(attach))
		arg.flags |= DMABUF_REVOKE_ATTACH_PEER2PEER;
	memcpy(arg.device, attach->device.name, sizeof(arg.device));
	ret = dr_attach_as(importer, &arg);
	attach->fd = arg.fd;
	attach->engine = arg.engine;
	return ret;
}

/*
 * ATTACH failed: whether that is for its deliberate bugs. Then it is said which may not be. If
 * it may without them they are it.
 */
static bool explain_misbehaviour(const struct attach *attach, int importer, int dmabuf,
				 int err)
{
	struct attach good = *attach;
	char names[MISBEHAVE_TEXT];

	if (!attach->misbehave || (err != -EINVAL && err != -EOPNOTSUPP))
		return false;
	good.misbehave = 0;
	good.delay_ns = 0;
	if (do_attach(&good, importer, dmabuf))
		return false;
	close(good.fd);
	choice_names(misbehave_choices, attach->misbehave, names, sizeof(names));
	if (err == -EINVAL)
		complain("attach --misbehave %s: not by --kind %s%s, %s", names,
			 choice_name(kind_choices, attach->kind),
			 attach->defer_unmap ? " --defer-unmap" : "",
			 "not together, or not with a --delay so long (EINVAL)");
	else
		complain("attach --misbehave %s: this buffer may not stand it (EOPNOTSUPP): %s",
			 names,
			 "allocate one; for dma-after-unmap with --quarantine, or have an IOMMU");
	return true;
}

/* Attach, map and stream. */
static int start(struct attach *attach, int importer, int dmabuf)
{
	struct dmabuf_revoke_status status;
	int ret;

	attach->attached_ns = dr_now();
	ret = do_attach(attach, importer, dmabuf);
	if (ret && explain_busy_channel("attach", attach->engine, &attach->device, ret))
		return STATUS_FAILED;
	if (ret && explain_misbehaviour(attach, importer, dmabuf, ret))
		return STATUS_FAILED;
	if (ret)
		return refused(attach, ACT_ATTACH, dmabuf, ret, "attach");
	ret = dr_map(attach->fd, DMABUF_REVOKE_TO_DEVICE);
	if (ret)
		return refused(attach, ACT_MAP, dmabuf, ret, "attach: mapping, with");
	if (!attach->stream)
		return 0;
	ret = dr_status(attach->fd, &status);
	if (ret)
		return explain(ACT_WATCH, ret, "attach: asking for the length");
	ret = start_stream(attach, status.length);
	return ret ? refused(attach, ACT_SUBMIT, dmabuf, ret, "attach: DMA, with") : 0;
}

static void add_event(struct attach *attach, const struct dmabuf_revoke_event *event)
{
	uint64_t after = event->time_ns - attach->attached_ns;

	table_row(attach->events);
	table_set(attach->events, "sequence", event->sequence);
	table_set(attach->events, "time_ns", after);
	table_text(attach->events, "event", event_name(event->type));
	if (event->type == DMABUF_REVOKE_EVENT_JOB_DONE) {
		table_set(attach->events, "job", event->job);
		table_text(attach->events, "status", errno_name(event->status));
	}
	if (event->type == DMABUF_REVOKE_EVENT_DMA_FAULT)
		table_set(attach->events, "address", event->job);
	if (!document_is_json(attach->document))
		table_print_row(attach->events, attach->rows);
	attach->rows++;
}

static void note_event(struct attach *attach, const struct dmabuf_revoke_event *event)
{
	switch (event->type) {
	case DMABUF_REVOKE_EVENT_MAPPED:
		attach->unmapped = false;
		break;
	case DMABUF_REVOKE_EVENT_INVALIDATED:
		attach->invalidated = true;
		break;
	case DMABUF_REVOKE_EVENT_UNMAPPED:
		attach->unmapped = true;
		break;
	case DMABUF_REVOKE_EVENT_JOB_DONE:
		if (event->job == attach->job)
			attach->job_done = true;
		break;
	case DMABUF_REVOKE_EVENT_GONE:
		attach->gone = true;
		break;
	}
}

static bool has_ended(const struct attach *attach)
{
	if (attach->gone)
		return true;
	return attach->invalidated && attach->unmapped &&
	       (attach->job_done || !attach->job);
}

static int read_signal(struct attach *attach, int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return -errno;
	attach->ended_by = info.ssi_signo == SIGINT ? "SIGINT" :
			   info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGHUP";
	return 0;
}

/* Until the importer has let go, or a signal. */
static int follow(struct attach *attach, int signals)
{
	struct pollfd fds[] = {
		{ .fd = attach->fd, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	struct dmabuf_revoke_event event;
	int ret;

	while (!has_ended(attach)) {
		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (fds[1].revents)
			return read_signal(attach, signals);
		/* Events first: there are some when the device has gone. */
		if (!(fds[0].revents & POLLIN))
			return -EIO;
		ret = dr_event(attach->fd, &event);
		if (ret)
			return ret;
		add_event(attach, &event);
		note_event(attach, &event);
	}
	attach->ended_by = attach->gone ? "device gone" : "invalidation";
	return 0;
}

static void report_stream(struct attach *attach, struct table *table)
{
	struct dmabuf_revoke_wait wait;

	/* A stream that still runs cannot be collected, only cancelled. */
	if (!attach->job || dr_wait(attach->fd, attach->job, 0, &wait))
		return;
	table_set(table, "passes", wait.passes);
	if (wait.passes)
		table_set(table, "crc32", wait.crc32);
	table_set(table, "changed", wait.changed);
}

static int report(struct attach *attach)
{
	struct dmabuf_revoke_status status;
	char names[MISBEHAVE_TEXT];
	struct table *table;
	int ret = dr_status(attach->fd, &status);

	if (ret)
		return explain(ACT_WATCH, ret, "asking for the state");
	table = table_new(attach->document, "attachment", NULL, LAYOUT_RECORD,
			  result_columns);
	table_row(table);
	table_text(table, "device", attach->device.name);
	table_text(table, "engine", choice_name(engine_choices, attach->engine));
	table_set(table, "peer2peer",
		  !!(status.attach_flags & DMABUF_REVOKE_ATTACH_PEER2PEER));
	if (status.misbehave)
		table_text(table, "misbehave",
			   choice_names(misbehave_choices, status.misbehave, names,
					sizeof(names)));
	table_text(table, "kind", choice_name(kind_choices, status.kind));
	table_set(table, "defer_unmap",
		  !!(status.attach_flags & DMABUF_REVOKE_ATTACH_DEFER_UNMAP));
	table_set(table, "length", status.length);
	table_text(table, "ended_by", attach->ended_by);
	table_set(table, "attached_ns", attach->attached_ns);
	table_set(table, "maps", status.maps);
	table_set(table, "unmaps", status.unmaps);
	table_set(table, "invalidations", status.invalidations);
	report_stream(attach, table);
	if (attach->invalidated)
		table_text(table, "remap",
			   errno_name(dr_map(attach->fd, DMABUF_REVOKE_TO_DEVICE)));
	table_set(table, "events_lost", status.events_lost);
	return 0;
}

/* Where the buffer is mapped, all in one run of the device's addresses or in many. */
static int list_segments(struct attach *attach)
{
	struct dmabuf_revoke_segment *segments = NULL;
	uint32_t count = 0, capacity = 0, i;
	struct table *table;
	int ret;

	while (!(ret = dr_segments(attach->fd, segments, capacity, &count)) &&
	       count > capacity) {
		capacity = count;
		free(segments);
		segments = calloc(capacity, sizeof(*segments));
		if (!segments)
			return explain(ACT_OTHER, ENOMEM, "attach --segments");
	}
	/* It may have been invalidated by now. */
	if (ret && ret != -ENXIO) {
		free(segments);
		return explain(ACT_WATCH, ret, "attach --segments");
	}
	table = table_new(attach->document, "segments", NULL, LAYOUT_ROWS,
			  segment_columns);
	for (i = 0; !ret && i < count; i++) {
		uint32_t flags = segments[i].flags;

		table_row(table);
		table_set(table, "address", segments[i].address);
		table_set(table, "length", segments[i].length);
		table_set(table, "memory", !!(flags & DMABUF_REVOKE_SEGMENT_MEMORY));
		table_set(table, "bus", !!(flags & DMABUF_REVOKE_SEGMENT_BUS));
		if (!document_is_json(attach->document))
			table_print_row(table, i);
	}
	free(segments);
	return STATUS_DONE;
}

static int watch(struct attach *attach, int signals)
{
	int ret = follow(attach, signals);

	return ret ? explain(ACT_WATCH, ret, "waiting for events") : report(attach);
}

static int run(struct attach *attach, int importer, int dmabuf, bool json)
{
	sigset_t ending, before;
	int status, signals;

	signals_block(&ending, &before);
	signals = signalfd(-1, &ending, SFD_CLOEXEC);
	if (signals < 0)
		return explain(ACT_OTHER, errno, "signalfd");
	status = start(attach, importer, dmabuf);
	if (status)
		return status;
	attach->document = document_new(json);
	if (attach->segments)
		status = list_segments(attach);
	attach->events = table_new(attach->document, "events", NULL, LAYOUT_ROWS,
				   event_columns);
	if (!status)
		status = watch(attach, signals);
	if (status)
		document_free(attach->document);
	else
		status = document_print(attach->document);
	close(signals);
	return status;
}

/* Of the engines that do DMA those that are chosen if none is named. */
#define BY_ITSELF	(BIT(DMABUF_REVOKE_ENGINE_CPU) | BIT(DMABUF_REVOKE_ENGINE_IOVA))

/* What no exporter has a say in. */
static int check_device(const struct attach *attach)
{
	const struct dmabuf_revoke_device *device = &attach->device;

	if (attach->peer2peer && !(device->flags & DMABUF_REVOKE_DEVICE_PEER2PEER)) {
		complain("--peer2peer: not for %s: it takes a PCI function, and CONFIG_PCI_P2PDMA",
			 device->name);
		return STATUS_FAILED;
	}
	if (attach->engine && !(device->engines & BIT(attach->engine))) {
		complain("--engine %s: not possible for %s: dmabuf-revoke info tells which are",
			 choice_name(engine_choices, attach->engine), device->name);
		return STATUS_FAILED;
	}
	if (attach->stream && !attach->engine && !(device->engines & BY_ITSELF)) {
		complain("--stream: there is no engine for %s, whose DMA is bounced%s",
			 device->name,
			 device->engines & BIT(DMABUF_REVOKE_ENGINE_DMAENGINE) ?
			 ", but its own: --engine dmaengine" : "");
		return STATUS_FAILED;
	}
	return 0;
}

static int check_usage(const struct verb *verb, const struct attach *attach)
{
	bool legacy = attach->kind == DMABUF_REVOKE_KIND_LEGACY_STATIC ||
		      attach->kind == DMABUF_REVOKE_KIND_LEGACY_RDMA;

	if (legacy && attach->defer_unmap)
		return usage(verb, "--kind %s is never invalidated, so not with --defer-unmap",
			     choice_name(kind_choices, attach->kind));
	if (attach->peer2peer && attach->no_peer2peer)
		return usage(verb, "--peer2peer or --no-peer2peer, not both");
	if (attach->peer2peer && attach->kind == DMABUF_REVOKE_KIND_LEGACY_STATIC)
		return usage(verb, "--kind static cannot ask for --peer2peer");
	if (attach->engine == DMABUF_REVOKE_ENGINE_NONE && attach->stream)
		return usage(verb, "--engine none does no DMA, so not with --stream");
	if (attach->engine == DMABUF_REVOKE_ENGINE_DMAENGINE && !attach->name)
		return usage(verb, "--engine dmaengine is that of a --device: see info");
	if (attach->delay_ns && !(attach->misbehave & DELAYED))
		return usage(verb, "--delay is that of --misbehave %s",
			     "late-unmap or another that takes time: see --help");
	if (attach->duration_ns && !attach->stream)
		return usage(verb, "--duration is that of a pass of --stream");
	return 0;
}

int verb_attach(const struct verb *verb, int argc, char **argv)
{
	struct attach attach = { .fd = -1 };
	bool json = false;
	int pid = -1, fd = -1;
	const struct option_spec specs[] = {
		{ "fd", OPTION_INTEGER, &fd, "N", "the dma-buf is this descriptor", NULL },
		{ "pid", OPTION_INTEGER, &pid, "PID",
		  "with --fd: a descriptor of that process", NULL },
		{ "kind", OPTION_CHOICE, &attach.kind, "KIND", "how to attach", kind_choices },
		{ "device", OPTION_TEXT, &attach.name, "NAME",
		  "on behalf of this PCI function: see dmabuf-revoke info", NULL },
		{ "peer2peer", OPTION_FLAG, &attach.peer2peer, NULL,
		  "ask for other devices' memory, too: the default, where possible", NULL },
		{ "no-peer2peer", OPTION_FLAG, &attach.no_peer2peer, NULL,
		  "do not ask for it", NULL },
		{ "engine", OPTION_CHOICE, &attach.engine, "ENGINE", "what does the DMA",
		  engine_choices },
		{ "segments", OPTION_FLAG, &attach.segments, NULL,
		  "print the DMA addresses that it is mapped at", NULL },
		{ "defer-unmap", OPTION_FLAG, &attach.defer_unmap, NULL,
		  "unmap from a worker, not in the callback", NULL },
		{ "misbehave", OPTION_SET, &attach.misbehave, "BUGS",
		  "be wrong on purpose; several with commas", misbehave_choices },
		{ "delay", OPTION_DURATION, &attach.delay_ns, "DURATION",
		  "what is late by --misbehave is late by so much: " DURATION_FORMS, NULL },
		{ "stream", OPTION_FLAG, &attach.stream, NULL,
		  "read the buffer by DMA, over and over", NULL },
		{ "duration", OPTION_DURATION, &attach.duration_ns, "DURATION",
		  "each pass lasts at least so long: " DURATION_FORMS, NULL },
		OPTION_JSON(json),
		{ 0 },
	};
	int status, dmabuf, importer;
	struct arguments rest;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (rest.count)
		return usage(verb, "unexpected argument '%s'", rest.values[0]);
	status = check_usage(verb, &attach);
	if (status)
		return status;
	dmabuf = open_dmabuf(verb, pid, fd, &status);
	if (dmabuf < 0)
		return status;
	importer = open_importer(&status);
	if (importer < 0)
		return status;
	status = find_device(importer, attach.name,
			     attach.engine == DMABUF_REVOKE_ENGINE_DMAENGINE,
			     &attach.device);
	if (!status)
		status = check_device(&attach);
	if (!status)
		status = run(&attach, importer, dmabuf, json);
	close(importer);
	return status;
}
