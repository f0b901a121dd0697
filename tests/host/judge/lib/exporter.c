// SPDX-License-Identifier: GPL-2.0-only
/*
 * A scenario of test-exporter, where no exporter does what it would take: exporter SCENARIO
 * [DEED=COMMAND...]. The judge is all real; what our modules would answer is here. The dma-buf is
 * the file "buffer", which devices see no more once there is a file "moved". In the environment
 * are results in a row, of which the last one stays: ATTACH, MAP, VMAP, SEGMENTS, WAIT (of a job),
 * SYNC; "never" hangs; and commands that are run meanwhile: IN_MAP, IN_WAIT.
 * A map COMPUTES so many ms; MEMORY: its segments are that. A letter that is added
 * to the file "told" is an event of each importer, and when it is seen there is a file "seen": T,
 * it is told; U, it has unmapped, and J, a job is done, a second after that, times SCALE: of how
 * much this machine is slower than others. LIMIT is each limit in ms, END that of an end. PROGRAM
 * is a command that exports, instead of a given buffer. HANGS: no signal ends a process.
 * OLD: a kernel without dma_buf_attach_revocable(). Prints a line for each verdict, and one if the
 * buffer has gone.
 *
 * For "descriptors" the program is this one, which exports every other time. Before that it
 * starts a process, and runs IN_EXPORT with the judge's number in $JUDGE. LISTED has how many
 * dma-bufs there are that nobody has, at the begin of each look and after what was done then, "no"
 * if that cannot be read; they are of SIZE bytes. UNSEEN: there are processes that cannot be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "judge/exporter/scenarios.h"
#include "judge/exporter/stage/scene.h"
#include "judge/program/processes.h"
#include "judge/seen/pulse.h"
#include "lib/devices/ioctls.h"
#include "lib/process/signals.h"
#include "watch/record/there.h"

#define MS	1000000ULL
#define LENGTH	131072
#define FILES	64

/* Seen by whoever makes a call aside, too. */
static struct kernel {
	unsigned int attach, map, vmap, segments, wait, sync, listed;	/* calls until now */
	struct {
		off_t seen;				/* of "told" */
		uint64_t sequence, address, told_ns;
		bool mapped, moved;			/* when it was mapped */
	} files[FILES];
	struct dmabuf_revoke_submit job;
	unsigned char device[LENGTH];			/* what it sees, if DMA is bounced */
} *kernel;

static int buffer;

/* The result of that call, of the environment. */
static int next(const char *name, unsigned int *calls)
{
	const char *text = getenv(name);
	unsigned int call = (*calls)++;

	if (!text)
		return 0;
	while (call-- && strchr(text, ' '))
		text = strchr(text, ' ') + 1;
	while (!strncmp(text, "never", 5))
		pause();
	return atoi(text);
}

static void run_meanwhile(const char *name)
{
	const char *command = getenv(name);

	if (command && system(command))
		abort();
}

static uint64_t number_in(const char *name)
{
	unsigned long long number = 0;
	FILE *file = fopen(name, "re");

	if (file && fscanf(file, "%llu", &number) != 1)
		number = 0;
	if (file)
		fclose(file);
	return number;
}

static bool is_moved(void)
{
	return !access("moved", F_OK);
}

int __wrap_dr_attach_as(int importer, struct dmabuf_revoke_attach *arg)
{
	int ret = next("ATTACH", &kernel->attach);

	(void)importer;
	if (ret)
		return ret;
	arg->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	arg->length = LENGTH;
	kernel->files[arg->fd].seen = 0;
	kernel->files[arg->fd].sequence = 0;
	kernel->files[arg->fd].mapped = false;
	return 0;
}

static uint64_t number_of(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : 0;
}

