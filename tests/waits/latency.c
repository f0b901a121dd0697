// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long each call goes on after a signal, at the largest argument that the machine
 * has room for; docs/performance/latency.md has the method and the figures. A program
 * with a main() of its own, which test_latency.py runs:
 *
 *   latency --list			the calls
 *   latency CALL			ms from SIGKILL to its end
 *   latency CALL MIB MOMENTS		a row of the table
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "life.h"

/* What a fatal signal may take. */
#define LIMIT ((uint64_t)(100 * MSEC * patience()))
/* How often a moment is tried that is beyond it: a busy host pauses, but not each time. */
#define TRIES 3

/* What a call needs, made anew for each. */
struct stage {
	uint64_t bytes;
	int file;		/* an exporter file of its own, the owner of all of it */
	struct buffer buffer;
	int att, blocker;	/* attachments, or -1 */
};

struct row {
	const char *name;
	void (*prepare)(struct stage *stage);
	int (*call)(struct stage *stage);
	bool endless;		/* it waits for what does not come */
};

static struct dmabuf_revoke_blocker blockers[512];
static uint64_t ids[4096];

/* --- what there is before the call ---------------------------------------- */

static void nothing(struct stage *stage)
{
	(void)stage;
}

static void alloc(struct stage *stage, uint32_t flags)
{
	stage->buffer.length = stage->bytes;
	succeeds(dr_alloc(stage->file, stage->bytes, flags, &stage->buffer.id,
			  &stage->buffer.fd));
}

static void a_buffer(struct stage *stage)
{
	alloc(stage, 0);
}

/* Both copies are to be had. */
static void a_smaller_buffer(struct stage *stage)
{
	stage->bytes /= 2;
	alloc(stage, 0);
}

static void a_quarantined_buffer(struct stage *stage)
{
	alloc(stage, DMABUF_REVOKE_ALLOC_QUARANTINE);
	succeeds(dr_revoke(stage->file, stage->buffer.id, DMABUF_REVOKE_FOREVER,
			   NULL));
}

