/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Frozen: the header of 29 November 2026 (commit 1fc4335), which says 0.2.0, and ABI version 2.
 * tests/host/documents/test_layout.py holds the present header against this one. It is never
 * edited; a later one to be kept gets a name of its own.
 */
/*
 * dmabuf-revoke: a revocable dma-buf exporter and a test importer.
 *
 * The one interface between the two kernel modules and user space.
 *
 * Conventions, for every ioctl of this file:
 *
 * - The argument is a pointer to the named structure. Its first member, @size,
 *   is set by the caller to sizeof() of the structure it was compiled with. A
 *   kernel that knows a longer structure takes the missing members as zero; a
 *   kernel that knows a shorter one accepts the call if the rest is zero.
 * - Members are marked [in], [out] or [in,out]. Reserved members are zero.
 *   After an error the [out] members mean nothing, unless said otherwise below.
 * - Times are nanoseconds of CLOCK_MONOTONIC as the caller reads it, in its time
 *   namespace. A deadline is absolute: 0 does not wait, DMABUF_REVOKE_FOREVER waits
 *   without end. A call that was interrupted by a signal and is restarted therefore
 *   does not wait longer.
 * - Lengths and offsets are bytes.
 * - The layout is the same for 32-bit and 64-bit programs, without holes.
 *
 * Errors that every ioctl can return, and which are not repeated below:
 *
 *   EFAULT  The structure, or memory that it points to, cannot be read or
 *           written. Nothing was created.
 *   EINVAL  @size is smaller than the first published version of the structure;
 *           an unknown flag is set; a reserved member is not zero.
 *   E2BIG   @size is larger than this kernel's structure and a member that this
 *           kernel does not know is not zero; or it is larger than a page.
 *   ENOMEM  The kernel is out of memory, or the memory control group is full. What
 *           these modules allocate calls no OOM killer. What the kernel's core
 *           allocates on their behalf may (the file, dentry and inode of a dma-buf,
 *           page tables of CPU mappings).
 *   ENOTTY  The file does not know this ioctl (wrong file, or older module).
 */
#ifndef _UAPI_DMABUF_REVOKE_H
#define _UAPI_DMABUF_REVOKE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What INFO of either device reports; rises when an existing meaning changes. */
#define DMABUF_REVOKE_ABI_VERSION	2

#define DMABUF_REVOKE_EXPORTER_PATH	"/dev/dmabuf-revoke/exporter"
#define DMABUF_REVOKE_IMPORTER_PATH	"/dev/dmabuf-revoke/importer"

/* What the exporter's dma-bufs are called, as exp_name in fdinfo; the second one with
 * ALLOC_QUARANTINE.
 */
#define DMABUF_REVOKE_EXP_NAME			"dmabuf_revoke_exporter"
#define DMABUF_REVOKE_EXP_NAME_QUARANTINE	"dmabuf_revoke_exporter-quarantine"

/* Deadline: wait without end. */
#define DMABUF_REVOKE_FOREVER		(~(__u64)0)

/*
 * ioctl type. Linux up to 6.12 lists 0x00 to 0x0f of it for mwave, a modem of 1999; each
 * number is asked of one of the files below, so that the two do not meet.
 */
#define DMABUF_REVOKE_IOC_TYPE		0xDB

/* ---------------------------------------------------------------------------
 * The exporter: ioctls on /dev/dmabuf-revoke/exporter
 *
 * An open file of this device owns the buffers that it allocated; closing it
 * revokes them all. "Owner" below is a caller that uses that very file, or any
 * with CAP_SYS_ADMIN in the initial user namespace. Holding a buffer's dma-buf
 * file descriptor does not make an owner.
 */

/**
 * enum dmabuf_revoke_state - where a buffer is in its life
 * @DMABUF_REVOKE_STATE_LIVE: importers may attach, map and do DMA.
 * @DMABUF_REVOKE_STATE_REVOKING: importers have been told; something still
 *	uses the memory (a blocker). Nobody new is let in.
 * @DMABUF_REVOKE_STATE_REVOKED: nothing uses the memory any more, nothing will;
 *	it has been given back to the system.
 * @DMABUF_REVOKE_STATE_SUSPENDING: as REVOKING, but RESTORE brings it back.
 * @DMABUF_REVOKE_STATE_SUSPENDED: nothing uses the memory until RESTORE.
 */
enum dmabuf_revoke_state {
	DMABUF_REVOKE_STATE_LIVE	= 0,
	DMABUF_REVOKE_STATE_REVOKING	= 1,
	DMABUF_REVOKE_STATE_REVOKED	= 2,
	DMABUF_REVOKE_STATE_SUSPENDING	= 3,
	DMABUF_REVOKE_STATE_SUSPENDED	= 4,
};

/**
 * struct dmabuf_revoke_exporter_info - DMABUF_REVOKE_IOC_EXPORTER_INFO
 * @size: [in] sizeof(struct dmabuf_revoke_exporter_info)
 * @flags: [in] none defined; zero
 * @abi_version: [out] DMABUF_REVOKE_ABI_VERSION of the module
 * @page_size: [out] bytes; lengths are rounded up to it
 * @buffers: [out] buffers in the system that have not been released, those
 *	included that are revoked but still referred to
 * @bytes: [out] memory backing them
 * @limit_bytes: [out] ALLOC fails beyond this sum (module parameter limit_mb), and, for a
 *	caller without CAP_SYS_RESOURCE in the initial user namespace, where his own
 *	memory would be more than half of it: what was allocated, or moved to, under his
 *	effective user id, by whatever file or process
 * @features: [out] DMABUF_REVOKE_FEATURE_* of this kernel
 *
 * Errors: none of its own.
 */
struct dmabuf_revoke_exporter_info {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 page_size;
	__u64 buffers;
	__u64 bytes;
	__u64 limit_bytes;
	__u64 features;
};

/*
 * What the kernel that the modules were built for can do. Both INFO ioctls report the
 * same. Linux 7.3 has all of them.
 */
/*
 * The dma-buf core says which importers can be revoked (since Linux 7.1). Without it
 * the exporter asks for a callback, and takes one whose name contains
 * "_unsupported_move_notify" for none: RDMA has such a one for importers that cannot
 * be told, and so has KIND_LEGACY_RDMA.
 */
