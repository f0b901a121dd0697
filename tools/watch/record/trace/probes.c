// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tracefs.h>

#include "lib/text/message.h"
#include "watch/record/trace/events.h"
#include "watch/record/trace/probes.h"

/* So many threads may be inside a function before its returns are missed, and counted. */
#define AT_ONCE		128

/*
 * What is fetched, by names that read.c knows. A pointer that may be NULL or an ERR_PTR()
 * is fetched itself, too: what is behind it is garbage then.
 */
#define DMABUF(at) \
	"dmabuf=" at ":x64 resv=+{dma_buf.resv}(" at "):x64 " \
	"inode=+{inode.i_ino}(+{file.f_inode}(+{dma_buf.file}(" at "))):u64 "
#define WHOSE(at) \
	"exporter=+0(+{dma_buf.exp_name}(" at ")):string size=+{dma_buf.size}(" at "):u64 "
#define DEVICE(at) \
	"device=+0(+{device.kobj+kobject.name}(" at ")):string "
#define ATTACHMENT \
	"attachment=$arg1:x64 " DMABUF("+{dma_buf_attachment.dmabuf}($arg1)")
/* Also of one whose attach was before. */
#define NAMED_ATTACHMENT \
	"" ATTACHMENT DEVICE("+{dma_buf_attachment.dev}($arg1)")
#define FENCE(at) \
	"context=+{dma_fence.context}(" at "):u64 seqno=+{dma_fence.seqno}(" at "):u64 "
/* One bit of a long. */
#define SIGNALLED(at) \
	"signalled=+{dma_fence.flags}(" at "):b1@{dma_fence.signaled_bit}/64"
#define OP(name) \
	"op=+{dma_buf_ops." name "}(+{dma_buf.ops}(+{dma_buf_attachment.dmabuf}($arg1))):x64 "
#define IMPORTER_OPS \
	"importer_ops=+{dma_buf_attachment.importer_ops}($arg1):x64 " \
	"callback=+{dma_buf_attach_ops.callback}(+{dma_buf_attachment.importer_ops}($arg1)):x64 "

#define RESULT		"result=$retval:s32"
#define POINTER		"pointer=$retval:x64 "
#define LEFT		"left=$retval:s64"
#define ONLY		""	/* that it has returned */

struct probe {
	enum raw_kind kind;
	const char *event;
	const char *function;
	const char *enters;		/* what to fetch then, or NULL */
	const char *returns;
	const char *instead;		/* what the function was called before, or NULL */
	bool needed;
};

