// SPDX-License-Identifier: GPL-2.0-only
/* This project's exporter, which does all that the words ask for; and, if asked, wrongly. */
#include <fcntl.h>
#include <getopt.h>

#include "tools/lib/devices/ioctls.h"
#include "../names.h"
#include "../protocol.h"

#define FAULT(name) { #name, DMABUF_REVOKE_FAULT_##name }

static const struct bug bugs[] = {
	FAULT(WEAK_FENCE_WAIT),
	FAULT(NO_FENCE_WAIT),
	FAULT(NO_UNMAP_WAIT),
	FAULT(NO_TELL),
	FAULT(TELL_TWICE),
	FAULT(NO_ZAP),
	FAULT(LATE_MAP),
	FAULT(HOLD_LOCK),
	FAULT(SLOW_MAP),
	FAULT(FAIL_PIN),
	FAULT(FAIL_MAP),
	FAULT(MOVE_NO_COPY),
	FAULT(MOVE_PINNED),
	FAULT(NO_LEGACY_TEST),
	FAULT(KEEP_MEMORY),
	FAULT(BIG_SEGMENTS),
	FAULT(ONE_MAP),
	FAULT(SYNC_EARLY),
	FAULT(LATE_REFUSAL),
	FAULT(TELL_IN_PIN),
	FAULT(TELL_IN_MAP),
	FAULT(TELL_ON_RESTORE),
	FAULT(FAIL_ATTACH),
	FAULT(FAIL_VMAP),
	FAULT(FAIL_MMAP),
	FAULT(FAIL_CPU_ACCESS),
	FAULT(HOLD_IN_MAP),
	FAULT(HOLD_AFTER_TELL),
	FAULT(NO_VMAP_OP),
	FAULT(NO_MMAP_OP),
	FAULT(NO_PIN_OP),
	{}
};

static const struct option options[] = {
	{ "accept-legacy", no_argument, NULL, 'a' },
	{ "delay", required_argument, NULL, 'D' },
	{ "faults", required_argument, NULL, 'f' },
	{ "length", required_argument, NULL, 'l' },
	{}
};

static int exporter = -1;
static struct dmabuf_revoke_alloc new = {
	.length = 1024 * 1024,
	.fd_flags = O_RDWR | O_CLOEXEC,
};

static uint64_t id;

static int ours_export(int *dmabuf)
{
	int ret;

	exporter = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	if (exporter < 0)
		return exporter;
	ret = dr_alloc_as(exporter, &new);
	if (ret)
		return ret;
	id = new.id;
	*dmabuf = new.fd;
	return 0;
}

static int ours_revoke(void)
{
	return dr_revoke(exporter, id, DMABUF_REVOKE_FOREVER, NULL);
}

static int ours_suspend(void)
{
	return dr_suspend(exporter, id, DMABUF_REVOKE_FOREVER, NULL);
}

static int ours_restore(void)
{
	return dr_restore(exporter, id, DMABUF_REVOKE_FOREVER);
}

static int ours_move(void)
{
	return dr_move(exporter, id, DMABUF_REVOKE_FOREVER);
}

/* Its owner dies. */
static int ours_remove(void)
{
	int error = close(exporter) ? -errno : 0;

	exporter = -1;
	return error;
}

static void ours_release(void)
{
	close(exporter);
}

static bool parse(int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'a':
			new.flags |= DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY;
			break;
		case 'D':
			new.delay_ns = strtoull(optarg, NULL, 0) * 1000000;
			break;
		case 'f':
			if (!add_bug(bugs, optarg, &new.faults))
				return false;
			break;
		case 'l':
			new.length = strtoull(optarg, NULL, 0);
			break;
		default:
			return false;
		}
	}
	/* What follows the first one. */
	while (optind < argc)
		if (!add_bug(bugs, argv[optind++], &new.faults))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	if (!parse(argc, argv)) {
		fprintf(stderr,
			"Usage: ours [--accept-legacy] [--length BYTES] [--delay MS] [--faults NAME...]\n");
		return STATUS_USAGE;
	}
	return run_exporter(&(struct exporter){
		.export = ours_export,
		.revoke = ours_revoke,
		.suspend = ours_suspend,
		.restore = ours_restore,
		.move = ours_move,
		.remove = ours_remove,
		.release = ours_release,
	}, "modprobe dmabuf_revoke_exporter");
}
