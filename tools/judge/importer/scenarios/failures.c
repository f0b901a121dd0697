// SPDX-License-Identifier: GPL-2.0-only
/* What the exporter refuses is passed on: soon, once, and nothing is left of it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge/seen/events.h"
#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"
#include "judge/importer/where.h"
#include "lib/text/message.h"

/* The last errno that user space knows. */
#define LAST	133

static bool has_any(const struct trial *trial, enum watch_what what)
{
	return events_count(trial, what, 0, false);
}

static void judge_answer(struct stage *stage, const char *call, int error)
{
	struct trial *trial = stage->trial;

	if (stage->answer > LAST)
		trial_fail(trial, "I17",
			   "%s failed with %s, and it answers %d, an errno that user space does not know",
			   call, errno_name(error), stage->answer);
	else if (stage->answer)
		trial_pass(trial, "I17", "%s failed with %s, and it answers %s", call,
			   errno_name(error), errno_name(stage->answer));
	else if (has_any(trial, WATCH_MAP) || has_any(trial, WATCH_VMAP) ||
		 has_any(trial, WATCH_MMAP) || trial_is_blind(trial))
		trial_unknown(trial, "I17",
			      "%s failed with %s, and it has used the buffer all the same",
			      call, errno_name(error));
	else
		trial_fail(trial, "I17",
			   "it says that it has used the buffer, although %s failed with %s, so that it cannot have",
			   call, errno_name(error));
}

static void judge_end(struct stage *stage, const char *call, int error)
{
	struct partner *partner = &stage->trial->partner;
	char fate[128];

	partner_fate(partner, fate);
	if (WIFEXITED(partner->state) && WEXITSTATUS(partner->state))
		trial_pass(stage->trial, "I17", "%s failed with %s, and the program %s", call,
			   errno_name(error), fate);
	else
		trial_unknown(stage->trial, "I17", "%s failed with %s, and the program %s", call,
			      errno_name(error), fate);
}

/* @error: what was to happen; @call: where. */
static void judge_progress(struct stage *stage, enum progress progress, uint64_t began_ns,
			   const char *call, int error)
{
	unsigned int tries = stage_tries(stage, 0);

	if (!tries)
		trial_skip(stage->trial, "I17", "it did nothing that the exporter refused (%s)",
			   call);
	else if (stage_is_stubborn(stage, 0))
		trial_fail(stage->trial, "I17",
			   "%s failed with %s, and it has tried %u times, driver or program", call,
			   errno_name(error), tries);
	else if (progress == USED || progress == REFUSED)
		judge_answer(stage, call, error);
	else if (progress == ENDED)
		judge_end(stage, call, error);
	else if (progress == MAPPED || progress == VMAPPED)
		trial_unknown(stage->trial, "I17",
			      "%s failed with %s, and it has used the buffer all the same",
			      call, errno_name(error));
	else if (where_is_busy(stage->trial->partner.pid))
		trial_never(stage->trial, "I17", LIMIT_IMPORT, began_ns, "no answer, and no end",
			    "the program was started");
	else
		trial_unknown(stage->trial, "I17",
			      "%s failed with %s, and there is no answer, and no end: the program is not in its driver",
			      call, errno_name(error));
}

static void judge_refusal(struct stage *stage, const char *call, int error)
{
	uint64_t began_ns = dr_now();
	enum progress progress = stage_await(stage, true);

	trial_look(stage->trial);
	judge_progress(stage, progress, began_ns, call, error);
}

/* With one errno after the other, each in a buffer of its own. */
static void run_failing(struct trial *trial, uint64_t fault, const char *call, const int *errors)
{
	struct stage stage;
	int ret;

	trial->once = true;
	for (; *errors && !trial_is_interrupted(trial) && !trial->judge->stuck; errors++) {
		if (stage_alloc(&stage, trial, NULL)) {
			ret = dr_faults(stage.exporter, stage.id, fault, 0, (uint32_t)*errors);
			if (ret)
				trial_give_up(trial, "the exporter cannot be made to fail: %s",
					      errno_name(ret));
			else if (stage_start(&stage))
				judge_refusal(&stage, call, *errors);
		}
		stage_close(&stage);
	}
}

