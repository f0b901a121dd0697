// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "judge/exporter/stage/deed.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"

static const char *const names[DEEDS] = {
	[DEED_REVOKE] = "revoke",
	[DEED_SUSPEND] = "suspend",
	[DEED_RESTORE] = "restore",
	[DEED_MOVE] = "move",
	[DEED_REMOVE] = "remove",
};

const char *deed_name(enum deed_what what)
{
	return names[what];
}

static void ends(struct deed *deed)
{
	deed->running = false;
	deed->ended_ns = dr_now();
}

static void start_command(struct deed *deed, struct trial *trial)
{
	const struct partner_options options = { .dmabuf = -1, .mask = &trial->judge->before };

	deed->words[0] = "/bin/sh";
	deed->words[1] = "-c";
	deed->words[2] = (char *)deed->command;
	if (!partner_start(&deed->partner, deed->words, &options))
		return;
	deed->failed = true;
	ends(deed);
	snprintf(deed->reason, DEED_REASON, "/bin/sh cannot be run");
}

static void program_is_gone(struct deed *deed, struct trial *trial)
{
	char fate[128];

	trial_await_program(trial, trial_deadline(trial, LIMIT_ANSWER));
	deed->failed = true;
	ends(deed);
	snprintf(deed->reason, DEED_REASON, "%s %s, asked for \"%s\"", *trial->partner.words,
		 partner_fate(&trial->partner, fate), names[deed->what]);
}

void deed_start(struct deed *deed, struct trial *trial, enum deed_what what,
		const char *const commands[DEEDS])
{
	*deed = (struct deed){ .what = what, .running = true, .command = commands[what],
			       .partner = { .received = -1 } };
	deed->began_ns = dr_now();
	if (deed->command) {
		start_command(deed, trial);
	} else if (!trial->partner.words) {
		deed->lacking = true;
		ends(deed);
		snprintf(deed->reason, DEED_REASON, "how it does that is not known: --%s COMMAND",
			 names[what]);
	} else if (partner_say(&trial->partner, names[what])) {
		program_is_gone(deed, trial);
	}
}

int deed_descriptor(const struct deed *deed, const struct trial *trial)
{
	if (!deed->running)
		return -1;
	return deed->command ? deed->partner.pidfd : trial->partner.control;
}

static void hear_program(struct deed *deed, struct trial *trial)
{
	char line[PARTNER_LINE];
	int heard;

	while ((heard = partner_hear(&trial->partner, line, 0)) > 0) {
		if (!partner_done(line, &deed->error))
			continue;
		ends(deed);
		deed->lacking = deed->error == EOPNOTSUPP;
		if (deed->lacking)
			snprintf(deed->reason, DEED_REASON, "it has no %s", names[deed->what]);
		else if (deed->error)
			snprintf(deed->reason, DEED_REASON, "%s has failed with %s",
				 names[deed->what], errno_name(deed->error));
		return;
	}
	if (heard < 0)
		program_is_gone(deed, trial);
}

static void see_command(struct deed *deed)
{
	char fate[128], last[DEED_REASON / 2];

	if (!partner_has_ended(&deed->partner, 0))
		return;
	ends(deed);
	if (WIFEXITED(deed->partner.state) && !WEXITSTATUS(deed->partner.state))
		return;
	deed->failed = true;
	/* All that it has printed. */
	output_end(&deed->partner.output);
	output_last(&deed->partner.output, last, sizeof(last));
	last[strcspn(last, "\n")] = 0;
	snprintf(deed->reason, DEED_REASON, "--%s: the command %.64s%s%s", names[deed->what],
		 partner_fate(&deed->partner, fate), *last ? "; it says: " : "", last);
}

bool deed_has_ended(struct deed *deed, struct trial *trial)
{
	if (deed->running && deed->command)
		see_command(deed);
	else if (deed->running)
		hear_program(deed, trial);
	return !deed->running;
}

bool deed_is_done(const struct deed *deed)
{
	return !deed->running && !deed->lacking && !deed->failed && !deed->error;
}

void deed_end(struct deed *deed, struct trial *trial)
{
	if (deed->partner.words)
		trial_stop(trial, &deed->partner, deed->command);
}
