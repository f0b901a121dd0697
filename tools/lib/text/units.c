// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/text/units.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "K", 1ULL << 10 },
	{ "KiB", 1ULL << 10 },
	{ "M", 1ULL << 20 },
	{ "MiB", 1ULL << 20 },
	{ "G", 1ULL << 30 },
	{ "GiB", 1ULL << 30 },
	{ "T", 1ULL << 40 },
	{ "TiB", 1ULL << 40 },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000ULL },
	{ "min", 60 * 1000000000ULL },
	{ "h", 3600 * 1000000000ULL },
	{ NULL, 0 },
};

/* By hand: strtoull() takes signs, blanks and, if asked, octal. */
static int parse_digits(const char **text, uint64_t *value)
{
	const char *p = *text;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	}
	*text = p;
	*value = n;
	return 0;
}

static int parse_scaled(const char *text, const struct unit *units,
			uint64_t *value)
{
	uint64_t n;
	int ret = parse_digits(&text, &n);

	if (ret)
		return ret;
	for (; units->name; units++) {
		if (strcasecmp(text, units->name))
			continue;
		if (__builtin_mul_overflow(n, units->factor, &n))
			return -ERANGE;
		*value = n;
		return 0;
	}
	return -EINVAL;
}

int parse_size(const char *text, uint64_t *bytes)
{
	uint64_t n;
	int ret = parse_scaled(text, size_units, &n);

	if (ret)
		return ret;
	if (!n)
		return -EINVAL;
	*bytes = n;
	return 0;
}

int parse_duration(const char *text, uint64_t *ns)
{
	uint64_t n;
	int ret;

	if (!strcmp(text, "forever")) {
		*ns = UINT64_MAX;
		return 0;
	}
	if (!strcmp(text, "0")) {
		*ns = 0;
		return 0;
	}
	ret = parse_scaled(text, duration_units, &n);
	if (ret)
		return ret;
	if (n == UINT64_MAX)
		return -ERANGE;
	*ns = n;
	return 0;
}

int parse_number(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t n;
	int ret = parse_digits(&text, &n);

	if (ret)
		return ret;
	if (*text)
		return -EINVAL;
	if (n > max)
		return -ERANGE;
	*value = n;
	return 0;
}

char *format_size(char text[UNITS_TEXT], uint64_t bytes)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", NULL };
	double value = bytes;
	bool exact = true;
	unsigned int unit = 0;

	while (value >= 1024 && names[unit + 1]) {
		exact = exact && !(bytes & ((1ULL << (10 * (unit + 1))) - 1));
		value /= 1024;
		unit++;
	}
	snprintf(text, UNITS_TEXT, "%.*f %s", exact ? 0 : 1, value, names[unit]);
	return text;
}

char *format_duration(char text[UNITS_TEXT], uint64_t ns)
{
	if (ns == UINT64_MAX)
		snprintf(text, UNITS_TEXT, "forever");
	else if (ns < 1000)
		snprintf(text, UNITS_TEXT, "%u ns", (unsigned int)ns);
	else if (ns < 1000000)
		snprintf(text, UNITS_TEXT, "%.1f us", ns / 1e3);
	else if (ns < 1000000000)
		snprintf(text, UNITS_TEXT, "%.1f ms", ns / 1e6);
	else
		snprintf(text, UNITS_TEXT, "%.1f s", ns / 1e9);
	return text;
}
