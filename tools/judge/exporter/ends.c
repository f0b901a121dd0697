// SPDX-License-Identifier: GPL-2.0-only
/* The exporter runs out of descriptors; it goes. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "watch/record/there.h"

#define BUFFERS		"/sys/kernel/debug/dma_buf/bufinfo"

/* Standard descriptors are there in any case; more than the last are not tried. */
#define FEWEST		4
#define MOST		64

/* Dma-bufs of one exporter, as long as the one that it has exported: so is what it leaves. */
struct buffers {
	const char *exporter;
	uint64_t size;
	struct descriptor *rows;
	size_t count;
};

/* Of those that no process has. */
struct left {
	bool known;			/* they can be read, to the end */
	size_t attached, others;	/* those that a driver has attached: whose is not known */
};

static int note_buffer(void *context, const struct descriptor *descriptor)
{
	struct buffers *buffers = context;
	struct descriptor *rows;

	if (descriptor->size != buffers->size ||
	    strncmp(descriptor->exporter, buffers->exporter, sizeof(descriptor->exporter) - 1))
		return 0;
	rows = reallocarray(buffers->rows, buffers->count + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	buffers->rows = rows;
	buffers->rows[buffers->count++] = *descriptor;
	return 0;
}

static int forget_buffer(void *context, const struct descriptor *descriptor)
{
	struct buffers *buffers = context;
	size_t i, kept = 0;

	for (i = 0; i < buffers->count; i++)
		if (buffers->rows[i].inode != descriptor->inode)
			buffers->rows[kept++] = buffers->rows[i];
	buffers->count = kept;
	return 0;
}

/* All that there are. False: that cannot be read, or not to the end. */
static bool list_buffers(struct buffers *buffers, const char *exporter, uint64_t size)
{
	*buffers = (struct buffers){ .exporter = exporter, .size = size };
	return there_can_list() && !there_listed(note_buffer, buffers);
}

/*
 * Those that were not there before, and that no process has open or mapped: others make some, too.
 */
static struct left find_new(const struct buffers *before)
{
	struct left left = { 0 };
	struct buffers now;
	size_t i;

	if (list_buffers(&now, before->exporter, before->size)) {
		left.known = true;
		for (i = 0; i < before->count; i++)
			forget_buffer(&now, &before->rows[i]);
		there_walk(0, forget_buffer, &now);
		there_mapped(forget_buffer, &now);
		for (i = 0; i < now.count; i++)
			left.attached += now.rows[i].attached > 0;
		left.others = now.count - left.attached;
	}
	free(now.rows);
	return left;
}

/* Whose the dma-buf is. */
static void find_exporter(int dmabuf, char name[128])
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "exp_name: %127s", name);
	if (file)
		fclose(file);
}

struct tries {
	unsigned int refused;		/* it has said so, or has ended */
	char exporter[128];		/* of the dma-buf of the one that was not; "" */
	uint64_t size;			/* of it */
	bool killed;			/* by a signal */
	bool said;			/* one of them was of the exporter: EMFILE */
};

