/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vdev: the contract of a virtual block device.  This header is the manual.
 *
 * Everything that holds bytes is a vdev: a file, memory, a slice of another
 * vdev, a volume of a pool.  A device is a table of operations, facts that
 * are frozen when it is opened (struct vdev_info), a size that may change,
 * and a reference count.  Callers use only the functions vdev_* below; these
 * check ranges, flags and capabilities, split long requests, emulate FUA and
 * zeroing where the device has none, and merge unaligned edges.  The
 * operations in struct vdev_ops are called by these wrappers and by nobody
 * else.
 *
 * Rules every device obeys (tests/test-vdev-conformance.c checks them on all):
 *
 * - Bytes are addressed by 64-bit offsets.  A call does all or reports an
 *   error: there is no short read or write.  After a failed write the bytes
 *   of its range are undefined (old, new or a mixture per sector) unless the
 *   device says more (a pool volume changes nothing when it returns ENOSPC);
 *   bytes outside are untouched.
 * - Results are 0 or -errno out of: EINVAL (caller's bug), ERANGE (outside
 *   the device), ENOSPC, EROFS, EIO, EBADMSG (checksum), ESTALE (fenced),
 *   ESHUTDOWN (closing), ETIMEDOUT, EOPNOTSUPP, ENOMEM.  Opening may also
 *   return ENOENT, EEXIST, EBUSY, EACCES.  base_error_text () has the words.
 * - An acknowledged write is visible to every later read on any handle.  An
 *   acknowledged flush means: every write acknowledged before the flush was
 *   issued, on any handle, is durable.  FUA: this range is durable.
 * - A failed flush is sticky: every later flush and FUA write of the device
 *   fails too, until it is opened again.
 * - Any thread may call any data operation.  Requests in flight may overlap
 *   and then land in some order.  vdev_resize and the last vdev_unref
 *   exclude everything else; that is the caller's duty.
 * - Capabilities are facts.  Only the size changes after opening.
 * - A constructor that takes a child owns it on success and leaves it with
 *   the caller on failure.
 */

#ifndef NBDVOL_VDEV_H
#define NBDVOL_VDEV_H

#include <stdatomic.h>

#include "base.h"

/* Capabilities. */
enum vdev_cap {
  VDEV_RO         = 1 << 0,   /* writes, trims, zeroes, resize: EROFS */
  VDEV_FLUSH      = 1 << 1,   /* writes are volatile until flushed */
  VDEV_FUA_NATIVE = 1 << 2,   /* FUA is cheaper than a flush */
  VDEV_TRIM       = 1 << 3,   /* trim does something */
  VDEV_TRIM_ZEROES = 1 << 4,  /* a trimmed range (its whole) reads as zero */
  VDEV_ZERO       = 1 << 5,   /* zero is native */
  VDEV_FAST_ZERO  = 1 << 6,   /* ... and never slower than a write */
  VDEV_EXTENTS    = 1 << 7,   /* extents tells holes from data */
  VDEV_ABSENT     = 1 << 8,   /* per-block presence; write IF_ABSENT */
  VDEV_RESIZE     = 1 << 9,
  VDEV_ROTATIONAL = 1 << 10,
  VDEV_MULTI_CONN = 1 << 11,  /* flush on one handle covers all handles */
  VDEV_ORDERED    = 1 << 12,  /* what survives a crash is a prefix, in ack
                               * order */
  VDEV_ONE_WRITER = 1 << 13,  /* writes are done one after the other, and who
                               * has many in flight only makes them wait for
                               * each other */
};

/* Flags of write, trim and zero. */
enum vdev_flag {
  VDEV_FUA       = 1 << 0,    /* write, trim, zero: durable on return */
  VDEV_MAY_TRIM  = 1 << 1,    /* zero: may deallocate */
  VDEV_FAST      = 1 << 2,    /* zero: fail with EOPNOTSUPP, having changed
                               * nothing, unless fast */
  VDEV_ALLOCATE  = 1 << 3,    /* zero: on return the range reads zero and is
                               * really backed (fallocate) */
  VDEV_IF_ABSENT = 1 << 4,    /* write: fill only blocks still absent */
  VDEV_REQ_ONE   = 1 << 5,    /* extents: one extent is enough */
};

/* Type of an extent: bits, 0 = allocated data. */
enum vdev_extent_type {
  VDEV_DATA   = 0,
  VDEV_HOLE   = 1 << 0,       /* not allocated */
  VDEV_ZEROES = 1 << 1,       /* reads as zero */
  VDEV_IS_ABSENT = 1 << 2,    /* a layer shows its base here */
};

/* Called once per extent, ascending, contiguous.  Non-zero stops the walk
 * and is returned by vdev_extents if negative.  It must not call the device,
 * which may hold a lock.
 */
typedef int (*vdev_extent_fn) (void *opaque, uint64_t offset, uint64_t length,
                               uint32_t type);

