// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of the command that need no kernel: sizes and durations, the bench's sums, and
 * the demo's judgement. The latter is shown observations with one thing wrong each: it has to
 * find that one.
 *
 * The sources are included, so that the command needs no library of its own.
 */
#include "test.h"

#include "tools/lib/text/flavour.c"
#include "tools/lib/text/units.c"
#include "tools/lib/text/message.c"
#include "tools/lib/text/options.c"
#include "tools/lib/text/names.c"
#include "tools/demo/judge.c"
#include "tools/demo/function/log.c"
#include "tools/bench/summary.c"

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))

struct row {
	const char *text;
	int ret;
	uint64_t value;
};

static void check_rows(int (*parse)(const char *, uint64_t *),
		       const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 0;
		int ret = parse(rows[i].text, &value);

		expect(ret == rows[i].ret && value == rows[i].value,
		       "'%s': %d, %" PRIu64 "; expected %d, %" PRIu64,
		       rows[i].text, ret, value, rows[i].ret, rows[i].value);
	}
}

TEST(units, summary_of_one_time)
{
	uint64_t ns[] = { 7 };
	struct summary summary = bench_summarise(ns, 1);

	expect(summary.times == 1 && summary.min_ns == 7 && summary.median_ns == 7 &&
	       summary.p99_ns == 7 && summary.spread_ns == 0);
}

/* 1 to 200, in no order. */
TEST(units, summary_of_many_times)
{
	uint64_t ns[200];
	struct summary summary;

	for (unsigned int i = 0; i < 200; i++)
		ns[i] = (i * 7919) % 200 + 1;
	summary = bench_summarise(ns, 200);
	expect(summary.times == 200 && summary.min_ns == 1);
	expect(summary.median_ns == 100 && summary.p99_ns == 198);
	expect(summary.spread_ns == 100);
}

TEST(units, sizes)
{
	static const struct row rows[] = {
		{ "1", 0, 1 },
		{ "4096", 0, 4096 },
		{ "12B", 0, 12 },
		{ "4k", 0, 4096 },
		{ "4K", 0, 4096 },
		{ "64M", 0, 64 << 20 },
		{ "1GiB", 0, 1 << 30 },
		{ "1gib", 0, 1 << 30 },
		{ "3T", 0, 3ULL << 40 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "16777215TiB", 0, 16777215ULL << 40 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "16777216T", -ERANGE, 0 },
		{ "0", -EINVAL, 0 },
		{ "0k", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "k", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1 k", -EINVAL, 0 },
		{ "1.5M", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1X", -EINVAL, 0 },
		{ "1kk", -EINVAL, 0 },
	};

	check_rows(parse_size, rows, ROWS(rows));
}

TEST(units, durations)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "0s", 0, 0 },
		{ "7ns", 0, 7 },
		{ "10us", 0, 10000 },
		{ "250ms", 0, 250000000 },
		{ "2s", 0, 2000000000 },
		{ "5min", 0, 300000000000 },
		{ "1h", 0, 3600000000000 },
		{ "forever", 0, UINT64_MAX },
		{ "18446744073709551614ns", 0, UINT64_MAX - 1 },
		{ "18446744073709551615ns", -ERANGE, 0 },
		{ "18446744073709551616ns", -ERANGE, 0 },
		{ "18446744073710s", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "10", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },
		{ "1m", -EINVAL, 0 },
		{ "never", -EINVAL, 0 },
	};

	check_rows(parse_duration, rows, ROWS(rows));
}

TEST(units, numbers_and_names)
{
	uint64_t value = 7;
	char text[UNITS_TEXT];

	expect(parse_number("123", 123, &value) == 0 && value == 123);
	expect(parse_number("124", 123, &value) == -ERANGE);
	expect(parse_number("12x", 123, &value) == -EINVAL);
	expect(parse_number("", 123, &value) == -EINVAL);
	expect(value == 123, "a failure changed the result");

	expect_text(format_size(text, 0), "0 B");
	expect_text(format_size(text, 1023), "1023 B");
	expect_text(format_size(text, 1024), "1 KiB");
	expect_text(format_size(text, 1536), "1.5 KiB");
	expect_text(format_size(text, 64 << 20), "64 MiB");
	expect_text(format_size(text, (64 << 20) + 1), "64.0 MiB");
	expect_text(format_size(text, 3ULL << 50), "3072 TiB");
	expect_text(format_duration(text, 0), "0 ns");
	expect_text(format_duration(text, 999), "999 ns");
	expect_text(format_duration(text, 12300), "12.3 us");
	expect_text(format_duration(text, 4500000), "4.5 ms");
	expect_text(format_duration(text, 61000000000), "61.0 s");
	expect_text(format_duration(text, UINT64_MAX), "forever");

	expect_text(errno_name(0), "success");
	expect_text(errno_name(ENODEV), "ENODEV");
	expect_text(errno_name(-ETIMEDOUT), "ETIMEDOUT");
	expect_text(errno_name(12345), "unknown errno");
}