#define DMABUF_REVOKE_FEATURE_REVOCABLE_TEST	(1ULL << 0)
/*
 * A static importer's mapping is made when it maps, and ends when it unmaps. Without
 * it the core pins and maps when the importer attaches, which fails with ENODEV if
 * the buffer is suspended; hands out that table for each map, also after a revoke;
 * and unmaps and unpins when it detaches. So such an importer, once it was accepted,
 * holds up every revoke and every move until it detaches. It still reaches no memory
 * but the buffer's own, which is kept for it.
 */
#define DMABUF_REVOKE_FEATURE_STATIC_MAP	(1ULL << 1)
/*
 * A dynamic importer can map without a pin. Without it (CONFIG_DMABUF_MOVE_NOTIFY is
 * off) the core pins for each map and unpins for each unmap: MOVE fails with EBUSY
 * while anybody has the buffer mapped, and @pins counts these pins, too. Revoke and
 * suspend are not affected.
 */
#define DMABUF_REVOKE_FEATURE_MAP_UNPINNED	(1ULL << 2)
/*
 * A fence that has signalled leads nowhere. Without it a fence keeps the module that
 * issued it until nobody refers to the fence any more: a sync_file, or a dma-buf that
 * it was put on, keeps the module from being removed.
 */
#define DMABUF_REVOKE_FEATURE_FENCE_ALONE	(1ULL << 3)

#define DMABUF_REVOKE_IOC_EXPORTER_INFO	_IO(DMABUF_REVOKE_IOC_TYPE, 0x00)

/*
 * ALLOC: let importers in that cannot be revoked. Such an importer holds up a
 * revoke until it unmaps of its own accord. Without this flag it is refused with
 * EOPNOTSUPP when it attaches or pins.
 */
#define DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY	(1U << 0)
/*
 * ALLOC: after a revoke CPU mappings see a zeroed page, which is shared by all
 * mappings of this buffer and by nothing else, and not SIGBUS.
 */
#define DMABUF_REVOKE_ALLOC_ZERO_PAGE		(1U << 1)
/*
 * ALLOC: refuse to be mapped into the kernel's address space (vmap), with EOPNOTSUPP.
 * Nobody asks who vmaps a buffer: an importer that does nothing else need not attach,
 * so ACCEPT_LEGACY says nothing about it (V4L2 drivers with vb2-vmalloc: vivid, USB
 * cameras). A vmap cannot be told, and holds up a revoke until it goes.
 */
#define DMABUF_REVOKE_ALLOC_REFUSE_VMAP		(1U << 3)
/*
 * ALLOC: after a revoke fill the memory with a pattern and keep it, until FREE and
 * until nobody refers to the dma-buf any more. FREE reports every page that was
 * written to meanwhile. That is how a device that goes on writing is caught where
 * there is no IOMMU.
 */
#define DMABUF_REVOKE_ALLOC_QUARANTINE		(1U << 2)

/*
 * ALLOC: bugs of exporters, on purpose; for CAP_SYS_ADMIN in the initial user
 * namespace. None endangers the kernel: memory that anybody may still reach is
 * kept until the last of them has let go, whatever else is skipped.
 */
/* Wait only for fences of usage READ and stronger: BOOKKEEP is overlooked. */
#define DMABUF_REVOKE_FAULT_WEAK_FENCE_WAIT	(1ULL << 0)
/* Do not wait for fences. */
#define DMABUF_REVOKE_FAULT_NO_FENCE_WAIT	(1ULL << 1)
/* Do not wait for mappings to be unmapped. */
#define DMABUF_REVOKE_FAULT_NO_UNMAP_WAIT	(1ULL << 2)
/* Do not tell importers. */
#define DMABUF_REVOKE_FAULT_NO_TELL		(1ULL << 3)
/* Tell importers twice. */
#define DMABUF_REVOKE_FAULT_TELL_TWICE		(1ULL << 4)
/* Leave CPU mappings alone, and serve their faults. */
#define DMABUF_REVOKE_FAULT_NO_ZAP		(1ULL << 5)
/* Let importers map and CPUs access a buffer that is revoked. */
#define DMABUF_REVOKE_FAULT_LATE_MAP		(1ULL << 6)
/* Hold the resv lock for 100 ms after telling. */
#define DMABUF_REVOKE_FAULT_HOLD_LOCK		(1ULL << 7)
/* Block 100 ms in map, with the resv lock held. */
#define DMABUF_REVOKE_FAULT_SLOW_MAP		(1ULL << 8)
/* pin fails with ENOMEM. */
#define DMABUF_REVOKE_FAULT_FAIL_PIN		(1ULL << 9)
/* map fails with ENOMEM (after the pin, with importers that pin). */
#define DMABUF_REVOKE_FAULT_FAIL_MAP		(1ULL << 10)
/* MOVE does not copy the contents. */
#define DMABUF_REVOKE_FAULT_MOVE_NO_COPY	(1ULL << 11)
/* Move pinned buffers too. */
#define DMABUF_REVOKE_FAULT_MOVE_PINNED		(1ULL << 12)
/* Accept importers that cannot be revoked without having been told to. */
#define DMABUF_REVOKE_FAULT_NO_LEGACY_TEST	(1ULL << 13)
/* Do not give the memory back before the last descriptor is closed. */
#define DMABUF_REVOKE_FAULT_KEEP_MEMORY		(1ULL << 14)
/* Ignore what the importer's device takes as one segment. */
#define DMABUF_REVOKE_FAULT_BIG_SEGMENTS	(1ULL << 15)
/* An attachment has one mapping at a time: a second map fails with EBUSY. */
#define DMABUF_REVOKE_FAULT_ONE_MAP		(1ULL << 16)
/* Synchronise for the CPU first and leave the wait for the fences to the core. */
#define DMABUF_REVOKE_FAULT_SYNC_EARLY		(1ULL << 17)
/* Let devices attach that can never map. */
#define DMABUF_REVOKE_FAULT_LATE_REFUSAL	(1ULL << 18)

