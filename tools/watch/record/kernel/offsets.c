// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/text/message.h"
#include "lib/text/units.h"
#include "watch/record/kernel/offsets.h"
#include "watch/record/kernel/types.h"

/* No field is farther inside. */
#define MOST	0x10000

#define AGAIN	"make it anew: dmabuf-revoke-offsets >FILE"

struct row {
	const char *structure, *field;
};

/* dmabuf-revoke-offsets has the same: they are read from here. */
static const struct row rows[] = {
	{ "dma_buf", "size" },
	{ "dma_buf", "file" },
	{ "dma_buf", "ops" },
	{ "dma_buf", "exp_name" },
	{ "dma_buf", "resv" },
	{ "dma_buf_ops", "pin" },
	{ "dma_buf_ops", "unpin" },
	{ "dma_buf_ops", "map_dma_buf" },
	{ "dma_buf_ops", "unmap_dma_buf" },
	{ "dma_buf_attachment", "dmabuf" },
	{ "dma_buf_attachment", "dev" },
	{ "dma_buf_attachment", "importer_ops" },
	{ "dma_buf_attach_ops", "callback" },
	{ "dma_fence", "context" },
	{ "dma_fence", "seqno" },
	{ "dma_fence", "error" },
	{ "dma_fence", "flags" },
	{ "dma_fence", "signaled_bit" },
	{ "device", "kobj" },
	{ "kobject", "name" },
	{ "file", "f_inode" },
	{ "file", "f_mapping" },
	{ "file", "private_data" },
	{ "inode", "i_ino" },
	{ "dentry", "d_fsdata" },
};

#define ROWS	((int)(sizeof(rows) / sizeof(*rows)))

_Static_assert(sizeof(rows) / sizeof(*rows) <= OFFSETS_MOST, "struct offsets has room");

/* The callback has been renamed once. And one is no field, but a bit of one. */
static long offset_in_types(const struct types *types, const struct row *row)
{
	long offset;

	if (!strcmp(row->field, "signaled_bit"))
		return types_constant(types, "dma_fence_flag_bits",
				      "DMA_FENCE_FLAG_SIGNALED_BIT");
	if (strcmp(row->field, "callback"))
		return types_offset(types, row->structure, row->field);
	offset = types_offset(types, row->structure, "invalidate_mappings");
	return offset < 0 ? types_offset(types, row->structure, "move_notify") : offset;
}

int offsets_of_types(struct offsets *offsets, const struct types *types)
{
	long offset;
	int i;

	for (i = 0; i < ROWS; i++) {
		offset = offset_in_types(types, &rows[i]);
		if (offset < 0) {
			complain("watch: BTF lacks %s.%s: this release does not know such a kernel",
				 rows[i].structure, rows[i].field);
			return STATUS_IMPOSSIBLE;
		}
		offsets->values[i] = (unsigned int)offset;
	}
	return STATUS_DONE;
}

/* Of "STRUCTURE.FIELD", which @length bytes long; or -1. */
static int find_row(const char *name, size_t length)
{
	char known[64];
	int i;

	for (i = 0; i < ROWS; i++) {
		snprintf(known, sizeof(known), "%s.%s", rows[i].structure, rows[i].field);
		if (strlen(known) == length && !strncmp(known, name, length))
			return i;
	}
	return -1;
}

static int wrong_line(const char *path, unsigned int line, const char *what)
{
	complain("watch: %s, line %u: %s: " AGAIN, path, line, what);
	return STATUS_FAILED;
}

static int check_release(const char *path, unsigned int line, const char *release)
{
	struct utsname running;

	if (uname(&running) || !strcmp(running.release, release))
		return STATUS_DONE;
	complain("watch: %s, line %u: offsets of %s, but %s is running: " AGAIN, path,
		 line, release, running.release);
	return STATUS_FAILED;
}

struct parsing {
	const char *path;
	unsigned int line;
	bool release;
	bool seen[OFFSETS_MOST];
};

/* Rows of a later version are no error. */
static int parse_line(struct parsing *parsing, struct offsets *offsets, const char *name,
		      const char *text)
{
	uint64_t value;
	int row;

	if (!strcmp(name, "release")) {
		parsing->release = true;
		return check_release(parsing->path, parsing->line, text);
	}
	if (parse_number(text, MOST, &value))
		return wrong_line(parsing->path, parsing->line, "no offset");
	row = find_row(name, strlen(name));
	if (row >= 0) {
		offsets->values[row] = (unsigned int)value;
		parsing->seen[row] = true;
	}
	return STATUS_DONE;
}

static int check_whole(const struct parsing *parsing)
{
	int i;

	if (!parsing->release)
		return wrong_line(parsing->path, parsing->line, "the end, and no release");
	for (i = 0; i < ROWS; i++) {
		if (parsing->seen[i])
			continue;
		complain("watch: %s: %s.%s is not in it: " AGAIN, parsing->path,
			 rows[i].structure, rows[i].field);
		return STATUS_FAILED;
	}
	return STATUS_DONE;
}

static int parse_file(FILE *file, struct parsing *parsing, struct offsets *offsets)
{
	char line[256], name[64], text[128], rest[2];
	int status = STATUS_DONE;

	while (!status && fgets(line, sizeof(line), file)) {
		parsing->line++;
		if (*line == '#')
			continue;
		if (sscanf(line, "%63s %127s %1s", name, text, rest) != 2)
			return wrong_line(parsing->path, parsing->line, "not a name and a value");
		status = parse_line(parsing, offsets, name, text);
	}
	return status ? status : check_whole(parsing);
}

int offsets_of_file(struct offsets *offsets, const char *path)
{
	struct parsing parsing = { .path = path };
	FILE *file = fopen(path, "re");
	int status;

	if (!file)
		return explain(ACT_OTHER, errno, "watch: --offsets %s", path);
	status = parse_file(file, &parsing, offsets);
	fclose(file);
	return status;
}

/* Of "A.B+C.D" and a "}"; *@text is moved behind that. False: there is no such row. */
static bool sum_up(const struct offsets *offsets, const char **text, unsigned int *sum)
{
	size_t length;
	int row;

	*sum = 0;
	do {
		length = strcspn(*text, "+}");
		row = find_row(*text, length);
		if (row < 0 || !(*text)[length])
			return false;
		*sum += offsets->values[row];
		*text += length + 1;
	} while ((*text)[-1] == '+');
	return true;
}

bool offsets_expand(const struct offsets *offsets, const char *text, char *to, size_t size)
{
	unsigned int sum;
	size_t used = 0;
	int n;

	while (*text) {
		if (*text == '{') {
			text++;
			if (!sum_up(offsets, &text, &sum))
				return false;
			n = snprintf(to + used, size - used, "%u", sum);
		} else {
			n = snprintf(to + used, size - used, "%c", *text++);
		}
		used += (size_t)n;
		if (used >= size)
			return false;
	}
	to[used] = '\0';
	return true;
}
