// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/process/signals.h"
#include "lib/text/message.h"
#include "watch/record/join/stream.h"
#include "watch/record/kernel/candidates.h"
#include "watch/record/kernel/offsets.h"
#include "watch/record/kernel/symbols.h"
#include "watch/record/kernel/types.h"
#include "watch/record/own/record.h"
#include "watch/record/program.h"
#include "watch/record/run.h"
#include "watch/record/there.h"
#include "watch/record/trace/instance.h"
#include "watch/record/trace/place.h"
#include "watch/record/trace/probes.h"
#include "watch/record/trace/read.h"

/* What was there when it began, before it is known whether it was exported meanwhile. */
struct found {
	struct descriptor *rows;
	size_t count;
};

struct recording {
	const struct record_options *options;
	struct watch_list *out;
	struct offsets offsets;
	struct candidates candidates;
	struct chosen chosen;
	struct instance instance;
	struct sources sources;
	struct reader *reader;
	struct raws raws;
	struct found found;
	bool by_events;			/* of our modules only: @own, and none of the above */
	struct own_record *own;
	struct program program;
	sigset_t ending, before;
	int signals;
	uint64_t began_ns, ended_ns;
	struct symbol *callbacks;
	size_t callback_count;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int no_types(void)
{
	complain("watch: %s: %s", "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF) to find fields",
		 "make offsets, dmabuf-revoke-offsets >FILE, and give --offsets FILE");
	return STATUS_IMPOSSIBLE;
}

/* Where fields are, and which functions may be somebody's. */
static int know_kernel(struct recording *recording)
{
	struct types *types = types_open();
	int status, ret;

	if (recording->options->offsets)
		status = offsets_of_file(&recording->offsets, recording->options->offsets);
	else
		status = types ? offsets_of_types(&recording->offsets, types) : no_types();
	ret = status ? 0 : candidates_find(&recording->candidates, types);
	types_free(types);
	return ret ? explain(ACT_OTHER, ret, "watch: functions of drivers") : status;
}

static int note_found(void *context, const struct descriptor *descriptor)
{
	struct found *found = context;
	struct descriptor *rows;
	size_t i;

	for (i = 0; i < found->count; i++)
		if (found->rows[i].inode == descriptor->inode)
			return 0;
	rows = reallocarray(found->rows, found->count + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	found->rows = rows;
	rows[found->count++] = *descriptor;
	return 0;
}

static int find_there(struct found *found)
{
	int ret = there_walk(0, note_found, found);

	if (!ret)
		ret = there_listed(note_found, found);
	return ret < 0 ? explain(ACT_OTHER, ret, "watch: looking for dma-bufs") : STATUS_DONE;
}

/* Probes first, so that a buffer that is made meanwhile is seen twice, not never. */
static int start_trace(struct recording *recording)
{
	int status;

	instance_clean_up();
	status = instance_make(&recording->instance, recording->options->ring);
	if (!status)
		status = probes_define(recording->instance.name, &recording->offsets,
				       &recording->candidates, &recording->sources);
	if (status)
		return status;
	recording->reader = reader_open(&recording->instance, &recording->sources);
	if (!recording->reader)
		return STATUS_FAILED;
	recording->began_ns = now();
	status = instance_start(&recording->instance, &recording->sources);
	if (status)
		return status;
	return find_there(&recording->found);
}

static int start_own(struct recording *recording)
{
	int status = own_record_open(&recording->own, recording->options->ring);

	if (!status)
		status = find_there(&recording->found);
	if (status)
		return status;
	own_record_there(recording->own, recording->found.rows, recording->found.count);
	own_record_choose(recording->own, &recording->chosen);
	return STATUS_DONE;
}

static int start(struct recording *recording)
{
	return recording->by_events ? start_own(recording) : start_trace(recording);
}

static size_t find_descriptors(const struct recording *recording, const int **descriptors)
{
	return recording->by_events ? own_record_descriptors(recording->own, descriptors) :
	       reader_descriptors(recording->reader, descriptors);
}

static int drain(struct recording *recording)
{
	return recording->by_events ? own_record_take(recording->own, recording->out) :
	       reader_drain(recording->reader, &recording->raws);
}

/* Signals are meant for the program, if there is one. Returns whether it is over. */
static bool is_over(struct recording *recording)
{
	struct program *program = &recording->program;
	struct signalfd_siginfo info;
	int state;

	if (read(recording->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	if (!program->pid)
		return info.ssi_signo != SIGCHLD;
	if (info.ssi_signo == SIGCHLD) {
		if (waitpid(program->pid, &state, WNOHANG) != program->pid)
			return false;
		program_report(program, state);
		return true;
	}
	/* From the terminal it got the signal itself. */
	if (info.ssi_code != SI_KERNEL)
		kill(program->pid, (int)info.ssi_signo);
	return false;
}

/* Until a signal; the buffers are emptied before they are full. */
static int follow(struct recording *recording)
{
	const int *descriptors;
	size_t count = find_descriptors(recording, &descriptors), i;
	struct pollfd *polls = calloc(count + 1, sizeof(*polls));
	bool over = false;
	int ret = polls ? 0 : -ENOMEM;

	for (i = 0; i < count && polls; i++)
		polls[i] = (struct pollfd){ descriptors[i], POLLIN, 0 };
	if (polls)
		polls[count] = (struct pollfd){ recording->signals, POLLIN, 0 };
	while (!ret && !over) {
		if (poll(polls, count + 1, -1) < 0 && errno != EINTR)
			ret = -errno;
		else if (polls[count].revents)
			over = is_over(recording);
		else
			ret = drain(recording);
	}
	free(polls);
	return ret ? explain(ACT_OTHER, ret, "watch: reading the trace") : STATUS_DONE;
}

/* Names of all callbacks of importers that attached. Returns how many; NULL: none. */
static size_t find_callbacks(const struct raws *raws, struct symbol **symbols)
{
	struct symbol *found = NULL, *more;
	size_t count = 0, i, j;

	for (i = 0; i < raws->count; i++) {
		const struct raw *raw = &raws->rows[i];

		if (raw->kind != RAW_ATTACH || raw->returns || !raw->importer_ops ||
		    !raw->callback)
			continue;
		for (j = 0; j < count && found[j].address != raw->callback; j++)
			continue;
		if (j < count)
			continue;
		more = reallocarray(found, count + 1, sizeof(*found));
		if (!more)
			break;
		found = more;
		found[count++] = (struct symbol){ .address = raw->callback };
	}
	symbols_name(found, count);
	*symbols = found;
	return count;
}

/* The last of it. Returns 0 or a negative errno. */
static int finish(struct recording *recording)
{
	int ret;

	if (recording->by_events) {
		ret = own_record_take(recording->own, recording->out);
		return ret ? ret : own_record_unfinished(recording->own, recording->out);
	}
	instance_stop(&recording->instance);
	recording->ended_ns = now();
	ret = reader_finish(recording->reader, &recording->raws);
	/* While there are probes, whose list is short. */
	recording->callback_count = find_callbacks(&recording->raws, &recording->callbacks);
	return ret;
}

static int go_on(struct recording *recording)
{
	int status = program_go(&recording->program);

	if (status)
		return status;
	if (!recording->options->program)
		complain("watch: recording until SIGINT (Ctrl-C), SIGTERM or SIGHUP");
	return follow(recording);
}

static int capture(struct recording *recording)
{
	int status = start(recording), ret;

	/* A signal that came meanwhile gets a program before that begins. */
	if (!status && !is_over(recording))
		status = go_on(recording);
	if (status)
		return status;
	ret = finish(recording);
	return ret ? explain(ACT_OTHER, ret, "watch: reading the trace") : status;
}

/* Whether its export is in the recording. */
static bool was_exported(const struct raws *raws, uint64_t inode)
{
	size_t i;

	for (i = 0; i < raws->count; i++)
		if (raws->rows[i].kind == RAW_EXPORT && raws->rows[i].inode == inode)
			return true;
	return false;
}

static void tell_there(struct recording *recording, struct stream *stream)
{
	const struct raw began = { .time_ns = recording->began_ns };
	size_t i;

	for (i = 0; i < recording->found.count; i++) {
		const struct descriptor *found = &recording->found.rows[i];
		struct watch_event event;
		struct buffer *buffer;

		if (was_exported(&recording->raws, found->inode))
			continue;
		buffer = known_there(&stream->known, found->inode, found->size,
				     found->exporter);
		if (!buffer)
			return;
		event = stream_event(stream, WATCH_THERE, &began, buffer, NULL);
		event.size = buffer->size;
		memcpy(event.name, buffer->name, sizeof(event.name));
		stream_emit(stream, &event, buffer);
	}
}

static void say_lost(const struct watch_list *list)
{
	uint64_t lost = list->dropped;
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->events[i].what == WATCH_LOST)
			lost += list->events[i].size;
	if (lost)
		complain("watch: %" PRIu64 " entries of the trace were lost: %s", lost,
			 "a larger --ring may help");
}

static int join(struct recording *recording)
{
	const struct raws *raws = &recording->raws;
	uint64_t end_ns = recording->ended_ns;
	struct stream stream = {
		.sources = &recording->sources,
		.chosen = &recording->chosen,
		.out = recording->out,
		.symbols = recording->callbacks,
		.symbol_count = recording->callback_count,
	};

	tell_there(recording, &stream);
	/* How what came later went on is not known. */
	if (raws->dropped)
		end_ns = raws->rows[raws->count - 1].time_ns;
	stream_run(&stream, raws, end_ns);
	stream_free(&stream);
	return stream.ret ? explain(ACT_OTHER, stream.ret, "watch: joining the trace") :
	       STATUS_DONE;
}

/* SIGCHLD is read as the others are. */
static int block_signals(struct recording *recording)
{
	sigset_t all;

	signal(SIGCHLD, SIG_DFL);
	signals_block(&recording->ending, &recording->before);
	all = recording->ending;
	sigaddset(&all, SIGCHLD);
	recording->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	/* A reader who has gone does not end it either: tracefs is to be left as it was. */
	sigaddset(&all, SIGPIPE);
	sigprocmask(SIG_BLOCK, &all, NULL);
	return recording->signals < 0 ? explain(ACT_OTHER, errno, "watch: signalfd") :
	       STATUS_DONE;
}

/* What the kernel lacks for probes, or NULL. */
static const char *lacking(const struct record_options *options)
{
	return !place_has_probes() ? "CONFIG_KPROBE_EVENTS" :
	       !options->offsets && !types_there() ? "BTF (CONFIG_DEBUG_INFO_BTF)" : NULL;
}

/* By probes, if there can be any; otherwise our modules, if they are there, say what they do. */
static int know_how(struct recording *recording)
{
	const char *lacks = recording->options->own ? NULL : lacking(recording->options);
	int status;

	recording->by_events = recording->options->own || (lacks && own_record_possible());
	if (recording->by_events && lacks)
		complain("watch: this kernel has no %s: only what our modules say is recorded",
			 lacks);
	if (recording->by_events)
		return STATUS_DONE;
	status = place_probes();
	return status ? status : know_kernel(recording);
}

static int prepare(struct recording *recording)
{
	const struct record_options *options = recording->options;
	int status = place_find();

	if (!status)
		status = know_how(recording);
	if (!status)
		status = chosen_find(options->verb, &options->choosing, &recording->chosen);
	if (!status)
		status = block_signals(recording);
	/* Before there are descriptors that it would inherit. */
	if (!status)
		status = program_prepare(&recording->program, options->program,
					 &recording->before, options->quiet);
	return status;
}

static void end(struct recording *recording)
{
	if (recording->signals >= 0)
		close(recording->signals);
	if (recording->program.words)
		program_drop(&recording->program);
	free(recording->callbacks);
	free(recording->raws.rows);
	free(recording->sources.rows);
	free(recording->found.rows);
	candidates_free(&recording->candidates);
	chosen_free(&recording->chosen);
}

int record_run(const struct record_options *options, struct watch_list *out)
{
	struct recording recording = { .options = options, .out = out, .signals = -1 };
	int status = prepare(&recording);

	if (!status) {
		status = capture(&recording);
		own_record_close(recording.own);
		reader_close(recording.reader);
		instance_remove(&recording.instance);
	}
	if (!status && !recording.by_events)
		status = join(&recording);
	if (!status)
		say_lost(out);
	end(&recording);
	return status;
}
