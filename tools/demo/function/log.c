// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo/function/log.h"

/* Longer than any record: see Documentation/ABI/testing/dev-kmsg. */
#define RECORD		8192
/* What an IOMMU maps is no smaller. */
#define PAGE_BITS 12

int log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log < 0)
		return -errno;
	lseek(log, 0, SEEK_END);
	return log;
}

/*
 * Every IOMMU has words of its own, and some leave out the domain of the function or the
 * offset in the page:
 *
 *	DMAR: [DMA Write NO_PASID] Request device [02:00.0] fault addr 0xffffe000 ...
 *	pci 0000:02:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000e address=0xffffe008 ...
 */
bool log_is_fault(const char *line, const char *name, uint64_t address)
{
	const char *colon = strchr(name, ':');
	const char *number = line;

	if (!strstr(line, colon ? colon + 1 : name))
		return false;
	while ((number = strstr(number, "0x"))) {
		char *end;

		if (strtoull(number, &end, 16) >> PAGE_BITS == address >> PAGE_BITS)
			return true;
		number = end;
	}
	return false;
}

bool log_has_fault(int log, const char *name, uint64_t address, char *line, size_t size)
{
	char record[RECORD];
	ssize_t length;

	/* EPIPE: what had come was overwritten before it was read. */
	while ((length = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		char *text;

		if (length < 0)
			continue;
		record[length] = '\0';
		/* "priority,sequence,time,flags;text\n KEY=value\n" */
		text = strchr(record, ';');
		if (!text)
			continue;
		text++;
		text[strcspn(text, "\n")] = '\0';
		if (!log_is_fault(text, name, address))
			continue;
		snprintf(line, size, "%s", text);
		return true;
	}
	return false;
}
