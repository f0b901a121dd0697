// SPDX-License-Identifier: GPL-2.0-only
/*
 * This project's importer, of any kind; and, if asked, badly behaved. Use is a DMA job that writes
 * to the whole buffer; with --stream it repeats that until it is invalidated, and then maps anew.
 */
#include <fcntl.h>
#include <getopt.h>

#include "tools/lib/devices/ioctls.h"
#include "../names.h"
#include "../protocol.h"

#define MISBEHAVE(name) { #name, DMABUF_REVOKE_MISBEHAVE_##name }

#define MSEC		1000000ULL
/* In which a job has to end; the first one, for which the judge may wait, has longer. */
#define PATIENCE	(10000 * MSEC)
#define PATIENCE_FIRST	(60000 * MSEC)
/* For which a stream is looked at, before the next word may come. */
#define LOOK		(20 * MSEC)

static const struct bug bugs[] = {
	MISBEHAVE(IGNORE),
	MISBEHAVE(NO_UNMAP),
	MISBEHAVE(LATE_UNMAP),
	MISBEHAVE(SLOW_CALLBACK),
	MISBEHAVE(LATE_FENCE),
	MISBEHAVE(STUCK_FENCE),
	MISBEHAVE(FENCE_ERROR),
	MISBEHAVE(FENCE_AFTER),
	MISBEHAVE(NEW_DMA),
	MISBEHAVE(REMAP),
	MISBEHAVE(DMA_AFTER_UNMAP),
	MISBEHAVE(KEEP_PIN),
	MISBEHAVE(REVIVE),
	MISBEHAVE(DOUBLE_UNPIN),
	MISBEHAVE(SKIP_KERNEL_FENCE),
	MISBEHAVE(KERNEL_FENCE),
	MISBEHAVE(WRONG_RANGE),
	MISBEHAVE(ONE_SEGMENT),
	MISBEHAVE(CLEAR_ONLY),
	MISBEHAVE(LOOP_ON_ERROR),
	MISBEHAVE(FENCE_OUTLIVES),
	MISBEHAVE(STALE),
	{}
};

static const char *const kinds[] = {
	[DMABUF_REVOKE_KIND_DYNAMIC] = "dynamic",
	[DMABUF_REVOKE_KIND_PINNED] = "pinned",
	[DMABUF_REVOKE_KIND_LEGACY_STATIC] = "static",
	[DMABUF_REVOKE_KIND_LEGACY_RDMA] = "rdma",
	NULL
};

static const struct option options[] = {
	{ "defer", no_argument, NULL, 'd' },
	{ "delay", required_argument, NULL, 'D' },
	{ "kind", required_argument, NULL, 'k' },
	{ "misbehave", required_argument, NULL, 'm' },
	{ "stream", no_argument, NULL, 's' },
	{}
};

static struct dmabuf_revoke_attach wanted;
static int importer, attachment = -1;
static bool stream;
static uint64_t running;	/* number of the job that has not been collected; 0: none */
static uint64_t patience = PATIENCE_FIRST;

static int import(int dmabuf)
{
	int ret;

	wanted.dmabuf_fd = dmabuf;
	wanted.fd_flags = O_CLOEXEC;
	ret = dr_attach_as(importer, &wanted);
	if (!ret)
		attachment = wanted.fd;
	return ret;
}

static int submit(void)
{
	struct dmabuf_revoke_submit job = {
		.flags = stream ? DMABUF_REVOKE_SUBMIT_STREAM : 0,
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = wanted.length,
		.pattern = 0x0123456789abcdef,
	};
	const char *range = getenv("DMABUF_REVOKE_RANGE");
	int ret;

	if (range)
		sscanf(range, "%llu:%llu", &job.offset, &job.length);
	ret = dr_submit(attachment, &job);
	running = ret ? 0 : job.job;
	return ret;
}

/* The job's own error, or ETIMEDOUT. */
static int collect(uint64_t ns)
{
	struct dmabuf_revoke_wait result;
	int ret = dr_wait(attachment, running, dr_deadline(ns), &result);

	if (ret)
		return ret;
	running = 0;
	return result.status;
}

/* A job that an invalidation has cut off before it began. */
static bool is_lost(int error)
{
	return error == -ECANCELED;
}

/* Goes on with the stream, or begins a new one. */
static int go_on(void)
{
	int error = running ? collect(LOOK) : 0;

	if (running)
		return error == -ETIMEDOUT ? 0 : error;
	return error && !is_lost(error) ? error : submit();
}

static int use(void)
{
	int error;

	if (stream)
		return go_on();
	do {
		error = running ? 0 : submit();
		if (!error)
			error = collect(patience);
	} while (is_lost(error));
	patience = PATIENCE;
	return error;
}

static void release(void)
{
	close(attachment);
	close(importer);
}

static bool find_kind(const char *name)
{
	for (uint32_t i = 0; kinds[i]; i++)
		if (!strcmp(kinds[i], name)) {
			wanted.kind = i;
			return true;
		}
	return false;
}

static bool take(int option)
{
	switch (option) {
	case 'd':
		wanted.flags |= DMABUF_REVOKE_ATTACH_DEFER_UNMAP;
		return true;
	case 'D':
		wanted.delay_ns = strtoull(optarg, NULL, 0) * MSEC;
		return true;
	case 'k':
		return find_kind(optarg);
	case 'm':
		return add_bug(bugs, optarg, &wanted.misbehave);
	case 's':
		stream = true;
		return true;
	default:
		return false;
	}
}

static bool parse(int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take(option))
			return false;
	/* What follows the first one. */
	while (optind < argc)
		if (!add_bug(bugs, argv[optind++], &wanted.misbehave))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	if (!parse(argc, argv)) {
		fprintf(stderr,
			"Usage: ours [--kind dynamic|pinned|static|rdma] [--defer] [--stream]\n"
			"            [--delay MS] [--misbehave NAME...]\n");
		return STATUS_USAGE;
	}
	importer = dr_open(DMABUF_REVOKE_IMPORTER_PATH);
	if (importer < 0) {
		fprintf(stderr, "no importer: modprobe dmabuf_revoke_importer\n");
		return STATUS_MISSING;
	}
	return run_importer(&(struct importer){ import, use, release, stream });
}