#define CRC 0x12345678

/* The revoke begins at 1000: invalidated until 1100, zapped 1150, fences 1500, unmaps 1600. */
static struct demo_importer good_importer(const char *name, uint64_t invalidated_ns)
{
	return (struct demo_importer){
		.name = name,
		.read_crc32 = CRC,
		.mapped = true,
		.running = true,
		.invalidations = 1,
		.invalidated_ns = invalidated_ns,
		.dma_ended_ns = invalidated_ns + 5,
		.unmapped_ns = invalidated_ns + 10,
		.passes = 3,
		.crc32 = CRC,
		.map = ENODEV,
		.submit = ENODEV,
	};
}

static struct demo_importer good_legacy(const char *name, bool accepted)
{
	if (!accepted)
		return (struct demo_importer){
			.name = name,
			.legacy = true,
			.attach = EOPNOTSUPP,
		};
	return (struct demo_importer){
		.name = name,
		.legacy = true,
		.read_crc32 = CRC,
		.mapped = true,
		.running = true,
		.running_still = true,
		.detached_ns = 1550,
	};
}

enum { DYNAMIC, DEFERRED, PINNED, LEGACY };

static struct demo good_demo(bool accept_legacy)
{
	struct demo demo = {
		.accept_legacy = accept_legacy,
		.crc32 = CRC,
		.count = 4,
		.reader = { .passes = 9, .sigbus_ns = 2000, .inside = true },
		.revoke = {
			.called_ns = 990,
			.returned_ns = 1700,
			.out.state = DMABUF_REVOKE_STATE_REVOKED,
			.out.phases = { 1000, 100, 50, 350, 50, 50 },
		},
		.attach = ENODEV,
		.mmap = ENODEV,
		.sync = ENODEV,
		.already = true,
	};

	demo.importers[DYNAMIC] = good_importer("dynamic", 1010);
	demo.importers[DEFERRED] = good_importer("deferred", 1030);
	demo.importers[DEFERRED].defer_unmap = true;
	demo.importers[DEFERRED].dma_ended_ns = 1400;
	demo.importers[DEFERRED].unmapped_ns = 1580;
	demo.importers[PINNED] = good_importer("pinned", 1050);
	demo.importers[LEGACY] = good_legacy("legacy", accept_legacy);
	demo.blocked.revoke = ETIMEDOUT;
	demo.blocked.state = DMABUF_REVOKE_STATE_REVOKING;
	demo.blocked.pending.maps = 1;
	demo.blocked.pending.legacy_maps = 1;
	demo.blocked.pending.fences = 1;
	return demo;
}

TEST(units, demo_accepts_what_is_right)
{
	struct demo_verdict verdict;
	struct demo demo = good_demo(false);

	demo_judge(&demo, &verdict);
	expect(verdict.failed == 0);
	expect(verdict.count > 25);
	demo = good_demo(true);
	demo_judge(&demo, &verdict);
	expect(verdict.failed == 0);
	expect(verdict.count > 30);
}

/* Each turn has a buffer, and a revoke, of its own. */
static struct demo_turn good_turn(const char *name)
{
	return (struct demo_turn){
		.importer = good_importer(name, 1010),
		.address = 0xffff0000,
		.revoke = good_demo(false).revoke,
		.checked = true,
	};
}

static struct demo good_function(bool translated)
{
	struct demo demo = good_demo(false);
	struct demo_function *function = &demo.function;

