// SPDX-License-Identifier: GPL-2.0-only
/* How the program is started. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge/program/partner.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"

#define ENVIRONMENT_CONTROL	"DMABUF_REVOKE_CONTROL"
#define ENVIRONMENT_RANGE	"DMABUF_REVOKE_RANGE"

static void join_cgroup(const char *cgroup)
{
	char path[256];
	int file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, "0", 1) != 1)
		_exit(126);
	close(file);
}

static void name_descriptor(const char *name, int descriptor)
{
	char number[16];

	fcntl(descriptor, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", descriptor);
	setenv(name, number, 1);
}

/* In a process group of its own it would be stopped for reading from the terminal. */
static void close_stdin(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDIN_FILENO);
}

static void be_it(const struct partner *partner, pid_t parent, int control, int failed,
		  const struct partner_options *options)
{
	const struct rlimit descriptors = { options->descriptors, options->descriptors };
	int err;

	setpgid(0, 0);
	/* It is of no use without us, whatever ends us, or has ended us meanwhile. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	close_stdin();
	if (options->cgroup)
		join_cgroup(options->cgroup);
	dup2(partner->output.in, STDOUT_FILENO);
	dup2(partner->output.in, STDERR_FILENO);
	name_descriptor(ENVIRONMENT_CONTROL, control);
	unsetenv(ENVIRONMENT_FD);
	if (options->dmabuf >= 0)
		name_descriptor(ENVIRONMENT_FD, options->dmabuf);
	unsetenv(ENVIRONMENT_RANGE);
	if (options->range)
		setenv(ENVIRONMENT_RANGE, options->range, 1);
	if (options->descriptors)
		setrlimit(RLIMIT_NOFILE, &descriptors);
	sigprocmask(SIG_SETMASK, options->mask, NULL);
	execvp(*partner->words, partner->words);
	err = errno;
	if (write(failed, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

static int fork_it(struct partner *partner, int control, const struct partner_options *options)
{
	int failed[2], err = 0;
	pid_t parent = getpid();

	if (pipe2(failed, O_CLOEXEC))
		return explain(ACT_OTHER, errno, "a pipe");
	partner->pid = fork();
	if (!partner->pid)
		be_it(partner, parent, control, failed[1], options);
	if (partner->pid < 0)
		err = errno;
	close(failed[1]);
	/* It ends when exec succeeds, with nothing in it. */
	if (!err && read(failed[0], &err, sizeof(err)) > 0)
		waitpid(partner->pid, NULL, 0);
	close(failed[0]);
	if (!err) {
		setpgid(partner->pid, partner->pid);
		partner->pidfd = (int)syscall(SYS_pidfd_open, partner->pid, 0);
		return STATUS_DONE;
	}
	partner->pid = 0;
	return explain(ACT_RUN, err, "%s", *partner->words);
}

static int runnable(const char *path)
{
	struct stat status;

	if (stat(path, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) || access(path, X_OK))
		return -EACCES;
	return 0;
}

/* As execvp() does. */
static int find(const char *name)
{
	const char *folders = getenv("PATH");
	int ret = strchr(name, '/') ? runnable(name) : -ENOENT;

	while (ret && !strchr(name, '/') && folders && *folders) {
		size_t length = strcspn(folders, ":");
		char path[4096];

		snprintf(path, sizeof(path), "%.*s%s%s", (int)length, folders, length ? "/" : "",
			 name);
		ret = runnable(path) ? ret : 0;
		folders += length + (folders[length] == ':');
	}
	return ret;
}

int partner_possible(const char *name)
{
	int ret = find(name);

	return ret ? explain(ACT_RUN, ret, "%s", name) : STATUS_DONE;
}

int partner_start(struct partner *partner, char **words, const struct partner_options *options)
{
	int both[2], status, ret;

	*partner = (struct partner){ .words = words, .pidfd = -1, .control = -1, .received = -1,
				     .output = { .out = -1, .in = -1 } };
	ret = output_start(&partner->output);
	if (ret)
		return explain(ACT_OTHER, ret, "a pipe for what %s prints", *words);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both)) {
		output_end(&partner->output);
		return explain(ACT_OTHER, errno, "a socket");
	}
	partner->control = both[0];
	status = fork_it(partner, both[1], options);
	close(both[1]);
	output_started(&partner->output);
	if (!status)
		return status;
	close(partner->control);
	partner->control = -1;
	output_end(&partner->output);
	return status;
}
