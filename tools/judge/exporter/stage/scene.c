// SPDX-License-Identifier: GPL-2.0-only
/* The buffer, and what is done to it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "judge/exporter/stage/scene.h"
#include "judge/seen/pulse.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"

#define HOLD_NS		300000000ULL
#define SLICE_NS	100000000ULL
#define MARGIN_NS	50000000ULL

uint64_t scene_hold(const struct scene *scene)
{
	return HOLD_NS * scene->trial->judge->limits.scale;
}

static bool know_buffer(struct scene *scene, int dmabuf)
{
	struct stat status;
	off_t length = lseek(dmabuf, 0, SEEK_END);

	scene->dmabuf = dmabuf;
	if (!fstat(dmabuf, &status))
		scene->trial->inode = status.st_ino;
	scene->length = length > 0 ? (uint64_t)length : 0;
	return true;
}

/* "failed E", before a buffer; 0: another line. */
static int failure(const char *line)
{
	int error;

	return sscanf(line, "failed %d", &error) == 1 && error > 0 ? error : 0;
}

static void give_up_program(struct trial *trial, const char *line)
{
	char fate[128], last[256];

	trial_await_program(trial, trial_deadline(trial, LIMIT_ANSWER));
	partner_fate(&trial->partner, fate);
	output_last(&trial->partner.output, last, sizeof(last));
	last[strcspn(last, "\n")] = 0;
	if (failure(line))
		trial_give_up(trial, "%s exports no buffer: %s%s%s", *trial->judge->program,
			      errno_name(failure(line)), *last ? "; it says: " : "", last);
	else
		trial_give_up(trial,
			      "%s %s, before it has sent a buffer (on the socket that DMABUF_REVOKE_CONTROL names)%s%s",
			      *trial->judge->program, fate,
			      *last ? "; it says: " : "", last);
}

static bool open_program(struct scene *scene)
{
	struct trial *trial = scene->trial;
	const struct partner_options options = { .dmabuf = -1, .mask = &trial->judge->before };
	uint64_t deadline = trial_deadline(trial, LIMIT_IMPORT);
	char line[PARTNER_LINE] = "";
	int dmabuf;

	if (partner_start(&trial->partner, trial->judge->program, &options)) {
		trial_give_up(trial, "%s cannot be run", *trial->judge->program);
		return false;
	}
	while (trial_hear(trial, line, deadline) > 0 && !failure(line)) {
		dmabuf = trial->partner.received;
		if (strcmp(line, "buffer") || dmabuf < 0)
			continue;
		trial->partner.received = -1;
		return know_buffer(scene, dmabuf);
	}
	give_up_program(trial, line);
	return false;
}

bool scene_open(struct scene *scene, struct trial *trial)
{
	const struct exporter_subject *subject = trial->judge->subject;

	*scene = (struct scene){ .trial = trial, .subject = subject, .dmabuf = -1,
				 .deed.partner.received = -1 };
	if (subject->dmabuf < 0)
		return open_program(scene);
	if (!*subject->gone)
		return know_buffer(scene, dup(subject->dmabuf));
	trial_give_up(trial,
		      "the buffer was revoked by scenario %s, and there is no other: give a PROGRAM that exports one for each",
		      *subject->gone);
	return false;
}

struct hang {
	struct trial *trial;
	uint64_t killed_ns;
};

static void note_stack(void *context, const char *stack)
{
	const struct hang *hang = context;
	char text[FINDING_TEXT];

	snprintf(text, sizeof(text), "SIGKILL does not end what the exporter was asked for: %s",
		 stack);
	trial_hangs(hang->trial, hang->killed_ns, text);
}

/* What even now hangs does so for good. */
static void end_asides(struct scene *scene)
{
	struct hang hang = { scene->trial, dr_now() };

	while (aside_await(&scene->aside, dr_deadline(SLICE_NS)))
		if (trial_is_hang(scene->trial, hang.killed_ns))
			break;
	aside_end(&scene->aside, note_stack, &hang);
}

static int close_aside(void *arg)
{
	return close(*(int *)arg) ? -errno : 0;
}

static int close_file(struct scene *scene, int file)
{
	int copy = file;

	return aside_call(&scene->aside, close_aside, &copy, sizeof(copy),
			  trial_deadline(scene->trial, LIMIT_ANSWER));
}

int scene_leave(struct scene *scene, struct seat *seat)
{
	int file = seat->file;

	seat->file = -1;
	return file < 0 ? 0 : close_file(scene, file);
}

