// SPDX-License-Identifier: GPL-2.0-only
/* The memory moves: the importer maps anew, and does no DMA before the contents are there. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "judge/seen/events.h"
#include "judge/importer/bounded.h"
#include "judge/importer/contents.h"
#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"

/* False after saying why it did not move. */
static bool has_moved(struct stage *stage)
{
	const struct importer_subject *subject = stage->trial->judge->subject;

	if (!stage->ret || stage->ret == -ETIMEDOUT)
		return true;
	if (stage->ret == -EBUSY && !subject->maps_unpinned)
		trial_give_up(stage->trial,
			      "this kernel pins what is mapped, so that it does not move (CONFIG_DMABUF_MOVE_NOTIFY is off): Linux 7.1 has no such option");
	else if (stage->ret == -EBUSY)
		trial_give_up(stage->trial, "it pins the buffer, which therefore does not move");
	else
		trial_give_up(stage->trial, "the buffer could not be moved: %s",
			      errno_name(stage->ret));
	return false;
}

/* Of who did not speak the truth about a new mapping: what it wrote is not there. */
static void judge_arrival(struct stage *stage, const struct contents *before)
{
	struct contents after = { 0 };

	if (!before->written)
		return;
	if (!contents_await(stage, &after))
		trial_unknown(stage->trial, "I6", "the memory cannot be looked at: %s",
			      after.why);
	else if (!after.written)
		trial_fail(stage->trial, "I6",
			   "it says that it has used the buffer after a move, but none of the %zu pages was written to that it wrote to before",
			   before->written);
	contents_free(&after);
}

/*
 * What it writes when it is asked once more, in @before: who writes the first time only, or what
 * nobody can look at, has 0 pages. The pattern is there again then.
 */
static void note_use(struct stage *stage, struct contents *before)
{
	if (!stage->speaks || !contents_write(stage) || !stage_again(stage) || stage->answer ||
	    !contents_look(stage, before) || !contents_write(stage))
		contents_free(before);
}

static void run_move(struct trial *trial)
{
	struct contents before = { 0 };
	struct stage stage;

	if (stage_alloc(&stage, trial, NULL) && contents_fill(&stage) && stage_start(&stage) &&
	    stage_await_use(&stage)) {
		note_use(&stage, &before);
		stage_move(&stage);
		if (has_moved(&stage)) {
			stage_judge_told(&stage);
			if (!contents_write(&stage))
				contents_free(&before);
			if (stage_judge_moved(&stage))
				judge_arrival(&stage, &before);
		}
	}
	contents_free(&before);
	stage_close(&stage);
}

const struct scenario move_used = {
	.name = "move",
	.summary = "move the memory once the program has used it; it uses the buffer again",
	.clauses = "I2 I4 I6 I9 I17 I18",
	.run = run_move,
};

/* Its own, among those on the buffer; the seqno, 0: there is none. */
static uint64_t find_fence(const struct stage *stage, uint64_t context)
{
	const struct watch_event *added = NULL;
	uint64_t seqno = 0;

	while ((added = events_next(stage->trial, WATCH_FENCE_ADD, stage->told_ns, added)))
		if (added->attach != stage->other && (!context || added->context == context))
			seqno = added->seqno;
	return seqno;
}

/* On a machine of iron. */
#define BEGIN_NS	100000000ULL

/* Until it has begun to use what it has mapped. Who has no fence is given a while. */
static void await_begin(struct stage *stage)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	uint64_t most = BEGIN_NS * stage->trial->judge->limits.scale, began_ns = dr_now();

	trial_look(stage->trial);
	while (!find_fence(stage, 0) && !trial_is_over(stage->trial, most, began_ns)) {
		nanosleep(&pause, NULL);
		trial_look(stage->trial);
	}
}

static void run_busy(struct trial *trial)
{
	struct stage stage;

	if (stage_open(&stage, trial, NULL) && stage_await_map(&stage)) {
		await_begin(&stage);
		stage_move(&stage);
		if (has_moved(&stage))
			stage_judge_told(&stage);
	}
	stage_close(&stage);
}

const struct scenario move_busy = {
	.name = "move-busy",
	.summary = "move while it uses what it has mapped, as soon as it begins to",
	.clauses = "I2 I4 I8 I9 I17 I18",
	.run = run_busy,
};

#define LOOK_MOST_NS	1000000000ULL

/* enum dma_resv_usage */
#define USAGE_WRITE	1
#define USAGE_READ	2

struct fences {
	bool kernel;			/* one of usage KERNEL is pending */
	unsigned int others;		/* those that are not on the buffer since before */
};

static struct fences look_at_fences(const struct stage *stage, uint32_t before)
{
	struct dmabuf_revoke_blocker blockers[64];
	struct fences fences = { 0 };
	uint32_t count = 0, i, all = 0;
	int ret;

