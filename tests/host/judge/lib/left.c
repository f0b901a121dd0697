// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the command calls what it makes outside of itself: prints its own name, and which of the
 * arguments are left by a process that is no more.
 */
#include <stdio.h>

#include "lib/process/left.h"

#define PREFIX	"made_"

int main(int argc, char **argv)
{
	char name[64];
	int i;

	left_name(name, sizeof(name), PREFIX);
	printf("%s\n", name);
	for (i = 1; i < argc; i++)
		if (is_left(argv[i], PREFIX))
			printf("%s\n", argv[i]);
	return 0;
}
