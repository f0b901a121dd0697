// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke free */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/buffers/several.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"

static const struct column columns[] = {
	{ "id", "ID", CELL_NUMBER, 0 },
	{ "quarantine", "QUARANTINE", CELL_BOOL, 0 },
	{ "checked", "CHECKED", CELL_BOOL, 0 },
	{ "changed", "CHANGED PAGES", CELL_NUMBER, 0 },
	{ "error", "ERROR", CELL_TEXT, 0 },
	{ 0 },
};

static const struct column page_columns[] = {
	{ "id", "ID", CELL_NUMBER, 0 },
	{ "offset", "CHANGED AT", CELL_NUMBER, 0 },
	{ 0 },
};

static bool has_quarantine(const struct target *target)
{
	return target->query.alloc_flags & DMABUF_REVOKE_ALLOC_QUARANTINE;
}

static int free_buffer(int exp, struct target *target, uint64_t deadline_ns)
{
	uint32_t pages = 0;
	int ret;

	(void)deadline_ns;
	ret = dr_query(exp, target->id, &target->query);
	if (ret)
		return ret;
	if (has_quarantine(target)) {
		pages = target->query.length / (uint64_t)sysconf(_SC_PAGESIZE);
		target->offsets = calloc(pages, sizeof(*target->offsets));
		if (!target->offsets)
			pages = 0;
	}
	return dr_free(exp, target->id, target->offsets, pages, &target->freed);
}

static void add_row(struct table *table, const struct target *target)
{
	table_row(table);
	table_set(table, "id", target->id);
	if (target->err) {
		table_text(table, "error", errno_name(target->err));
		return;
	}
	table_set(table, "quarantine", has_quarantine(target));
	table_set(table, "checked", target->freed.checked);
	if (target->freed.checked)
		table_set(table, "changed", target->freed.changed);
}

static void add_pages(struct table *table, const struct target *target)
{
	uint32_t i;

	for (i = 0; target->offsets && i < target->freed.changed; i++) {
		table_row(table);
		table_set(table, "id", target->id);
		table_set(table, "offset", target->offsets[i]);
	}
}

/* A finding is a failure, and so is not to know. */
static int judge(const struct target *target)
{
	if (target->err || !has_quarantine(target))
		return STATUS_DONE;
	if (!target->freed.checked)
		complain("free %" PRIu64 ": its quarantine was not checked: revoke it before",
			 target->id);
	else if (target->freed.changed)
		complain("free %" PRIu64 ": %u page%s written to after the revoke", target->id,
			 target->freed.changed, target->freed.changed == 1 ? "" : "s");
	else
		return STATUS_DONE;
	return STATUS_FAILED;
}

static int print(const struct several *several)
{
	struct document *document = document_new(several->json);
	struct table *table = table_new(document, "buffers", NULL, LAYOUT_ROWS, columns);
	int status = STATUS_DONE, printed;
	uint32_t changed = 0;
	unsigned int i;

	for (i = 0; i < several->count; i++) {
		add_row(table, &several->targets[i]);
		changed += several->targets[i].freed.changed;
	}
	if (several->json || changed)
		table = table_new(document, "changed", NULL, LAYOUT_ROWS, page_columns);
	for (i = 0; i < several->count; i++)
		add_pages(table, &several->targets[i]);
	printed = document_print(document);
	for (i = 0; i < several->count; i++)
		if (judge(&several->targets[i]))
			status = STATUS_FAILED;
	return printed ? printed : status;
}

int verb_free(const struct verb *verb, int argc, char **argv)
{
	struct several several = {
		.act = ACT_FREE,
		.call = free_buffer,
		.print = print,
	};
	const struct option_spec specs[] = {
		OPTION_ALL(several.all),
		OPTION_JSON(several.json),
		{ 0 },
	};

	return several_verb(&several, verb, specs, argc, argv);
}
