/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Devices that the tests of every engine stand on.  They are in a library of
 * their own and in no installed program.
 *
 * All three are decorators: they own their child on success.
 */

#ifndef NBDVOL_DEVICES_TEST_H
#define NBDVOL_DEVICES_TEST_H

#include "devices.h"

/* Register volatile with the opener:
 * volatile(DEVICE[,seed=N][,early=PERCENT])
 */
extern int devices_test_register (void);

/* ---- recorder --------------------------------------------------------------
 *
 * Passes everything through and logs what changes the child: each operation
 * with a copy of its data and with the order numbers of its issue and of its
 * completion.  Order numbers count events of one recorder, from 1; no two
 * events have the same.  A FUA write is logged as a write and a flush.
 *
 * From the log follows what may be on the disk after a crash at any moment:
 *
 * - An operation may land at any time after its issue.
 * - It is durable once a flush that was issued after the operation's
 *   completion has completed without error.
 * - Until then each of its 512-byte sectors may have landed or not.
 * - Of two overlapping operations the one that completed before the other
 *   was issued lands first; else the order is free.
 * - An operation that failed may have landed in part, at any time.
 *
 * Marks are for the user: "here the client was told that its flush is done".
 */
enum recorder_kind {
  RECORDER_WRITE,
  RECORDER_TRIM,                /* lands as zeroes */
  RECORDER_ZERO,
  RECORDER_RESIZE,              /* off = old size, len = new size */
  RECORDER_FLUSH,
  RECORDER_MARK,                /* off = the caller's value */
};

struct recorder_op {
  enum recorder_kind kind;
  uint32_t flags;               /* enum vdev_flag, as the child saw it */
  uint64_t off, len;
  const uint8_t *data;          /* WRITE: LEN bytes, owned by the log */
  uint64_t issued_at;
  uint64_t completed_at;        /* 0 = never */
  int error;                    /* 0 or -errno */
};

/* OPS are in the order of issue. */
struct recorder_log {
  const struct recorder_op *ops;
  size_t n;
  uint64_t now;                 /* the last order number given */
};

#define RECORDER_SECTOR 512
#define RECORDER_FINE 65536

extern int recorder_open (struct vdev *child, struct vdev **ret);

/* The log so far.  What it points to is valid until the next operation on
 * the device; nothing may be in flight, or the caller accepts that
 * operations in flight are not completed.
 */
extern struct recorder_log recorder_log (struct vdev *d);
/* Forget the log and start again at order number 1; nothing in flight. */
extern void recorder_reset (struct vdev *d);
/* Put a mark into the log; returns its order number. */
extern uint64_t recorder_mark (struct vdev *d, uint64_t value);

/* The latest issue of a flush that had completed without error at order
 * number CRASH_AT; 0 = none.  What completed before it is durable.
 */
extern uint64_t recorder_cover (const struct recorder_log *log,
                                uint64_t crash_at);

enum recorder_state {
  RECORDER_FUTURE,              /* not issued yet: nothing of it is there */
  RECORDER_PENDING,             /* any of its sectors may be there */
  RECORDER_DURABLE,
};
/* COVER is recorder_cover (log, CRASH_AT). */
extern enum recorder_state recorder_state (const struct recorder_op *op,
                                           uint64_t crash_at, uint64_t cover);

/* What happened to the pending operations in one crash.
 *
 * lands says whether sector number SECTOR (of the device) of the pending
 * operation OP landed; for RESIZE, SECTOR is 0.  NULL: everything landed.
 *
 * moment returns when OP took effect, in order numbers times RECORDER_FINE,
 * and is then brought into what is allowed (from the issue to the completion
 * or, if there is none, to the crash).  Operations take effect in ascending
 * order, those of the same moment in the order of issue.  Every order that
 * the rules allow can be had this way.  It is asked for durable operations
 * too.  NULL: at the completion, or at the end.
 */
