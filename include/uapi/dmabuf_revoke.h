/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
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
 * @DMABUF_REVOKE_STATE_REVOKING: importers have been invalidated; something still
 *	uses the memory (a blocker). Nobody new is let in.
 * @DMABUF_REVOKE_STATE_REVOKED: nothing uses the memory any more, nothing will;
 *	it has been released to the system.
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
 *	effective user id, by whatever file or process. The same goes, by itself, for what
 *	buffers take besides: a page, and that of ALLOC_ZERO_PAGE, until a buffer is released
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
 * be revoked, and so has KIND_LEGACY_RDMA.
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
 * cameras). A vmap cannot be invalidated, and holds up a revoke until it goes.
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
 * ALLOC: importers get a table that has DMA addresses and lengths, but no struct pages, as
 * those of VFIO and RDMA are.
 */
#define DMABUF_REVOKE_ALLOC_BARE_TABLE		(1U << 4)

/**
 * enum dmabuf_revoke_shape - what a buffer's memory is made of
 * @DMABUF_REVOKE_SHAPE_DEFAULT: as few and as large pieces as the system has at hand.
 * @DMABUF_REVOKE_SHAPE_ONE_CHUNK: one piece. The length is a power of two, and at most what
 *	the page allocator has in one piece: 4 MiB with pages of 4 KiB.
 * @DMABUF_REVOKE_SHAPE_SHUFFLED: single pages in a random order, which is that of
 *	@shape_arg as its seed.
 * @DMABUF_REVOKE_SHAPE_REPEATED: @shape_arg bytes, rounded up to pages, which are there again
 *	and again: for lengths, and tables, beyond the memory that there is. The length is a
 *	multiple of them, and at most 16 GiB. What is written at one offset is seen at others; a
 *	device whose DMA is bounced, so that this would not hold, cannot attach (EIO).
 */
enum dmabuf_revoke_shape {
	DMABUF_REVOKE_SHAPE_DEFAULT	= 0,
	DMABUF_REVOKE_SHAPE_ONE_CHUNK	= 1,
	DMABUF_REVOKE_SHAPE_SHUFFLED	= 2,
	DMABUF_REVOKE_SHAPE_REPEATED	= 3,
};

/*
 * ALLOC: bugs of exporters, on purpose; for CAP_SYS_ADMIN in the initial user
 * namespace. None endangers the kernel: memory that anybody may still reach is
 * kept until the last of them has let go, whatever else is skipped. Those that are called
 * FAIL_, TELL_ (but TELL_TWICE) and HOLD_ (but HOLD_LOCK) may also be set and cleared while
 * the buffer lives, by FAULTS, which can choose another errno than the ENOMEM that is given
 * here.
 */
