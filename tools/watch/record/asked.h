/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of watch that are about recording. */
#ifndef RECORD_ASKED_H
#define RECORD_ASKED_H

#include <stdbool.h>

#include "lib/text/options.h"
#include "watch/list.h"
#include "watch/record/chosen.h"

struct asked {
	struct choosing choosing;
	const char *ring;		/* a size, or NULL */
	const char *offsets;
	bool own;
};

#define ASKED_NOTHING	{ .choosing = { .fd = -1, .pid = -1 } }

/* Rows of a table of options. */
#define ASKED_FD(asked) \
	{ "fd", OPTION_INTEGER, &(asked).choosing.fd, "N", \
	  "record only the dma-buf that is this descriptor", NULL }
#define ASKED_PID(asked) \
	{ "pid", OPTION_INTEGER, &(asked).choosing.pid, "PID", \
	  "with --fd: a descriptor of that process; without: all that it has", NULL }
#define ASKED_ID(asked) \
	{ "id", OPTION_TEXT, &(asked).choosing.id, "ID", \
	  "record only this buffer of ours", NULL }
#define ASKED_EXPORTER(asked) \
	{ "exporter", OPTION_TEXT, &(asked).choosing.exporter, "NAME", \
	  "record only dma-bufs of the exporter of that name", NULL }
#define ASKED_RING(asked) \
	{ "ring", OPTION_TEXT, &(asked).ring, "SIZE", \
	  "memory of each CPU for what is not yet read; default 2M", NULL }
#define ASKED_OFFSETS(asked) \
	{ "offsets", OPTION_TEXT, &(asked).offsets, "FILE", \
	  "of dmabuf-revoke-offsets, for a kernel without BTF", NULL }
#define ASKED_OWN(asked) \
	{ "own", OPTION_FLAG, &(asked).own, NULL, \
	  "record only what our modules say by their trace events", NULL }

/*
 * Record as asked, while the program in @rest runs, or until a signal. With @quiet its
 * standard output is ours for errors. Returns an enum status, after a message.
 */
int asked_record(const struct verb *verb, const struct asked *asked,
		 const struct arguments *rest, bool quiet, struct watch_list *out);

/* Something of it is given. */
bool asked_anything(const struct asked *asked);

#endif
