// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmabuf-revoke export
 *
 * A descriptor of somebody's buffer: it keeps the dma-buf, but not the memory from
 * being taken back.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "lib/buffers/ids.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/process/handover.h"
#include "lib/process/signals.h"
#include "lib/text/message.h"
#include "lib/text/table.h"

static const struct column columns[] = {
	{ "id", "id", CELL_NUMBER, 0 },
	{ "length", "length", CELL_SIZE, 0 },
	{ "pid", "held by process", CELL_NUMBER, 0 },
	{ "fd", "as descriptor", CELL_NUMBER, 0 },
	{ 0 },
};

static int export(int exp, struct handover *buffer)
{
	struct dmabuf_revoke_query query;
	int ret = dr_export(exp, buffer->id);

	if (ret >= 0) {
		buffer->fd = ret;
		ret = dr_query_fd(exp, buffer->fd, &query);
	}
	if (ret)
		return explain(ACT_EXPORT, ret, "%s %" PRIu64, "export", buffer->id);
	buffer->length = query.length;
	return 0;
}

static int print(const struct handover *buffer, bool json)
{
	struct document *document = document_new(json);
	struct table *table = table_new(document, "buffer", NULL, LAYOUT_RECORD,
					columns);

	table_row(table);
	table_set(table, "id", buffer->id);
	table_set(table, "length", buffer->length);
	table_set(table, "pid", (uint64_t)getpid());
	table_set(table, "fd", (uint64_t)buffer->fd);
	return document_print(document);
}

static int hand_over(struct handover *buffer, char **program, bool json)
{
	sigset_t signals, mask;
	int status, exp;

	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	signals_block(&signals, &mask);
	status = export(exp, buffer);
	close(exp);
	if (status)
		return status;
	if (program)
		return run_program(buffer, program, &signals, &mask);
	status = print(buffer, json);
	if (!status)
		hold_until(buffer, json, &signals);
	return status;
}

int verb_export(const struct verb *verb, int argc, char **argv)
{
	bool json = false;
	const struct option_spec specs[] = { OPTION_JSON(json), { 0 } };
	struct handover buffer = { 0 };
	struct arguments rest;
	char **program;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (!rest.count)
		return usage(verb, WHICH_BUFFER);
	status = parse_program(verb, &rest, json, &program);
	if (!status)
		status = parse_id(verb, rest.values[0], &buffer.id);
	return status ? status : hand_over(&buffer, program, json);
}
