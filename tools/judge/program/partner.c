// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "judge/program/partner.h"
#include "lib/devices/ioctls.h"
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

static void be_it(const struct partner *partner, int control, int failed,
		  const struct partner_options *options)
{
	const struct rlimit descriptors = { options->descriptors, options->descriptors };
	int err;

	setpgid(0, 0);
	/* It is of no use without us, whatever ends us. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
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

	if (pipe2(failed, O_CLOEXEC))
		return explain(ACT_OTHER, errno, "a pipe");
	partner->pid = fork();
	if (!partner->pid)
		be_it(partner, control, failed[1], options);
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

	*partner = (struct partner){ .words = words, .pidfd = -1, .control = -1, .received = -1 };
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

int partner_say(struct partner *partner, const char *word)
{
	char line[PARTNER_LINE];
	int length = snprintf(line, sizeof(line), "%s\n", word);

	if (partner->control < 0)
		return -EPIPE;
	return send(partner->control, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) == length ?
	       0 : -EPIPE;
}

/* One byte at a time, so that a descriptor comes with its line. Returns as recvmsg(). */
static ssize_t receive(struct partner *partner, char *byte)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space;
	struct iovec vector = { byte, 1 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &space,
				  .msg_controllen = sizeof(space) };
	ssize_t length = recvmsg(partner->control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return length;
	if (partner->received >= 0)
		close(partner->received);
	memcpy(&partner->received, CMSG_DATA(header), sizeof(int));
	return length;
}

/* Milliseconds until then, for poll(): at least 1 before. */
static int left(uint64_t deadline_ns)
{
	uint64_t now = dr_now();

	return deadline_ns > now ? (int)((deadline_ns - now) / 1000000 + 1) : 0;
}

int partner_hear(struct partner *partner, char line[PARTNER_LINE], uint64_t deadline_ns)
{
	if (partner->control < 0)
		return -EPIPE;
	for (;;) {
		struct pollfd socket = { partner->control, POLLIN, 0 };
		ssize_t length;
		char byte;

		length = receive(partner, &byte);
		if (!length || (length < 0 && errno != EAGAIN && errno != EINTR))
			return -EPIPE;
		if (length > 0 && ++partner->heard > PARTNER_MOST)
			return -EPIPE;
		if (length < 0) {
			if (poll(&socket, 1, left(deadline_ns)) > 0)
				continue;
			return 0;
		}
		if (byte == '\n') {
			memcpy(line, partner->line, partner->length);
			line[partner->length] = 0;
			partner->length = 0;
			return 1;
		}
		/* A longer line is none that we know. */
		if (partner->length < PARTNER_LINE - 1)
			partner->line[partner->length++] = byte;
	}
}

bool partner_done(const char *line, int *err)
{
	char *end;
	long value;

	if (strncmp(line, "done ", 5) || !isdigit((unsigned char)line[5]))
		return false;
	value = strtol(line + 5, &end, 10);
	if (*end || value > 4095)
		return false;
	*err = (int)value;
	return true;
}

bool partner_has_ended(struct partner *partner, uint64_t deadline_ns)
{
	struct pollfd process = { partner->pidfd, POLLIN, 0 };

	if (!partner->pid || partner->ended)
		return true;
	while (poll(&process, 1, left(deadline_ns)) < 0 && errno == EINTR)
		continue;
	if (waitpid(partner->pid, &partner->state, WNOHANG) == partner->pid)
		partner->ended = true;
	return partner->ended;
}

const char *partner_fate(struct partner *partner, char text[128])
{
	if (!partner_has_ended(partner, 0))
		snprintf(text, 128, "still runs");
	else if (WIFSIGNALED(partner->state))
		snprintf(text, 128, "was ended by signal %d (%s)", WTERMSIG(partner->state),
			 strsignal(WTERMSIG(partner->state)));
	else
		snprintf(text, 128, "has exited with %d", WEXITSTATUS(partner->state));
	return text;
}

struct stat_fields {
	char name[32];
	char state;
	int parent, group;
};

/* Of /proc/PID/stat, whose second field may contain anything. */
static bool read_stat(const char *path, struct stat_fields *fields)
{
	char text[512], *end;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);

	if (file >= 0)
		close(file);
	if (length <= 0)
		return false;
	text[length] = 0;
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %c %d %d", &fields->state, &fields->parent,
			   &fields->group) != 3)
		return false;
	*end = 0;
	snprintf(fields->name, sizeof(fields->name), "%.31s",
		 strchr(text, '(') ? strchr(text, '(') + 1 : "");
	return true;
}

