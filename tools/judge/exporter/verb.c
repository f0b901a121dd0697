// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke test-exporter */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "judge/run.h"
#include "lib/buffers/whose.h"
#include "lib/devices/functions.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

#define BIT(n)		(1U << (n))

/* Where one buffer is for all, what a revoke ends is the last. */
static const struct scenario *const scenarios[] = {
	&exporter_kinds,
	&exporter_descriptors,
	&exporter_sync,
	&exporter_move,
	&exporter_move_twice,
	&exporter_move_pinned,
	&exporter_suspend,
	&exporter_restore,
	&exporter_legacy,
	&exporter_fence_write,
	&exporter_fence_read,
	&exporter_fence_bookkeep,
	&exporter_unmap,
	&exporter_lock,
	&exporter_lock_unmap,
	&exporter_cpu,
	&exporter_told,
	&exporter_remove,
	NULL,
};

static const struct suite suite = { scenarios, "exporter" };

struct asked {
	struct exporter_subject subject;
	const char *device;
	bool peer2peer, no_peer2peer;
	int pid, fd;
};

static int check_usage(const struct verb *verb, const struct asked *asked,
		       const struct arguments *rest)
{
	if (asked->peer2peer && asked->no_peer2peer)
		return usage(verb, "--peer2peer or --no-peer2peer, not both");
	if (asked->subject.engine == DMABUF_REVOKE_ENGINE_DMAENGINE && !asked->device)
		return usage(verb, "--engine dmaengine is that of a --device: see info");
	if (rest->count && asked->fd >= 0)
		return usage(verb, "--fd or a program that exports buffers, not both");
	if (rest->count && !rest->dashes)
		return usage(verb, "unexpected argument '%s': a program comes after --",
			     rest->values[0]);
	return STATUS_DONE;
}

static int check_device(const struct asked *asked)
{
	const struct exporter_subject *subject = &asked->subject;

	if (asked->peer2peer && !(subject->device.flags & DMABUF_REVOKE_DEVICE_PEER2PEER)) {
		complain("--peer2peer: not for %s: it takes a PCI function, and CONFIG_PCI_P2PDMA",
			 subject->device.name);
		return STATUS_FAILED;
	}
	if (subject->engine && !(subject->device.engines & BIT(subject->engine))) {
		complain("--engine %s: not possible for %s: dmabuf-revoke info tells which are",
			 choice_name(engine_choices, subject->engine), subject->device.name);
		return STATUS_FAILED;
	}
	return STATUS_DONE;
}

/* The user's dma-buf. -1 after a message. */
static int open_given(const struct verb *verb, const struct asked *asked, int *status)
{
	int dmabuf = open_dmabuf(verb, asked->pid, asked->fd, status);
	struct situation situation = { .act = ACT_ATTACH, .state = STATE_UNKNOWN };

	if (dmabuf < 0)
		return -1;
	situation.whose = whose_dmabuf(dmabuf);
	if (fcntl(dmabuf, F_GETFD) < 0)
		*status = explain_in(&situation, EBADF, "test-exporter: descriptor %d", dmabuf);
	else if (situation.whose == WHOSE_NOBODYS)
		*status = explain_in(&situation, EINVAL, "test-exporter: descriptor %d", dmabuf);
	else
		return dmabuf;
	return -1;
}

/* The importer's side: open, the device known, the engine possible. */
static int prepare(struct asked *asked)
{
	struct exporter_subject *subject = &asked->subject;
	struct dmabuf_revoke_importer_info info;
	int status;

	subject->importer = open_importer(&status);
	if (subject->importer < 0)
		return status;
	status = find_device(subject->importer, asked->device,
			     subject->engine == DMABUF_REVOKE_ENGINE_DMAENGINE, &subject->device);
	if (!status)
		status = check_device(asked);
	if (status)
		return status;
	if (!dr_importer_info(subject->importer, &info))
		subject->features = info.features;
	subject->peer2peer = !asked->no_peer2peer &&
			     subject->device.flags & DMABUF_REVOKE_DEVICE_PEER2PEER;
	return STATUS_DONE;
}

static int run(const struct verb *verb, char **program, struct asked *asked,
	       const struct run_options *options)
{
	const char *gone = NULL;
	struct judge judge = { .verb = verb, .program = program, .subject = &asked->subject,
			       .exporter = -1 };
	int status;

	asked->subject.gone = &gone;
	asked->subject.dmabuf = -1;
	if (!program) {
		asked->subject.dmabuf = open_given(verb, asked, &status);
		if (asked->subject.dmabuf < 0)
			return status;
	}
	status = prepare(asked);
	judge.importer = asked->subject.importer;
	if (!status)
		status = run_suite(&suite, &judge, options);
	if (asked->subject.importer >= 0)
		close(asked->subject.importer);
	return status;
}

int verb_test_exporter(const struct verb *verb, int argc, char **argv)
{
	struct asked asked = { .pid = -1, .fd = -1, .subject.importer = -1 };
	struct run_options options = RUN_DEFAULTS;
	const char **commands = asked.subject.commands;
	const struct option_spec own[] = {
		{ "fd", OPTION_INTEGER, &asked.fd, "N", "the dma-buf is this descriptor", NULL },
		{ "pid", OPTION_INTEGER, &asked.pid, "PID",
		  "with --fd: a descriptor of that process", NULL },
		{ "revoke", OPTION_TEXT, &commands[DEED_REVOKE], "COMMAND",
		  "makes the exporter revoke the dma-buf", NULL },
		{ "suspend", OPTION_TEXT, &commands[DEED_SUSPEND], "COMMAND",
		  "take it back", NULL },
		{ "restore", OPTION_TEXT, &commands[DEED_RESTORE], "COMMAND",
		  "and give it again", NULL },
		{ "move", OPTION_TEXT, &commands[DEED_MOVE], "COMMAND",
		  "replace its memory", NULL },
		{ "remove", OPTION_TEXT, &commands[DEED_REMOVE], "COMMAND",
		  "makes the exporter go: unbind, rmmod", NULL },
		{ "accept-legacy", OPTION_FLAG, &asked.subject.accepts_legacy, NULL,
		  "it lets importers in that cannot be revoked, on purpose", NULL },
		{ "device", OPTION_TEXT, &asked.device, "NAME",
		  "attach on behalf of this PCI function: see dmabuf-revoke info", NULL },
		{ "peer2peer", OPTION_FLAG, &asked.peer2peer, NULL,
		  "ask for other devices' memory, too: the default, where possible", NULL },
		{ "no-peer2peer", OPTION_FLAG, &asked.no_peer2peer, NULL,
		  "do not ask for it", NULL },
		{ "engine", OPTION_CHOICE, &asked.subject.engine, "ENGINE", "what does the DMA",
		  engine_choices },
		{ 0 },
	};
	struct option_spec specs[sizeof(own) / sizeof(*own) + RUN_SPECS];
	struct arguments rest;
	int status;

	run_specs(specs, own, &options);
	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (options.list)
		return run_list(&suite, options.json);
	status = check_usage(verb, &asked, &rest);
	if (status)
		return status;
	return run(verb, rest.count ? rest.values : NULL, &asked, &options);
}
