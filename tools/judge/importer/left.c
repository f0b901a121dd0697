// SPDX-License-Identifier: GPL-2.0-only
/* What an importer leaves behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "judge/importer/bounded.h"
#include "judge/finding/clauses.h"
#include "judge/seen/events.h"
#include "judge/importer/stage.h"
#include "judge/importer/where.h"
#include "lib/text/message.h"
#include "watch/record/there.h"

/* Between two looks whether the user wants us to end. */
#define LOOK_NS		50000000ULL

static bool judges(const struct stage *stage, const char *clause)
{
	return clause_among(stage->trial->scenario->clauses, clause);
}

/*
 * Until @is_gone, or it is late. There is no event for what the last reference does: looked at
 * again and again, and less often when it takes long, for a machine that others need, too.
 */
static bool goes(struct stage *stage, enum limit limit, bool (*is_gone)(const struct stage *stage))
{
	struct timespec pause = { .tv_nsec = 2000000 };
	uint64_t began_ns = dr_now();

	while (!is_gone(stage)) {
		if (trial_is_over(stage->trial, stage->trial->judge->limits.ns[limit], began_ns))
			return false;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 100000000)
			pause.tv_nsec *= 2;
	}
	return true;
}

/* A lock that is held for ever is no sign that something has gone. */
static bool is_detached(const struct stage *stage)
{
	struct dmabuf_revoke_query query;
	int ret = stage_see(stage, &query);

	return ret == -ENOENT || (!ret && !query.attachments && !query.pending.vmaps);
}

static bool is_without_fences(const struct stage *stage)
{
	struct dmabuf_revoke_query query;
	int ret = stage_see(stage, &query);

	return ret == -ENOENT || (!ret && !query.pending.fences);
}

static bool has_mark(const struct trial *trial, const char *name)
{
	const struct watch_event *mark = NULL;

	while ((mark = events_next(trial, WATCH_MARK, 0, mark)))
		if (!strcmp(mark->name, name))
			return true;
	return false;
}

/* What the program did, so often. */
static unsigned int count(const struct stage *stage, enum watch_what what)
{
	const struct watch_event *event = NULL;
	unsigned int found = 0;

	while ((event = events_next(stage->trial, what, 0, event)))
		found += !event->result && event->attach != stage->other;
	return found;
}

/* @began_ns: when it was to be detached; 0: it is. */
static void judge_counts(struct stage *stage, uint64_t began_ns)
{
	struct trial *trial = stage->trial;
	unsigned int pins = count(stage, WATCH_PIN), unpins = count(stage, WATCH_UNPIN);
	unsigned int maps = count(stage, WATCH_MAP), unmaps = count(stage, WATCH_UNMAP);
	char text[128];

	snprintf(text, sizeof(text), "%u pins and %u unpins, %u maps and %u unmaps", pins, unpins,
		 maps, unmaps);
	if (trial_is_blind(trial))
		trial_unknown(trial, "I9", "events were lost");
	else if (has_mark(trial, "late unpin"))
		trial_fail(trial, "I9", "it has unpinned what it had not pinned");
	else if (has_mark(trial, "late detach"))
		trial_fail(trial, "I9", "it has detached, and left mappings or pins behind");
	else if ((pins != unpins || maps != unmaps) && began_ns)
		trial_never(trial, "I9", LIMIT_END, began_ns, text, "the program's end");
	else if (pins != unpins || maps != unmaps)
		trial_fail(trial, "I9", "%s, when the program has ended", text);
	else if (maps || pins)
		trial_pass(trial, "I9", "%u pins, all unpinned, and %u maps, all unmapped", pins,
			   maps);
	else
		trial_unknown(trial, "I9", "nothing was pinned or mapped");
}

static void judge_attachments(struct stage *stage, uint64_t began_ns)
{
	struct dmabuf_revoke_query query;
	int ret = stage_see(stage, &query);

	if (!judges(stage, "I17"))
		return;
	if (ret && ret != -ENOENT)
		trial_unknown(stage->trial, "I17",
			      "whether its attachment has gone cannot be seen: %s: somebody holds the lock",
			      errno_name(ret));
	else
		trial_never(stage->trial, "I17", LIMIT_END, began_ns,
			    "its attachment, or vmap, has not gone", "the program's end");
}

