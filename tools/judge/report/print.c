// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "judge/report/formats.h"
#include "judge/report/groups.h"
#include "judge/report/pictures.h"
#include "judge/report/print.h"
#include "lib/text/message.h"

void heading_find(struct heading *heading)
{
	struct utsname running;

	*heading = (struct heading){ .origin.clock = "monotonic", .version = VERSION };
	if (!uname(&running))
		snprintf(heading->origin.kernel, sizeof(heading->origin.kernel), "%.63s",
			 running.release);
}

/* What is in it stays until there is something to be written. */
static int possible(const char *path)
{
	FILE *out = path ? fopen(path, "ae") : NULL;

	if (!path)
		return STATUS_DONE;
	if (!out)
		return explain(ACT_OTHER, errno, "%s", path);
	fclose(out);
	return STATUS_DONE;
}

int report_possible(const struct run_options *options)
{
	int status = possible(options->junit);

	if (!status)
		status = possible(options->svg);
	return status ? status : possible(options->perfetto);
}

/* After writing; closes it. A file that is not complete is no use. */
static int finish(FILE *out, const char *path)
{
	bool failed = ferror(out);

	if (!fclose(out) && !failed)
		return STATUS_DONE;
	return explain(ACT_OTHER, errno ? errno : EIO, "writing %s", path);
}

static FILE *create(const char *path, int *status)
{
	FILE *out = fopen(path, "we");

	if (!out)
		*status = explain(ACT_OTHER, errno, "%s", path);
	errno = 0;
	return out;
}

static int write_junit(const char *path, const struct judge *judge, const struct heading *heading)
{
	int status = STATUS_DONE;
	FILE *out = path ? create(path, &status) : NULL;

	if (!out)
		return status;
	junit_write(out, judge, heading);
	return finish(out, path);
}

static int write_picture(const char *path, const struct pictures *pictures,
			 void (*write)(FILE *out, const struct pictures *pictures))
{
	int status = STATUS_DONE;
	FILE *out = path ? create(path, &status) : NULL;

	if (!out)
		return status;
	write(out, pictures);
	return finish(out, path);
}

static int write_pictures(const struct run_options *options, struct judge *judge,
			  const struct heading *heading)
{
	struct pictures pictures;
	int svg = STATUS_DONE, perfetto = STATUS_DONE, ret;

	if (!options->svg && !options->perfetto)
		return STATUS_DONE;
	ret = pictures_make(&pictures, &judge->all, &heading->origin);
	if (ret) {
		svg = explain(ACT_OTHER, ret, "making a timeline");
	} else {
		svg = write_picture(options->svg, &pictures, svg_write);
		perfetto = write_picture(options->perfetto, &pictures, tracks_write);
	}
	pictures_free(&pictures);
	return svg ? svg : perfetto;
}

/* Of the terminal; 0: it is none. */
static unsigned int width(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

int report(struct judge *judge, const struct run_options *options)
{
	struct heading heading;
	int junit, pictures;

	heading_find(&heading);
	/* What was found takes minutes to be found again: whatever fails, the rest is written. */
	junit = write_junit(options->junit, judge, &heading);
	pictures = write_pictures(options, judge, &heading);
	if (options->json)
		json_write(stdout, judge, &heading);
	else if (options->ktap)
		ktap_write(stdout, judge, &heading);
	else
		people_write(stdout, judge, width());
	return junit ? junit : pictures ? pictures : verdict_on_all(judge);
}
