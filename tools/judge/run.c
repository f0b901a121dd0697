// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "judge/finding/clauses.h"
#include "judge/seen/kernel_log.h"
#include "judge/program/partner.h"
#include "judge/seen/pulse.h"
#include "judge/report/print.h"
#include "judge/run.h"
#include "judge/trial.h"
#include "lib/process/signals.h"
#include "lib/text/message.h"
#include "lib/text/table.h"

/* Of each CPU: what happens between two looks has to fit. */
#define RING	0x100000

/* Whether @name is one of "a,b". */
static bool is_named(const char *names, const char *name)
{
	size_t length = strlen(name);

	while (names && *names) {
		size_t word = strcspn(names, ",");

		if (word == length && !strncmp(names, name, word))
			return true;
		names += word + (names[word] == ',');
	}
	return false;
}

static bool judges_one_of(const struct scenario *scenario, const char *chosen)
{
	size_t i;

	for (i = 0; i < clause_count; i++)
		if (is_named(chosen, clauses[i].name) &&
		    (clause_among(scenario->clauses, clauses[i].name) ||
		     !strcmp(clauses[i].name, "LOG")))
			return true;
	return false;
}

static bool is_chosen(const struct run_options *options, const struct scenario *scenario)
{
	if (options->scenarios && !is_named(options->scenarios, scenario->name))
		return false;
	return !options->clauses || judges_one_of(scenario, options->clauses);
}

static bool is_scenario(const struct suite *suite, const char *name)
{
	size_t i;

	for (i = 0; suite->scenarios[i]; i++)
		if (!strcmp(suite->scenarios[i]->name, name))
			return true;
	return false;
}

/* "revoke-idle, move", all that there are; to be freed. */
static char *all_names(const struct suite *suite, bool clause)
{
	char *all = NULL, *longer;
	size_t i;

	for (i = 0; clause ? i < clause_count : !!suite->scenarios[i]; i++) {
		if (asprintf(&longer, "%s%s%s", all ? all : "", all ? ", " : "",
			     clause ? clauses[i].name : suite->scenarios[i]->name) < 0)
			break;
		free(all);
		all = longer;
	}
	return all;
}

static int complain_of(const struct suite *suite, const struct verb *verb, const char *name,
		       bool clause)
{
	char *all = all_names(suite, clause);
	int status = usage(verb, "--%s: there is no \"%s\", but %s", clause ? "clause" : "scenario",
			   name, all ? all : "others");

	free(all);
	return status;
}

/* Whether each of "a,b" is one; else a message. */
static int check_names(const struct suite *suite, const struct verb *verb, const char *names,
		       bool clause)
{
	if (names && !*names)
		return complain_of(suite, verb, names, clause);
	while (names && *names) {
		size_t length = strcspn(names, ",");
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)length, names);
		if (clause ? !clause_find(name) : !is_scenario(suite, name))
			return complain_of(suite, verb, name, clause);
		names += length + (names[length] == ',');
	}
	return STATUS_DONE;
}

static bool chooses_any(const struct suite *suite, const struct run_options *options)
{
	size_t i;

	for (i = 0; suite->scenarios[i]; i++)
		if (is_chosen(options, suite->scenarios[i]))
			return true;
	return false;
}

static int check(const struct suite *suite, const struct judge *judge,
		 const struct run_options *options)
{
	int status = check_names(suite, judge->verb, options->scenarios, false);

	if (!status)
		status = check_names(suite, judge->verb, options->clauses, true);
	if (!status && options->json && options->ktap)
		return usage(judge->verb, "--json or --ktap, not both");
	if (!status && !chooses_any(suite, options))
		return usage(judge->verb, "no scenario of those judges that clause: see --list");
	if (!status && !options->repeat)
		return usage(judge->verb, "--repeat 0 judges nothing");
	if (!status && options->limits)
		status = limits_parse(judge->verb, &(struct limits){ 0 }, options->limits);
	if (!status && judge->program)
		status = partner_possible(*judge->program);
	return status ? status : report_possible(options);
}

int run_list(const struct suite *suite, bool json)
{
	static const struct column columns[] = {
		{ "scenario", "SCENARIO", CELL_TEXT, 0 },
		{ "clauses", "CLAUSES", CELL_TEXT, 0 },
		{ "what", "WHAT IS DONE", CELL_TEXT, 0 },
		{ 0 },
	};
	struct document *document = document_new(json);
	struct table *table = table_new(document, "scenarios", NULL, LAYOUT_ROWS, columns);
	size_t i;

	for (i = 0; suite->scenarios[i]; i++) {
		table_row(table);
		table_text(table, "scenario", suite->scenarios[i]->name);
		table_text(table, "clauses", suite->scenarios[i]->clauses);
		table_text(table, "what", suite->scenarios[i]->summary);
	}
	return document_print(document);
}

