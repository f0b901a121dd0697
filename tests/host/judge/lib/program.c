// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the judge does with a program: program WHAT PROGRAM...
 *
 *   sweep        it has ended: prints whether what it has started is gone
 *   stop         it has said "done 0", and does not end: prints whether it is gone
 *   descriptors  it has sent some with a line: prints how many of them we have
 *   crowded      no descriptor is left for its output: prints what has become of stdin
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "judge/program/partner.h"
#include "lib/devices/ioctls.h"

#define SECOND	1000000000ULL

static int descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(all))
		count++;
	closedir(all);
	return count;
}

static void sweep(struct partner *partner)
{
	partner_has_ended(partner, dr_deadline(30 * SECOND));
	partner_stop(partner, 1, dr_deadline(30 * SECOND));
	printf("gone %d\n", partners_sweep(dr_deadline(30 * SECOND)));
}

static void stop(struct partner *partner)
{
	char line[PARTNER_LINE];

	partner_hear(partner, line, dr_deadline(30 * SECOND));
	printf("%s, gone %d\n", line, partner_stop(partner, 1, dr_deadline(5 * SECOND)));
	/* Whatever was said. */
	partners_sweep(dr_deadline(30 * SECOND));
}

static void count(struct partner *partner)
{
	char line[PARTNER_LINE];
	int before = descriptors();

	partner_hear(partner, line, dr_deadline(30 * SECOND));
	printf("%s: %d\n", line, descriptors() - before);
	partner_stop(partner, 1, dr_deadline(30 * SECOND));
}

static void crowd(struct partner *partner, char **words, const struct partner_options *options)
{
	struct rlimit before, none;

	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	partner_start(partner, words, options);
	partner_stop(partner, 1, dr_deadline(SECOND));
	setrlimit(RLIMIT_NOFILE, &before);
	printf("stdin %s\n", fcntl(STDIN_FILENO, F_GETFD) < 0 ? "closed" : "open");
}

int main(int argc, char **argv)
{
	const sigset_t none = { 0 };
	const struct partner_options options = { .dmabuf = -1, .mask = &none };
	struct partner partner;

	if (argc < 3)
		return 2;
	partners_adopt();
	if (!strcmp(argv[1], "crowded")) {
		crowd(&partner, argv + 2, &options);
		return 0;
	}
	if (partner_start(&partner, argv + 2, &options))
		return 1;
	if (!strcmp(argv[1], "sweep"))
		sweep(&partner);
	else if (!strcmp(argv[1], "stop"))
		stop(&partner);
	else
		count(&partner);
	return 0;
}
