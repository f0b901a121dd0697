// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/text/message.h"
#include "watch/record/program.h"

static void be_it(char **words, int go, int failed, const sigset_t *mask, bool quiet)
{
	char byte;
	int err;

	/* Nothing comes if whoever watches has failed, or was killed. */
	if (read(go, &byte, 1) != 1)
		_exit(STATUS_FAILED);
	if (quiet)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(*words, words);
	err = errno;
	if (write(failed, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

static void close_both(const int pipe[2])
{
	close(pipe[0]);
	close(pipe[1]);
}

int program_prepare(struct program *program, char **words, const sigset_t *mask, bool quiet)
{
	int go[2], failed[2];

	*program = (struct program){ .words = words, .go = -1, .failed = -1 };
	if (!words)
		return STATUS_DONE;
	if (pipe2(go, O_CLOEXEC))
		return explain(ACT_OTHER, errno, "watch: a pipe");
	if (pipe2(failed, O_CLOEXEC)) {
		close_both(go);
		return explain(ACT_OTHER, errno, "watch: a pipe");
	}
	program->pid = fork();
	if (!program->pid) {
		close(go[1]);
		close(failed[0]);
		be_it(words, go[0], failed[1], mask, quiet);
	}
	close(go[0]);
	close(failed[1]);
	program->go = go[1];
	program->failed = failed[0];
	if (program->pid > 0)
		return STATUS_DONE;
	program->pid = 0;
	program_drop(program);
	return explain(ACT_OTHER, errno, "watch: %s", *words);
}

int program_go(struct program *program)
{
	ssize_t length;
	int err = 0;

	if (!program->pid)
		return STATUS_DONE;
	if (write(program->go, "", 1) != 1)
		err = errno;
	length = read(program->failed, &err, sizeof(err));
	if (length <= 0 && !err)
		return STATUS_DONE;
	return explain(ACT_RUN, err, "%s", *program->words);
}

void program_drop(struct program *program)
{
	close(program->go);
	close(program->failed);
	program->go = -1;
	program->failed = -1;
}

void program_report(const struct program *program, int state)
{
	if (WIFSIGNALED(state))
		complain("watch: %s was ended by signal %d", *program->words, WTERMSIG(state));
	else if (WEXITSTATUS(state))
		complain("watch: %s exited with %d", *program->words, WEXITSTATUS(state));
}
