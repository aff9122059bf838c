/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scrub-world: a small pool with one of everything, and a list, made from its
 * bytes alone, of what each block is and what it costs if it is lost.
 *
 * The pool stands on an image, by a device that counts what is read, and at
 * which blocks can be made unreadable.  Failures end the test.
 */

#ifndef NBDVOL_SCRUB_WORLD_H
#define NBDVOL_SCRUB_WORLD_H

#include "crash-image.h"
#include "pool.h"

#define WORLD_BLOCK UINT64_C (4096)
#define WORLD_BLOCKS 2048

enum world_kind { WORLD_FREE, WORLD_RING, WORLD_FIXED, WORLD_TREE, WORLD_NODE,
                  WORLD_DATA };

/* Bytes of a volume. */
struct world_range {
  char volume[POOL_NAME_MAX + 1];
  uint64_t offset, length, id;
};
#define WORLD_RANGES 6

struct world_block {
  enum world_kind kind;
  char name[32];                /* FIXED, TREE */
  unsigned n;                   /* NODE, DATA: by id of the volumes */
  struct world_range range[WORLD_RANGES];
};

#define WORLD_DAMAGE 64

struct world_damage {
  struct pool_scrub_damage d;   /* volume: none of these survives; see name */
  char volume[POOL_NAME_MAX + 1], what[32], why[32];
};

struct scrub_world {
  struct image *image;
  struct vdev *disk;            /* reference; the pool has one more */
  struct vdev *inner;           /* the image's; borrowed from DISK */
  struct pool *p;
  struct world_block block[WORLD_BLOCKS];
  uint64_t bytes_read, writes;  /* since anybody set them to 0 */
  uint64_t unreadable;          /* this block; 0 = none */
  unsigned slow;                /* the read that takes 100 s; 0 = none */
  /* Of the last scrub. */
  struct world_damage damage[WORLD_DAMAGE];
  unsigned ndamage;
  struct pool_scrub_info result;
  /* The last event of kinds REPAIRED and CHECKSUM. */
  struct pool_event event;
  unsigned nevents;
};

/* A pool with volumes, a snapshot with blocks of its own, a clone; all of it
 * is in the trees.
 */
extern void world_make (struct scrub_world *w);
extern void world_reopen (struct scrub_world *w, bool readonly);
extern void world_end (struct scrub_world *w);
/* The same, without closing the pool. */
extern void world_abandon (struct scrub_world *w);
/* Fills in w->block from the image, which has been checkpointed. */
extern void world_look (struct scrub_world *w);
/* One scrub; OPTIONS may be NULL, its damage and opaque are set here. */
extern int world_scrub (struct scrub_world *w,
                        const struct pool_scrub_options *options);

#endif /* NBDVOL_SCRUB_WORLD_H */