/* So many ms of a CPU. */
static void compute(uint64_t ms)
{
	struct timespec time;

	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	while ((uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / MS < ms);
}

int __wrap_dr_map(int file, uint32_t direction)
{
	int ret = next("MAP", &kernel->map);

	(void)direction;
	run_meanwhile("IN_MAP");
	compute(number_of("COMPUTES"));
	if (ret)
		return ret;
	kernel->files[file].mapped = true;
	kernel->files[file].moved = is_moved();
	kernel->files[file].address = number_in("address");
	return 0;
}

int __wrap_dr_unmap(int file)
{
	kernel->files[file].mapped = false;
	return 0;
}

int __wrap_dr_vmap(int file, uint32_t *crc32)
{
	(void)file;
	(void)crc32;
	return next("VMAP", &kernel->vmap);
}

int __wrap_dr_vunmap(int file)
{
	(void)file;
	return 0;
}

int __wrap_dr_status(int file, struct dmabuf_revoke_status *status)
{
	(void)file;
	*status = (struct dmabuf_revoke_status){ 0 };
	return 0;
}

int __wrap_dr_segments(int file, struct dmabuf_revoke_segment *segments, uint32_t capacity,
		       uint32_t *count)
{
	int ret = next("SEGMENTS", &kernel->segments);

	if (ret)
		return ret;
	*count = kernel->files[file].mapped;
	if (*count && capacity)
		*segments = (struct dmabuf_revoke_segment){
			.address = 0x10000 + kernel->files[file].address * LENGTH,
			.length = LENGTH,
			.flags = getenv("MEMORY") ? DMABUF_REVOKE_SEGMENT_MEMORY : 0 };
	return 0;
}

int __wrap_dr_submit(int file, struct dmabuf_revoke_submit *job)
{
	(void)file;
	job->job = kernel->job.job + 1;
	kernel->job = *job;
	return 0;
}

/* What a device sees: the buffer, or its bounce buffer, or what has been the buffer. */
static void transfer(bool out, unsigned char bytes[LENGTH], bool elsewhere)
{
	ssize_t done;

	if (elsewhere)
		memcpy(out ? kernel->device : bytes, out ? bytes : kernel->device, LENGTH);
	else
		done = out ? pwrite(buffer, bytes, LENGTH, 0) : pread(buffer, bytes, LENGTH, 0);
	(void)done;
}

int __wrap_dr_wait(int file, uint64_t job, uint64_t deadline_ns, struct dmabuf_revoke_wait *out)
{
	const char *result = getenv("WAIT");
	unsigned char bytes[LENGTH];
	bool elsewhere = getenv("BOUNCED") || is_moved() != kernel->files[file].moved;
	size_t i;

	(void)job;
	(void)deadline_ns;
	run_meanwhile("IN_WAIT");
	/* Of that who waits comes back by himself. */
	if (result && !strcmp(result, "never"))
		return -ETIMEDOUT;
	*out = (struct dmabuf_revoke_wait){ .status = next("WAIT", &kernel->wait) };
	if (kernel->job.op == DMABUF_REVOKE_OP_WRITE) {
		for (i = 0; i < LENGTH; i++)
			bytes[i] = (unsigned char)(kernel->job.pattern >> (i % 8 * 8));
		transfer(true, bytes, elsewhere);
	} else {
		transfer(false, bytes, elsewhere);
		out->crc32 = (uint32_t)crc32(0, bytes, LENGTH);
	}
	return 0;
}

static unsigned int scale(void)
{
	const char *text = getenv("SCALE");

	return text ? (unsigned int)atoi(text) : 1;
}

/* When it was written, however late that is seen on a busy machine. */
static uint64_t written_ns(int fd)
{
	struct timespec now;
	struct stat stat;

	clock_gettime(CLOCK_REALTIME, &now);
	fstat(fd, &stat);
	return dr_now() - ((now.tv_sec - stat.st_mtim.tv_sec) * 1000 * MS +
			   (now.tv_nsec - stat.st_mtim.tv_nsec));
}

int __wrap_dr_event(int file, struct dmabuf_revoke_event *event)
{
	int told = open("told", O_RDONLY | O_CLOEXEC);
	char letter = 0;

	if (told >= 0 && pread(told, &letter, 1, kernel->files[file].seen) == 1)
		kernel->files[file].seen++;
	if (letter == 'T')
		kernel->files[file].told_ns = written_ns(told);
	if (told >= 0)
		close(told);
	if (letter)
		close(open("seen", O_CREAT | O_CLOEXEC, 0600));
	*event = (struct dmabuf_revoke_event){
		.time_ns = kernel->files[file].told_ns +
			   (letter == 'U' || letter == 'J' ? scale() * 1000 * MS : 0),
		.sequence = kernel->files[file].sequence,
		.type = letter == 'U' ? DMABUF_REVOKE_EVENT_UNMAPPED :
			letter == 'J' ? DMABUF_REVOKE_EVENT_JOB_DONE :
			DMABUF_REVOKE_EVENT_INVALIDATED };
	kernel->files[file].sequence += !!letter;
	return letter ? 0 : -EAGAIN;
}

static int sync_cpu(const struct dma_buf_sync *sync)
{
	unsigned char bytes[LENGTH];
	int ret = next("SYNC", &kernel->sync);

	if (ret || !getenv("BOUNCED"))
		return ret;
	if (sync->flags & DMA_BUF_SYNC_END) {
		if (sync->flags & DMA_BUF_SYNC_WRITE && pread(buffer, bytes, LENGTH, 0) == LENGTH)
			transfer(true, bytes, true);
	} else {
		transfer(false, bytes, true);
		if (pwrite(buffer, bytes, LENGTH, 0) != LENGTH)
			return -EIO;
	}
	return 0;
}

int __wrap_ioctl(int file, unsigned long request, void *arg)
{
	int ret;

	(void)file;
	if (request != DMA_BUF_IOCTL_SYNC) {
		errno = ENOTTY;
		return -1;
	}
	ret = sync_cpu(arg);
	errno = -ret;
	return ret ? -1 : 0;
}

bool __real_partner_stop(struct partner *partner, uint64_t deadline_ns, uint64_t kill_deadline_ns);
bool __wrap_partner_stop(struct partner *partner, uint64_t deadline_ns, uint64_t kill_deadline_ns)
{
	return __real_partner_stop(partner, deadline_ns, kill_deadline_ns) && !getenv("HANGS");
}

bool __real_partner_is_gone(const struct partner *partner);
bool __wrap_partner_is_gone(const struct partner *partner)
{
	return __real_partner_is_gone(partner) && !getenv("HANGS");
}

/* STILL is for how long the machine did nothing, in ms, of anything that takes any time. */
uint64_t __wrap_pulse_lost(uint64_t begin_ns, uint64_t end_ns)
{
	const char *lost = getenv("STILL");
	uint64_t most = end_ns > begin_ns ? end_ns - begin_ns : 0;
	uint64_t ns = lost ? strtoull(lost, NULL, 0) * MS : 0;

	return ns < most ? ns : most;
}

/* A look that is repeated is the same one. */
static bool repeats;

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	repeats = time->tv_nsec == 2 * MS;
	errno = clock_nanosleep(CLOCK_MONOTONIC, 0, time, left);
	return errno ? -1 : 0;
}

