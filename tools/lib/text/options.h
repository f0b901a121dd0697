/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of a verb: one table is parsed from and printed as its --help. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"
#include "lib/text/units.h"

struct choice {
	const char *name;	/* NULL ends the array */
	uint32_t value;
};

enum option_type {
	OPTION_FLAG,		/* @value is a bool * */
	OPTION_DURATION,	/* uint64_t *, nanoseconds */
	OPTION_INTEGER,		/* int *, 0 or more */
	OPTION_CHOICE,		/* uint32_t *, one of @choices */
	OPTION_SET,		/* uint32_t *, bits: one or more of @choices, with commas */
	OPTION_TEXT,		/* const char ** */
};

struct option_spec {
	const char *name;	/* without dashes; NULL ends the array */
	enum option_type type;
	void *value;
	const char *metavar;
	const char *help;
	const struct choice *choices;
};

struct arguments {
	int count;
	char **values;
	bool dashes;		/* a "--" was among them */
};

#define OPTION_JSON(variable) \
	{ .name = "json", .type = OPTION_FLAG, .value = &(variable), \
	  .help = "print JSON" }

#define DEFAULT_TIMEOUT_NS (10 * 1000000000ULL)
#define OPTION_TIMEOUT(variable) \
	{ .name = "timeout", .type = OPTION_DURATION, .value = &(variable), \
	  .metavar = "DURATION", .help = "how long to wait: " DURATION_FORMS "; default 10s" }

/*
 * Parse @argv into the variables that @specs point to and leave the rest in
 * @rest. Returns false if the verb is to return *@status at once: help was
 * printed, or a message about what was wrong.
 */
bool options_parse(const struct verb *verb, const struct option_spec *specs,
		   int argc, char **argv, struct arguments *rest, int *status);

/* The name of @value among @choices, or "unknown". */
const char *choice_name(const struct choice *choices, uint32_t value);
/* The names of the bits of @value, with commas; as much as fits. Returns @text. */
char *choice_names(const struct choice *choices, uint32_t value, char *text, size_t size);

#endif