/**
 * struct dmabuf_revoke_alloc - DMABUF_REVOKE_IOC_ALLOC: a new revocable buffer
 * @size: [in] sizeof(struct dmabuf_revoke_alloc)
 * @flags: [in] DMABUF_REVOKE_ALLOC_*
 * @length: [in,out] 1 or more; out: rounded up to @page_size of EXPORTER_INFO
 * @id: [out] names the buffer in every file of this device; 1 or more, and
 *	never used again while the module is loaded
 * @fd: [out] a dma-buf file descriptor
 * @fd_flags: [in] O_RDONLY or O_RDWR, and O_CLOEXEC; O_RDWR is needed to mmap
 *	for writing. It binds CPU mappings only: a device may write to whatever it
 *	can import, O_RDONLY or not
 * @faults: [in] DMABUF_REVOKE_FAULT_*
 *
 * The memory is zeroed and charged to the caller's memory control group. It
 * comes without the help of the OOM killer.
 *
 * Errors:
 *   EINVAL	@length is 0; @fd_flags has other bits
 *   EOVERFLOW	@length cannot be rounded up to a page, or is beyond what
 *		the kernel can address
 *   ENOMEM	not enough memory, or @limit_bytes of EXPORTER_INFO would be exceeded, or the
 *		caller's half of it
 *   EMFILE, ENFILE	no file descriptor left in the process, the system
 *   EINTR	a fatal signal ended the allocation
 *   EPERM	@faults without CAP_SYS_ADMIN
 */
struct dmabuf_revoke_alloc {
	__u32 size;
	__u32 flags;
	__u64 length;
	__u64 id;
	__s32 fd;
	__u32 fd_flags;
	__u64 faults;
};

#define DMABUF_REVOKE_IOC_ALLOC		_IO(DMABUF_REVOKE_IOC_TYPE, 0x01)

/**
 * struct dmabuf_revoke_phases - what a revoke spent its time on
 * @began_ns: CLOCK_MONOTONIC at which importers began to be told; 0: never
 * @tell_ns: duration of telling every revocable importer
 * @zap_ns: duration of taking down CPU mappings
 * @fences_ns: from then until every fence of the buffer had signalled
 * @unmaps_ns: from then until the last mapping was unmapped, the last vmap gone
 * @give_back_ns: from then until the memory was given back, or with QUARANTINE
 *	filled; 0 for a suspension
 *
 * The phases follow each other in this order. One that has not ended counts up
 * to now, one that has not begun is 0.
 */
struct dmabuf_revoke_phases {
	__u64 began_ns;
	__u64 tell_ns;
	__u64 zap_ns;
	__u64 fences_ns;
	__u64 unmaps_ns;
	__u64 give_back_ns;
};

/**
 * struct dmabuf_revoke_pending - what a revoke still waits for
 * @fences: fences of the buffer that have not signalled
 * @maps: mappings; an attachment may hold several
 * @legacy_maps: those of @maps whose importer cannot be told
 * @vmaps: 1 if the kernel has the buffer in its address space (vmap)
 * @pins: pins that attachments hold; they do not delay a revoke
 * @reserved: zero
 */
struct dmabuf_revoke_pending {
	__u32 fences;
	__u32 maps;
	__u32 legacy_maps;
	__u32 vmaps;
	__u32 pins;
	__u32 reserved;
};

/*
 * REVOKE: suspend the buffer: the same, but RESTORE brings it back, with its
 * contents. Until then pin, map and vmap fail with ENODEV, CPU mappings fault with
 * SIGBUS, and DMA_BUF_IOCTL_SYNC waits until the buffer is live or revoked (EINTR
 * after a signal); not while a vmap is left, whose user may want to come to an end. Not
 * EAGAIN: who is told that tries again at once, and for as long as the suspension lasts.
 */
#define DMABUF_REVOKE_REVOKE_SUSPEND	(1U << 0)

/**
 * struct dmabuf_revoke_revoke - DMABUF_REVOKE_IOC_REVOKE: take a buffer back
 * @size: [in] sizeof(struct dmabuf_revoke_revoke)
 * @flags: [in] DMABUF_REVOKE_REVOKE_SUSPEND or 0
 * @id: [in] the buffer
 * @deadline_ns: [in] how long to wait for the blockers
 * @state: [out] enum dmabuf_revoke_state: REVOKED or SUSPENDED, with ETIMEDOUT
 *	REVOKING or SUSPENDING; after a SUSPEND also LIVE, if a RESTORE came after it
 * @already: [out] 1 if that was so before this call, completely; a call that is
 *	restarted after a signal counts anew
 * @phases: [out] time spent since the revoke began, whoever began it
 * @pending: [out] what was still in use when the call returned
 *
 * Tells every revocable importer, takes down CPU mappings, then waits until
 * every fence has signalled and every mapping is unmapped. From the first moment
 * on attach, pin, map, mmap and CPU access fail with ENODEV, and CPU mappings
 * fault with SIGBUS. There is no way back. A call that gave up early leaves the
 * revoke going on; calling again resumes the wait.
 *
 * Errors:
 *   ENOENT	no buffer has this id
 *   EPERM	the caller does not own the buffer
 *   ENODEV	SUSPEND, and the buffer is revoked or being revoked
 *   ETIMEDOUT	blockers were left at the deadline; the [out] members are valid
 *   EINTR	a signal arrived and the call was not restarted; the revoke goes on
 *   EFAULT	as above, but the revoke has begun if the structure could be read
 */
struct dmabuf_revoke_revoke {
	__u32 size;
	__u32 flags;
	__u64 id;
	__u64 deadline_ns;
	__u32 state;
	__u32 already;
	struct dmabuf_revoke_phases phases;
	struct dmabuf_revoke_pending pending;
};

#define DMABUF_REVOKE_IOC_REVOKE	_IO(DMABUF_REVOKE_IOC_TYPE, 0x02)

/* QUERY: name the buffer by @fd, not by @id. */
#define DMABUF_REVOKE_QUERY_BY_FD	(1U << 0)

