// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <dmabuf_revoke.h>

#include "lib/text/causes.h"

/* Sets of acts, exporters, kinds and states, as bits; 0 is any. */
#define BIT(n)		(1U << (n))

#define OPEN		(BIT(ACT_OPEN_EXPORTER) | BIT(ACT_OPEN_IMPORTER))
#define MOVE		(BIT(ACT_MOVE) | BIT(ACT_RESHAPE))
#define OWNERS		(BIT(ACT_QUERY) | BIT(ACT_BLOCKERS) | BIT(ACT_EXPORT) | \
			 BIT(ACT_REVOKE) | BIT(ACT_SUSPEND) | BIT(ACT_RESTORE) | \
			 MOVE | BIT(ACT_FREE) | BIT(ACT_FAULTS))
#define ATTACH		BIT(ACT_ATTACH)
#define MAP		(BIT(ACT_MAP) | BIT(ACT_SUBMIT))
#define IMPORT		(ATTACH | MAP)
#define CALLS		(BIT(ACT_INFO) | BIT(ACT_ALLOC) | BIT(ACT_LIST) | \
			 BIT(ACT_QUERY_FD) | BIT(ACT_WATCH) | OWNERS | IMPORT)

#define UNKNOWN		BIT(WHOSE_UNKNOWN)
#define NOBODYS		BIT(WHOSE_NOBODYS)
#define OURS		BIT(WHOSE_OURS)
#define PEERS		BIT(WHOSE_PEERS)
#define OTHERS		(BIT(WHOSE_OTHERS) | UNKNOWN)

#define LEGACY		(BIT(DMABUF_REVOKE_KIND_LEGACY_STATIC) | \
			 BIT(DMABUF_REVOKE_KIND_LEGACY_RDMA))
#define SUSPENDED	(BIT(DMABUF_REVOKE_STATE_SUSPENDING) | \
			 BIT(DMABUF_REVOKE_STATE_SUSPENDED))
#define REVOKED		(BIT(DMABUF_REVOKE_STATE_REVOKING) | \
			 BIT(DMABUF_REVOKE_STATE_REVOKED))

#define SAME_VERSION	"install command and modules of the same version"
#define BY_FUNCTION \
	"attach on behalf of a PCI function, by --device: dmabuf-revoke info tells which can"

