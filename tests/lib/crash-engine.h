/* SPDX-License-Identifier: BSD-3-Clause
 *
 * crash-engine: what the crash and model harness needs of an engine.
 *
 * The functions are those of pool.h, as a table, so that the harness can be
 * tried on an engine with known bugs (toy-engine.c) before it judges the
 * pool (pool-engine.c).  A member may be NULL if `kinds` has none of the
 * operations that need it.
 */

#ifndef NBDVOL_CRASH_ENGINE_H
#define NBDVOL_CRASH_ENGINE_H

#include "pool.h"

/* Operations.  Those before CRASH_SUBJECTS are the rows of the table
 * operation x crash point.
 */
enum crash_kind {
  CRASH_WRITE,                  /* whole blocks, up to four */
  CRASH_PARTIAL,                /* a write with unaligned edges */
  CRASH_LARGE,                  /* whole blocks, eight and more */
  CRASH_FUA,
  CRASH_TRIM,
  CRASH_ZERO,
  CRASH_FLUSH,
  CRASH_CREATE,
  CRASH_SNAPSHOT,
  CRASH_GROUP,                  /* snapshots of several volumes at once */
  CRASH_CLONE,
  CRASH_REMOVE,
  CRASH_ROLLBACK,
  CRASH_RESIZE,                 /* to a larger size */
  CRASH_SHRINK,
  CRASH_RENAME,
  CRASH_GROW,                   /* the pool */
  CRASH_IMPORT,
  CRASH_RECLAIM,                /* background work */
  CRASH_CHECKPOINT,             /* what the journal has goes into the trees */
  CRASH_UPGRADE,                /* opening a pool of the first form */
  CRASH_REPAIR,                 /* `check --repair` after a crash and damage */
  CRASH_SUBJECTS,
  CRASH_READ = CRASH_SUBJECTS,
  CRASH_CHECK,                  /* while others go on */
  CRASH_REOPEN,                 /* clean close and open */
  CRASH_KILL,                   /* the process dies, the disk does not */
  CRASH_BADFLUSH,               /* a flush fails; then as CRASH_KILL */
  CRASH_KINDS
};

extern const char *const crash_kind_names[CRASH_KINDS];

struct crash_engine {
  const char *name;
  uint32_t kinds;               /* 1 << enum crash_kind */
  uint64_t fixed_volumes;       /* if not 0 a pool has these from the start:
                                 * v0, v1, ... */
  uint64_t fixed_size;          /* ... of this size, in bytes */
  bool journal;                 /* pools may have a journal */
  bool tells_holes;             /* extents: what is zero is a hole */

  int (*format) (struct vdev *backing,
                 const struct pool_format_options *options);
  int (*open) (struct vdev *backing, const struct pool_options *options,
               struct pool **ret);
  int (*work) (struct pool *p);
  int (*close) (struct pool *p);
  void (*abandon) (struct pool *p);
  int (*volume_open) (struct pool *p, const char *name, bool readonly,
                      const char *client, struct vdev **ret);
  int (*create) (struct pool *p, const char *volume, uint64_t size,
                 unsigned flags);
  int (*snapshot) (struct pool *p, const char *const *names, size_t nnames,
                   unsigned flags);
  int (*clone) (struct pool *p, const char *name, const char *volume,
                unsigned flags);
  int (*rollback) (struct pool *p, const char *snapshot, unsigned flags);
  int (*resize) (struct pool *p, const char *volume, uint64_t size,
                 unsigned flags);
  int (*rename) (struct pool *p, const char *name, const char *new_name);
  int (*remove) (struct pool *p, const char *name, unsigned flags);
  int (*grow) (struct pool *p, uint64_t capacity);
  int (*flush) (struct pool *p);
  int (*checkpoint) (struct pool *p);
  int (*reclaim) (struct pool *p);
  int (*import_begin) (struct pool *p, const char *volume, uint64_t size,
                       struct pool_import **ret);
  struct vdev *(*import_vdev) (struct pool_import *i);
  int (*import_commit) (struct pool_import *i);
  void (*import_drop) (struct pool_import *i);
  int (*list) (struct pool *p, bool exclusive,
               int (*fn) (void *opaque, const struct pool_volume_info *info),
               void *opaque);
  int (*check) (struct pool *p, const struct pool_check_options *options,
                struct pool_check_result *result);
  bool (*full) (struct pool *p);        /* may be NULL */
  int (*scrub) (struct pool *p, const struct pool_scrub_options *options,
                struct pool_scrub_info *result);        /* may be NULL */

  /* The rest may be NULL: of upgrade and repair, and for naming crash points.
   *
   * The pool on D, closed, becomes one that a release without a journal left,
   * closed or cut off.
   */
  int (*age) (struct vdev *d, bool closed);
  /* Something that repair restores whole is damaged; 0 = done, 1 = there is
   * nothing of that kind.
   */
  int (*damage) (struct vdev *d, struct base_rng *rng);
  int (*repair) (struct vdev *d, const struct pool_repair_options *options,
                 struct pool_repair_result *result);
  /* Is OFFSET, of what the pool of this geometry writes to D, a superblock? */
  bool (*is_super) (struct vdev *d, uint64_t offset);
};

extern const struct crash_engine crash_pool_engine;

#endif /* NBDVOL_CRASH_ENGINE_H */
