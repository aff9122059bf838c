/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fill: how full the pool is, and which thresholds that has reached.
 */

#ifndef NBDVOL_POOL_FILL_H
#define NBDVOL_POOL_FILL_H

#include <stdatomic.h>

#include "base.h"
#include "pool.h"

struct fill {
  struct base_mutex lock;       /* what is said comes in order */
  bool opened;                  /* lock: before that nothing is said */
  atomic_bool moved;            /* a bound was passed: fill_update is wanted */
  /* To change these takes `lock` and space.lock, to read them either. */
  unsigned reached;             /* how many thresholds */
  uint64_t crossed[POOL_FILL_THRESHOLDS];       /* times */
  int64_t up, down;             /* blocks taken at which `reached` changes */
};

struct fill_figures {
  uint64_t usable, available;   /* bytes, as in pool_info */
  uint64_t used;                /* usable - available - set aside */
  unsigned percent;
};
extern void fill_figures_locked (struct pool *p, struct fill_figures *f);
/* Space was taken or given back: note it if a threshold was passed.
 * space.lock held.
 */
extern void fill_look_locked (struct pool *p);
/* The pool is open: say what it has reached already. */
extern void fill_begin (struct pool *p);
/* Say what was passed.  The caller holds no lock that comes after
 * fill.lock. */
extern void fill_update (struct pool *p);
/* The same, if there may be something to say. */
extern void fill_say (struct pool *p);

#endif /* NBDVOL_POOL_FILL_H */
