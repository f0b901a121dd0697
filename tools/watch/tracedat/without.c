// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>

#include "lib/text/message.h"
#include "watch/tracedat/entries.h"

bool entries_can(const char *name)
{
	complain("watch: %s is a trace.dat of trace-cmd: %s", name,
		 "this command was built without libtracecmd, which reads them");
	return false;
}

int entries_read(int file, const char *name, struct watch_list *list)
{
	(void)file;
	(void)name;
	(void)list;
	return STATUS_FAILED;
}
