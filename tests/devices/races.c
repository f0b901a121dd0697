// SPDX-License-Identifier: GPL-2.0-only
/*
 * The function goes while others attach, map, submit, close, revoke, again and again. Each
 * call does what it is for, or says that the device, or the buffer, is gone.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "function.h"

TIME_LIMIT(110);

#define ROUNDS 30

struct round {
	struct buffer buffer;
	atomic_bool stop;
	atomic_uint acts;
	atomic_int wrong;		/* errno that no call may give; 0: none */
};

static bool is_fair(int ret)
{
	/* ENXIO: of DEVICES there is none; EAGAIN: many jobs; EOPNOTSUPP: no engine. */
	return ret >= 0 || ret == -ENODEV || ret == -EBUSY || ret == -ENXIO ||
	       ret == -EAGAIN || ret == -ECANCELED || ret == -EOPNOTSUPP;
}

static void note(struct round *round, int ret)
{
	if (!is_fair(ret))
		atomic_store(&round->wrong, -ret);
	atomic_fetch_add(&round->acts, 1);
}

static void *attaches_maps_submits(void *arg)
{
	struct round *round = arg;
	uint32_t kind = 0;

	while (!atomic_load(&round->stop)) {
		struct dmabuf_revoke_submit job = {
			.op = DMABUF_REVOKE_OP_WRITE,
			.length = PAGE,
			.flags = DMABUF_REVOKE_SUBMIT_STREAM,
		};
		int att = try_attach_for(function, round->buffer.fd, kind % 2,
					 kind / 2 % 2);

		kind++;
		note(round, att);
		if (att < 0)
			continue;
		note(round, dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
		note(round, dr_submit(att, &job));
		note(round, dr_segments(att, NULL, 0, &(uint32_t){ 0 }));
		note(round, dr_unmap(att));
		close(att);
	}
	return NULL;
}

static void *suspends_and_restores(void *arg)
{
	struct round *round = arg;

	while (!atomic_load(&round->stop)) {
		note(round, dr_suspend(exporter, round->buffer.id,
				       dr_deadline(SOON), NULL));
		note(round, dr_restore(exporter, round->buffer.id,
				       dr_deadline(SOON)));
	}
	return NULL;
}

static void *lists(void *arg)
{
	struct round *round = arg;
	struct dmabuf_revoke_device devices[4];
	uint32_t count;

	while (!atomic_load(&round->stop))
		note(round, dr_devices(importer, devices, ARRAY_SIZE(devices), &count));
	return NULL;
}

static void goes_beside(void (*go)(void), void (*come_back)(void))
{
	void *(*const acts[])(void *) = {
		attaches_maps_submits, attaches_maps_submits, suspends_and_restores,
		lists,
	};
	struct round round = { .buffer = buffer_alloc(PAGE, 0) };
	struct luck luck = { .rounds = ROUNDS };
	pthread_t threads[ARRAY_SIZE(acts)];

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		pthread_create(&threads[i], NULL, acts[i], &round);
	while (luck_lasts(&luck)) {
		unsigned int before = atomic_load(&round.acts);

		/* Some time in between: each has been at work. */
		while (atomic_load(&round.acts) - before < 20)
			sched_yield();
		go();
		if (come_back)
			come_back();
	}
	atomic_store(&round.stop, true);
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		pthread_join(threads[i], NULL);
	equal(atomic_load(&round.wrong), 0);
	succeeds(dr_restore(exporter, round.buffer.id, dr_deadline(SOON)));
	equal(query(round.buffer.id).attachments, 0);
	nothing_is_in_use(round.buffer.id);
	revoke_fully(round.buffer.id);
	close(round.buffer.fd);
	function_unbind();
}

CASE(races, unbound_beside_all_calls)
{
	function_bind();
	goes_beside(function_unbind, function_bind);
}

CASE(races, reset_beside_all_calls)
{
	function_bind();
	need_reset();
	goes_beside(function_reset, NULL);
}

/* The end of files, and of what their owners left, meets the end of the device. */
static int attach_and_die(struct child *self, void *arg)
{
	struct buffer *buffer = arg;

	for (int i = 0; i < 8; i++) {
		int att = attach_for_function(buffer->fd, i % 2, 0);

		dr_submit(att, &(struct dmabuf_revoke_submit){
			.flags = DMABUF_REVOKE_SUBMIT_STREAM, .length = PAGE,
		});
	}
	child_waits(self);
	return 0;
}

CASE(races, unbound_beside_a_death)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct luck luck = { .rounds = ROUNDS };

	function_bind();
	while (luck_lasts(&luck)) {
		struct child child = child_start(attach_and_die, &buffer);

		child_is_waiting(&child);
		child_go_on(&child);
		function_unbind();
		equal(child_end(&child), 0);
		function_bind();
	}
	function_unbind();
	close(buffer.fd);
}
