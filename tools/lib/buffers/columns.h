/* SPDX-License-Identifier: GPL-2.0-only */
/* Structures that several verbs print, as columns of a table. */
#ifndef COLUMNS_H
#define COLUMNS_H

#include <dmabuf_revoke.h>

#include "lib/text/table.h"

/* To be added to a table before its first row, for table_phases(). */
extern const struct column phase_columns[];
/* Leaves the cells empty if there was no revoke. */
void table_phases(struct table *table, const struct dmabuf_revoke_phases *phases);

/* Likewise, for table_pending(). */
extern const struct column pending_columns[];
void table_pending(struct table *table, const struct dmabuf_revoke_pending *pending);

/* Likewise, for table_policies(): DMABUF_REVOKE_ALLOC_*. */
extern const struct column policy_columns[];
void table_policies(struct table *table, uint32_t alloc_flags);

#endif