void run_specs(struct option_spec *specs, const struct option_spec *own,
	       struct run_options *options)
{
	const struct option_spec both[RUN_SPECS] = {
		{ "list", OPTION_FLAG, &options->list, NULL,
		  "print the scenarios and their clauses, and run nothing", NULL },
		{ "scenario", OPTION_TEXT, &options->scenarios, "NAMES",
		  "run only these: NAME[,NAME]...", NULL },
		{ "clause", OPTION_TEXT, &options->clauses, "CLAUSES",
		  "judge only these, by the scenarios that can: CLAUSE[,CLAUSE]...", NULL },
		{ "repeat", OPTION_INTEGER, &options->repeat, "N",
		  "run each scenario so often; default 1", NULL },
		{ "seed", OPTION_INTEGER, &options->seed, "N",
		  "of what is done at random times; default 1", NULL },
		{ "limit", OPTION_TEXT, &options->limits, "LIMITS",
		  "how long something may take, NAME=DURATION[,...]: of import, callback, fence, unmap, answer, end, command",
		  NULL },
		OPTION_JSON(options->json),
		{ "ktap", OPTION_FLAG, &options->ktap, NULL,
		  "print KTAP, which kselftest and KernelCI read", NULL },
		{ "junit", OPTION_TEXT, &options->junit, "FILE",
		  "write JUnit XML into FILE, too", NULL },
		{ "svg", OPTION_TEXT, &options->svg, "FILE",
		  "draw what happened into FILE, too", NULL },
		{ "perfetto", OPTION_TEXT, &options->perfetto, "FILE",
		  "write it into FILE, too, for ui.perfetto.dev", NULL },
		{ 0 },
	};

	while (own->name)
		*specs++ = *own++;
	memcpy(specs, both, sizeof(both));
}

/* A terminal is told what goes on, since it takes a while. */
static void say_progress(const struct scenario *scenario, unsigned int round)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%s %u ...", scenario->name, round);
}

static void run_each(const struct suite *suite, struct judge *judge,
		     const struct run_options *options)
{
	int round;
	size_t i;

	for (round = 1; round <= options->repeat; round++)
		for (i = 0; suite->scenarios[i]; i++) {
			const struct scenario *scenario = suite->scenarios[i];

			if (judge->interrupted || judge->findings.ret)
				return;
			if (!is_chosen(options, scenario))
				continue;
			if (judge->stuck) {
				trial_leave_out(judge, scenario, (unsigned int)round,
						"not tried: something hangs in the kernel");
				continue;
			}
			say_progress(scenario, (unsigned int)round);
			trial_run(judge, scenario, (unsigned int)round);
		}
}

static bool has_verdict(const struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->count; i++)
		if (findings->rows[i].verdict >= VERDICT_PASS &&
		    strcmp(findings->rows[i].clause, "LOG"))
			return true;
	return false;
}

/* Those that nobody asked for are not reported. */
static void keep_chosen(struct judge *judge, const struct run_options *options)
{
	struct findings *findings = &judge->findings;
	size_t i, kept = 0;

	for (i = 0; i < findings->count; i++) {
		struct finding *row = &findings->rows[i];

		if (!options->clauses || is_named(options->clauses, row->clause))
			findings->rows[kept++] = *row;
		else
			free(row->details);
	}
	findings->count = kept;
}

/* Who reads our messages may go; the report still may have a reader, or a file. */
static void block_pipes(void)
{
	sigset_t pipes;

	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipes, NULL);
}

/*
 * A report may take as long as who reads it: from now on they end us. Those that have interrupted
 * the run, also several times, have had their effect.
 */
static void unblock(const struct judge *judge)
{
	struct signalfd_siginfo info;
	sigset_t mask = judge->before;

	while (read(judge->signals, &info, sizeof(info)) == sizeof(info))
		continue;
	/* One may be pending. */
	sigaddset(&mask, SIGPIPE);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

static int prepare(struct judge *judge, const struct run_options *options)
{
	sigset_t ending;
	int ret, status;

	limits_default(&judge->limits);
	status = options->limits ? limits_parse(judge->verb, &judge->limits, options->limits) :
		 STATUS_DONE;
	if (status)
		return status;
	judge->seed = (uint32_t)options->seed;
	judge->draws = options->svg || options->perfetto;
	signal(SIGCHLD, SIG_DFL);
	ret = partners_adopt();
	if (ret)
		return explain(ACT_OTHER, ret, "what runs already");
	signals_block(&ending, &judge->before);
	block_pipes();
	judge->signals = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
	if (judge->signals < 0)
		return explain(ACT_OTHER, errno, "signalfd");
	judge->log = kernel_log_open();
	ret = pulse_start();
	if (ret)
		return explain(ACT_OTHER, ret, "a thread");
	status = own_record_open(&judge->record, RING);
	if (status)
		pulse_stop();
	return status;
}

static void end(struct judge *judge)
{
	own_record_close(judge->record);
	if (judge->log >= 0)
		close(judge->log);
	if (judge->signals >= 0)
		close(judge->signals);
	findings_free(&judge->findings);
	watch_list_free(&judge->all);
}

int run_suite(const struct suite *suite, struct judge *judge, const struct run_options *options)
{
	int status = check(suite, judge, options);

	if (status)
		return status;
	judge->about = suite->about;
	judge->log = -1;
	judge->signals = -1;
	status = prepare(judge, options);
	if (!status) {
		run_each(suite, judge, options);
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r\033[K");
		pulse_stop();
		/* Whatever becomes of the report, nothing is left in tracefs. */
		own_record_close(judge->record);
		judge->record = NULL;
		judge->tried = has_verdict(&judge->findings);
		keep_chosen(judge, options);
		unblock(judge);
		status = judge->findings.ret ?
			 explain(ACT_OTHER, judge->findings.ret, "keeping the verdicts") :
			 report(judge, options);
	}
	end(judge);
	return status;
}
