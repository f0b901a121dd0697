// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/record/kernel/candidates.h"

#define EXPORTER	"dmabuf_revoke_exporter"
#define IMPORTER	"dmabuf_revoke_importer"

/* For modules without BTF (6.1 makes none of DKMS's), and kernels without. */
static const struct candidate known[] = {
	{ SIGNATURE_TOLD, IMPORTER, "dbi_dynamic_invalidate" },
	{ SIGNATURE_TOLD, IMPORTER, "dbi_pinned_invalidate" },
	{ SIGNATURE_PIN, EXPORTER, "dbr_dmabuf_pin" },
	{ SIGNATURE_TOLD, EXPORTER, "dbr_dmabuf_unpin" },
	{ SIGNATURE_MAP, EXPORTER, "dbr_dmabuf_map" },
	{ SIGNATURE_UNMAP, EXPORTER, "dbr_dmabuf_unmap" },
	{ SIGNATURE_MAP, "", "system_heap_map_dma_buf" },
	{ SIGNATURE_UNMAP, "", "system_heap_unmap_dma_buf" },
	{ SIGNATURE_MAP, "", "map_udmabuf" },
	{ SIGNATURE_UNMAP, "", "unmap_udmabuf" },
	{ SIGNATURE_MAP, "drm", "drm_gem_map_dma_buf" },
	{ SIGNATURE_UNMAP, "drm", "drm_gem_unmap_dma_buf" },
};

#define KNOWN	(sizeof(known) / sizeof(*known))

struct search {
	struct candidates *candidates;
	int ret;
};

static int add(struct candidates *candidates, const struct candidate *candidate)
{
	size_t room = candidates->room ? 2 * candidates->room : 32;
	struct candidate *rows;

	if (candidates->count == candidates->room) {
		rows = reallocarray(candidates->rows, room, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		candidates->rows = rows;
		candidates->room = room;
	}
	candidates->rows[candidates->count++] = *candidate;
	return 0;
}

static void found(void *context, enum signature signature, const char *module,
		  const char *function)
{
	struct candidate candidate = { .signature = signature };
	struct search *search = context;

	/* Longer names cannot be probed by name. */
	if (strlen(module) >= sizeof(candidate.module) ||
	    strlen(function) >= sizeof(candidate.function))
		return;
	strcpy(candidate.module, module);
	strcpy(candidate.function, function);
	if (!search->ret)
		search->ret = add(search->candidates, &candidate);
}

static bool has(const struct candidates *candidates, const char *function)
{
	size_t i;

	for (i = 0; i < candidates->count; i++)
		if (!strcmp(candidates->rows[i].function, function))
			return true;
	return false;
}

int candidates_find(struct candidates *candidates, const struct types *types)
{
	struct search search = { candidates, 0 };
	size_t i;

	*candidates = (struct candidates){ 0 };
	if (types)
		types_walk(types, found, &search);
	for (i = 0; i < KNOWN && !search.ret; i++)
		if (!has(candidates, known[i].function))
			search.ret = add(candidates, &known[i]);
	if (search.ret)
		candidates_free(candidates);
	return search.ret;
}

void candidates_free(struct candidates *candidates)
{
	free(candidates->rows);
	*candidates = (struct candidates){ 0 };
}
