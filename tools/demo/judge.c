// SPDX-License-Identifier: GPL-2.0-only
/* What the demo expects of what it observed. No system call is made here. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "demo/judge.h"
#include "demo/observed.h"
#include "lib/text/message.h"
#include "lib/text/names.h"

/* Appends a check. What does not fit counts as failed, so that none is lost. */
__attribute__((format(printf, 5, 6)))
static void check(struct demo_verdict *verdict, bool ok, const char *subject,
		  const char *expected, const char *format, ...)
{
	struct demo_check *new = &verdict->checks[verdict->count];
	va_list args;

	if (verdict->count == DEMO_CHECKS) {
		verdict->failed++;
		return;
	}
	new->subject = subject;
	new->expected = expected;
	new->ok = ok;
	va_start(args, format);
	vsnprintf(new->observed, sizeof(new->observed), format, args);
	va_end(args);
	verdict->count++;
	verdict->failed += !ok;
}

static const char *result_name(int result)
{
	return result == DEMO_UNTRIED ? "not tried" : errno_name(result);
}

static void check_error(struct demo_verdict *verdict, const char *subject,
			const char *expected, int err, int seen)
{
	check(verdict, seen == err, subject, expected, "%s", result_name(seen));
}

#define TIME_TEXT 32

/* Since the revoke began. */
static const char *after(char text[TIME_TEXT], const struct demo_revoke *revoke,
			 uint64_t time_ns)
{
	if (!time_ns)
		return "never";
	snprintf(text, TIME_TEXT, "%.1f us",
		 ((double)time_ns - revoke->out.phases.began_ns) / 1e3);
	return text;
}

static void judge_reading(uint32_t crc32, const struct demo_importer *imp,
			  struct demo_verdict *verdict)
{
	bool right = imp->read_crc32 == crc32;

	check(verdict, !imp->read && right, imp->name, "reads the file by DMA",
	      "%s, CRC-32 %08" PRIx32, result_name(imp->read), imp->read_crc32);
	check(verdict, imp->mapped && imp->running, imp->name,
	      "is in the midst of DMA when the revoke comes", "%s, %s",
	      imp->mapped ? "mapped" : "not mapped",
	      imp->running ? "a job running" : "no job running");
}

static void judge_stream(uint32_t crc32, const struct demo_importer *imp,
			 struct demo_verdict *verdict)
{
	bool ok = !imp->stream && !imp->result && imp->passes &&
		  !imp->changed && imp->crc32 == crc32;

	check(verdict, ok, imp->name, "read the same in every pass until then",
	      "%s: %" PRIu64 " passes, CRC-32 %08" PRIx32 ", changed %" PRIu64 " times",
	      result_name(imp->result),
	      imp->passes, imp->crc32, imp->changed);
}

static uint64_t invalidated_by(const struct dmabuf_revoke_phases *phases)
{
	return phases->began_ns + phases->tell_ns;
}

static uint64_t fences_by(const struct dmabuf_revoke_phases *phases)
{
	return invalidated_by(phases) + phases->zap_ns + phases->fences_ns;
}

static void judge_order(const struct demo_revoke *revoke,
			const struct demo_importer *imp, struct demo_verdict *verdict)
{
	const struct dmabuf_revoke_phases *phases = &revoke->out.phases;
	char invalidated[TIME_TEXT], ended[TIME_TEXT], unmapped[TIME_TEXT];
	bool ok;

	check(verdict, imp->invalidations == 1 && imp->invalidated_ns >= phases->began_ns &&
	      imp->invalidated_ns <= invalidated_by(phases),
	      imp->name, "is invalidated once, in the phase for it", "%" PRIu64 " time%s, %s",
	      imp->invalidations, imp->invalidations == 1 ? "" : "s",
	      after(invalidated, revoke, imp->invalidated_ns));
	check(verdict, imp->invalidated_ns && imp->dma_ended_ns >= imp->invalidated_ns &&
	      imp->dma_ended_ns <= fences_by(phases),
	      imp->name, "ends its DMA after that, before fences count as done", "%s",
	      after(ended, revoke, imp->dma_ended_ns));
	ok = imp->dma_ended_ns && imp->unmapped_ns >= imp->dma_ended_ns;
	if (!imp->defer_unmap)
		ok = ok && imp->unmapped_ns <= invalidated_by(phases);
	check(verdict, ok, imp->name,
	      imp->defer_unmap ? "unmaps after that" : "unmaps after that, in the callback",
	      "%s", after(unmapped, revoke, imp->unmapped_ns));
}

