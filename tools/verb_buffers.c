// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke list, dmabuf-revoke show */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "columns.h"
#include "ioctls.h"
#include "message.h"
#include "node.h"
#include "options.h"
#include "table.h"
#include "units.h"
#include "words.h"

static const struct column list_columns[] = {
	{ "id", "ID", CELL_NUMBER, 0 },
	{ "state", "STATE", CELL_TEXT, 0 },
	{ "length", "LENGTH", CELL_SIZE, 0 },
	{ "attachments", "ATTACHED", CELL_NUMBER, 0 },
	{ "legacy_attachments", "LEGACY", CELL_NUMBER, 0 },
	{ "maps", "MAPPED", CELL_NUMBER, 0 },
	{ "fences", "FENCES", CELL_NUMBER, 0 },
	{ "orphaned", "ORPHANED", CELL_BOOL, 0 },
	{ 0 },
};

static void list_row(struct table *table, const struct dmabuf_revoke_query *query)
{
	table_row(table);
	table_set(table, "id", query->id);
	table_text(table, "state", state_name(query->state));
	table_set(table, "length", query->length);
	table_set(table, "attachments", query->attachments);
	table_set(table, "legacy_attachments", query->legacy_attachments);
	table_set(table, "maps", query->pending.maps);
	table_set(table, "fences", query->pending.fences);
	table_set(table, "orphaned", query->orphaned);
}

/* All ids, in an array that the caller frees. */
static int read_ids(int exp, uint64_t **ids, uint32_t *count)
{
	uint32_t capacity = 0;
	int ret;

	*ids = NULL;
	for (;;) {
		ret = dr_list(exp, *ids, capacity, count);
		if (ret || *count <= capacity)
			break;
		/* A little more, for those that are allocated meanwhile. */
		capacity = *count + 16;
		free(*ids);
		*ids = calloc(capacity, sizeof(**ids));
		if (!*ids)
			return -ENOMEM;
	}
	return ret;
}

static int list_rows(int exp, struct table *table)
{
	struct dmabuf_revoke_query query;
	uint32_t count, i;
	uint64_t *ids;
	int ret = read_ids(exp, &ids, &count);

	for (i = 0; !ret && i < count; i++) {
		ret = dr_query(exp, ids[i], &query);
		if (!ret)
			list_row(table, &query);
		else if (ret == -ENOENT)	/* released since LIST */
			ret = 0;
	}
	free(ids);
	return ret;
}

int verb_list(const struct verb *verb, int argc, char **argv)
{
	bool json = false;
	const struct option_spec specs[] = { OPTION_JSON(json), { 0 } };
	struct document *document;
	struct arguments rest;
	int status, exp, ret;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (rest.count)
		return usage(verb, "unexpected argument '%s'", rest.values[0]);
	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	document = document_new(json);
	ret = list_rows(exp, table_new(document, "buffers", NULL, LAYOUT_ROWS,
				       list_columns));
	close(exp);
	if (ret) {
		document_free(document);
		return explain(ACT_LIST, ret, "list");
	}
	if (geteuid())
		complain("list: the buffers of others are shown to root only");
	return document_print(document);
}

static const struct column show_columns[] = {
	{ "id", "id", CELL_NUMBER, 0 },
	{ "state", "state", CELL_TEXT, 0 },
	{ "length", "length", CELL_SIZE, 0 },
	{ "accept_legacy", "accepts legacy importers", CELL_BOOL, 0 },
	{ "orphaned", "owner's file closed", CELL_BOOL, 0 },
	{ "attachments", "attachments", CELL_NUMBER, 0 },
	{ "legacy_attachments", "attachments of legacy importers", CELL_NUMBER, 0 },
	{ 0 },
};

static int show(const struct dmabuf_revoke_query *query, bool json)
{
	struct document *document = document_new(json);
	struct table *table = table_new(document, "buffer", NULL, LAYOUT_RECORD,
					show_columns);

	table_extend(table, pending_columns);
	table_extend(table, phase_columns);
	table_row(table);
	table_set(table, "id", query->id);
	table_text(table, "state", state_name(query->state));
	table_set(table, "length", query->length);
	table_set(table, "accept_legacy",
		  !!(query->alloc_flags & DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY));
	table_set(table, "orphaned", query->orphaned);
	table_set(table, "attachments", query->attachments);
	table_set(table, "legacy_attachments", query->legacy_attachments);
	table_pending(table, &query->pending);
	table_phases(table, &query->phases);
	return document_print(document);
}

static int query_by_id(const struct verb *verb, const char *text,
		       struct dmabuf_revoke_query *query)
{
	int status, exp, ret;
	uint64_t id;

	if (parse_number(text, UINT64_MAX, &id))
		return usage(verb, "'%s' is not a buffer id, a number from 1", text);
	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	ret = dr_query(exp, id, query);
	close(exp);
	return ret ? explain(ACT_QUERY, ret, "show %" PRIu64, id) : 0;
}

static int query_by_fd(const struct verb *verb, int pid, int fd,
		       struct dmabuf_revoke_query *query)
{
	int status, exp, dmabuf, ret;

	dmabuf = open_dmabuf(verb, pid, fd, &status);
	if (dmabuf < 0)
		return status;
	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	ret = dr_query_fd(exp, dmabuf, query);
	close(exp);
	return ret ? explain(ACT_QUERY_FD, ret, "show --fd %d", fd) : 0;
}

int verb_show(const struct verb *verb, int argc, char **argv)
{
	bool json = false;
	int pid = -1, fd = -1;
	const struct option_spec specs[] = {
		{ "fd", OPTION_INTEGER, &fd, "N",
		  "the buffer of this dma-buf descriptor", NULL },
		{ "pid", OPTION_INTEGER, &pid, "PID",
		  "with --fd: a descriptor of that process", NULL },
		OPTION_JSON(json),
		{ 0 },
	};
	struct dmabuf_revoke_query query;
	struct arguments rest;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (rest.count > 1)
		return usage(verb, "unexpected argument '%s'", rest.values[1]);
	if (!rest.count && fd < 0 && pid < 0 && !getenv(ENVIRONMENT_FD))
		return usage(verb, "which buffer? Give its id, or --fd");
	if (rest.count && (fd >= 0 || pid >= 0))
		return usage(verb, "give an id or --fd, not both");
	if (rest.count)
		status = query_by_id(verb, rest.values[0], &query);
	else
		status = query_by_fd(verb, pid, fd, &query);
	return status ? status : show(&query, json);
}
