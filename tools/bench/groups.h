/* SPDX-License-Identifier: GPL-2.0-only */
/* The groups of the bench, a file in groups/ each. */
#ifndef BENCH_GROUPS_H
#define BENCH_GROUPS_H

#include <stdint.h>

struct bench;
struct lane;

/* Each returns 0, or a negative errno that ends everything. */
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