/* "buffer", "failed E", or the end. */
static void hear(struct trial *trial, struct tries *tries)
{
	uint64_t deadline = trial_deadline(trial, LIMIT_IMPORT);
	char line[PARTNER_LINE];
	int error;

	while (trial_hear(trial, line, deadline) > 0) {
		if (!strcmp(line, "buffer") && trial->partner.received >= 0) {
			find_exporter(trial->partner.received, tries->exporter);
			tries->size = (uint64_t)lseek(trial->partner.received, 0, SEEK_END);
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
	uint64_t began;

	if (partner_start(partner, trial->judge->program, &options)) {
		partner->words = NULL;
		return false;
	}
	hear(trial, tries);
	began = dr_now();
	trial_hang_up(trial);
	if (!trial_stop(trial, partner, *trial->judge->program)) {
		trial_never(trial, "E16", LIMIT_END, began,
			    "with too few descriptors it has not ended, by SIGKILL either",
			    "it was to");
		return false;
	}
	tries->killed |= WIFSIGNALED(partner->state) && WTERMSIG(partner->state) != SIGKILL;
	return true;
}

/* All there can be, one after the other, until it exports; then *tries says whose that is. */
static bool try_all(struct trial *trial, struct tries *tries)
{
	unsigned int i;

	*tries = (struct tries){ 0 };
	for (i = FEWEST; i <= MOST && !*tries->exporter; i++)
		if (!try_with(trial, i, tries) || trial_is_interrupted(trial))
			return false;
	if (*tries->exporter)
		return true;
	trial_give_up(trial, "%s exports no buffer, with %u descriptors either",
		      *trial->judge->program, MOST);
	return false;
}

/* What stays: there is no event for a last reference. */
static struct left left_since(struct trial *trial, const struct buffers *before)
{
	const struct timespec shortly = { .tv_nsec = 2000000 };
	uint64_t deadline = trial_deadline(trial, LIMIT_END);
	struct left left;

	while (true) {
		left = find_new(before);
		if (!left.known || !(left.attached + left.others) ||
		    dr_now() >= deadline || trial_is_interrupted(trial))
			return left;
		nanosleep(&shortly, NULL);
	}
}

/* What is left of one more round, or of a while of the same length. */
struct look {
	struct left left;
	uint64_t took_ns;
};

static void wait_for(struct trial *trial, uint64_t ns)
{
	poll(&(struct pollfd){ trial->judge->signals, POLLIN, 0 }, 1, (int)(ns / 1000000 + 1));
}

/*
 * All that there can be once more; or, for as long as @idle has taken, nothing. Then what is left.
 * False: there is no verdict to give.
 */
static bool act_and_look(struct trial *trial, struct tries *tries, const struct look *idle,
			 struct look *look)
{
	const struct tries wanted = *tries;
	uint64_t began_ns = dr_now();
	struct buffers before;
	bool known, acted = true;

	known = list_buffers(&before, wanted.exporter, wanted.size);
	if (idle)
		wait_for(trial, idle->took_ns);
	else
		acted = try_all(trial, tries);
	look->left = acted && known ? left_since(trial, &before) : (struct left){ 0 };
	look->took_ns = dr_now() - began_ns;
	free(before.rows);
	return acted;
}

/* What two rounds have left, and a while without any: that is of others. */
struct looks {
	struct look first, second, idle;
};

/* As many each time, none without it, and nobody is there who may have them unseen. */
static bool is_leak(struct trial *trial, const struct looks *looks)
{
	const struct left *idle = &looks->idle.left;

	return looks->first.left.others &&
	       looks->first.left.others == looks->second.left.others && idle->known &&
	       !(idle->attached + idle->others) && there_sees_all() &&
	       !trial_is_interrupted(trial);
}

static void judge_tries(struct trial *trial, const struct tries *tries, const struct looks *looks)
{
	const char *what = "what had too few descriptors";
	const struct left *left = &looks->first.left;

	if (!tries->said)
		trial_unknown(trial, "E16",
			      "no try has got as far as to an export that fails with EMFILE, as \"failed %d\" would say",
			      EMFILE);
	else if (!left->known)
		trial_unknown(trial, "E16",
			      "%s (%u tries) was refused with EMFILE; whether it has left a dma-buf cannot be read (%s)",
			      what, tries->refused, BUFFERS);
	else if (is_leak(trial, looks))
		trial_fail(trial, "E16",
			   "%s (%u tries) was refused, and has left %zu dma-bufs of %s, and the next time as many (%s)",
			   what, tries->refused, left->others, tries->exporter, BUFFERS);
	else if (left->attached + left->others)
		trial_unknown(trial, "E16",
			      "%s (%u tries) was refused; %zu dma-bufs of %s that nobody has open were new then, %zu of them attached to a driver: whose they are is not known (%s)",
			      what, tries->refused, left->attached + left->others,
			      tries->exporter, left->attached, BUFFERS);
	else
		trial_pass(trial, "E16",
			   "%s (%u tries) was refused with EMFILE, and has left no dma-buf", what,
			   tries->refused);
	if (tries->killed)
		trial_unknown(trial, "E16",
			      "%s was ended by a signal, when it had too few descriptors",
			      *trial->judge->program);
}

/*
 * Twice: only then it is known whose to look for, and what it leaves it leaves each time. Once more
 * without it: what is new then was made by somebody else.
 */
static void try_and_judge(struct trial *trial)
{
	struct looks looks = { 0 };
	struct tries tries;
	bool tried;

	if (!try_all(trial, &tries) || !act_and_look(trial, &tries, NULL, &looks.first))
		return;
	tried = !looks.first.left.others || act_and_look(trial, &tries, NULL, &looks.second);
	if (tried && looks.second.left.others)
		act_and_look(trial, &tries, &looks.second, &looks.idle);
	if (tried)
		judge_tries(trial, &tries, &looks);
}

static void run_descriptors(struct trial *trial)
{
	if (!trial->judge->program) {
		trial_give_up(trial, "a given buffer is exported already: it takes a PROGRAM");
		return;
	}
	try_and_judge(trial);
	/* What has kept dma-bufs goes now, and what PROGRAM has started, however far it came. */
	if (!trial->judge->stuck)
		trial_sweep(trial, &trial->partner, *trial->judge->program);
}

const struct scenario exporter_descriptors = {
	.name = "descriptors",
	.summary = "PROGRAM is run with ever more descriptors, until they are enough",
	.clauses = "E16",
	.run = run_descriptors,
};

/* Memory, which a reference may keep; not a part of a device that goes. */
static bool is_memory(struct scene *scene, struct seat *seat)
{
	struct dmabuf_revoke_segment segment;

	return scene_first_segment(scene, seat, &segment) &&
	       segment.flags & DMABUF_REVOKE_SEGMENT_MEMORY;
}

/*
 * Whether it may outlive what was removed, and then the verdict is @text: memory that cannot be
 * revoked. It has gone, but whether there is such a thing it says all the same. (If it does not,
 * that is not clear.)
 */
static bool may_outlive(struct scene *scene, bool memory, const char *text)
{
	const struct deed *deed = &scene->deed;

	if (!memory)
		return false;
	scene_begin(scene, DEED_REVOKE);
	scene_await_over(scene);
	if (deed->lacking)
		trial_skip(scene->trial, "E13", "%s", text);
	else if (deed->running || (deed->failed && !deed->command))
		trial_unclear(scene->trial, "whether it can be revoked it has not said");
	else
		return false;
	return true;
}

#define TOLD "importers were told, and a map has succeeded, as it may: the buffer is memory, and has outlived what was removed"
#define UNTOLD "no importer was told, nor need be: the buffer is memory, and has outlived what was removed"

/* Importers were told, and DMA has ended. */
static void judge_use(struct scene *scene, struct seat *seat, bool memory)
{
	uint64_t began = scene->deed.began_ns, ended = scene->deed.ended_ns;
	struct trial *trial = scene->trial;
	int ret = scene_map(scene, seat);

	if (!ret && may_outlive(scene, memory, TOLD))
		return;
	if (!ret)
		trial_fail(trial, "E13", "a map has succeeded after the exporter was removed");
	else if (scene_is_for_now(ret))
		trial_unclear(trial, "a map after the exporter was removed: %s",
			      scene_result(ret));
	else
		trial_took(trial, "E13", LIMIT_COMMAND, began, ended,
			   "importers were told, DMA has ended, and the removal was over",
			   "it was asked for");
}

static void judge_remove(struct scene *scene, struct seat *seat, bool memory)
{
	struct trial *trial = scene->trial;
	uint64_t began = scene->deed.began_ns, ended = scene->deed.ended_ns;
	bool told = seat->told;

	if (scene->deed.running)
		trial_never(trial, "E13", LIMIT_COMMAND, began,
			    "the removal has not come to its end", "it was asked for");
	else if (!told && may_outlive(scene, memory, UNTOLD))
		return;
	else if (!told)
		trial_never(trial, "E13", LIMIT_UNMAP, ended,
			    "no importer was told", "the exporter was removed");
	else if (!seat->done && seat->job)
		trial_never(trial, "E13", LIMIT_UNMAP, ended,
			    "DMA has not ended", "the exporter was removed");
	else
		judge_use(scene, seat, memory);
}

/* How long is waited: once it is over importers have been told, or never will be. */
static uint64_t until(const struct scene *scene)
{
	const struct deed *deed = &scene->deed;

	return deed->running ? scene_deadline(scene, deed->began_ns, LIMIT_COMMAND) :
	       scene_deadline(scene, deed->ended_ns, LIMIT_UNMAP);
}

static void run_remove(struct trial *trial)
{
	struct scene scene;
	struct seat *seat;
	bool memory;

	if (!scene_open(&scene, trial))
		goto out;
	seat = scene_attach_mapped(&scene, &(struct manner){
		.kind = DMABUF_REVOKE_KIND_DYNAMIC });
	if (!seat)
		goto out;
	memory = is_memory(&scene, seat);
	if (scene_has_engine(seat))
		scene_submit(&scene, seat, DMABUF_REVOKE_OP_READ, DMABUF_REVOKE_SUBMIT_STREAM, 0);
	scene_begin(&scene, DEED_REMOVE);
	while ((scene.deed.running || !seat->told || (seat->job && !seat->done)) &&
	       (scene.deed.running || deed_is_done(&scene.deed)) &&
	       scene_await(&scene, until(&scene)))
		continue;
	if (scene.subject->dmabuf >= 0 && !scene.deed.lacking && !scene.deed.failed)
		*scene.subject->gone = trial->scenario->name;
	if (!scene.deed.running && !deed_is_done(&scene.deed))
		trial_give_up(trial, "%s", scene.deed.reason);
	else
		judge_remove(&scene, seat, memory);
out:
	scene_close(&scene);
}

const struct scenario exporter_remove = {
	.name = "remove",
	.summary = "the exporter goes under DMA of an importer",
	.clauses = "E13",
	.run = run_remove,
};