	function->name = "0000:02:00.0";
	function->device.iommu = translated ? DMABUF_REVOKE_IOMMU_TRANSLATED :
					      DMABUF_REVOKE_IOMMU_NONE;
	function->crc32 = CRC;
	function->next_crc32 = CRC;
	function->behaved = good_turn("function");
	function->rogue = good_turn("rogue");
	if (translated) {
		function->rogue.importer.faulted_ns = 5000;
		function->rogue.importer.fault_address = 0xffff0008;
	} else {
		function->rogue.importer.wrote_ns = 5000;
		function->rogue.changed = 1;
	}
	return demo;
}

TEST(units, demo_accepts_what_is_right_of_a_function)
{
	struct demo_verdict verdict;
	struct demo demo = good_function(true);
	unsigned int count;

	demo_judge(&demo, &verdict);
	expect(verdict.failed == 0);
	count = verdict.count;
	demo = good_function(false);
	demo_judge(&demo, &verdict);
	expect(verdict.failed == 0);
	expect(verdict.count == count - 1);
	/* With all others there are. */
	demo = good_demo(true);
	demo.function = good_function(true).function;
	demo_judge(&demo, &verdict);
	expect(verdict.failed == 0);
	expect(verdict.count < DEMO_CHECKS);
}

/* Set a member to a value, and what has to be reported for it. */
#define WRONG(legacy, member, wrong, who, what)				\
	do {								\
		struct demo demo = good_demo(legacy);			\
									\
		demo.member = (wrong);					\
		expect_failure(&demo, #member " = " #wrong, who, what);	\
	} while (0)

static void expect_failure(const struct demo *demo, const char *wrong,
			   const char *who, const char *what)
{
	struct demo_verdict verdict;
	unsigned int i;

	demo_judge(demo, &verdict);
	for (i = 0; i < verdict.count; i++)
		if (!verdict.checks[i].ok &&
		    !strcmp(verdict.checks[i].subject, who) &&
		    strstr(verdict.checks[i].expected, what))
			return;
	expect(false, "%s: no failed check '%s: %s' among %u failed ones", wrong,
	       who, what, verdict.failed);
}

TEST(units, demo_finds_what_is_wrong_with_an_importer)
{
	WRONG(false, importers[PINNED].attach, EBUSY, "pinned", "may attach");
	WRONG(false, importers[DYNAMIC].read, ETIMEDOUT, "dynamic", "reads");
	WRONG(false, importers[DYNAMIC].read, DEMO_UNTRIED, "dynamic", "reads");
	WRONG(false, importers[DYNAMIC].read_crc32, 1, "dynamic", "reads");
	WRONG(false, importers[PINNED].mapped, false, "pinned", "midst");
	WRONG(false, importers[PINNED].running, false, "pinned", "midst");
	WRONG(false, importers[DEFERRED].invalidations, 0, "deferred", "invalidated");
	WRONG(false, importers[DEFERRED].invalidations, 2, "deferred", "invalidated");
	WRONG(false, importers[DEFERRED].invalidated_ns, 0, "deferred", "invalidated");
	WRONG(false, importers[DEFERRED].invalidated_ns, 999, "deferred", "invalidated");
	WRONG(false, importers[DEFERRED].invalidated_ns, 1101, "deferred", "invalidated");
	WRONG(false, importers[DYNAMIC].dma_ended_ns, 0, "dynamic", "ends its DMA");
	WRONG(false, importers[DYNAMIC].dma_ended_ns, 1009, "dynamic", "ends its DMA");
	WRONG(false, importers[DEFERRED].dma_ended_ns, 1501, "deferred", "ends its DMA");
	WRONG(false, importers[DEFERRED].unmapped_ns, 0, "deferred", "unmaps");
	WRONG(false, importers[DEFERRED].unmapped_ns, 1399, "deferred", "unmaps");
	WRONG(false, importers[DYNAMIC].unmapped_ns, 1101, "dynamic", "unmaps");
	WRONG(false, importers[PINNED].stream, EINVAL, "pinned", "every pass");
	WRONG(false, importers[PINNED].result, ECANCELED, "pinned", "every pass");
	WRONG(false, importers[PINNED].passes, 0, "pinned", "every pass");
	WRONG(false, importers[PINNED].changed, 1, "pinned", "every pass");
	WRONG(false, importers[PINNED].crc32, 0, "pinned", "every pass");
	WRONG(false, importers[DYNAMIC].map, 0, "dynamic", "map again");
	WRONG(false, importers[PINNED].map, EBUSY, "pinned", "map again");
	WRONG(false, importers[DYNAMIC].submit, DEMO_UNTRIED, "dynamic", "start DMA");
	WRONG(false, importers[LEGACY].attach, 0, "legacy", "refused");
	WRONG(false, importers[LEGACY].attach, ENODEV, "legacy", "refused");
}

TEST(units, demo_finds_what_is_wrong_with_the_exporter)
{
	WRONG(false, reader.passes, 0, "CPU mapping", "reads");
	WRONG(false, reader.wrong, 1, "CPU mapping", "reads");
	WRONG(false, reader.sigbus_ns, 0, "CPU mapping", "SIGBUS");
	WRONG(false, reader.sigbus_ns, 999, "CPU mapping", "SIGBUS");
	WRONG(false, reader.inside, false, "CPU mapping", "SIGBUS");
	WRONG(false, revoke.result, ETIMEDOUT, "revoke", "succeeds");
	WRONG(false, revoke.out.state, DMABUF_REVOKE_STATE_REVOKING, "revoke", "succeeds");
	WRONG(false, revoke.out.pending.fences, 1, "revoke", "nothing in use");
	WRONG(false, revoke.out.pending.maps, 1, "revoke", "nothing in use");
	WRONG(false, revoke.out.pending.pins, 1, "revoke", "nothing in use");
	WRONG(false, revoke.out.phases.began_ns, 989, "revoke", "phases");
	WRONG(false, revoke.out.phases.unmaps_ns, 151, "revoke", "phases");
	WRONG(false, revoke.out.phases.give_back_ns, 151, "revoke", "phases");
	WRONG(false, revoke.called_ns, 0, "revoke", "phases");
	WRONG(false, attach, 0, "afterwards", "attaching");
	WRONG(false, mmap, EINVAL, "afterwards", "mmap()");
	WRONG(false, sync, 0, "afterwards", "SYNC");
	WRONG(false, again, EPERM, "afterwards", "again");
	WRONG(false, already, false, "afterwards", "again");
}

TEST(units, demo_finds_what_is_wrong_with_a_legacy_importer)
{
	WRONG(true, importers[LEGACY].attach, EOPNOTSUPP, "legacy", "may attach");
	WRONG(true, importers[LEGACY].read_crc32, 1, "legacy", "reads");
	WRONG(true, importers[LEGACY].running, false, "legacy", "midst");
	WRONG(true, importers[LEGACY].invalidations, 1, "legacy", "never invalidated");
	WRONG(true, importers[LEGACY].invalidated_ns, 1020, "legacy", "never invalidated");
	WRONG(true, importers[LEGACY].running_still, false, "legacy", "until it detaches");
	WRONG(true, importers[LEGACY].detached_ns, 0, "legacy", "second revoke");
	WRONG(true, importers[LEGACY].detached_ns, 1701, "legacy", "second revoke");
	WRONG(true, blocked.revoke, 0, "first revoke", "held up");
	WRONG(true, blocked.query, ENOENT, "first revoke", "nothing else");
	WRONG(true, blocked.state, DMABUF_REVOKE_STATE_REVOKED, "first revoke", "nothing else");
	WRONG(true, blocked.pending.maps, 2, "first revoke", "nothing else");
	WRONG(true, blocked.pending.legacy_maps, 0, "first revoke", "nothing else");
	WRONG(true, blocked.pending.fences, 2, "first revoke", "nothing else");
}

#define WRONG_FUNCTION(translated, member, wrong, who, what)			\
	do {									\
		struct demo demo = good_function(translated);			\
										\
		demo.function.member = (wrong);					\
		expect_failure(&demo, #member " = " #wrong, who, what);		\
	} while (0)

TEST(units, demo_finds_what_is_wrong_with_a_function)
{
	WRONG_FUNCTION(true, behaved.importer.attach, EBUSY, "function", "may attach");
	WRONG_FUNCTION(true, behaved.importer.read_crc32, 1, "function", "reads");
	WRONG_FUNCTION(true, behaved.importer.unmapped_ns, 1101, "function", "unmaps");
	WRONG_FUNCTION(true, behaved.importer.submit, 0, "function", "start DMA");
	WRONG_FUNCTION(true, behaved.revoke.result, ETIMEDOUT, "its revoke", "succeeds");
	WRONG_FUNCTION(true, behaved.changed, 1, "function", "leaves the memory alone");
	WRONG_FUNCTION(true, behaved.checked, false, "function", "leaves the memory alone");
	WRONG_FUNCTION(true, behaved.importer.faulted_ns, 5000, "function",
		       "leaves the memory alone");
	WRONG_FUNCTION(true, rogue.importer.attach, EOPNOTSUPP, "rogue", "may attach");
	WRONG_FUNCTION(true, rogue.importer.unmapped_ns, 0, "rogue", "unmaps");
	WRONG_FUNCTION(true, rogue.revoke.out.pending.maps, 1, "its revoke", "nothing in use");
}

TEST(units, demo_finds_what_is_wrong_with_DMA_after_the_unmap)
{
	WRONG_FUNCTION(true, rogue.importer.faulted_ns, 0, "rogue", "is blocked");
	WRONG_FUNCTION(true, rogue.importer.faulted_ns, 1019, "rogue", "is blocked");
	WRONG_FUNCTION(true, rogue.importer.fault_address, 0xfffe0000, "rogue", "is blocked");
	WRONG_FUNCTION(true, rogue.changed, 1, "rogue", "changes nothing");
	WRONG_FUNCTION(true, rogue.checked, false, "rogue", "changes nothing");
	WRONG_FUNCTION(false, rogue.changed, 0, "rogue", "the quarantine tells");
	WRONG_FUNCTION(false, rogue.checked, false, "rogue", "the quarantine tells");
	WRONG_FUNCTION(true, next, ENOMEM, "buffer meanwhile", "keeps its contents");
	WRONG_FUNCTION(false, next, DEMO_UNTRIED, "buffer meanwhile", "keeps its contents");
	WRONG_FUNCTION(true, next_crc32, 0, "buffer meanwhile", "keeps its contents");
}

#define DMAR "DMAR: [DMA Write NO_PASID] Request device "
#define AMD "dbr_edu 0000:02:00.0: AMD-Vi: Event logged "
#define SMMU "arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:02:00.0 "
#define REASON " [fault reason 0x05] PTE Write access is not set"

TEST(units, faults_in_the_log)
{
	static const char name[] = "0000:02:00.0";
	const uint64_t address = 0xfffe0000;

	/* Linux 6.1, 7.3; AMD; Arm. */
	expect(log_is_fault(DMAR "[02:00.0] fault addr 0xfffe0000" REASON, name, address));
	expect(log_is_fault(DMAR "[0000:02:00.0] fault addr 0xfffe0000" REASON, name, address + 8));
	expect(log_is_fault(AMD "[IO_PAGE_FAULT domain=0x000e address=0xfffe0010 flags=0x0020]",
			    name, address));
	expect(log_is_fault(SMMU "sid: 0x8 ssid: 0x0 iova: 0x00000000fffe0000 ipa: 0x0",
			    name, address));
	/* Another device, another address, no fault. */
	expect(!log_is_fault(DMAR "[03:00.0] fault addr 0xfffe0000" REASON, name, address));
	expect(!log_is_fault(DMAR "[02:00.0] fault addr 0xfffd0000" REASON, name, address));
	expect(!log_is_fault("pci 0000:02:00.0: BAR 0 [mem 0xfe800000-0xfe8fffff]", name, address));
	expect(!log_is_fault("", name, address));
}

/* More checks than there is room for must not pass unseen. */
TEST(units, demo_drops_no_check)
{
	struct demo_verdict verdict = { .count = DEMO_CHECKS };

	check_error(&verdict, "x", "y", 0, 0);
	expect(verdict.failed == 1);
	expect(verdict.count == DEMO_CHECKS);
}

/* The kernel that is recommended runs on this machine, with pages as they are. */
TEST(units, recommended_kernel)
{
	const char *arm64 = sysconf(_SC_PAGESIZE) == 16384 ? "-arm64-16k" : "-arm64";

	expect(!strcmp(debian_flavour("x86_64"), "-amd64"));
	expect(!strcmp(debian_flavour("aarch64"), arm64));
	expect(!strcmp(debian_flavour("m68k"), ""));
}
