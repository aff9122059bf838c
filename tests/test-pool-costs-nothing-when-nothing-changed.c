/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A flush after which nothing new is durable makes no I/O at all: clients
 * flush out of habit, and a commit that writes the same state again would
 * cost two flushes of the disk.
 */

#include <config.h>

#include "counted-pool.h"
#include "test.h"

static void
check_free (struct counted_pool *c, const char *after)
{
  struct counts n;

  counted_take (c);
  counted_flush (c);
  n = counted_take (c);
  CHECK_MSG (n.reads == 0 && n.writes == 0 && n.flushes == 0 && n.trims == 0,
             "a flush after %s cost %" PRIu64 " writes, %" PRIu64 " flushes",
             after, n.writes, n.flushes);
}

TEST_MAIN
{
  struct counted_pool c;
  uint8_t buf[COUNTED_BLOCK];

  counted_open (&c, UINT64_C (64) << 20, UINT64_C (48) << 20);
  check_free (&c, "opening");
  counted_write (&c, 5, 3);
  counted_flush (&c);
  check_free (&c, "a flush");
  CHECK_EQ_INT (vdev_read (c.volume, buf, sizeof buf, 5 * COUNTED_BLOCK), 0);
  check_free (&c, "a read");
  CHECK_EQ_INT (vdev_trim (c.volume, 1 << 20, 8 << 20, 0), 0);
  check_free (&c, "a trim of what is a hole");
  CHECK_EQ_INT (vdev_zero (c.volume, 1 << 20, 8 << 20, VDEV_MAY_TRIM), 0);
  check_free (&c, "a zero of what is a hole");
  CHECK_EQ_INT (vdev_write (c.volume, buf, sizeof buf, 9 * COUNTED_BLOCK,
                            VDEV_FUA), 0);
  check_free (&c, "a write with FUA");
  CHECK_EQ_INT (pool_snapshot (c.pool, (const char *[]) { "v@s" }, 1, 0), 0);
  check_free (&c, "a snapshot");
  CHECK_EQ_INT (pool_create (c.pool, "v", 1 << 20, 0), -EEXIST);
  check_free (&c, "a verb that was refused");
  CHECK_EQ_INT (pool_remove (c.pool, "v@s", 0), 0);
  CHECK_EQ_INT (pool_reclaim (c.pool), 0);
  check_free (&c, "a reclaim");
  counted_reopen (&c);
  check_free (&c, "opening again");
  counted_close (&c);
}
