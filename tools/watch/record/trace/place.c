// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <tracefs.h>

#include "lib/text/flavour.h"
#include "lib/text/message.h"
#include "watch/record/trace/place.h"

#define PLACE		"/sys/kernel/tracing"
#define LOCKDOWN	"/sys/kernel/security/lockdown"
#define PROBES		"kprobe_events"
#define KPROBES		"/sys/kernel/debug/kprobes/enabled"

static const char *const places[] = {
	PLACE, "/sys/kernel/debug/tracing", NULL,
};

static const char *find(void)
{
	const char *const *place;
	struct statfs found;

	for (place = places; *place; place++)
		if (!statfs(*place, &found) && found.f_type == TRACEFS_MAGIC)
			return *place;
	return NULL;
}

/* Whether @word is in the first line of the file. */
static bool says(const char *path, const char *word)
{
	char text[128] = "";
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		*text = '\0';
	fclose(file);
	return strstr(text, word);
}

static int refuse(const char *cause, const char *remedy)
{
	complain("watch: %s: %s", cause, remedy);
	return STATUS_IMPOSSIBLE;
}

static int refused(const char *path, int err)
{
	if (says(LOCKDOWN, "[confidentiality]"))
		return refuse("lockdown in mode confidentiality forbids tracing",
			      "boot with lockdown=integrity, or without");
	if ((err == EACCES || err == EPERM) && geteuid()) {
		complain("watch: %s: not permitted (%s): run as root", path, errno_name(err));
		return STATUS_IMPOSSIBLE;
	}
	explain(ACT_OTHER, err, "watch: %s", path);
	return STATUS_IMPOSSIBLE;
}

/* libtracefs takes the kernel's word size for its own. The head of a page has one. */
static bool has_kernels_words(void)
{
	char line[32];
	char *text = tracefs_instance_file_read(NULL, "events/header_page", NULL);
	const char *word = text ? strstr(text, "commit;") : NULL;
	bool same;

	word = word ? strstr(word, "size:") : NULL;
	snprintf(line, sizeof(line), "size:%zu;", sizeof(long));
	same = !word || !strncmp(word, line, strlen(line));
	free(text);
	return same;
}

/* Returns 0 or an errno. */
static int try_to_write(const char *path)
{
	int file = open(path, O_RDWR | O_APPEND | O_CLOEXEC);

	if (file < 0)
		return errno;
	close(file);
	return 0;
}

int place_find(void)
{
	const char *place = find();
	char path[64];
	int err;

	if (!place)
		return refuse("tracefs is not mounted", "mount -t tracefs none " PLACE);
	snprintf(path, sizeof(path), "%s/trace_clock", place);
	err = try_to_write(path);
	if (err)
		return refused(path, err);
	if (tracefs_set_tracing_dir((char *)place))
		return explain(ACT_OTHER, errno, "watch: %s", place);
	if (!has_kernels_words())
		return refuse("a program of 32 bits does not read the trace of a kernel of 64",
			      "build the command for the kernel's architecture");
	return STATUS_DONE;
}

bool place_has_probes(void)
{
	return tracefs_file_exists(NULL, PROBES);
}

static int refuse_without_probes(void)
{
	struct utsname running;
	char remedy[128];

	uname(&running);
	snprintf(remedy, sizeof(remedy), "boot one that has it, such as Debian's linux-image%s",
		 debian_flavour(running.machine));
	return refuse("this kernel has no CONFIG_KPROBE_EVENTS", remedy);
}

int place_probes(void)
{
	char *path = tracefs_get_tracing_file(PROBES);
	int err = path ? try_to_write(path) : ENOMEM, status = STATUS_DONE;

	if (err == ENOENT)
		status = refuse_without_probes();
	else if (err)
		status = refused(path ? path : PROBES, err);
	/* They could be defined, and would never be hit. */
	else if (says(KPROBES, "0"))
		status = refuse("kprobes are switched off", "echo 1 >" KPROBES);
	tracefs_put_tracing_file(path);
	return status;
}
