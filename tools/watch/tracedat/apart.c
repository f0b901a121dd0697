// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/text/message.h"
#include "watch/tracedat/apart.h"
#include "watch/tracedat/entries.h"

/* For a list that is full an emulated machine takes a tenth of it. */
#define LONGEST_S	600

/* What the process ends with after a message; anything else is not of our doing. */
#define HAS_SAID	99

static bool is_small(int32_t value)
{
	return value >= -LINES_MOST && value <= LINES_MOST;
}

/* What no call returns, and nobody writes into a recording. */
static bool has_garbage(const struct watch_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!is_small(list->events[i].result) || !is_small(list->events[i].usage))
			return true;
	return false;
}

static _Noreturn void be_reader(int file, const char *name, int to)
{
	const struct rlimit limit = { LONGEST_S, LONGEST_S }, none = { 0, 0 };
	const struct watch_origin origin = { "", "trace-cmd's" };
	struct watch_list list = { 0 };
	FILE *out = fdopen(to, "w");

	setrlimit(RLIMIT_CPU, &limit);
	setrlimit(RLIMIT_CORE, &none);
	if (!out) {
		explain(ACT_OTHER, errno, "watch: %s", name);
		_exit(HAS_SAID);
	}
	if (entries_read(file, name, &list))
		_exit(HAS_SAID);
	if (has_garbage(&list)) {
		complain("watch: %s is broken: something is neither an errno nor a usage", name);
		_exit(HAS_SAID);
	}
	lines_write(out, &origin, &list);
	if (fflush(out)) {
		explain(ACT_OTHER, errno, "watch: %s", name);
		_exit(HAS_SAID);
	}
	_exit(0);
}

/* Returns an enum status. */
static int await(pid_t pid, const char *name)
{
	int state;

	if (pid < 0 || waitpid(pid, &state, 0) != pid)
		return explain(ACT_OTHER, errno, "watch: %s", name);
	if (WIFEXITED(state) && !WEXITSTATUS(state))
		return STATUS_DONE;
	if (!WIFEXITED(state) || WEXITSTATUS(state) != HAS_SAID)
		complain("watch: %s is broken: the library that reads a trace.dat has given up",
			 name);
	return STATUS_FAILED;
}

int tracedat_read(FILE *in, const char *name, struct watch_origin *origin,
		  struct watch_list *list)
{
	int file = fileno(in), to, status;
	FILE *lines;
	pid_t pid;

	if (!entries_can(name))
		return STATUS_FAILED;
	if (lseek(file, 0, SEEK_SET)) {
		complain("watch: %s is a trace.dat, and a pipe: give the name of a file", name);
		return STATUS_FAILED;
	}
	to = memfd_create("lines", MFD_CLOEXEC);
	lines = to < 0 ? NULL : fdopen(to, "r");
	if (!lines)
		return explain(ACT_OTHER, errno, "watch: %s", name);
	fflush(stdout);
	pid = fork();
	if (!pid)
		be_reader(file, name, to);
	status = await(pid, name);
	rewind(lines);
	if (!status)
		status = lines_read(lines, name, origin, list);
	fclose(lines);
	return status;
}