int __wrap_there_listed(there_found found, void *context)
{
	const char *size = getenv("SIZE");
	struct descriptor descriptor = { .size = size ? strtoull(size, NULL, 0) : LENGTH,
					 .exporter = "somebody" };
	int count;

	kernel->listed -= repeats;
	repeats = false;
	count = next("LISTED", &kernel->listed);
	for (; count > 0; count--) {
		descriptor.inode = (uint64_t)count;
		found(context, &descriptor);
	}
	return 0;
}

bool __wrap_there_can_list(void)
{
	const char *listed = getenv("LISTED");

	return !listed || strcmp(listed, "no");
}

int __wrap_there_walk(int pid, there_found found, void *context)
{
	(void)pid;
	(void)found;
	(void)context;
	return 0;
}

int __wrap_there_mapped(there_found found, void *context)
{
	return __wrap_there_walk(0, found, context);
}

bool __wrap_there_sees_all(void)
{
	return !getenv("UNSEEN");
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode)
{
	const char *info = "exp_name:\tsomebody\n";

	if (!strncmp(path, "/proc/self/fdinfo/", strlen("/proc/self/fdinfo/")))
		return fmemopen((char *)info, strlen(info), "r");
	return __real_fopen64(path, mode);
}

/* Its number is in the file "started". A shell takes more descriptors than there are. */
static void start_another(void)
{
	int started = open("started", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid = fork();

	if (!pid) {
		setsid();
		alarm(60);
		pause();
		_exit(0);
	}
	dprintf(started, "%d", pid);
	close(started);
}

/* The program: refused the first time, for which it takes no descriptor. */
static int exports(void)
{
	int control = atoi(getenv("DMABUF_REVOKE_CONTROL"));
	char judge[16];
	struct iovec line = { "buffer\n", 7 };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} u = { 0 };
	struct msghdr message = { .msg_iov = &line, .msg_iovlen = 1, .msg_control = &u,
				  .msg_controllen = sizeof(u) };

	start_another();
	snprintf(judge, sizeof(judge), "%d", getppid());
	setenv("JUDGE", judge, 1);
	run_meanwhile("IN_EXPORT");
	if (!mkdir("refused", 0700))
		return dprintf(control, "failed %d\n", EMFILE) < 0;
	rmdir("refused");
	buffer = open("buffer", O_RDWR | O_CLOEXEC);
	u.header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&u.header), &buffer, sizeof(int));
	return sendmsg(control, &message, 0) < 0 || read(control, u.space, 1) < 0;
}