static void run_attach(struct trial *trial)
{
	static const int errors[] = { ENOMEM, EIO, EBUSY, ENODEV, 0 };

	run_failing(trial, DMABUF_REVOKE_FAULT_FAIL_ATTACH, "attach", errors);
}

const struct scenario attach_fails = {
	.name = "attach-fails",
	.summary = "attach fails, with one errno after the other",
	.clauses = "I9 I17 I18",
	.run = run_attach,
};

static void run_pin(struct trial *trial)
{
	/* Of EBUSY the core warns, where it pins for a map. */
	static const int errors[] = { ENOMEM, EIO, ENODEV, 0 };

	run_failing(trial, DMABUF_REVOKE_FAULT_FAIL_PIN, "pin", errors);
}

const struct scenario pin_fails = {
	.name = "pin-fails",
	.summary = "pin fails, with one errno after the other",
	.clauses = "I9 I17 I18",
	.run = run_pin,
};

static void run_map(struct trial *trial)
{
	static const int errors[] = { ENOMEM, EIO, EBUSY, ENODEV, 0 };

	run_failing(trial, DMABUF_REVOKE_FAULT_FAIL_MAP, "map", errors);
}

const struct scenario map_fails = {
	.name = "map-fails",
	.summary = "map fails, with one errno after the other",
	.clauses = "I9 I17 I18",
	.run = run_map,
};

/* The core warns when a vmap fails, which ends such a kernel. */
static bool panics_of_warnings(void)
{
	int file = open("/proc/sys/kernel/panic_on_warn", O_RDONLY | O_CLOEXEC);
	char digit = '0';

	if (file < 0)
		return false;
	if (read(file, &digit, 1) != 1)
		digit = '0';
	close(file);
	return digit != '0';
}

static void run_vmap(struct trial *trial)
{
	static const int errors[] = { ENOMEM, EIO, 0 };

	trial->forgiven = FORGIVEN_VMAP;
	if (panics_of_warnings())
		trial_give_up(trial,
			      "the kernel warns of a vmap that fails, and panics of that: sysctl kernel.panic_on_warn=0");
	else
		run_failing(trial, DMABUF_REVOKE_FAULT_FAIL_VMAP, "vmap", errors);
}

const struct scenario vmap_fails = {
	.name = "vmap-fails",
	.summary = "vmap fails, with one errno after the other",
	.clauses = "I9 I17 I18",
	.run = run_vmap,
};

static bool is_admitted(const struct stage *stage)
{
	return events_count(stage->trial, WATCH_ATTACH, 0, false);
}

static void run_refused(struct trial *trial)
{
	const struct dmabuf_revoke_alloc strict = { .flags = DMABUF_REVOKE_ALLOC_REFUSE_VMAP };
	uint64_t began_ns = dr_now();
	enum progress progress;
	struct stage stage;

	trial->forgiven = FORGIVEN_VMAP;
	if (stage_alloc_strict(&stage, trial, &strict) && stage_start(&stage)) {
		progress = stage_await(&stage, true);
		trial_look(trial);
		if (is_admitted(&stage))
			trial_pass(trial, "I17", "it is let in, for it can be revoked");
		else
			judge_progress(&stage, progress, began_ns, "attach", EOPNOTSUPP);
	}
	stage_close(&stage);
}

const struct scenario refused = {
	.name = "refused",
	.summary = "a buffer for importers only that can be revoked; others are refused",
	.clauses = "I9 I17 I18",
	.run = run_refused,
};

static void run_revoked(struct trial *trial)
{
	struct stage stage;

	if (stage_alloc(&stage, trial, NULL)) {
		stage_revoke(&stage);
		if (stage_start(&stage))
			judge_refusal(&stage, "attach", ENODEV);
	}
	stage_close(&stage);
}

const struct scenario revoked_before = {
	.name = "revoked-before",
	.summary = "the buffer was revoked before the program gets it",
	.clauses = "I9 I17 I18",
	.run = run_revoked,
};