static void an_attachment(struct stage *stage)
{
	a_buffer(stage);
	stage->att = attach(stage->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
}

static void a_mapping(struct stage *stage)
{
	an_attachment(stage);
	succeeds(dr_map(stage->att, DMABUF_REVOKE_BIDIRECTIONAL));
}

static void a_vmap(struct stage *stage)
{
	an_attachment(stage);
	succeeds(dr_vmap(stage->att, NULL));
}

/* As of 256 MiB in single pages. */
#define PIECES 65536

static int alloc_pieces(struct stage *stage)
{
	struct dmabuf_revoke_alloc arg = {
		.length = PIECES * PAGE,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.shape = DMABUF_REVOKE_SHAPE_REPEATED,
		.shape_arg = PAGE,
	};
	int ret = dr_alloc_as(stage->file, &arg);

	stage->buffer = (struct buffer){ arg.id, arg.length, arg.fd };
	stage->bytes = arg.length;
	return ret;
}

static void pieces(struct stage *stage)
{
	succeeds(alloc_pieces(stage));
}

static void pieces_attached(struct stage *stage)
{
	pieces(stage);
	stage->att = attach(stage->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
}

static void pieces_mapped(struct stage *stage)
{
	pieces_attached(stage);
	succeeds(dr_map(stage->att, DMABUF_REVOKE_BIDIRECTIONAL));
}

/* A fence that does not signal before its attachment is closed. */
static void a_stuck_fence(struct stage *stage)
{
	stage->bytes = PAGE;
	an_attachment(stage);
	stage->blocker = attach_misbehaving(stage->buffer.fd,
					    DMABUF_REVOKE_KIND_DYNAMIC,
					    DMABUF_REVOKE_MISBEHAVE_STUCK_FENCE,
					    0);
	/* One that is not taken up yet would be cancelled. */
	submit_running(stage->blocker, stage->buffer.fd, 0, 0, NULL);
}

static void a_suspension_that_lasts(struct stage *stage)
{
	a_stuck_fence(stage);
	fails(dr_suspend(stage->file, stage->buffer.id, 0, NULL), ETIMEDOUT);
}

static void many_buffers(struct stage *stage)
{
	for (int i = 0; i < 2000; i++) {
		stage->bytes = PAGE;
		alloc(stage, 0);
		close(stage->buffer.fd);
	}
	stage->buffer.fd = -1;
}

static void many_attachments(struct stage *stage)
{
	int fds[256];

	stage->bytes = PAGE;
	an_attachment(stage);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = attach_mapped(stage->buffer.fd,
				       DMABUF_REVOKE_KIND_DYNAMIC, 0);
	stage->blocker = fds[0];
}

/* --- the calls ------------------------------------------------------------ */

static int does_alloc(struct stage *stage)
{
	return dr_alloc(stage->file, stage->bytes, 0, &stage->buffer.id,
			&stage->buffer.fd);
}

static int does_alloc_pieces(struct stage *stage)
{
	return alloc_pieces(stage);
}

static int does_revoke(struct stage *stage)
{
	return dr_revoke(stage->file, stage->buffer.id, DMABUF_REVOKE_FOREVER,
			 NULL);
}

static int does_revoke_at_once(struct stage *stage)
{
	return dr_revoke(stage->file, stage->buffer.id, 0, NULL);
}

static int does_suspend(struct stage *stage)
{
	return dr_suspend(stage->file, stage->buffer.id, DMABUF_REVOKE_FOREVER,
			  NULL);
}

static int does_restore(struct stage *stage)
{
	return dr_restore(stage->file, stage->buffer.id, DMABUF_REVOKE_FOREVER);
}

static int does_move(struct stage *stage)
{
	return dr_move(stage->file, stage->buffer.id, DMABUF_REVOKE_FOREVER);
}

static int does_free(struct stage *stage)
{
	return dr_free(stage->file, stage->buffer.id, NULL, 0, NULL);
}

static int does_list(struct stage *stage)
{
	uint32_t count;

	return dr_list(stage->file, ids, ARRAY_SIZE(ids), &count);
}

static int does_query(struct stage *stage)
{
	struct dmabuf_revoke_query out;

	return dr_query(stage->file, stage->buffer.id, &out);
}

static int does_blockers(struct stage *stage)
{
	uint32_t count;

	return dr_blockers(stage->file, stage->buffer.id, blockers,
			   ARRAY_SIZE(blockers), &count);
}

static int does_await(struct stage *stage)
{
	return dr_faults_await(stage->file, stage->buffer.id,
			       DMABUF_REVOKE_FOREVER);
}

static int does_export(struct stage *stage)
{
	return dr_export(stage->file, stage->buffer.id);
}

static int does_attach(struct stage *stage)
{
	return dr_attach(importer, stage->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 0);
}

static int does_map(struct stage *stage)
{
	return dr_map(stage->att, DMABUF_REVOKE_BIDIRECTIONAL);
}

static int does_unmap(struct stage *stage)
{
	return dr_unmap(stage->att);
}

static int does_submit(struct stage *stage)
{
	struct dmabuf_revoke_submit job = {
		.op = DMABUF_REVOKE_OP_READ,
		.length = stage->bytes,
	};

	return dr_submit(stage->att, &job);
}

static int does_wait(struct stage *stage)
{
	struct dmabuf_revoke_wait out;

	return dr_wait(stage->blocker, 1, DMABUF_REVOKE_FOREVER, &out);
}

static int does_vmap(struct stage *stage)
{
	return dr_vmap(stage->att, NULL);
}

static int does_vunmap(struct stage *stage)
{
	return dr_vunmap(stage->att);
}

static int does_segments(struct stage *stage)
{
	static struct dmabuf_revoke_segment segments[PIECES];
	uint32_t count;

	return dr_segments(stage->att, segments, ARRAY_SIZE(segments), &count);
}

static int does_devices(struct stage *stage)
{
	uint32_t count;

	(void)stage;
	return dr_devices(importer, NULL, 0, &count);
}

static int does_status(struct stage *stage)
{
	struct dmabuf_revoke_status out;

	return dr_status(stage->att, &out);
}

static const struct row rows[] = {
	{ "ALLOC", nothing, does_alloc, false },
	{ "REVOKE", a_buffer, does_revoke, false },
	{ "REVOKE, deadline 0", a_buffer, does_revoke_at_once, false },
	{ "REVOKE, 257 attachments", many_attachments, does_revoke, false },
	{ "REVOKE that waits", a_stuck_fence, does_revoke, true },
	{ "SUSPEND that waits", a_stuck_fence, does_suspend, true },
	{ "RESTORE that waits", a_suspension_that_lasts, does_restore, true },
	{ "MOVE", a_smaller_buffer, does_move, false },
	{ "MOVE that waits", a_stuck_fence, does_move, true },
	{ "FREE, quarantine", a_quarantined_buffer, does_free, false },
	{ "LIST, 2000 buffers", many_buffers, does_list, false },
	{ "QUERY, 257 attachments", many_attachments, does_query, false },
	{ "BLOCKERS, 257 attachments", many_attachments, does_blockers, false },
	{ "FAULTS that waits", a_buffer, does_await, true },
	{ "EXPORT", a_buffer, does_export, false },
	{ "ATTACH", a_buffer, does_attach, false },
	{ "MAP", an_attachment, does_map, false },
	{ "UNMAP", a_mapping, does_unmap, false },
	{ "SUBMIT", an_attachment, does_submit, false },
	{ "WAIT that waits", a_stuck_fence, does_wait, true },
	{ "VMAP", an_attachment, does_vmap, false },
	{ "VUNMAP", a_vmap, does_vunmap, false },
	{ "STATUS", a_mapping, does_status, false },
	{ "SEGMENTS", a_mapping, does_segments, false },
	{ "DEVICES", nothing, does_devices, false },
	{ "ALLOC, 65536 pieces", nothing, does_alloc_pieces, false },
	{ "REVOKE, 65536 pieces", pieces_mapped, does_revoke, false },
	{ "MOVE, 65536 pieces", pieces_mapped, does_move, false },
	{ "ATTACH, 65536 pieces", pieces, does_attach, false },
	{ "MAP, 65536 pieces", pieces_attached, does_map, false },
	{ "UNMAP, 65536 pieces", pieces_mapped, does_unmap, false },
	{ "SEGMENTS, 65536 pieces", pieces_mapped, does_segments, false },
};

/* --- one call, and a signal ------------------------------------------------ */

static void stage_begin(struct stage *stage, const struct row *row,
			uint64_t bytes)
{
	*stage = (struct stage){
		.bytes = bytes, .buffer.fd = -1, .att = -1, .blocker = -1,
	};
	stage->file = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	row->prepare(stage);
}

static bool system_is_empty(uint64_t before)
{
	return buffers_in_system() == before;
}

static void stage_end(uint64_t buffers)
{
	/* Whatever the stage has, and its row, is above standard error. */
	for (int fd = importer + 1; fd < 1024; fd++)
		close(fd);
	holds(eventually(system_is_empty, buffers), "a buffer stays");
}

static void on_signal(int sig)
{
	(void)sig;
}

static void calls(const struct row *row, struct stage *stage, int ready)
{
	const struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	if (write(ready, "", 1) != 1)
		_exit(2);
	row->call(stage);
	_exit(0);
}

static void sleep_until(uint64_t ns)
{
	const struct timespec until = { ns / SEC, ns % SEC };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* Until the child has ended: the time of that. */
static uint64_t await_end(int pidfd, pid_t child)
{
	struct pollfd pollfd = { .fd = pidfd, .events = POLLIN };
	uint64_t ended;

	succeeds(sys(poll(&pollfd, 1, -1)));
	ended = dr_now();
	waitpid(child, NULL, 0);
	return ended;
}

/*
 * Makes the call in a child. With @sig it gets that signal @after it has begun. Returns
 * how long it went on from there; 0: it was over. Without: how long it took.
 */
static uint64_t measure(const struct row *row, uint64_t bytes, int sig,
			uint64_t after)
{
	uint64_t buffers = buffers_in_system(), began, ended;
	struct stage stage;
	int ready[2], pidfd;
	bool over = false;
	pid_t child;
	char byte;

	stage_begin(&stage, row, bytes);
	succeeds(sys(pipe2(ready, O_CLOEXEC)));
	child = succeeds(sys(fork()));
	if (!child)
		calls(row, &stage, ready[1]);
	pidfd = succeeds(sys(syscall(SYS_pidfd_open, child, 0)));
	equal(read(ready[0], &byte, 1), 1);
	began = dr_now();
	if (sig) {
		struct pollfd pollfd = { .fd = pidfd, .events = POLLIN };

		sleep_until(began + after);
		over = poll(&pollfd, 1, 0);
		began = dr_now();
		kill(child, sig);
	}
	ended = await_end(pidfd, child);
	stage_end(buffers);
	return over ? 0 : ended - began;
}

/* The longest of all moments, each of which counts by the best of its tries. */
static uint64_t worst(const struct row *row, uint64_t bytes, int sig,
		      uint64_t duration, int moments)
{
	uint64_t longest = 0;

	for (int i = 0; i < moments; i++) {
		uint64_t best = UINT64_MAX;

		for (int try = 0; try < TRIES && best > LIMIT; try++) {
			uint64_t took = measure(row, bytes, sig,
						duration * i / moments);

			if (took < best)
				best = took;
		}
		if (best > longest)
			longest = best;
	}
	return longest;
}

/* --- the longest time without a reschedule --------------------------------- */

static void be_urgent(bool urgent)
{
	const struct sched_param param = { .sched_priority = urgent };

	succeeds(sys(sched_setscheduler(0, urgent ? SCHED_FIFO : SCHED_OTHER,
					&param)));
}

/*
 * By how much who comes first at this CPU wakes up too late while the call is made on it:
 * looks each 100 us. The least of three, for the host's pauses.
 */
static uint64_t gap(const struct row *row, uint64_t bytes)
{
	const uint64_t step = MSEC / 10;
	uint64_t least = UINT64_MAX;

	stay_on_this_cpu();
	for (int try = 0; try < 3; try++) {
		uint64_t buffers = buffers_in_system(), next, late = 0;
		struct stage stage;
		int ready[2];
		pid_t child;
		char byte;

		stage_begin(&stage, row, bytes);
		succeeds(sys(pipe2(ready, O_CLOEXEC)));
		child = succeeds(sys(fork()));
		if (!child)
			calls(row, &stage, ready[1]);
		equal(read(ready[0], &byte, 1), 1);
		be_urgent(true);
		next = dr_now();
		while (!waitpid(child, NULL, WNOHANG)) {
			next += step;
			sleep_until(next);
			if (dr_now() - next > late)
				late = dr_now() - next;
			next = dr_now();
		}
		be_urgent(false);
		stage_end(buffers);
		if (late < least)
			least = late;
	}
	return least;
}

/* --- the program ----------------------------------------------------------- */

static void print_row(const struct row *row, uint64_t bytes, int moments)
{
	uint64_t duration = row->endless ? 20 * MSEC :
				measure(row, bytes, 0, 0);
	uint64_t killed = worst(row, bytes, SIGKILL, duration, moments);
	uint64_t handled = worst(row, bytes, SIGUSR1, duration, moments);
	uint64_t late = row->endless ? 0 : gap(row, bytes);

	printf("%.1f\t%.1f\t%.1f\t%.1f\n", row->endless ? 0 : duration / 1e6,
	       killed / 1e6, handled / 1e6, late / 1e6);
}

static void print_killed(const struct row *row)
{
	const uint64_t bytes = 64 * MIB;
	uint64_t duration = row->endless ? 20 * MSEC :
				measure(row, bytes, 0, 0);

	printf("%.1f\n", worst(row, bytes, SIGKILL, duration, 3) / 1e6);
}

static const struct row *row_called(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct row *row = argc > 1 ? row_called(argv[1]) : NULL;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			puts(rows[i].name);
		return 0;
	}
	if (!row || (argc != 2 && argc != 4)) {
		fprintf(stderr, "usage: latency --list | CALL [MIB MOMENTS]\n");
		return 2;
	}
	exporter = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	importer = succeeds(dr_open(DMABUF_REVOKE_IMPORTER_PATH));
	if (argc == 4)
		print_row(row, atoi(argv[2]) * MIB, atoi(argv[3]));
	else
		print_killed(row);
	return 0;
}
