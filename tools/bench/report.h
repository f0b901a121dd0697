/* SPDX-License-Identifier: GPL-2.0-only */
/* What was measured and what was not, for people or as JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdint.h>

struct bench;
struct document;
struct lane;
struct summary;

struct document *bench_report_begin(struct bench *bench);
/* What was not measured; @format: why. */
void bench_report_skipped(struct bench *bench, const char *group,
			  const char *contender, const char *parameter,
			  uint64_t value, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
void bench_report_figure(struct bench *bench, const char *group,
			 const struct lane *lane, const char *figure,
			 const struct summary *summary);
void bench_report_memory(struct bench *bench, const char *object,
			 const char *contender, unsigned int objects,
			 uint64_t bytes);

#endif
