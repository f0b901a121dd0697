// SPDX-License-Identifier: GPL-2.0-only
/*
 * The function goes while attachments are in every state: it is unbound, unplugged, reset.
 * DMA has stopped by then, mappings and pins are gone, nobody hangs, users are told.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "function.h"
#include "lock/holder.h"

#define LENGTH (4 * PAGE)
#define M(x) DMABUF_REVOKE_MISBEHAVE_##x

TIME_LIMIT(110);

static const uint32_t kinds[] = {
	DMABUF_REVOKE_KIND_DYNAMIC, DMABUF_REVOKE_KIND_PINNED,
	DMABUF_REVOKE_KIND_LEGACY_STATIC, DMABUF_REVOKE_KIND_LEGACY_RDMA,
};

/* How it goes, and comes back. */
struct way {
	void (*go)(void);
	void (*come_back)(void);
};

static const struct way unbind = { function_unbind, function_bind };
static const struct way reset = { function_reset, NULL };

static void rescan_and_bind(void)
{
	function_rescan();
	function_bind();
}

static const struct way unplug = { function_remove, rescan_and_bind };

/* Jobs need one; guests have one but where DMA is bounced. */
static void need_engine(void)
{
	if (!function_has_engine())
		skip("DMA of %s is bounced: no engine for jobs", function);
}

/* What is left for whoever has the file of an attachment whose device has gone. */
static void is_a_husk(int att)
{
	struct dmabuf_revoke_submit job = { .length = 1 };
	struct dmabuf_revoke_status out = status(att);

	equal(out.state, DMABUF_REVOKE_ATTACHMENT_GONE);
	equal(out.maps, out.unmaps);
	equal(out.pinned, 0);
	equal(out.jobs_running, 0);
	equal(out.segments, 0);
	fails(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL), ENODEV);
	if (function_has_engine())
		fails(dr_submit(att, &job), ENODEV);
	fails(dr_unmap(att), ENXIO);
}

/* Nothing of the buffer is in use, or attached: so it is revoked without a wait. */
static void is_left_alone(struct buffer *buffer)
{
	struct dmabuf_revoke_query out = query(buffer->id);

	equal(out.attachments, 0);
	nothing_is_in_use(buffer->id);
	succeeds(dr_revoke(exporter, buffer->id, 0, NULL));
	close(buffer->fd);
}

static void come_back(const struct way *way)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att;

	if (way->come_back)
		way->come_back();
	/* It does all that it did. */
	att = attach_for_function(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	close(att);
	close(buffer.fd);
}

/* --- idle and mapped, each kind --------------------------------------------- */

static void go_while_mapped(const struct way *way)
{
	struct buffer buffers[ARRAY_SIZE(kinds)];
	int idle[ARRAY_SIZE(kinds)], mapped[ARRAY_SIZE(kinds)];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		buffers[i] = buffer_alloc(LENGTH, ACCEPT_LEGACY);
		idle[i] = attach_for_function(buffers[i].fd, kinds[i], 0);
		mapped[i] = attach_for_function(buffers[i].fd, kinds[i], 0);
		succeeds(dr_map(mapped[i], DMABUF_REVOKE_BIDIRECTIONAL));
	}
	way->go();
	come_back(way);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		is_a_husk(idle[i]);
		is_a_husk(mapped[i]);
		is_left_alone(&buffers[i]);
		close(idle[i]);
		close(mapped[i]);
	}
	function_unbind();
}

CASE(departures, I9_unbound_while_mapped)
{
	function_bind();
	go_while_mapped(&unbind);
}

CASE(departures, I9_unplugged_while_mapped)
{
	function_bind();
	go_while_mapped(&unplug);
}

CASE(departures, I9_reset_while_mapped)
{
	function_bind();
	need_reset();
	go_while_mapped(&reset);
}

/* --- jobs that run, and wait ------------------------------------------------ */

