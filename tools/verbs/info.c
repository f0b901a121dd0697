// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke info */
#include <errno.h>
#include <unistd.h>

#include "lib/devices/functions.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/options.h"
#include "lib/text/table.h"

static const struct column command_columns[] = {
	{ "version", "version", CELL_TEXT, 0 },
	{ "abi_version", "ABI version", CELL_NUMBER, 0 },
	{ 0 },
};

static const struct column exporter_columns[] = {
	{ "path", "device", CELL_TEXT, 0 },
	{ "abi_version", "ABI version", CELL_NUMBER, 0 },
	{ "page_size", "page size", CELL_SIZE, 0 },
	{ "buffers", "buffers", CELL_NUMBER, 0 },
	{ "bytes", "memory in use", CELL_SIZE, 0 },
	{ "limit_bytes", "memory limit", CELL_SIZE, 0 },
	{ "revocable_test", "kernel knows revocable importers", CELL_BOOL, 0 },
	{ "static_map", "static importers map when they map", CELL_BOOL, 0 },
	{ "map_unpinned", "importers map without a pin", CELL_BOOL, 0 },
	{ "fence_alone", "signalled fences keep no module", CELL_BOOL, 0 },
	{ 0 },
};

static const struct column importer_columns[] = {
	{ "path", "device", CELL_TEXT, 0 },
	{ "abi_version", "ABI version", CELL_NUMBER, 0 },
	{ "max_jobs", "jobs per attachment", CELL_NUMBER, 0 },
	{ "attachments", "attachments", CELL_NUMBER, 0 },
	{ "jobs", "jobs running", CELL_NUMBER, 0 },
	{ 0 },
};

static void command_info(struct document *document)
{
	struct table *table = table_new(document, "command", "Command",
					LAYOUT_RECORD, command_columns);

	table_row(table);
	table_text(table, "version", VERSION);
	table_set(table, "abi_version", DMABUF_REVOKE_ABI_VERSION);
}

static int exporter_info(struct document *document)
{
	struct dmabuf_revoke_exporter_info info;
	int status = STATUS_FAILED;
	int fd = open_exporter(&status);
	struct table *table;
	int ret;

	if (fd < 0)
		return status;
	ret = dr_exporter_info(fd, &info);
	close(fd);
	if (ret)
		return explain(ACT_INFO, ret, DMABUF_REVOKE_EXPORTER_PATH);
	table = table_new(document, "exporter", "Exporter", LAYOUT_RECORD,
			  exporter_columns);
	table_row(table);
	table_text(table, "path", DMABUF_REVOKE_EXPORTER_PATH);
	table_set(table, "abi_version", info.abi_version);
	table_set(table, "page_size", info.page_size);
	table_set(table, "buffers", info.buffers);
	table_set(table, "bytes", info.bytes);
	table_set(table, "limit_bytes", info.limit_bytes);
	table_set(table, "revocable_test",
		  !!(info.features & DMABUF_REVOKE_FEATURE_REVOCABLE_TEST));
	table_set(table, "static_map",
		  !!(info.features & DMABUF_REVOKE_FEATURE_STATIC_MAP));
	table_set(table, "map_unpinned",
		  !!(info.features & DMABUF_REVOKE_FEATURE_MAP_UNPINNED));
	table_set(table, "fence_alone",
		  !!(info.features & DMABUF_REVOKE_FEATURE_FENCE_ALONE));
	return STATUS_DONE;
}

static int importer_info(struct document *document)
{
	struct dmabuf_revoke_importer_info info;
	int status = STATUS_FAILED;
	int fd = open_importer(&status);
	struct table *table;
	int ret;

	if (fd < 0)
		return status;
	ret = dr_importer_info(fd, &info);
	if (ret) {
		close(fd);
		return explain(ACT_INFO, ret, DMABUF_REVOKE_IMPORTER_PATH);
	}
	table = table_new(document, "importer", "Importer", LAYOUT_RECORD,
			  importer_columns);
	table_row(table);
	table_text(table, "path", DMABUF_REVOKE_IMPORTER_PATH);
	table_set(table, "abi_version", info.abi_version);
	table_set(table, "max_jobs", info.max_jobs);
	table_set(table, "attachments", info.attachments);
	table_set(table, "jobs", info.jobs);
	ret = devices_add(document, fd);
	close(fd);
	return ret ? explain(ACT_INFO, ret, "asking for devices") : STATUS_DONE;
}

/* Either module is of use alone, so only the lack of both is a failure. */
int verb_info(const struct verb *verb, int argc, char **argv)
{
	bool json = false;
	const struct option_spec specs[] = { OPTION_JSON(json), { 0 } };
	int status, exporter, importer;
	struct document *document;
	struct arguments rest;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (rest.count)
		return usage(verb, "unexpected argument '%s'", rest.values[0]);
	document = document_new(json);
	command_info(document);
	exporter = exporter_info(document);
	importer = importer_info(document);
	if (exporter && importer) {
		document_free(document);
		return exporter;
	}
	return document_print(document);
}