static const struct scenario *const scenarios[] = {
	&exporter_kinds, &exporter_legacy, &exporter_told, &exporter_fence_read, &exporter_unmap,
	&exporter_lock, &exporter_lock_unmap, &exporter_cpu, &exporter_move, &exporter_move_twice,
	&exporter_move_pinned, &exporter_suspend, &exporter_restore, &exporter_descriptors,
	&exporter_remove,
};

static const struct scenario *find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		if (!strcmp(scenarios[i]->name, name))
			return scenarios[i];
	fprintf(stderr, "no scenario %s\n", name);
	exit(2);
}

static void know_deeds(struct exporter_subject *subject, char **words)
{
	int what;

	for (; *words; words++)
		for (what = 0; what < DEEDS; what++) {
			size_t length = strlen(deed_name(what));

			if (!strncmp(*words, deed_name(what), length) && (*words)[length] == '=')
				subject->commands[what] = *words + length + 1;
		}
}

static bool open_all(struct judge *judge)
{
	sigset_t ending;

	kernel = mmap(NULL, sizeof(*kernel), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	buffer = open("buffer", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	partners_adopt();
	signals_block(&ending, &judge->before);
	judge->signals = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
	return kernel != MAP_FAILED && !ftruncate(buffer, LENGTH) && !pulse_start();
}

int main(int argc, char **argv)
{
	const char *gone = NULL, *engine = getenv("ENGINE"), *limit = getenv("LIMIT");
	const char *end = getenv("END");
	char *program[3] = { "/proc/self/exe", "exports" };
	char *given[4] = { "/bin/sh", "-c", getenv("PROGRAM") };
	struct exporter_subject subject = {
		.device = { .name = "device", .dma_mask = ~0ULL },
		.engine = engine ? DMABUF_REVOKE_ENGINE_CPU : DMABUF_REVOKE_ENGINE_NONE,
		.features = DMABUF_REVOKE_FEATURE_MAP_UNPINNED |
			    (getenv("OLD") ? 0 : DMABUF_REVOKE_FEATURE_REVOCABLE_TEST),
		.importer = -1, .gone = &gone,
	};
	struct judge judge = { .subject = &subject, .exporter = -1, .log = -1,
			       .limits.scale = scale() };
	struct trial trial = { .judge = &judge, .round = 1, .began_ns = dr_now(),
			       .partner = { .received = -1 } };
	size_t i;

	if (argc == 2 && !strcmp(argv[1], program[1]))
		return exports();
	if (argc < 2 || !open_all(&judge))
		return 1;
	for (i = 0; i < LIMITS; i++)
		judge.limits.ns[i] = (limit ? strtoull(limit, NULL, 0) : 20000) * MS;
	if (end)
		judge.limits.ns[LIMIT_END] = strtoull(end, NULL, 0) * MS;
	subject.dmabuf = given[2] ? -1 : buffer;
	know_deeds(&subject, argv + 2);
	trial.scenario = find(argv[1]);
	if (trial.scenario == &exporter_descriptors)
		judge.program = program;
	else if (given[2])
		judge.program = given;
	trial.scenario->run(&trial);
	trial_end_program(&trial);
	for (i = 0; i < judge.findings.count; i++)
		printf("%s %s %s\n", judge.findings.rows[i].clause,
		       verdict_word(judge.findings.rows[i].verdict), judge.findings.rows[i].text);
	if (gone)
		printf("- gone %s\n", gone);
	pulse_stop();
	findings_free(&judge.findings);
	watch_list_free(&trial.list);
	return 0;
}