static void go_while_busy(const struct way *way)
{
	struct buffer buffer = buffer_alloc(LENGTH, ACCEPT_LEGACY);
	struct buffer other = buffer_alloc(LENGTH, 0);
	int running = attach_for_function(buffer.fd, kinds[0], 0);
	int streaming = attach_for_function(buffer.fd, kinds[3], 0);
	int waiting = attach_for_function(other.fd, kinds[1], 0);
	uint64_t job, stream, next, dependent;
	int fence;

	job = submit_running(running, buffer.fd, DMABUF_REVOKE_SUBMIT_BOOKKEEP,
			     ENDLESS, &fence);
	next = submit_busy(running, DMABUF_REVOKE_OP_READ,
			   DMABUF_REVOKE_SUBMIT_BOOKKEEP, 0);
	stream = submit_running(streaming, buffer.fd,
				DMABUF_REVOKE_SUBMIT_BOOKKEEP |
				DMABUF_REVOKE_SUBMIT_STREAM, 0, NULL);
	succeeds(import_fence(other.fd, fence));
	dependent = submit_busy(waiting, DMABUF_REVOKE_OP_WRITE, 0, 0);

	way->go();
	come_back(way);
	equal(fence_status(fence), -ECANCELED);
	equal(collect(running, job).status, -ECANCELED);
	equal(collect(running, next).status, -ECANCELED);
	equal(collect(streaming, stream).status, 0);
	equal(collect(waiting, dependent).status, -ECANCELED);
	is_a_husk(running);
	is_a_husk(streaming);
	is_a_husk(waiting);
	is_left_alone(&buffer);
	is_left_alone(&other);
	close(running);
	close(streaming);
	close(waiting);
	close(fence);
	function_unbind();
}

CASE(departures, I8_unbound_while_busy)
{
	function_bind();
	need_engine();
	go_while_busy(&unbind);
}

CASE(departures, I8_unplugged_while_busy)
{
	function_bind();
	need_engine();
	go_while_busy(&unplug);
}

CASE(departures, I8_reset_while_busy)
{
	function_bind();
	need_engine();
	need_reset();
	go_while_busy(&reset);
}

/* --- devices that misbehave, and an exporter that waits for them ----------- */

struct revoker {
	pthread_t thread;
	struct buffer *buffer;
	int result;
};

static void *revoke_in_thread(void *arg)
{
	struct revoker *revoker = arg;

	revoker->result = dr_revoke(exporter, revoker->buffer->id,
				    DMABUF_REVOKE_FOREVER, NULL);
	return NULL;
}

static bool is_being_revoked(uint64_t id)
{
	return state_of(id) != DMABUF_REVOKE_STATE_LIVE;
}

/* It holds the resv lock while it waits for the callback of one that is slow. */
static bool holds_the_lock(uint64_t att)
{
	struct pollfd pollfd = { .fd = (int)att, .events = POLLIN };
	struct dmabuf_revoke_event event;

	while (poll(&pollfd, 1, 0) == 1 && pollfd.revents & POLLIN)
		if (!dr_event((int)att, &event) &&
		    event.type == DMABUF_REVOKE_EVENT_INVALIDATED)
			return true;
	return false;
}

static void go_while_revoked(const struct way *way, uint64_t misbehave,
			     uint64_t delay_ns)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	struct revoker revoker = { .buffer = &buffer };
	int bystander = attach_for_function(buffer.fd, kinds[0], 0);
	int att = attach_for_function_badly(buffer.fd, kinds[0], misbehave, delay_ns);
	bool slow = misbehave & M(SLOW_CALLBACK);

	succeeds(dr_map(bystander, DMABUF_REVOKE_BIDIRECTIONAL));
	submit_running(att, buffer.fd, 0, misbehave & M(STUCK_FENCE) ? 0 : MSEC, NULL);
	pthread_create(&revoker.thread, NULL, revoke_in_thread, &revoker);
	holds(slow ? eventually(holds_the_lock, att) :
		     eventually(is_being_revoked, buffer.id));

	way->go();
	pthread_join(revoker.thread, NULL);
	succeeds(revoker.result);
	come_back(way);
	is_a_husk(att);
	is_a_husk(bystander);
	is_left_alone(&buffer);
	close(att);
	close(bystander);
}

/* --- one that leaves a fence behind, and one whose fence is waited for -------- */

/*
 * To leave one it takes the resv lock. Since Linux 7.1 a static importer that maps holds that
 * until fences of usage KERNEL have signalled: that of one that is evicted later.
 */
