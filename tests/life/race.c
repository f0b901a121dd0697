// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once with a revoke. What the cases assert is little: that nobody
 * hangs and all is released. The kernel log and the counts say the rest.
 */
#include <linux/dma-buf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "common.h"

#define ROUNDS 12

TIME_LIMIT(110);

/* One thread does one thing over and over until it is told to stop. */
struct actor {
	pthread_t thread;
	void (*act)(struct actor *actor);
	const struct buffer *buffer;
	const atomic_bool *stop;
	atomic_uint acts;
	int fd;
};

static void *act_until_stopped(void *arg)
{
	struct actor *actor = arg;

	do {
		actor->act(actor);
		atomic_fetch_add(&actor->acts, 1);
	} while (!atomic_load(actor->stop));
	return NULL;
}

static void actors_start(struct actor *actors, size_t n,
			 void (*const *acts)(struct actor *actor),
			 const struct buffer *buffer, const atomic_bool *stop)
{
	for (size_t i = 0; i < n; i++) {
		actors[i] = (struct actor){
			.act = acts[i],
			.buffer = buffer,
			.stop = stop,
		};
		pthread_create(&actors[i].thread, NULL, act_until_stopped,
			       &actors[i]);
	}
}

static void actors_act_once_more(struct actor *actors, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int before = atomic_load(&actors[i].acts);

		while (atomic_load(&actors[i].acts) == before)
			sched_yield();
	}
}

static void actors_join(struct actor *actors, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pthread_join(actors[i].thread, NULL);
}

