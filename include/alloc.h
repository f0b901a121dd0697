/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How both modules allocate: charged to the caller's memory control group. Where that, or
 * the system, has no more, the call fails; no OOM killer is called.
 */
#ifndef DMABUF_REVOKE_ALLOC_H
#define DMABUF_REVOKE_ALLOC_H

#include <linux/gfp.h>

#define GFP_CALLER	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

#endif /* DMABUF_REVOKE_ALLOC_H */
