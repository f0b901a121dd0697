/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a program does that has a driver judged: copy this file beside yours. README.md has the
 * protocol in words, and an example; import/ and export/ have programs for drivers of the kernel.
 *
 * A function that can fail returns 0, or the negative errno of the call that did.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* How a program ends: all is well, or what was asked for failed; usage; it lacks something. */
enum { STATUS_DONE, STATUS_FAILED, STATUS_USAGE, STATUS_MISSING = 77 };

#define WORD_LENGTH 64

struct importer {
	/* Make the driver import the dma-buf. Once it has returned 0 it is not called again. */
	int (*import)(int dmabuf);
	/* Make the driver use it; after a failure, too. */
	int (*use)(void);
	/* Undo import() and use(), whether they were called, and failed, or not. */
	void (*release)(void);
	/* use() is to be called again and again, until it fails. */
	bool streams;
};

struct exporter {
	/* Make the driver export a buffer. */
	int (*export)(int *dmabuf);
	/* What the words do; NULL: the driver has no such thing. */
	int (*revoke)(void);
	int (*suspend)(void);
	int (*restore)(void);
	int (*move)(void);
	int (*remove)(void);
	/* Undo export(), whatever was done since. */
	void (*release)(void);
};

static inline int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

/* The descriptor that a variable of the environment names; -1: there is none. */
static inline int inherited(const char *name)
{
	const char *text = getenv(name);

	return text ? atoi(text) : -1;
}

/* The next line, without its end. False: there is no more. What is too long is cut. */
static inline bool hear(int control, char word[WORD_LENGTH])
{
	size_t length = 0;
	char c;

	for (;;) {
		ssize_t got = read(control, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (c == '\n')
			break;
		if (length < WORD_LENGTH - 1)
			word[length++] = c;
	}
	word[length] = 0;
	return true;
}

/* @error: 0, or a negative errno. The judge may have gone: then the next read tells. */
static inline void say(int control, const char *word, int error)
{
	char line[WORD_LENGTH];
	int length = snprintf(line, sizeof(line), "%s %d\n", word, -error);

	send(control, line, length, MSG_NOSIGNAL);
}

static inline int use_it(const struct importer *importer, int dmabuf, bool *imported)
{
	int error = *imported ? 0 : importer->import(dmabuf);

	*imported = !error;
	return error ? error : importer->use();
}

/* The rest of main(), once the program has found its device. */
static inline int run_importer(const struct importer *importer)
{
	int dmabuf = inherited("DMABUF_REVOKE_FD"), control = inherited("DMABUF_REVOKE_CONTROL");
	bool imported = false;
	char word[WORD_LENGTH];
	int error;

	if (dmabuf < 0) {
		fprintf(stderr, "DMABUF_REVOKE_FD names no dma-buf\n");
		return STATUS_USAGE;
	}
	error = use_it(importer, dmabuf, &imported);
	if (control < 0) {
		importer->release();
		if (error)
			fprintf(stderr, "the dma-buf cannot be used: %s\n", strerror(-error));
		return error ? STATUS_FAILED : STATUS_DONE;
	}
	for (;;) {
		struct pollfd heard = { .fd = control, .events = POLLIN };

		say(control, "done", error);
		while (importer->streams && !error && !poll(&heard, 1, 0))
			error = importer->use();
		if (!hear(control, word))
			break;
		error = strcmp(word, "again") ? -EINVAL : use_it(importer, dmabuf, &imported);
	}
	importer->release();
	return STATUS_DONE;
}

/* "buffer", with the descriptor on its first byte. */
static inline int hand_over(int control, int dmabuf)
{
	char word[] = "buffer\n";
	struct iovec text = { word, strlen(word) };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} ancillary = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct msghdr message = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = ancillary.space,
		.msg_controllen = sizeof(ancillary.space),
	};

	memcpy(CMSG_DATA(&ancillary.header), &dmabuf, sizeof(int));
	return sendmsg(control, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static inline int act(const struct exporter *exporter, const char *word)
{
	const struct {
		const char *word;
		int (*act)(void);
	} acts[] = {
		{ "revoke", exporter->revoke },
		{ "suspend", exporter->suspend },
		{ "restore", exporter->restore },
		{ "move", exporter->move },
		{ "remove", exporter->remove },
		{}
	};

	for (int i = 0; acts[i].word; i++)
		if (!strcmp(word, acts[i].word))
			return acts[i].act ? acts[i].act() : -EOPNOTSUPP;
	return -EINVAL;
}

/* The rest of main(). @needs: what an exporter that fails may lack. */
static inline int run_exporter(const struct exporter *exporter, const char *needs)
{
	int control = inherited("DMABUF_REVOKE_CONTROL");
	char word[WORD_LENGTH];
	int dmabuf, error;

	if (control < 0) {
		fprintf(stderr, "DMABUF_REVOKE_CONTROL names no socket\n");
		return STATUS_USAGE;
	}
	error = exporter->export(&dmabuf);
	if (error) {
		fprintf(stderr, "no buffer: %s: it takes %s\n", strerror(-error), needs);
		say(control, "failed", error);
		exporter->release();
		return STATUS_MISSING;
	}
	error = hand_over(control, dmabuf);
	/* From now on it is the judge's. */
	close(dmabuf);
	while (!error && hear(control, word))
		say(control, "done", act(exporter, word));
	exporter->release();
	return error ? STATUS_FAILED : STATUS_DONE;
}

#endif