CASE(departures, I18_fence_is_left_when_nobody_waits_for_the_others)
{
	struct buffer buffer = buffer_alloc(LENGTH, ACCEPT_LEGACY);
	struct mapper mapper;
	int leaves, stuck;

	mapper_attach(&mapper, &buffer);
	function_bind();
	need_engine();
	leaves = attach_for_function_badly(buffer.fd, kinds[0], M(FENCE_OUTLIVES), MSEC);
	stuck = attach_for_function_badly(buffer.fd, kinds[0],
					  M(STUCK_FENCE) | M(KERNEL_FENCE), 0);
	submit_running(stuck, buffer.fd, 0, 0, NULL);
	mapper_begin(&mapper);

	function_unbind();
	mapper_end(&mapper);
	come_back(&unbind);
	is_a_husk(leaves);
	is_a_husk(stuck);
	close(leaves);
	close(stuck);
	revoke_fully(buffer.id);
	close(buffer.fd);
	function_unbind();
}

/* --- whoever closes while the lock is held ----------------------------------- */

static int closes_in_the_end(struct child *self, void *arg)
{
	const struct buffer *buffer = arg;
	int att = attach_for_function(buffer->fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	succeeds(dr_vmap(att, NULL));
	child_waits(self);
	return close(att);
}

static void is_killed_in_close(struct child *child, const struct holder *holder)
{
	child_go_on(child);
	holds(eventually(is_closing, child->pid));
	equal(kill(child->pid, SIGKILL), 0);
	holds(eventually(has_exited, child->pid), "it waits for the lock");
	holds(!holder_has_let_go(holder));
	holds(WIFSIGNALED(child_reap(child)));
}

/* Nothing of it is left. */
static void is_over(struct buffer *buffer)
{
	revoke_fully(buffer->id);
	nothing_is_in_use(buffer->id);
	close(buffer->fd);
	function_unbind();
}

CASE(departures, I4_husk_is_closed_while_the_lock_is_held)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	struct holder holder;
	struct child child;

	function_bind();
	child = child_start(closes_in_the_end, &buffer);
	child_is_waiting(&child);
	function_unbind();
	holder_begin(&holder, &buffer);
	is_killed_in_close(&child, &holder);
	holder_end(&holder);
	is_over(&buffer);
}

static void *unbind_in_thread(void *arg)
{
	function_unbind();
	return arg;
}

static bool is_away(uint64_t unused)
{
	(void)unused;
	return !function_is_there(NULL);
}

CASE(departures, I4_is_closed_while_who_unbinds_waits_for_the_lock)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	struct holder holder;
	struct child child;
	pthread_t thread;

	function_bind();
	child = child_start(closes_in_the_end, &buffer);
	child_is_waiting(&child);
	holder_begin(&holder, &buffer);
	pthread_create(&thread, NULL, unbind_in_thread, NULL);
	holds(eventually(is_away, 0));
	is_killed_in_close(&child, &holder);
	holder_end(&holder);
	pthread_join(thread, NULL);
	is_over(&buffer);
}

static void go_while_each_misbehaves(const struct way *way)
{
	go_while_revoked(way, M(STUCK_FENCE), 0);
	go_while_revoked(way, M(NO_UNMAP), 0);
	go_while_revoked(way, M(LATE_UNMAP), ENDLESS);
	go_while_revoked(way, M(IGNORE), 0);
	go_while_revoked(way, M(LATE_FENCE), ENDLESS);
	go_while_revoked(way, M(SLOW_CALLBACK), 10 * SEC);
	go_while_revoked(way, M(FENCE_AFTER), ENDLESS);
	function_unbind();
}

CASE(departures, I4_unbound_while_a_revoke_waits)
{
	function_bind();
	need_engine();
	go_while_each_misbehaves(&unbind);
}

CASE(departures, I4_unplugged_while_a_revoke_waits)
{
	function_bind();
	need_engine();
	go_while_each_misbehaves(&unplug);
}

CASE(departures, I4_reset_while_a_revoke_waits)
{
	function_bind();
	need_engine();
	need_reset();
	go_while_each_misbehaves(&reset);
}

/* --- who waits at the file, or has not read -------------------------------- */

struct waiter {
	pthread_t thread;
	int (*wait)(int att);
	int att;
	int result;
	atomic_int tid;
};

static void *wait_in_thread(void *arg)
{
	struct waiter *waiter = arg;

	atomic_store(&waiter->tid, gettid());
	waiter->result = waiter->wait(waiter->att);
	return NULL;
}

static bool waits(uint64_t address)
{
	struct waiter *waiter = (void *)(uintptr_t)address;
	int tid = atomic_load(&waiter->tid);

	return tid && is_asleep(tid);
}

