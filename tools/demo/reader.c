// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <zlib.h>

#include "demo/descriptors.h"
#include "demo/observed.h"
#include "demo/reader.h"
#include "lib/devices/ioctls.h"

/* In the process that reads; for its signal handler. */
static struct demo_reader seen;
static const unsigned char *mapping;
static size_t mapping_length;
static int report_fd;

/* Atomic: shorter than PIPE_BUF. */
static void send_report(void)
{
	if (write(report_fd, &seen, sizeof(seen)) != sizeof(seen))
		_exit(1);
}

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	const unsigned char *address = info->si_addr;

	(void)signal;
	(void)context;
	seen.sigbus_ns = dr_now();
	seen.inside = address >= mapping && address < mapping + mapping_length;
	send_report();
	_exit(0);
}

/*
 * DMA_BUF_IOCTL_SYNC fails once the buffer is revoked. It reads on all the same:
 * whoever ignores that has to fault.
 */
static void read_forever(int dmabuf, uint32_t expected)
{
	for (;;) {
		uint32_t crc;

		sync_dmabuf(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
		crc = crc32_z(0, mapping, mapping_length);
		sync_dmabuf(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
		seen.passes++;
		seen.wrong += crc != expected;
		if (seen.passes == 1)
			send_report();
	}
}

static void run_reader(pid_t parent, int dmabuf, size_t length, uint32_t expected)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	/* Do not outlive a demo that is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	mapping = mmap(NULL, length, PROT_READ, MAP_SHARED, dmabuf, 0);
	mapping_length = length;
	if (mapping == MAP_FAILED || sigaction(SIGBUS, &action, NULL))
		_exit(1);
	read_forever(dmabuf, expected);
}

int reader_start(struct reader *reader, int dmabuf, size_t length, uint32_t crc32)
{
	pid_t parent = getpid();
	int ends[2], err;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	reader->pid = fork();
	err = errno;
	if (!reader->pid) {
		close(ends[0]);
		report_fd = ends[1];
		run_reader(parent, dmabuf, length, crc32);
	}
	close(ends[1]);
	reader->report = ends[0];
	if (reader->pid < 0) {
		close(ends[0]);
		return -err;
	}
	return 0;
}

int reader_await(struct reader *reader, uint64_t deadline_ns,
		 struct demo_reader *report)
{
	int ret = await_input(reader->report, deadline_ns);

	if (ret)
		return ret;
	if (read(reader->report, report, sizeof(*report)) != sizeof(*report))
		return -EPIPE;
	return 0;
}

void reader_stop(struct reader *reader)
{
	kill(reader->pid, SIGKILL);
	waitpid(reader->pid, NULL, 0);
	close(reader->report);
}