/**
 * struct dmabuf_revoke_query - DMABUF_REVOKE_IOC_QUERY: all about one buffer
 * @size: [in] sizeof(struct dmabuf_revoke_query)
 * @flags: [in] DMABUF_REVOKE_QUERY_BY_FD or 0
 * @id: [in,out] the buffer; zero with QUERY_BY_FD
 * @fd: [in] with QUERY_BY_FD, a dma-buf descriptor of the buffer; else zero
 * @state: [out] enum dmabuf_revoke_state
 * @length: [out] bytes
 * @alloc_flags: [out] DMABUF_REVOKE_ALLOC_* it was made with
 * @orphaned: [out] 1 if the owner's file is closed, or has given up the id
 * @attachments: [out] importers attached
 * @legacy_attachments: [out] those of them that cannot be revoked
 * @phases: [out] as of REVOKE
 * @pending: [out] as of REVOKE; for a live buffer: what is in use
 * @faults: [out] DMABUF_REVOKE_FAULT_* it was made with
 * @moves: [out] times it was moved
 *
 * By id it needs the owner; by descriptor whoever holds one may ask.
 *
 * Errors:
 *   ENOENT	no buffer has this id
 *   EPERM	the caller does not own the buffer named by @id
 *   EBADF	@fd is not an open file descriptor
 *   EINVAL	@fd is not a dma-buf, or not one of this exporter
 *   EINTR	a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_query {
	__u32 size;
	__u32 flags;
	__u64 id;
	__s32 fd;
	__u32 state;
	__u64 length;
	__u32 alloc_flags;
	__u32 orphaned;
	__u32 attachments;
	__u32 legacy_attachments;
	struct dmabuf_revoke_phases phases;
	struct dmabuf_revoke_pending pending;
	__u64 faults;
	__u64 moves;
};

#define DMABUF_REVOKE_IOC_QUERY		_IO(DMABUF_REVOKE_IOC_TYPE, 0x03)

/**
 * struct dmabuf_revoke_list - DMABUF_REVOKE_IOC_LIST: the buffers one may name
 * @size: [in] sizeof(struct dmabuf_revoke_list)
 * @flags: [in] none defined; zero
 * @ids: [in] address of an array of __u64 that receives the ids, ascending
 * @capacity: [in] elements that it holds; 0 to be told @count only
 * @count: [out] buffers there are; those beyond @capacity are not written
 *
 * Those that are allocated or freed meanwhile may be missing. The caller sees the
 * buffers of its own file; with CAP_SYS_ADMIN in the initial user namespace all
 * buffers, orphaned ones included.
 *
 * Errors:
 *   EINTR	a fatal signal ended the call
 */
struct dmabuf_revoke_list {
	__u32 size;
	__u32 flags;
	__u64 ids;
	__u32 capacity;
	__u32 count;
};

#define DMABUF_REVOKE_IOC_LIST		_IO(DMABUF_REVOKE_IOC_TYPE, 0x04)

/**
 * struct dmabuf_revoke_restore - DMABUF_REVOKE_IOC_RESTORE: end a suspension
 * @size: [in] sizeof(struct dmabuf_revoke_restore)
 * @flags: [in] none defined; zero
 * @id: [in] the buffer
 * @deadline_ns: [in] how long to wait for the suspension to be complete, and for
 *	the fences that it left behind
 *
 * Restoring a live buffer does nothing.
 *
 * Errors:
 *   ENOENT	no buffer has this id
 *   EPERM	the caller does not own the buffer
 *   ENODEV	the buffer is revoked or being revoked
 *   ETIMEDOUT	blockers were left at the deadline; it stays suspended
 *   EINTR	a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_restore {
	__u32 size;
	__u32 flags;
	__u64 id;
	__u64 deadline_ns;
};

#define DMABUF_REVOKE_IOC_RESTORE	_IO(DMABUF_REVOKE_IOC_TYPE, 0x05)

/**
 * struct dmabuf_revoke_move - DMABUF_REVOKE_IOC_MOVE: replace the memory
 * @size: [in] sizeof(struct dmabuf_revoke_move)
 * @flags: [in] none defined; zero
 * @id: [in] the buffer
 * @deadline_ns: [in] how long to wait for the contents to be copied
 * @moves: [in,out] 0: move the buffer; out, before the wait: the number of this move,
 *	which is @moves of QUERY after it. Else: move nothing, wait for that move. So a
 *	call that gave up, or was restarted after a signal, does not move it twice
 *
 * The new memory is charged to the caller and to his memory control group, as that of
 * ALLOC is: not to whoever allocated the buffer.
 *
 * Tells every importer and takes down CPU mappings. Who maps from then on gets the
 * new memory; a fence of usage KERNEL signals when the contents have been copied
 * there, after all fences that were on the buffer. The old memory is given back
 * when the last mapping of it is unmapped. Nobody is refused meanwhile.
 *
 * Errors:
 *   ENOENT	no buffer has this id
 *   EPERM	the caller does not own the buffer
 *   EBUSY	the buffer is pinned, has a vmap, is suspended, or is being moved
 *   EINVAL	@moves names a move that has not been
 *   EOPNOTSUPP	it was made with ALLOC_QUARANTINE
 *   ENODEV	@moves is 0, and the buffer is revoked or being revoked
 *   ENOMEM	not enough memory for both copies, or beyond @limit_bytes of EXPORTER_INFO, or
 *		the caller's half of it
 *   ETIMEDOUT	not copied yet at the deadline; the move goes on, @moves is valid
 *   EINTR	a signal arrived and the call was not restarted: the move goes on, or,
 *		if @moves is still 0, has not begun. Without @moves (an older structure)
 *		it is not restarted: being stopped, frozen or traced ends the wait, too
 */
struct dmabuf_revoke_move {
	__u32 size;
	__u32 flags;
	__u64 id;
	__u64 deadline_ns;
	__u64 moves;
};

#define DMABUF_REVOKE_IOC_MOVE		_IO(DMABUF_REVOKE_IOC_TYPE, 0x06)

/**
 * struct dmabuf_revoke_free - DMABUF_REVOKE_IOC_FREE: give up the id
 * @size: [in] sizeof(struct dmabuf_revoke_free)
 * @flags: [in] none defined; zero
 * @id: [in] the buffer
 * @offsets: [in] QUARANTINE: address of an array of __u64 that receives the
 *	offsets, in bytes, of pages that were written to after the revoke; else 0
 * @capacity: [in] elements that it holds
 * @changed: [out] such pages; those beyond @capacity are not written
 * @checked: [out] 1 if the buffer was a quarantined one that had been revoked
 *	completely, so that @changed means something
 * @reserved: [in] zero
 *
 * Revokes the buffer without waiting. As if the owner's file were closed, but for
 * this buffer alone.
 *
 * Errors:
 *   ENOENT	no buffer has this id
 *   EPERM	the caller does not own the buffer
 *   EINTR	a signal arrived and the call was not restarted; nothing was done
 */
struct dmabuf_revoke_free {
	__u32 size;
	__u32 flags;
	__u64 id;
	__u64 offsets;
	__u32 capacity;
	__u32 changed;
	__u32 checked;
	__u32 reserved;
};

#define DMABUF_REVOKE_IOC_FREE		_IO(DMABUF_REVOKE_IOC_TYPE, 0x07)

