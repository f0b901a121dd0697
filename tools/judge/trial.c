// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "judge/finding/clauses.h"
#include "judge/seen/events.h"
#include "judge/seen/kernel_log.h"
#include "judge/seen/pulse.h"
#include "judge/trial.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"
#include "lib/text/units.h"

#define SLICE_NS	100000000ULL

void trial_look(struct trial *trial)
{
	int ret = own_record_take(trial->judge->record, &trial->list);

	if (ret)
		trial->list.dropped++;
}

bool trial_is_blind(const struct trial *trial)
{
	size_t i;

	if (trial->list.dropped)
		return true;
	for (i = 0; i < trial->list.count; i++)
		if (trial->list.events[i].what == WATCH_LOST)
			return true;
	return false;
}

/* How often a scenario is run for one verdict, if this machine gets in the way. */
#define TRIES	3

/* Of that clause; @verdict, or if that is negative any. */
static bool has(const struct trial *trial, const char *clause, int verdict)
{
	const struct findings *findings = &trial->judge->findings;
	size_t i;

	for (i = 0; i < findings->count; i++) {
		const struct finding *row = &findings->rows[i];

		if (row->scenario == trial->scenario->name && row->round == trial->round &&
		    !strcmp(row->clause, clause) &&
		    (verdict < 0 || row->verdict == (enum verdict)verdict))
			return true;
	}
	return false;
}

static bool has_verdict(const struct trial *trial, const char *clause)
{
	return has(trial, clause, -1);
}

/* What a program has printed is several lines. */
static void be_one_line(char *text)
{
	size_t length = strlen(text);

	while (length && text[length - 1] == '\n')
		text[--length] = 0;
	while ((text = strchr(text, '\n')))
		*text = ' ';
}

static struct finding *add(struct trial *trial, const char *clause, enum verdict verdict,
			   const char *text)
{
	struct finding finding = { .scenario = trial->scenario->name, .round = trial->round,
				   .verdict = verdict };

	snprintf(finding.clause, sizeof(finding.clause), "%s", clause);
	snprintf(finding.text, sizeof(finding.text), "%s", text);
	be_one_line(finding.text);
	return findings_add(&trial->judge->findings, &finding);
}

struct finding *trial_find(struct trial *trial, const char *clause, enum verdict verdict,
			   const char *format, ...)
{
	char text[FINDING_TEXT], last[1024];
	struct finding *finding;
	va_list values;

	if (trial->unused && verdict != VERDICT_FAIL && strcmp(clause, "LOG"))
		return NULL;
	/* What was lost may have been something else. */
	if (verdict == VERDICT_PASS && strcmp(clause, "LOG") && trial_is_blind(trial))
		return trial_find(trial, clause, VERDICT_UNKNOWN, "events were lost");
	if (trial->once && verdict != VERDICT_FAIL && has(trial, clause, verdict))
		return NULL;
	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	finding = add(trial, clause, verdict, text);
	if (!finding || verdict != VERDICT_FAIL)
		return finding;
	events_detail(finding, trial);
	if (trial->partner.words) {
		output_last(&trial->partner.output, last, sizeof(last));
		if (*last)
			finding_detail(finding, "%s has printed, in the end: %s",
				       *trial->partner.words, last);
	}
	return finding;
}

/* While all CPUs were alive. @lost_ns is what any of them lost, also one that nobody needed. */
static bool is_too_long(uint64_t took_ns, uint64_t lost_ns, uint64_t most_ns)
{
	return took_ns > most_ns + lost_ns;
}

static struct finding *spoiled(struct trial *trial, const char *clause, const char *text,
			       uint64_t lost_ns)
{
	char duration[UNITS_TEXT];

	trial->spoiled = true;
	return trial_unknown(trial, clause, "%s; but this machine did nothing for %s of it", text,
			     format_duration(duration, lost_ns));
}

