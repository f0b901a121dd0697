// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the command says of an errno: that it says something of each that a call is
 * documented to return, or that an exporter of Linux 7.3 returns; and that it says nothing
 * which cannot be so, whatever the errno. Needs no kernel.
 *
 * The source is included for its table.
 */
#include "common.h"

#include "tools/lib/text/causes.c"

#define ACTS	(ACT_WATCH + 1)
#define OWNERS_OF_DMABUFS (WHOSE_OTHERS + 1)
#define KINDS	(DMABUF_REVOKE_KIND_LEGACY_RDMA + 1)
#define ERRNOS	134

static const uint32_t states[] = {
	DMABUF_REVOKE_STATE_LIVE,
	DMABUF_REVOKE_STATE_REVOKING,
	DMABUF_REVOKE_STATE_REVOKED,
	DMABUF_REVOKE_STATE_SUSPENDING,
	DMABUF_REVOKE_STATE_SUSPENDED,
	STATE_UNKNOWN,
};

typedef void (*look)(const struct situation *situation, int err,
		     const struct reason *reason);

/* At every situation that there is, with every errno. */
static void look_everywhere(look look)
{
	struct situation at;

	for (at.act = 0; at.act < ACTS; at.act++)
		for (at.whose = 0; at.whose < OWNERS_OF_DMABUFS; at.whose++)
			for (at.kind = 0; at.kind < KINDS; at.kind++)
				for (size_t i = 0; i < ARRAY_SIZE(states); i++)
					for (int err = 1; err < ERRNOS; err++) {
						at.state = states[i];
						look(&at, err, find_reason(&at, err));
					}
}

static bool is_import(const struct situation *at)
{
	return at->act == ACT_ATTACH || at->act == ACT_MAP || at->act == ACT_SUBMIT;
}

static bool is_legacy(const struct situation *at)
{
	return at->kind == DMABUF_REVOKE_KIND_LEGACY_STATIC ||
	       at->kind == DMABUF_REVOKE_KIND_LEGACY_RDMA;
}

static bool is_suspended(const struct situation *at)
{
	return at->state == DMABUF_REVOKE_STATE_SUSPENDED ||
	       at->state == DMABUF_REVOKE_STATE_SUSPENDING;
}

/* @words are said only where that can be so. */
static void only_if(bool possible, const char *words, const struct situation *at, int err,
		    const struct reason *reason)
{
	const char *remedy = reason->remedy ?: "";
	static unsigned int found;

	if (possible || (!strstr(reason->cause, words) && !strstr(remedy, words)))
		return;
	/* A wrong row is found at hundreds of situations. */
	expect(found++ >= 10, "act %u, whose %u, kind %u, state %u, errno %d: '%s: %s'",
	       at->act, at->whose, at->kind, at->state, err, reason->cause, remedy);
}

static void look_for_impossible(const struct situation *at, int err,
				const struct reason *reason)
{
	bool import = is_import(at);
	bool ours = import && at->whose == WHOSE_OURS;
	bool foreign = import && at->whose != WHOSE_OURS && at->whose != WHOSE_NOBODYS;
	bool open = at->act == ACT_OPEN_EXPORTER || at->act == ACT_OPEN_IMPORTER;

	if (!reason)
		return;
	only_if(import && is_legacy(at), "--kind dynamic", at, err, reason);
	only_if(import && is_legacy(at) && at->whose != WHOSE_PEERS,
		"cannot be revoked", at, err, reason);
	only_if(ours, "--accept-legacy", at, err, reason);
	only_if(ours, "allocate a new one", at, err, reason);
	only_if(ours && is_suspended(at), "brings it back", at, err, reason);
	only_if(!ours || !is_suspended(at), "has been revoked", at, err, reason);
	only_if(foreign, "peer-to-peer", at, err, reason);
	only_if(foreign, "its exporter", at, err, reason);
	only_if(at->act == ACT_ATTACH || at->act == ACT_QUERY_FD, "not a dma-buf", at, err,
		reason);
	only_if(open, "load it: modprobe", at, err, reason);
	only_if(!open && at->act != ACT_OTHER && at->act != ACT_RUN && at->act != ACT_FETCH,
		"the loaded module", at, err, reason);
	only_if(at->act == ACT_ALLOC || at->act == ACT_MOVE || at->act == ACT_RESHAPE,
		"limit_mb", at, err, reason);
}

TEST(causes, says_nothing_that_cannot_be)
{
	look_everywhere(look_for_impossible);
}

static bool seen[ARRAY_SIZE(causes)];

static void note_cause(const struct situation *at, int err, const struct reason *reason)
{
	(void)at;
	(void)err;
	for (size_t i = 0; reason && i < ARRAY_SIZE(causes); i++)
		seen[i] |= reason == &causes[i].reason;
}

TEST(causes, hides_none_behind_another)
{
	look_everywhere(note_cause);
	/* But for the end of the table. */
	for (size_t i = 0; i < ARRAY_SIZE(causes) - 1; i++)
		expect(seen[i], "never said: '%s'", causes[i].reason.cause);
}