/* Wait only for fences of usage READ and stronger: BOOKKEEP is overlooked. */
#define DMABUF_REVOKE_FAULT_WEAK_FENCE_WAIT	(1ULL << 0)
/* Do not wait for fences. */
#define DMABUF_REVOKE_FAULT_NO_FENCE_WAIT	(1ULL << 1)
/* Do not wait for mappings to be unmapped. */
#define DMABUF_REVOKE_FAULT_NO_UNMAP_WAIT	(1ULL << 2)
/* Do not invalidate importers. */
#define DMABUF_REVOKE_FAULT_NO_TELL		(1ULL << 3)
/* Invalidate importers twice. */
#define DMABUF_REVOKE_FAULT_TELL_TWICE		(1ULL << 4)
/* Leave CPU mappings alone, and serve their faults. */
#define DMABUF_REVOKE_FAULT_NO_ZAP		(1ULL << 5)
/* Let importers map and CPUs access a buffer that is revoked. */
#define DMABUF_REVOKE_FAULT_LATE_MAP		(1ULL << 6)
/* Hold the resv lock for @delay_ns after invalidating. */
#define DMABUF_REVOKE_FAULT_HOLD_LOCK		(1ULL << 7)
/* Block @delay_ns in map, with the resv lock held. */
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
/* Invalidate importers in each pin, once it counts. */
#define DMABUF_REVOKE_FAULT_TELL_IN_PIN		(1ULL << 19)
/* Invalidate importers in each map, the new mapping included. */
#define DMABUF_REVOKE_FAULT_TELL_IN_MAP		(1ULL << 20)
/* Invalidate importers when a suspension ends, while pin and map still fail. */
#define DMABUF_REVOKE_FAULT_TELL_ON_RESTORE	(1ULL << 21)
/* attach fails with ENOMEM. */
#define DMABUF_REVOKE_FAULT_FAIL_ATTACH		(1ULL << 22)
/* vmap fails with ENOMEM. The dma-buf core warns of that, once per boot. */
#define DMABUF_REVOKE_FAULT_FAIL_VMAP		(1ULL << 23)
/* mmap fails with ENOMEM. */
#define DMABUF_REVOKE_FAULT_FAIL_MMAP		(1ULL << 24)
/* The beginning of access by a CPU (DMA_BUF_IOCTL_SYNC) fails with ENOMEM. */
#define DMABUF_REVOKE_FAULT_FAIL_CPU_ACCESS	(1ULL << 25)
/*
 * Block in map (in invalidating, when all have been), with the resv lock held, until the
 * next FAULTS; until a fatal signal, or the owner's file is closed; no longer than a
 * minute, after which they are cleared. map then goes on, or fails with EINTR after the signal.
 */
#define DMABUF_REVOKE_FAULT_HOLD_IN_MAP		(1ULL << 26)
#define DMABUF_REVOKE_FAULT_HOLD_AFTER_TELL	(1ULL << 27)
/*
 * The exporter has no vmap (no mmap; no pin and unpin) at all. The dma-buf core answers:
 * EINVAL to a vmap and a mmap, success to a pin, which prevents no move then.
 * Without FEATURE_STATIC_MAP the core demands a pin: ALLOC fails with EOPNOTSUPP.
 */
#define DMABUF_REVOKE_FAULT_NO_VMAP_OP		(1ULL << 28)
#define DMABUF_REVOKE_FAULT_NO_MMAP_OP		(1ULL << 29)
#define DMABUF_REVOKE_FAULT_NO_PIN_OP		(1ULL << 30)

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
 * @shape: [in] enum dmabuf_revoke_shape
 * @reserved: [in] zero
 * @shape_arg: [in] SHUFFLED: a seed; REPEATED: bytes of memory; else 0
 * @delay_ns: [in] how long HOLD_LOCK and SLOW_MAP take, at most 10 * 10^9; 0: 100 ms; without
 *	them 0
 *
 * The memory is zeroed and charged to the caller's memory control group; what is
 * REPEATED once. It comes without the help of the OOM killer.
 *
 * Errors:
 *   EINVAL	@length is 0, or not what @shape asks for; @fd_flags has other bits; there is
 *		no such @shape, or it has no @shape_arg, or no such; @delay_ns is larger, or
 *		set without need
 *   EOVERFLOW	@length cannot be rounded up to a page, or is beyond what
 *		the kernel can address; ONE_CHUNK: larger than they come; REPEATED: more
 *		than 16 GiB, or than 1048576 pieces; else more than 134217727 pieces
 *   ENOMEM	not enough memory, or @limit_bytes of EXPORTER_INFO would be exceeded, or the
 *		caller's half of it
 *   EMFILE, ENFILE	no file descriptor left in the process, the system
 *   EINTR	a fatal signal ended the allocation
 *   EPERM	@faults without CAP_SYS_ADMIN
 *   EOPNOTSUPP	@faults has one that this kernel does not stand
 */
struct dmabuf_revoke_alloc {
	__u32 size;
	__u32 flags;
	__u64 length;
	__u64 id;
	__s32 fd;
	__u32 fd_flags;
	__u64 faults;
	__u32 shape;
	__u32 reserved;
	__u64 shape_arg;
	__u64 delay_ns;
};

#define DMABUF_REVOKE_IOC_ALLOC		_IO(DMABUF_REVOKE_IOC_TYPE, 0x01)

