// SPDX-License-Identifier: GPL-2.0-only
/* What the players know of each other, and the descriptors that they share. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "races.h"

struct race_board *race_board_create(const struct race_options *options,
				     uint64_t first_id)
{
	struct race_board *board = mmap(NULL, sizeof(*board),
					PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED)
		return NULL;
	board->options = *options;
	board->first_id = first_id;
	return board;
}

struct race_fact *race_fact(struct race_board *board, uint64_t id)
{
	return &board->facts[(id - board->first_id) % RACE_MAX_IDS];
}

bool race_told(struct race_board *board, uint64_t id)
{
	return atomic_load(&race_fact(board, id)->told);
}

bool race_done(struct race_board *board, uint64_t id)
{
	return atomic_load(&race_fact(board, id)->done);
}

#define REPORTS 3	/* of each operation */

/* Says what must not be. */
void race_violation(struct race_thread *thread, const char *format, ...)
{
	struct race_worker *worker = thread->worker;
	unsigned int op = atomic_load(&worker->op);
	char text[256];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);

	atomic_fetch_add(&thread->board->violations, 1);
	if (atomic_fetch_add(&thread->board->reported[op], 1) >= REPORTS)
		return;
	dprintf(STDOUT_FILENO,
		"violation: seed %llu, process %u, life %u, thread %u, step %u (%s): %s\n",
		(unsigned long long)thread->board->options.seed,
		thread->process->number, thread->process->life, thread->number,
		atomic_load(&worker->index),
		race_ops[op].name, text);
}

uint64_t race_deadline(uint16_t choice)
{
	static const uint64_t ns[] = {
		0, RACE_MSEC / 4, 2 * RACE_MSEC, 20 * RACE_MSEC,
	};
	uint64_t wait = ns[choice % 4];

	return wait ? dr_deadline(wait) : 0;
}

void race_handle_init(struct race_handle *handle)
{
	pthread_mutex_init(&handle->lock, NULL);
	handle->fd = -1;
}

struct race_handle race_handle_get(struct race_handle *handle)
{
	struct race_handle copy;

	pthread_mutex_lock(&handle->lock);
	copy = *handle;
	if (copy.fd >= 0)
		copy.fd = fcntl(handle->fd, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&handle->lock);
	return copy;
}

void race_handle_set(struct race_handle *handle, int fd, uint64_t id,
		     uint64_t length, unsigned int slot)
{
	int old;

	pthread_mutex_lock(&handle->lock);
	old = handle->fd;
	handle->fd = fd;
	handle->id = id;
	handle->length = length;
	handle->slot = slot;
	pthread_mutex_unlock(&handle->lock);
	/* It may be the last one, and take its time. */
	if (old >= 0)
		close(old);
}

unsigned int race_any_slot(struct race_thread *thread, uint16_t choice)
{
	const struct race_options *options = &thread->board->options;
	unsigned int kept = options->threads * options->processes;

	return choice & 0x8000 ? choice % RACE_SHARED_SLOTS :
				 RACE_SHARED_SLOTS + choice % kept;
}

/* By id, since nobody gave it to us. */
static void adopt(struct race_thread *thread, unsigned int slot, uint64_t id)
{
	struct race_handle owner = race_handle_get(&thread->process->owners[0]);
	struct dmabuf_revoke_query query;
	int fd;

	if (owner.fd < 0)
		return;
	fd = dr_export(owner.fd, id);
	if (fd >= 0 && !dr_query_fd(owner.fd, fd, &query)) {
		if (query.id != id)
			race_violation(thread, "EXPORT of %llu gives %llu",
				       (unsigned long long)id,
				       (unsigned long long)query.id);
		race_handle_set(&thread->process->buffers[slot], fd, id,
				query.length, slot);
	} else if (fd >= 0) {
		close(fd);
	}
	close(owner.fd);
}

struct race_handle race_buffer(struct race_thread *thread, unsigned int slot)
{
	struct race_handle *handle = &thread->process->buffers[slot];
	struct race_handle buffer = race_handle_get(handle);
	uint64_t id = atomic_load(&thread->board->slots[slot]);

	if (buffer.fd >= 0 || !id)
		return buffer;
	adopt(thread, slot, id);
	return race_handle_get(handle);
}

struct race_handle race_attachment(struct race_thread *thread, uint16_t choice)
{
	struct race_handle att;

	for (unsigned int i = 0; i < RACE_ATTACHMENTS; i++) {
		att = race_handle_get(&thread->process->attachments
				      [(choice + i) % RACE_ATTACHMENTS]);
		if (att.fd >= 0)
			break;
	}
	return att;
}
