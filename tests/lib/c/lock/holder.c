// SPDX-License-Identifier: GPL-2.0-only
#include <unistd.h>

#include "holder.h"
#include "life.h"

static void *suspend_in_thread(void *arg)
{
	struct holder *holder = arg;

	dr_suspend(exporter, holder->id, 0, NULL);
	atomic_store(&holder->let_go, true);
	return NULL;
}

void holder_suspend(struct holder *holder, uint64_t id)
{
	holder->id = id;
	atomic_init(&holder->let_go, false);
	equal(pthread_create(&holder->thread, NULL, suspend_in_thread, holder), 0);
}

void holder_await(struct holder *holder)
{
	equal(pthread_join(holder->thread, NULL), 0);
}

void holder_begin(struct holder *holder, const struct buffer *buffer)
{
	holder->att = attach_misbehaving(buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC,
					 DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK,
					 HELD_LONGEST);
	holder_suspend(holder, buffer->id);
	expect_event(holder->att, DMABUF_REVOKE_EVENT_INVALIDATED);
}

bool holder_has_let_go(const struct holder *holder)
{
	return atomic_load(&holder->let_go);
}

void holder_end(struct holder *holder)
{
	close(holder->att);
	holder_await(holder);
}

static void *map_in_thread(void *arg)
{
	struct mapper *mapper = arg;

	atomic_store(&mapper->tid, gettid());
	mapper->result = dr_map(mapper->att, DMABUF_REVOKE_BIDIRECTIONAL);
	return NULL;
}

static bool mapper_sleeps(uint64_t arg)
{
	const struct mapper *mapper = (const void *)(uintptr_t)arg;
	int tid = atomic_load(&mapper->tid);

	return tid && is_asleep(tid);
}

void mapper_need(void)
{
	if (!kernel_can(DMABUF_REVOKE_FEATURE_STATIC_MAP))
		skip("no one holds the lock until a fence has signalled: Linux 7.1");
}

void mapper_attach(struct mapper *mapper, const struct buffer *buffer)
{
	*mapper = (struct mapper){
		.att = attach(buffer->fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0),
	};
}

void mapper_begin(struct mapper *mapper)
{
	equal(pthread_create(&mapper->thread, NULL, map_in_thread, mapper), 0);
	if (kernel_can(DMABUF_REVOKE_FEATURE_STATIC_MAP))
		holds(eventually(mapper_sleeps, (uintptr_t)mapper));
}

void mapper_end(struct mapper *mapper)
{
	equal(pthread_join(mapper->thread, NULL), 0);
	succeeds(mapper->result);
	close(mapper->att);
}