/**
 * struct dmabuf_revoke_export - DMABUF_REVOKE_IOC_EXPORT: one more descriptor
 * @size: [in] sizeof(struct dmabuf_revoke_export)
 * @flags: [in] none defined; zero
 * @id: [in] the buffer, in any state
 * @fd: [out] a dma-buf file descriptor, of the access mode chosen at ALLOC
 * @fd_flags: [in] O_CLOEXEC or 0
 *
 * Errors:
 *   EINVAL	@fd_flags has other bits
 *   ENOENT	no buffer has this id
 *   EPERM	the caller does not own the buffer
 *   EMFILE, ENFILE	no file descriptor left in the process, the system
 */
struct dmabuf_revoke_export {
	__u32 size;
	__u32 flags;
	__u64 id;
	__s32 fd;
	__u32 fd_flags;
};

#define DMABUF_REVOKE_IOC_EXPORT	_IO(DMABUF_REVOKE_IOC_TYPE, 0x08)

/**
 * enum dmabuf_revoke_blocker_type - what holds up a revoke
 * @DMABUF_REVOKE_BLOCKER_FENCE: a fence that has not signalled
 * @DMABUF_REVOKE_BLOCKER_MAP: an attachment that is mapped
 * @DMABUF_REVOKE_BLOCKER_VMAP: a mapping into the kernel's address space
 */
enum dmabuf_revoke_blocker_type {
	DMABUF_REVOKE_BLOCKER_FENCE	= 1,
	DMABUF_REVOKE_BLOCKER_MAP	= 2,
	DMABUF_REVOKE_BLOCKER_VMAP	= 3,
};

#define DMABUF_REVOKE_NAME_LEN	48

/**
 * struct dmabuf_revoke_blocker - one thing that uses a buffer
 * @type: enum dmabuf_revoke_blocker_type
 * @legacy: MAP: 1 if the importer cannot be told; VMAP: 1, since none can
 * @pins: MAP: pins that the attachment holds
 * @usage: FENCE: enum dma_resv_usage: 0 KERNEL, 1 WRITE, 2 READ, 3 BOOKKEEP
 * @since_ns: MAP, VMAP: CLOCK_MONOTONIC of the mapping; FENCE: 0, nobody knows
 * @context: FENCE: its context
 * @seqno: FENCE: its sequence number
 * @name: MAP: the device, or "(detached)" of one that has left its mapping behind; FENCE:
 *	the driver's name, empty if it has just signalled; VMAP: empty
 * @timeline: FENCE: the timeline's name, likewise; else empty
 *
 * Names are terminated by a zero, cut off where they are longer.
 */
struct dmabuf_revoke_blocker {
	__u32 type;
	__u32 legacy;
	__u32 pins;
	__u32 usage;
	__u64 since_ns;
	__u64 context;
	__u64 seqno;
	char name[DMABUF_REVOKE_NAME_LEN];
	char timeline[DMABUF_REVOKE_NAME_LEN];
};

/**
 * struct dmabuf_revoke_blockers - DMABUF_REVOKE_IOC_BLOCKERS: what holds it up
 * @size: [in] sizeof(struct dmabuf_revoke_blockers)
 * @flags: [in] none defined; zero
 * @id: [in] the buffer, in any state
 * @blockers: [in] address of an array of struct dmabuf_revoke_blocker
 * @capacity: [in] elements that it holds; 0 to be told @count only
 * @count: [out] blockers there are; those beyond @capacity are not written
 *
 * Errors:
 *   ENOENT	no buffer has this id
 *   EPERM	the caller does not own the buffer
 *   EINTR	a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_blockers {
	__u32 size;
	__u32 flags;
	__u64 id;
	__u64 blockers;
	__u32 capacity;
	__u32 count;
};

#define DMABUF_REVOKE_IOC_BLOCKERS	_IO(DMABUF_REVOKE_IOC_TYPE, 0x09)

/* ---------------------------------------------------------------------------
 * The importer: ioctls on /dev/dmabuf-revoke/importer
 */

/**
 * struct dmabuf_revoke_importer_info - DMABUF_REVOKE_IOC_IMPORTER_INFO
 * @size: [in] sizeof(struct dmabuf_revoke_importer_info)
 * @flags: [in] none defined; zero
 * @abi_version: [out] DMABUF_REVOKE_ABI_VERSION of the module
 * @max_jobs: [out] jobs an attachment keeps until WAIT collects them
 * @attachments: [out] attachments in the system
 * @jobs: [out] their jobs that have not ended
 * @features: [out] DMABUF_REVOKE_FEATURE_* of this kernel
 *
 * Errors: none of its own.
 */
struct dmabuf_revoke_importer_info {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 max_jobs;
	__u64 attachments;
	__u64 jobs;
	__u64 features;
};

#define DMABUF_REVOKE_IOC_IMPORTER_INFO	_IO(DMABUF_REVOKE_IOC_TYPE, 0x40)

/**
 * enum dmabuf_revoke_kind - the ways in which drivers attach to a dma-buf
 * @DMABUF_REVOKE_KIND_DYNAMIC: dynamic attach with a callback, never pins;
 *	told of an invalidation it unmaps, and maps anew before its next DMA.
 * @DMABUF_REVOKE_KIND_PINNED: the same, but pins when it attaches; an
 *	invalidation is the end: it unmaps, unpins and fails ever after (RDMA
 *	memory regions that can be revoked, iommufd).
 * @DMABUF_REVOKE_KIND_LEGACY_STATIC: dma_buf_attach(), no callback.
 * @DMABUF_REVOKE_KIND_LEGACY_RDMA: dynamic attach that pins and has no callback
 *	(on kernels that insist on one: an empty one).
 */
enum dmabuf_revoke_kind {
	DMABUF_REVOKE_KIND_DYNAMIC		= 0,
	DMABUF_REVOKE_KIND_PINNED		= 1,
	DMABUF_REVOKE_KIND_LEGACY_STATIC	= 2,
	DMABUF_REVOKE_KIND_LEGACY_RDMA		= 3,
};

/*
 * ATTACH: after an invalidation unmap from a worker, once the running job's
 * fence has signalled. Without it the callback stops the device, cuts the running
 * job short and unmaps before it returns. Not for the legacy kinds.
 */
#define DMABUF_REVOKE_ATTACH_DEFER_UNMAP	(1U << 0)

/*
 * ATTACH: bugs of importers, on purpose. All off by default. None outlives the
 * attachment's file. Those marked (own) are refused with EOPNOTSUPP unless the
 * dma-buf is one of this project's exporter, which can stand them.
 */
