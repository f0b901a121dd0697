// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "judge/seen/kernel_log.h"

int kernel_log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log < 0)
		return -errno;
	lseek(log, 0, SEEK_END);
	return log;
}

/* Of our own modules: what they say of deliberate bugs, and of a revoke that waits. */
static int is_ours(const char *text)
{
	return !strncmp(text, "dmabuf_revoke_", strlen("dmabuf_revoke_"));
}

static bool has_one(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strstr(text, *words))
			return true;
	return false;
}

/* What says whose line it is, and what is a complaint in it. */
static bool has_pair(const char *text)
{
	static const char *const pairs[][2] = {
		{ "arm-smmu", ": event" }, { "arm-smmu", "Unhandled context fault" },
		{ "virtio_iommu", "fault from EP" }, { "DMAR: [DMA", "fault addr" },
		{ "DMAR:", "ERROR: DMA PTE" }, { "DMA-API:", "device driver" },
		{ "DMA-API:", "mapping sg segment" }, { "DMA-API:", "overlapping mappings" },
	};
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (strstr(text, pairs[i][0]) && strstr(text, pairs[i][1]))
			return true;
	return false;
}

/* "BUG kmalloc-64 (Not tainted): Poison overwritten" */
static bool is_of_slub(const char *text)
{
	return !strncmp(text, "BUG ", 4) && (strstr(text, " (Not tainted): ") ||
					     (strstr(text, " (Tainted: ") && strstr(text, "): ")));
}

bool kernel_log_is_undated(const char *text)
{
	static const char *const words[] = { "new suspected memory leaks", NULL };

	return !strncmp(text, "kmemleak: ", strlen("kmemleak: ")) && has_one(text, words);
}

/*
 * A report is several lines; its first one has one of these in it. "Internal error:" is what arm64
 * calls what ends a process, such as an access to a BAR that is switched off. The log gate of the
 * tests knows the same (tests/host/judge/test_log.py).
 */
static bool is_complaint(const char *text)
{
	static const char *const words[] = {
		"WARNING:", "BUG:", "Oops", "UBSAN:", "general protection fault", "INFO: task ",
		"possible circular locking", "refcount_t:", "AMD-Vi: Event", "rcu: INFO",
		"kernel BUG at", "list_add corruption", "list_del corruption", "sleeping function",
		"Internal error:", "Unable to handle kernel", "Kernel panic - not syncing",
		"detected hard LOCKUP",
		NULL,
	};

	return (has_one(text, words) || has_pair(text) || is_of_slub(text) ||
		kernel_log_is_undated(text)) && !is_ours(text);
}

bool kernel_log_is_stall(const char *text)
{
	static const char *const words[] = {
		"soft lockup", "detected hard LOCKUP", "rcu: INFO", "INFO: task ", NULL,
	};

	return has_one(text, words);
}

/* "PRIORITY,...;text": what programs write there has a facility of its own. */
static int is_of_kernel(const char *record)
{
	return strtoul(record, NULL, 10) < 8;
}

int kernel_log_read(int log, void (*line)(void *context, const char *text), void *context)
{
	int lost = 0;

	for (;;) {
		char record[8192], *text;
		ssize_t length = read(log, record, sizeof(record) - 1);

		/* Some were overwritten before they were read, or one is too long. */
		if (length < 0 && (errno == EPIPE || errno == EINVAL)) {
			lost = 1;
			continue;
		}
		if (length <= 0)
			return lost;
		record[length] = 0;
		text = strchr(record, ';');
		if (!text)
			continue;
		text++;
		text[strcspn(text, "\n")] = 0;
		if (line && is_of_kernel(record) && is_complaint(text))
			line(context, text);
	}
}
