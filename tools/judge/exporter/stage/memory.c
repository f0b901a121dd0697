// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge/exporter/stage/memory.h"
#include "lib/devices/ioctls.h"

/* Above all where descriptors go. */
#define APART	10
/* Of the process that accesses. */
#define DMABUF	3
#define SOCKET	4

struct request {
	bool write, synced;
	uint64_t word;
};

struct answer {
	int ret;		/* of mmap() */
	bool sigbus, uniform, seen;
	uint64_t word;
	int sync;
	uint64_t began_ns, ended_ns;
};

static sigjmp_buf before_access;

static void on_sigbus(int number)
{
	(void)number;
	siglongjmp(before_access, 1);
}

static void read_part(const volatile uint64_t *words, uint64_t count, struct answer *answer)
{
	uint64_t first = words[0], i;

	answer->uniform &= !answer->seen || first == answer->word;
	answer->word = answer->seen ? answer->word : first;
	answer->seen = true;
	for (i = 1; i < count; i++)
		answer->uniform &= words[i] == answer->word;
}

/* Of one page. */
static void access_part(volatile uint64_t *words, uint64_t count, const struct request *request,
			struct answer *answer)
{
	uint64_t i;

	if (sigsetjmp(before_access, 1)) {
		answer->sigbus = true;
		return;
	}
	if (!request->write)
		read_part(words, count, answer);
	for (i = 0; request->write && i < count; i++)
		words[i] = request->word;
}

/* That one page is gone says nothing of the others. */
static void access_it(volatile uint64_t *words, uint64_t count, const struct request *request,
		      struct answer *answer)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE) / sizeof(*words), i;

	*answer = (struct answer){ .uniform = true };
	for (i = 0; i < count; i += page)
		access_part(words + i, count - i < page ? count - i : page, request, answer);
}

static int sync_access(uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int ret;

	do
		ret = ioctl(DMABUF, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
	while (ret == -EAGAIN || ret == -EINTR);
	return ret;
}

static void access_synced(uint64_t *words, uint64_t count, const struct request *request,
			  struct answer *answer)
{
	uint64_t flags = request->write ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ;
	uint64_t began = dr_now(), ended;
	int ret = sync_access(DMA_BUF_SYNC_START | flags);

	ended = dr_now();
	*answer = (struct answer){ 0 };
	if (!ret) {
		access_it(words, count, request, answer);
		ret = sync_access(DMA_BUF_SYNC_END | flags);
	}
	answer->sync = ret;
	answer->began_ns = began;
	answer->ended_ns = ended;
}

/* All that there is to it, in its process. Nobody but us has its descriptors. */
static void be_it(int dmabuf, uint64_t length, int socket)
{
	const struct sigaction action = { .sa_handler = on_sigbus };
	struct answer answer = { 0 };
	struct request request;
	uint64_t *words;

	sigaction(SIGBUS, &action, NULL);
	/*
	 * Descriptors of importers must not stay open here when we close them, nor what we print to
	 * if this hangs.
	 */
	dmabuf = fcntl(dmabuf, F_DUPFD, APART);
	socket = fcntl(socket, F_DUPFD, APART);
	dup2(dmabuf, DMABUF);
	dup2(socket, SOCKET);
	syscall(SYS_close_range, SOCKET + 1, ~0U, 0);
	syscall(SYS_close_range, 0, DMABUF - 1, 0);
	words = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, DMABUF, 0);
	answer.ret = words == MAP_FAILED ? -errno : 0;
	do {
		if (write(SOCKET, &answer, sizeof(answer)) != sizeof(answer) || answer.ret)
			_exit(0);
		if (read(SOCKET, &request, sizeof(request)) != sizeof(request))
			_exit(0);
		if (request.synced)
			access_synced(words, length / sizeof(*words), &request, &answer);
		else
			access_it(words, length / sizeof(*words), &request, &answer);
	} while (true);
}

static bool hear(struct memory *memory, struct scene *scene, struct answer *answer)
{
	struct pollfd socket = { memory->socket, POLLIN, 0 };
	uint64_t deadline = trial_deadline(scene->trial, LIMIT_COMMAND), now;

	while ((now = dr_now()) < deadline && !trial_is_interrupted(scene->trial))
		if (poll(&socket, 1, 100) > 0)
			return read(memory->socket, answer, sizeof(*answer)) == sizeof(*answer);
	return false;
}

int memory_start(struct memory *memory, struct scene *scene)
{
	struct answer answer;
	int both[2];

	*memory = (struct memory){ .socket = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both))
		return -errno;
	memory->pid = fork();
	if (!memory->pid)
		be_it(scene->dmabuf, scene->length, both[1]);
	close(both[1]);
	memory->socket = both[0];
	if (memory->pid < 0)
		return -errno;
	return hear(memory, scene, &answer) ? answer.ret : ASIDE_NEVER;
}

static enum memory_look ask(struct memory *memory, struct scene *scene,
			    const struct request *request)
{
	struct answer answer;

	if (send(memory->socket, request, sizeof(*request), MSG_NOSIGNAL) != sizeof(*request) ||
	    !hear(memory, scene, &answer))
		return MEMORY_NEVER;
	memory->word = answer.word;
	memory->uniform = answer.uniform;
	memory->seen = answer.seen;
	memory->sync = answer.sync;
	memory->began_ns = answer.began_ns;
	memory->ended_ns = answer.ended_ns;
	return answer.sigbus ? MEMORY_SIGBUS : MEMORY_CONTENTS;
}

enum memory_look memory_fill(struct memory *memory, struct scene *scene, uint64_t word)
{
	return ask(memory, scene, &(struct request){ .write = true, .word = word });
}

enum memory_look memory_read(struct memory *memory, struct scene *scene)
{
	return ask(memory, scene, &(struct request){ 0 });
}

enum memory_look memory_fill_synced(struct memory *memory, struct scene *scene, uint64_t word)
{
	return ask(memory, scene,
		   &(struct request){ .write = true, .synced = true, .word = word });
}

enum memory_look memory_read_synced(struct memory *memory, struct scene *scene)
{
	return ask(memory, scene, &(struct request){ .synced = true });
}

void memory_end(struct memory *memory, struct scene *scene)
{
	if (memory->socket >= 0)
		close(memory->socket);
	memory->socket = -1;
	if (memory->pid > 0)
		aside_leave(&scene->aside, memory->pid);
	memory->pid = 0;
}

struct mapping {
	int dmabuf;
	uint64_t length;
};

static int map_once_aside(void *arg)
{
	const struct mapping *mapping = arg;

	return mmap(NULL, mapping->length, PROT_READ, MAP_SHARED, mapping->dmabuf, 0) ==
	       MAP_FAILED ? -errno : 0;
}

int memory_map_once(struct scene *scene)
{
	struct mapping mapping = { scene->dmabuf, scene->length };

	return aside_call(&scene->aside, map_once_aside, &mapping, sizeof(mapping),
			  trial_deadline(scene->trial, LIMIT_ANSWER));
}

static int sync_aside(void *arg)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };

	if (ioctl(*(int *)arg, DMA_BUF_IOCTL_SYNC, &sync))
		return -errno;
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
	ioctl(*(int *)arg, DMA_BUF_IOCTL_SYNC, &sync);
	return 0;
}

int memory_sync(struct scene *scene)
{
	int dmabuf = scene->dmabuf;

	return aside_call(&scene->aside, sync_aside, &dmabuf, sizeof(dmabuf),
			  trial_deadline(scene->trial, LIMIT_ANSWER));
}