static const struct probe probes[] = {
	{ RAW_EXPORT, "export", "dma_buf_export", NULL,
	  POINTER DMABUF("$retval") WHOSE("$retval")
	  "mapping=+{file.f_mapping}(+{dma_buf.file}($retval)):x64", NULL, true },
	{ RAW_RELEASE, "release", "dma_buf_release", "dmabuf=+{dentry.d_fsdata}($arg1):x64",
	  NULL, NULL, true },
	{ RAW_CLOSE, "close", "dma_buf_file_release", DMABUF("+{file.private_data}($arg2)"), NULL,
	  NULL, false },
	{ RAW_ATTACH, "attach", "dma_buf_dynamic_attach",
	  DMABUF("$arg1") WHOSE("$arg1") DEVICE("$arg2")
	  "importer_ops=$arg3:x64 callback=+{dma_buf_attach_ops.callback}($arg3):x64", POINTER,
	  NULL, true },
	{ RAW_DETACH, "detach", "dma_buf_detach", "attachment=$arg2:x64 " DMABUF("$arg1"), ONLY,
	  NULL, true },
	{ RAW_PIN, "pin", "dma_buf_pin", ATTACHMENT, RESULT, NULL, true },
	{ RAW_UNPIN, "unpin", "dma_buf_unpin", ATTACHMENT, ONLY, NULL, true },
	{ RAW_MAP, "map", "dma_buf_map_attachment",
	  NAMED_ATTACHMENT, POINTER, NULL, true },
	{ RAW_UNMAP, "unmap", "dma_buf_unmap_attachment", NAMED_ATTACHMENT, ONLY, NULL, true },
	{ RAW_VMAP, "vmap", "dma_buf_vmap", DMABUF("$arg1"), RESULT, NULL, false },
	{ RAW_VUNMAP, "vunmap", "dma_buf_vunmap", DMABUF("$arg1"), ONLY, NULL, false },
	{ RAW_MMAP, "mmap", "dma_buf_mmap", DMABUF("$arg1"), RESULT, NULL, false },
	{ RAW_MMAP, "mmap_file", "dma_buf_mmap_internal",
	  DMABUF("+{file.private_data}($arg1)"), RESULT, NULL, false },
	{ RAW_CPU_BEGIN, "cpu_begin", "dma_buf_begin_cpu_access", DMABUF("$arg1"), RESULT,
	  NULL, false },
	{ RAW_CPU_END, "cpu_end", "dma_buf_end_cpu_access", DMABUF("$arg1"), RESULT, NULL,
	  false },
	/* Compilers make the function above a part of this one, which then is all that is seen. */
	{ RAW_SYNC, "sync", "dma_buf_ioctl",
	  DMABUF("+{file.private_data}($arg1)") "ioctl=$arg2:u32 sync=+u0($arg3):u64", RESULT,
	  NULL, false },
	{ RAW_INVALIDATE, "invalidate", "dma_buf_invalidate_mappings", DMABUF("$arg1"), ONLY,
	  "dma_buf_move_notify", true },
	{ RAW_FENCE_ADD, "fence_add", "dma_resv_add_fence",
	  "resv=$arg1:x64 usage=$arg3:u32 " FENCE("$arg2") SIGNALLED("$arg2"), NULL, NULL,
	  false },
	{ RAW_FENCE_SIGNAL, "fence_signal", "dma_fence_signal_timestamp_locked",
	  FENCE("$arg1") "result=+{dma_fence.error}($arg1):s32", NULL, NULL, false },
	{ RAW_RESV_WAIT, "resv_wait", "dma_resv_wait_timeout",
	  "resv=$arg1:x64 usage=$arg2:u32", LEFT, NULL, false },
	{ RAW_FENCE_WAIT, "fence_wait", "dma_fence_wait_timeout", FENCE("$arg1"), LEFT, NULL,
	  false },
	{ RAW_LOCK, "lock", "ww_mutex_lock", "resv=$arg1:x64", RESULT, NULL, false },
	{ RAW_LOCK, "lock_intr", "ww_mutex_lock_interruptible", "resv=$arg1:x64", RESULT, NULL,
	  false },
	{ RAW_TRYLOCK, "trylock", "ww_mutex_trylock", "resv=$arg1:x64", RESULT, NULL, false },
	{ RAW_UNLOCK, "unlock", "ww_mutex_unlock", "resv=$arg1:x64", NULL, NULL, false },
	{ RAW_ZAP, "zap", "unmap_mapping_range", "mapping=$arg1:x64", NULL, NULL, false },
};

#define PROBES	(sizeof(probes) / sizeof(*probes))

/* By the type of the function. */
static const struct probe kinds[] = {
	[SIGNATURE_TOLD] = { RAW_TOLD, "told", NULL, NAMED_ATTACHMENT IMPORTER_OPS OP("unpin"),
			     ONLY, NULL, false },
	[SIGNATURE_PIN] = { RAW_OP_PIN, "op_pin", NULL, ATTACHMENT OP("pin"), RESULT, NULL,
			    false },
	[SIGNATURE_MAP] = { RAW_OP_MAP, "op_map", NULL, ATTACHMENT OP("map_dma_buf"), POINTER,
			    NULL, false },
	[SIGNATURE_UNMAP] = { RAW_OP_UNMAP, "op_unmap", NULL, ATTACHMENT OP("unmap_dma_buf"),
			      ONLY, NULL, false },
};

struct defining {
	const char *group;
	const struct offsets *offsets;
	struct sources *sources;
};

/*
 * An event of one probe. Returns 0 or a negative errno. libtracefs writes what the kernel
 * refuses if it is told of AT_ONCE, so this is by hand.
 */
