// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "judge/events.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"

/* Between two looks at what has no event to wait for: the exporter's counts. */
#define LOOK_NS		5000000ULL

static uint64_t soon(uint64_t deadline_ns)
{
	uint64_t next = dr_deadline(LOOK_NS);

	return next < deadline_ns ? next : deadline_ns;
}

bool stage_alloc(struct stage *stage, struct trial *trial,
		 const struct dmabuf_revoke_alloc *like)
{
	const struct importer_subject *subject = trial->judge->subject;
	struct dmabuf_revoke_alloc new = { .fd_flags = O_RDWR | O_CLOEXEC };
	struct stat status;
	int ret;

	*stage = (struct stage){ .trial = trial, .exporter = -1, .dmabuf = -1, .answer = -1 };
	if (like)
		new = *like;
	new.fd_flags = O_RDWR | O_CLOEXEC;
	new.flags |= subject->flags;
	if (!new.length)
		new.length = subject->length;
	stage->exporter = dr_open(DMABUF_REVOKE_EXPORTER_PATH);
	ret = stage->exporter < 0 ? stage->exporter : dr_alloc_as(stage->exporter, &new);
	if (ret) {
		trial_give_up(trial, "no buffer for it: %s", errno_name(ret));
		return false;
	}
	stage->id = new.id;
	stage->dmabuf = new.fd;
	stage->quarantined = new.flags & DMABUF_REVOKE_ALLOC_QUARANTINE;
	if (!fstat(stage->dmabuf, &status))
		trial->inode = status.st_ino;
	return true;
}

bool stage_start(struct stage *stage)
{
	struct judge *judge = stage->trial->judge;
	const struct partner_options options = { .dmabuf = stage->dmabuf,
						 .mask = &judge->before };

	if (!partner_start(&stage->trial->partner, judge->program, &options))
		return true;
	trial_give_up(stage->trial, "%s cannot be run", *judge->program);
	return false;
}

bool stage_open(struct stage *stage, struct trial *trial, const struct dmabuf_revoke_alloc *like)
{
	return stage_alloc(stage, trial, like) && stage_start(stage);
}

/* Takes lines until there is an answer; true if there is one. */
static bool hear_answer(struct stage *stage, uint64_t deadline_ns)
{
	char line[PARTNER_LINE];

	while (partner_hear(&stage->trial->partner, line, deadline_ns) > 0)
		if (partner_done(line, &stage->answer)) {
			stage->speaks = true;
			return true;
		}
	return false;
}

static void look(struct stage *stage, struct dmabuf_revoke_query *query)
{
	memset(query, 0, sizeof(*query));
	dr_query(stage->exporter, stage->id, query);
}

enum progress {
	USED,			/* it says so */
	REFUSED,		/* it says which errno it got */
	MAPPED,			/* for a device */
	VMAPPED,
	ENDED,
	NOTHING,
};

/* Until one of these, as far as the caller asks. */
static enum progress await(struct stage *stage, bool until_answer)
{
	uint64_t deadline = trial_deadline(stage->trial, LIMIT_IMPORT);
	bool mapped = false, vmapped = false;
	struct dmabuf_revoke_query query;

	while (!trial_is_interrupted(stage->trial)) {
		if (hear_answer(stage, soon(deadline)))
			return stage->answer ? REFUSED : USED;
		look(stage, &query);
		mapped |= query.pending.maps;
		vmapped |= query.pending.vmaps;
		if (mapped && !until_answer)
			return MAPPED;
		if (partner_has_ended(&stage->trial->partner, 0))
			return hear_answer(stage, 0) ? stage->answer ? REFUSED : USED : ENDED;
		if (dr_now() >= deadline)
			break;
	}
	return mapped ? MAPPED : vmapped ? VMAPPED : NOTHING;
}

