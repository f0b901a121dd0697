// SPDX-License-Identifier: GPL-2.0-only
/*
 * The events of docs/modules/matrix.md: each happens to a scene that is set, and what is seen
 * of it is said in the notation of that table.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "cell.h"

/* What was seen, as far as it goes. */
static char seen[256];

__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
	size_t length = strlen(seen);
	va_list args;

	va_start(args, format);
	vsnprintf(seen + length, sizeof(seen) - length, format, args);
	va_end(args);
}

static void next_field(void)
{
	say("; ");
}

/* Of the first field, which is a list. */
static void next_word(void)
{
	if (*seen)
		say(", ");
}

static void say_pair(const char *during, const char *after)
{
	if (!after)
		return;
	next_field();
	if (during && strcmp(during, after))
		say("%s -> %s", during, after);
	else
		say("%s", after);
}

/* --- the end of an event that takes the buffer back ------------------------ */

static bool is_complete(struct scene *s)
{
	struct dmabuf_revoke_query now = scene_query(s), by_id;

	if (now.state == DMABUF_REVOKE_STATE_SUSPENDED)
		return true;
	if (now.state != DMABUF_REVOKE_STATE_REVOKED)
		return false;
	/* Without an owner the id has to go as well. */
	return s->owner >= 0 ||
	       (now.orphaned && dr_query(s->observer, s->id, &by_id) == -ENOENT);
}

/* Nothing changes any more unless somebody does something. */
static bool is_settled(struct scene *s)
{
	struct dmabuf_revoke_query now = scene_query(s);
	bool invalidated = scene_invalidated(s);

	if (is_complete(s))
		return true;
	/* All waits are over, whatever is still in use. */
	if (now.phases.give_back_ns || !(now.pending.fences || now.pending.maps ||
					 now.pending.vmaps))
		return false;
	if (now.pending.fences && (invalidated || s->state == MATRIX_JOB))
		return false;
	return !invalidated || now.pending.maps == now.pending.legacy_maps;
}

static void say_until(struct scene *s, const char *what, const char *blockers)
{
	next_word();
	say("%s until %s", blockers, what);
	if (!scene_wait_until(s, is_settled))
		say(" and longer");
}

/* The importer lets go of one thing after the other, until that is enough. */
static void let_go(struct scene *s)
{
	const char *blockers = scene_blockers(s);

	if (!is_complete(s) && !dr_unmap(s->att))
		say_until(s, "unmap", blockers);
	blockers = scene_blockers(s);
	if (!is_complete(s) && !dr_vunmap(s->att))
		say_until(s, "vunmap", blockers);
	blockers = scene_blockers(s);
	if (!is_complete(s)) {
		close(s->att);
		s->att = -1;
		say_until(s, "close", blockers);
	}
}

/* A fence that signals after the wait for fences was over, was not waited for. */
static void check_order(struct scene *s)
{
	struct dmabuf_revoke_phases phases = scene_query(s).phases;
	uint64_t fenced = phases.began_ns + phases.tell_ns + phases.zap_ns +
			  phases.fences_ns, signalled;

	if (s->fence >= 0 && (!scene_fence_status(s, &signalled) ||
			      signalled > fenced)) {
		next_word();
		say("before the fence");
	}
}

/*
 * The state was not what it should be: @when something happened, or was looked at, the job
 * had ended, or was so near its end that it may have ended just then.
 */
static void check_in_flight(struct scene *s, uint64_t when)
{
	uint64_t signalled;

	if (s->state != MATRIX_JOB || s->fence < 0)
		return;
	if (when > s->submitted_ns + s->job_ns / 4 * 3)
		exit(MATRIX_AGAIN);
	if (scene_fence_status(s, &signalled) == 1 && signalled < when)
		exit(MATRIX_AGAIN);
}

static void say_invalidated(struct scene *s)
{
	uint64_t invalidated = scene_invalidated(s);

	if (invalidated == 1)
		say("invalidated");
	else if (invalidated)
		say("invalidated %llu times", (unsigned long long)invalidated);
}

/* The first field, and what a newcomer gets meanwhile. */
static const char *follow(struct scene *s)
{
	const char *blockers = scene_blockers(s);
	uint64_t looked = dr_now();
	const char *newcomer = scene_newcomer(s);
	size_t invalidated;

	say_invalidated(s);
	invalidated = strlen(seen);
	if (s->state == MATRIX_JOB)
		scene_await_job(s);
	check_in_flight(s, looked);
	if (!scene_wait_until(s, is_settled)) {
		next_word();
		say("stuck");
	}
	if (s->state == MATRIX_JOB && scene_fence_status(s, NULL) == 1) {
		next_word();
		say("%s until job", blockers);
	}
	let_go(s);
	check_order(s);
	if (strlen(seen) == invalidated) {
		next_word();
		say("done");
	}
	return newcomer;
}

/* --- what became of the others --------------------------------------------- */

static void say_job(struct scene *s)
{
	int status;

	if (s->fence < 0)
		return;
	next_field();
	if (s->state == MATRIX_JOB)
		scene_await_job(s);
	status = scene_fence_status(s, NULL);
	if (status == -ECANCELED)
		say("cut");
	else if (status < 0)
		say("%s", result_name(status));
	else if (s->state == MATRIX_JOB)
		say(status ? "ran" : "stuck");
	else if (status)
		say("ends");
	else
		say(scene_is_streaming(s) ? "goes on" : "stuck");
}

