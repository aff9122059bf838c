/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A read makes one read below for each run of blocks that were written
 * together, none for holes, and never a write.  With no map in memory it
 * reads the path to the leaf once, and then no more.
 */

#include <config.h>

#include "counted-pool.h"
#include "test.h"

#define LEVELS 2                /* of the map of a volume of 100 MiB */

static void
check_read (struct counted_pool *c, const char *what, uint64_t block,
            uint64_t nblocks, uint64_t reads)
{
  static uint8_t buf[16 * COUNTED_BLOCK];
  struct counts n;

  counted_take (c);
  CHECK_EQ_INT (vdev_read (c->volume, buf, nblocks * COUNTED_BLOCK,
                           block * COUNTED_BLOCK), 0);
  n = counted_take (c);
  CHECK_MSG (n.reads == reads, "%s: %" PRIu64 " reads, not %" PRIu64, what,
             n.reads, reads);
  CHECK_EQ_INT (n.writes, 0);
  CHECK_EQ_INT (n.flushes, 0);
}

/* A long read goes in pieces, and places may have a gap or two. */
static void
check_long_read (struct counted_pool *c)
{
  static uint8_t buf[256 * COUNTED_BLOCK];
  struct counts n;

  counted_take (c);
  CHECK_EQ_INT (vdev_read (c->volume, buf, sizeof buf, sizeof buf), 0);
  n = counted_take (c);
  CHECK_MSG (n.reads <= 8, "1 MiB: %" PRIu64 " reads", n.reads);
}

TEST_MAIN
{
  struct counted_pool c;
  uint64_t i;

  counted_open (&c, UINT64_C (128) << 20, UINT64_C (100) << 20);
  counted_write (&c, 256, 256);
  for (i = 0; i < 8; ++i)
    counted_write (&c, 1024 + 2 * i, 1);
  check_read (&c, "before the flush", 300, 1, 1);
  counted_flush (&c);
  check_read (&c, "4 KiB", 300, 1, 1);
  check_read (&c, "64 KiB written at once", 320, 16, 1);
  check_long_read (&c);
  check_read (&c, "a hole", 4096, 16, 0);
  check_read (&c, "every other block", 1024, 16, 8);

  counted_reopen (&c);
  check_read (&c, "4 KiB, no map in memory", 300, 1, LEVELS + 1);
  check_read (&c, "4 KiB of the same leaf", 400, 1, 1);
  check_read (&c, "4 KiB of another leaf", 1024, 1, 1 + 1);
  check_read (&c, "a hole where there is no leaf", 4096, 16, 0);
  counted_close (&c);
}