/* Whether the driver has had anything to do with it: else nothing can be left. */
static bool was_touched(const struct stage *stage)
{
	static const enum watch_what calls[] = {
		WATCH_ATTACH, WATCH_PIN, WATCH_MAP, WATCH_VMAP, WATCH_MMAP, WATCH_CPU_BEGIN,
	};
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (events_first(stage->trial, calls[i], 0))
			return true;
	return false;
}

/* It has detached; what is left now is not waited for by anybody. */
static void judge_fences(struct stage *stage)
{
	uint64_t began = dr_now();

	if (!judges(stage, "I18"))
		return;
	if (goes(stage, LIMIT_FENCE, is_without_fences)) {
		if (was_touched(stage))
			trial_pass(stage->trial, "I18", "no fence is pending when it has detached");
	} else {
		trial_never(stage->trial, "I18", LIMIT_FENCE, began,
			    "a fence has not signalled", "it has detached");
	}
}

/* The buffer is given up. A device that has written to it after the revoke is found. */
static void judge_memory(struct stage *stage)
{
	struct dmabuf_revoke_free out = { 0 };
	uint64_t offset = 0;
	int ret;

	bounded_begin(stage->trial->judge->limits.ns[LIMIT_COMMAND]);
	ret = dr_free(stage->exporter, stage->id, &offset, 1, &out);
	bounded_end();
	/* It has to have been revoked. */
	if (!judges(stage, "I3") || !stage->quarantined || !stage->told_ns || ret)
		return;
	if (!out.checked)
		trial_unknown(stage->trial, "I3",
			      "the revoke has not come to its end, so the memory was not watched");
	else if (out.changed)
		trial_fail(stage->trial, "I3",
			   "%u pages were written to after the last unmap, the first at offset %llu",
			   out.changed, (unsigned long long)offset);
	else if (events_first(stage->trial, WATCH_MAP, 0) ||
		 events_first(stage->trial, WATCH_VMAP, 0))
		trial_pass(stage->trial, "I3", "no page was written to after the last unmap");
}

/* We have no descriptor of it any more. */
static void judge_reference(struct stage *stage)
{
	uint64_t began = dr_now();

	if (!judges(stage, "I17"))
		return;
	if (!there_can_list())
		trial_unknown(stage->trial, "I17",
			      "whether the dma-buf has gone cannot be read (/sys/kernel/debug/dma_buf/bufinfo)");
	else if (goes(stage, LIMIT_END, stage_is_forgotten)) {
		if (was_touched(stage))
			trial_pass(stage->trial, "I17",
				   "nothing is left of attachment and dma-buf when the program has ended");
	} else if (stage_is_had(stage)) {
		trial_unknown(stage->trial, "I17",
			      "a process that the program has not started has the dma-buf open, or mapped, or attached");
	} else if (!stage_is_listed(stage)) {
		trial_unknown(stage->trial, "I17",
			      "whether the dma-buf has gone cannot be read: somebody holds the lock of another one");
	} else if (!there_sees_all()) {
		trial_unknown(stage->trial, "I17",
			      "the dma-buf has not gone, and a process that cannot be seen from here may have it open");
	} else {
		trial_never(stage->trial, "I17", LIMIT_END, began,
			    "the dma-buf has not gone, somebody has a reference to it",
			    "its last descriptor");
	}
}

/* It is waited for, unless the user is in a hurry. */
static bool has_ended(struct stage *stage)
{
	uint64_t began_ns = dr_now(), most = stage->trial->judge->limits.ns[LIMIT_END];

	/* No verdict rests on who does not speak. */
	if (!stage->speaks)
		most /= 2;
	while (!partner_has_ended(&stage->trial->partner, dr_deadline(LOOK_NS)))
		if (trial_is_over(stage->trial, most, began_ns))
			return false;
	return true;
}

