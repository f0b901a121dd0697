// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke move */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "lib/buffers/ids.h"
#include "lib/buffers/shape.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/options.h"
#include "lib/text/table.h"
#include "lib/text/units.h"

static const struct column columns[] = {
	{ "id", "id", CELL_NUMBER, 0 },
	{ "moves", "moves so far", CELL_NUMBER, 0 },
	{ "move", "this one", CELL_NUMBER, 0 },
	{ "copied", "contents copied", CELL_BOOL, 0 },
	{ 0 },
};

struct move {
	uint64_t id;
	uint64_t number;	/* 0: it has not begun */
	uint64_t timeout_ns;
	__u32 shape;
	__u64 shape_arg;
};

/* Begins it, unless it has begun, and waits. */
static int begin(int exp, struct move *move, uint64_t deadline_ns)
{
	struct dmabuf_revoke_move arg = {
		.id = move->id,
		.deadline_ns = deadline_ns,
		.moves = move->number,
		.shape = move->shape,
		.shape_arg = move->shape_arg,
	};
	int ret = dr_move_as(exp, &arg);

	move->number = arg.moves;
	return ret;
}

static int print(const struct move *move, const struct dmabuf_revoke_query *query,
		 bool copied, bool json)
{
	struct document *document = document_new(json);
	struct table *table = table_new(document, "move", NULL, LAYOUT_RECORD, columns);

	table_row(table);
	table_set(table, "id", move->id);
	table_set(table, "moves", query->moves);
	table_set(table, "move", move->number);
	table_set(table, "copied", copied);
	return document_print(document);
}

static int timed_out(const struct move *move)
{
	complain("move %" PRIu64 ": timed out (ETIMEDOUT): fences are pending: %s %" PRIu64,
		 move->id, "the move goes on; to wait for it, give --resume", move->number);
	return STATUS_FAILED;
}

static int run(struct move *move, bool json)
{
	struct dmabuf_revoke_query query = { 0 };
	uint64_t deadline_ns;
	int status, exp, ret;

	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	deadline_ns = move->timeout_ns ? dr_deadline(move->timeout_ns) : 0;
	do {
		ret = begin(exp, move, deadline_ns);
	} while (ret == -EINTR && move->number);
	if (!ret || ret == -ETIMEDOUT)
		dr_query(exp, move->id, &query);
	close(exp);
	if (ret && ret != -ETIMEDOUT)
		return explain(move->shape ? ACT_RESHAPE : ACT_MOVE, ret,
			       "move %" PRIu64, move->id);
	status = print(move, &query, !ret, json);
	return ret ? timed_out(move) : status;
}

int verb_move(const struct verb *verb, int argc, char **argv)
{
	struct move move = { .timeout_ns = DEFAULT_TIMEOUT_NS };
	struct shape shape = SHAPE_DEFAULT;
	bool json = false;
	int resume = -1;
	const struct option_spec specs[] = {
		{ "resume", OPTION_INTEGER, &resume, "N",
		  "move nothing: wait for this move, the Nth", NULL },
		OPTION_ONE_CHUNK(shape),
		OPTION_SHUFFLE(shape),
		OPTION_TIMEOUT(move.timeout_ns),
		OPTION_JSON(json),
		{ 0 },
	};
	struct arguments rest;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (!rest.count)
		return usage(verb, WHICH_BUFFER);
	if (rest.count > 1)
		return usage(verb, "unexpected argument '%s'", rest.values[1]);
	if (!resume)
		return usage(verb, "moves are counted from 1");
	if (resume > 0)
		move.number = (uint64_t)resume;
	status = parse_shape(verb, &shape, 0, &move.shape, &move.shape_arg);
	if (!status)
		status = parse_id(verb, rest.values[0], &move.id);
	return status ? status : run(&move, json);
}