struct vdev;
struct vdev_stat;

/* All pointers may be NULL except read and close; an op that a capability
 * promises must be there.  LEN > 0, ranges inside the size as it was when the
 * wrapper looked (a device whose size can change checks again), aligned to
 * info.align, at most info.maximum (read, write).  Of the flags only these
 * arrive: FUA with VDEV_FUA_NATIVE, IF_ABSENT with VDEV_ABSENT, never
 * MAY_TRIM and ALLOCATE together.  zero may return EOPNOTSUPP having changed
 * nothing: the wrapper then writes zeroes, or with FAST passes it on.
 * extents may report more than was asked for; the wrapper clips.  resize
 * calls vdev_set_size itself.
 */
struct vdev_ops {
  const char *kind;             /* "file", "mem", ... */
  int (*read) (struct vdev *d, void *buf, size_t len, uint64_t off);
  int (*write) (struct vdev *d, const void *buf, size_t len, uint64_t off,
                uint32_t flags);
  int (*flush) (struct vdev *d);
  int (*trim) (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags);
  int (*zero) (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags);
  int (*extents) (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags,
                  vdev_extent_fn fn, void *opaque);
  int (*cache) (struct vdev *d, uint64_t len, uint64_t off);
  int (*resize) (struct vdev *d, uint64_t size);
  int (*start) (struct vdev *d);
  void (*kick) (struct vdev *d);
  int (*stat) (struct vdev *d, struct vdev_stat *st);
  void (*describe) (struct vdev *d, FILE *fp);
  void (*close) (struct vdev *d);       /* frees d */
};

/* Facts about a device, frozen when it is opened. */
struct vdev_info {
  char *name;                   /* for messages; freed with the device */
  uint8_t uuid[16];             /* all zero: none */
  uint32_t align;               /* power of two, 1..64K; 1 = merges itself */
  uint32_t preferred;           /* power of two */
  uint32_t maximum;             /* longest read or write op; multiple of
                                 * align; 0 = no limit (wrappers use 32M) */
  uint32_t trim_align;          /* useful granularity of trim */
  uint32_t caps;                /* enum vdev_cap */
};

/* Numbers for people.  Bytes. */
struct vdev_stat {
  uint64_t allocated;           /* really used below; UINT64_MAX = unknown */
};

/* A device embeds this as its first member. */
struct vdev {
  const struct vdev_ops *ops;
  struct vdev_info info;
  _Atomic uint64_t size;        /* bytes */
  _Atomic unsigned refs;
  _Atomic int sticky;           /* a failed flush; 0 or -errno */
  _Atomic bool kicked;          /* vdev_kick was called */
  struct base_range_lock *edges; /* unaligned edges are merged under this;
                                  * NULL when align is 1 */
};

/* ---- for callers --------------------------------------------------------- */

/* Bytes; may change at any time by another thread's vdev_resize. */
static inline uint64_t
vdev_size (struct vdev *d)
{
  return atomic_load_explicit (&d->size, memory_order_acquire);
}

static inline bool
vdev_has (const struct vdev *d, uint32_t caps)
{
  return (d->info.caps & caps) == caps;
}

extern struct vdev *vdev_ref (struct vdev *d);
/* The last one closes.  NULL is allowed.  Closing does not flush. */
extern void vdev_unref (struct vdev *d);
extern void vdev_cleanup_unref (struct vdev **dp);
#define CLEANUP_VDEV __attribute__ ((__cleanup__ (vdev_cleanup_unref)))

/* LEN 0 is allowed and does nothing but the range check.  Anything that
 * reaches past the end: ERANGE.
 */
extern int vdev_read (struct vdev *d, void *buf, size_t len, uint64_t off);
extern int vdev_write (struct vdev *d, const void *buf, size_t len,
                       uint64_t off, uint32_t flags);
extern int vdev_flush (struct vdev *d);
/* A hint.  Success and no effect on a device without VDEV_TRIM.  On a device
 * with VDEV_TRIM_ZEROES the whole range reads as zero afterwards, edges too.
 */
extern int vdev_trim (struct vdev *d, uint64_t len, uint64_t off,
                      uint32_t flags);
/* Always reads as zero afterwards.  Without VDEV_ZERO zeroes are written,
 * except with VDEV_FAST, which then fails with EOPNOTSUPP at once.
 */
extern int vdev_zero (struct vdev *d, uint64_t len, uint64_t off,
                      uint32_t flags);
/* Covers exactly [off, off + len), coalesced; one data extent on a device
 * without VDEV_EXTENTS.
 */
extern int vdev_extents (struct vdev *d, uint64_t len, uint64_t off,
                         uint32_t flags, vdev_extent_fn fn, void *opaque);
