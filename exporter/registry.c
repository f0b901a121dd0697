// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which buffers there are: their ids, and whose they are.
 */

#include <linux/capability.h>
#include <linux/dma-resv.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/sched/signal.h>
#include <linux/user_namespace.h>

#include "revoke.h"

/*
 * The registry: all buffers, by their id. The lock also guards dbr_buffer.owner and the
 * lists of the owners; nobody holds it for long. No XArray: since ids are not reused it
 * would get and drop nodes for nearly every buffer.
 */
static DEFINE_MUTEX(dbr_registry_lock);
static struct rb_root dbr_registry = RB_ROOT;

static atomic64_t dbr_last_id;

/**
 * dbr_registry_teach_lockdep - take the locks once, in their order
 *
 * lockdep reports an inversion when it has seen both orders. The two are never held
 * together, so it would see none, and whoever took the registry lock under the resv
 * lock would go unnoticed.
 */
void __init dbr_registry_teach_lockdep(void)
{
	struct dma_resv resv;

	if (!IS_ENABLED(CONFIG_PROVE_LOCKING))
		return;
	dma_resv_init(&resv);
	mutex_lock(&dbr_registry_lock);
	dma_resv_lock(&resv, NULL);
	dma_resv_unlock(&resv);
	mutex_unlock(&dbr_registry_lock);
	dma_resv_fini(&resv);
}

/* The last id that was given. Whoever has one up to it, and exists, has been counted. */
u64 dbr_buffers_last(void)
{
	/* Pairs with dbr_buffer_number(), which comes after the buffer was counted. */
	return atomic64_read_acquire(&dbr_last_id);
}

/* Gives @buf an id that none has had. It may remain unused. */
void dbr_buffer_number(struct dbr_buffer *buf)
{
	buf->id = atomic64_inc_return(&dbr_last_id);
}

static bool dbr_registry_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct dbr_buffer, registered)->id <
	       rb_entry(b, struct dbr_buffer, registered)->id;
}

/* Makes @buf known under its id. Consumes a dma-buf reference. */
void dbr_buffer_register(struct dbr_buffer *buf, struct dbr_owner *owner)
{
	mutex_lock(&dbr_registry_lock);
	buf->owner = owner;
	list_add_tail(&buf->owned, &owner->buffers);
	rb_add(&buf->registered, &dbr_registry, dbr_registry_less);
	mutex_unlock(&dbr_registry_lock);
}

/* Takes an orphan out of the registry and drops the owner's reference. */
void dbr_buffer_unregister(struct dbr_buffer *buf)
{
	mutex_lock(&dbr_registry_lock);
	/* Who gives it up may not have come so far yet. */
	list_del_init(&buf->owned);
	buf->owner = NULL;
	rb_erase(&buf->registered, &dbr_registry);
	mutex_unlock(&dbr_registry_lock);

	dma_buf_put(buf->dmabuf);
}

/* The buffer with the lowest id that is not below @id; or NULL. */
static struct dbr_buffer *dbr_registry_find(u64 id)
{
	struct rb_node *node = dbr_registry.rb_node;
	struct dbr_buffer *buf, *found = NULL;

	lockdep_assert_held(&dbr_registry_lock);

	while (node) {
		buf = rb_entry(node, struct dbr_buffer, registered);
		if (buf->id >= id) {
			found = buf;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * dbr_buffer_get - find a buffer that its owner names
 * @owner: the file that asks
 * @id: the buffer
 *
 * Return: the buffer with a dma-buf reference, or an ERR_PTR: -ENOENT, -EPERM.
 */
struct dbr_buffer *dbr_buffer_get(struct dbr_owner *owner, u64 id)
{
	struct dbr_buffer *buf;

	mutex_lock(&dbr_registry_lock);
	buf = dbr_registry_find(id);
	if (!buf || buf->id != id)
		buf = ERR_PTR(-ENOENT);
	else if (buf->owner != owner && !capable(CAP_SYS_ADMIN))
		buf = ERR_PTR(-EPERM);
	else
		get_dma_buf(buf->dmabuf);
	mutex_unlock(&dbr_registry_lock);
	return buf;
}

/**
 * dbr_buffer_pop - take a buffer from an owner that goes away
 * @owner: the owner
 *
 * Return: a buffer that has no owner now, with a dma-buf reference beside the one
 * that was the owner's; NULL when there is none left.
 */
struct dbr_buffer *dbr_buffer_pop(struct dbr_owner *owner)
{
	struct dbr_buffer *buf;

	mutex_lock(&dbr_registry_lock);
	buf = list_first_entry_or_null(&owner->buffers, struct dbr_buffer, owned);
	if (buf) {
		list_del_init(&buf->owned);
		buf->owner = NULL;
		get_dma_buf(buf->dmabuf);
	}
	mutex_unlock(&dbr_registry_lock);
	return buf;
}

/**
 * dbr_buffer_disown - take a buffer from its owner, who gives it up
 * @buf: the buffer; the caller holds a dma-buf reference beside the owner's
 */
void dbr_buffer_disown(struct dbr_buffer *buf)
{
	mutex_lock(&dbr_registry_lock);
	list_del_init(&buf->owned);
	buf->owner = NULL;
	mutex_unlock(&dbr_registry_lock);
}

#define DBR_IDS_AT_ONCE	1024

static struct dbr_buffer *dbr_up_to(struct dbr_buffer *buf, u64 last)
{
	lockdep_assert_held(&dbr_registry_lock);

	return buf && buf->id <= last ? buf : NULL;
}

/**
 * dbr_buffer_ids - the buffers that a file may name
 * @owner: the file that asks
 * @last: up to this id, so that it comes to an end beside whoever goes on allocating
 * @ids: receives the first of them, ascending
 * @capacity: how many fit
 * @count: receives how many there are; what goes meanwhile may be missed
 *
 * Return: 0, or -EINTR when a fatal signal ended it.
 */
int dbr_buffer_ids(struct dbr_owner *owner, u64 last, u64 *ids, u32 capacity,
		   u32 *count)
{
	/* Everybody may ask: who sees fewer was not denied anything. */
	bool all = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct dbr_buffer *buf;
	u64 next = 0;
	u32 i, n = 0;

	do {
		mutex_lock(&dbr_registry_lock);
		buf = dbr_up_to(dbr_registry_find(next), last);
		for (i = 0; buf && i < DBR_IDS_AT_ONCE; i++) {
			next = buf->id + 1;
			if (all || buf->owner == owner) {
				if (n < capacity)
					ids[n] = buf->id;
				n++;
			}
			buf = rb_entry_safe(rb_next(&buf->registered),
					    struct dbr_buffer, registered);
			buf = dbr_up_to(buf, last);
		}
		mutex_unlock(&dbr_registry_lock);

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	} while (buf);
	*count = n;
	return 0;
}
