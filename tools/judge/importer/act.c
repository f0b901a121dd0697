// SPDX-License-Identifier: GPL-2.0-only
/* What the exporter is asked to do, and what becomes of who asks. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge/seen/events.h"
#include "judge/importer/bounded.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"

/* Written by the one process, read by the other. */
struct outcome {
	int ret;
	struct dmabuf_revoke_revoke revoke;
	uint64_t moved;
};

#define LOOK_NS		10000000ULL
/* In one go. Then it is looked at whether there is anything to wait for. */
#define SLICE_NS	1000000000ULL

/* Each phase may take its limit. */
static uint64_t act_ns(const struct stage *stage)
{
	const struct limits *limits = &stage->trial->judge->limits;

	/* Nobody tells it, so it has nothing to wait for. */
	if (stage->legacy)
		return 0;
	return limits->ns[LIMIT_CALLBACK] + limits->ns[LIMIT_FENCE] + limits->ns[LIMIT_UNMAP];
}

static uint64_t slice_ns(const struct stage *stage)
{
	return act_ns(stage) < SLICE_NS ? act_ns(stage) : SLICE_NS;
}

static int revoke_it(struct stage *stage, uint64_t deadline_ns)
{
	return dr_revoke(stage->exporter, stage->id, deadline_ns, &stage->revoke);
}

static int begin_revoke(struct stage *stage, uint64_t deadline_ns)
{
	(void)deadline_ns;
	return dr_revoke(stage->exporter, stage->id, 0, &stage->revoke);
}

static int suspend(struct stage *stage, uint64_t deadline_ns)
{
	return dr_suspend(stage->exporter, stage->id, deadline_ns, &stage->revoke);
}

static int restore(struct stage *stage, uint64_t deadline_ns)
{
	return dr_restore(stage->exporter, stage->id, deadline_ns);
}

static int move(struct stage *stage, uint64_t deadline_ns)
{
	return dr_move_number(stage->exporter, stage->id, deadline_ns, &stage->moved);
}

static int move_only(struct stage *stage, uint64_t deadline_ns)
{
	(void)deadline_ns;
	return dr_move(stage->exporter, stage->id, 0);
}

static void note_stack(void *context, const char *text)
{
	finding_detail(context, "%s", text);
}

/* By what has begun and not ended. */
static bool is_in_callback(const struct trial *trial)
{
	const struct watch_event *told = NULL;

	while ((told = events_next(trial, WATCH_INVALIDATE, 0, told)))
		if (told->unfinished)
			return true;
	return false;
}

/* Its callback has not returned, or it holds the lock under which it would be called. */
static void tell_stuck(struct stage *stage, pid_t pid, uint64_t began_ns)
{
	struct trial *trial = stage->trial;
	struct finding *finding;

	own_record_unfinished(trial->judge->record, &trial->list);
	if (is_in_callback(trial))
		finding = trial_never(trial, "I2", LIMIT_CALLBACK, began_ns,
				      "its callback has not returned", "it was called");
	else
		finding = trial_unknown(trial, "I2",
					"the exporter hangs, but not in a callback: somebody holds the lock");
	partner_stacks(&(struct partner){ .pid = pid }, note_stack, finding);
	partner_stacks(&trial->partner, note_stack, finding);
}

static void await_end(struct stage *stage, pid_t pid, int process)
{
	const struct limits *limits = &stage->trial->judge->limits;
	uint64_t most = slice_ns(stage) + limits->ns[LIMIT_END], began_ns = dr_now();

	/* Who asked us to end does not wait for what takes long. */
	while (dr_now() - began_ns < most) {
		if (bounded_child_ends(process, LOOK_NS))
			return;
		if (trial_is_interrupted(stage->trial) && most > slice_ns(stage) + SLICE_NS)
			most = slice_ns(stage) + SLICE_NS;
	}
	while (!trial_is_over(stage->trial, limits->ns[LIMIT_CALLBACK], began_ns))
		if (bounded_child_ends(process, LOOK_NS))
			return;
	trial_look(stage->trial);
	tell_stuck(stage, pid, began_ns);
	kill(pid, SIGKILL);
	if (!bounded_child_ends(process, limits->ns[LIMIT_END]))
		stage->trial->judge->stuck = true;
}

