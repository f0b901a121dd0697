// SPDX-License-Identifier: GPL-2.0-only
#include "watch/view/choice.h"

/* No buffer has rows only for what belongs to none: an IOMMU's faults. */
static bool is_wanted(const struct dmabuf *dmabuf, const struct choice_of *choice)
{
	return choice->buffer ? dmabuf->number == choice->buffer : dmabuf->count > 0;
}

struct shown choose(const struct timeline *timeline, const struct choice_of *choice)
{
	size_t i, others = 0, revoked = 0;
	struct shown shown = { .count = 0 };

	for (i = 0; i < timeline->dmabuf_count; i++)
		revoked += is_wanted(&timeline->dmabufs[i], choice) &&
			   timeline->dmabufs[i].invalidations;
	if (revoked < SHOWN_BUFFERS)
		others = SHOWN_BUFFERS - revoked;
	for (i = 0; i < timeline->dmabuf_count; i++) {
		const struct dmabuf *dmabuf = &timeline->dmabufs[i];

		if (!is_wanted(dmabuf, choice))
			continue;
		if (shown.count == SHOWN_BUFFERS || (!dmabuf->invalidations && !others)) {
			shown.left_out++;
			continue;
		}
		others -= !dmabuf->invalidations;
		shown.dmabufs[shown.count++] = dmabuf;
	}
	return shown;
}
