// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke restore */
#include "lib/buffers/several.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

static const struct column columns[] = {
	{ "id", "ID", CELL_NUMBER, 0 },
	{ "state", "STATE", CELL_TEXT, 0 },
	{ "error", "ERROR", CELL_TEXT, 0 },
	{ 0 },
};

static int print(const struct several *several)
{
	struct document *document = document_new(several->json);
	struct table *table = table_new(document, "buffers", NULL, LAYOUT_ROWS, columns);
	const struct target *target = several->targets;

	for (; target < several->targets + several->count; target++) {
		table_row(table);
		table_set(table, "id", target->id);
		if (target->result.id)
			table_text(table, "state", state_name(target->result.state));
		if (target->err)
			table_text(table, "error", errno_name(target->err));
	}
	several_blockers(several, document);
	return document_print(document);
}

static bool can_be_restored(uint32_t state)
{
	return state == DMABUF_REVOKE_STATE_SUSPENDING ||
	       state == DMABUF_REVOKE_STATE_SUSPENDED;
}

/* RESTORE does not say how things are: that is asked. */
static int restore(int exp, struct target *target, uint64_t deadline_ns)
{
	struct dmabuf_revoke_query query;
	int ret = dr_restore(exp, target->id, deadline_ns);

	if (!dr_query(exp, target->id, &query)) {
		target->result.id = target->id;
		target->result.state = query.state;
		target->result.pending = query.pending;
	}
	return ret;
}

int verb_restore(const struct verb *verb, int argc, char **argv)
{
	struct several several = {
		.act = ACT_RESTORE,
		.late = "it stays suspended",
		.concerns = can_be_restored,
		.call = restore,
		.print = print,
		.timeout_ns = DEFAULT_TIMEOUT_NS,
	};
	const struct option_spec specs[] = {
		OPTION_ALL(several.all),
		OPTION_TIMEOUT(several.timeout_ns),
		OPTION_JSON(several.json),
		{ 0 },
	};

	return several_verb(&several, verb, specs, argc, argv);
}
