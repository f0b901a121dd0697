// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether the driver gets along with any table: the same program has to write to the same pages,
 * whatever the buffer is made of. What it writes is its own affair; only a difference tells.
 */
#include <errno.h>

#include "judge/importer/contents.h"
#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"

#define MIB	1048576ULL

/* Who does not answer has mapped it, and nobody knows when it will have written. */
static bool says_when(struct stage *stage)
{
	if (stage->speaks)
		return true;
	trial_give_up(stage->trial,
		      "the program does not answer on its socket (DMABUF_REVOKE_CONTROL), so that nobody knows when it has used the buffer");
	return false;
}

/* A program that is started with such a buffer, uses it, and ends. */
static bool use_once(struct trial *trial, const struct dmabuf_revoke_alloc *like,
		     struct contents *contents)
{
	struct stage stage;
	bool used = false;

	if (stage_alloc(&stage, trial, like) && contents_fill(&stage) && stage_start(&stage) &&
	    stage_await_use(&stage) && says_when(&stage)) {
		used = contents_look(&stage, contents);
		if (!used)
			trial_give_up(trial, "what it has written cannot be looked at: %s",
				      contents->why);
	}
	stage_close(&stage);
	return used;
}

/* Whether it can be used, by the same program that can use others. */
static bool use_strange(struct trial *trial, const char *clause,
			const struct dmabuf_revoke_alloc *like, struct contents *contents)
{
	struct stage stage;
	bool used = false;

	if (!stage_alloc(&stage, trial, like) || !contents_fill(&stage) || !stage_start(&stage))
		goto out;
	switch (stage_await(&stage, true)) {
	case USED:
		used = contents_look(&stage, contents);
		if (!used)
			trial_unknown(trial, clause, "what it has written cannot be looked at: %s",
				      contents->why);
		break;
	case REFUSED:
		trial_unknown(trial, clause, "it takes other tables, but not such: %s",
			      errno_name(stage.answer));
		break;
	default:
		trial_unknown(trial, clause, "it uses other tables, but has not used such");
	}
out:
	stage_close(&stage);
	return used;
}

/* What it has written with one sort of table, twice. */
struct pair {
	struct contents one, two;
};

static void pair_free(struct pair *pair)
{
	contents_free(&pair->one);
	contents_free(&pair->two);
}

static void say_difference(struct trial *trial, const char *clause, const struct pair *plain,
			   const struct pair *strange)
{
	if (!contents_same_pages(&plain->one, &strange->one))
		trial_fail(trial, clause,
			   "it has written to %zu pages of this buffer, but to %zu of an ordinary one, twice, or to others",
			   strange->one.written,
			   plain->one.written);
	else
		trial_fail(trial, clause,
			   "it has written to %zu pages other than what it has written to those of an ordinary buffer, twice",
			   strange->one.written);
}

/*
 * It has to be the same thing each time, for a difference to mean something: of one sort, and of
 * the other. What it writes may be a clock, or for how long its device writes, which may be slower
 * with the one.
 */
static bool is_repeated(const struct pair *plain, const struct pair *strange)
{
	if (!contents_same_pages(&plain->one, &strange->one))
		return contents_same_pages(&plain->one, &plain->two) &&
		       contents_same_pages(&strange->one, &strange->two);
	return contents_same(&plain->one, &plain->two) &&
	       contents_same(&strange->one, &strange->two);
}

static void judge_pairs(struct trial *trial, const char *clause, const struct pair *plain,
			const struct pair *strange)
{
	if (is_repeated(plain, strange))
		say_difference(trial, clause, plain, strange);
	else
		trial_unknown(trial, clause,
			      "it does not write the same each time with the same sort of table");
}

/* What it writes may be the length, or where it is: then each length has contents of its own. */
static bool minds_length(struct trial *trial, const char *clause,
			 const struct dmabuf_revoke_alloc *longer, const struct contents *plain)
{
	struct contents contents = { 0 };
	bool used = use_strange(trial, clause, longer, &contents);
	bool minds = !used || !contents_same(plain, &contents);

	if (used && minds)
		trial_unknown(trial, clause,
			      "what it writes depends on how long the buffer is, of ordinary ones, too");
	contents_free(&contents);
	return minds;
}

/*
 * A second time only if there is something to be told from chance. @longer: an ordinary one of
 * another length, if @unlike has one; or NULL.
 */