static void judge_endless(struct stage *stage, uint64_t began_ns)
{
	if (where_is_busy(stage->trial->partner.pid))
		trial_never(stage->trial, "I17", LIMIT_END, began_ns,
			    "the program has not ended", "it was asked to");
	else
		trial_unknown(stage->trial, "I17",
			      "the program has not ended when it was asked to: it is not in its driver");
}

/* Whether it has ended. */
static bool end_program(struct stage *stage)
{
	struct partner *partner = &stage->trial->partner;
	uint64_t began = dr_now();

	if (partner->control >= 0)
		close(partner->control);
	partner->control = -1;
	/* Who does not listen to us cannot know that it is to end. */
	if (!stage->speaks && !partner->ended)
		partner_signal(partner, SIGTERM);
	if (!has_ended(stage)) {
		if (stage->speaks && judges(stage, "I17"))
			judge_endless(stage, began);
		partner_signal(partner, SIGKILL);
		if (!partner_has_ended(partner, trial_deadline(stage->trial, LIMIT_END)))
			return false;
	}
	/* What it has started may have the buffer, and that says nothing of the driver. */
	return partners_sweep(trial_deadline(stage->trial, LIMIT_END));
}

/* What somebody else has made of the buffer is not the program's. */
static void say_stranger(struct stage *stage, uint32_t pid)
{
	static const char *const names[] = { "I9", "I17", "I18" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (judges(stage, names[i]))
			trial_unknown(stage->trial, names[i],
				      "process %u, which the program has not started, has attached to the buffer",
				      pid);
}

static void judge_left(struct stage *stage)
{
	uint64_t began_ns = dr_now();
	bool detached = goes(stage, LIMIT_END, is_detached);
	uint32_t stranger;

	trial_look(stage->trial);
	stranger = detached ? 0 : stage_stranger(stage);
	if (stranger)
		return say_stranger(stage, stranger);
	if (!detached)
		judge_attachments(stage, began_ns);
	if (judges(stage, "I9"))
		judge_counts(stage, detached ? 0 : began_ns);
	if (judges(stage, "I3") && stage->told_ns)
		stage_judge_new_work(stage);
	if (detached)
		judge_fences(stage);
}

/*
 * The last close takes the resv lock, which what hangs may hold: that is left to a process of its
 * own, which lives as long as we do.
 */
static void leave_behind(const struct judge *judge)
{
	int alive[2];
	char byte;

	if (pipe2(alive, O_CLOEXEC) || fork())
		return;
	close(alive[1]);
	bounded_child(judge);
	while (read(alive[0], &byte, 1) < 0 && errno == EINTR)
		continue;
	_exit(0);
}

static void let_go(struct stage *stage)
{
	if (stage->trial->judge->stuck)
		leave_behind(stage->trial->judge);
	stage_let_go(stage);
	if (stage->dmabuf >= 0)
		close(stage->dmabuf);
	if (stage->exporter >= 0)
		close(stage->exporter);
	stage->dmabuf = -1;
	stage->exporter = -1;
}

/* Nothing is left behind by a driver that has never seen the buffer. */
static void look_for_use(struct trial *trial)
{
	trial_look(trial);
	if (!events_first(trial, WATCH_ATTACH, 0) && !events_first(trial, WATCH_VMAP, 0))
		trial->unused = true;
}

void stage_close(struct stage *stage)
{
	bool started = stage->trial->partner.words;

	stage_let_go(stage);
	/* Its state is nobody's while the program hangs. */
	if (started && (!end_program(stage) || stage->trial->judge->stuck)) {
		trial_end_program(stage->trial);
		return let_go(stage);
	}
	look_for_use(stage->trial);
	if (started && stage->id)
		judge_left(stage);
	if (stage->exporter >= 0 && stage->id)
		judge_memory(stage);
	let_go(stage);
	if (started && stage->id)
		judge_reference(stage);
	trial_end_program(stage->trial);
	if (stage->legacy)
		trial_give_up(stage->trial,
			      "it cannot be revoked, and was let in by --accept-legacy: nobody tells it");
}
