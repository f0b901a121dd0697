// SPDX-License-Identifier: GPL-2.0-only
/* What debug objects, refcount_t, DEBUG_LIST and DEBUG_SG have to find. */
#include <linux/bug.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "module.h"

struct object {
	struct timer_list timer;
	struct work_struct work;
	struct work_struct earlier;
	struct completion go;
};

static void object_timer(struct timer_list *timer)
{
}

static void object_work(struct work_struct *work)
{
}

static void object_wait(struct work_struct *work)
{
	struct object *object = container_of(work, struct object, earlier);

	wait_for_completion(&object->go);
}

/* Debug objects stop the timer before the memory goes. */
static int active_timer(int number)
{
	struct object *object = kzalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	timer_setup(&object->timer, object_timer, 0);
	mod_timer(&object->timer, jiffies + 3600 * HZ);
	kfree(object);
	return 0;
}

/* The work waits behind another one; debug objects cancel it. */
static int active_work(int number)
{
	struct workqueue_struct *queue = alloc_ordered_workqueue("dbr_provoke", 0);
	struct object *blocker = kzalloc(sizeof(*blocker), GFP_KERNEL);
	struct object *object = kzalloc(sizeof(*object), GFP_KERNEL);
	int err = -ENOMEM;

	if (!queue || !blocker || !object)
		goto out;
	init_completion(&blocker->go);
	INIT_WORK(&blocker->earlier, object_wait);
	queue_work(queue, &blocker->earlier);
	INIT_WORK(&object->work, object_work);
	queue_work(queue, &object->work);
	kfree(object);
	object = NULL;
	complete(&blocker->go);
	flush_work(&blocker->earlier);
	err = 0;
out:
	kfree(object);
	kfree(blocker);
	if (queue)
		destroy_workqueue(queue);
	return err;
}

static void rcu_done(struct rcu_head *head)
{
}

/* The second time the kernel puts a callback of its own in the place of ours. */
static int rcu_head_twice(int number)
{
	static struct rcu_head head;

	call_rcu(&head, rcu_done);
	call_rcu(&head, rcu_done);
	rcu_barrier();
	return 0;
}

static int refcount(int number)
{
	refcount_t count = REFCOUNT_INIT(1);

	refcount_dec(&count);
	return 0;
}

static int warning(int number)
{
	WARN(1, "deliberate\n");
	return 0;
}

/* Kills the caller: BUG_ON_DATA_CORRUPTION. */
static int list_twice(int number)
{
	static struct list_head entry;
	LIST_HEAD(list);

	list_add(&entry, &list);
	list_del(&entry);
	list_del(&entry);
	return 0;
}

/* Kills the caller. */
static int sg_link_as_entry(int number)
{
	struct scatterlist sg[2], next;

	sg_init_table(sg, 2);
	sg_init_table(&next, 1);
	sg_chain(sg, 2, &next);
	sg_set_page(&sg[1], ZERO_PAGE(0), PAGE_SIZE, 0);
	return 0;
}

const struct bug object_bugs[] = {
	{ "active_timer", active_timer },
	{ "active_work", active_work },
	{ "rcu_head_twice", rcu_head_twice },
	{ "refcount", refcount },
	{ "warning", warning },
	{ "list_twice", list_twice },
	{ "sg_link_as_entry", sg_link_as_entry },
	{ }
};
