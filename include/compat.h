/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that knows kernels other than the newest one.
 *
 * Both modules are written for the interfaces of Linux 7.3. Whatever an older
 * kernel names or does differently is brought to that form here, so that no
 * version or feature test is needed anywhere else.
 */
#ifndef DMABUF_REVOKE_COMPAT_H
#define DMABUF_REVOKE_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#error "dmabuf-revoke: this release needs Linux 7.3 or later"
#endif

#endif /* DMABUF_REVOKE_COMPAT_H */