static void waiter_start(struct waiter *waiter, int att, int (*wait)(int att))
{
	*waiter = (struct waiter){ .att = att, .wait = wait };
	pthread_create(&waiter->thread, NULL, wait_in_thread, waiter);
	holds(eventually(waits, (uintptr_t)waiter));
}

static int waiter_end(struct waiter *waiter)
{
	pthread_join(waiter->thread, NULL);
	return waiter->result;
}

/* All there are, and how that ended. */
static int read_until_the_end(int att)
{
	struct dmabuf_revoke_event event = {};
	uint32_t last = 0;
	int ret;

	while (!(ret = dr_event(att, &event)))
		last = event.type;
	return last == DMABUF_REVOKE_EVENT_GONE ? ret : -EBADMSG;
}

static int poll_for_ever(int att)
{
	struct pollfd pollfd = { .fd = att, .events = POLLPRI };

	return sys(poll(&pollfd, 1, -1)) == 1 ? pollfd.revents : -EBADMSG;
}

static int wait_for_the_job(int att)
{
	struct dmabuf_revoke_wait out;
	int ret = dr_wait(att, 1, DMABUF_REVOKE_FOREVER, &out);

	return ret ?: out.status;
}

static void go_while_waited_for(const struct way *way)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	struct waiter reader, poller, worker;
	int att[3];

	for (size_t i = 0; i < ARRAY_SIZE(att); i++)
		att[i] = attach_for_function(buffer.fd, kinds[0], 0);
	waiter_start(&reader, att[0], read_until_the_end);
	waiter_start(&poller, att[1], poll_for_ever);
	submit_busy(att[2], DMABUF_REVOKE_OP_READ, 0, ENDLESS);
	waiter_start(&worker, att[2], wait_for_the_job);
	way->go();
	fails(waiter_end(&reader), ENODEV);
	equal(waiter_end(&poller), POLLHUP);
	fails(waiter_end(&worker), ECANCELED);
	come_back(way);
	for (size_t i = 0; i < ARRAY_SIZE(att); i++) {
		is_a_husk(att[i]);
		close(att[i]);
	}
	is_left_alone(&buffer);
	function_unbind();
}

CASE(departures, unbound_while_waited_for)
{
	function_bind();
	need_engine();
	go_while_waited_for(&unbind);
}

CASE(departures, unplugged_while_waited_for)
{
	function_bind();
	need_engine();
	go_while_waited_for(&unplug);
}

CASE(departures, reset_while_waited_for)
{
	function_bind();
	need_engine();
	need_reset();
	go_while_waited_for(&reset);
}

CASE(departures, unread_events_are_kept_and_the_last_one_says_it)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att;

	function_bind();
	att = attach_for_function(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	function_unbind();
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	expect_event(att, DMABUF_REVOKE_EVENT_UNMAPPED);
	equal(expect_event(att, DMABUF_REVOKE_EVENT_GONE).job, 0);
	fails(read_until_the_end(att), EBADMSG);
	close(att);
	close(buffer.fd);
}

/* What the CPU has does not concern the device, and still goes with the file. */
CASE(departures, E9_vmap_is_the_CPUs)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att, late;

	function_bind();
	att = attach_for_function(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	late = attach_for_function(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	succeeds(dr_vmap(att, NULL));
	function_unbind();
	equal(status(att).vmapped, 1);
	equal(query(buffer.id).pending.vmaps, 1);
	succeeds(dr_vmap(late, NULL));
	succeeds(dr_vunmap(att));
	close(att);
	equal(query(buffer.id).pending.vmaps, 1);
	close(late);
	is_left_alone(&buffer);
}

/* Attachments of others stay as they are. */
CASE(departures, our_own_device_is_not_concerned)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int own, att;
	uint64_t job;

	function_bind();
	own = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	job = submit_running(own, buffer.fd, DMABUF_REVOKE_SUBMIT_STREAM, 0, NULL);
	att = attach_for_function(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	function_unbind();
	await_passes(own, 2);
	equal(status(own).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	equal(query(buffer.id).attachments, 1);
	revoke_fully(buffer.id);
	collect_ok(own, job);
	close(att);
	close(own);
	close(buffer.fd);
}

CASE(departures, nobody_finds_what_is_gone)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);

	function_bind();
	function_unbind();
	fails(try_attach_for(function, buffer.fd, 0, 0), ENODEV);
	function_bind();
	close(attach_for_function(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0));
	function_unbind();
	close(buffer.fd);
}
