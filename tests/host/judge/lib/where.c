// SPDX-License-Identifier: GPL-2.0-only
/* Whether the judge takes a process group for busy in the kernel: where GROUP. */
#include <stdio.h>
#include <stdlib.h>

#include "judge/importer/where.h"

int main(int argc, char **argv)
{
	printf("%d\n", argc > 1 && where_is_busy(atoi(argv[1])));
	return 0;
}