/* "the last unmap came 12 ms after WHEN" */
static void say(char text[FINDING_TEXT], const struct trial *trial, enum limit limit,
		uint64_t ns, const char *what, const char *when)
{
	char duration[UNITS_TEXT], bound[128];

	snprintf(text, FINDING_TEXT, "%s %s after %s; %s", what, format_duration(duration, ns),
		 when, limit_text(&trial->judge->limits, limit, bound));
}

struct finding *trial_took(struct trial *trial, const char *clause, enum limit limit,
			   uint64_t begin_ns, uint64_t end_ns, const char *what,
			   const char *when)
{
	uint64_t took = end_ns > begin_ns ? end_ns - begin_ns : 0;
	uint64_t lost = pulse_lost(begin_ns, end_ns), most = trial->judge->limits.ns[limit];
	char text[FINDING_TEXT];

	if (!begin_ns || (took > most && trial_is_blind(trial)))
		return trial_unknown(trial, clause, "%s, but events were lost", what);
	say(text, trial, limit, took, what, when);
	if (took <= most)
		return trial_pass(trial, clause, "%s", text);
	if (!is_too_long(took, lost, most))
		return spoiled(trial, clause, text, lost);
	return trial_fail(trial, clause, "%s", text);
}

struct finding *trial_never(struct trial *trial, const char *clause, enum limit limit,
			    uint64_t begin_ns, const char *what, const char *when)
{
	uint64_t now = dr_now(), lost = pulse_lost(begin_ns, now);
	char text[FINDING_TEXT], duration[UNITS_TEXT], bound[128];

	snprintf(text, sizeof(text), "%s within %s after %s; %s", what,
		 format_duration(duration, now - begin_ns), when,
		 limit_text(&trial->judge->limits, limit, bound));
	if (trial->judge->interrupted)
		return trial_unknown(trial, clause, "%s; but it was interrupted", text);
	if (trial_is_blind(trial))
		return trial_unknown(trial, clause, "%s; but events were lost", text);
	if (now - begin_ns <= trial->judge->limits.ns[limit])
		return trial_unknown(trial, clause, "%s; it was not waited for any longer", text);
	if (!is_too_long(now - begin_ns, lost, trial->judge->limits.ns[limit]))
		return spoiled(trial, clause, text, lost);
	return trial_fail(trial, clause, "%s", text);
}

bool trial_is_interrupted(struct trial *trial)
{
	struct signalfd_siginfo info;

	if (read(trial->judge->signals, &info, sizeof(info)) == sizeof(info))
		trial->judge->interrupted = true;
	return trial->judge->interrupted;
}

/* Of those clauses that have none. */
static void give_all(struct trial *trial, enum verdict verdict, const char *text)
{
	size_t i;

	for (i = 0; i < clause_count; i++)
		if (clause_among(trial->scenario->clauses, clauses[i].name) &&
		    !has_verdict(trial, clauses[i].name))
			add(trial, clauses[i].name, verdict, text);
}

void trial_give_up(struct trial *trial, const char *format, ...)
{
	char text[FINDING_TEXT];
	va_list values;

	/* Who was not waited for lacks nothing. */
	if (trial_is_interrupted(trial)) {
		give_all(trial, VERDICT_UNKNOWN, "it was interrupted");
		return;
	}
	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	give_all(trial, VERDICT_SKIP, text);
}

void trial_unclear(struct trial *trial, const char *format, ...)
{
	char text[FINDING_TEXT];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	give_all(trial, VERDICT_UNKNOWN, text);
}

uint64_t trial_deadline(const struct trial *trial, enum limit limit)
{
	return dr_deadline(trial->judge->limits.ns[limit]);
}

/* The next time to look whether we are to end. */
static uint64_t slice(uint64_t deadline_ns)
{
	uint64_t next = dr_deadline(SLICE_NS);

	return next < deadline_ns ? next : deadline_ns;
}

