/* SPDX-License-Identifier: BSD-3-Clause
 *
 * history: what clients did to a volume, and whether an image of it is one
 * that this can have led to.
 *
 * Writers stamp whole sectors with numbers that are never used twice and
 * note when each request was issued and when it was answered, by one logical
 * clock.  An image (a snapshot, or what is left after a crash) shows for each
 * sector the stamp it holds.  The rules:
 *
 *   range      a stamp stands in a sector that its request wrote
 *   future     none was issued after the image was complete
 *   lost       the image has a moment T: not before it was asked for, and not
 *              before the issue of any stamp it shows.  No sector shows
 *              something that a request answered before T had overwritten
 *   half       a request is in the image with all of its sectors or none
 *   order      per sector: one order of all writes explains all images
 *
 * "Overwritten" means answered before the other was issued: requests that
 * overlapped in time may have happened in either order.
 */

#ifndef NBDVOL_HISTORY_H
#define NBDVOL_HISTORY_H

#include <stdatomic.h>

#include "base.h"

#define HISTORY_SECTOR 512
#define HISTORY_NEVER UINT64_MAX

struct history_op {
  uint64_t first, count;        /* sectors */
  bool zero;                    /* trim or zero: its sectors read 0 */
  bool fua;
  uint64_t issued;
  uint64_t answered;            /* HISTORY_NEVER: no answer */
};

BASE_VECTOR (history_ops, struct history_op);
BASE_VECTOR (history_index, uint32_t);

struct history {
  uint64_t sectors;             /* of the volume */
  _Atomic uint64_t clock;
  struct base_mutex mutex;
  struct history_ops ops;       /* lock: mutex; stamp N is ops[N - base - 1] */
  uint64_t base;                /* stamps up to here are of earlier runs */
  uint64_t *before;             /* per sector: its stamp when the run began */
  uint64_t durable;             /* lock: mutex; issue of the newest flush that
                                 * was answered */
};

/* One image of the volume. */
struct history_image {
  uint64_t *stamp;              /* per sector; 0 = zeroes */
  uint64_t asked, complete;     /* the clock */
  char name[64];
};

extern void history_init (struct history *h, uint64_t sectors);
extern void history_free (struct history *h);

extern uint64_t history_tick (struct history *h);

/* Note a request.  Returns its stamp.  */
extern uint64_t history_issue (struct history *h, uint64_t first,
                               uint64_t count, bool zero, bool fua);
extern void history_answer (struct history *h, uint64_t stamp);
/* A flush that was issued at ISSUED has been answered. */
extern void history_flushed (struct history *h, uint64_t issued);

/* Fill BUF with the sectors FIRST ... of STAMP. */
extern void history_fill (uint8_t *buf, uint64_t stamp, uint64_t first,
                          uint64_t count);
/* The stamp in the sector BUF, which is number SECTOR; false if it is not
 * whole.
 */
extern bool history_read (const uint8_t *buf, uint64_t sector,
                          uint64_t *stamp);

/* The rules range, future, lost and half.  AFTER_CRASH: T is the durable
 * moment instead of the asking.  Returns the number of violations; the first
 * few are printed.
 */
extern unsigned history_check (struct history *h,
                               const struct history_image *image,
                               bool after_crash);

/* The rule order, over all images of the run. */
extern unsigned history_check_order (struct history *h,
                                     const struct history_image *images,
                                     size_t nimages);

/* Begin the next run with what IMAGE holds. */
extern void history_restart (struct history *h,
                             const struct history_image *image);

#endif /* NBDVOL_HISTORY_H */