struct recorder_choice {
  bool (*lands) (void *opaque, const struct recorder_op *op, uint64_t sector);
  uint64_t (*moment) (void *opaque, const struct recorder_op *op);
  void *opaque;
};

/* SIZE bytes at DATA, which has room for CAPACITY. */
struct recorder_image {
  uint8_t *data;
  uint64_t size, capacity;
};

/* IMAGE holds what the child held when the log began and gets what it holds
 * after a crash just behind order number CRASH_AT.  CHOICE may be NULL: all
 * pending operations landed.  -ENOSPC: the capacity is too small; -ENOMEM.
 */
extern int recorder_rebuild (const struct recorder_log *log,
                             uint64_t crash_at,
                             const struct recorder_choice *choice,
                             struct recorder_image *image);

/* A choice made by chance, the same for the same seed: about LAND_PERCENT of
 * the pending sectors landed, whole operations about three times out of
 * four.  The choice points into STATE.
 */
struct recorder_chance {
  struct base_rng rng;
  unsigned land_percent;        /* 0..100 */
  const struct recorder_op *op; /* the last one asked about */
  bool whole, land;
};
extern struct recorder_choice recorder_choice_by_chance
  (struct recorder_chance *state, uint64_t seed, unsigned land_percent);

/* ---- faulty ----------------------------------------------------------------
 *
 * Passes everything through, counts the calls and applies rules.  A rule
 * counts the calls of its operation from the moment it is added.  The first
 * rule that matches a call is applied; all rules count it.
 */
enum faulty_op {
  FAULTY_READ, FAULTY_WRITE, FAULTY_FLUSH, FAULTY_TRIM, FAULTY_ZERO,
  FAULTY_RESIZE,
  FAULTY_ANY,                   /* rules: each of these; count: all */
};

enum faulty_action {
  FAULTY_FAIL,                  /* do nothing, return ERROR */
  FAULTY_TORN,                  /* the first SECTORS sectors of a read, write
                                 * trim or zero are done, then ERROR */
  FAULTY_SHORT,                 /* the same, but success is returned: a disk
                                 * that lies.  Flush: not done. */
  FAULTY_FLIP,                  /* bit BIT of what is read or written (modulo
                                 * the length) is inverted, success */
  FAULTY_HOOK,                  /* HOOK (OPAQUE) is called before the call,
                                 * which then goes on: to be slow, to wait */
};

struct faulty_rule {
  enum faulty_op op;
  enum faulty_action action;
  uint64_t nth;                 /* 1 = the next call */
  bool sticky;                  /* and every later one */
  int error;                    /* positive errno; 0 = EIO */
  uint64_t sectors;             /* of 512 bytes */
  uint64_t bit;
  void (*hook) (void *opaque);
  void *opaque;
};

extern int faulty_open (struct vdev *child, struct vdev **ret);
extern int faulty_add (struct vdev *d, const struct faulty_rule *rule);
extern void faulty_clear (struct vdev *d);
/* Calls since the device was opened, failed ones too. */
extern uint64_t faulty_count (struct vdev *d, enum faulty_op op);
/* Calls to which a rule was applied. */
extern uint64_t faulty_applied (struct vdev *d);

/* ---- volatile --------------------------------------------------------------
 *
 * Holds writes, trims and zeroes in memory; reads see them.  A flush passes
 * them down in random order and flushes the child.  Beside that each write
 * passes, with a probability of EARLY percent, a random part of what is held
 * down in sectors of 512 bytes, so that an unflushed write may be there, or
 * half of it, or a later one without an earlier one.
 *
 * Closing drops what is held: to kill the process over a file is to cut the
 * power of a disk with a cache, which killing a process over a file alone
 * is not.
 */
extern int volatile_open (struct vdev *child, uint64_t seed, unsigned early,
                          struct vdev **ret);
/* Bytes held. */
extern uint64_t volatile_held (struct vdev *d);

#endif /* NBDVOL_DEVICES_TEST_H */
