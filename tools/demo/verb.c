// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke demo */
#include <limits.h>
#include <unistd.h>

#include "demo/judge.h"
#include "demo/observed.h"
#include "demo/picture/report.h"
#include "demo/run.h"
#include "lib/text/message.h"
#include "lib/text/names.h"
#include "lib/text/options.h"
#include "lib/text/units.h"

#define DEFAULT_DURATION_NS	(20 * 1000000ULL)
#define DEFAULT_LIMIT_NS	(30 * 1000000000ULL)
/* Of SUBMIT. */
#define MAX_DURATION_NS		(3600 * 1000000000ULL)

/* The demo's own executable, by name, for people to recognise. */
static const char *own_path(char path[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (length < 0)
		return "/proc/self/exe";
	path[length] = '\0';
	/* Deleted or replaced while running: the link still leads to it. */
	return access(path, R_OK) ? "/proc/self/exe" : path;
}

static int run(struct demo *demo, bool json)
{
	struct demo_verdict verdict;
	int status = demo_run(demo);

	if (status)
		return status;
	demo_judge(demo, &verdict);
	status = demo_report(demo, &verdict, json);
	if (!status && verdict.failed) {
		complain("demo: %u of %u checks failed", verdict.failed, verdict.count);
		status = STATUS_FAILED;
	}
	return status;
}

int verb_demo(const struct verb *verb, int argc, char **argv)
{
	struct demo demo = {
		.duration_ns = DEFAULT_DURATION_NS,
		.limit_ns = DEFAULT_LIMIT_NS,
	};
	bool json = false;
	const struct option_spec specs[] = {
		{ "accept-legacy", OPTION_FLAG, &demo.accept_legacy, NULL,
		  "let legacy importers in: they hold up the revoke until they detach", NULL },
		{ "duration", OPTION_DURATION, &demo.duration_ns, "DURATION",
		  "a DMA pass lasts at least so long; default 20ms", NULL },
		{ "limit", OPTION_DURATION, &demo.limit_ns, "DURATION",
		  "end after so long, whatever has not happened; default 30s", NULL },
		{ "device", OPTION_TEXT, &demo.function.name, "NAME",
		  "then by this PCI function, which goes on: see dmabuf-revoke info", NULL },
		{ "engine", OPTION_CHOICE, &demo.function.engine, "ENGINE",
		  "what does its DMA", engine_choices },
		OPTION_JSON(json),
		{ 0 },
	};
	char path[PATH_MAX];
	struct arguments rest;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (rest.count > 1)
		return usage(verb, "unexpected argument '%s'", rest.values[1]);
	if (demo.duration_ns > MAX_DURATION_NS)
		return usage(verb, "--duration: at most 1h");
	if (demo.function.engine && !demo.function.name)
		return usage(verb, "--engine is that of --device");
	if (demo.function.engine == DMABUF_REVOKE_ENGINE_NONE)
		return usage(verb, "--engine none does no DMA");
	demo.path = rest.count ? rest.values[0] : own_path(path);
	return run(&demo, json);
}