int trial_hear(struct trial *trial, char line[PARTNER_LINE], uint64_t deadline_ns)
{
	int heard;

	do
		heard = partner_hear(&trial->partner, line, slice(deadline_ns));
	while (!heard && dr_now() < deadline_ns && !trial_is_interrupted(trial));
	return heard;
}

bool trial_await_program(struct trial *trial, uint64_t deadline_ns)
{
	while (!partner_has_ended(&trial->partner, slice(deadline_ns)))
		if (dr_now() >= deadline_ns || trial_is_interrupted(trial))
			return false;
	return true;
}

bool trial_is_over(struct trial *trial, uint64_t ns, uint64_t begin_ns)
{
	uint64_t now = dr_now(), took = now - begin_ns;

	if (trial_is_interrupted(trial))
		return true;
	return is_too_long(took, pulse_lost(begin_ns, now), 2 * ns) || took > 10 * ns;
}

/* No driver makes all CPUs stand still for so long; and how far the watchdogs look back. */
#define STOOD_NS	1000000000ULL
#define STALL_NS	60000000000ULL

/* Whether the kernel complains of what this machine has done. */
static bool is_of_machine(struct trial *trial, const char *text)
{
	uint64_t begin_ns = trial->began_ns > STALL_NS ? trial->began_ns - STALL_NS : 0;
	uint64_t stood_ns = kernel_log_is_stall(text) ? pulse_stood(begin_ns, dr_now()) : 0;
	char duration[UNITS_TEXT];

	if (stood_ns < STOOD_NS)
		return false;
	trial->spoiled = true;
	trial_unknown(trial, "LOG", "the kernel's log: %s; but this machine did nothing for %s",
		      text, format_duration(duration, stood_ns));
	return true;
}

bool trial_forgives(const struct trial *trial, const char *text)
{
	const char *words = trial->forgiven;
	size_t begin, length;

	for (; words && *words; words += length + (words[length] == '|')) {
		begin = strcspn(words, "~");
		length = strcspn(words, "|");
		if (!strncmp(text, words, begin) &&
		    memmem(text, strlen(text), words + begin + 1, length - begin - 1))
			return true;
	}
	return false;
}

static void note_complaint(void *context, const char *text)
{
	struct trial *trial = context;

	if (trial_forgives(trial, text))
		return;
	if (kernel_log_is_undated(text))
		trial_unknown(trial, "LOG", "the kernel's log: %s; which may be of before", text);
	else if (!is_of_machine(trial, text))
		trial_fail(trial, "LOG", "the kernel's log: %s", text);
}

static void note_stack(void *context, const char *text)
{
	finding_detail(context, "%s", text);
}

/* In a process that SIGKILL ends: no more for who asked us to end. */
#define HURRY_NS	1000000000ULL
#define LOOK_NS		10000000ULL

struct finding *trial_hangs(struct trial *trial, uint64_t killed_ns, const char *text)
{
	uint64_t now = dr_now(), lost = pulse_lost(killed_ns, now);

	trial->judge->stuck = true;
	if (trial->judge->interrupted)
		return trial_unknown(trial, "LOG", "%s; but it was interrupted", text);
	if (!is_too_long(now - killed_ns, lost, trial->judge->limits.ns[LIMIT_END]))
		return spoiled(trial, "LOG", text, lost);
	return trial_fail(trial, "LOG", "%s", text);
}

bool trial_is_hang(struct trial *trial, uint64_t killed_ns)
{
	uint64_t most = trial->judge->limits.ns[LIMIT_END];

	if (trial_is_interrupted(trial))
		return dr_now() - killed_ns >= (most < HURRY_NS ? most : HURRY_NS);
	return trial_is_over(trial, most / 2, killed_ns);
}

