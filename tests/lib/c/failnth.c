// SPDX-License-Identifier: GPL-2.0-only
/* See failnth.h, and Documentation/fault-injection/fault-injection.rst. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "failnth.h"

#define FAIL_NTH "/proc/thread-self/fail-nth"
#define MOST_POINTS 5000

/*
 * GFP_KERNEL is not failed unless it is asked for, nor are high orders only; and a
 * backtrace for each failure would look like a bug. None of it has an effect while
 * nobody asks for failures, so it stays.
 */
static const struct {
	const char *file;
	const char *value;
} settings[] = {
	{ "failslab/ignore-gfp-wait", "N" },
	{ "failslab/verbose", "0" },
	{ "fail_page_alloc/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ "fail_page_alloc/min-order", "0" },
	{ "fail_page_alloc/verbose", "0" },
	{ "fail_usercopy/verbose", "0" },
};

void need_fault_injection(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		char path[128];
		int fd;

		snprintf(path, sizeof(path), "/sys/kernel/debug/%s",
			 settings[i].file);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			skip("no fault injection in this kernel: make check-debug has one");
		succeeds(sys(write(fd, settings[i].value,
				   strlen(settings[i].value))));
		close(fd);
	}
}

/* The write itself accesses user memory, so it may be what fails. */
static void arm(int fd, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	while (pwrite(fd, text, length, 0) != length)
		holds(errno == EFAULT, "%s: %s", FAIL_NTH, strerror(errno));
}

/* Whether the point has been reached since arm(). */
static bool disarm(int fd)
{
	char text[16] = "";
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
	bool reached = length > 0 && !atoi(text);

	/* If it was the read that failed, the call was not touched. */
	holds(length > 0 || errno == EFAULT, "%s: %s", FAIL_NTH,
	      strerror(errno));
	arm(fd, 0);
	return reached;
}

struct objects {
	int fds;
	uint64_t buffers;
	uint64_t attachments;
};

static struct objects objects_now(void)
{
	struct dmabuf_revoke_importer_info info;

	if (importer < 0)
		return (struct objects){ .fds = open_fds() };
	succeeds(dr_importer_info(importer, &info));
	return (struct objects){
		.fds = open_fds(),
		.buffers = buffers_in_system(),
		.attachments = info.attachments,
	};
}

static struct objects before;

static struct objects now;

static bool as_before(uint64_t unused)
{
	(void)unused;
	now = objects_now();
	return now.fds == before.fds && now.buffers == before.buffers &&
	       now.attachments == before.attachments;
}

struct points {
	unsigned int failed;	/* calls that failed */
	unsigned int survived;	/* those that did well in spite of it */
};

struct steps {
	const char *name;
	void (*begin)(void);
	long (*call)(void);
	void (*end)(void);
	unsigned int first;
	/* Loads a module. After a failure the load for the next point shows as much. */
	bool loads;
	/* Or 0: what it may return besides. */
	int other_error;
};

static bool may_return(const struct steps *steps, long result)
{
	return result == -ENOMEM || result == -EFAULT ||
	       (steps->other_error && result == -steps->other_error);
}

/* Whether point @n of the call was reached; else the call was not touched. */
static bool fails_at(const struct steps *steps, int fd, unsigned int n,
		     struct points *points)
{
	const char *name = steps->name;
	bool reached;
	long result;

	before = objects_now();
	arm(fd, n);
	result = steps->call();
	reached = disarm(fd);

	if (reached && result < 0) {
		holds(may_return(steps, result), "%s: %s at point %u", name,
		      result_name(result), n);
		holds(eventually(as_before, 0),
		      "%s: point %u leaves %d descriptors, %d buffers, %d attachments",
		      name, n, now.fds - before.fds,
		      (int)(now.buffers - before.buffers),
		      (int)(now.attachments - before.attachments));
		points->failed++;
		if (steps->loads)
			return true;
		result = steps->call();
	} else if (reached) {
		points->survived++;
	}
	holds(result >= 0, "%s: %s after point %u", name,
	      result_name(result), n);
	if (steps->end)
		steps->end();
	return reached;
}

