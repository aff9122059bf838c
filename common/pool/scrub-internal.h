/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scrub-internal: what the files of the scrub share.
 *
 *   scrub.c        one run: pace, progress, stopping, what is told of damage
 *   scrub-fixed.c  superblocks, markers, owner record
 *   scrub-tree.c   the pool's own trees
 *   scrub-map.c    maps and data of volumes and snapshots
 *
 * A struct scrub_job belongs to one run and to the thread that runs it; it
 * has no lock.  Functions return 0 or -errno, which ends the run; damage does
 * not.
 */

#ifndef NBDVOL_POOL_SCRUB_INTERNAL_H
#define NBDVOL_POOL_SCRUB_INTERNAL_H

#include "pool-internal.h"

#define SCRUB_STEP (256 * 1024) /* bytes read in one step, but for nodes */

/* A node on the path to the cursor. */
struct scrub_level {
  bool valid;
  bool whole;                   /* all before the cursor is verified */
  struct format_entry entry;    /* that names it */
  struct format_entry *e;       /* what it holds; one block */
};

struct scrub_job {
  struct pool *p;
  const struct pool_scrub_options *options;
  struct pool_scrub_info info;
  uint64_t began, due;          /* this step; what was read is paid for;
                                 * monotonic ns */
  uint64_t read;                /* bytes of this step */
  uint64_t *bad;                /* a bit per block: was found damaged */
  uint64_t nbad;                /* that many bits */
  char *data;                   /* SCRUB_STEP */
  void *block;

  struct volume *v;             /* reference; the volume under way */
  uint64_t size;                /* of it, bytes */
  uint64_t cursor;              /* logical blocks before it are done */
  struct scrub_level path[FORMAT_MAX_LEVELS];
  struct format_entry *leaf;    /* copy of a leaf that is not on disk yet */
};

/* ---- scrub.c ------------------------------------------------------------- */

/* Between two steps, with no lock held and not as a reader: waits as long as
 * the pace wants, tells how far it is.  -ECANCELED; -EIO poisoned.
 */
extern int scrub_pause (struct scrub_job *job);
/* N blocks at PLACE. */
extern int scrub_read (struct scrub_job *job, uint64_t place, uint64_t n,
                       void *buf);
/* Does R say something of what the backing holds? */
extern bool scrub_is_damage (int r);
/* 0 or -EBADMSG: BUF is what E names. */
extern int scrub_prove (const struct pool *p, const struct format_entry *e,
                        const void *buf);
/* Block E is bad below.  GOOD is what it has to hold: write it there.
 * 1 = it stands there now, 0 = it does not, -errno.
 */
extern int scrub_rewrite (struct scrub_job *job, const struct format_entry *e,
                          const void *good);
/* N blocks were verified. */
extern void scrub_done (struct scrub_job *job, uint64_t n);
/* R is why; PLACE says in D which block, and NBLOCKS behind it are bad too.
 * Counts and tells of it.
 */
extern void scrub_tell (struct scrub_job *job, struct pool_scrub_damage *d,
                        uint64_t nblocks, int r);

/* ---- the others ---------------------------------------------------------- */

extern int scrub_fixed (struct scrub_job *job);
extern int scrub_trees (struct scrub_job *job);
extern int scrub_maps (struct scrub_job *job);

#endif /* NBDVOL_POOL_SCRUB_INTERNAL_H */