	bounded_begin(LOOK_MOST_NS);
	ret = dr_blockers(stage->exporter, stage->id, blockers, 64, &count);
	bounded_end();
	if (ret)
		return fences;
	for (i = 0; i < count && i < 64; i++) {
		if (blockers[i].type != DMABUF_REVOKE_BLOCKER_FENCE)
			continue;
		fences.kernel |= !blockers[i].usage;
		/* Of DMA. One of usage BOOKKEEP may stand for anything. */
		all += blockers[i].usage == USAGE_WRITE || blockers[i].usage == USAGE_READ;
	}
	fences.others = all > before ? all - before : 0;
	return fences;
}

/* How many there are, when it does not use the buffer. */
static uint32_t count_fences(const struct stage *stage)
{
	return look_at_fences(stage, 0).others;
}

/* It is asked to use the buffer; what it does is looked at for a while, with our fence held. */
static bool signals_early(struct stage *stage, bool *seen)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	uint64_t deadline = trial_deadline(stage->trial, LIMIT_FENCE);
	uint32_t before = count_fences(stage);

	if (!stage_ask(stage))
		return false;
	while (dr_now() < deadline && !trial_is_interrupted(stage->trial)) {
		struct fences now = look_at_fences(stage, before);

		/* One of before may have signalled instead. */
		if (*seen && now.kernel && !now.others && !before)
			return true;
		*seen |= now.others;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* By our importer's events, which miss none. */
static bool signalled_early(const struct stage *stage, uint64_t free_ns)
{
	const struct watch_event *signal = NULL;
	uint64_t seqno;

	while ((signal = events_next(stage->trial, WATCH_FENCE_SIGNAL, stage->told_ns, signal))) {
		seqno = find_fence(stage, signal->context);
		if (seqno && signal->seqno <= seqno && signal->attach != stage->other &&
		    !signal->result && signal->time_ns < free_ns)
			return true;
	}
	return false;
}

static void judge_order(struct stage *stage, const struct contents *before, bool early, bool seen,
			uint64_t free_ns)
{
	struct trial *trial = stage->trial;
	struct contents after = { 0 };
	bool looked = !stage->answer && before->written && contents_await(stage, &after);

	if (stage->answer) {
		trial_unknown(trial, "I10", "it did not use the buffer after a move: %s",
			      errno_name(stage->answer));
	} else if (signalled_early(stage, free_ns)) {
		trial_fail(trial, "I10",
			   "a fence of it has signalled while that of usage KERNEL was pending");
	} else if (looked && !after.written) {
		trial_fail(trial, "I10",
			   "what it has written was overwritten by the contents that arrived later: it did not wait for the fence of usage KERNEL");
	} else if (early && !looked) {
		trial_fail(trial, "I10",
			   "a fence of it has signalled while that of usage KERNEL was pending");
	} else if (!early && (seen || find_fence(stage, 0))) {
		trial_pass(trial, "I10", "its fence has signalled after that of usage KERNEL");
	} else if (after.written) {
		trial_pass(trial, "I10",
			   "what it has written was not overwritten by the contents, which arrived late");
	} else {
		trial_unknown(trial, "I10",
			      "it has no fence that could be seen, and writes nothing");
	}
	contents_free(&after);
}

static void move_held(struct stage *stage, const struct contents *before)
{
	bool seen = false, early;
	uint64_t free_ns;

	stage_move_only(stage);
	if (!has_moved(stage))
		return;
	if (stage_is_pinned(stage)) {
		trial_skip(stage->trial, "I10", "it pins");
		return;
	}
	early = signals_early(stage, &seen);
	trial_look(stage->trial);
	free_ns = dr_now();
	stage_let_go(stage);
	if (!stage_hear_late(stage, free_ns)) {
		stage_judge_silence(stage, "I10", free_ns, "all fences had signalled");
		return;
	}
	trial_look(stage->trial);
	judge_order(stage, before, early, seen, free_ns);
}

static void run_fenced(struct trial *trial)
{
	struct contents before = { 0 };
	struct stage stage;
	bool ready;

	ready = stage_alloc(&stage, trial, NULL) && contents_fill(&stage) &&
		stage_start(&stage) && stage_await_use(&stage);
	if (ready && !stage.speaks) {
		trial_give_up(trial,
			      "the program does not answer on its socket (DMABUF_REVOKE_CONTROL), so that it cannot be asked to go on");
		ready = false;
	}
	/* What is there now arrives late, over what is written before. */
	if (ready) {
		note_use(&stage, &before);
		ready = contents_write(&stage);
		if (!ready)
			trial_unknown(trial, "I10", "what it has written cannot be looked at");
	}
	if (ready && stage_hold(&stage, DMABUF_REVOKE_OP_READ,
				DMABUF_REVOKE_SUBMIT_BOOKKEEP))
		move_held(&stage, &before);
	contents_free(&before);
	stage_close(&stage);
}

const struct scenario move_fenced = {
	.name = "move-fenced",
	.summary = "move, and let it use the buffer before the contents have arrived",
	.clauses = "I10 I17",
	.run = run_fenced,
};
