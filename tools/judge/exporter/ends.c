// SPDX-License-Identifier: GPL-2.0-only
/* The exporter runs out of descriptors; it goes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"

#define BUFFERS		"/sys/kernel/debug/dma_buf/bufinfo"

/* Standard descriptors are there in any case; more than the last are not tried. */
#define FEWEST		4
#define MOST		64

/* Dma-bufs on this machine; -1: that cannot be read. */
static long count_buffers(void)
{
	FILE *file = fopen(BUFFERS, "re");
	long count = -1, last;
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Total %ld objects", &last) == 1)
			count = last;
	if (file)
		fclose(file);
	return count;
}

/* There is no event for what the last reference does. */
static bool has_left_none(struct trial *trial, long before)
{
	const struct timespec shortly = { .tv_nsec = 2000000 };
	uint64_t deadline = trial_deadline(trial, LIMIT_END);

	while (count_buffers() > before) {
		if (dr_now() >= deadline || trial_is_interrupted(trial))
			return false;
		nanosleep(&shortly, NULL);
	}
	return true;
}

struct tries {
	unsigned int refused;		/* it has said so, or has ended */
	bool exported;
	bool killed;			/* by a signal */
	bool said;			/* one of them was of the exporter: EMFILE */
};

/* "buffer", "failed E", or the end. */
static void hear(struct trial *trial, struct tries *tries)
{
	uint64_t deadline = trial_deadline(trial, LIMIT_IMPORT);
	char line[PARTNER_LINE];
	int error;

	while (partner_hear(&trial->partner, line, deadline) > 0) {
		if (!strcmp(line, "buffer")) {
			tries->exported = true;
			return;
		}
		if (sscanf(line, "failed %d", &error) == 1) {
			tries->said |= error == EMFILE;
			break;
		}
	}
	tries->refused++;
}

static bool try_with(struct trial *trial, unsigned int descriptors, struct tries *tries)
{
	const struct partner_options options = { .dmabuf = -1, .mask = &trial->judge->before,
						 .descriptors = descriptors };
	struct partner *partner = &trial->partner;

	if (partner_start(partner, trial->judge->program, &options)) {
		partner->words = NULL;
		return false;
	}
	hear(trial, tries);
	if (!partner_stop(partner, trial_deadline(trial, LIMIT_END),
			  dr_deadline(2 * trial->judge->limits.ns[LIMIT_END]))) {
		trial->judge->stuck = true;
		trial_fail(trial, "E16", "with %u descriptors it hangs in the kernel",
			   descriptors);
		return false;
	}
	tries->killed |= WIFSIGNALED(partner->state) && WTERMSIG(partner->state) != SIGKILL;
	return true;
}

static void judge_tries(struct trial *trial, const struct tries *tries, long before)
{
	if (!tries->said)
		trial_unknown(trial, "E16", "no try has got as far as to an export that fails with "
			      "EMFILE, as \"failed %d\" would say", EMFILE);
	else if (before < 0)
		trial_pass(trial, "E16", "what had too few descriptors (%u tries) was refused, "
			   "with EMFILE; whether it has left a dma-buf cannot be read (%s)", tries->refused, BUFFERS);
	else if (has_left_none(trial, before))
		trial_pass(trial, "E16", "what had too few descriptors (%u tries) was refused, "
			   "with EMFILE, and has left no dma-buf", tries->refused);
	else
		trial_fail(trial, "E16", "what had too few descriptors (%u tries) was refused, and "
			   "now there are %ld more dma-bufs (%s)", tries->refused,
			   count_buffers() - before, BUFFERS);
}

static void run_descriptors(struct trial *trial)
{
	struct tries tries = { 0 };
	long before = count_buffers();
	unsigned int i;

	if (!trial->judge->program) {
		trial_give_up(trial, "a given buffer is exported already: it takes a PROGRAM");
		return;
	}
	for (i = FEWEST; i <= MOST && !tries.exported; i++)
		if (!try_with(trial, i, &tries) || trial_is_interrupted(trial))
			return;
	if (!tries.exported)
		trial_give_up(trial, "%s exports no buffer, with %u descriptors either",
			      *trial->judge->program, MOST);
	else
		judge_tries(trial, &tries, before);
	if (tries.killed)
		trial_unknown(trial, "E16", "%s was ended by a signal, when it had too few "
			      "descriptors", *trial->judge->program);
}

const struct scenario exporter_descriptors = {
	.name = "descriptors",
	.summary = "PROGRAM is run with ever more descriptors, until they are enough",
	.clauses = "E16",
	.run = run_descriptors,
};

static void judge_remove(struct scene *scene, struct seat *seat)
{
	struct trial *trial = scene->trial;
	uint64_t began = scene->deed.began_ns;

	if (scene->deed.running)
		trial_never(trial, "E13", LIMIT_COMMAND, began,
			    "the removal has not come to its end", "it was asked for");
	else if (!seat->told)
		trial_never(trial, "E13", LIMIT_COMMAND, began, "no importer was told",
			    "the exporter was removed");
	else if (!seat->done && seat->job)
		trial_never(trial, "E13", LIMIT_COMMAND, began, "DMA has not ended",
			    "the exporter was removed");
	else if (!scene_map(scene, seat))
		trial_fail(trial, "E13", "a map has succeeded after the exporter was removed");
	else
		trial_took(trial, "E13", LIMIT_COMMAND, began, scene->deed.ended_ns,
			   "importers were told, DMA has ended, and the removal was over",
			   "it was asked for");
}

static void run_remove(struct trial *trial)
{
	struct scene scene;
	struct seat *seat;

	if (!scene_open(&scene, trial))
		goto out;
	seat = scene_attach_mapped(&scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC });
	if (!seat)
		goto out;
	if (scene_has_engine(seat))
		scene_submit(&scene, seat, DMABUF_REVOKE_OP_READ, DMABUF_REVOKE_SUBMIT_STREAM, 0);
	scene_begin(&scene, DEED_REMOVE);
	while ((scene.deed.running || !seat->told || (seat->job && !seat->done)) &&
	       (scene.deed.running || deed_is_done(&scene.deed)) &&
	       scene_await(&scene, scene_deadline(&scene, scene.deed.began_ns, LIMIT_COMMAND)))
		continue;
	if (!scene.deed.running && !deed_is_done(&scene.deed))
		trial_give_up(trial, "%s", scene.deed.reason);
	else
		judge_remove(&scene, seat);
	if (scene.subject->dmabuf >= 0 && !scene.deed.lacking && !scene.deed.failed)
		*scene.subject->gone = trial->scenario->name;
out:
	scene_close(&scene);
}

const struct scenario exporter_remove = {
	.name = "remove",
	.summary = "the exporter goes under DMA of an importer",
	.clauses = "E13",
	.run = run_remove,
};
