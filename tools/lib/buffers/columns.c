// SPDX-License-Identifier: GPL-2.0-only
#include "lib/buffers/columns.h"

const struct column phase_columns[] = {
	{ "began_ns", "began at (monotonic)", CELL_DURATION, 0 },
	{ "tell_ns", "invalidating importers", CELL_DURATION, 0 },
	{ "zap_ns", "taking down CPU mappings", CELL_DURATION, 0 },
	{ "fences_ns", "waiting for fences", CELL_DURATION, 0 },
	{ "unmaps_ns", "waiting for unmaps", CELL_DURATION, 0 },
	{ "give_back_ns", "releasing the memory", CELL_DURATION, 0 },
	{ 0 },
};

const struct column pending_columns[] = {
	{ "fences", "fences pending", CELL_NUMBER, 0 },
	{ "maps", "mappings", CELL_NUMBER, 0 },
	{ "legacy_maps", "mappings by legacy importers", CELL_NUMBER, 0 },
	{ "vmaps", "vmaps", CELL_NUMBER, 0 },
	{ "pins", "pins", CELL_NUMBER, 0 },
	{ 0 },
};

const struct column policy_columns[] = {
	{ "accept_legacy", "accepts legacy importers", CELL_BOOL, 0 },
	{ "refuse_vmap", "refuses vmaps", CELL_BOOL, 0 },
	{ "zero_page", "zero page after a revoke", CELL_BOOL, 0 },
	{ "quarantine", "quarantine", CELL_BOOL, 0 },
	{ "bare_table", "tables without pages", CELL_BOOL, 0 },
	{ 0 },
};

void table_phases(struct table *table, const struct dmabuf_revoke_phases *phases)
{
	if (!phases->began_ns)
		return;
	table_set(table, "began_ns", phases->began_ns);
	table_set(table, "tell_ns", phases->tell_ns);
	table_set(table, "zap_ns", phases->zap_ns);
	table_set(table, "fences_ns", phases->fences_ns);
	table_set(table, "unmaps_ns", phases->unmaps_ns);
	table_set(table, "give_back_ns", phases->give_back_ns);
}

void table_pending(struct table *table, const struct dmabuf_revoke_pending *pending)
{
	table_set(table, "fences", pending->fences);
	table_set(table, "maps", pending->maps);
	table_set(table, "legacy_maps", pending->legacy_maps);
	table_set(table, "vmaps", pending->vmaps);
	table_set(table, "pins", pending->pins);
}

void table_policies(struct table *table, uint32_t alloc_flags)
{
	table_set(table, "accept_legacy",
		  !!(alloc_flags & DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY));
	table_set(table, "refuse_vmap", !!(alloc_flags & DMABUF_REVOKE_ALLOC_REFUSE_VMAP));
	table_set(table, "zero_page", !!(alloc_flags & DMABUF_REVOKE_ALLOC_ZERO_PAGE));
	table_set(table, "quarantine", !!(alloc_flags & DMABUF_REVOKE_ALLOC_QUARANTINE));
	table_set(table, "bare_table", !!(alloc_flags & DMABUF_REVOKE_ALLOC_BARE_TABLE));
}
