/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the volatile device: volatile-hold.c (what is held, and how it
 * goes down) and volatile.c (the operations).
 */

#ifndef NBDVOL_VOLATILE_INTERNAL_H
#define NBDVOL_VOLATILE_INTERNAL_H

#include "devices-test.h"

#define PAGE_SIZE 4096u
#define GROUP_PAGES 64u
#define GROUP_SIZE (PAGE_SIZE * GROUP_PAGES)
#define SECTOR 512u
#define SHARDS 16u
#define ALL_SECTORS 0xff

struct group {
  uint64_t number;
  unsigned held;                /* pages with dirty != 0 */
  uint8_t *page[GROUP_PAGES];   /* NULL with dirty != 0: zeroes */
  uint8_t dirty[GROUP_PAGES];   /* bit per sector */
};

struct shard {
  struct base_mutex lock;       /* of everything in the shard */
  struct group **slot;          /* open addressing; size a power of two */
  size_t nslots, used;
};

struct volatile_device {
  struct vdev_pass p;
  struct shard shard[SHARDS];
  struct base_mutex rng_lock;   /* after a shard's */
  struct base_rng rng;          /* lock: rng_lock */
  uint64_t seed;                /* fixed */
  unsigned early;               /* fixed */
  _Atomic uint64_t held;        /* sectors */
};

BASE_VECTOR (number_vector, uint64_t);

static inline struct shard *
volatile_shard (struct volatile_device *v, uint64_t number)
{
  return &v->shard[number % SHARDS];
}

/* ---- with the lock of the shard ------------------------------------------ */

extern struct group *volatile_find_group (struct shard *s, uint64_t number);
extern int volatile_make_group (struct shard *s, uint64_t number,
                                struct group **ret);
/* Set which sectors of page I the child lacks; none: the page goes away. */
extern void volatile_set_dirty (struct volatile_device *v, struct group *g,
                                unsigned i, uint8_t dirty);
/* Bytes of the page at OFF that are inside the device. */
extern size_t volatile_page_bytes (struct volatile_device *v, uint64_t off);

/* ---- without any lock ---------------------------------------------------- */

/* Perhaps pass something down before its time. */
extern int volatile_pass_early (struct volatile_device *v);
extern int volatile_pass_all (struct volatile_device *v);
/* The numbers of all groups that hold something, in no order. */
extern int volatile_list_groups (struct volatile_device *v,
                                 struct number_vector *list);

#endif /* NBDVOL_VOLATILE_INTERNAL_H */
