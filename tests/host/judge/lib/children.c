// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the judge leaves to a process of its own, which may hang there: children act|look. An ioctl,
 * or poll(), of a dma-buf is made up here. Prints how it was called.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "judge/importer/contents.h"
#include "judge/importer/stage.h"
#include "judge/seen/pulse.h"

#define SECOND	1000000000ULL

static pid_t judging;
static int dmabuf, holder, recorded;

int __wrap_own_record_take(struct own_record *record, struct watch_list *out)
{
	(void)record;
	(void)out;
	return 0;
}

size_t __wrap_own_record_descriptors(const struct own_record *record, const int **descriptors)
{
	(void)record;
	*descriptors = &recorded;
	return 1;
}

static bool is_open(int file)
{
	return fcntl(file, F_GETFD) >= 0;
}

/* What it says is what the act returns. */
int __wrap_ioctl(int file, unsigned long request, ...)
{
	(void)file;
	(void)request;
	errno = getpid() == judging ? EDEADLK : is_open(holder) ? EBUSY :
		is_open(recorded) ? ETXTBSY : ENOTTY;
	return -1;
}

/* Hangs, as where somebody holds the lock. */
int __wrap_poll(struct pollfd *files, nfds_t count, int timeout)
{
	const struct timespec most = { timeout / 1000, timeout % 1000 * 1000000L };

	if (files->fd != dmabuf)
		return ppoll(files, count, &most, NULL);
	if (getpid() == judging) {
		puts("the judge polls");
		return 0;
	}
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	struct importer_subject subject = { 0 };
	struct judge judge = { .subject = &subject, .exporter = -1, .signals = -1 };
	const struct scenario scenario = { .name = "s", .clauses = "" };
	struct trial trial = { .judge = &judge, .scenario = &scenario, .round = 1, .inode = 7 };
	struct stage stage = { .trial = &trial, .exporter = -1 };
	size_t i;

	for (i = 0; i < LIMITS; i++)
		judge.limits.ns[i] = SECOND;
	judging = getpid();
	dmabuf = open("/dev/null", O_RDWR);
	holder = open("/dev/null", O_RDWR);
	recorded = open("/dev/null", O_RDWR);
	stage.dmabuf = dmabuf;
	stage.holder = holder;
	if (pulse_start())
		return 1;
	if (argc > 1 && !strcmp(argv[1], "act")) {
		stage_begin_revoke(&stage);
		puts(strerror(-stage.ret));
	} else {
		puts(contents_write(&stage) ? "written" : "not written");
	}
	printf("stuck %d\n", judge.stuck);
	pulse_stop();
	findings_free(&judge.findings);
	return 0;
}
