/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What writes and the flush after them cost below: each write is one write of
 * its own length and nothing else, and the flush makes two flushes and
 * writes, beside the leaves that changed, a handful of blocks: the upper part
 * of the map, two bitmap nodes, the record, marker, superblock and twin.
 */

#include <config.h>

#include "counted-pool.h"
#include "test.h"

/* Root of the map, leaf and root of the space tree, leaf of the table,
 * marker, superblock, twin.
 */
#define OVERHEAD 7

struct pattern {
  const char *name;
  uint64_t first, step, blocks, n;      /* N writes of BLOCKS, STEP apart */
  uint64_t leaves;              /* of the map, that they are in */
};

static const struct pattern patterns[] = {
  { "one block", 5, 0, 1, 1, 1 },
  { "the same block eight times", 5, 0, 1, 8, 1 },
  { "eight blocks of one leaf", 16, 9, 1, 8, 1 },
  { "64 KiB", 512, 0, 16, 1, 1 },
  { "1 MiB", 768, 0, 256, 1, 1 },
  { "64 KiB across two leaves", 1020, 0, 16, 1, 2 },
  { "eight blocks of eight leaves", 77, 256, 1, 8, 8 },
  { "64 blocks of 32 leaves", 3, 128, 1, 64, 32 },
};

static void
check_pattern (struct counted_pool *c, const struct pattern *p,
               const char *state)
{
  const uint64_t bytes = p->n * p->blocks * COUNTED_BLOCK;
  struct counts n;
  uint64_t i;

  counted_take (c);
  for (i = 0; i < p->n; ++i)
    counted_write (c, p->first + i * p->step, p->blocks);
  n = counted_take (c);
  CHECK_MSG (n.writes == p->n && n.written == bytes && n.reads == 0
             && n.flushes == 0 && n.trims == 0,
             "%s (%s): %" PRIu64 " writes, %" PRIu64 " bytes, %" PRIu64
             " reads, %" PRIu64 " flushes", p->name, state, n.writes,
             n.written, n.reads, n.flushes);

  counted_flush (c);
  n = counted_take (c);
  CHECK_MSG (n.flushes >= 1 && n.flushes <= 2,
             "%s (%s): %" PRIu64 " flushes", p->name, state, n.flushes);
  CHECK_MSG (n.written <= (p->leaves + OVERHEAD) * COUNTED_BLOCK,
             "%s (%s): %" PRIu64 " blocks for the flush", p->name, state,
             n.written / COUNTED_BLOCK);
  CHECK_MSG (n.writes <= p->leaves + OVERHEAD && n.reads == 0 && n.trims == 0,
             "%s (%s): %" PRIu64 " writes, %" PRIu64 " reads, %" PRIu64
             " trims for the flush", p->name, state, n.writes, n.reads,
             n.trims);
}

TEST_MAIN
{
  struct counted_pool c;
  struct counts n;
  size_t i;

  counted_open (&c, UINT64_C (128) << 20, UINT64_C (100) << 20);
  /* Let the slabs be backed, which happens a few at a time. */
  counted_write (&c, 16384, 4096);
  CHECK_EQ_INT (vdev_trim (c.volume, 4096 * COUNTED_BLOCK,
                           16384 * COUNTED_BLOCK, 0), 0);
  counted_flush (&c);
  for (i = 0; i < BASE_ARRAY_SIZE (patterns); ++i) {
    check_pattern (&c, &patterns[i], "fresh");
    check_pattern (&c, &patterns[i], "overwrite");
  }

  /* FUA is a write and a flush. */
  counted_take (&c);
  CHECK_EQ_INT (vdev_write (c.volume, "x", 1, 5 * COUNTED_BLOCK, VDEV_FUA),
                0);
  n = counted_take (&c);
  CHECK (n.flushes <= 2);
  CHECK (n.written <= (1 + 1 + OVERHEAD) * COUNTED_BLOCK);
  CHECK_EQ_INT (n.reads, 1);
  counted_close (&c);
}