/**
 * struct dmabuf_revoke_phases - what a revoke spent its time on
 * @began_ns: CLOCK_MONOTONIC at which importers began to be invalidated; 0: never
 * @tell_ns: duration of invalidating every revocable importer
 * @zap_ns: duration of taking down CPU mappings
 * @fences_ns: from then until every fence of the buffer had signalled
 * @unmaps_ns: from then until the last mapping was unmapped, the last vmap gone
 * @give_back_ns: from then until the memory was released, or with QUARANTINE
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
 * @legacy_maps: those of @maps whose importer is not revocable
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
 * Invalidates every revocable importer, takes down CPU mappings, then waits until
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
 * @faults: [out] DMABUF_REVOKE_FAULT_* that it has
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
 * @shape: [in] enum dmabuf_revoke_shape of the new memory, but not REPEATED. A buffer whose
 *	memory is REPEATED stays so, and takes DEFAULT only
 * @reserved: [in] zero
 * @shape_arg: [in] SHUFFLED: a seed; else 0
 *
 * The new memory is charged to the caller and to his memory control group, as that of
 * ALLOC is: not to whoever allocated the buffer.
 *
 * Invalidates every importer and takes down CPU mappings. Who maps from then on gets the
 * new memory; a fence of usage KERNEL signals when the contents have been copied
 * there, after all fences that were on the buffer. The old memory is released
 * when the last mapping of it is unmapped. Nobody is refused meanwhile.
 *
 * Errors:
 *   ENOENT	no buffer has this id
 *   EPERM	the caller does not own the buffer
 *   EBUSY	the buffer is pinned, has a vmap, is suspended, or is being moved
 *   EINVAL	@moves names a move that has not been; @shape, @shape_arg or the length are
 *		not as ALLOC asks for
 *   EOVERFLOW	as of ALLOC
 *   EOPNOTSUPP	it was made with ALLOC_QUARANTINE, or is REPEATED and @shape is not DEFAULT
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
	__u32 shape;
	__u32 reserved;
	__u64 shape_arg;
};

#define DMABUF_REVOKE_IOC_MOVE		_IO(DMABUF_REVOKE_IOC_TYPE, 0x06)

/**
 * struct dmabuf_revoke_free - DMABUF_REVOKE_IOC_FREE: give up the id
 * @size: [in] sizeof(struct dmabuf_revoke_free)
 * @flags: [in] none defined; zero
 * @id: [in] the buffer
 * @offsets: [in] QUARANTINE: address of an array of __u64 that receives the
 *	offsets, in bytes, of pages that were written to after the revoke; else 0. Of memory
 *	that is REPEATED the first
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
 * @legacy: MAP: 1 if the importer is not revocable; VMAP: 1, since none is
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

/* FAULTS: change nothing, wait until somebody is blocked by HOLD_*. */
#define DMABUF_REVOKE_FAULTS_AWAIT	(1U << 0)

