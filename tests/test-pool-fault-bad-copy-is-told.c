/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One bad copy of a superblock does no harm, but whoever opens the pool is
 * told: an event says how many of the four are damaged, also when the pool
 * is opened read-only and cannot mend them.  A pool in which all is well says
 * nothing.
 */

#include <config.h>

#include "crash-try.h"
#include "format.h"
#include "test.h"

#define B ORACLE_PAGE
#define BLOCKS 64

/* How many copies opening I complains of, from its events; 0 = none. */
static unsigned
told (const struct image *i, bool readonly)
{
  struct pool_options o = { .readonly = readonly };
  struct image *copy = image_overlay (i);
  struct pool_event e[10];
  struct vdev *disk = image_vdev (copy);
  struct pool *p;
  unsigned bad = 0;
  size_t k, n;

  CHECK (pool_open (vdev_ref (disk), &o, &p) == 0);
  n = pool_events (p, 0, e, BASE_ARRAY_SIZE (e));
  CHECK (n > 0);
  for (k = 0; k < n; k++)
    if (e[k].kind == POOL_EVENT_REPAIRED) {
      CHECK_EQ_INT (bad, 0);
      CHECK_EQ_INT (sscanf (e[k].text, "%u of 4", &bad), 1);
    }
  pool_abandon (p);
  vdev_unref (disk);
  image_free (copy);
  return bad;
}

TEST_MAIN
{
  static const uint64_t where[] = {
    FORMAT_SLOT_A, (BLOCKS - 2) * (uint64_t) B,
    FORMAT_SLOT_B, (BLOCKS - 1) * (uint64_t) B };
  struct image *whole, *i;
  struct bench b;
  unsigned k, readonly;

  printf ("directed: the same on every run, as if by SEED=0\n");
  bench_init (&b, &crash_pool_engine, BLOCKS, 8);
  BENCH_DO (&b, .kind = CRASH_WRITE, .off = 0, .len = 3 * B, .stamp = 1);
  crash_actor_close (&b.a, 0);
  CHECK_MSG (crash_world_close (&b.w), "%s", b.w.failure);
  whole = bench_cut (&b, crash_world_position (&b.w), UINT64_MAX);
  for (readonly = 0; readonly < 2; readonly++) {
    CHECK_EQ_INT (told (whole, readonly), 0);
    for (k = 0; k < BASE_ARRAY_SIZE (where); k++) {
      i = image_overlay (whole);
      image_write (i, "rot", 3, where[k] + 200);
      CHECK_EQ_INT (told (i, readonly), 1);
      image_write (i, "rot", 3, where[(k + 2) % 4] + 300);
      CHECK_EQ_INT (told (i, readonly), 2);
      image_free (i);
    }
  }
  image_free (whole);
  crash_actor_fini (&b.a);
  crash_world_fini (&b.w);
  image_free (b.image);
  image_free (b.blank);
}
