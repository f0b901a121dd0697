// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "judge/importer/bounded.h"
#include "judge/importer/contents.h"

/* For whatever may hold up the CPU's access. */
#define ACCESS_NS	1000000000ULL
/* Between two looks. */
#define PAUSE_NS	10000000L

/* Of the word of that number: of no byte is it known what a driver writes there. */
static uint64_t pattern(uint64_t number)
{
	number = (number + 1) * 0x9e3779b97f4a7c15ULL;
	return number ^ number >> 29;
}

static int sync_it(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int ret;

	bounded_begin(ACCESS_NS);
	ret = ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
	bounded_end();
	return ret;
}

/* Its exit status is 0 if the fences are over. */
static void await_fences(const struct stage *stage)
{
	struct pollfd fences = { stage->dmabuf, POLLOUT, 0 };

	bounded_child(stage->trial->judge);
	if (stage->holder >= 0)
		close(stage->holder);
	_exit(poll(&fences, 1, ACCESS_NS / 1000000) < 1);
}

/* poll() waits for the resv lock, which a driver may hold for ever, and no signal ends that. */
static bool fences_are_over(struct stage *stage)
{
	struct judge *judge = stage->trial->judge;
	int process, state = -1;
	bool ended;
	pid_t pid;

	pid = fork();
	if (!pid)
		await_fences(stage);
	if (pid < 0)
		return false;
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	ended = bounded_child_ends(process, 2 * ACCESS_NS);
	if (!ended) {
		kill(pid, SIGKILL);
		ended = bounded_child_ends(process, judge->limits.ns[LIMIT_END]);
		judge->stuck |= !ended;
	}
	close(process);
	waitpid(pid, &state, ended ? 0 : WNOHANG);
	return ended && WIFEXITED(state) && !WEXITSTATUS(state);
}

/* NULL: @why. */
static uint64_t *begin(struct stage *stage, int access, const char **why)
{
	void *memory;

	if (!fences_are_over(stage)) {
		*why = stage->trial->judge->stuck ? "somebody holds its lock" :
		       "its fences are pending";
		return NULL;
	}
	memory = mmap(NULL, stage->memory, access, MAP_SHARED, stage->dmabuf, 0);
	if (memory == MAP_FAILED) {
		*why = "mmap has failed";
		return NULL;
	}
	if (!sync_it(stage->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW))
		return memory;
	munmap(memory, stage->memory);
	*why = "DMA_BUF_IOCTL_SYNC has failed";
	return NULL;
}

static void end(struct stage *stage, uint64_t *memory)
{
	sync_it(stage->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	munmap(memory, stage->memory);
}

static bool write_pattern(struct stage *stage, const char **why)
{
	uint64_t *memory = begin(stage, PROT_READ | PROT_WRITE, why), i;

	if (!memory)
		return false;
	for (i = 0; i < stage->memory / sizeof(*memory); i++)
		memory[i] = pattern(i);
	end(stage, memory);
	return true;
}

bool contents_write(struct stage *stage)
{
	const char *why;

	return write_pattern(stage, &why);
}

bool contents_fill(struct stage *stage)
{
	const char *why;

	if (write_pattern(stage, &why))
		return true;
	trial_give_up(stage->trial, "the buffer cannot be filled: %s", why);
	return false;
}

static void count_bytes(const struct stage *stage, struct contents *contents, uint64_t offset,
			uint64_t was, uint64_t is)
{
	const struct importer_subject *subject = stage->trial->judge->subject;
	unsigned int i;

	for (i = 0; i < sizeof(was); i++, offset++) {
		if (((const unsigned char *)&was)[i] == ((const unsigned char *)&is)[i])
			continue;
		if (offset >= subject->range_offset &&
		    offset - subject->range_offset < subject->range_length) {
			contents->inside++;
			continue;
		}
		if (!contents->outside++)
			contents->first_outside = offset;
	}
}

static uint64_t look_at_page(const struct stage *stage, struct contents *contents,
			     const uint64_t *memory, uint64_t first, uint64_t words)
{
	uint64_t hash = 14695981039346656037ULL, i;
	bool written = false;

	for (i = first; i < first + words; i++) {
		hash = (hash ^ memory[i]) * 1099511628211ULL;
		if (memory[i] == pattern(i))
			continue;
		written = true;
		count_bytes(stage, contents, i * sizeof(*memory), pattern(i), memory[i]);
	}
	return written ? hash | 1 : 0;
}

bool contents_look(struct stage *stage, struct contents *contents)
{
	uint64_t words = (uint64_t)sysconf(_SC_PAGESIZE) / sizeof(uint64_t), *memory;
	size_t i;

	contents_free(contents);
	memory = begin(stage, PROT_READ, &contents->why);
	if (!memory)
		return false;
	contents->count = stage->memory / (words * sizeof(uint64_t));
	contents->pages = calloc(contents->count, sizeof(*contents->pages));
	for (i = 0; contents->pages && i < contents->count; i++) {
		contents->pages[i] = look_at_page(stage, contents, memory, i * words, words);
		contents->written += !!contents->pages[i];
	}
	end(stage, memory);
	contents->why = "out of memory";
	return contents->pages;
}

bool contents_await(struct stage *stage, struct contents *contents)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t most = stage->trial->judge->limits.ns[LIMIT_FENCE], began_ns = dr_now();

	for (;;) {
		bool seen = contents_look(stage, contents);

		if ((seen && contents->written) || trial_is_over(stage->trial, most, began_ns))
			return seen;
		nanosleep(&pause, NULL);
	}
}

void contents_free(struct contents *contents)
{
	free(contents->pages);
	*contents = (struct contents){ 0 };
}

bool contents_same_pages(const struct contents *a, const struct contents *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (!a->pages[i] != !b->pages[i])
			return false;
	return true;
}

bool contents_same(const struct contents *a, const struct contents *b)
{
	return a->count == b->count &&
	       !memcmp(a->pages, b->pages, a->count * sizeof(*a->pages));
}