static void act_sync(struct actor *actor)
{
	sync_cpu_access(actor->buffer->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	sync_cpu_access(actor->buffer->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
}

static void act_poll(struct actor *actor)
{
	struct pollfd pollfd = {
		.fd = actor->buffer->fd,
		.events = POLLIN | POLLOUT,
	};

	poll(&pollfd, 1, 0);
}

static void act_query(struct actor *actor)
{
	struct dmabuf_revoke_query out;

	dr_query_fd(exporter, actor->buffer->fd, &out);
	dr_query(exporter, actor->buffer->id, &out);
}

static void read_all(const char *path)
{
	char bytes[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
}

static void act_read_debug_files(struct actor *actor)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", actor->buffer->fd);
	read_all(path);
	read_all("/sys/kernel/debug/dma_buf/bufinfo");
}

static void act_touch(struct actor *actor)
{
	void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    actor->buffer->fd, 0);

	if (memory == MAP_FAILED)
		return;
	fault_on_write(memory);
	munmap(memory, PAGE);
}

static void act_list(struct actor *actor)
{
	uint64_t ids[64];
	uint32_t count;

	(void)actor;
	dr_list(exporter, ids, ARRAY_SIZE(ids), &count);
}

CASE(race, E3_E9_cpu_access_poll_query_and_debug_files)
{
	static void (*const acts[])(struct actor *actor) = {
		act_sync, act_poll, act_query, act_read_debug_files, act_touch,
		act_list,
	};

	for (int round = 0; round < ROUNDS / 2; round++) {
		struct buffer buffer = buffer_alloc(4 * PAGE, 0);
		struct actor actors[ARRAY_SIZE(acts)];
		atomic_bool stop = false;

		actors_start(actors, ARRAY_SIZE(acts), acts, &buffer, &stop);
		actors_act_once_more(actors, ARRAY_SIZE(acts));
		revoke_fully(buffer.id);
		actors_act_once_more(actors, ARRAY_SIZE(acts));
		atomic_store(&stop, true);
		actors_join(actors, ARRAY_SIZE(acts));
		close(buffer.fd);
	}
}

static void act_dma(struct actor *actor, uint32_t kind, uint32_t flags)
{
	int att = dr_attach(importer, actor->buffer->fd, kind, flags);
	struct dmabuf_revoke_submit job = {
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = PAGE,
	};
	struct dmabuf_revoke_wait out;

	if (att < 0)
		return;
	for (int i = 0; i < 4; i++)
		if (!dr_submit(att, &job))
			dr_wait(att, job.job, 0, &out);
	dr_unmap(att);
	dr_submit(att, &job);
	close(att);
}

static void act_dma_dynamic(struct actor *actor)
{
	act_dma(actor, DMABUF_REVOKE_KIND_DYNAMIC, 0);
}

static void act_dma_deferred(struct actor *actor)
{
	act_dma(actor, DMABUF_REVOKE_KIND_DYNAMIC,
		DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
}

static void act_dma_pinned(struct actor *actor)
{
	act_dma(actor, DMABUF_REVOKE_KIND_PINNED,
		DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
}

static void act_dma_legacy(struct actor *actor)
{
	act_dma(actor, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
}

CASE(race, E2_E6_attach_dma_and_detach_of_every_kind)
{
	static void (*const acts[])(struct actor *actor) = {
		act_dma_dynamic, act_dma_deferred, act_dma_pinned,
		act_dma_legacy,
	};

	for (int round = 0; round < ROUNDS; round++) {
		struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
		struct actor actors[ARRAY_SIZE(acts)];
		atomic_bool stop = false;

		actors_start(actors, ARRAY_SIZE(acts), acts, &buffer, &stop);
		actors_act_once_more(actors, ARRAY_SIZE(acts));
		revoke_fully(buffer.id);
		equal(query(buffer.id).pending.maps, 0);
		atomic_store(&stop, true);
		actors_join(actors, ARRAY_SIZE(acts));
		equal(query(buffer.id).attachments, 0);
		equal(query(buffer.id).pending.pins, 0);
		close(buffer.fd);
	}
}

static void *revoke_once(void *arg)
{
	const struct buffer *buffer = arg;

	dr_revoke(exporter, buffer->id, dr_deadline(SOON), NULL);
	return NULL;
}

static void *close_fd(void *arg)
{
	close(*(int *)arg);
	return NULL;
}

/* The last descriptor, the owner's file, an attachment, a revoke: all at once. */
CASE(race, E13_E17_close_of_everything)
{
	for (int round = 0; round < 4 * ROUNDS; round++) {
		int owner;
		struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
		int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				 round % 2);
		pthread_t threads[4];

		submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, MSEC);
		pthread_create(&threads[0], NULL, revoke_once, &buffer);
		pthread_create(&threads[1], NULL, close_fd, &owner);
		pthread_create(&threads[2], NULL, close_fd, &buffer.fd);
		pthread_create(&threads[3], NULL, close_fd, &att);
		for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
			pthread_join(threads[i], NULL);
		holds(eventually(is_gone, buffer.id));
	}
}

struct collector {
	pthread_t thread;
	int att;
	uint64_t job;
	int result;
};

static void *collect_one(void *arg)
{
	struct collector *collector = arg;
	struct dmabuf_revoke_wait out;

	collector->result = dr_wait(collector->att, collector->job,
				    dr_deadline(SOON), &out);
	return NULL;
}

/* Exactly one of those who wait for a job gets its result. */
CASE(race, several_wait_for_one_job)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	for (int round = 0; round < ROUNDS; round++) {
		struct collector collectors[4];
		uint64_t job = submit_busy(att, DMABUF_REVOKE_OP_READ, 0,
					   10 * MSEC);
		int collected = 0;

		for (size_t i = 0; i < ARRAY_SIZE(collectors); i++) {
			collectors[i].att = att;
			collectors[i].job = job;
			pthread_create(&collectors[i].thread, NULL, collect_one,
				       &collectors[i]);
		}
		for (size_t i = 0; i < ARRAY_SIZE(collectors); i++) {
			pthread_join(collectors[i].thread, NULL);
			if (collectors[i].result)
				equal(collectors[i].result, -ENOENT);
			else
				collected++;
		}
		equal(collected, 1);
	}
	equal(status(att).jobs_uncollected, 0);
	close(att);
	close(buffer.fd);
}

static void *submit_until_refused(void *arg)
{
	struct collector *collector = arg;
	struct dmabuf_revoke_submit job = { .length = 1 };
	struct dmabuf_revoke_wait out;

	while (!(collector->result = dr_submit(collector->att, &job)))
		dr_wait(collector->att, job.job, dr_deadline(SOON), &out);
	return NULL;
}

/* On one attachment, so that they meet in the queue and in the callback. */
CASE(race, I3_submitters_and_a_revoke)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				 round % 2);
		struct collector submitters[4];

		device_crc(att, 0, PAGE);
		for (size_t i = 0; i < ARRAY_SIZE(submitters); i++) {
			submitters[i].att = att;
			pthread_create(&submitters[i].thread, NULL,
				       submit_until_refused, &submitters[i]);
		}
		revoke_fully(buffer.id);
		for (size_t i = 0; i < ARRAY_SIZE(submitters); i++) {
			pthread_join(submitters[i].thread, NULL);
			equal(submitters[i].result, -ENODEV);
		}
		equal(status(att).jobs_running, 0);
		close(att);
		close(buffer.fd);
	}
}