static void run_process(struct stage *stage, struct outcome *outcome,
			int (*how)(struct stage *stage, uint64_t deadline_ns))
{
	int process;
	pid_t pid;

	pid = fork();
	if (!pid) {
		bounded_child(stage->trial->judge);
		/* Our attachment: a callback may hang for its fence, until that is let go of. */
		if (stage->holder >= 0)
			close(stage->holder);
		outcome->ret = how(stage, dr_deadline(slice_ns(stage)));
		outcome->revoke = stage->revoke;
		outcome->moved = stage->moved;
		_exit(0);
	}
	if (pid < 0) {
		outcome->ret = -errno;
		return;
	}
	setpgid(pid, pid);
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	await_end(stage, pid, process);
	waitpid(pid, NULL, WNOHANG);
	close(process);
}

static void act(struct stage *stage, int (*how)(struct stage *stage, uint64_t deadline_ns))
{
	struct outcome *outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	stage->told_ns = dr_now();
	stage->ret = -ENOMEM;
	if (outcome == MAP_FAILED)
		return;
	outcome->ret = -EINPROGRESS;
	run_process(stage, outcome, how);
	stage->ret = outcome->ret;
	stage->revoke = outcome->revoke;
	stage->moved = outcome->moved;
	munmap(outcome, sizeof(*outcome));
	trial_look(stage->trial);
}

/* It resumes what it has begun: until each phase may be seen to take longer than its limit. */
static void act_on(struct stage *stage, int (*how)(struct stage *stage, uint64_t deadline_ns))
{
	uint64_t told_ns = dr_now();

	do {
		act(stage, how);
		stage->legacy |= stage->revoke.pending.legacy_maps;
	} while (stage->ret == -ETIMEDOUT && !stage->legacy &&
	       !trial_is_over(stage->trial, act_ns(stage), told_ns));
	stage->told_ns = told_ns;
}

/* Whoever wants a vmap then, as an importer may when it is to use the buffer again, gets none. */
static void forgive_vmaps(struct stage *stage)
{
	stage->trial->forgiven = FORGIVEN_VMAP;
}

void stage_revoke(struct stage *stage)
{
	forgive_vmaps(stage);
	act_on(stage, revoke_it);
}

void stage_begin_revoke(struct stage *stage)
{
	forgive_vmaps(stage);
	act(stage, begin_revoke);
}

void stage_finish_revoke(struct stage *stage)
{
	uint64_t told_ns = stage->told_ns;

	act_on(stage, revoke_it);
	stage->told_ns = told_ns;
}

void stage_suspend(struct stage *stage)
{
	forgive_vmaps(stage);
	act_on(stage, suspend);
}

void stage_restore(struct stage *stage)
{
	uint64_t told_ns = stage->told_ns;

	act(stage, restore);
	while (stage->ret == -ETIMEDOUT && !stage->legacy &&
	       !trial_is_over(stage->trial, act_ns(stage), told_ns))
		act(stage, restore);
	/* Nobody is told. */
	stage->told_ns = told_ns;
}

/* Those that a move still waits for; not what is on the buffer since, on new mappings. */
static uint32_t awaited_fences(struct stage *stage)
{
	struct watch_list pending = { 0 };
	uint32_t found = 0;
	size_t i;

	own_record_unfinished(stage->trial->judge->record, &pending);
	for (i = 0; i < pending.count; i++) {
		const struct watch_event *event = &pending.events[i];

		found += event->what == WATCH_FENCE_WAIT &&
			 event->inode == stage->trial->inode &&
			 !(stage->other && event->attach == stage->other);
	}
	watch_list_free(&pending);
	return found;
}

void stage_move(struct stage *stage)
{
	stage->moved = 0;
	act_on(stage, move);
	if (stage->ret == -ETIMEDOUT)
		stage->revoke.pending.fences = awaited_fences(stage);
}

void stage_move_only(struct stage *stage)
{
	act(stage, move_only);
}

/* As if its process had ended. */
void stage_die(struct stage *stage)
{
	forgive_vmaps(stage);
	stage->told_ns = dr_now();
	close(stage->exporter);
	stage->exporter = -1;
}