/* The callback does nothing at all: mapping and DMA go on (of the dynamic kind: own). */
#define DMABUF_REVOKE_MISBEHAVE_IGNORE		(1ULL << 0)
/* Stops the DMA, but never unmaps. */
#define DMABUF_REVOKE_MISBEHAVE_NO_UNMAP	(1ULL << 1)
/* Unmaps @delay_ns after the last fence; implies ATTACH_DEFER_UNMAP. */
#define DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP	(1ULL << 2)
/* Takes @delay_ns in the callback, or until the file is closed, with the resv lock held. */
#define DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK	(1ULL << 3)
/* Each fence signals @delay_ns after its job has ended. */
#define DMABUF_REVOKE_MISBEHAVE_LATE_FENCE	(1ULL << 4)
/* Fences do not signal before the file is closed. */
#define DMABUF_REVOKE_MISBEHAVE_STUCK_FENCE	(1ULL << 5)
/* Fences signal with EIO. */
#define DMABUF_REVOKE_MISBEHAVE_FENCE_ERROR	(1ULL << 6)
/* After the callback adds a fence, which signals @delay_ns later. */
#define DMABUF_REVOKE_MISBEHAVE_FENCE_AFTER	(1ULL << 7)
/* After the callback starts jobs that were waiting, on the old mapping. */
#define DMABUF_REVOKE_MISBEHAVE_NEW_DMA		(1ULL << 8)
/*
 * Maps again in the callback, right after it unmapped (of the dynamic kind, or with REVIVE:
 * own).
 */
#define DMABUF_REVOKE_MISBEHAVE_REMAP		(1ULL << 9)
/*
 * Goes on writing after the unmap (own; only buffers with ALLOC_QUARANTINE). Where the
 * mapping's address is not that of the memory itself, nothing is written.
 */
#define DMABUF_REVOKE_MISBEHAVE_DMA_AFTER_UNMAP	(1ULL << 10)
/* Pinned kind: does not unpin when invalidated, but only when closed. */
#define DMABUF_REVOKE_MISBEHAVE_KEEP_PIN	(1ULL << 11)
/* Pinned kind: forgets that it was invalidated, and maps again. */
#define DMABUF_REVOKE_MISBEHAVE_REVIVE		(1ULL << 12)
/* Unpins once too often, or without having pinned (own). */
#define DMABUF_REVOKE_MISBEHAVE_DOUBLE_UNPIN	(1ULL << 13)

/**
 * struct dmabuf_revoke_attach - DMABUF_REVOKE_IOC_ATTACH: attach to a dma-buf
 * @size: [in] sizeof(struct dmabuf_revoke_attach)
 * @flags: [in] DMABUF_REVOKE_ATTACH_*
 * @dmabuf_fd: [in] the dma-buf. Its exporter decides whether to let a device in that
 *	does not ask for peer-to-peer DMA
 * @kind: [in] enum dmabuf_revoke_kind
 * @fd: [out] a new file descriptor that is the attachment; see below
 * @fd_flags: [in] O_CLOEXEC, O_NONBLOCK (for read) or both
 * @length: [out] of the dma-buf
 * @misbehave: [in] DMABUF_REVOKE_MISBEHAVE_*
 * @delay_ns: [in] for those that take time, at most 3600 * 10^9; else zero. LATE_UNMAP and
 *	FENCE_AFTER count it in whole jiffies
 *
 * Errors:
 *   EBADF	@dmabuf_fd is not an open file descriptor
 *   EINVAL	@dmabuf_fd is not a dma-buf; @kind is unknown;
 *		ATTACH_DEFER_UNMAP with a legacy kind; @fd_flags has other bits;
 *		@misbehave does not go with @kind; @delay_ns too long, or set
 *		without need
 *   EOPNOTSUPP	@misbehave asks for what this dma-buf's exporter may not stand
 *   EMFILE, ENFILE	no file descriptor left in the process, the system
 *   and whatever the exporter's attach or pin returns. The exporter of this
 *   project:
 *   EOPNOTSUPP	a legacy kind, and the buffer does not accept it
 *   ENODEV	the buffer has been revoked
 *   ENODEV	it is suspended, and the kind pins
 *   EIO	the device has no DMA mask, so it could never map
 *   EINTR	a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_attach {
	__u32 size;
	__u32 flags;
	__s32 dmabuf_fd;
	__u32 kind;
	__s32 fd;
	__u32 fd_flags;
	__u64 length;
	__u64 misbehave;
	__u64 delay_ns;
};

#define DMABUF_REVOKE_IOC_ATTACH	_IO(DMABUF_REVOKE_IOC_TYPE, 0x41)

/* ---------------------------------------------------------------------------
 * An attachment: the file that ATTACH returns
 *
 * The "device" is a software engine that works in the background, on the DMA
 * addresses of the mapping, one job after the other. Each job has a dma_fence on
 * the buffer's dma_resv. Closing the last descriptor cancels the jobs, unmaps,
 * unpins and detaches.
 *
 * read() returns whole struct dmabuf_revoke_event; it blocks while there is none
 * (EAGAIN with O_NONBLOCK, EINTR after a signal) and fails with EINVAL if not even
 * one fits. poll() reports POLLIN while there is one.
 */

/**
 * enum dmabuf_revoke_direction - who writes; as the kernel's dma_data_direction
 * @DMABUF_REVOKE_BIDIRECTIONAL: both
 * @DMABUF_REVOKE_TO_DEVICE: the device only reads the memory
 * @DMABUF_REVOKE_FROM_DEVICE: the device only writes the memory
 */
enum dmabuf_revoke_direction {
	DMABUF_REVOKE_BIDIRECTIONAL	= 0,
	DMABUF_REVOKE_TO_DEVICE		= 1,
	DMABUF_REVOKE_FROM_DEVICE	= 2,
};