static int define(const struct defining *defining, const char *place, const char *format,
		  const struct source *source)
{
	char fetch[1024], line[1280], type[16] = "p";

	if (!offsets_expand(defining->offsets, format, fetch, sizeof(fetch)))
		return -E2BIG;
	if (source->returns)
		snprintf(type, sizeof(type), "r%d", AT_ONCE);
	snprintf(line, sizeof(line), "%s:%s/%s %s %s\n", type, source->system, source->event,
		 place, fetch);
	errno = 0;
	if (tracefs_instance_file_append(NULL, "kprobe_events", line) < 0)
		return errno ? -errno : -EIO;
	return sources_add(defining->sources, source);
}

/* Both ends of a call. */
static int define_both(const struct defining *defining, const struct probe *probe,
		       const char *place, const char *event, int candidate)
{
	struct source source = { .kind = probe->kind, .candidate = candidate };
	int ret = 0;

	snprintf(source.system, sizeof(source.system), "%s", defining->group);
	snprintf(source.event, sizeof(source.event), "%s", event);
	if (probe->enters)
		ret = define(defining, place, probe->enters, &source);
	if (ret || !probe->returns)
		return ret;
	source.returns = true;
	snprintf(source.event, sizeof(source.event), "%s_end", event);
	return define(defining, place, probe->returns, &source);
}

static int define_core(const struct defining *defining)
{
	const struct probe *probe;
	int ret;

	for (probe = probes; probe < probes + PROBES; probe++) {
		ret = define_both(defining, probe, probe->function, probe->event, -1);
		if (ret && probe->instead)
			ret = define_both(defining, probe, probe->instead, probe->event, -1);
		if (ret && probe->needed)
			return explain(ACT_OTHER, ret, "watch: probing %s", probe->function);
		if (ret)
			complain("watch: %s cannot be probed (%s): its calls are not seen",
				 probe->function, errno_name(ret));
	}
	return STATUS_DONE;
}

/* One that cannot be probed, since its module is not loaded, is nobody's. */
static void define_candidates(const struct defining *defining,
			      const struct candidates *candidates)
{
	char place[128], event[32];
	size_t i;

	for (i = 0; i < candidates->count; i++) {
		const struct candidate *row = &candidates->rows[i];
		const struct probe *probe = &kinds[row->signature];

		snprintf(place, sizeof(place), "%s%s%s", row->module, *row->module ? ":" : "",
			 row->function);
		snprintf(event, sizeof(event), "%s_%zu", probe->event, i);
		define_both(defining, probe, place, event, (int)i);
	}
}

static bool is_there(void *context, const char *system, const char *event)
{
	(void)context;
	return tracefs_event_file_exists(NULL, system, event, "format");
}

int probes_define(const char *group, const struct offsets *offsets,
		  const struct candidates *candidates, struct sources *sources)
{
	const struct defining defining = { group, offsets, sources };
	int status, ret;

	status = define_core(&defining);
	if (status)
		return status;
	define_candidates(&defining, candidates);
	ret = events_add(sources, is_there, NULL, false);
	return ret ? explain(ACT_OTHER, ret, "watch: the kernel's trace events") : STATUS_DONE;
}

static int add_both(struct sources *sources, const char *group, const char *event,
		    const struct probe *probe, int candidate)
{
	struct source source = { .kind = probe->kind, .candidate = candidate };
	int ret = 0;

	snprintf(source.system, sizeof(source.system), "%.63s", group);
	snprintf(source.event, sizeof(source.event), "%.63s", event);
	if (probe->enters)
		ret = sources_add(sources, &source);
	if (ret || !probe->returns)
		return ret;
	source.returns = true;
	snprintf(source.event, sizeof(source.event), "%.59s_end", event);
	return sources_add(sources, &source);
}

int probes_add(struct sources *sources, const char *group, const char *event)
{
	size_t i, length;
	char *end;
	long number;

	for (i = 0; i < PROBES; i++)
		if (!strcmp(probes[i].event, event))
			return add_both(sources, group, event, &probes[i], -1);
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		length = strlen(kinds[i].event);
		if (strncmp(kinds[i].event, event, length) || event[length] != '_')
			continue;
		number = strtol(event + length + 1, &end, 10);
		if (end != event + length + 1 && !*end && number >= 0 && number < INT_MAX)
			return add_both(sources, group, event, &kinds[i], (int)number);
	}
	return 0;
}
