// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "judge/program/output.h"

static void keep(struct output *output, const char *bytes, size_t length)
{
	size_t i;

	pthread_mutex_lock(&output->lock);
	for (i = 0; i < length; i++)
		output->kept[output->count++ % OUTPUT_KEPT] = bytes[i];
	pthread_mutex_unlock(&output->lock);
}

/* Until the last writer is gone, or it is cancelled: in read() only. */
static void *drain(void *context)
{
	struct output *output = context;
	char bytes[1024];
	ssize_t length;
	int before;

	while ((length = read(output->out, bytes, sizeof(bytes))) > 0) {
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
		keep(output, bytes, (size_t)length);
		pthread_setcancelstate(before, NULL);
	}
	return NULL;
}

void output_started(struct output *output)
{
	close(output->in);
	output->in = -1;
}

static void drained(const struct output *output)
{
	int left, i;

	for (i = 0; i < 100 && !ioctl(output->out, FIONREAD, &left) && left; i++)
		usleep(1000);
}

void output_end(struct output *output)
{
	if (output->in >= 0)
		close(output->in);
	if (output->started) {
		/* What was printed before is in the pipe. Who has left a writer gets no more. */
		drained(output);
		pthread_cancel(output->thread);
		pthread_join(output->thread, NULL);
	}
	close(output->out);
	output->in = -1;
	output->out = -1;
	output->started = false;
}

int output_start(struct output *output)
{
	int both[2], ret;

	if (pipe2(both, O_CLOEXEC))
		return -errno;
	output->out = both[0];
	output->in = both[1];
	output->count = 0;
	pthread_mutex_init(&output->lock, NULL);
	ret = pthread_create(&output->thread, NULL, drain, output);
	output->started = !ret;
	if (ret)
		output_end(output);
	return -ret;
}

void output_last(struct output *output, char *text, size_t size)
{
	size_t first, i, length = 0;

	pthread_mutex_lock(&output->lock);
	first = output->count > OUTPUT_KEPT ? output->count - OUTPUT_KEPT : 0;
	if (output->count - first >= size)
		first = output->count - (size - 1);
	for (i = first; i < output->count; i++)
		text[length++] = output->kept[i % OUTPUT_KEPT];
	pthread_mutex_unlock(&output->lock);
	text[length] = 0;
}
