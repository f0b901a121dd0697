// SPDX-License-Identifier: GPL-2.0-only
/* Programs as text. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define BLANKS "\n "

static const char * const places[PLACE_COUNT] = {
	[PLACE_GOOD] = "good",
	[PLACE_NULL] = "null",
	[PLACE_UNMAPPED] = "unmapped",
	[PLACE_READONLY] = "readonly",
	[PLACE_KERNEL] = "kernel",
	[PLACE_EDGE] = "edge",
};

static void print_value(FILE *out, const struct fuzz_value *value)
{
	if (value->type == V_SLOT)
		fprintf(out, "r%" PRIu64, value->number);
	else if (value->type == V_SHARED)
		fprintf(out, "s%" PRIu64, value->number);
	else if (value->type == V_MS)
		fprintf(out, "%" PRIu64 "ms", value->number);
	else if (value->type == V_NEVER)
		fputs("never", out);
	else if (value->type == V_PLACE)
		fputs(places[value->number], out);
	else if (value->number < 10)
		fprintf(out, "%" PRIu64, value->number);
	else
		fprintf(out, "0x%" PRIx64, value->number);
}

void fuzz_print_line(FILE *out, const struct fuzz_line *line)
{
	const struct fuzz_op *op = &fuzz_ops[line->op];

	if (line->thread)
		fprintf(out, "%u.%u ", line->process, line->thread);
	fputs(op->name, out);
	for (unsigned int i = 0; i < FUZZ_PARAMS; i++) {
		if (op->param[i].kind == P_END)
			break;
		if (line->value[i].type == V_DEFAULT)
			continue;
		fprintf(out, " %s=", op->param[i].name);
		print_value(out, &line->value[i]);
	}
	fputc('\n', out);
}

static bool parse_place(const char *text, struct fuzz_value *value)
{
	for (unsigned int i = 0; i < PLACE_COUNT; i++) {
		if (strcmp(text, places[i]))
			continue;
		*value = (struct fuzz_value){ V_PLACE, i };
		return true;
	}
	return false;
}

static bool parse_value(const char *text, struct fuzz_value *value)
{
	char *end;

	if (!strcmp(text, "never")) {
		*value = (struct fuzz_value){ V_NEVER, 0 };
		return true;
	}
	if (parse_place(text, value))
		return true;
	value->type = *text == 'r' ? V_SLOT : *text == 's' ? V_SHARED : V_NUMBER;
	text += value->type != V_NUMBER;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value->number = strtoull(text, &end, 0);
	if (value->type == V_NUMBER && !strcmp(end, "ms")) {
		value->type = V_MS;
		end += 2;
	}
	if ((value->type == V_SLOT && value->number >= FUZZ_SLOTS) ||
	    (value->type == V_SHARED && value->number >= FUZZ_SHARED))
		return false;
	return !*end && !errno;
}

/* "2.3" at the head of a line: false if there are not so many. */
static bool parse_lane(const char *word, struct fuzz_line *line)
{
	unsigned int process, thread;
	int n = 0;

	if (sscanf(word, "%u.%u%n", &process, &thread, &n) != 2 || word[n] ||
	    !process || process > FUZZ_PROCESSES || !thread || thread > FUZZ_THREADS)
		return false;
	line->process = process;
	line->thread = thread;
	return true;
}

const char *fuzz_parse_line(const char *text, struct fuzz_line *line)
{
	char copy[1024], *rest = copy, *word;
	int op;

	if (strlen(text) >= sizeof(copy))
		return "it is too long";
	memcpy(copy, text, strlen(text) + 1);
	word = strtok_r(rest, BLANKS, &rest);
	*line = (struct fuzz_line){};
	if (word && *word >= '0' && *word <= '9') {
		if (!parse_lane(word, line))
			return "no such thread";
		word = strtok_r(rest, BLANKS, &rest);
	}
	op = word ? fuzz_find_op(word) : -1;
	if (op < 0)
		return "no such operation";
	line->op = op;
	while ((word = strtok_r(rest, BLANKS, &rest))) {
		char *value = strchr(word, '=');
		int i;

		if (!value)
			return "NAME=VALUE expected";
		*value++ = 0;
		i = fuzz_find_param(&fuzz_ops[op], word);
		if (i < 0)
			return "no such parameter";
		if (!parse_value(value, &line->value[i]))
			return "not a value";
	}
	return NULL;
}

/* Says what is wrong. */
bool fuzz_load(FILE *in, struct fuzz_program *program)
{
	size_t room = 0, size = 0;
	unsigned int number = 0;
	char *text = NULL;
	bool ok = true;

	while (ok && getline(&text, &size, in) >= 0) {
		const char *wrong;

		number++;
		if (!text[strspn(text, BLANKS)] || *text == '#')
			continue;
		if (program->count == room) {
			room = 2 * room + 64;
			program->lines = reallocarray(program->lines, room,
						      sizeof(*program->lines));
			if (!program->lines)
				abort();
		}
		wrong = fuzz_parse_line(text, &program->lines[program->count]);
		if (wrong)
			fprintf(stderr, "fuzz: line %u: %s\n", number, wrong);
		ok = !wrong;
		program->lines[program->count++].number = number;
	}
	free(text);
	return ok;
}