static void end_program(struct trial *trial)
{
	if (!trial->partner.words)
		return;
	trial_hang_up(trial);
	if (!partner_has_ended(&trial->partner, 0))
		partner_signal(&trial->partner, SIGKILL);
}

/* A given buffer is to be for the next scenario what it was. */
static void bring_back(struct scene *scene)
{
	uint64_t deadline = trial_deadline(scene->trial, LIMIT_COMMAND);

	if (!scene->suspended || scene->subject->dmabuf < 0)
		return;
	scene_begin(scene, DEED_RESTORE);
	/* Also when we are to end: it is the user's. */
	while (!deed_has_ended(&scene->deed, scene->trial) && dr_now() < deadline)
		poll(&(struct pollfd){ deed_descriptor(&scene->deed, scene->trial), POLLIN, 0 },
		     1, (int)(SLICE_NS / 1000000));
	if (!deed_is_done(&scene->deed))
		*scene->subject->gone = scene->trial->scenario->name;
}

static void leave_all(struct scene *scene, bool with_job_only)
{
	unsigned int i;

	for (i = 0; i < scene->count; i++)
		if (scene->seats[i].job || !with_job_only)
			scene_leave(scene, &scene->seats[i]);
}

/* It may wait for our importers, and they for the lock that it has. */
static void end_deed(struct scene *scene)
{
	scene_await_end(scene, dr_deadline(SLICE_NS));
	if (!scene->deed.running)
		return;
	/* The end of a job needs no lock. */
	leave_all(scene, !scene_lock_is_free(scene));
	scene_await_over(scene);
}

void scene_close(struct scene *scene)
{
	struct trial *trial = scene->trial;

	end_deed(scene);
	deed_end(&scene->deed, trial);
	if (scene->deed.running)
		end_program(trial);
	leave_all(scene, false);
	bring_back(scene);
	deed_end(&scene->deed, trial);
	end_program(trial);
	if (scene->dmabuf >= 0)
		close_file(scene, scene->dmabuf);
	end_asides(scene);
}

unsigned int scene_told(const struct scene *scene)
{
	unsigned int told = 0, i;

	for (i = 0; i < scene->count; i++)
		told += scene->seats[i].told;
	return told;
}

static void note(struct seat *seat, const struct dmabuf_revoke_event *event)
{
	seat->lost |= event->sequence != seat->sequence;
	seat->sequence = event->sequence + 1;
	switch (event->type) {
	case DMABUF_REVOKE_EVENT_INVALIDATED:
		if (!seat->told++)
			seat->first_told_ns = event->time_ns;
		break;
	case DMABUF_REVOKE_EVENT_UNMAPPED:
		seat->unmapped_ns = event->time_ns;
		break;
	case DMABUF_REVOKE_EVENT_JOB_DONE:
		seat->done++;
		seat->done_ns = event->time_ns;
		break;
	}
}

void scene_look(struct scene *scene)
{
	struct dmabuf_revoke_event event;
	unsigned int i;

	/* First: what it did before its end is seen if that is. */
	deed_has_ended(&scene->deed, scene->trial);
	for (i = 0; i < scene->count; i++)
		while (scene->seats[i].file >= 0 && !dr_event(scene->seats[i].file, &event))
			note(&scene->seats[i], &event);
}

bool scene_await(struct scene *scene, uint64_t deadline_ns)
{
	struct pollfd files[SEATS + 2];
	unsigned int i, count = 0;
	uint64_t now = dr_now();

	if (now >= deadline_ns || trial_is_interrupted(scene->trial))
		return false;
	for (i = 0; i < scene->count; i++)
		files[count++] = (struct pollfd){ scene->seats[i].file, POLLIN, 0 };
	files[count++] = (struct pollfd){ deed_descriptor(&scene->deed, scene->trial), POLLIN, 0 };
	files[count++] = (struct pollfd){ scene->trial->judge->signals, POLLIN, 0 };
	if (deadline_ns - now > SLICE_NS)
		deadline_ns = now + SLICE_NS;
	poll(files, count, (int)((deadline_ns - now) / 1000000 + 1));
	scene_look(scene);
	return true;
}

void scene_begin(struct scene *scene, enum deed_what what)
{
	unsigned int i;

	deed_end(&scene->deed, scene->trial);
	/* An exporter may tell whenever it wants to: what came before is not of this. */
	scene_look(scene);
	for (i = 0; i < scene->count; i++)
		scene->seats[i].told = 0;
	deed_start(&scene->deed, scene->trial, what, scene->subject->commands);
	/* Nothing was done: what there is to bring back is as it was. */
	if (scene->deed.lacking)
		return;
	if (what == DEED_SUSPEND)
		scene->suspended = true;
	else if (what == DEED_REVOKE || what == DEED_REMOVE)
		scene->suspended = false;
}