/**
 * struct dmabuf_revoke_faults - DMABUF_REVOKE_IOC_FAULTS: bugs from now on
 * @size: [in] sizeof(struct dmabuf_revoke_faults)
 * @flags: [in] DMABUF_REVOKE_FAULTS_AWAIT or 0
 * @id: [in] the buffer, in any state
 * @faults: [in] DMABUF_REVOKE_FAULT_FAIL_*, DMABUF_REVOKE_FAULT_TELL_* (but TELL_TWICE)
 *	and DMABUF_REVOKE_FAULT_HOLD_* (but HOLD_LOCK); 0: none
 * @count: [in] they end when they have happened so often, all together; 0: they do not
 * @error: [in] the errno of FAIL_*, 1 to EHWPOISON (133 on most machines): no number that
 *	user space does not know; 0: ENOMEM
 * @deadline_ns: [in] AWAIT: how long to wait; else 0
 *
 * They take the place of those of this sort that the buffer has, from ALLOC or from an
 * earlier call; whoever is blocked by one of those goes on, but not who is blocked by one of
 * these. The dma-buf core warns, once per boot, of a vmap that fails, and of EBUSY from a
 * pin that it makes on behalf of a map.
 *
 * With AWAIT @faults, @count and @error are 0. It returns at once if somebody is blocked
 * already.
 *
 * Errors:
 *   ENOENT	no buffer has this id
 *   EPERM	the caller does not own the buffer; @faults without CAP_SYS_ADMIN
 *   EINVAL	@faults has one that is fixed when the buffer is made; @error is larger; what
 *		has to be 0 with AWAIT, or without it, is not
 *   ENODEV	the owner's file is closed, or has given up the id, or does so meanwhile
 *   ETIMEDOUT	AWAIT: nobody is blocked at the deadline
 *   EINTR	AWAIT: a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_faults {
	__u32 size;
	__u32 flags;
	__u64 id;
	__u64 faults;
	__u32 count;
	__u32 error;
	__u64 deadline_ns;
};

#define DMABUF_REVOKE_IOC_FAULTS	_IO(DMABUF_REVOKE_IOC_TYPE, 0x0a)

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
 *	when invalidated it unmaps, and maps anew before its next DMA.
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
 * ATTACH: ask for peer-to-peer DMA: to be given addresses of another device's memory, too.
 * For devices with DEVICE_PEER2PEER, and not for KIND_LEGACY_STATIC, which cannot ask.
 */
#define DMABUF_REVOKE_ATTACH_PEER2PEER		(1U << 1)

/**
 * enum dmabuf_revoke_engine - what does the DMA of an attachment
 * @DMABUF_REVOKE_ENGINE_AUTO: the first of these that is possible
 * @DMABUF_REVOKE_ENGINE_CPU: a worker, which takes the DMA addresses for those of memory.
 *	For devices that are coherent, without translation and not bounced
 * @DMABUF_REVOKE_ENGINE_IOVA: the same for devices that are coherent, and whose addresses an
 *	IOMMU translates: each access asks for the translation that there is at that moment.
 *	Without one, or where it leads to what the CPU does not reach, the access is a fault: see
 *	EVENT_DMA_FAULT
 * @DMABUF_REVOKE_ENGINE_NONE: nothing: attach and map only
 * @DMABUF_REVOKE_ENGINE_DMAENGINE: hardware: a channel of the kernel's DMA engine that copies
 *	memory, of the device that the attachment is for. Each attachment has a channel for
 *	itself. Never what AUTO chooses. A transfer that fails ends the job with EIO, or if the
 *	channel's driver says at which address it failed, with EFAULT: see EVENT_DMA_FAULT
 *
 * The CPU reaches memory, and I/O memory that the kernel knows (/proc/iomem), such as another
 * device's BAR; with IOVA only what was there when the buffer was mapped, and only with
 * ATTACH_PEER2PEER. I/O memory is accessed in words of 32 bits. Of a first and a last word that
 * are written in part the rest is read before, and written as it was.
 */
enum dmabuf_revoke_engine {
	DMABUF_REVOKE_ENGINE_AUTO	= 0,
	DMABUF_REVOKE_ENGINE_CPU	= 1,
	DMABUF_REVOKE_ENGINE_IOVA	= 2,
	DMABUF_REVOKE_ENGINE_NONE	= 3,
	DMABUF_REVOKE_ENGINE_DMAENGINE	= 4,
};

#define DMABUF_REVOKE_DEVICE_LEN	32

/*
 * ATTACH: bugs of importers, on purpose. All off by default. None but FENCE_OUTLIVES
 * outlives the attachment's file. Those marked (own) are refused with EOPNOTSUPP unless the
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
 * Maps again in the callback, right after it unmapped; if that fails, in the next one, unless MAP
 * or SUBMIT has tried meanwhile (of the dynamic kind, or with REVIVE: own).
 */