static void pause_for(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

bool trial_stop(struct trial *trial, struct partner *partner, const char *name)
{
	uint64_t killed_ns = dr_now();
	struct finding *finding;
	char text[FINDING_TEXT];

	if (partner_stop(partner, 1, dr_deadline(LOOK_NS)))
		return true;
	for (; !partner_is_gone(partner); pause_for(LOOK_NS)) {
		if (!trial_is_hang(trial, killed_ns))
			continue;
		snprintf(text, sizeof(text), "%s hangs in the kernel, and SIGKILL does not end it",
			 name);
		finding = trial_hangs(trial, killed_ns, text);
		if (finding)
			partner_stacks(partner, note_stack, finding);
		return false;
	}
	return true;
}

void trial_hang_up(struct trial *trial)
{
	struct partner *partner = &trial->partner;

	if (partner->control >= 0)
		close(partner->control);
	partner->control = -1;
	trial_await_program(trial, trial_deadline(trial, LIMIT_END));
}

void trial_sweep(struct trial *trial, const struct partner *partner, const char *name)
{
	uint64_t killed_ns = dr_now();
	struct finding *finding;
	char text[FINDING_TEXT];

	while (!partners_sweep(dr_deadline(LOOK_NS))) {
		if (!trial_is_hang(trial, killed_ns))
			continue;
		snprintf(text, sizeof(text),
			 "what %s has started hangs in the kernel, and SIGKILL does not end it",
			 name);
		finding = trial_hangs(trial, killed_ns, text);
		if (finding)
			partner_stacks(partner, note_stack, finding);
		return;
	}
}

void trial_end_program(struct trial *trial)
{
	struct partner *partner = &trial->partner;
	char **words = partner->words;

	if (!words)
		return;
	trial_hang_up(trial);
	if (trial_stop(trial, partner, *words))
		trial_sweep(trial, partner, *words);
}

void trial_leave_out(struct judge *judge, const struct scenario *scenario, unsigned int round,
		     const char *why)
{
	struct trial trial = { .judge = judge, .scenario = scenario, .round = round };

	trial_give_up(&trial, "%s", why);
}

static void read_log(struct trial *trial)
{
	int log = trial->judge->log;

	if (log >= 0 && kernel_log_read(log, note_complaint, trial))
		trial_unknown(trial, "LOG",
			      "lines of the kernel's log were overwritten before they were read");
	if (!has_verdict(trial, "LOG"))
		trial_find(trial, "LOG", log < 0 ? VERDICT_SKIP : VERDICT_PASS,
			   log < 0 ? "the kernel's log cannot be read (/dev/kmsg)" :
			   "the kernel's log has no complaint");
}

/* False: another try may tell more. */
static bool try(struct judge *judge, const struct scenario *scenario, unsigned int round)
{
	struct trial trial = { .judge = judge, .scenario = scenario, .round = round,
			       .began_ns = dr_now(), .partner = { .received = -1 } };
	size_t i;

	if (judge->log >= 0)
		kernel_log_read(judge->log, NULL, NULL);
	/* What came before is of nobody. */
	trial_look(&trial);
	trial.list.count = 0;
	scenario->run(&trial);
	trial_end_program(&trial);
	trial_look(&trial);
	read_log(&trial);
	give_all(&trial, VERDICT_UNKNOWN, judge->interrupted ? "it was interrupted" :
		 "nothing showed it");
	for (i = 0; judge->draws && i < trial.list.count; i++)
		if (watch_list_add(&judge->all, &trial.list.events[i]))
			judge->findings.ret = -ENOMEM;
	watch_list_free(&trial.list);
	return !trial.spoiled;
}

/* Without a program the buffer is the same one, and no more what it was. */
static bool may_run_anew(const struct judge *judge)
{
	return judge->program && !judge->stuck && !judge->interrupted && !judge->findings.ret;
}

void trial_run(struct judge *judge, const struct scenario *scenario, unsigned int round)
{
	size_t before = judge->findings.count;
	int tries = TRIES;

	while (!try(judge, scenario, round) && --tries && may_run_anew(judge))
		findings_keep_failures(&judge->findings, before);
}
