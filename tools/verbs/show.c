// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke show */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/buffers/blockers.h"
#include "lib/buffers/columns.h"
#include "lib/buffers/ids.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/names.h"
#include "lib/text/options.h"
#include "lib/text/table.h"

static const struct column columns[] = {
	{ "id", "id", CELL_NUMBER, 0 },
	{ "state", "state", CELL_TEXT, 0 },
	{ "length", "length", CELL_SIZE, 0 },
	{ "moves", "times moved", CELL_NUMBER, 0 },
	{ "faults", "deliberate bugs", CELL_HEX, 0 },
	{ "orphaned", "owner's file closed", CELL_BOOL, 0 },
	{ "attachments", "attachments", CELL_NUMBER, 0 },
	{ "legacy_attachments", "attachments of legacy importers", CELL_NUMBER, 0 },
	{ 0 },
};

static void add_buffer(struct document *document, const struct dmabuf_revoke_query *query)
{
	struct table *table = table_new(document, "buffer", NULL, LAYOUT_RECORD,
					columns);

	table_extend(table, policy_columns);
	table_extend(table, pending_columns);
	table_extend(table, phase_columns);
	table_row(table);
	table_set(table, "id", query->id);
	table_text(table, "state", state_name(query->state));
	table_set(table, "length", query->length);
	table_set(table, "moves", query->moves);
	table_set(table, "faults", query->faults);
	table_policies(table, query->alloc_flags);
	table_set(table, "orphaned", query->orphaned);
	table_set(table, "attachments", query->attachments);
	table_set(table, "legacy_attachments", query->legacy_attachments);
	table_pending(table, &query->pending);
	table_phases(table, &query->phases);
}

/* Whoever holds a dma-buf may ask how it is, but not who else uses it. */
static void add_blockers(struct document *document, int exp, uint64_t id)
{
	uint32_t count;
	int ret = dr_blockers(exp, id, NULL, 0, &count);

	if (!ret && (count || document_is_json(document)))
		ret = blockers_add(blockers_new(document), exp, id);
	/* A given-up buffer has no blockers. */
	if (ret && ret != -ENOENT)
		explain(ACT_BLOCKERS, ret, "show: who uses buffer %" PRIu64, id);
}

static int query_by_id(const char *text, int exp, uint64_t id,
		       struct dmabuf_revoke_query *query)
{
	int ret = dr_query(exp, id, query);

	return ret ? explain(ACT_QUERY, ret, "show %s", text) : 0;
}

static int query_by_fd(int fd, int exp, int dmabuf, struct dmabuf_revoke_query *query)
{
	int ret = dr_query_fd(exp, dmabuf, query);

	return ret ? explain(ACT_QUERY_FD, ret, "show --fd %d", fd) : 0;
}

/* @text is an id, or NULL for the buffer of @dmabuf. */
static int show(const struct verb *verb, const char *text, int dmabuf, int fd, bool json)
{
	struct dmabuf_revoke_query query;
	struct document *document;
	uint64_t id = 0;
	int status = 0, exp;

	if (text)
		status = parse_id(verb, text, &id);
	if (status)
		return status;
	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	status = text ? query_by_id(text, exp, id, &query) :
			query_by_fd(fd, exp, dmabuf, &query);
	if (!status) {
		document = document_new(json);
		add_buffer(document, &query);
		add_blockers(document, exp, query.id);
		status = document_print(document);
	}
	close(exp);
	return status;
}

int verb_show(const struct verb *verb, int argc, char **argv)
{
	bool json = false;
	int pid = -1, fd = -1, dmabuf = -1;
	const struct option_spec specs[] = {
		{ "fd", OPTION_INTEGER, &fd, "N",
		  "the buffer of this dma-buf descriptor", NULL },
		{ "pid", OPTION_INTEGER, &pid, "PID",
		  "with --fd: a descriptor of that process", NULL },
		OPTION_JSON(json),
		{ 0 },
	};
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
	if (!rest.count) {
		dmabuf = open_dmabuf(verb, pid, fd, &status);
		if (dmabuf < 0)
			return status;
	}
	return show(verb, rest.count ? rest.values[0] : NULL, dmabuf, fd, json);
}
