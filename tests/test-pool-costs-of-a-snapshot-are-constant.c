/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A snapshot or a clone costs the same for ten blocks and for twenty
 * thousand: two flushes and a handful of blocks, no read of the map.  Nor
 * does the first write after it copy anything: a block of 4 KiB is written as
 * 4 KiB, and the flush writes the leaves that changed once more and, once,
 * the counts of what is shared now.
 */

#include <config.h>

#include "counted-pool.h"
#include "test.h"

#define BLOCKS 8                /* written by a snapshot */
#define TOUCHES 64

static struct counts
cost_of_snapshot (struct counted_pool *c, const char *name)
{
  struct counts n;

  CHECK_EQ_INT (pool_checkpoint (c->pool), 0);
  counted_take (c);
  CHECK_EQ_INT (pool_snapshot (c->pool, &name, 1, 0), 0);
  n = counted_take (c);
  CHECK (n.flushes <= 2);
  CHECK_EQ_INT (n.reads, 0);
  CHECK_EQ_INT (n.trims, 0);
  CHECK_MSG (n.written <= BLOCKS * COUNTED_BLOCK,
             "%s: %" PRIu64 " blocks written", name,
             n.written / COUNTED_BLOCK);
  return n;
}

/* One block in each 64 KiB; 16 of these in a leaf. */
static void
check_first_touch (struct counted_pool *c)
{
  struct counts n;
  uint64_t i;

  counted_take (c);
  for (i = 0; i < TOUCHES; ++i)
    counted_write (c, 1024 + 16 * i, 1);
  n = counted_take (c);
  CHECK_EQ_INT (n.writes, TOUCHES);
  CHECK_EQ_INT (n.written, TOUCHES * COUNTED_BLOCK);
  CHECK_EQ_INT (n.reads, 0);
  CHECK_EQ_INT (n.flushes, 0);
  counted_flush (c);
  n = counted_take (c);
  CHECK_EQ_INT (n.flushes, 1);
  CHECK_EQ_INT (n.written, COUNTED_BLOCK);
  CHECK_EQ_INT (pool_checkpoint (c->pool), 0);
  n = counted_take (c);
  CHECK (n.flushes <= 2);
  CHECK_MSG (n.written <= (TOUCHES / 16 + 16) * COUNTED_BLOCK,
             "%" PRIu64 " blocks for the checkpoint after the first touch",
             n.written / COUNTED_BLOCK);
}

TEST_MAIN
{
  struct counted_pool c;
  struct counts few, many, n;

  counted_open (&c, UINT64_C (256) << 20, UINT64_C (200) << 20);
  counted_write (&c, 7, 10);
  few = cost_of_snapshot (&c, "v@few");
  counted_write (&c, 1024, 8192);
  counted_write (&c, 9216, 8192);
  counted_write (&c, 20000, 3616);
  many = cost_of_snapshot (&c, "v@many");
  CHECK_EQ_INT (many.writes, few.writes);
  CHECK_EQ_INT (many.written, few.written);
  check_first_touch (&c);
  n = cost_of_snapshot (&c, "v@again");
  CHECK_EQ_INT (n.written, few.written);

  CHECK_EQ_INT (pool_clone (c.pool, "v@many", "w", 0), 0);
  n = counted_take (&c);
  CHECK (n.flushes <= 2);
  CHECK_EQ_INT (n.reads, 0);
  CHECK (n.written <= (BLOCKS + 1) * COUNTED_BLOCK);
  counted_close (&c);
}