/* The first one that fits is it. */
static const struct cause {
	uint32_t acts;
	int err;
	struct reason reason;
	uint32_t whose, kinds, states;
} causes[] = {
	/* Nodes */
	{ BIT(ACT_OPEN_EXPORTER), ENOENT,
	  { "does not exist", "load it: modprobe dmabuf_revoke_exporter" }, 0, 0, 0 },
	{ BIT(ACT_OPEN_IMPORTER), ENOENT,
	  { "does not exist", "load it: modprobe dmabuf_revoke_importer" }, 0, 0, 0 },
	{ BIT(ACT_OPEN_EXPORTER), ENXIO,
	  { "has no driver", "load it: modprobe dmabuf_revoke_exporter" }, 0, 0, 0 },
	{ BIT(ACT_OPEN_IMPORTER), ENXIO,
	  { "has no driver", "load it: modprobe dmabuf_revoke_importer" }, 0, 0, 0 },
	{ BIT(ACT_OPEN_EXPORTER), ENODEV,
	  { "has no driver", "load it: modprobe dmabuf_revoke_exporter" }, 0, 0, 0 },
	{ BIT(ACT_OPEN_IMPORTER), ENODEV,
	  { "has no driver", "load it: modprobe dmabuf_revoke_importer" }, 0, 0, 0 },
	{ BIT(ACT_OPEN_EXPORTER), EACCES,
	  { "not permitted", "run as root, or join the group that owns it" }, 0, 0, 0 },
	{ BIT(ACT_OPEN_IMPORTER), EACCES, { "not permitted", "run as root" }, 0, 0, 0 },
	{ OPEN, EPERM,
	  { "not permitted", "run as root; in a container, have it allow the device" }, 0, 0, 0 },

	/* Other processes, programs */
	{ BIT(ACT_FETCH), ESRCH, { "no such process", NULL }, 0, 0, 0 },
	{ BIT(ACT_FETCH), EINVAL,
	  { "not the id of a process", "a thread's will not do" }, 0, 0, 0 },
	{ BIT(ACT_FETCH), ENOENT,
	  { "not the id of a process", "a thread's will not do" }, 0, 0, 0 },
	{ BIT(ACT_FETCH), EPERM,
	  { "not permitted", "run as root, or as the user of that process" }, 0, 0, 0 },
	{ BIT(ACT_FETCH), EBADF,
	  { "that process has no such descriptor", "see /proc/PID/fd" }, 0, 0, 0 },
	{ BIT(ACT_RUN), ENOENT,
	  { "no such program", "give its path, or put it on PATH" }, 0, 0, 0 },
	{ BIT(ACT_RUN), EACCES, { "not executable", "chmod +x" }, 0, 0, 0 },

	/* Naming a buffer */
	{ OWNERS, ENOENT,
	  { "no such buffer", "dmabuf-revoke list shows which there are" }, 0, 0, 0 },
	{ OWNERS, EPERM,
	  { "not permitted",
	    "only the file that allocated a buffer may name it by id, or root (CAP_SYS_ADMIN)" },
	  0, 0, 0 },
	{ BIT(ACT_QUERY_FD), EBADF, { "not an open descriptor", NULL }, 0, 0, 0 },
	{ BIT(ACT_QUERY_FD), EINVAL, { "not a dma-buf of this exporter", NULL }, 0, 0, 0 },

	/* The exporter */
	{ BIT(ACT_ALLOC), ENOMEM,
	  { "not enough memory, or beyond a limit of the exporter",
	    "see dmabuf-revoke info; a user has half; raise parameter limit_mb" }, 0, 0, 0 },
	{ BIT(ACT_ALLOC), EOVERFLOW,
	  { "larger than the kernel can address, or than memory of that shape can be",
	    "ask for less" }, 0, 0, 0 },
	{ BIT(ACT_ALLOC), EINVAL,
	  { "no such length of that shape, or the loaded module does not know a policy",
	    "one chunk is a power of two; what is repeated is whole pages" }, 0, 0, 0 },
	{ BIT(ACT_REVOKE), EINTR,
	  { "interrupted", "the revoke goes on; revoke again to wait for its end" }, 0, 0, 0 },
	{ BIT(ACT_SUSPEND), ENODEV,
	  { "the buffer is revoked, or being revoked", "that cannot be undone" }, 0, 0, 0 },
	{ BIT(ACT_SUSPEND), EINTR,
	  { "interrupted", "the suspension goes on; suspend again to wait for its end" }, 0, 0, 0 },
	{ BIT(ACT_RESTORE), ENODEV,
	  { "the buffer is revoked, or being revoked", "that cannot be undone" }, 0, 0, 0 },
	{ BIT(ACT_RESTORE), EINTR,
	  { "interrupted", "the buffer may be suspended still; restore it again" }, 0, 0, 0 },
	{ MOVE, EBUSY,
	  { "the buffer is pinned, vmapped, suspended, or being moved",
	    "dmabuf-revoke show tells which" }, 0, 0, 0 },
	{ BIT(ACT_MOVE), EINVAL,
	  { "there has been no such move", "dmabuf-revoke show tells how often it was moved" },
	  0, 0, 0 },
	{ BIT(ACT_RESHAPE), EINVAL,
	  { "no such length of that shape", "one chunk is a power of two" }, 0, 0, 0 },
	{ BIT(ACT_RESHAPE), EOVERFLOW,
	  { "memory of that shape cannot be so large", NULL }, 0, 0, 0 },
	{ BIT(ACT_MOVE), EOPNOTSUPP,
	  { "a buffer with a quarantine cannot be moved", "allocate one without --quarantine" },
	  0, 0, 0 },
	{ BIT(ACT_RESHAPE), EOPNOTSUPP,
	  { "a buffer with a quarantine cannot be moved, nor one with --repeat to another shape",
	    "allocate one without" }, 0, 0, 0 },
	{ MOVE, ENODEV, { "the buffer is revoked, or being revoked", NULL }, 0, 0, 0 },
	{ MOVE, ENOMEM,
	  { "not enough memory for both copies, or beyond a limit of the exporter",
	    "see dmabuf-revoke info; a user has half; raise parameter limit_mb" }, 0, 0, 0 },
	{ BIT(ACT_FREE), EINTR, { "interrupted", "nothing was done; free it again" }, 0, 0, 0 },

	{ BIT(ACT_FAULTS), EINVAL,
	  { "no such errno, or the loaded module does not know one of these faults",
	    "errnos are 1 to 133" }, 0, 0, 0 },
	{ BIT(ACT_FAULTS), ENODEV,
	  { "its owner has closed it, or given it up", NULL }, 0, 0, 0 },
	{ BIT(ACT_FAULTS), ETIMEDOUT,
	  { "nobody is blocked", "set hold-in-map or hold-after-tell" }, 0, 0, 0 },

	/* Importing what is no dma-buf, or is gone */
	{ ATTACH, EBADF,
	  { "not an open descriptor", "give the one that the dma-buf has" }, 0, 0, 0 },
	{ ATTACH, EINVAL, { "not a dma-buf", "give the descriptor of a dma-buf" },
	  NOBODYS, 0, 0 },
	{ IMPORT, ENODEV,
	  { "the buffer is suspended", "dmabuf-revoke restore brings it back" },
	  OURS, 0, SUSPENDED },
	{ IMPORT, ENODEV, { "the buffer has been revoked", "allocate a new one" },
	  OURS, 0, REVOKED },
	{ IMPORT, ENODEV,
	  { "the buffer has been revoked or suspended", "dmabuf-revoke show tells which" },
	  OURS, 0, 0 },
	{ IMPORT, ENODEV,
	  { "its exporter has revoked it, for good or while its device is reset or switched off",
	    "try again when the device is in use" }, PEERS, 0, 0 },
	{ IMPORT, ENODEV,
	  { "its exporter says that the buffer, or its device, is gone", NULL },
	  OTHERS, 0, 0 },

	/* Whom an exporter refuses. Those of peers ask for that before anything else. */
	{ ATTACH, EOPNOTSUPP,
	  { "the exporter refuses importers that cannot be revoked",
	    "use --kind dynamic or pinned, or allocate with --accept-legacy" },
	  OURS, LEGACY, 0 },
	{ ATTACH, EOPNOTSUPP,
	  { "the exporter gives it to peers only, and this attachment cannot do peer-to-peer",
	    BY_FUNCTION }, PEERS, 0, 0 },
	{ ATTACH, EOPNOTSUPP,
	  { "the exporter refuses importers that cannot be revoked, or that lack peer-to-peer",
	    "try --kind dynamic; where that is refused, too, it is for want of peer-to-peer" },
	  OTHERS, LEGACY, 0 },
	{ ATTACH, EOPNOTSUPP,
	  { "its memory is a device's own, and this attachment cannot do peer-to-peer",
	    BY_FUNCTION }, OTHERS, 0, 0 },
	{ MAP, EOPNOTSUPP,
	  { "its memory is a device's own, and at its addresses there is nothing for a CPU",
	    "use --engine none, on behalf of a PCI function" }, PEERS | OTHERS, 0, 0 },
	{ IMPORT, EPERM,
	  { "its exporter does not permit it, perhaps for want of peer-to-peer", NULL },
	  OTHERS, 0, 0 },
	{ MAP, EINVAL,
	  { "there is no way from its device to this importer's (peer-to-peer)",
	    BY_FUNCTION }, PEERS, 0, 0 },
	{ IMPORT, EREMOTEIO,
	  { "there is no way from its device to this importer's (peer-to-peer)",
	    BY_FUNCTION }, PEERS | OTHERS, 0, 0 },
	{ ATTACH, EINVAL,
	  { "not a dma-buf, or its exporter refuses it", "give the descriptor of a dma-buf" },
	  UNKNOWN, 0, 0 },
	{ IMPORT, EINVAL,
	  { "its exporter cannot put the memory where this importer's device would reach it",
	    NULL }, OTHERS, 0, 0 },
	{ IMPORT, ENOSPC,
	  { "its exporter has no room left where this importer's device would reach it",
	    "free some memory of that device" }, OTHERS, 0, 0 },
	{ IMPORT, EBUSY,
	  { "its exporter cannot map it for this importer, or has it in use otherwise", NULL },
	  OTHERS, 0, 0 },
	{ IMPORT, EAGAIN, { "its exporter is busy with it", "try again" }, PEERS | OTHERS, 0, 0 },

	/* This importer's own, and the DMA API's */
	{ MAP, EBUSY, { "it is mapped already", NULL }, OURS, 0, 0 },
	{ ATTACH, EIO,
	  { "this importer's device has no DMA mask, or bounces (swiotlb) memory that is repeated",
	    "dmabuf-revoke doctor says more" },
	  OURS, 0, 0 },
	{ MAP, EIO,
	  { "the kernel cannot map it for this importer's device",
	    "where DMA is bounced (swiotlb) use a smaller buffer, or boot with a larger swiotlb=" },
	  0, 0, 0 },
	{ MAP, ENOMEM,
	  { "not enough memory, or no room to bounce its DMA (swiotlb)",
	    "free some, use a smaller buffer, or boot with a larger swiotlb=" }, 0, 0, 0 },
	{ BIT(ACT_SUBMIT), EAGAIN,
	  { "too many jobs, or attachments that have some", "end other importers" }, OURS, 0, 0 },

	/* Whatever the call was */
	{ CALLS, ENOTTY, { "the loaded module does not know this call", SAME_VERSION }, 0, 0, 0 },
	{ CALLS, E2BIG, { "the loaded module is older than this command", SAME_VERSION }, 0, 0, 0 },
	{ CALLS, EINTR, { "interrupted", "try again" }, 0, 0, 0 },
	{ 0, EMFILE, { "no file descriptor left in this process", "raise ulimit -n" }, 0, 0, 0 },
	{ 0, ENFILE, { "no open file left in the system", "raise sysctl fs.file-max" }, 0, 0, 0 },
	{ 0, ENOMEM,
	  { "not enough memory", "free some, or raise the limit of the memory control group" },
	  0, 0, 0 },
	{ 0 },
};

static int contains(uint32_t set, uint32_t element)
{
	return !set || (element < 32 && (set & BIT(element)));
}

const struct reason *find_reason(const struct situation *situation, int err)
{
	const struct cause *cause;

	for (cause = causes; cause->err; cause++)
		if (cause->err == err && contains(cause->acts, situation->act) &&
		    contains(cause->whose, situation->whose) &&
		    contains(cause->kinds, situation->kind) &&
		    contains(cause->states, situation->state))
			return &cause->reason;
	return NULL;
}

/* Those that demand peer-to-peer, in Linux 7.3. */
static const char *const peers[] = { "vfio_pci_core", "ib_uverbs", NULL };

enum whose whose_name(const char *name)
{
	const char *const *peer;

	if (!name)
		return WHOSE_NOBODYS;
	if (!strcmp(name, DMABUF_REVOKE_EXP_NAME) ||
	    !strcmp(name, DMABUF_REVOKE_EXP_NAME_QUARANTINE))
		return WHOSE_OURS;
	for (peer = peers; *peer; peer++)
		if (!strcmp(name, *peer))
			return WHOSE_PEERS;
	return WHOSE_OTHERS;
}
