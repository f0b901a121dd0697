// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke blockers */
#include <inttypes.h>
#include <unistd.h>

#include "lib/buffers/blockers.h"
#include "lib/buffers/ids.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/options.h"

static int print(uint64_t id, bool json)
{
	struct document *document;
	int status, exp, ret;

	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	document = document_new(json);
	ret = blockers_add(blockers_new(document), exp, id);
	close(exp);
	if (!ret)
		return document_print(document);
	document_free(document);
	return explain(ACT_BLOCKERS, ret, "blockers %" PRIu64, id);
}

int verb_blockers(const struct verb *verb, int argc, char **argv)
{
	bool json = false;
	const struct option_spec specs[] = { OPTION_JSON(json), { 0 } };
	struct arguments rest;
	int status;
	uint64_t id;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (!rest.count)
		return usage(verb, WHICH_BUFFER);
	if (rest.count > 1)
		return usage(verb, "unexpected argument '%s'", rest.values[1]);
	status = parse_id(verb, rest.values[0], &id);
	return status ? status : print(id, json);
}
