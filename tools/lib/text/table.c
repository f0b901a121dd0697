// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>

#include "lib/text/message.h"
#include "lib/text/table.h"
#include "lib/text/units.h"

#define MAX_COLUMNS 32

struct table {
	struct document *document;
	struct libscols_table *cells;
	struct libscols_line *row;
	enum layout layout;
	bool live;		/* rows are printed as they come */
	char *title;
	size_t columns;
	struct column column[MAX_COLUMNS];
	struct table *next;
};

struct document {
	bool json;
	int error;		/* the first one, negative */
	struct table *tables;
};

static void document_note(struct document *document, int ret)
{
	if (ret < 0 && !document->error)
		document->error = ret;
}

struct document *document_new(bool json)
{
	struct document *document = calloc(1, sizeof(*document));

	if (!document) {
		explain(ACT_OTHER, ENOMEM, "preparing the output");
		exit(STATUS_FAILED);
	}
	document->json = json;
	return document;
}

bool document_is_json(const struct document *document)
{
	return document->json;
}

void document_free(struct document *document)
{
	struct table *table, *next;

	for (table = document->tables; table; table = next) {
		next = table->next;
		scols_unref_table(table->cells);
		free(table->title);
		free(table);
	}
	free(document);
}

static int json_type(enum cell_type type)
{
	switch (type) {
	case CELL_NUMBER:
	case CELL_HEX:
	case CELL_SIZE:
	case CELL_DURATION:
		return SCOLS_JSON_NUMBER;
	case CELL_BOOL:
		return SCOLS_JSON_BOOLEAN;
	case CELL_TEXT:
	case CELL_BAR:
		break;
	}
	return SCOLS_JSON_STRING;
}

static int add_column(struct table *table, const struct column *column)
{
	bool json = table->document->json;
	struct libscols_column *added;
	int flags = 0;

	if (json ? column->type == CELL_BAR : !column->head)
		flags = SCOLS_FL_HIDDEN;
	else if (json_type(column->type) == SCOLS_JSON_NUMBER)
		flags = SCOLS_FL_RIGHT;
	added = scols_table_new_column(table->cells,
				       json || !column->head ? column->key :
				       column->head,
				       column->width, flags);
	if (!added)
		return -ENOMEM;
	return scols_column_set_json_type(added, json_type(column->type));
}

void table_extend(struct table *table, const struct column *columns)
{
	for (; table && columns->key; columns++) {
		if (table->columns == MAX_COLUMNS)
			document_note(table->document, -E2BIG);
		else
			document_note(table->document, add_column(table, columns));
		if (table->document->error)
			return;
		table->column[table->columns++] = *columns;
	}
}

static int fill_table(struct table *table, const char *name, const char *title)
{
	table->cells = scols_new_table();
	if (!table->cells || scols_table_set_name(table->cells, name))
		return -ENOMEM;
	table->title = title ? strdup(title) : NULL;
	if (title && !table->title)
		return -ENOMEM;
	scols_table_enable_json(table->cells, table->document->json);
	/* A line too long for the terminal is better than one cut off. */
	scols_table_set_termforce(table->cells, SCOLS_TERMFORCE_NEVER);
	return 0;
}

struct table *table_new(struct document *document, const char *name,
			const char *title, enum layout layout,
			const struct column *columns)
{
	struct table *table = calloc(1, sizeof(*table));
	struct table **end = &document->tables;

	if (!table) {
		document_note(document, -ENOMEM);
		return NULL;
	}
	table->document = document;
	table->layout = layout;
	document_note(document, fill_table(table, name, title));
	if (!document->error)
		table_extend(table, columns);
	while (*end)
		end = &(*end)->next;
	*end = table;
	return table;
}

void table_row(struct table *table)
{
	if (!table || table->document->error)
		return;
	table->row = scols_table_new_line(table->cells, NULL);
	if (!table->row)
		document_note(table->document, -ENOMEM);
}

static const struct column *find_column(const struct table *table,
					const char *key, size_t *index)
{
	for (*index = 0; *index < table->columns; (*index)++)
		if (!strcmp(table->column[*index].key, key))
			return &table->column[*index];
	return NULL;
}

void table_text(struct table *table, const char *key, const char *text)
{
	size_t index;

	if (!table || table->document->error)
		return;
	if (!find_column(table, key, &index))
		document_note(table->document, -EINVAL);
	else
		document_note(table->document,
			      scols_line_set_data(table->row, index, text));
}