/* What it was asked for finally cannot be asked for again. */
static void note_gone(struct scene *scene)
{
	bool finally = scene->deed.what == DEED_REVOKE || scene->deed.what == DEED_REMOVE;

	if (finally && !scene->deed.lacking && scene->subject->dmabuf >= 0)
		*scene->subject->gone = scene->trial->scenario->name;
}

/* Where nothing ran meanwhile it is as much later, so that something may be said of what is not. */
uint64_t scene_deadline(const struct scene *scene, uint64_t began_ns, enum limit limit)
{
	uint64_t most = scene->trial->judge->limits.ns[limit];
	/* As much as trial_never() takes off. */
	uint64_t lost = 2 * pulse_lost(began_ns, dr_now());

	return began_ns + most + MARGIN_NS + (lost < 4 * most ? lost : 4 * most);
}

bool scene_await_over(struct scene *scene)
{
	uint64_t began = dr_now();

	scene_look(scene);
	while (scene->deed.running &&
	       scene_await(scene, scene_deadline(scene, began, LIMIT_COMMAND)))
		continue;
	return !scene->deed.running;
}

bool scene_is_told_late(struct scene *scene, const struct seat *seat, const char *clause)
{
	const struct deed *deed = &scene->deed;

	if (deed->running)
		return false;
	while (!seat->told &&
	       scene_await(scene, scene_deadline(scene, deed->ended_ns, LIMIT_UNMAP)))
		continue;
	/* PROGRAM says that it is done: then it is, and what was told later is judged as it is. */
	if (deed->command && seat->told && seat->first_told_ns > deed->ended_ns)
		trial_unknown(scene->trial, clause,
			      "an importer was told after the %s was over: a command has to last until all is done",
			      deed_name(deed->what));
	else if (!seat->told && trial_is_interrupted(scene->trial))
		trial_unknown(scene->trial, clause, "it was interrupted");
	else
		return false;
	return true;
}

bool scene_await_end(struct scene *scene, uint64_t deadline_ns)
{
	scene_look(scene);
	while (scene->deed.running && scene_await(scene, deadline_ns))
		continue;
	return !scene->deed.running;
}

bool scene_do(struct scene *scene, enum deed_what what)
{
	scene_begin(scene, what);
	if (!scene_await_over(scene)) {
		char text[128];

		trial_unclear(scene->trial, "%s has not come to its end; %s", deed_name(what),
			      limit_text(&scene->trial->judge->limits, LIMIT_COMMAND, text));
		return false;
	}
	note_gone(scene);
	if (deed_is_done(&scene->deed))
		return true;
	trial_give_up(scene->trial, "%s", scene->deed.reason);
	return false;
}

/* Until an importer is told; or the deed has ended. */
static void begin_until_told(struct scene *scene, enum deed_what what)
{
	scene_begin(scene, what);
	while (scene->deed.running && !scene_told(scene) &&
	       scene_await(scene, scene_deadline(scene, scene->deed.began_ns, LIMIT_COMMAND)))
		continue;
	note_gone(scene);
}

/* A buffer that the user gave is kept for other scenarios where that is possible. */
static bool spares(const struct scene *scene)
{
	return scene->subject->dmabuf >= 0 && scene->subject->commands[DEED_SUSPEND] &&
	       scene->subject->commands[DEED_RESTORE];
}

bool scene_take_back_by(struct scene *scene, bool finally)
{
	struct trial *trial = scene->trial;
	char limit[128], reason[DEED_REASON];
	bool spare = !finally && spares(scene);

	begin_until_told(scene, spare ? DEED_SUSPEND : DEED_REVOKE);
	memcpy(reason, scene->deed.reason, sizeof(reason));
	if (scene->deed.lacking && !finally)
		begin_until_told(scene, DEED_SUSPEND);
	if (scene->deed.lacking)
		trial_give_up(trial, "%s", reason);
	else if (!scene->deed.running && !deed_is_done(&scene->deed))
		trial_give_up(trial, "%s", scene->deed.reason);
	else if (!scene_told(scene) && scene->deed.running)
		trial_unclear(trial, "no importer was told; %s",
			      limit_text(&trial->judge->limits, LIMIT_COMMAND, limit));
	else
		return true;
	return false;
}

bool scene_take_back(struct scene *scene)
{
	return scene_take_back_by(scene, false);
}
