/* SPDX-License-Identifier: GPL-2.0-only */
/* Getting at the devices and at dma-bufs, with an explanation where it fails. */
#ifndef OPEN_H
#define OPEN_H

#include <stdbool.h>

#include "command.h"

/*
 * Open a device of this project whose module speaks our ABI. Returns a descriptor,
 * or -1 after a message, with what to exit with in *@status.
 */
int open_exporter(int *status);
int open_importer(int *status);

/* The environment of a program that alloc runs. */
#define ENVIRONMENT_FD	"DMABUF_REVOKE_FD"
#define ENVIRONMENT_ID	"DMABUF_REVOKE_ID"

/*
 * The dma-buf that --pid @pid and --fd @fd name (-1: not given): a descriptor of
 * that process, of ours, or the one named by DMABUF_REVOKE_FD. Returns a
 * descriptor, or -1 after a message, with what to exit with in *@status.
 */
int open_dmabuf(const struct verb *verb, int pid, int fd, int *status);

#endif