#define DMABUF_REVOKE_MISBEHAVE_REMAP		(1ULL << 9)
/*
 * Goes on writing after the unmap (own; only buffers with ALLOC_QUARANTINE, and only on behalf
 * of a device that reaches all memory directly). Behind an IOMMU buffers of any exporter: with
 * ENGINE_DMAENGINE, if it translates nothing any more once an unmap has returned
 * (iommu.strict=1), the IOMMU stops it, unless the address comes to be mapped for the same
 * device again at that very moment; with ENGINE_IOVA the translation is looked up, nothing
 * is written, and it ends with EVENT_DMA_FAULT.
 */
#define DMABUF_REVOKE_MISBEHAVE_DMA_AFTER_UNMAP	(1ULL << 10)
/* Pinned kind: does not unpin when invalidated, but only when closed. */
#define DMABUF_REVOKE_MISBEHAVE_KEEP_PIN	(1ULL << 11)
/* Pinned kind: forgets that it was invalidated, and maps again. */
#define DMABUF_REVOKE_MISBEHAVE_REVIVE		(1ULL << 12)
/* Unpins once too often, or without having pinned (own). */
#define DMABUF_REVOKE_MISBEHAVE_DOUBLE_UNPIN	(1ULL << 13)
/*
 * Jobs wait for no fence: neither for those of usage KERNEL, before which the memory does not
 * have its contents, nor for those of implicit synchronisation (own).
 */
#define DMABUF_REVOKE_MISBEHAVE_SKIP_KERNEL_FENCE	(1ULL << 14)
/* The fences of jobs have usage KERNEL, as if they stood for memory that is being moved. */
#define DMABUF_REVOKE_MISBEHAVE_KERNEL_FENCE	(1ULL << 15)
/* Jobs begin at offset 0 of the buffer, not at that of their range; COPY reads from there. */
#define DMABUF_REVOKE_MISBEHAVE_WRONG_RANGE	(1ULL << 16)
/*
 * Takes the table for one segment. What would be beyond the first one is in it: at the end it
 * goes on at the beginning, so that no DMA is outside of the buffer.
 */
#define DMABUF_REVOKE_MISBEHAVE_ONE_SEGMENT	(1ULL << 17)
/*
 * The callback stops the DMA and that is all: it does not unmap, and nothing is mapped again. MAP
 * and SUBMIT fail with EIO from then on.
 */
#define DMABUF_REVOKE_MISBEHAVE_CLEAR_ONLY	(1ULL << 18)
/* Tries a MAP or SUBMIT that fails again and again, for @delay_ns or until a signal arrives. */
#define DMABUF_REVOKE_MISBEHAVE_LOOP_ON_ERROR	(1ULL << 19)
/*
 * Leaves a fence on the buffer, which signals @delay_ns after the file was closed, and nobody can
 * end it before. Until then this module stays loaded.
 */
#define DMABUF_REVOKE_MISBEHAVE_FENCE_OUTLIVES	(1ULL << 20)
/* Uses a mapping although an invalidation came while it was being made (own). */
#define DMABUF_REVOKE_MISBEHAVE_STALE		(1ULL << 21)

