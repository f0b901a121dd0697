// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke revoke, dmabuf-revoke suspend */
#include <errno.h>

#include "lib/buffers/columns.h"
#include "lib/buffers/several.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

static const struct column columns[] = {
	{ "id", "ID", CELL_NUMBER, 0 },
	{ "state", "STATE", CELL_TEXT, 0 },
	{ "already", "BEFORE", CELL_BOOL, 0 },
	{ "error", "ERROR", CELL_TEXT, 0 },
	{ "began_ns", NULL, CELL_DURATION, 0 },
	{ "tell_ns", "INVALIDATE", CELL_DURATION, 0 },
	{ "zap_ns", "ZAP", CELL_DURATION, 0 },
	{ "fences_ns", "FENCES", CELL_DURATION, 0 },
	{ "unmaps_ns", "UNMAPS", CELL_DURATION, 0 },
	{ "give_back_ns", "RELEASE", CELL_DURATION, 0 },
	{ "fences", NULL, CELL_NUMBER, 0 },
	{ "maps", NULL, CELL_NUMBER, 0 },
	{ "legacy_maps", NULL, CELL_NUMBER, 0 },
	{ "vmaps", NULL, CELL_NUMBER, 0 },
	{ "pins", NULL, CELL_NUMBER, 0 },
	{ 0 },
};

static void add_row(struct table *table, const struct target *target)
{
	table_row(table);
	table_set(table, "id", target->id);
	if (target->err)
		table_text(table, "error", errno_name(target->err));
	if (target->err && target->err != -ETIMEDOUT)
		return;
	table_text(table, "state", state_name(target->result.state));
	table_set(table, "already", target->result.already);
	table_phases(table, &target->result.phases);
	table_pending(table, &target->result.pending);
}

static int print(const struct several *several)
{
	struct document *document = document_new(several->json);
	struct table *table = table_new(document, "buffers", NULL, LAYOUT_ROWS, columns);
	unsigned int i;

	for (i = 0; i < several->count; i++)
		add_row(table, &several->targets[i]);
	several_blockers(several, document);
	return document_print(document);
}

static int take_back(struct several *several, const struct verb *verb, int argc,
		     char **argv)
{
	const struct option_spec specs[] = {
		OPTION_ALL(several->all),
		OPTION_TIMEOUT(several->timeout_ns),
		OPTION_JSON(several->json),
		{ 0 },
	};

	return several_verb(several, verb, specs, argc, argv);
}

/* The first call knows whether it was so before, the last one all else. */
static int keep(struct target *target, const struct dmabuf_revoke_revoke *result, int ret)
{
	uint32_t already = target->err == -ETIMEDOUT ? 0 : result->already;

	target->result = *result;
	target->result.already = already;
	return ret;
}

static int revoke(int exp, struct target *target, uint64_t deadline_ns)
{
	struct dmabuf_revoke_revoke result;

	return keep(target, &result, dr_revoke(exp, target->id, deadline_ns, &result));
}

int verb_revoke(const struct verb *verb, int argc, char **argv)
{
	struct several several = {
		.act = ACT_REVOKE,
		.late = "the revoke goes on",
		.call = revoke,
		.print = print,
		.timeout_ns = DEFAULT_TIMEOUT_NS,
	};

	return take_back(&several, verb, argc, argv);
}

static bool can_be_suspended(uint32_t state)
{
	return state != DMABUF_REVOKE_STATE_REVOKING &&
	       state != DMABUF_REVOKE_STATE_REVOKED;
}

static int suspend(int exp, struct target *target, uint64_t deadline_ns)
{
	struct dmabuf_revoke_revoke result;

	return keep(target, &result, dr_suspend(exp, target->id, deadline_ns, &result));
}

int verb_suspend(const struct verb *verb, int argc, char **argv)
{
	struct several several = {
		.act = ACT_SUSPEND,
		.late = "the suspension goes on",
		.concerns = can_be_suspended,
		.call = suspend,
		.print = print,
		.timeout_ns = DEFAULT_TIMEOUT_NS,
	};

	return take_back(&several, verb, argc, argv);
}