/**
 * struct dmabuf_revoke_map - DMABUF_REVOKE_IOC_MAP: map for the device
 * @size: [in] sizeof(struct dmabuf_revoke_map)
 * @flags: [in] none defined; zero
 * @direction: [in] enum dmabuf_revoke_direction
 * @reserved: [in] zero
 *
 * Errors:
 *   EINVAL	@direction is unknown
 *   EBUSY	mapped already. A mapping that an invalidation has ended does not count:
 *		the new one is made beside it
 *   ENODEV	a pinned attachment that was invalidated
 *   EINTR	a signal arrived and the call was not restarted
 *   EOPNOTSUPP	the exporter gave addresses that are not memory
 *   and whatever the exporter's map returns. The exporter of this project:
 *   ENODEV	the buffer has been revoked, or is suspended
 *   ENOMEM, EIO	what the kernel's DMA API returns where it cannot map, such as for a
 *		device whose DMA is bounced (swiotlb), when there is no room for that
 *   EAGAIN	in the callback of a move, which gives its new memory only when all have
 *		been told
 */
struct dmabuf_revoke_map {
	__u32 size;
	__u32 flags;
	__u32 direction;
	__u32 reserved;
};

#define DMABUF_REVOKE_IOC_MAP		_IO(DMABUF_REVOKE_IOC_TYPE, 0x60)

/**
 * struct dmabuf_revoke_unmap - DMABUF_REVOKE_IOC_UNMAP: give the mapping back
 * @size: [in] sizeof(struct dmabuf_revoke_unmap)
 * @flags: [in] none defined; zero
 *
 * Unmaps the newest mapping, which may be one that an invalidation has ended.
 *
 * Errors:
 *   ENXIO	there is no mapping
 *   EBUSY	jobs use it; wait for them with WAIT first
 *   EINTR	a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_unmap {
	__u32 size;
	__u32 flags;
};

#define DMABUF_REVOKE_IOC_UNMAP		_IO(DMABUF_REVOKE_IOC_TYPE, 0x61)

/**
 * enum dmabuf_revoke_op - what a DMA job does
 * @DMABUF_REVOKE_OP_READ: reads the range; the result is its CRC-32 (the one of
 *	zlib, of Ethernet and of the kernel's crc32_le() inverted before and after)
 * @DMABUF_REVOKE_OP_WRITE: fills the range with @pattern, so that byte i of the
 *	buffer becomes byte i modulo 8 of the pattern, lowest byte first
 * @DMABUF_REVOKE_OP_COPY: copies the range to @dst_offset
 */
enum dmabuf_revoke_op {
	DMABUF_REVOKE_OP_READ	= 0,
	DMABUF_REVOKE_OP_WRITE	= 1,
	DMABUF_REVOKE_OP_COPY	= 2,
};

/* SUBMIT: repeat the job until the mapping is invalidated or the file closed. */
#define DMABUF_REVOKE_SUBMIT_STREAM	(1U << 0)
/* SUBMIT: return the job's fence as a sync_file in @fence_fd. */
#define DMABUF_REVOKE_SUBMIT_FENCE_FD	(1U << 1)
/*
 * SUBMIT: put the fence on the dma_resv with usage BOOKKEEP (no implicit
 * synchronisation), not READ or WRITE; and do not wait for other fences.
 */
#define DMABUF_REVOKE_SUBMIT_BOOKKEEP	(1U << 2)

/**
 * struct dmabuf_revoke_submit - DMABUF_REVOKE_IOC_SUBMIT: start a DMA job
 * @size: [in] sizeof(struct dmabuf_revoke_submit)
 * @flags: [in] DMABUF_REVOKE_SUBMIT_*
 * @op: [in] enum dmabuf_revoke_op
 * @fence_fd: [out] with SUBMIT_FENCE_FD a sync_file descriptor (O_CLOEXEC)
 * @offset: [in] start of the range
 * @length: [in] of the range; 1 or more
 * @dst_offset: [in] COPY: where to; the ranges must not overlap; else zero
 * @pattern: [in] WRITE: what to write; else zero
 * @duration_ns: [in] the job lasts at least so long, at most 3600 * 10^9; for a
 *	stream this holds for each pass
 * @job: [out] number of the job in this attachment, from 1
 *
 * If there is no mapping, or an invalidation has ended it, the buffer is mapped first,
 * in both directions. The job starts when the jobs before it, and the fences that implicit
 * synchronisation names, are done.
 *
 * Errors:
 *   EINVAL	@op is unknown; @length is 0; COPY onto itself; @duration_ns too
 *		long; @dst_offset or @pattern set for another @op
 *   ERANGE	the range, or the one at @dst_offset, ends beyond the buffer
 *   EACCES	the mapping has another direction
 *   EAGAIN	@max_jobs jobs of this attachment wait for WAIT; or so many attachments
 *		have jobs that no thread may be left for this one (511 or more; on a
 *		machine with several NUMA nodes the share of the smallest)
 *   EOPNOTSUPP	SUBMIT_FENCE_FD on a kernel without CONFIG_SYNC_FILE
 *   EMFILE, ENFILE	no file descriptor left in the process, the system
 *   and the errors of MAP, but for EBUSY because there is a mapping.
 */
struct dmabuf_revoke_submit {
	__u32 size;
	__u32 flags;
	__u32 op;
	__s32 fence_fd;
	__u64 offset;
	__u64 length;
	__u64 dst_offset;
	__u64 pattern;
	__u64 duration_ns;
	__u64 job;
};

#define DMABUF_REVOKE_IOC_SUBMIT	_IO(DMABUF_REVOKE_IOC_TYPE, 0x62)

/**
 * struct dmabuf_revoke_wait - DMABUF_REVOKE_IOC_WAIT: collect a job's result
 * @size: [in] sizeof(struct dmabuf_revoke_wait)
 * @flags: [in] none defined; zero
 * @job: [in] its number
 * @deadline_ns: [in] how long to wait
 * @status: [out] 0, or negative: ECANCELED if the job was cut short or never
 *	started; a stream that an invalidation ended did well
 * @crc32: [out] READ: of the last complete pass
 * @passes: [out] complete passes over the range; 1 unless it is a stream
 * @changed: [out] READ: passes whose CRC-32 was not that of the pass before
 * @started_ns: [out] when the device took it up; 0: never
 * @ended_ns: [out] when its fence signalled
 *
 * A result is collected once: the job's number is unknown afterwards.
 *
 * Errors:
 *   ENOENT	no such job, or collected already
 *   ETIMEDOUT	it had not ended at the deadline
 *   EINTR	a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_wait {
	__u32 size;
	__u32 flags;
	__u64 job;
	__u64 deadline_ns;
	__s32 status;
	__u32 crc32;
	__u64 passes;
	__u64 changed;
	__u64 started_ns;
	__u64 ended_ns;
};

#define DMABUF_REVOKE_IOC_WAIT		_IO(DMABUF_REVOKE_IOC_TYPE, 0x63)

/**
 * enum dmabuf_revoke_attachment_state - what an attachment is doing
 * @DMABUF_REVOKE_ATTACHMENT_IDLE: attached, not mapped
 * @DMABUF_REVOKE_ATTACHMENT_MAPPED: mapped
 * @DMABUF_REVOKE_ATTACHMENT_INVALIDATED: told to let go, still mapped, and not mapped
 *	anew
 * @DMABUF_REVOKE_ATTACHMENT_DEAD: a pinned attachment that was invalidated; every
 *	use of it fails with ENODEV
 */
