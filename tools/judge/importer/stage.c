// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "judge/seen/events.h"
#include "judge/importer/bounded.h"
#include "judge/importer/stage.h"
#include "lib/text/message.h"

/* Between two looks at what has no event to wait for: the exporter's counts. */
#define LOOK_NS		5000000ULL
/* It takes the resv lock. */
#define LOOK_MOST_NS	1000000000ULL

static uint64_t soon(uint64_t deadline_ns)
{
	uint64_t next = dr_deadline(LOOK_NS);

	return next < deadline_ns ? next : deadline_ns;
}

static bool alloc(struct stage *stage, struct trial *trial,
		  const struct dmabuf_revoke_alloc *like, uint32_t flags)
{
	const struct importer_subject *subject = trial->judge->subject;
	struct dmabuf_revoke_alloc new = { .fd_flags = O_RDWR | O_CLOEXEC };
	struct stat status;
	int ret;

	/* That was said of the one before. */
	trial->unused = false;
	*stage = (struct stage){ .trial = trial, .exporter = -1, .dmabuf = -1, .answer = -1,
				 .holder = -1 };
	if (like)
		new = *like;
	new.fd_flags = O_RDWR | O_CLOEXEC;
	new.flags |= flags;
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
	stage->length = new.length;
	stage->memory = new.shape == DMABUF_REVOKE_SHAPE_REPEATED ? new.shape_arg : new.length;
	stage->quarantined = new.flags & DMABUF_REVOKE_ALLOC_QUARANTINE;
	if (!fstat(stage->dmabuf, &status))
		trial->inode = status.st_ino;
	return true;
}

bool stage_alloc(struct stage *stage, struct trial *trial,
		 const struct dmabuf_revoke_alloc *like)
{
	const struct importer_subject *subject = trial->judge->subject;

	return alloc(stage, trial, like, subject->flags);
}

bool stage_alloc_strict(struct stage *stage, struct trial *trial,
			const struct dmabuf_revoke_alloc *like)
{
	return alloc(stage, trial, like, 0);
}

bool stage_start(struct stage *stage)
{
	struct judge *judge = stage->trial->judge;
	const struct partner_options options = { .dmabuf = stage->dmabuf,
						 .mask = &judge->before,
						 .cgroup = stage->cgroup,
						 .range = stage->range };

	if (!partner_start(&stage->trial->partner, judge->program, &options))
		return true;
	trial_give_up(stage->trial, "%s cannot be run", *judge->program);
	return false;
}

bool stage_open(struct stage *stage, struct trial *trial, const struct dmabuf_revoke_alloc *like)
{
	return stage_alloc(stage, trial, like) && stage_start(stage);
}

/* The number of our attachment, made since then; the program may attach meanwhile, too. */
static uint64_t find_ours(const struct stage *stage, uint64_t since_ns)
{
	const struct watch_event *attach = NULL, *only = NULL;
	unsigned int count = 0;

	while ((attach = events_next(stage->trial, WATCH_ATTACH, since_ns, attach))) {
		/* Not where we are in a namespace of our own. */
		if (!attach->result && attach->pid == (uint32_t)getpid())
			return attach->attach;
		if (!attach->result && !count++)
			only = attach;
	}
	return count == 1 ? only->attach : 0;
}

bool stage_hold(struct stage *stage, uint32_t op, uint32_t flags)
{
	const int importer = stage->trial->judge->importer;
	struct dmabuf_revoke_submit job = { .op = op, .flags = flags, .length = 1 };
	uint64_t since_ns = dr_now();
	int ret = importer;

	if (ret >= 0)
		ret = dr_attach_misbehaving(importer, stage->dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0,
					    DMABUF_REVOKE_MISBEHAVE_STUCK_FENCE, 0);
	if (ret >= 0) {
		stage->holder = ret;
		ret = dr_submit(stage->holder, &job);
	}
	if (ret < 0) {
		trial_give_up(stage->trial,
			      "it needs an attachment of ours, whose fence is stuck: %s: modprobe dmabuf_revoke_importer",
			      errno_name(ret));
		return false;
	}
	trial_look(stage->trial);
	stage->other = find_ours(stage, since_ns);
	if (stage->other)
		return true;
	trial_unclear(stage->trial, "what is ours of the events cannot be told");
	return false;
}