static void judge_revocable(const struct demo_revoke *revoke, uint32_t crc32,
			    const struct demo_importer *imp,
			    struct demo_verdict *verdict)
{
	check_error(verdict, imp->name, "may attach", 0, imp->attach);
	judge_reading(crc32, imp, verdict);
	judge_order(revoke, imp, verdict);
	judge_stream(crc32, imp, verdict);
	check_error(verdict, imp->name, "cannot map again: ENODEV", ENODEV, imp->map);
	check_error(verdict, imp->name, "cannot start DMA: ENODEV", ENODEV, imp->submit);
}

static void judge_legacy(const struct demo *demo, const struct demo_importer *imp,
			 struct demo_verdict *verdict)
{
	if (!demo->accept_legacy) {
		check_error(verdict, imp->name, "is refused: EOPNOTSUPP", EOPNOTSUPP,
			    imp->attach);
		return;
	}
	check_error(verdict, imp->name, "may attach", 0, imp->attach);
	judge_reading(demo->crc32, imp, verdict);
	check(verdict, !imp->invalidations && !imp->invalidated_ns, imp->name,
	      "is never invalidated", "%" PRIu64 " times", imp->invalidations);
	check(verdict, imp->running_still, imp->name,
	      "does DMA all the same, until it detaches", "%s",
	      imp->running_still ? "a job running" : "no job running");
}

static void judge_blocked(const struct demo *demo, struct demo_verdict *verdict)
{
	const struct demo_blocked *blocked = &demo->blocked;
	char pending[PENDING_TEXT];
	uint32_t legacy = 0;
	unsigned int i;

	for (i = 0; i < demo->count; i++)
		legacy += demo->importers[i].legacy;
	check_error(verdict, "first revoke", "is held up by legacy: ETIMEDOUT",
		    ETIMEDOUT, blocked->revoke);
	check(verdict, !blocked->query &&
	      blocked->state == DMABUF_REVOKE_STATE_REVOKING &&
	      blocked->pending.maps == legacy &&
	      blocked->pending.legacy_maps == legacy &&
	      blocked->pending.fences == legacy,
	      "first revoke", "waits for nothing else", "%s: %s",
	      state_name(blocked->state), pending_text(pending, &blocked->pending));
	for (i = 0; i < demo->count; i++)
		if (demo->importers[i].legacy)
			check(verdict, demo->importers[i].detached_ns &&
			      demo->importers[i].detached_ns <= demo->revoke.returned_ns,
			      demo->importers[i].name, "detaches, which lets the second revoke end",
			      "%s", demo->importers[i].detached_ns ? "detached" : "never");
}

static void judge_reader(const struct demo *demo, struct demo_verdict *verdict)
{
	const struct demo_reader *reader = &demo->reader;
	char sigbus[TIME_TEXT];

	check(verdict, reader->passes && !reader->wrong, "CPU mapping",
	      "reads the file until then", "%" PRIu64 " passes, %" PRIu64 " wrong",
	      reader->passes, reader->wrong);
	check(verdict, reader->sigbus_ns >= demo->revoke.out.phases.began_ns &&
	      reader->sigbus_ns && reader->inside,
	      "CPU mapping", "faults with SIGBUS", "%s%s",
	      after(sigbus, &demo->revoke, reader->sigbus_ns),
	      reader->sigbus_ns && !reader->inside ? ", at another address" : "");
}

static void judge_revoke(const struct demo_revoke *revoke, const char *subject,
			 struct demo_verdict *verdict)
{
	const struct dmabuf_revoke_phases *phases = &revoke->out.phases;
	const struct dmabuf_revoke_pending *pending = &revoke->out.pending;
	uint64_t end = fences_by(phases) + phases->unmaps_ns + phases->give_back_ns;
	char text[PENDING_TEXT];

	check(verdict, !revoke->result && revoke->out.state == DMABUF_REVOKE_STATE_REVOKED,
	      subject, "succeeds", "%s, %s", result_name(revoke->result),
	      state_name(revoke->out.state));
	check(verdict, !pending->fences && !pending->maps && !pending->legacy_maps &&
	      !pending->vmaps && !pending->pins, subject, "leaves nothing in use", "%s, %u pins",
	      pending_text(text, pending), pending->pins);
	check(verdict, phases->began_ns >= revoke->called_ns && revoke->called_ns &&
	      end <= revoke->returned_ns, subject, "spends its time in its five phases",
	      "%.1f of %.1f us", (end - (double)phases->began_ns) / 1e3,
	      ((double)revoke->returned_ns - revoke->called_ns) / 1e3);
}

