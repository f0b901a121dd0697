/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the command prints, as tables for people or as one JSON document, from
 * the same cells (libsmartcols).
 *
 * A document is a list of named tables. In JSON it is an object with a member
 * for each: an object for a record (one row), an array for rows. Running out of
 * memory is remembered and reported by document_print().
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stdint.h>

enum cell_type {
	CELL_TEXT,
	CELL_NUMBER,
	CELL_BOOL,		/* JSON has no null for it */
	CELL_HEX,		/* JSON: a number */
	CELL_SIZE,		/* bytes in JSON */
	CELL_DURATION,		/* ns in JSON */
	CELL_BAR,		/* text for people only */
};

struct column {
	const char *key;	/* of the JSON member; NULL ends the array */
	const char *head;	/* for people; NULL: for programs only */
	enum cell_type type;
	unsigned int width;	/* for people: at least so many characters */
};

enum layout {
	LAYOUT_ROWS,
	LAYOUT_RECORD,
};

struct document;
struct table;

struct document *document_new(bool json);
bool document_is_json(const struct document *document);
/* Consumes @document. Returns an enum status; says what went wrong. */
int document_print(struct document *document);
/* Not printed after all. */
void document_free(struct document *document);

/*
 * A new table at the end of @document, which owns it. @title is a line above it
 * for people, or NULL. @columns need not outlive the call.
 */
struct table *table_new(struct document *document, const char *name,
			const char *title, enum layout layout,
			const struct column *columns);
/* More columns, before the first row. */
void table_extend(struct table *table, const struct column *columns);
/* The cells set from now on are those of a new row; they are empty (JSON: null). */
void table_row(struct table *table);
void table_text(struct table *table, const char *key, const char *text);
void table_set(struct table *table, const char *key, uint64_t value);

/*
 * Print row @row at once, for people, with the heads above the first one. Such a
 * table is not printed again with the document.
 */
void table_print_row(struct table *table, unsigned int row);

#endif