static void say_importer_and_cpu(struct scene *s)
{
	say_pair(NULL, scene_same(s));
	say_pair(NULL, scene_newcomer(s));
	say_pair(NULL, scene_cpu(s));
}

static void say_taken_back(struct scene *s)
{
	const char *newcomer = follow(s);

	say_job(s);
	say_pair(NULL, scene_same(s));
	say_pair(NULL, newcomer);
	say_pair(NULL, scene_cpu(s));
}

/* --- the events ------------------------------------------------------------ */

static void begun(int ret)
{
	must(ret == -ETIMEDOUT ? 0 : ret);
}

static void event_revoke(struct scene *s)
{
	begun(dr_revoke(s->owner, s->id, 0, NULL));
	say_taken_back(s);
}

static void event_suspend(struct scene *s)
{
	const char *newcomer, *same, *cpu;

	begun(dr_suspend(s->owner, s->id, 0, NULL));
	newcomer = follow(s);
	say_job(s);
	same = scene_same(s);
	cpu = scene_cpu(s);

	must(dr_restore(s->owner, s->id, dr_deadline(s->patience_ns)));
	say_pair(same, scene_same(s));
	say_pair(newcomer, scene_newcomer(s));
	say_pair(cpu, scene_cpu(s));
}

static void say_moved(struct scene *s, uint64_t done)
{
	uint64_t signalled;
	int status = s->fence < 0 ? 0 : scene_fence_status(s, &signalled);

	say_invalidated(s);
	next_word();
	if (s->fence >= 0 && (!status || signalled > done))
		say("before the fence");
	else if (s->state == MATRIX_JOB && status == 1)
		say("fence until job");
	else
		say("done");
}

static void event_move(struct scene *s)
{
	uint64_t begin = dr_now();
	int ret = dr_move(s->owner, s->id, dr_deadline(s->patience_ns));
	uint64_t end = dr_now(), invalidated = scene_invalidated_ns(s);

	check_in_flight(s, ret ? end : invalidated ? invalidated : begin);
	if (ret) {
		say_invalidated(s);
		next_word();
		say("%s", result_name(ret));
	} else {
		say_moved(s, end);
	}
	say_job(s);
	say_importer_and_cpu(s);
}

static bool is_an_orphan(struct scene *s)
{
	return scene_query(s).orphaned;
}

static void event_owner_closes(struct scene *s)
{
	close(s->owner);
	s->owner = -1;
	scene_wait_until(s, is_an_orphan);
	say_taken_back(s);
}

static void event_owner_killed(struct scene *s)
{
	int status;

	must(sys(kill(s->owner_pid, SIGKILL)));
	must(sys(waitpid(s->owner_pid, &status, 0)));
	scene_wait_until(s, is_an_orphan);
	say_taken_back(s);
}

static void event_importer_closes(struct scene *s)
{
	uint64_t begin = dr_now();
	struct dmabuf_revoke_query now;

	close(s->att);
	s->att = -1;
	check_in_flight(s, begin);

	now = scene_query(s);
	if (now.attachments || now.state != DMABUF_REVOKE_STATE_LIVE ||
	    now.pending.maps || now.pending.vmaps || now.pending.fences ||
	    now.pending.pins)
		say("leaves %s", scene_blockers(s));
	else
		say("done");
	say_job(s);
	say_importer_and_cpu(s);
}

static bool unloads(const char *module)
{
	long ret = sys(syscall(SYS_delete_module, module, O_NONBLOCK));

	/* In use, or a process is about to drop what it used. */
	must(ret == -EWOULDBLOCK ? 0 : ret);
	return !ret;
}

static void event_unload(struct scene *s)
{
	/* The attachment alone has to keep the importer. */
	close(s->importer);
	s->importer = -1;
	if (s->let_go_first)
		scene_clear(s);

	if (unloads("dmabuf_revoke_importer"))
		say("importer unloaded");
	if (unloads("dmabuf_revoke_exporter")) {
		next_word();
		say("exporter unloaded");
	}
	if (*seen)
		return;
	say("in use");
	check_in_flight(s, dr_now());

	s->importer = must(dr_open(DMABUF_REVOKE_IMPORTER_PATH));
	say_job(s);
	say_importer_and_cpu(s);
}

const struct matrix_event matrix_events[MATRIX_EVENTS] = {
	{ .name = "revoke", .run = event_revoke },
	{ .name = "suspend-restore", .run = event_suspend },
	{ .name = "move", .run = event_move },
	{ .name = "owner-closes", .run = event_owner_closes },
	{ .name = "owner-killed", .run = event_owner_killed,
	  .owned_by_child = true },
	{ .name = "importer-closes", .run = event_importer_closes },
	{ .name = "unload", .run = event_unload },
};

const char *scene_see(struct scene *s, const struct matrix_event *event)
{
	s->owned_by_child = event->owned_by_child;
	scene_set(s);
	event->run(s);
	scene_clear(s);
	return seen;
}