enum dmabuf_revoke_attachment_state {
	DMABUF_REVOKE_ATTACHMENT_IDLE		= 0,
	DMABUF_REVOKE_ATTACHMENT_MAPPED		= 1,
	DMABUF_REVOKE_ATTACHMENT_INVALIDATED	= 2,
	DMABUF_REVOKE_ATTACHMENT_DEAD		= 3,
};

/**
 * struct dmabuf_revoke_status - DMABUF_REVOKE_IOC_STATUS: an attachment's state
 * @size: [in] sizeof(struct dmabuf_revoke_status)
 * @flags: [in] none defined; zero
 * @kind: [out] enum dmabuf_revoke_kind
 * @attach_flags: [out] DMABUF_REVOKE_ATTACH_*
 * @state: [out] enum dmabuf_revoke_attachment_state
 * @pinned: [out] 1 while it holds a pin
 * @length: [out] of the dma-buf
 * @maps: [out] times it was mapped
 * @unmaps: [out] times it was unmapped
 * @invalidations: [out] calls of the callback
 * @jobs_running: [out] jobs that have not ended
 * @jobs_uncollected: [out] jobs that have, and wait for WAIT
 * @direction: [out] enum dmabuf_revoke_direction of the mapping; without: 0
 * @segments: [out] runs of contiguous DMA addresses in the mapping; without: 0
 * @invalidated_ns: [out] when the callback was last called; 0: never
 * @unmapped_ns: [out] when the last unmap took place; 0: never
 * @events_lost: [out] events that found the queue full
 * @misbehave: [out] as of ATTACH
 * @vmapped: [out] 1 while it has a vmap
 * @remap_error: [out] MISBEHAVE_REMAP: what the last attempt returned, 0 or
 *	negative
 * @running: [out] number of the job that the device works on; 0: none
 * @passes: [out] complete passes of that job so far
 *
 * Errors:
 *   EINTR	a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_status {
	__u32 size;
	__u32 flags;
	__u32 kind;
	__u32 attach_flags;
	__u32 state;
	__u32 pinned;
	__u64 length;
	__u64 maps;
	__u64 unmaps;
	__u64 invalidations;
	__u32 jobs_running;
	__u32 jobs_uncollected;
	__u32 direction;
	__u32 segments;
	__u64 invalidated_ns;
	__u64 unmapped_ns;
	__u64 events_lost;
	__u64 misbehave;
	__u32 vmapped;
	__s32 remap_error;
	__u64 running;
	__u64 passes;
};

#define DMABUF_REVOKE_IOC_STATUS	_IO(DMABUF_REVOKE_IOC_TYPE, 0x64)

/**
 * struct dmabuf_revoke_vmap - DMABUF_REVOKE_IOC_VMAP, DMABUF_REVOKE_IOC_VUNMAP
 * @size: [in] sizeof(struct dmabuf_revoke_vmap)
 * @flags: [in] none defined; zero
 * @crc32: [out] VMAP: of the buffer, read through the mapping by the CPU
 * @reserved: [in] zero
 *
 * VMAP maps the buffer into the kernel's address space, and reads it between
 * begin_cpu_access and end_cpu_access, after the fences that a reader has to wait for.
 * Such a mapping cannot be taken back: it holds up a revoke until VUNMAP, or the file is
 * closed. A VMAP that fails leaves none.
 *
 * Errors:
 *   EBUSY	VMAP: there is one already, or one is being made
 *   ENXIO	VUNMAP: there is none
 *   EINTR	a signal arrived and the call was not restarted
 *   and whatever the exporter's vmap and begin_cpu_access return. The exporter of this
 *   project:
 *   ENODEV	the buffer has been revoked, or is suspended
 *   EOPNOTSUPP	it was made with ALLOC_REFUSE_VMAP
 * (the kernel logs a warning, once, when an exporter refuses a vmap).
 */
struct dmabuf_revoke_vmap {
	__u32 size;
	__u32 flags;
	__u32 crc32;
	__u32 reserved;
};

#define DMABUF_REVOKE_IOC_VMAP		_IO(DMABUF_REVOKE_IOC_TYPE, 0x65)
#define DMABUF_REVOKE_IOC_VUNMAP	_IO(DMABUF_REVOKE_IOC_TYPE, 0x66)

/**
 * enum dmabuf_revoke_event_type - what happened to an attachment
 * @DMABUF_REVOKE_EVENT_MAPPED: it was mapped
 * @DMABUF_REVOKE_EVENT_INVALIDATED: its callback was called
 * @DMABUF_REVOKE_EVENT_UNMAPPED: it was unmapped
 * @DMABUF_REVOKE_EVENT_JOB_DONE: a job's fence signalled
 */
enum dmabuf_revoke_event_type {
	DMABUF_REVOKE_EVENT_MAPPED	= 1,
	DMABUF_REVOKE_EVENT_INVALIDATED	= 2,
	DMABUF_REVOKE_EVENT_UNMAPPED	= 3,
	DMABUF_REVOKE_EVENT_JOB_DONE	= 4,
};

/**
 * struct dmabuf_revoke_event - what read() on an attachment returns
 * @time_ns: CLOCK_MONOTONIC
 * @sequence: counts up by one per event, from 0; a gap tells of lost ones
 * @type: enum dmabuf_revoke_event_type
 * @status: JOB_DONE: as of WAIT; else 0
 * @job: JOB_DONE: its number; MAPPED, UNMAPPED: number of the mapping in this
 *	attachment, from 1; INVALIDATED: 0
 *
 * The 64 newest are kept; the oldest is dropped when another one arrives.
 */
struct dmabuf_revoke_event {
	__u64 time_ns;
	__u64 sequence;
	__u32 type;
	__s32 status;
	__u64 job;
};

#endif /* _UAPI_DMABUF_REVOKE_H */
