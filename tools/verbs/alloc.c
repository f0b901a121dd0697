// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmabuf-revoke alloc
 *
 * The process holds the exporter's file, and with it the buffer, for as long as
 * it runs: until a signal, or until the program that it started has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/buffers/columns.h"
#include "lib/buffers/shape.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/process/handover.h"
#include "lib/process/signals.h"
#include "lib/text/message.h"
#include "lib/text/units.h"

static const struct column columns[] = {
	{ "id", "id", CELL_NUMBER, 0 },
	{ "length", "length", CELL_SIZE, 0 },
	{ "read_only", "read-only for CPUs", CELL_BOOL, 0 },
	{ "pid", "held by process", CELL_NUMBER, 0 },
	{ "fd", "as descriptor", CELL_NUMBER, 0 },
	{ 0 },
};

static int allocate(int exp, struct dmabuf_revoke_alloc *new)
{
	char size[UNITS_TEXT];
	int ret = dr_alloc_as(exp, new);

	return ret ? explain(ACT_ALLOC, ret, "alloc %s", format_size(size, new->length)) : 0;
}

static int print(const struct dmabuf_revoke_alloc *new, bool json)
{
	struct document *document = document_new(json);
	struct table *table = table_new(document, "buffer", NULL, LAYOUT_RECORD,
					columns);

	table_extend(table, policy_columns);
	table_row(table);
	table_set(table, "id", new->id);
	table_set(table, "length", new->length);
	table_set(table, "read_only", (new->fd_flags & O_ACCMODE) == O_RDONLY);
	table_policies(table, new->flags);
	table_set(table, "pid", (uint64_t)getpid());
	table_set(table, "fd", (uint64_t)new->fd);
	return document_print(document);
}

static int alloc(struct dmabuf_revoke_alloc *new, char **program, bool json)
{
	struct handover buffer;
	sigset_t signals, mask;
	int status, exp;

	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	/* Before there is a buffer, so that no signal is missed. */
	signals_block(&signals, &mask);
	status = allocate(exp, new);
	buffer = (struct handover){ new->id, new->length, new->fd };
	if (!status && program)
		status = run_program(&buffer, program, &signals, &mask);
	else if (!status)
		status = print(new, json);
	if (!status && !program)
		hold_until(&buffer, json, &signals);
	close(exp);
	return status;
}

static int parse_length(const struct verb *verb, const char *text, uint64_t *length)
{
	int ret = parse_size(text, length);

	if (ret == -ERANGE)
		return usage(verb, "'%s' is too large a size; at most 2^64 - 1 bytes",
			     text);
	if (ret)
		return usage(verb, "'%s' is not a size; write it as %s", text,
			     SIZE_FORMS);
	return 0;
}

int verb_alloc(const struct verb *verb, int argc, char **argv)
{
	bool json = false, accept_legacy = false, refuse_vmap = false;
	bool zero_page = false, quarantine = false, read_only = false;
	bool bare_table = false;
	struct shape shape = SHAPE_DEFAULT;
	const struct option_spec specs[] = {
		{ "accept-legacy", OPTION_FLAG, &accept_legacy, NULL,
		  "let importers in that cannot be revoked", NULL },
		{ "refuse-vmap", OPTION_FLAG, &refuse_vmap, NULL,
		  "let no kernel driver vmap it, which cannot be revoked", NULL },
		{ "zero-page", OPTION_FLAG, &zero_page, NULL,
		  "after a revoke CPUs read zeroes, no SIGBUS", NULL },
		{ "quarantine", OPTION_FLAG, &quarantine, NULL,
		  "keep revoked memory until free, which tells who wrote to it", NULL },
		{ "read-only", OPTION_FLAG, &read_only, NULL,
		  "CPU mappings may not write; devices may all the same", NULL },
		{ "bare-table", OPTION_FLAG, &bare_table, NULL,
		  "give importers DMA addresses only, no pages", NULL },
		OPTION_ONE_CHUNK(shape),
		OPTION_SHUFFLE(shape),
		OPTION_REPEAT(shape),
		OPTION_JSON(json),
		{ 0 },
	};
	struct dmabuf_revoke_alloc new = { 0 };
	struct arguments rest;
	uint64_t length;
	char **program;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (!rest.count)
		return usage(verb, "how much? Give a size: " SIZE_FORMS);
	status = parse_program(verb, &rest, json, &program);
	if (!status)
		status = parse_length(verb, rest.values[0], &length);
	if (!status)
		status = parse_shape(verb, &shape, length, &new.shape, &new.shape_arg);
	if (status)
		return status;
	new.length = length;
	new.flags = (accept_legacy ? DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY : 0) |
		    (refuse_vmap ? DMABUF_REVOKE_ALLOC_REFUSE_VMAP : 0) |
		    (zero_page ? DMABUF_REVOKE_ALLOC_ZERO_PAGE : 0) |
		    (quarantine ? DMABUF_REVOKE_ALLOC_QUARANTINE : 0) |
		    (bare_table ? DMABUF_REVOKE_ALLOC_BARE_TABLE : 0);
	new.fd_flags = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;
	return alloc(&new, program, json);
}
