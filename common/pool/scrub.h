/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scrub: what a pool knows of its scrub; scrub.c says what that is.
 */

#ifndef NBDVOL_POOL_SCRUB_H
#define NBDVOL_POOL_SCRUB_H

#include "base.h"
#include "pool.h"

struct scrub {
  struct base_mutex lock;
  struct base_cond ended;
  bool running, stop;           /* lock */
  struct pool_scrub_info info;  /* of the one that runs or the last; lock */
};

/* A bit per block: the scrub that runs has verified what the place holds now,
 * and if that is a node of a map, all below it.  Cleared when the place is
 * free again.  lock: space.lock.
 */
struct scrub_bits {
  uint64_t blocks;              /* those behind it have none */
  uint64_t bit[];
};

#endif /* NBDVOL_POOL_SCRUB_H */