/* What the exporter answered last to something that it refused; 0: nothing was. */
static int refusal(struct stage *stage, const char **call)
{
	static const struct {
		enum watch_what what;
		const char *name;
	} calls[] = {
		{ WATCH_MAP, "map" }, { WATCH_PIN, "pin" }, { WATCH_VMAP, "vmap" },
		{ WATCH_ATTACH, "attach" },
	};
	const struct watch_event *event;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		event = events_last(stage->trial, calls[i].what, 0);
		if (event && event->result) {
			*call = calls[i].name;
			return event->result;
		}
	}
	return 0;
}

static void give_up_refused(struct stage *stage)
{
	const char *call = "";
	int ret = refusal(stage, &call);

	if (ret == -EOPNOTSUPP)
		trial_give_up(stage->trial, "it attaches as one that cannot be revoked, and was "
			      "refused (%s: EOPNOTSUPP): --accept-legacy lets it in", call);
	else if (ret)
		trial_give_up(stage->trial, "it does not use the buffer: %s has failed with %s",
			      call, errno_name(ret));
	else
		trial_give_up(stage->trial, "it says that it cannot use the buffer: %s",
			      errno_name(stage->answer));
}

static bool go_on(struct stage *stage, enum progress progress)
{
	char fate[128], limit[128], last[256];
	struct trial *trial = stage->trial;
	const char *call;

	trial_look(trial);
	switch (progress) {
	case USED:
	case MAPPED:
		return true;
	case REFUSED:
		give_up_refused(stage);
		return false;
	case VMAPPED:
		trial_give_up(trial, "it has a vmap only, which nobody can take back: there is "
			      "nothing to judge");
		return false;
	case ENDED:
		if (refusal(stage, &call)) {
			give_up_refused(stage);
			return false;
		}
		partner_fate(&trial->partner, fate);
		output_last(&trial->partner.output, last, sizeof(last));
		trial_give_up(trial, "%s %s, before it has mapped the buffer%s%s",
			      *trial->judge->program, fate, *last ? "; it says: " : "", last);
		return false;
	default:
		trial_give_up(trial, "%s has not mapped the buffer (descriptor in "
			      "DMABUF_REVOKE_FD); %s", *trial->judge->program,
			      limit_text(&trial->judge->limits, LIMIT_IMPORT, limit));
		return false;
	}
}

bool stage_await_use(struct stage *stage)
{
	return go_on(stage, await(stage, true));
}

bool stage_await_map(struct stage *stage)
{
	return go_on(stage, await(stage, false));
}

bool stage_again(struct stage *stage)
{
	struct trial *trial = stage->trial;
	uint64_t deadline = trial_deadline(trial, LIMIT_ANSWER);

	if (!stage->speaks || partner_say(&trial->partner, "again"))
		return false;
	while (!trial_is_interrupted(trial) && dr_now() < deadline)
		if (hear_answer(stage, soon(deadline)))
			return true;
		else if (partner_has_ended(&trial->partner, 0))
			return hear_answer(stage, 0);
	return false;
}

/* Long enough that each phase may take longer than its limit, and is seen to. */
static uint64_t act_deadline(const struct stage *stage)
{
	const struct limits *limits = &stage->trial->judge->limits;

	return dr_deadline(2 * (limits->ns[LIMIT_CALLBACK] + limits->ns[LIMIT_FENCE] +
				limits->ns[LIMIT_UNMAP]));
}

void stage_revoke(struct stage *stage)
{
	stage->told_ns = dr_now();
	stage->ret = dr_revoke(stage->exporter, stage->id, act_deadline(stage), &stage->revoke);
	trial_look(stage->trial);
}

void stage_suspend(struct stage *stage)
{
	stage->told_ns = dr_now();
	stage->ret = dr_suspend(stage->exporter, stage->id, act_deadline(stage), &stage->revoke);
	trial_look(stage->trial);
}

void stage_restore(struct stage *stage)
{
	stage->ret = dr_restore(stage->exporter, stage->id, act_deadline(stage));
	trial_look(stage->trial);
}

void stage_move(struct stage *stage)
{
	stage->told_ns = dr_now();
	stage->ret = dr_move(stage->exporter, stage->id, act_deadline(stage));
	trial_look(stage->trial);
}