extern int vdev_cache (struct vdev *d, uint64_t len, uint64_t off);
/* EOPNOTSUPP without VDEV_RESIZE.  New bytes read as zero. */
extern int vdev_resize (struct vdev *d, uint64_t size);
/* Called once, after opening and after the process has forked for the last
 * time: the device may now make threads.  Decorators start their child first.
 */
extern int vdev_start (struct vdev *d);
/* Every call in flight, and every later one, returns ESHUTDOWN in bounded
 * time.
 */
extern void vdev_kick (struct vdev *d);
extern int vdev_stat (struct vdev *d, struct vdev_stat *st);
/* The text that opens this device again, to be freed; NULL = ENOMEM. */
extern char *vdev_text (struct vdev *d);

/* ---- opener ----------------------------------------------------------------
 *
 * TEXT is KIND:REST or KIND(ARG,ARG,...) for a registered KIND, else a path
 * ("./a:b" is always a path).  Inside parentheses the characters , ( ) \ of
 * an argument are written with a backslash before them; an argument that is
 * itself of the form KIND(...) is written as it is, so that every name is
 * escaped once, however deep it stands (at most 32 levels).  Relative paths
 * are taken as they are: faces make them absolute before.
 */
enum vdev_open_flag {
  VDEV_OPEN_RO     = 1 << 0,
  VDEV_OPEN_DIRECT = 1 << 1,  /* file: O_DIRECT */
  VDEV_OPEN_CREATE = 1 << 2,  /* file: make it if missing */
  VDEV_OPEN_NOLOCK = 1 << 3,  /* file: take no lock */
};

struct vdev_opener {
  const char *kind;
  /* ARGS are unescaped; the form KIND:REST gives one argument.  A member of
   * ARGS that is a device is opened by the callee through vdev_open.
   */
  int (*open) (char **args, size_t nargs, uint32_t flags, struct vdev **ret);
};

/* Register OPENER (kept, not copied).  Called by faces before any vdev_open,
 * from one thread.  The same one again: no effect; another one of the same
 * kind: EEXIST.
 */
extern int vdev_register (const struct vdev_opener *opener);
extern int vdev_open (const char *text, uint32_t flags, struct vdev **ret);
/* S with the four special characters escaped; to be freed. */
extern char *vdev_escape (const char *s);

/* ---- for devices -----------------------------------------------------------
 *
 * vdev_init: called by a constructor when ops, info and SIZE are known; sets
 * one reference.  info.name is taken over.
 */
extern int vdev_init (struct vdev *d, const struct vdev_ops *ops,
                      const struct vdev_info *info, uint64_t size);
/* Frees what vdev_init made; called at the end of ops->close, before d is
 * freed.
 */
extern void vdev_fini (struct vdev *d);
extern void vdev_set_size (struct vdev *d, uint64_t size);

/* Print the text of CHILD as one argument of KIND(...). */
extern void vdev_describe_argument (struct vdev *child, FILE *fp);

/* ---- for decorators --------------------------------------------------------
 *
 * A device over one other that changes some operations and hands the rest
 * down.  It embeds struct vdev_pass as its first member, starts with
 * vdev_pass_init and names a vdev_pass_* function for each operation that it
 * does not change.
 */
struct vdev_pass {
  struct vdev d;
  struct vdev *child;           /* owned */
};

/* Facts of CHILD under the name "KIND(name of CHILD)", minus the
 * capabilities CLEAR, plus SET; the size of CHILD; owns CHILD on success.
 */
extern int vdev_pass_init (struct vdev_pass *p, const struct vdev_ops *ops,
                           struct vdev *child, uint32_t clear, uint32_t set);
extern int vdev_pass_read (struct vdev *d, void *buf, size_t len,
                           uint64_t off);
extern int vdev_pass_write (struct vdev *d, const void *buf, size_t len,
                            uint64_t off, uint32_t flags);
extern int vdev_pass_flush (struct vdev *d);
extern int vdev_pass_trim (struct vdev *d, uint64_t len, uint64_t off,
                           uint32_t flags);
extern int vdev_pass_zero (struct vdev *d, uint64_t len, uint64_t off,
                           uint32_t flags);
extern int vdev_pass_extents (struct vdev *d, uint64_t len, uint64_t off,
                              uint32_t flags, vdev_extent_fn fn,
                              void *opaque);
extern int vdev_pass_cache (struct vdev *d, uint64_t len, uint64_t off);
extern int vdev_pass_resize (struct vdev *d, uint64_t size);
extern int vdev_pass_start (struct vdev *d);
extern void vdev_pass_kick (struct vdev *d);
extern int vdev_pass_stat (struct vdev *d, struct vdev_stat *st);
/* KIND(child) */
extern void vdev_pass_describe (struct vdev *d, FILE *fp);
/* Closes the child and frees D, which is the start of its allocation. */
extern void vdev_pass_close (struct vdev *d);

#endif /* NBDVOL_VDEV_H */