static void compare(struct trial *trial, const char *clause,
		    const struct dmabuf_revoke_alloc *like,
		    const struct dmabuf_revoke_alloc *unlike,
		    const struct dmabuf_revoke_alloc *longer)
{
	struct pair plain = { 0 }, strange = { 0 };

	trial->once = true;
	if (!use_once(trial, like, &plain.one) ||
	    !use_strange(trial, clause, unlike, &strange.one))
		goto out;
	if (!plain.one.written && !strange.one.written)
		trial_unknown(trial, clause, "it writes nothing: what it reads nobody sees");
	else if (contents_same(&plain.one, &strange.one))
		trial_pass(trial, clause,
			   "it has written the same to the same %zu pages as with an ordinary table",
			   plain.one.written);
	else if (!(longer && minds_length(trial, clause, longer, &plain.one)) &&
		 use_once(trial, like, &plain.two) &&
		 use_strange(trial, clause, unlike, &strange.two))
		judge_pairs(trial, clause, &plain, &strange);
out:
	pair_free(&plain);
	pair_free(&strange);
}

static const struct dmabuf_revoke_alloc ordinary;

static void run_fragmented(struct trial *trial)
{
	const struct dmabuf_revoke_alloc shuffled = {
		.shape = DMABUF_REVOKE_SHAPE_SHUFFLED,
		.shape_arg = trial->judge->seed + trial->round,
	};

	compare(trial, "I12", &ordinary, &shuffled, NULL);
}

const struct scenario fragmented = {
	.name = "fragmented",
	.summary = "single pages in random order, compared with an ordinary table",
	.clauses = "I9 I12 I17 I18",
	.run = run_fragmented,
};

/* Of memory that does not divide 4 GiB, so that what is counted in 32 bits ends within it. */
#define REPEATED	(3 * MIB)
#define LARGE		(REPEATED * ((4096 * MIB) / REPEATED + 1))

static void run_large(struct trial *trial)
{
	const struct dmabuf_revoke_alloc small = {
		.length = REPEATED,
		.shape = DMABUF_REVOKE_SHAPE_REPEATED,
		.shape_arg = REPEATED,
	};
	const struct dmabuf_revoke_alloc longer = {
		.length = 2 * REPEATED,
		.shape = DMABUF_REVOKE_SHAPE_REPEATED,
		.shape_arg = REPEATED,
	};
	const struct dmabuf_revoke_alloc large = {
		.length = LARGE,
		.shape = DMABUF_REVOKE_SHAPE_REPEATED,
		.shape_arg = REPEATED,
	};

	trial->forgiven = FORGIVEN_OVERLAP;
	compare(trial, "I12", &small, &large, &longer);
}

const struct scenario beyond_4gib = {
	.name = "beyond-4gib",
	.summary = "a table of more than 4 GiB, of memory that is there again and again",
	.clauses = "I9 I12 I17 I18",
	.run = run_large,
};

static void run_bare(struct trial *trial)
{
	const struct dmabuf_revoke_alloc bare = { .flags = DMABUF_REVOKE_ALLOC_BARE_TABLE };

	compare(trial, "I13", &ordinary, &bare, NULL);
}

const struct scenario bare_table = {
	.name = "bare-table",
	.summary = "a table without struct pages, compared with an ordinary one",
	.clauses = "I9 I13 I17 I18",
	.run = run_bare,
};

static void judge_range(struct stage *stage)
{
	struct contents contents = { 0 };
	struct trial *trial = stage->trial;

	if (!contents_await(stage, &contents))
		trial_unknown(trial, "I14", "what it has written cannot be looked at: %s",
			      contents.why);
	else if (contents.outside)
		trial_fail(trial, "I14",
			   "%llu bytes were written to outside of %s, the first at offset %llu",
			   (unsigned long long)contents.outside, stage->range,
			   (unsigned long long)contents.first_outside);
	else if (contents.inside && !stage->speaks)
		trial_unknown(trial, "I14",
			      "it has written within %s; whether that was all nobody knows, for the program does not answer on its socket (DMABUF_REVOKE_CONTROL)",
			      stage->range);
	else if (contents.inside)
		trial_pass(trial, "I14", "it has written within %s, and to no byte outside",
			   stage->range);
	else
		trial_unknown(trial, "I14", "it writes nothing: what it reads nobody sees");
	contents_free(&contents);
}

static void run_range(struct trial *trial)
{
	const struct importer_subject *subject = trial->judge->subject;
	struct stage stage;

	if (!subject->range) {
		trial_skip(trial, "I14",
			   "the program has to be told a range of the buffer (DMABUF_REVOKE_RANGE=OFFSET:LENGTH): --range if it heeds that");
		return;
	}
	if (stage_alloc(&stage, trial, NULL) && contents_fill(&stage)) {
		stage.range = subject->range;
		if (stage_start(&stage) && stage_await_use(&stage))
			judge_range(&stage);
	}
	stage_close(&stage);
}

const struct scenario range = {
	.name = "range",
	.summary = "the program is to use a part of the buffer; what is around it is watched",
	.clauses = "I14",
	.run = run_range,
};