/* "func; func", without offsets. */
static void read_stack(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[256], function[128];
	size_t length = 0;

	snprintf(text, size, "stack not readable");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file) && length < size) {
		if (sscanf(line, "[<%*[^>]>] %127[^+\n]", function) != 1)
			continue;
		length += (size_t)snprintf(text + length, size - length, "%s%s",
					   length ? "; " : "", function);
	}
	fclose(file);
}

static int thread_stack(const char *process, const char *thread,
			void (*line)(void *context, const char *text), void *context)
{
	char path[128], stack[512], text[640];
	struct stat_fields fields;

	snprintf(path, sizeof(path), "/proc/%.15s/task/%.15s/stat", process, thread);
	if (!read_stat(path, &fields) || fields.state != 'D')
		return 0;
	snprintf(path, sizeof(path), "/proc/%.15s/task/%.15s/stack", process, thread);
	read_stack(path, stack, sizeof(stack));
	snprintf(text, sizeof(text), "thread %.15s (%s) is in the kernel: %s", thread, fields.name,
		 stack);
	line(context, text);
	return 1;
}

static int process_stacks(const char *process, void (*line)(void *context, const char *text),
			  void *context)
{
	char path[64];
	struct dirent *entry;
	int count = 0;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%.15s/task", process);
	threads = opendir(path);
	while (threads && (entry = readdir(threads)))
		if (isdigit((unsigned char)*entry->d_name))
			count += thread_stack(process, entry->d_name, line, context);
	if (threads)
		closedir(threads);
	return count;
}

/* The next process of @processes, in @fields; NULL: there are no more. */
static const char *next_process(DIR *processes, struct stat_fields *fields)
{
	struct dirent *entry;
	char path[64];

	while (processes && (entry = readdir(processes))) {
		snprintf(path, sizeof(path), "/proc/%.15s/stat", entry->d_name);
		if (isdigit((unsigned char)*entry->d_name) && read_stat(path, fields))
			return entry->d_name;
	}
	return NULL;
}

int partner_stacks(const struct partner *partner, void (*line)(void *context, const char *text),
		   void *context)
{
	DIR *processes = opendir("/proc");
	struct stat_fields fields;
	const char *process;
	int count = 0;

	while ((process = next_process(processes, &fields)))
		if (fields.group == partner->pid || fields.parent == getpid())
			count += process_stacks(process, line, context);
	if (processes)
		closedir(processes);
	return count;
}

/* How many there were. */
static int kill_children(void)
{
	DIR *processes = opendir("/proc");
	struct stat_fields fields;
	const char *process;
	int count = 0;

	while ((process = next_process(processes, &fields))) {
		if (fields.parent != getpid())
			continue;
		kill(atoi(process), SIGKILL);
		count++;
	}
	if (processes)
		closedir(processes);
	return count;
}

void partners_adopt(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

bool partners_sweep(uint64_t deadline_ns)
{
	const struct timespec shortly = { .tv_nsec = 1000000 };

	do {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		if (!kill_children())
			return true;
		/* The children of a child that is gone are ours when it is. */
		nanosleep(&shortly, NULL);
	} while (dr_now() < deadline_ns);
	return false;
}

bool partner_stop(struct partner *partner, uint64_t deadline_ns, uint64_t kill_deadline_ns)
{
	bool gone;

	if (!partner->words)
		return true;
	if (partner->control >= 0)
		close(partner->control);
	partner->control = -1;
	if (!partner_has_ended(partner, deadline_ns) || partner->pid)
		kill(-partner->pid, SIGKILL);
	gone = partner_has_ended(partner, kill_deadline_ns);
	output_end(&partner->output);
	if (partner->received >= 0)
		close(partner->received);
	if (partner->pidfd >= 0)
		close(partner->pidfd);
	partner->words = NULL;
	return gone;
}
