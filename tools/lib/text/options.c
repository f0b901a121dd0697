// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/text/message.h"
#include "lib/text/options.h"
#include "lib/text/units.h"

#define MAX_OPTIONS 32
#define OPTION_HELP MAX_OPTIONS

const char *choice_name(const struct choice *choices, uint32_t value)
{
	for (; choices->name; choices++)
		if (choices->value == value)
			return choices->name;
	return "unknown";
}

char *choice_names(const struct choice *choices, uint32_t value, char *text, size_t size)
{
	const char *separator = "";
	size_t length = 0;

	*text = 0;
	for (; choices->name && length < size; choices++) {
		if (!(choices->value & value))
			continue;
		length += snprintf(text + length, size - length, "%s%s", separator,
				   choices->name);
		separator = ",";
	}
	return text;
}

static void print_choices(FILE *out, const struct choice *choices)
{
	const char *separator = "";

	for (; choices->name; choices++) {
		fprintf(out, "%s%s", separator, choices->name);
		separator = ", ";
	}
}

static void print_help(const struct verb *verb, const struct option_spec *specs)
{
	char left[40];

	printf("Usage: dmabuf-revoke %s [OPTION]...%s%s\n\n%s.\n", verb->name,
	       *verb->arguments ? " " : "", verb->arguments, verb->summary);
	if (verb->details)
		printf("\n%s\n", verb->details);
	printf("\nOptions:\n");
	for (; specs->name; specs++) {
		snprintf(left, sizeof(left), "--%s%s%s", specs->name,
			 specs->metavar ? " " : "",
			 specs->metavar ? specs->metavar : "");
		printf("  %-20s %s", left, specs->help);
		if (specs->choices) {
			printf(": ");
			print_choices(stdout, specs->choices);
		}
		putchar('\n');
	}
	printf("  %-20s print this\n", "--help");
}

static int wrong_choice(const struct verb *verb, const struct option_spec *spec,
			const char *text)
{
	char known[512] = "";
	FILE *out = fmemopen(known, sizeof(known), "w");

	if (out) {
		print_choices(out, spec->choices);
		fclose(out);
	}
	return usage(verb, "--%s: '%s' is none of: %s", spec->name, text, known);
}

static int set_choice(const struct verb *verb, const struct option_spec *spec,
		      const char *text)
{
	const struct choice *choice;

	for (choice = spec->choices; choice->name; choice++) {
		if (strcmp(choice->name, text))
			continue;
		*(uint32_t *)spec->value = choice->value;
		return 0;
	}
	return wrong_choice(verb, spec, text);
}

static int set_set(const struct verb *verb, const struct option_spec *spec,
		   const char *text)
{
	struct option_spec one = *spec;
	uint32_t value, all = 0;
	char name[32];
	size_t length;
	int ret;

	one.value = &value;
	do {
		length = strcspn(text, ",");
		snprintf(name, sizeof(name), "%.*s", (int)length, text);
		ret = set_choice(verb, &one, name);
		if (ret)
			return ret;
		all |= value;
		text += length;
	} while (*text++);
	*(uint32_t *)spec->value = all;
	return 0;
}

static int set_duration(const struct verb *verb, const struct option_spec *spec,
			const char *text)
{
	int ret = parse_duration(text, spec->value);

	if (ret == -ERANGE)
		return usage(verb, "--%s: '%s' is too long; at most 584 years, or forever",
			     spec->name, text);
	if (ret)
		return usage(verb, "--%s: '%s' is not a duration; write it as %s",
			     spec->name, text, DURATION_FORMS);
	return 0;
}

static int set_integer(const struct verb *verb, const struct option_spec *spec,
		       const char *text)
{
	uint64_t number;

	if (parse_number(text, INT_MAX, &number))
		return usage(verb, "--%s: '%s' is not a number from 0 to %d",
			     spec->name, text, INT_MAX);
	*(int *)spec->value = (int)number;
	return 0;
}

static int set_option(const struct verb *verb, const struct option_spec *spec,
		      const char *text)
{
	switch (spec->type) {
	case OPTION_FLAG:
		*(bool *)spec->value = true;
		return 0;
	case OPTION_DURATION:
		return set_duration(verb, spec, text);
	case OPTION_INTEGER:
		return set_integer(verb, spec, text);
	case OPTION_CHOICE:
		return set_choice(verb, spec, text);
	case OPTION_SET:
		return set_set(verb, spec, text);
	case OPTION_TEXT:
		*(const char **)spec->value = text;
		return 0;
	}
	return STATUS_USAGE;
}

/* @last is what getopt_long() passed last: not so for short options. */
static int wrong_option(const struct verb *verb, const char *last)
{
	if (!strncmp(last, "--", 2))
		return usage(verb, "unknown option '%s'", last);
	return usage(verb, "unknown option '-%c'", optopt);
}

static void to_getopt(const struct option_spec *specs, struct option *options)
{
	int i;

	for (i = 0; specs[i].name && i < MAX_OPTIONS; i++)
		options[i] = (struct option){
			.name = specs[i].name,
			.has_arg = specs[i].type == OPTION_FLAG ?
				   no_argument : required_argument,
			.val = i,
		};
	options[i++] = (struct option){ "help", no_argument, NULL, OPTION_HELP };
	options[i] = (struct option){ 0 };
}

bool options_parse(const struct verb *verb, const struct option_spec *specs,
		   int argc, char **argv, struct arguments *rest, int *status)
{
	struct option options[MAX_OPTIONS + 2];
	int c;

	to_getopt(specs, options);
	*status = STATUS_DONE;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h' || c == OPTION_HELP) {
			print_help(verb, specs);
			return false;
		}
		if (c == ':')
			*status = usage(verb, "%s needs a value", argv[optind - 1]);
		else if (c == '?')
			*status = wrong_option(verb, argv[optind - 1]);
		else
			*status = set_option(verb, &specs[c], optarg);
		if (*status)
			return false;
	}
	rest->count = argc - optind;
	rest->values = argv + optind;
	rest->dashes = !strcmp(argv[optind - 1], "--");
	return true;
}
