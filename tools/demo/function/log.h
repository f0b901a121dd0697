/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's log: what it says of a device that an IOMMU has stopped. */
#ifndef DEMO_FUNCTION_LOG_H
#define DEMO_FUNCTION_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on. Returns a descriptor, which poll() takes, or -errno. */
int log_open(void);
/*
 * Whether a line that has come names the PCI function @name, such as 0000:02:00.0, and an
 * address in the page of @address; it is then in @line.
 */
bool log_has_fault(int log, const char *name, uint64_t address, char *line, size_t size);
/* The same for one line. */
bool log_is_fault(const char *line, const char *name, uint64_t address);

#endif