/* As the header has it; and of the system calls, their manual pages. */
static const struct {
	enum act act;
	int errs[12];
} documented[] = {
	{ ACT_OPEN_EXPORTER, { ENOENT, ENXIO, ENODEV, EACCES, EPERM, EMFILE, ENFILE } },
	{ ACT_OPEN_IMPORTER, { ENOENT, ENXIO, ENODEV, EACCES, EPERM, EMFILE, ENFILE } },
	{ ACT_FETCH, { ESRCH, EINVAL, EPERM, EBADF, EMFILE, ENFILE } },
	{ ACT_RUN, { ENOENT, EACCES, ENOMEM } },
	{ ACT_INFO, { ENOTTY, E2BIG } },
	{ ACT_ALLOC, { EINVAL, EOVERFLOW, ENOMEM, EMFILE, ENFILE, EINTR } },
	{ ACT_LIST, { EINTR } },
	{ ACT_QUERY, { ENOENT, EPERM, EINTR } },
	{ ACT_QUERY_FD, { EBADF, EINVAL, EINTR } },
	{ ACT_BLOCKERS, { ENOENT, EPERM, EINTR } },
	{ ACT_EXPORT, { ENOENT, EPERM, EMFILE, ENFILE } },
	{ ACT_REVOKE, { ENOENT, EPERM, EINTR } },
	{ ACT_SUSPEND, { ENOENT, EPERM, ENODEV, EINTR } },
	{ ACT_RESTORE, { ENOENT, EPERM, ENODEV, EINTR } },
	{ ACT_MOVE, { ENOENT, EPERM, EBUSY, EINVAL, EOPNOTSUPP, ENODEV, ENOMEM, EINTR } },
	{ ACT_RESHAPE, { ENOENT, EPERM, EBUSY, EINVAL, EOVERFLOW, EOPNOTSUPP, ENODEV, ENOMEM } },
	{ ACT_FREE, { ENOENT, EPERM, EINTR } },
	{ ACT_FAULTS, { ENOENT, EPERM, EINVAL, ENODEV, ETIMEDOUT, EINTR } },
	{ ACT_WATCH, { EINTR } },
};

TEST(causes, knows_what_is_documented)
{
	for (size_t i = 0; i < ARRAY_SIZE(documented); i++)
		for (const int *err = documented[i].errs; *err; err++) {
			struct situation at = { .act = documented[i].act };

			expect(find_reason(&at, *err), "act %u, errno %d", at.act, *err);
		}
}

/* Who returns it in Linux 7.3, from attach, pin or map. */
static const struct {
	enum act act;
	enum whose whose;
	int err;
	const char *who;
} exporters[] = {
	{ ACT_ATTACH, WHOSE_PEERS, EOPNOTSUPP, "vfio-pci, uverbs: no peer-to-peer" },
	{ ACT_ATTACH, WHOSE_PEERS, ENODEV, "vfio-pci: revoked" },
	{ ACT_MAP, WHOSE_PEERS, ENODEV, "vfio-pci, uverbs: revoked" },
	{ ACT_MAP, WHOSE_PEERS, EINVAL, "vfio-pci, uverbs: no way between the devices" },
	{ ACT_MAP, WHOSE_PEERS, ENOMEM, "vfio-pci, uverbs" },
	{ ACT_MAP, WHOSE_PEERS, EIO, "vfio-pci, uverbs: DMA API" },
	{ ACT_MAP, WHOSE_PEERS, EOPNOTSUPP, "this importer: not memory" },
	{ ACT_ATTACH, WHOSE_OTHERS, EOPNOTSUPP, "i915, xe: cannot leave the device" },
	{ ACT_ATTACH, WHOSE_OTHERS, EINVAL, "xe, amdgpu: pinned on the device" },
	{ ACT_ATTACH, WHOSE_OTHERS, ENODEV, "virtio-gpu: object without UUID" },
	{ ACT_ATTACH, WHOSE_OTHERS, ENOMEM, "all" },
	{ ACT_ATTACH, WHOSE_OTHERS, ENOSPC, "TTM: no room" },
	{ ACT_ATTACH, WHOSE_OTHERS, EPERM, "amdgpu: a user's pages" },
	{ ACT_ATTACH, WHOSE_OTHERS, EBUSY, "TTM" },
	{ ACT_ATTACH, WHOSE_OTHERS, EINTR, "i915: a signal" },
	{ ACT_ATTACH, WHOSE_OTHERS, EAGAIN, "i915" },
	{ ACT_MAP, WHOSE_OTHERS, EOPNOTSUPP, "xe; this importer: not memory" },
	{ ACT_MAP, WHOSE_OTHERS, EPERM, "habanalabs: no peer-to-peer" },
	{ ACT_MAP, WHOSE_OTHERS, EINVAL, "amdgpu, heaps, udmabuf" },
	{ ACT_MAP, WHOSE_OTHERS, EBUSY, "amdgpu, xe: DMA API; Xen's: another direction" },
	{ ACT_MAP, WHOSE_OTHERS, ENOMEM, "all" },
	{ ACT_MAP, WHOSE_OTHERS, EIO, "heaps, udmabuf, videobuf2: DMA API" },
	{ ACT_MAP, WHOSE_OTHERS, EREMOTEIO, "heaps, udmabuf: DMA API, peer-to-peer" },
	{ ACT_MAP, WHOSE_OTHERS, ENOSPC, "TTM: no room" },
	{ ACT_MAP, WHOSE_OTHERS, ENODEV, "any that revokes" },
	{ ACT_MAP, WHOSE_OTHERS, EINTR, "a signal" },
	{ ACT_ATTACH, WHOSE_NOBODYS, EINVAL, "the core: no dma-buf" },
	{ ACT_ATTACH, WHOSE_UNKNOWN, EBADF, "the core: no descriptor" },
	{ ACT_ATTACH, WHOSE_UNKNOWN, EINVAL, "the core, or an exporter" },
	{ ACT_ATTACH, WHOSE_OURS, ENODEV, "revoked or suspended" },
	{ ACT_ATTACH, WHOSE_OURS, ENOMEM, "all" },
	{ ACT_ATTACH, WHOSE_OURS, EIO, "this importer: no DMA mask" },
	{ ACT_MAP, WHOSE_OURS, ENODEV, "revoked or suspended" },
	{ ACT_MAP, WHOSE_OURS, ENOMEM, "DMA API" },
	{ ACT_MAP, WHOSE_OURS, EIO, "DMA API" },
	{ ACT_MAP, WHOSE_OURS, EBUSY, "mapped already" },
	{ ACT_SUBMIT, WHOSE_OURS, EAGAIN, "no job left" },
	{ ACT_SUBMIT, WHOSE_OURS, EMFILE, "no descriptor left" },
};

