// SPDX-License-Identifier: GPL-2.0-only
/* What an importer leaves behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "judge/importer/bounded.h"
#include "judge/finding/clauses.h"
#include "judge/seen/events.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"
#include "watch/record/there.h"

static bool judges(const struct stage *stage, const char *clause)
{
	return clause_among(stage->trial->scenario->clauses, clause);
}

/* There is no event for what the last reference does: looked at again and again. */
static void pause_shortly(void)
{
	const struct timespec time = { .tv_nsec = 2000000 };

	nanosleep(&time, NULL);
}

/* Until @is_gone, or it is late. */
static bool goes(struct stage *stage, enum limit limit, bool (*is_gone)(const struct stage *stage))
{
	uint64_t began_ns = dr_now();

	while (!is_gone(stage)) {
		if (trial_is_over(stage->trial, stage->trial->judge->limits.ns[limit], began_ns))
			return false;
		pause_shortly();
	}
	return true;
}

static bool is_detached(const struct stage *stage)
{
	return !stage_look(stage).attachments;
}

static bool is_without_fences(const struct stage *stage)
{
	return !stage_look(stage).pending.fences;
}

static int note_inode(void *context, const struct descriptor *descriptor)
{
	uint64_t *wanted = context;

	if (descriptor->inode == *wanted)
		*wanted = 0;
	return 0;
}

/* Whether the kernel does not list the dma-buf: nobody has a reference to it. */
static bool is_forgotten(const struct stage *stage)
{
	uint64_t wanted = stage->trial->inode;

	/* A list that was cut short says nothing. */
	return !there_listed(note_inode, &wanted) && wanted;
}

/* Somebody has one. */
static bool is_listed(const struct stage *stage)
{
	uint64_t wanted = stage->trial->inode;

	there_listed(note_inode, &wanted);
	return !wanted;
}

/* Whether a process has a descriptor of it, which is then no reference of the driver's. */
static bool is_open(const struct stage *stage)
{
	uint64_t wanted = stage->trial->inode;

	return there_walk(0, note_inode, &wanted) || !wanted;
}

static bool has_mark(const struct trial *trial, const char *name)
{
	const struct watch_event *mark = NULL;

	while ((mark = events_next(trial, WATCH_MARK, 0, mark)))
		if (!strcmp(mark->name, name))
			return true;
	return false;
}

static void judge_counts(struct stage *stage)
{
	struct trial *trial = stage->trial;
	unsigned int pins = events_count(trial, WATCH_PIN, 0, false);
	unsigned int unpins = events_count(trial, WATCH_UNPIN, 0, false);
	unsigned int maps = events_count(trial, WATCH_MAP, 0, false);
	unsigned int unmaps = events_count(trial, WATCH_UNMAP, 0, false);

	if (trial_is_blind(trial))
		trial_unknown(trial, "I9", "events were lost");
	else if (has_mark(trial, "late unpin"))
		trial_fail(trial, "I9", "it has unpinned what it had not pinned");
	else if (has_mark(trial, "late detach"))
		trial_fail(trial, "I9", "it has detached, and left mappings or pins behind");
	else if (pins != unpins || maps != unmaps)
		trial_fail(trial, "I9",
			   "%u pins and %u unpins, %u maps and %u unmaps, when the program has ended",
			   pins, unpins, maps, unmaps);
	else if (maps || pins)
		trial_pass(trial, "I9", "%u pins, all unpinned, and %u maps, all unmapped", pins,
			   maps);
	else
		trial_unknown(trial, "I9", "nothing was pinned or mapped");
}

static bool judge_attachments(struct stage *stage)
{
	uint64_t began = dr_now();

	if (goes(stage, LIMIT_END, is_detached))
		return true;
	if (judges(stage, "I17"))
		trial_never(stage->trial, "I17", LIMIT_END, began,
			    "its attachment has not gone", "the program's end");
	return false;
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
	else
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
	else if (goes(stage, LIMIT_END, is_forgotten)) {
		if (was_touched(stage))
			trial_pass(stage->trial, "I17",
				   "nothing is left of attachment and dma-buf when the program has ended");
	} else if (is_open(stage)) {
		trial_unknown(stage->trial, "I17",
			      "a process that the program has not started has the dma-buf open");
	} else if (!is_listed(stage)) {
		trial_unknown(stage->trial, "I17",
			      "whether the dma-buf has gone cannot be read: somebody holds the lock of another one");
	} else {
		trial_never(stage->trial, "I17", LIMIT_END, began,
			    "the dma-buf has not gone, somebody has a reference to it",
			    "its last descriptor");
	}
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
	if (!stage->speaks && partner->pid && !partner->ended)
		kill(-partner->pid, SIGTERM);
	if (!partner_has_ended(partner, trial_deadline(stage->trial, LIMIT_END))) {
		if (stage->speaks && judges(stage, "I17"))
			trial_never(stage->trial, "I17", LIMIT_END, began,
				    "the program has not ended", "it was asked to");
		kill(-partner->pid, SIGKILL);
		if (!partner_has_ended(partner, trial_deadline(stage->trial, LIMIT_END)))
			return false;
	}
	/* What it has started may have the buffer, and that says nothing of the driver. */
	return partners_sweep(trial_deadline(stage->trial, LIMIT_END));
}

static void judge_left(struct stage *stage)
{
	bool detached = judge_attachments(stage);

	trial_look(stage->trial);
	if (judges(stage, "I9"))
		judge_counts(stage);
	if (detached)
		judge_fences(stage);
}

/*
 * The last close takes the resv lock, which what hangs may hold: that is left to a process of its
 * own, which lives as long as we do.
 */
static void leave_behind(void)
{
	int alive[2], i;
	char byte;

	if (pipe2(alive, O_CLOEXEC) || fork())
		return;
	close(alive[1]);
	for (i = 0; i <= STDERR_FILENO; i++)
		close(i);
	while (read(alive[0], &byte, 1) < 0 && errno == EINTR)
		continue;
	_exit(0);
}

static void let_go(struct stage *stage)
{
	if (stage->trial->judge->stuck)
		leave_behind();
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
