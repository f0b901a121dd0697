// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke list */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/buffers/ids.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/names.h"
#include "lib/text/options.h"
#include "lib/text/table.h"

#define UNNAMED_PATIENCE_NS 100000000

static const struct column columns[] = {
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

static void add_row(struct table *table, const struct dmabuf_revoke_query *query)
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

static int add_rows(int exp, struct table *table)
{
	struct dmabuf_revoke_query query;
	uint32_t count, i;
	uint64_t *ids;
	int ret = read_ids(exp, &ids, &count);

	for (i = 0; !ret && i < count; i++) {
		ret = dr_query(exp, ids[i], &query);
		if (!ret)
			add_row(table, &query);
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
	uint64_t unnamed = 0;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (rest.count)
		return usage(verb, "unexpected argument '%s'", rest.values[0]);
	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	document = document_new(json);
	ret = add_rows(exp, table_new(document, "buffers", NULL, LAYOUT_ROWS,
				      columns));
	if (!ret)
		ret = count_unnamed(exp, UNNAMED_PATIENCE_NS, &unnamed);
	close(exp);
	if (ret) {
		document_free(document);
		return explain(ACT_LIST, ret, "list");
	}
	if (geteuid())
		complain("list: the buffers of others are shown to root only");
	if (unnamed)
		complain("list: %" PRIu64 " more, given up and revoked, kept %s", unnamed,
			 "by a reference alone: /proc/PID/fd or maps have it, or a driver has leaked it");
	return document_print(document);
}
