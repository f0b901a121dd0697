// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <unistd.h>

#include "lib/buffers/whose.h"
#include "lib/devices/ioctls.h"

enum whose whose_dmabuf(int dmabuf)
{
	enum whose whose = WHOSE_NOBODYS;
	char path[64], line[256], name[256];
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	info = fopen(path, "re");
	if (!info)
		return WHOSE_UNKNOWN;
	while (whose == WHOSE_NOBODYS && fgets(line, sizeof(line), info))
		if (sscanf(line, "exp_name: %255[^\n]", name) == 1)
			whose = whose_name(name);
	fclose(info);
	return whose;
}

uint32_t state_of_dmabuf(int dmabuf)
{
	struct dmabuf_revoke_query query;
	uint32_t state = STATE_UNKNOWN;
	int exp = dr_open(DMABUF_REVOKE_EXPORTER_PATH);

	if (exp < 0)
		return STATE_UNKNOWN;
	if (!dr_query_fd(exp, dmabuf, &query))
		state = query.state;
	close(exp);
	return state;
}
