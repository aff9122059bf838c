/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A snapshot, a clone, a rename, a rollback and the removal of any of them
 * cost the same for a map of one leaf and of a hundred, also when nothing of
 * it is in memory: the root is shared, and whatever has to be looked at is
 * looked at later, by background work in steps that are bounded.
 */

#include <config.h>

#include "counted-pool.h"
#include "test.h"

#define MOST_READS 3            /* pages of counts; not the map */
#define STEP_READS 40           /* of one step of reclaiming */

static struct counts
cost (struct counted_pool *c, int r)
{
  struct counts n = counted_take (c);

  CHECK_EQ_INT (r, 0);
  CHECK_MSG (n.reads <= MOST_READS, "%" PRIu64 " reads", n.reads);
  CHECK_EQ_INT (n.trims, 0);
  return n;
}

static void
same (const char *what, const struct counts *few, const struct counts *many)
{
  CHECK_MSG (many->written <= few->written + 2 * COUNTED_BLOCK
             && many->flushes == few->flushes,
             "%s: %" PRIu64 " blocks and %" PRIu64 " flushes for many, %"
             PRIu64 " and %" PRIu64 " for few", what,
             many->written / COUNTED_BLOCK, many->flushes,
             few->written / COUNTED_BLOCK, few->flushes);
}

enum { SNAPSHOT, CLONE, RENAME, ROLLBACK, REMOVE_CLONE, REMOVE, VERBS };
static const char *const names[] = {
  "snapshot", "clone", "rename", "rollback", "rm of a clone",
  "rm of a snapshot" };

/* The volume's old map was shared and is not walked; the volume itself now is
 * the only one left of those that had LEAVES leaves.
 */
static void
check_steps (struct counted_pool *c, uint64_t leaves)
{
  struct counts n;
  unsigned steps = 0;
  int r;

  CHECK_EQ_INT (pool_reclaim (c->pool), 0);
  vdev_unref (c->volume);
  CHECK_EQ_INT (pool_create (c->pool, "y", 1 << 20, 0), 0);
  CHECK_EQ_INT (pool_remove (c->pool, "v", 0), 0);
  counted_take (c);
  do {
    r = pool_work (c->pool);
    CHECK (r >= 0);
    n = counted_take (c);
    CHECK_MSG (n.reads <= STEP_READS, "a step of reclaiming reads %" PRIu64
               " blocks", n.reads);
    steps++;
  } while (r == 1 && n.trims == 0);
  CHECK (steps > leaves / 34);
  CHECK_EQ_INT (pool_volume_open (c->pool, "y", false, NULL, &c->volume), 0);
}

/* All of them on a volume of LEAVES leaves, in a pool just opened. */
static void
measure (uint64_t leaves, struct counts *n)
{
  struct counted_pool c;
  uint64_t i;

  counted_open (&c, UINT64_C (256) << 20, UINT64_C (128) << 20);
  for (i = 0; i < leaves; i++)
    counted_write (&c, i * 256, 8);
  counted_reopen (&c);
  n[SNAPSHOT] = cost (&c, pool_snapshot (c.pool, &(const char *) { "v@s" }, 1,
                                         0));
  n[CLONE] = cost (&c, pool_clone (c.pool, "v@s", "w", 0));
  n[RENAME] = cost (&c, pool_rename (c.pool, "w", "x"));
  vdev_unref (c.volume);
  n[ROLLBACK] = cost (&c, pool_rollback (c.pool, "v@s", 0));
  n[REMOVE_CLONE] = cost (&c, pool_remove (c.pool, "x", 0));
  n[REMOVE] = cost (&c, pool_remove (c.pool, "v@s", 0));
  CHECK_EQ_INT (pool_volume_open (c.pool, "v", false, NULL, &c.volume), 0);
  check_steps (&c, leaves);
  counted_close (&c);
}

TEST_MAIN
{
  struct counts few[VERBS], many[VERBS];
  unsigned i;

  printf ("directed: the same on every run, as if by SEED=0\n");
  measure (1, few);
  measure (100, many);
  for (i = 0; i < VERBS; i++)
    same (names[i], &few[i], &many[i]);
}
