// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/buffers/ids.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/units.h"

int parse_id(const struct verb *verb, const char *text, uint64_t *id)
{
	if (parse_number(text, UINT64_MAX, id))
		return usage(verb, "'%s' is not a buffer id, a number from 1", text);
	return 0;
}

int read_ids(int exp, uint64_t **ids, uint32_t *count)
{
	uint32_t capacity = 0;
	int ret;

	*ids = NULL;
	for (;;) {
		ret = dr_list(exp, *ids, capacity, count);
		if (ret || *count <= capacity)
			break;
		/* A little more, for those that are allocated meanwhile. */
		capacity = *count + 16;
		free(*ids);
		*ids = calloc(capacity, sizeof(**ids));
		if (!*ids)
			return -ENOMEM;
	}
	return ret;
}

static int count_once(int exp, uint64_t *count)
{
	struct dmabuf_revoke_exporter_info info;
	uint32_t named;
	int ret = dr_exporter_info(exp, &info);

	if (!ret)
		ret = dr_list(exp, NULL, 0, &named);
	if (!ret)
		*count = info.buffers > named ? info.buffers - named : 0;
	return ret;
}

#define INTERVAL_NS	10000000

int count_unnamed(int exp, uint64_t patience_ns, uint64_t *count)
{
	const struct timespec interval = { .tv_nsec = INTERVAL_NS };
	uint64_t deadline = dr_deadline(patience_ns);
	int ret;

	*count = 0;
	if (geteuid())
		return 0;
	for (;;) {
		ret = count_once(exp, count);
		if (ret || !*count || dr_now() >= deadline)
			return ret;
		nanosleep(&interval, NULL);
	}
}
