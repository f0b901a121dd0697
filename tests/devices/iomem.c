// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation fails once: mapping I/O memory, of which the module in bar/ is the exporter. */
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "bar/uapi.h"
#include "failnth.h"
#include "function.h"

static int att = -1;

static int bar_open(void)
{
	char *const words[] = { "modprobe", "-q", "dbr_bar", NULL };
	pid_t child;

	if (access(BAR_PATH, F_OK)) {
		succeeds(-posix_spawnp(&child, words[0], NULL, NULL, words,
				       environ));
		waitpid(child, NULL, 0);
	}
	if (access(BAR_PATH, F_OK))
		skip("no %s: build and load the module of tests/devices/bar",
		     BAR_PATH);
	return succeeds(dr_open(BAR_PATH));
}

/* Two runs of I/O memory: memory is between them. */
static void begin(void)
{
	struct bar_export what = {
		.count = 3,
		.pieces = { { BAR_IO, 0 }, { BAR_MEMORY, 0 }, { BAR_IO, 2 } },
	};
	int bar = bar_open();
	int dmabuf;

	memcpy(what.function, function, sizeof(what.function));
	dmabuf = succeeds(sys(ioctl(bar, BAR_IOC_EXPORT, &what)));
	att = attach(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	close(dmabuf);
	close(bar);
}

static long call_map(void)
{
	return dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);
}

static void end(void)
{
	close(att);
}

CASE(iomem, failnth_importer)
{
	function_offer();
	fails_at_every_point("MAP_IO", begin, call_map, end);
}
