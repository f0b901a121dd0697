// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tracefs.h>

#include "lib/text/message.h"
#include "watch/record/own/join.h"
#include "watch/record/own/record.h"
#include "watch/record/trace/instance.h"
#include "watch/record/trace/place.h"
#include "watch/record/trace/read.h"

#define FENCES	"dma_fence"

/* Of docs/modules/events.md; of both sides of a call the kind is one. */
static const struct source events[] = {
	{ OWN_EXPORTER, "dbr_alloc", RAW_EXPORT, false, -1 },
	{ OWN_EXPORTER, "dbr_attach", RAW_ATTACH, false, -1 },
	{ OWN_EXPORTER, "dbr_detach", RAW_DETACH, false, -1 },
	{ OWN_EXPORTER, "dbr_pin", RAW_PIN, false, -1 },
	{ OWN_EXPORTER, "dbr_unpin", RAW_UNPIN, false, -1 },
	{ OWN_EXPORTER, "dbr_map", RAW_MAP, false, -1 },
	{ OWN_EXPORTER, "dbr_unmap", RAW_UNMAP, false, -1 },
	{ OWN_EXPORTER, "dbr_vmap", RAW_VMAP, false, -1 },
	{ OWN_EXPORTER, "dbr_vunmap", RAW_VUNMAP, false, -1 },
	{ OWN_EXPORTER, "dbr_mmap", RAW_MMAP, false, -1 },
	{ OWN_EXPORTER, "dbr_fault", RAW_OWN_FAULT, false, -1 },
	{ OWN_EXPORTER, "dbr_refused", RAW_ALONE_REFUSED, false, -1 },
	{ OWN_EXPORTER, "dbr_state", RAW_OWN_STATE, false, -1 },
	{ OWN_EXPORTER, "dbr_invalidate_begin", RAW_INVALIDATE, false, -1 },
	{ OWN_EXPORTER, "dbr_invalidate_end", RAW_INVALIDATE, true, -1 },
	{ OWN_EXPORTER, "dbr_zap", RAW_ZAP, false, -1 },
	{ OWN_EXPORTER, "dbr_fence_awaited", RAW_OWN_WAIT, false, -1 },
	{ OWN_EXPORTER, "dbr_fence_done", RAW_OWN_WAITED, false, -1 },
	{ OWN_EXPORTER, "dbr_give_back", RAW_OWN_MARK, false, -1 },
	{ OWN_EXPORTER, "dbr_move", RAW_OWN_MARK, false, -1 },
	{ OWN_EXPORTER, "dbr_moved", RAW_OWN_MARK, false, -1 },
	{ OWN_EXPORTER, "dbr_late", RAW_OWN_MARK, false, -1 },
	{ OWN_IMPORTER, "dbi_attach", RAW_ATTACH, false, -1 },
	{ OWN_IMPORTER, "dbi_detach", RAW_DETACH, false, -1 },
	{ OWN_IMPORTER, "dbi_pin", RAW_PIN, false, -1 },
	{ OWN_IMPORTER, "dbi_unpin", RAW_UNPIN, false, -1 },
	{ OWN_IMPORTER, "dbi_map", RAW_MAP, false, -1 },
	{ OWN_IMPORTER, "dbi_unmap", RAW_UNMAP, false, -1 },
	{ OWN_IMPORTER, "dbi_told_begin", RAW_TOLD, false, -1 },
	{ OWN_IMPORTER, "dbi_told_end", RAW_TOLD, true, -1 },
	{ OWN_IMPORTER, "dbi_fence_added", RAW_FENCE_ADD, false, -1 },
	{ OWN_IMPORTER, "dbi_job_queued", RAW_OWN_MARK, false, -1 },
	{ OWN_IMPORTER, "dbi_job_started", RAW_OWN_JOB, false, -1 },
	{ OWN_IMPORTER, "dbi_job_ended", RAW_OWN_JOB_DONE, false, -1 },
	{ OWN_IMPORTER, "dbi_misbehave", RAW_OWN_MARK, false, -1 },
	{ FENCES, "dma_fence_signaled", RAW_FENCE_SIGNALED, false, -1 },
};

/* Each in one go. */
static const char *const switches[] = {
	"events/" FENCES "/dma_fence_signaled/enable",
	"events/" OWN_EXPORTER "/enable",
	"events/" OWN_IMPORTER "/enable",
};

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))