static void format_cell(char text[UNITS_TEXT], enum cell_type type, bool json,
			uint64_t value)
{
	if (type == CELL_BOOL)
		snprintf(text, UNITS_TEXT, "%s",
			 json ? (value ? "1" : "0") : (value ? "yes" : "no"));
	else if (type == CELL_SIZE && !json)
		format_size(text, value);
	else if (type == CELL_DURATION && !json)
		format_duration(text, value);
	else if (type == CELL_HEX && !json)
		snprintf(text, UNITS_TEXT, "%08" PRIx64, value);
	else
		snprintf(text, UNITS_TEXT, "%" PRIu64, value);
}

void table_set(struct table *table, const char *key, uint64_t value)
{
	const struct column *column;
	char text[UNITS_TEXT];
	size_t index;

	if (!table || table->document->error)
		return;
	column = find_column(table, key, &index);
	if (!column) {
		document_note(table->document, -EINVAL);
		return;
	}
	format_cell(text, column->type, table->document->json, value);
	table_text(table, key, text);
}

/* The only row of "NAME": [ {...} ], without the brackets. */
static bool unwrap_record(char *member)
{
	char *array = strchr(member, '[');
	char *row = strchr(member, '{');
	char *end = strrchr(member, '}');

	if (!array || !row || !end)
		return false;
	end[1] = '\0';
	memmove(array, row, strlen(row) + 1);
	return true;
}

/* A JSON document of smartcols is { "NAME": [ ... ] }; this is what is inside. */
static char *json_member(struct table *table, char **all)
{
	char *member, *end;

	if (!scols_table_get_nlines(table->cells)) {
		if (asprintf(all, "\n   \"%s\": []",
			     scols_table_get_name(table->cells)) < 0)
			*all = NULL;
		return *all;
	}
	if (scols_print_table_to_string(table->cells, all))
		return NULL;
	member = strchr(*all, '{');
	end = strrchr(*all, '}');
	if (!member++ || member > end)
		return NULL;
	while (end > member && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	if (table->layout == LAYOUT_RECORD && !unwrap_record(member))
		return NULL;
	return member;
}

static void print_json(struct document *document)
{
	const char *separator = "";
	struct table *table;

	putchar('{');
	for (table = document->tables; table; table = table->next) {
		char *all = NULL;
		char *member = json_member(table, &all);

		if (member)
			printf("%s%s", separator, member);
		else
			document_note(document, -ENOMEM);
		free(all);
		separator = ",";
	}
	printf("\n}\n");
}

/* For people a record is a list of names and values. */
static int print_record(struct table *table)
{
	struct libscols_line *row = scols_table_get_line(table->cells, 0);
	struct libscols_table *list = scols_new_table();
	size_t i;
	int ret = -ENOMEM;

	if (!list || !scols_table_new_column(list, "NAME", 0, 0) ||
	    !scols_table_new_column(list, "VALUE", 0, 0))
		goto out;
	scols_table_enable_noheadings(list, 1);
	for (i = 0; i < table->columns; i++) {
		struct libscols_cell *cell = scols_line_get_cell(row, i);
		const char *text = scols_cell_get_data(cell);
		struct libscols_line *line;

		if (!table->column[i].head || !text)
			continue;
		line = scols_table_new_line(list, NULL);
		if (!line || scols_line_set_data(line, 0, table->column[i].head) ||
		    scols_line_set_data(line, 1, text))
			goto out;
	}
	ret = scols_print_table(list);
out:
	scols_unref_table(list);
	return ret;
}

static void print_text(struct document *document)
{
	struct table *table;
	int ret;

	for (table = document->tables; table; table = table->next) {
		if (table != document->tables)
			putchar('\n');
		if (table->live)
			continue;
		if (table->title)
			puts(table->title);
		if (table->layout == LAYOUT_RECORD)
			ret = print_record(table);
		else
			ret = scols_print_table(table->cells);
		document_note(document, ret);
	}
}

int document_print(struct document *document)
{
	int ret = 0;

	if (!document->error && document->json)
		print_json(document);
	else if (!document->error)
		print_text(document);
	if (document->error)
		ret = explain(ACT_OTHER, document->error, "printing the output");
	document_free(document);
	fflush(stdout);
	return ret;
}

void table_print_row(struct table *table, unsigned int row)
{
	struct libscols_line *line = scols_table_get_line(table->cells, row);

	if (table->document->error || !line)
		return;
	table->live = true;
	scols_table_print_range(table->cells, line, line);
	putchar('\n');
	fflush(stdout);
}
