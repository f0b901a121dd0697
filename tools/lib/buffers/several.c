// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/buffers/blockers.h"
#include "lib/buffers/ids.h"
#include "lib/buffers/several.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

static int parse_ids(struct several *several, const struct verb *verb,
		     const struct arguments *rest)
{
	int i, status;

	if (!rest->count)
		return usage(verb, WHICH_BUFFER ", or --all");
	several->targets = calloc((size_t)rest->count, sizeof(*several->targets));
	if (!several->targets)
		return explain(ACT_OTHER, ENOMEM, "%s", verb->name);
	for (i = 0; i < rest->count; i++) {
		status = parse_id(verb, rest->values[i], &several->targets[i].id);
		if (status)
			return status;
	}
	several->count = rest->count;
	return 0;
}

static int find_all(struct several *several)
{
	struct dmabuf_revoke_query query;
	uint32_t count, i;
	uint64_t *ids;
	int ret = read_ids(several->exp, &ids, &count);

	if (!ret) {
		several->targets = calloc(count + 1, sizeof(*several->targets));
		if (!several->targets)
			ret = -ENOMEM;
	}
	for (i = 0; !ret && i < count; i++)
		if (!dr_query(several->exp, ids[i], &query) &&
		    (!several->concerns || several->concerns(query.state)))
			several->targets[several->count++].id = ids[i];
	free(ids);
	return ret;
}

/* Opens the exporter and finds the targets. Returns an enum status, after a message. */
static int begin(struct several *several, const struct verb *verb,
		 const struct arguments *rest)
{
	int status = 0, ret;

	if (several->all && rest->count)
		return usage(verb, "give ids or --all, not both");
	if (!several->all)
		status = parse_ids(several, verb, rest);
	if (status)
		return status;
	several->exp = open_exporter(&status);
	if (several->exp < 0)
		return status;
	if (!several->all)
		return 0;
	if (geteuid())
		complain("%s: the buffers of others are shown to root only", verb->name);
	ret = find_all(several);
	return ret ? explain(ACT_LIST, ret, "%s", verb->name) : 0;
}

/* What went away meanwhile, of its own accord, is no failure of --all. */
static void forget_gone(struct several *several)
{
	unsigned int i, kept = 0;

	for (i = 0; several->all && i < several->count; i++)
		if (several->targets[i].err != -ENOENT)
			several->targets[kept++] = several->targets[i];
	if (several->all)
		several->count = kept;
}

/* What to do about what is still in use. */
static const char *remedy(const struct dmabuf_revoke_pending *pending)
{
	if (pending->legacy_maps || pending->vmaps)
		return "legacy importers are not revocable: end their programs";
	if (pending->fences)
		return "DMA is still going on: take a longer --timeout";
	return "importers have not unmapped yet: end their programs";
}

static void complain_of_late(const struct several *several, const struct verb *verb,
			     const struct target *target)
{
	const struct dmabuf_revoke_pending *pending = &target->result.pending;
	char text[PENDING_TEXT];

	complain("%s %" PRIu64 ": timed out (ETIMEDOUT): %s: %s; %s, then %s again",
		 verb->name, target->id, pending_text(text, pending), several->late,
		 remedy(pending), verb->name);
}

/* Returns an enum status, without a message. */
static int run(struct several *several)
{
	/* Of all of them, so that the last one does not get what the first has left. */
	uint64_t deadline_ns = several->timeout_ns ? dr_deadline(several->timeout_ns) : 0;
	int status = STATUS_DONE;
	unsigned int i;

	for (i = 0; i < several->count; i++)
		several->targets[i].err = several->call(several->exp,
							&several->targets[i], 0);
	for (i = 0; deadline_ns && i < several->count; i++)
		if (several->targets[i].err == -ETIMEDOUT)
			several->targets[i].err = several->call(several->exp,
								&several->targets[i],
								deadline_ns);
	forget_gone(several);
	for (i = 0; i < several->count; i++)
		if (several->targets[i].err)
			status = STATUS_FAILED;
	return status;
}

void several_blockers(const struct several *several, struct document *document)
{
	struct table *table = several->json ? blockers_new(document) : NULL;
	unsigned int i;

	for (i = 0; i < several->count; i++) {
		if (several->targets[i].err != -ETIMEDOUT)
			continue;
		if (!table)
			table = blockers_new(document);
		/* If it is gone now, nothing holds it up. */
		blockers_add(table, several->exp, several->targets[i].id);
	}
}

/* A message for each that failed. */
static void complain_of_all(const struct several *several, const struct verb *verb)
{
	unsigned int i;

	for (i = 0; i < several->count; i++) {
		const struct target *target = &several->targets[i];

		if (target->err == -ETIMEDOUT)
			complain_of_late(several, verb, target);
		else if (target->err)
			explain(several->act, target->err, "%s %" PRIu64, verb->name,
				target->id);
	}
}

static void end(struct several *several)
{
	unsigned int i;

	for (i = 0; i < several->count; i++)
		free(several->targets[i].offsets);
	free(several->targets);
	if (several->exp >= 0)
		close(several->exp);
}

int several_verb(struct several *several, const struct verb *verb,
		 const struct option_spec *specs, int argc, char **argv)
{
	struct arguments rest;
	int status, printed;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	several->exp = -1;
	status = begin(several, verb, &rest);
	if (!status) {
		status = run(several);
		printed = several->print(several);
		complain_of_all(several, verb);
		status = status ? status : printed;
	}
	end(several);
	return status;
}
