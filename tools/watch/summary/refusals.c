// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "watch/summary/refusals.h"
#include "watch/timeline/keys.h"

static int add(struct facts *facts, struct keys *keys, const struct timeline *timeline,
	       const struct mark *mark)
{
	const struct watch_event *event = mark->event;
	const struct key key = { {
		mark->row, (uint64_t)event->what << 32 | (uint32_t)event->result,
		event->attach ? 0 : keys_hash(event->device),
	} };
	struct key_value *value = keys_at(keys, key);

	if (!value)
		return -ENOMEM;
	if (value->first == KEYS_NONE) {
		if (facts->refusal_count == FACTS_MOST) {
			facts->refusals_left_out++;
			return 0;
		}
		value->first = (uint32_t)facts->refusal_count++;
		facts->refusals[value->first] = (struct refusal){
			.row = &timeline->rows[mark->row], .first = event,
		};
	}
	facts->refusals[value->first].times++;
	return 0;
}

int find_refusals(struct facts *facts, const struct timeline *timeline)
{
	struct keys keys = { 0 };
	int ret = 0;
	size_t i;

	facts->refusals = calloc(FACTS_MOST, sizeof(*facts->refusals));
	if (!facts->refusals)
		return -ENOMEM;
	for (i = 0; !ret && i < timeline->mark_count; i++)
		if (timeline->marks[i].kind == MARK_REFUSED)
			ret = add(facts, &keys, timeline, &timeline->marks[i]);
	keys_free(&keys);
	return ret;
}
