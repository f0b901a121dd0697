// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "watch/record/kernel/types.h"

#define PLACE	"/sys/kernel/btf"
#define KERNEL	"vmlinux"

struct types {
	struct btf *kernel;
};

struct types *types_open(void)
{
	struct types *types = calloc(1, sizeof(*types));

	if (!types)
		return NULL;
	/* What went wrong is said by whoever calls. */
	libbpf_set_print(NULL);
	types->kernel = btf__parse_raw(PLACE "/" KERNEL);
	if (!types->kernel) {
		free(types);
		return NULL;
	}
	return types;
}

bool types_there(void)
{
	return !access(PLACE "/" KERNEL, R_OK);
}

void types_free(struct types *types)
{
	if (types)
		btf__free(types->kernel);
	free(types);
}

static const char *name_of(const struct btf *btf, const struct btf_type *type)
{
	return btf__name_by_offset(btf, type->name_off);
}

/* Without what says nothing of where things are. */
static const struct btf_type *bare(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type)))
		type = btf__type_by_id(btf, type->type);
	return type;
}

/* In bits; also of fields of a structure or union without a name. -1: none. */
static long find_field(const struct btf *btf, const struct btf_type *structure,
		       const char *field)
{
	const struct btf_member *member = btf_members(structure);
	const struct btf_type *inner;
	const char *name;
	long offset;
	__u32 i;

	for (i = 0; i < btf_vlen(structure); i++, member++) {
		offset = btf_member_bit_offset(structure, i);
		name = btf__name_by_offset(btf, member->name_off);
		if (!strcmp(name, field))
			return offset;
		inner = *name ? NULL : bare(btf, member->type);
		if (inner && btf_is_composite(inner)) {
			long inside = find_field(btf, inner, field);

			if (inside >= 0)
				return offset + inside;
		}
	}
	return -1;
}

long types_offset(const struct types *types, const char *structure, const char *field)
{
	__s32 id = btf__find_by_name_kind(types->kernel, structure, BTF_KIND_STRUCT);
	long bits;

	if (id < 0)
		return -1;
	bits = find_field(types->kernel, btf__type_by_id(types->kernel, (__u32)id), field);
	return bits < 0 ? -1 : bits / 8;
}

long types_constant(const struct types *types, const char *enumeration, const char *name)
{
	__s32 id = btf__find_by_name_kind(types->kernel, enumeration, BTF_KIND_ENUM);
	const struct btf_type *type;
	__u32 i;

	if (id < 0)
		return -1;
	type = btf__type_by_id(types->kernel, (__u32)id);
	for (i = 0; i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(types->kernel, btf_enum(type)[i].name_off), name))
			return btf_enum(type)[i].val;
	return -1;
}

static bool is_void(const struct btf *btf, __u32 id)
{
	(void)btf;
	return !id;
}

static bool is_int(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = bare(btf, id);

	return type && btf_is_int(type) && !strcmp(name_of(btf, type), "int");
}

static bool points_to(const struct btf *btf, __u32 id, const char *structure)
{
	const struct btf_type *type = bare(btf, id);

	if (!type || !btf_is_ptr(type))
		return false;
	type = bare(btf, type->type);
	return type && btf_is_struct(type) && !strcmp(name_of(btf, type), structure);
}

static bool is_attachment(const struct btf *btf, __u32 id)
{
	return points_to(btf, id, "dma_buf_attachment");
}

static bool is_table(const struct btf *btf, __u32 id)
{
	return points_to(btf, id, "sg_table");
}

static bool is_direction(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = bare(btf, id);

	return type && btf_is_any_enum(type) &&
	       !strcmp(name_of(btf, type), "dma_data_direction");
}

typedef bool (*is_type)(const struct btf *btf, __u32 id);

static const struct {
	is_type returns;
	unsigned int count;
	is_type arguments[3];
} signatures[] = {
	[SIGNATURE_TOLD] = { is_void, 1, { is_attachment } },
	[SIGNATURE_PIN] = { is_int, 1, { is_attachment } },
	[SIGNATURE_MAP] = { is_table, 2, { is_attachment, is_direction } },
	[SIGNATURE_UNMAP] = { is_void, 3, { is_attachment, is_table, is_direction } },
};

#define SIGNATURES (sizeof(signatures) / sizeof(*signatures))

static bool fits(const struct btf *btf, const struct btf_type *proto, unsigned int which)
{
	const struct btf_param *argument = btf_params(proto);
	unsigned int i;

	if (btf_vlen(proto) != signatures[which].count)
		return false;
	for (i = 0; i < signatures[which].count; i++)
		if (!signatures[which].arguments[i](btf, argument[i].type))
			return false;
	return signatures[which].returns(btf, proto->type);
}

/* The core's own are probed by name. */
static void look_at(const struct btf *btf, const struct btf_type *function,
		    const char *module, types_found found, void *context)
{
	const struct btf_type *proto = btf__type_by_id(btf, function->type);
	const char *name = name_of(btf, function);
	unsigned int which;

	/* Most functions have another first argument. */
	if (!proto || !btf_vlen(proto) || !is_attachment(btf, btf_params(proto)->type))
		return;
	if (!strncmp(name, "dma_buf_", strlen("dma_buf_")) || *name == '_')
		return;
	for (which = 0; which < SIGNATURES; which++)
		if (fits(btf, proto, which))
			found(context, which, module, name);
}

static void walk(const struct btf *btf, __u32 from, const char *module, types_found found,
		 void *context)
{
	const struct btf_type *type;
	__u32 id;

	for (id = from; id < btf__type_cnt(btf); id++) {
		type = btf__type_by_id(btf, id);
		if (btf_is_func(type))
			look_at(btf, type, module, found, context);
	}
}

static void walk_module(const struct types *types, const char *module, types_found found,
			void *context)
{
	char path[PATH_MAX];
	struct btf *btf;

	snprintf(path, sizeof(path), PLACE "/%s", module);
	/* It may have gone meanwhile, or have been built for another kernel. */
	btf = btf__parse_raw_split(path, types->kernel);
	if (!btf)
		return;
	walk(btf, btf__type_cnt(types->kernel), module, found, context);
	btf__free(btf);
}

void types_walk(const struct types *types, types_found found, void *context)
{
	struct dirent *entry;
	DIR *place;

	walk(types->kernel, 1, "", found, context);
	place = opendir(PLACE);
	if (!place)
		return;
	while ((entry = readdir(place)))
		if (*entry->d_name != '.' && strcmp(entry->d_name, KERNEL))
			walk_module(types, entry->d_name, found, context);
	closedir(place);
}