static void judge_afterwards(const struct demo *demo, struct demo_verdict *verdict)
{
	check_error(verdict, "afterwards", "attaching fails: ENODEV", ENODEV,
		    demo->attach);
	check_error(verdict, "afterwards", "mmap() fails: ENODEV", ENODEV, demo->mmap);
	check_error(verdict, "afterwards", "DMA_BUF_IOCTL_SYNC fails: ENODEV", ENODEV,
		    demo->sync);
	check(verdict, !demo->again && demo->already, "afterwards",
	      "revoking again finds all done", "%s, %s", result_name(demo->again),
	      demo->already ? "all done" : "not all done");
}

/* Of either one. */
static void judge_turn(const struct demo_function *function, const struct demo_turn *turn,
		       struct demo_verdict *verdict)
{
	judge_revocable(&turn->revoke, function->crc32, &turn->importer, verdict);
	judge_revoke(&turn->revoke, "its revoke", verdict);
}

#define CHANGED_TEXT 48

/* What the quarantine says. */
static const char *changed_text(char text[CHANGED_TEXT], const struct demo_turn *turn)
{
	if (!turn->checked)
		return turn->free ? result_name(turn->free) : "it was not checked";
	snprintf(text, CHANGED_TEXT, "%u page%s changed", turn->changed,
		 turn->changed == 1 ? "" : "s");
	return text;
}

static void judge_behaved(const struct demo_turn *turn, struct demo_verdict *verdict)
{
	const struct demo_importer *imp = &turn->importer;
	char text[CHANGED_TEXT];

	check(verdict, turn->checked && !turn->changed && !imp->faulted_ns, imp->name,
	      "leaves the memory alone from then on", "%s%s",
	      changed_text(text, turn), imp->faulted_ns ? ", blocked" : "");
}

/* Of what an IOMMU maps; some tell of the page only. */
#define PAGE_BITS 12

static bool is_stopped(const struct demo_turn *turn)
{
	const struct demo_importer *imp = &turn->importer;

	return imp->faulted_ns && imp->faulted_ns >= imp->unmapped_ns &&
	       imp->unmapped_ns && imp->fault_address >> PAGE_BITS == turn->address >> PAGE_BITS;
}

/* Behind an IOMMU nothing comes of it; else it is found in the quarantine. */
static void judge_rogue(const struct demo_function *function, struct demo_verdict *verdict)
{
	const struct demo_turn *turn = &function->rogue;
	const struct demo_importer *imp = &turn->importer;
	bool translated = function->device.iommu == DMABUF_REVOKE_IOMMU_TRANSLATED;
	char stopped[TIME_TEXT], text[CHANGED_TEXT];

	if (translated)
		check(verdict, is_stopped(turn), imp->name,
		      "goes on, and is blocked where it was mapped", "%s, at %" PRIx64,
		      after(stopped, &turn->revoke, imp->faulted_ns), imp->fault_address);
	check(verdict, turn->checked && translated == !turn->changed, imp->name,
	      translated ? "changes nothing in the memory" :
			   "goes on, and the quarantine tells what it wrote",
	      "%s", changed_text(text, turn));
	check(verdict, !function->next && function->next_crc32 == function->crc32,
	      "buffer meanwhile", "keeps its contents", "%s, CRC-32 %08" PRIx32,
	      result_name(function->next), function->next_crc32);
}

static void judge_function(const struct demo_function *function,
			   struct demo_verdict *verdict)
{
	judge_turn(function, &function->behaved, verdict);
	judge_behaved(&function->behaved, verdict);
	judge_turn(function, &function->rogue, verdict);
	judge_rogue(function, verdict);
}

void demo_judge(const struct demo *demo, struct demo_verdict *verdict)
{
	unsigned int i;

	memset(verdict, 0, sizeof(*verdict));
	for (i = 0; i < demo->count; i++) {
		if (demo->importers[i].legacy)
			judge_legacy(demo, &demo->importers[i], verdict);
		else
			judge_revocable(&demo->revoke, demo->crc32, &demo->importers[i],
					verdict);
	}
	judge_reader(demo, verdict);
	if (demo->accept_legacy)
		judge_blocked(demo, verdict);
	judge_revoke(&demo->revoke, "revoke", verdict);
	judge_afterwards(demo, verdict);
	if (demo->function.name)
		judge_function(&demo->function, verdict);
}
