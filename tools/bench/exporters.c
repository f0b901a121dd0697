// SPDX-License-Identifier: GPL-2.0-only
/* What the bench compares. */
#include "bench/bench.h"

const struct bench_exporter bench_exporters[BENCH_EXPORTERS] = {
	[BENCH_OURS] = {
		.name = "ours",
		.refuses = "raise limit_mb of dmabuf_revoke_exporter",
	},
	[BENCH_HEAP] = {
		.name = "system heap",
		.foreign = &foreign_heap,
	},
	[BENCH_UDMABUF] = {
		.name = "udmabuf",
		.refuses = "raise size_limit_mb of udmabuf",
		.foreign = &foreign_udmabuf,
	},
	[BENCH_VGEM] = {
		.name = "vgem",
		.foreign = &foreign_vgem,
	},
};
