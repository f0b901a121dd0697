/* SPDX-License-Identifier: GPL-2.0-only */
/* One verb for several buffers: begin with all of them, then wait for all together. */
#ifndef SEVERAL_H
#define SEVERAL_H

#include <stdbool.h>
#include <stdint.h>

#include <dmabuf_revoke.h>

#include "lib/text/causes.h"
#include "lib/text/options.h"
#include "lib/text/table.h"

struct target {
	uint64_t id;
	int err;		/* of the last call, negative */
	/* As @call leaves them. */
	struct dmabuf_revoke_revoke result;
	struct dmabuf_revoke_query query;
	struct dmabuf_revoke_free freed;
	uint64_t *offsets;	/* of FREE; freed at the end */
};

struct several {
	/* Of the verb: */
	enum act act;
	const char *late;	/* what becomes of one that timed out */
	/* Whether --all means a buffer in this state; NULL: always. */
	bool (*concerns)(uint32_t state);
	/* Returns 0 or a negative errno, -ETIMEDOUT if it is to be called once more. */
	int (*call)(int exp, struct target *target, uint64_t deadline_ns);
	/* What has become of them. Returns an enum status. */
	int (*print)(const struct several *several);

	/* Of the command line: */
	bool all;
	bool json;
	uint64_t timeout_ns;

	int exp;
	struct target *targets;
	unsigned int count;
};

/* All of the verb. Returns an enum status. */
int several_verb(struct several *several, const struct verb *verb,
		 const struct option_spec *specs, int argc, char **argv);

/* A table of what holds up those that are late; in JSON an empty one, if none is. */
void several_blockers(const struct several *several, struct document *document);

#define OPTION_ALL(variable) \
	{ .name = "all", .type = OPTION_FLAG, .value = &(variable), \
	  .help = "all buffers that the caller may name" }

#endif
