// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happened to an attachment, for whoever reads or polls its file.
 */

#include <linux/uaccess.h>

#include "importer.h"
#include "timens.h"

/* @number is that of the job or of the mapping. */
void dbi_event_locked(struct dbi_attachment *att, u32 type, u64 number,
		      int status)
{
	struct dmabuf_revoke_event *event;

	lockdep_assert_held(&att->lock);

	if (att->events_head - att->events_tail == DBI_MAX_EVENTS) {
		att->events_tail++;
		att->events_lost++;
	}
	event = &att->events[att->events_head % DBI_MAX_EVENTS];
	event->time_ns = ktime_get_ns();
	event->sequence = att->events_head++;
	event->type = type;
	event->status = status;
	event->job = number;
	wake_up_all(&att->wait);
}

void dbi_event(struct dbi_attachment *att, u32 type, u64 number)
{
	spin_lock(&att->lock);
	dbi_event_locked(att, type, number, 0);
	spin_unlock(&att->lock);
}

static bool dbi_event_peek(struct dbi_attachment *att,
			   struct dmabuf_revoke_event *event)
{
	bool there;

	spin_lock(&att->lock);
	there = att->events_head != att->events_tail;
	if (there && event)
		*event = att->events[att->events_tail % DBI_MAX_EVENTS];
	spin_unlock(&att->lock);
	return there;
}

/* False: another reader took it, or it was dropped to make room. */
static bool dbi_event_take(struct dbi_attachment *att, u64 sequence)
{
	bool taken;

	spin_lock(&att->lock);
	taken = att->events_tail == sequence;
	if (taken)
		att->events_tail++;
	spin_unlock(&att->lock);
	return taken;
}

/* As many as there are and fit. An event that cannot be written is not lost. */
static ssize_t dbi_events_copy(struct dbi_attachment *att, char __user *ubuf,
			       size_t len)
{
	struct dmabuf_revoke_event event;
	size_t done = 0;

	while (len - done >= sizeof(event) && dbi_event_peek(att, &event)) {
		event.time_ns = timens_from_host(event.time_ns);
		if (copy_to_user(ubuf + done, &event, sizeof(event)))
			return done ?: -EFAULT;
		/* Else the next one is written over it. */
		if (dbi_event_take(att, event.sequence))
			done += sizeof(event);
	}
	return done;
}

/* Whether there is none, and there will be none. */
static bool dbi_events_ended(struct dbi_attachment *att)
{
	bool ended;

	spin_lock(&att->lock);
	ended = att->gone && att->events_head == att->events_tail;
	spin_unlock(&att->lock);
	return ended;
}

ssize_t dbi_events_read(struct file *file, char __user *ubuf, size_t len,
			loff_t *pos)
{
	struct dbi_attachment *att = file->private_data;
	ssize_t ret;

	if (len < sizeof(struct dmabuf_revoke_event))
		return -EINVAL;

	for (;;) {
		ret = dbi_events_copy(att, ubuf, len);
		if (ret)
			return ret;

		if (dbi_events_ended(att))
			return -ENODEV;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(att->wait,
					     dbi_event_peek(att, NULL) ||
					     dbi_events_ended(att)))
			return -ERESTARTSYS;
	}
}

__poll_t dbi_events_poll(struct file *file, poll_table *wait)
{
	struct dbi_attachment *att = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &att->wait, wait);
	spin_lock(&att->lock);
	if (att->events_head != att->events_tail)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (att->gone)
		mask |= EPOLLHUP;
	spin_unlock(&att->lock);
	return mask;
}
