// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <unistd.h>

#include "lib/text/flavour.h"

#define PAGE_16K	(16L << 10)

const char *debian_flavour(const char *machine)
{
	if (!strcmp(machine, "x86_64"))
		return "-amd64";
	if (!strcmp(machine, "aarch64"))
		return sysconf(_SC_PAGESIZE) == PAGE_16K ? "-arm64-16k" : "-arm64";
	return "";
}
