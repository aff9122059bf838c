/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A block that is written a thousand times between two flushes takes one
 * record, and what is written again goes where the write before the last one
 * stood; the same for 64 KiB, with another block written between.
 */

#include <config.h>

#include "counted-pool.h"
#include "devices-test.h"
#include "test.h"

#define CAPACITY (UINT64_C (64) << 20)
#define TIMES 1000

/* How many places data was written to. */
static unsigned
places (struct counted_pool *c)
{
  const struct recorder_log log = recorder_log (c->recorder);
  static bool seen[CAPACITY / COUNTED_BLOCK];
  unsigned n = 0;
  uint64_t at;
  size_t i;

  memset (seen, 0, sizeof seen);
  for (i = 0; i < log.n; ++i)
    if (log.ops[i].kind == RECORDER_WRITE)
      for (at = 0; at < log.ops[i].len; at += COUNTED_BLOCK) {
        bool *it = &seen[(log.ops[i].off + at) / COUNTED_BLOCK];

        n += !*it;
        *it = true;
      }
  return n;
}

static void
flush_is_one_block (struct counted_pool *c)
{
  struct counts n;

  counted_take (c);
  counted_flush (c);
  n = counted_take (c);
  CHECK_EQ_INT (n.flushes, 1);
  CHECK_EQ_INT (n.written, COUNTED_BLOCK);
}

TEST_MAIN
{
  struct counted_pool c;
  unsigned i;

  counted_open (&c, CAPACITY, UINT64_C (32) << 20);
  for (i = 0; i < TIMES; ++i)
    counted_write (&c, 7, 1);
  CHECK (places (&c) <= 3);
  flush_is_one_block (&c);

  /* 64 KiB at a time, and a block elsewhere between. */
  for (i = 0; i < TIMES; ++i) {
    counted_write (&c, 512, 16);
    counted_write (&c, 7, 1);
  }
  CHECK (places (&c) <= 3 * (16 + 1));
  flush_is_one_block (&c);
  counted_close (&c);
}