/* For the report, which tests/failnth/points.py puts together. */
static void record(const char *name, const struct points *points)
{
	const char *directory = getenv("DBR_FAILNTH");
	FILE *file;
	char path[256];

	if (!directory)
		return;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "we");
	holds(file, "%s: %s", path, strerror(errno));
	fprintf(file, "%u %u\n", points->failed, points->survived);
	fclose(file);
}

static void *nothing(void *arg)
{
	return arg;
}

/*
 * The kernel's radix trees take their nodes from a reserve of the CPU where they cannot
 * allocate. The DMA-API checks, which keep each mapping in one, turn themselves off when
 * that is used up. A new task fills it, for its pid.
 */
static void fill_reserve(void)
{
	pthread_t thread;

	equal(pthread_create(&thread, NULL, nothing, NULL), 0);
	equal(pthread_join(thread, NULL), 0);
}

/* One call, and what comes before and after it. Whether point @n was reached. */
static bool round_of(const struct steps *steps, int fd, unsigned int n,
		     const struct objects *start, struct points *points)
{
	bool reached;

	fill_reserve();
	if (steps->begin)
		steps->begin();
	reached = fails_at(steps, fd, n, points);
	/* The last reference to a dma-buf may be dropped a moment later. */
	before = *start;
	before.fds++;
	holds(eventually(as_before, 0), "%s: the round of point %u", steps->name, n);
	return reached;
}

/*
 * All rounds, and the report of them. How many points there are.
 *
 * Now and then an allocation takes a new slab, which has points of its own: those
 * behind it are others then, and one would never be reached. So each is tried twice. A
 * load takes new slabs all the time.
 */
static struct points each_point(const struct steps *steps)
{
	struct points points = { 0 }, again = { 0 };
	struct objects start;
	bool reached = true;
	unsigned int n;
	int fd;

	need_fault_injection();
	/* What a CPU has at hand counts among the points. */
	stay_on_this_cpu();
	start = objects_now();
	fd = succeeds(sys(open(FAIL_NTH, O_RDWR | O_CLOEXEC)));
	for (n = steps->first; reached && n < MOST_POINTS; n++) {
		reached = round_of(steps, fd, n, &start, &points);
		if (!steps->loads)
			reached |= round_of(steps, fd, n, &start, &again);
	}
	close(fd);
	holds(!reached, "%s: no end of points", steps->name);
	record(steps->name, &points);
	return points;
}

void fails_at_every_point(const char *name, void (*begin)(void),
			  long (*call)(void), void (*end)(void))
{
	struct steps steps = { name, begin, call, end, .first = 1 };

	holds(each_point(&steps).failed, "%s: no point was reached", name);
}

/* Points of a call that is let through. */
static unsigned int points_once(long (*call)(void))
{
	char text[16] = "";
	int fd = succeeds(sys(open(FAIL_NTH, O_RDWR | O_CLOEXEC)));

	arm(fd, MOST_POINTS);
	succeeds(call());
	succeeds(sys(pread(fd, text, sizeof(text) - 1, 0)));
	arm(fd, 0);
	close(fd);
	return MOST_POINTS - atoi(text);
}

/* The least that a few have: the first makes what stays, and any may take new slabs. */
static unsigned int points_of(long (*call)(void), void (*end)(void))
{
	unsigned int least = MOST_POINTS;

	for (int i = 0; i < 5; i++) {
		unsigned int points = points_once(call);

		end();
		if (points < least)
			least = points;
	}
	return least;
}

void load_fails_at_last_points(const char *name, long (*call)(void),
			       void (*end)(void), unsigned int last,
			       int other_error)
{
	struct steps steps = { name, NULL, call, end, .loads = true,
			       .other_error = other_error };
	unsigned int all;

	need_fault_injection();
	all = points_of(call, end);
	steps.first = all > last ? all - last : 1;
	holds(each_point(&steps).failed, "%s: no point was reached", name);
}

void fails_at_no_point(const char *name, void (*begin)(void),
		       long (*call)(void), void (*end)(void))
{
	struct steps steps = { name, begin, call, end, .first = 1 };

	equal(each_point(&steps).failed, 0);
}
