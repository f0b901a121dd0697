// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke revoke */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "columns.h"
#include "ioctls.h"
#include "message.h"
#include "node.h"
#include "options.h"
#include "table.h"
#include "units.h"
#include "words.h"

#define DEFAULT_TIMEOUT_NS (10 * 1000000000ULL)

static const struct column columns[] = {
	{ "id", "id", CELL_NUMBER, 0 },
	{ "state", "state", CELL_TEXT, 0 },
	{ "already", "was revoked before", CELL_BOOL, 0 },
	{ 0 },
};

static int print(const struct dmabuf_revoke_revoke *revoke, bool json)
{
	struct document *document = document_new(json);
	struct table *table = table_new(document, "revoke", NULL, LAYOUT_RECORD,
					columns);

	table_extend(table, phase_columns);
	table_extend(table, pending_columns);
	table_row(table);
	table_set(table, "id", revoke->id);
	table_text(table, "state", state_name(revoke->state));
	table_set(table, "already", revoke->already);
	table_phases(table, &revoke->phases);
	table_pending(table, &revoke->pending);
	return document_print(document);
}

/* What to do about what is still in use. */
static const char *remedy(const struct dmabuf_revoke_pending *pending)
{
	if (pending->legacy_maps)
		return "legacy importers cannot be told: end their programs, then revoke again";
	if (pending->fences)
		return "DMA is still going on: revoke again, with a longer --timeout";
	return "importers have not unmapped yet: revoke again, or end their programs";
}

static int timed_out(const struct dmabuf_revoke_revoke *revoke)
{
	char pending[PENDING_TEXT];

	complain("revoke %" PRIu64 ": timed out (ETIMEDOUT): %s: the revoke goes on; %s",
		 (uint64_t)revoke->id, pending_text(pending, &revoke->pending),
		 remedy(&revoke->pending));
	return STATUS_FAILED;
}

static int revoke_id(uint64_t id, uint64_t timeout_ns, bool json)
{
	struct dmabuf_revoke_revoke revoke;
	int status, exp, ret;

	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	ret = dr_revoke(exp, id, timeout_ns ? dr_deadline(timeout_ns) : 0,
			&revoke);
	close(exp);
	if (ret && ret != -ETIMEDOUT)
		return explain(ACT_REVOKE, ret, "revoke %" PRIu64, id);
	status = print(&revoke, json);
	return ret ? timed_out(&revoke) : status;
}

int verb_revoke(const struct verb *verb, int argc, char **argv)
{
	bool json = false;
	uint64_t timeout_ns = DEFAULT_TIMEOUT_NS;
	const struct option_spec specs[] = {
		{ "timeout", OPTION_DURATION, &timeout_ns, "DURATION",
		  "how long to wait: " DURATION_FORMS "; default 10s", NULL },
		OPTION_JSON(json),
		{ 0 },
	};
	struct arguments rest;
	uint64_t id;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (rest.count < 1)
		return usage(verb, "which buffer? Give its id; dmabuf-revoke list shows them");
	if (rest.count > 1)
		return usage(verb, "unexpected argument '%s'", rest.values[1]);
	if (parse_number(rest.values[0], UINT64_MAX, &id))
		return usage(verb, "'%s' is not a buffer id, a number from 1",
			     rest.values[0]);
	return revoke_id(id, timeout_ns, json);
}
