/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-image-internal: nodes in memory, shared by pool-image.c (which makes
 * and shares them) and pool-layout.c (which writes them down).
 */

#ifndef NBDVOL_TEST_POOL_IMAGE_INTERNAL_H
#define NBDVOL_TEST_POOL_IMAGE_INTERNAL_H

#include "pool-image.h"

struct pi_entry {
  struct pi_node *child;        /* level > 0; NULL: hole */
  uint64_t place, stamp;        /* level 0 */
  uint32_t birth;               /* level 0 */
  uint8_t type;                 /* level 0 */
  bool stale;                   /* orphan, below its cursor: was something */
};

struct pi_node {
  unsigned level;
  uint32_t refs;                /* parents: nodes and records */
  uint32_t birth;               /* 0: not yet in any commit */
  uint64_t place;               /* pi_finish; 0: not yet */
  struct pi_entry e[];          /* fan of them */
};

extern void *pi_alloc (size_t n, size_t size);
extern uint64_t pi_place (struct pi *p);
/* Nodes that are in no commit yet are in one now, in this epoch. */
extern void pi_stamp_births (struct pi *p);

#endif /* NBDVOL_TEST_POOL_IMAGE_INTERNAL_H */