void stage_let_go(struct stage *stage)
{
	if (stage->holder < 0)
		return;
	close(stage->holder);
	stage->holder = -1;
	stage->free_ns = dr_now();
}

/* Takes lines until there is an answer; true if there is one. */
bool stage_hear(struct stage *stage, uint64_t deadline_ns)
{
	struct partner *partner = &stage->trial->partner;
	char line[PARTNER_LINE];
	int heard;

	while ((heard = partner_hear(partner, line, deadline_ns)) > 0)
		if (partner_done(line, &stage->answer)) {
			stage->speaks = true;
			return true;
		}
	/* From who has closed the socket, only the end is to be awaited. */
	if (heard < 0)
		partner_has_ended(partner, deadline_ns);
	return false;
}

bool stage_hear_late(struct stage *stage, uint64_t began_ns)
{
	struct trial *trial = stage->trial;

	while (!trial_is_over(trial, trial->judge->limits.ns[LIMIT_ANSWER], began_ns))
		if (stage_hear(stage, dr_deadline(LOOK_NS)))
			return true;
		else if (partner_has_ended(&trial->partner, 0))
			return stage_hear(stage, 0);
	return false;
}

int stage_see(const struct stage *stage, struct dmabuf_revoke_query *query)
{
	int ret;

	bounded_begin(LOOK_MOST_NS);
	ret = dr_query(stage->trial->judge->exporter, stage->id, query);
	bounded_end();
	if (ret)
		memset(query, 0, sizeof(*query));
	return ret;
}

struct dmabuf_revoke_query stage_look(const struct stage *stage)
{
	struct dmabuf_revoke_query query;

	stage_see(stage, &query);
	return query;
}

static enum progress await(struct stage *stage, bool until_answer)
{
	uint64_t deadline = trial_deadline(stage->trial, LIMIT_IMPORT);
	bool mapped = false, vmapped = false;
	struct dmabuf_revoke_query query;

	while (!trial_is_interrupted(stage->trial)) {
		if (stage_hear(stage, soon(deadline)))
			return stage->answer ? REFUSED : USED;
		query = stage_look(stage);
		mapped |= query.pending.maps > (stage->holder >= 0);
		vmapped |= query.pending.vmaps;
		stage->fenced |= query.pending.fences > (stage->holder >= 0);
		stage->legacy |= query.legacy_attachments;
		if (mapped && !until_answer)
			return MAPPED;
		if (partner_has_ended(&stage->trial->partner, 0))
			return stage_hear(stage, 0) ? stage->answer ? REFUSED : USED : ENDED;
		if (dr_now() >= deadline)
			break;
	}
	return mapped ? MAPPED : vmapped ? VMAPPED : NOTHING;
}

enum progress stage_await(struct stage *stage, bool until_answer)
{
	enum progress progress = await(stage, until_answer);

	/* An answer may have come before it was looked. */
	stage->legacy |= stage_look(stage).legacy_attachments;
	trial_look(stage->trial);
	/* So may a mapping, and have gone. */
	if ((progress == NOTHING || progress == VMAPPED) && stage_mapped_since(stage, 0))
		return MAPPED;
	return progress;
}

int stage_refusal(const struct stage *stage, const char **call)
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

/* That who is refused may make again and again. */
static const enum watch_what calls[] = { WATCH_ATTACH, WATCH_PIN, WATCH_MAP, WATCH_VMAP };

