/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What dmabuf-revoke bench measures, and how.
 *
 * A group is a source file that asks one question about cost. It lets lanes run in
 * turns, once each per round, so that whatever drifts meets all of them. A lane is
 * one way to do the thing, and gives one or more figures; of each figure all times
 * are kept, and summed up when the last round has ended.
 *
 * Functions that can fail return 0 or a negative errno, unless said otherwise.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"
#include "lib/devices/foreign.h"
#include "lib/text/table.h"

#define BENCH_LANES	8
#define BENCH_FIGURES	8	/* of a lane */

/* bench/summary.c */

struct summary {
	unsigned int times;	/* repetitions */
	uint64_t min_ns;
	uint64_t median_ns;
	uint64_t p99_ns;
	uint64_t spread_ns;	/* between the first and the third quartile */
};

/* Sorts @ns; @count is 1 or more. */
struct summary bench_summarise(uint64_t *ns, unsigned int count);

/* bench/machine.c */

/* What the times are made of. */
enum bench_time {
	BENCH_REAL,
	BENCH_EMULATED,		/* an emulator's: they differ from run to run */
	BENCH_INSTRUCTIONS,	/* the emulator counts: a nanosecond is an instruction */
};

struct machine {
	char box[192];		/* vendor, product and its version; empty: unknown */
	char cpu[128];
	unsigned int cpus;	/* that are online */
	char hypervisor[16];	/* its signature; empty: none */
	enum bench_time time;
	char clock[64];		/* the kernel's clock source */
	char kernel[128];	/* release */
	char build[128];	/* version: preemption, date */
	char options[1024];	/* of its command line */
	uint64_t memory;	/* bytes */
};

void bench_machine(struct machine *machine);
/* Bytes, by its name in /proc/meminfo; 0 if there is no such line. */
uint64_t bench_meminfo(const char *name);

/* bench/exporters.c: what a user may take dma-bufs from */

enum { BENCH_OURS, BENCH_HEAP, BENCH_UDMABUF, BENCH_VGEM, BENCH_EXPORTERS };
#define BENCH_ALL	((1U << BENCH_EXPORTERS) - 1)
#define BENCH_NO_VGEM	(BENCH_ALL & ~(1U << BENCH_VGEM))

struct bench_exporter {
	const char *name;
	const char *refuses;	/* what to do where it refuses a size; or NULL */
	const struct foreign_exporter *foreign;	/* NULL: ours */
};

extern const struct bench_exporter bench_exporters[BENCH_EXPORTERS];

struct bench_buffer {
	int fd;
	uint64_t id;		/* of one of ours; else 0 */
};

/* bench/report.c */

struct bench;
struct lane;
struct task;

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

/* bench/run.c */

struct bench {
	/* Asked for. */
	bool brief;		/* few values */
	bool json;
	uint64_t budget_ns;	/* how long the lanes of one value may run */
	uint64_t faults;	/* DMABUF_REVOKE_FAULT_* of our buffers */

	struct machine machine;
	int imp;
	int nodes[BENCH_EXPORTERS];	/* [BENCH_OURS]: the exporter; negative: why not */

	/* The report, while it is being written. */
	struct document *document;
	struct table *skipped;
	struct table *figures;
	struct table *memory;
	unsigned int rows;	/* of @figures */
};

/* One way to do a thing. */
struct lane {
	const char *contender;
	const char *parameter;	/* what @value is: "bytes", "attachments", ... */
	uint64_t value;
	const char *const *figures;	/* NULL ends the array */
	/* Once; @ns receives the times of the figures. */
	int (*run)(struct bench *bench, struct lane *lane, uint64_t *ns);

	/* What @run works on. */
	int exporter;
	struct bench_buffer buffer;
	uint64_t length;
	unsigned int attachments;
	uint64_t pages;		/* that the CPU has mapped */
	const struct task *task;	/* of bench/groups/cpus.c */
};

/* Let the lanes run in turns and report them. */
int bench_compete(struct bench *bench, const char *group, struct lane *lanes,
		  unsigned int count);

/* bench/lanes.c */

/*
 * A lane like @model for each exporter in the set @exporters that has @length bytes
 * to give. With @keep each has got its buffer: bench_lanes_end() gives it back.
 */
unsigned int bench_lanes(struct bench *bench, const char *group,
			 const struct lane *model, unsigned int exporters, bool keep,
			 struct lane lanes[BENCH_LANES]);
void bench_lanes_end(struct bench *bench, struct lane *lanes, unsigned int count);

int bench_alloc(struct bench *bench, int exporter, uint64_t length,
		struct bench_buffer *buffer);
/* Returns once the memory is free again: since when, give or take a system call. */
uint64_t bench_free(struct bench *bench, struct bench_buffer *buffer);
/* Whether half of the available memory is enough for @count times @length bytes. */
bool bench_fits(uint64_t length, unsigned int count);
#define BENCH_NO_MEMORY		"more than half of the memory that is available"
/* Room for @count descriptors beside those that any program has; false: no. */
bool bench_want_descriptors(unsigned int count);
#define BENCH_NO_DESCRIPTORS	"too few descriptors: raise ulimit -n"
/* 0 ends either array; the shorter one is for --short. */
const uint64_t *bench_values(const struct bench *bench, const uint64_t *all,
			     const uint64_t *brief);
/* Lanes like @model compete at every size of at most @max bytes; see bench_lanes(). */
int bench_by_size(struct bench *bench, const char *group, const struct lane *model,
		  unsigned int exporters, bool keep, uint64_t max);

/* bench/crowd.c: a buffer of ours with importers that have it mapped */

struct crowd {
	struct bench_buffer buffer;
	unsigned int count;
	int *attachments;
	uint64_t length;
	volatile uint8_t *memory;	/* mapped for the CPU; or NULL */
};

/* @flags: DMABUF_REVOKE_ATTACH_*; @mapped: map it for their devices. */
int bench_crowd_begin(struct bench *bench, struct crowd *crowd, uint64_t length,
		      unsigned int count, uint32_t flags, bool mapped);
/* Map for the CPU and touch the first @pages pages. */
int bench_crowd_touch(struct crowd *crowd, uint64_t pages);
void bench_crowd_end(struct bench *bench, struct crowd *crowd);

/* bench/groups/alloc.c, ...: the groups. 0, or a negative errno that ends everything. */
int bench_group_memory(struct bench *bench);
int bench_group_alloc(struct bench *bench);
int bench_group_attach(struct bench *bench);
int bench_group_mmap(struct bench *bench);
int bench_group_revoke(struct bench *bench);
int bench_group_dma(struct bench *bench);
int bench_group_cpus(struct bench *bench);
int bench_group_many(struct bench *bench);

/* What groups share: once allocate and free, attach and detach, map and unmap. */
int bench_run_alloc(struct bench *bench, struct lane *lane, uint64_t *ns);
int bench_run_attach(struct bench *bench, struct lane *lane, uint64_t *ns);
int bench_run_mmap(struct bench *bench, struct lane *lane, uint64_t *ns);

#endif