/**
 * struct dmabuf_revoke_attach - DMABUF_REVOKE_IOC_ATTACH: attach to a dma-buf
 * @size: [in] sizeof(struct dmabuf_revoke_attach)
 * @flags: [in] DMABUF_REVOKE_ATTACH_*
 * @dmabuf_fd: [in] the dma-buf. Its exporter decides whether to let the device in
 * @kind: [in] enum dmabuf_revoke_kind
 * @fd: [out] a new file descriptor that is the attachment; see below
 * @fd_flags: [in] O_CLOEXEC, O_NONBLOCK (for read) or both
 * @length: [out] of the dma-buf
 * @misbehave: [in] DMABUF_REVOKE_MISBEHAVE_*
 * @delay_ns: [in] for those that take time, at most 3600 * 10^9, with SLOW_CALLBACK or
 *	FENCE_OUTLIVES 10 * 10^9; else zero. LATE_UNMAP, FENCE_AFTER and FENCE_OUTLIVES count
 *	it in whole jiffies
 * @device: [in] name of the device to attach on behalf of, as of DEVICES, ended by a zero;
 *	empty: the importer's own
 * @engine: [in,out] enum dmabuf_revoke_engine; AUTO: out: the one that was chosen
 * @reserved: [in] zero
 *
 * Errors:
 *   EBADF	@dmabuf_fd is not an open file descriptor
 *   EINVAL	@dmabuf_fd is not a dma-buf; @kind or @engine is unknown;
 *		ATTACH_DEFER_UNMAP with a legacy kind; ATTACH_PEER2PEER with
 *		LEGACY_STATIC; @fd_flags has other bits; @misbehave does not go with
 *		@kind; @delay_ns too long, or set without need; @device has no end
 *   ENODEV	no such device is bound to the importer, or has a driver that offers channels
 *		of the DMA engine; or it is being removed or reset
 *   EOPNOTSUPP	ATTACH_PEER2PEER, or @engine, is not possible for the device; @misbehave
 *		asks for what this dma-buf's exporter may not stand, or is not for @device
 *		and @engine; ENGINE_DMAENGINE on a kernel without CONFIG_DMA_ENGINE
 *   EBUSY	ENGINE_DMAENGINE: all channels of the device are in use
 *   ENXIO	ENGINE_DMAENGINE: none of its channels copies memory, from and to any address,
 *		at the DMA addresses of the device itself
 *   EMFILE, ENFILE	no file descriptor left in the process, the system
 *   and whatever the exporter's attach or pin returns. The exporter of this
 *   project:
 *   EOPNOTSUPP	a legacy kind, and the buffer does not accept it
 *   ENODEV	the buffer has been revoked
 *   ENODEV	it is suspended, and the kind pins
 *   EIO	the device has no DMA mask, so it could never map; or its DMA is bounced, and the
 *		memory is REPEATED
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
	char device[DMABUF_REVOKE_DEVICE_LEN];
	__u32 engine;
	__u32 reserved;
};

#define DMABUF_REVOKE_IOC_ATTACH	_IO(DMABUF_REVOKE_IOC_TYPE, 0x41)

/**
 * enum dmabuf_revoke_iommu - what is between a device and memory
 * @DMABUF_REVOKE_IOMMU_NONE: no IOMMU that the kernel has a say in
 * @DMABUF_REVOKE_IOMMU_IDENTITY: an IOMMU that lets all pass, or nothing
 * @DMABUF_REVOKE_IOMMU_TRANSLATED: an IOMMU that translates addresses
 */
enum dmabuf_revoke_iommu {
	DMABUF_REVOKE_IOMMU_NONE	= 0,
	DMABUF_REVOKE_IOMMU_IDENTITY	= 1,
	DMABUF_REVOKE_IOMMU_TRANSLATED	= 2,
};

/* A device that may ask for peer-to-peer DMA: PCI, on a kernel with CONFIG_PCI_P2PDMA. */
#define DMABUF_REVOKE_DEVICE_PEER2PEER	(1U << 0)

/**
 * struct dmabuf_revoke_device - what attachments can be made on behalf of
 * @name: of the device, as in sysfs, ended by a zero: of a PCI function its address, such
 *	as 0000:00:04.0
 * @dma_mask: addresses that it can emit
 * @iommu: enum dmabuf_revoke_iommu
 * @engines: bit n: enum dmabuf_revoke_engine n is possible
 * @flags: DMABUF_REVOKE_DEVICE_*
 * @attachments: that are for it
 */
struct dmabuf_revoke_device {
	char name[DMABUF_REVOKE_DEVICE_LEN];
	__u64 dma_mask;
	__u32 iommu;
	__u32 engines;
	__u32 flags;
	__u32 attachments;
};