unsigned int stage_tries(const struct stage *stage, uint64_t since_ns)
{
	unsigned int most = 0, count;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		count = events_count(stage->trial, calls[i], since_ns, true);
		if (count > most)
			most = count;
	}
	return most;
}

/* Who does so anew for each picture, sixty times a second, does not count. */
#define TRIES		100
#define TRIES_NS	15000000ULL

/* Those that come right after the one before, however long the machine stands still in between. */
static unsigned int quick_tries(const struct stage *stage, enum watch_what what,
				uint64_t since_ns)
{
	unsigned int count = 0;
	uint64_t last_ns = 0;
	size_t i;

	for (i = 0; i < stage->trial->list.count; i++) {
		const struct watch_event *event = &stage->trial->list.events[i];

		if (event->what != what || event->inode != stage->trial->inode ||
		    event->time_ns < since_ns || event->result >= 0)
			continue;
		count += last_ns && event->time_ns - last_ns < TRIES_NS;
		last_ns = event->time_ns;
	}
	return count;
}

bool stage_is_stubborn(const struct stage *stage, uint64_t since_ns)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (quick_tries(stage, calls[i], since_ns) > TRIES)
			return true;
	return false;
}

static void give_up_refused(struct stage *stage)
{
	const char *call = "";
	int ret = stage_refusal(stage, &call);

	if (ret == -EOPNOTSUPP)
		trial_give_up(stage->trial,
			      "it attaches as one that cannot be revoked, and was refused (%s: EOPNOTSUPP): --accept-legacy lets it in",
			      call);
	else if (ret)
		trial_give_up(stage->trial, "it does not use the buffer: %s has failed with %s",
			      call, errno_name(ret));
	else
		trial_give_up(stage->trial, "it says that it cannot use the buffer: %s",
			      errno_name(stage->answer));
}

static void give_up_ended(struct stage *stage)
{
	static const char early[] = "and has to await the end of file on DMABUF_REVOKE_CONTROL";
	char fate[128], last[256];
	struct trial *trial = stage->trial;
	const char *call;

	if (stage_refusal(stage, &call)) {
		give_up_refused(stage);
		return;
	}
	partner_fate(&trial->partner, fate);
	output_last(&trial->partner.output, last, sizeof(last));
	trial_give_up(trial, "%s %s, %s%s%s", *trial->judge->program, fate,
		      stage_mapped_since(stage, 0) ? early : "before it has mapped the buffer",
		      *last ? "; it says: " : "", last);
}

static bool go_on(struct stage *stage, enum progress progress)
{
	struct trial *trial = stage->trial;
	char limit[128];

	trial_look(trial);
	switch (progress) {
	case USED:
	case MAPPED:
		return true;
	case REFUSED:
		give_up_refused(stage);
		break;
	case VMAPPED:
		trial_give_up(trial,
			      "it has a vmap only, which nobody can take back: there is nothing to judge");
		break;
	case ENDED:
		give_up_ended(stage);
		break;
	default:
		trial_give_up(trial,
			      "%s has not mapped the buffer (descriptor in DMABUF_REVOKE_FD); %s",
			      *trial->judge->program,
			      limit_text(&trial->judge->limits, LIMIT_IMPORT, limit));
		break;
	}
	trial->unused = true;
	return false;
}

bool stage_await_use(struct stage *stage)
{
	return go_on(stage, stage_await(stage, true));
}

bool stage_await_map(struct stage *stage)
{
	return go_on(stage, stage_await(stage, false));
}

bool stage_ask(struct stage *stage)
{
	/* What has been said before is no answer to this. */
	while (stage->speaks && stage_hear(stage, 0))
		continue;
	return stage->speaks && !partner_say(&stage->trial->partner, "again");
}

bool stage_again(struct stage *stage)
{
	uint64_t began_ns = dr_now();
	bool answered = stage_ask(stage) && stage_hear_late(stage, began_ns);

	if (answered && !stage->answer && !stage->told_ns)
		stage->twice = true;
	return answered;
}