struct own_record {
	struct instance instance;
	struct sources sources;
	struct reader *reader;
	struct raws raws;		/* what is later than the last take */
	struct own_join join;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

bool own_record_possible(void)
{
	return tracefs_file_exists(NULL, "events/" OWN_EXPORTER "/enable") ||
	       tracefs_file_exists(NULL, "events/" OWN_IMPORTER "/enable");
}

static int find_sources(struct sources *sources)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < COUNT(events) && !ret; i++)
		if (tracefs_event_file_exists(NULL, events[i].system, events[i].event, "format"))
			ret = sources_add(sources, &events[i]);
	return ret;
}

static int start(const struct instance *instance)
{
	size_t i;

	for (i = 0; i < COUNT(switches); i++) {
		errno = 0;
		if (tracefs_file_exists(instance->tracefs, switches[i]) &&
		    tracefs_instance_file_write(instance->tracefs, switches[i], "1") < 0)
			return explain(ACT_OTHER, errno ? errno : EIO, "watch: %s", switches[i]);
	}
	errno = 0;
	if (tracefs_trace_on(instance->tracefs) < 0)
		return explain(ACT_OTHER, errno ? errno : EIO, "watch: tracing_on");
	return STATUS_DONE;
}

static int begin(struct own_record *record, uint64_t ring)
{
	int ret, status = place_find();

	if (status)
		return status;
	if (!own_record_possible()) {
		complain("watch: neither module is loaded: modprobe -a %s %s", OWN_EXPORTER,
			 OWN_IMPORTER);
		return STATUS_IMPOSSIBLE;
	}
	instance_clean_up();
	ret = find_sources(&record->sources);
	if (ret)
		return explain(ACT_OTHER, ret, "watch: the modules' trace events");
	status = instance_make(&record->instance, ring);
	if (status)
		return status;
	record->reader = reader_open(&record->instance, &record->sources);
	return record->reader ? start(&record->instance) : STATUS_FAILED;
}

int own_record_open(struct own_record **record, uint64_t ring)
{
	struct own_record *fresh = calloc(1, sizeof(*fresh));
	int status;

	*record = NULL;
	if (!fresh)
		return explain(ACT_OTHER, ENOMEM, "watch");
	status = begin(fresh, ring);
	if (status) {
		own_record_close(fresh);
		return status;
	}
	fresh->join.sources = &fresh->sources;
	*record = fresh;
	return STATUS_DONE;
}

void own_record_there(struct own_record *record, const struct descriptor *there, size_t count)
{
	record->join.there = there;
	record->join.there_count = count;
}

void own_record_choose(struct own_record *record, const struct chosen *chosen)
{
	record->join.chosen = chosen;
}

size_t own_record_descriptors(const struct own_record *record, const int **descriptors)
{
	return reader_descriptors(record->reader, descriptors);
}

/*
 * What is later than @until_ns is kept for the next time: while it was read on one CPU, what
 * caused it may have come to another, whose turn was over.
 */
static void join_until(struct own_record *record, uint64_t until_ns)
{
	struct raws *raws = &record->raws;
	size_t i, kept = 0;

	for (i = 0; i < raws->count; i++) {
		struct raw *raw = &raws->rows[i];

		if (raw->time_ns > until_ns && raw->kind != RAW_LOST) {
			raws->rows[kept++] = *raw;
			continue;
		}
		if (raw->time_ns > until_ns)
			raw->time_ns = until_ns;
		own_join(&record->join, raw);
	}
	raws->count = kept;
}

int own_record_take(struct own_record *record, struct watch_list *out)
{
	uint64_t until_ns = now();
	int ret = reader_finish(record->reader, &record->raws);

	if (ret)
		return ret;
	record->join.out = out;
	join_until(record, until_ns);
	return record->join.ret;
}

int own_record_unfinished(const struct own_record *record, struct watch_list *out)
{
	struct own_join join = record->join;

	join.out = out;
	own_join_unfinished(&join, now());
	return join.ret;
}

void own_record_close(struct own_record *record)
{
	if (!record)
		return;
	reader_close(record->reader);
	instance_remove(&record->instance);
	own_join_free(&record->join);
	free(record->raws.rows);
	free(record->sources.rows);
	free(record);
}