/**
 * struct dmabuf_revoke_devices - DMABUF_REVOKE_IOC_DEVICES: on whose behalf one can attach
 * @size: [in] sizeof(struct dmabuf_revoke_devices)
 * @flags: [in] none defined; zero
 * @devices: [in] address of an array of struct dmabuf_revoke_device
 * @capacity: [in] elements that it holds; 0 to be told @count only
 * @count: [out] devices there are; those beyond @capacity are not written
 *
 * The importer's own is the first: a software device, which is coherent, reaches all
 * memory and is never bounced. The others are PCI functions that are bound to the driver
 * dmabuf_revoke_importer, by their driver_override, and those whose driver offers channels of
 * the kernel's DMA engine. When one is removed, is unbound from its driver, or is reset (not
 * one with another driver), the attachments on its behalf are over, as if their files were
 * closed: jobs end with ECANCELED, mappings go. The files remain, and tell: see EVENT_GONE.
 *
 * Errors:
 *   EINTR	a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_devices {
	__u32 size;
	__u32 flags;
	__u64 devices;
	__u32 capacity;
	__u32 count;
};

#define DMABUF_REVOKE_IOC_DEVICES	_IO(DMABUF_REVOKE_IOC_TYPE, 0x42)

/* ---------------------------------------------------------------------------
 * An attachment: the file that ATTACH returns
 *
 * The "device" is a software engine that works in the background, on the DMA
 * addresses of the mapping, one job after the other. Each job has a dma_fence on
 * the buffer's dma_resv. Closing the last descriptor cancels the jobs, unmaps,
 * unpins and detaches. While somebody holds the buffer's lock it waits for that,
 * but only until a signal, and not where a process ends: then the jobs have
 * been cancelled, and the rest is done when the lock is free. Until then the
 * attachment is counted, and has its channel, as before.
 *
 * read() returns whole struct dmabuf_revoke_event; it blocks while there is none
 * (EAGAIN with O_NONBLOCK, EINTR after a signal) and fails with EINVAL if not even
 * one fits. poll() reports POLLIN while there is one. When the device has gone poll()
 * reports POLLHUP, too, and read() fails with ENODEV after the last event.
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
 *   ENODEV	a pinned attachment that was invalidated; the device has gone
 *   EINTR	a signal arrived and the call was not restarted
 *   EOPNOTSUPP	ENGINE_CPU, and the exporter gave addresses that the CPU does not reach; or
 *		less than the buffer's length
 *   ENOMEM	I/O memory cannot be mapped for the CPU
 *   EAGAIN	the exporter invalidated while it mapped, and did so again when it was asked
 *		once more; a pinned attachment: ENODEV, the first time
 *   EIO	MISBEHAVE_CLEAR_ONLY, after an invalidation
 *   and whatever the exporter's map returns. The exporter of this project:
 *   ENODEV	the buffer has been revoked, or is suspended
 *   ENOMEM, EIO	what the kernel's DMA API returns where it cannot map, such as for a
 *		device whose DMA is bounced (swiotlb), when there is no room for that
 *   EAGAIN	in the callback of a move, which gives its new memory only when all have
 *		been invalidated
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
 * synchronisation), not READ or WRITE; and wait for no fences but those of usage KERNEL,
 * before which the memory does not have its contents.
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
 *   EOPNOTSUPP	ENGINE_NONE; SUBMIT_FENCE_FD on a kernel without CONFIG_SYNC_FILE
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
 *	started; EFAULT if an access was a fault; EIO if a transfer failed in another way, or
 *	took half a minute; a stream that an invalidation ended did well
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
 * @DMABUF_REVOKE_ATTACHMENT_INVALIDATED: invalidated, still mapped, and not mapped
 *	anew
 * @DMABUF_REVOKE_ATTACHMENT_DEAD: a pinned attachment that was invalidated; every
 *	use of it fails with ENODEV
 * @DMABUF_REVOKE_ATTACHMENT_GONE: its device was removed or reset, and it is not attached
 *	any more: MAP and SUBMIT fail with ENODEV, UNMAP with ENXIO. WAIT still has the results
 *	of jobs; a vmap, which is the CPU's, is not concerned
 */
