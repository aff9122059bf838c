/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A flush after one write and after eight is one flush of the backing and one
 * block of the journal; a flush with nothing new costs nothing; and a
 * checkpoint is two flushes.
 */

#include <config.h>

#include "counted-pool.h"
#include "test.h"

static void
after_writes (struct counted_pool *c, unsigned writes)
{
  struct counts n;
  unsigned i;

  for (i = 0; i < writes; ++i)
    counted_write (c, 1000 * i + writes, 1);
  counted_flush (c);
  n = counted_take (c);
  CHECK_EQ_INT (n.flushes, 1);
  CHECK_EQ_INT (n.writes, writes + 1);
  CHECK_EQ_INT (n.written, (writes + 1) * COUNTED_BLOCK);
  CHECK_EQ_INT (n.trims, 0);

  counted_flush (c);
  n = counted_take (c);
  CHECK_EQ_INT (n.flushes, 0);
  CHECK_EQ_INT (n.writes, 0);
}

static void
after_fua (struct counted_pool *c)
{
  static char buf[COUNTED_BLOCK] = { 1 };
  struct counts n;

  CHECK_EQ_INT (vdev_write (c->volume, buf, sizeof buf, 0, VDEV_FUA), 0);
  n = counted_take (c);
  CHECK_EQ_INT (n.flushes, 1);
  CHECK_EQ_INT (n.written, 2 * COUNTED_BLOCK);
  CHECK_EQ_INT (vdev_trim (c->volume, sizeof buf, 0, VDEV_FUA), 0);
  n = counted_take (c);
  CHECK_EQ_INT (n.flushes, 1);
  CHECK_EQ_INT (n.written, COUNTED_BLOCK);
}

TEST_MAIN
{
  struct counted_pool c;
  struct counts n;

  counted_open (&c, UINT64_C (256) << 20, UINT64_C (200) << 20);
  after_writes (&c, 1);
  after_writes (&c, 8);
  after_writes (&c, 1);
  after_fua (&c);

  CHECK_EQ_INT (pool_checkpoint (c.pool), 0);
  n = counted_take (&c);
  CHECK_EQ_INT (n.flushes, 2);
  after_writes (&c, 8);
  counted_close (&c);
}