TEST(causes, knows_what_exporters_return)
{
	for (size_t i = 0; i < ARRAY_SIZE(exporters); i++)
		for (uint32_t kind = 0; kind < KINDS; kind++) {
			struct situation at = {
				exporters[i].act, exporters[i].whose, kind, STATE_UNKNOWN,
			};

			expect(find_reason(&at, exporters[i].err), "kind %u: %s", kind,
			       exporters[i].who);
		}
}

static void expect_cause(enum act act, enum whose whose, uint32_t kind, uint32_t state,
			 int err, const char *words)
{
	struct situation at = { act, whose, kind, state };
	const struct reason *reason = find_reason(&at, err);

	expect(reason && strstr(reason->cause, words), "'%s', not '%s'",
	       reason ? reason->cause : "nothing", words);
}

#define DYNAMIC	DMABUF_REVOKE_KIND_DYNAMIC
#define STATIC	DMABUF_REVOKE_KIND_LEGACY_STATIC

TEST(causes, names_peer_to_peer_where_it_is_the_cause)
{
	for (uint32_t kind = 0; kind < KINDS; kind++)
		expect_cause(ACT_ATTACH, WHOSE_PEERS, kind, STATE_UNKNOWN, EOPNOTSUPP,
			     "cannot do peer-to-peer");
	expect_cause(ACT_MAP, WHOSE_PEERS, DYNAMIC, STATE_UNKNOWN, EINVAL, "peer-to-peer");
	expect_cause(ACT_ATTACH, WHOSE_OTHERS, DYNAMIC, STATE_UNKNOWN, EOPNOTSUPP,
		     "cannot do peer-to-peer");
	expect_cause(ACT_ATTACH, WHOSE_OURS, STATIC, STATE_UNKNOWN, EOPNOTSUPP,
		     "refuses importers that cannot be revoked");
}

TEST(causes, tells_suspended_from_revoked)
{
	expect_cause(ACT_MAP, WHOSE_OURS, DYNAMIC, DMABUF_REVOKE_STATE_SUSPENDED, ENODEV,
		     "the buffer is suspended");
	expect_cause(ACT_MAP, WHOSE_OURS, DYNAMIC, DMABUF_REVOKE_STATE_REVOKED, ENODEV,
		     "the buffer has been revoked");
	/* It has come back meanwhile. */
	expect_cause(ACT_MAP, WHOSE_OURS, DYNAMIC, DMABUF_REVOKE_STATE_LIVE, ENODEV,
		     "has been revoked or suspended");
}

/* An argument list that is too long is no module that is too old. */
TEST(causes, takes_no_program_for_a_module)
{
	struct situation at = { .act = ACT_RUN };

	expect(!find_reason(&at, E2BIG));
	expect(!find_reason(&at, ENOTTY));
}

TEST(causes, knows_exporters_by_name)
{
	expect(whose_name(NULL) == WHOSE_NOBODYS);
	expect(whose_name("dmabuf_revoke_exporter") == WHOSE_OURS);
	expect(whose_name("dmabuf_revoke_exporter-quarantine") == WHOSE_OURS);
	expect(whose_name("vfio_pci_core") == WHOSE_PEERS);
	expect(whose_name("ib_uverbs") == WHOSE_PEERS);
	expect(whose_name("system") == WHOSE_OTHERS);
	expect(whose_name("drm") == WHOSE_OTHERS);
}