enum dmabuf_revoke_attachment_state {
	DMABUF_REVOKE_ATTACHMENT_IDLE		= 0,
	DMABUF_REVOKE_ATTACHMENT_MAPPED		= 1,
	DMABUF_REVOKE_ATTACHMENT_INVALIDATED	= 2,
	DMABUF_REVOKE_ATTACHMENT_DEAD		= 3,
	DMABUF_REVOKE_ATTACHMENT_GONE		= 4,
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
 *   EINTR	a signal arrived and the call was not restarted; while the buffer is read,
 *		a fatal one
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

/* What is at its first address is memory: RAM, and none that a device brought along. */
#define DMABUF_REVOKE_SEGMENT_MEMORY	(1U << 0)
/*
 * The exporter marked the address as one of the PCI bus: it does not pass the host bridge, nor an
 * IOMMU there. The CPU has the same at another address, by the windows of that bridge.
 */
#define DMABUF_REVOKE_SEGMENT_BUS	(1U << 1)

/**
 * struct dmabuf_revoke_segment - a run of contiguous DMA addresses
 * @address: the first, as the device would emit it
 * @length: bytes
 * @flags: DMABUF_REVOKE_SEGMENT_*
 * @reserved: zero
 */
struct dmabuf_revoke_segment {
	__u64 address;
	__u64 length;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct dmabuf_revoke_segments - DMABUF_REVOKE_IOC_SEGMENTS: where the buffer is mapped
 * @size: [in] sizeof(struct dmabuf_revoke_segments)
 * @flags: [in] none defined; zero
 * @segments: [in] address of an array of struct dmabuf_revoke_segment
 * @capacity: [in] elements that it holds; 0 to be told @count only
 * @count: [out] segments there are; those beyond @capacity are not written
 *
 * Of the newest mapping, which may be one that an invalidation has ended.
 *
 * Errors:
 *   EPERM	the caller has no CAP_SYS_ADMIN in the initial user namespace
 *   ENXIO	there is no mapping
 *   EINTR	a signal arrived and the call was not restarted
 */
struct dmabuf_revoke_segments {
	__u32 size;
	__u32 flags;
	__u64 segments;
	__u32 capacity;
	__u32 count;
};

#define DMABUF_REVOKE_IOC_SEGMENTS	_IO(DMABUF_REVOKE_IOC_TYPE, 0x67)

/**
 * enum dmabuf_revoke_event_type - what happened to an attachment
 * @DMABUF_REVOKE_EVENT_MAPPED: it was mapped
 * @DMABUF_REVOKE_EVENT_INVALIDATED: its callback was called
 * @DMABUF_REVOKE_EVENT_UNMAPPED: it was unmapped
 * @DMABUF_REVOKE_EVENT_JOB_DONE: a job's fence signalled
 * @DMABUF_REVOKE_EVENT_GONE: its device was removed or reset; the last event
 * @DMABUF_REVOKE_EVENT_DMA_FAULT: ENGINE_IOVA: an access to an address that is not mapped,
 *	or that the CPU does not reach; ENGINE_DMAENGINE: a transfer failed from or to that
 *	address, as its driver says; the job ends with EFAULT
 */
enum dmabuf_revoke_event_type {
	DMABUF_REVOKE_EVENT_MAPPED	= 1,
	DMABUF_REVOKE_EVENT_INVALIDATED	= 2,
	DMABUF_REVOKE_EVENT_UNMAPPED	= 3,
	DMABUF_REVOKE_EVENT_JOB_DONE	= 4,
	DMABUF_REVOKE_EVENT_GONE	= 5,
	DMABUF_REVOKE_EVENT_DMA_FAULT	= 6,
};

/**
 * struct dmabuf_revoke_event - what read() on an attachment returns
 * @time_ns: CLOCK_MONOTONIC
 * @sequence: counts up by one per event, from 0; a gap tells of lost ones
 * @type: enum dmabuf_revoke_event_type
 * @status: JOB_DONE: as of WAIT; else 0
 * @job: JOB_DONE: its number; MAPPED, UNMAPPED: number of the mapping in this
 *	attachment, from 1; DMA_FAULT: the address; INVALIDATED, GONE: 0
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
