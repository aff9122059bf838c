/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The step `amplify` of pool-cost: what the backing is given for each byte
 * that the client wrote, counted where the pool meets its device.
 *
 * Without checkpoints: no thread runs behind the requests, and what is written
 * is data and journal.  With checkpoints: the pool is started as a server does
 * it, 4 KiB are written at random over all that is mapped, first until the
 * state no longer changes, and then they are counted.  Flushes that are not a
 * client's are counted too, by the second.
 *
 * The pool is of 16 GiB and holds 14 GiB of data, so all of it is in use and
 * nothing grows any more.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "cost.h"

#define GIB (UINT64_C (1) << 30)
#define MAPPED (14 * GIB)
#define PIECE (UINT64_C (1) << 20)
#define EVERY UINT64_C (1000)   /* writes between flushes */
#define SPACED 16               /* blocks between first touches */

static struct cost_pool amplified = { .name = "amplify",
                                      .capacity = 16 * GIB };

/* What N writes cost. */
struct amplified { double bytes, flushes, seconds; };

static void
write_block (struct cost_pool *c, uint64_t block)
{
  must (vdev_write (c->volume, cost_block, BLOCK, block * BLOCK, 0));
}

/* N writes, to random blocks or, if STEP is not 0, to each STEP-th, a flush
 * after each EVERY.
 */
static struct amplified
amplify (struct cost_pool *c, uint64_t n, uint64_t every, uint64_t step)
{
  const uint64_t blocks = MAPPED / BLOCK / cost_scale;
  const double start = cost_wall_us ();
  struct constdev_counts before, after;
  uint64_t i;

  constdev_counts (c->backing, &before);
  for (i = 0; i < n; ++i) {
    write_block (c, step ? i * step : base_rng_below (&cost_rng, blocks));
    if ((i + 1) % every == 0)
      must (vdev_flush (c->volume));
  }
  constdev_counts (c->backing, &after);
  return (struct amplified) {
    .bytes = (double) (after.written - before.written) / (double) (n * BLOCK),
    .flushes = (double) (after.flushes - before.flushes)
      - (double) (n / every),
    .seconds = (cost_wall_us () - start) / 1e6,
  };
}

static void
report (const char *what, struct amplified a)
{
  printf ("amplify.%s.bytes=%.3f\n", what, a.bytes);
  printf ("amplify.%s.more-flushes=%.0f\n", what, a.flushes);
  printf ("amplify.%s.seconds=%.2f\n", what, a.seconds);
}

static void
make (struct cost_pool *c)
{
  uint8_t *piece = base_malloc (PIECE);
  uint64_t off;

  if (piece == NULL)
    cost_die ("out of memory");
  for (off = 0; off < PIECE; off += BLOCK)
    memcpy (piece + off, cost_block, BLOCK);
  cost_make (c);
  cost_open (c);
  for (off = 0; off < MAPPED / cost_scale; off += PIECE)
    must (vdev_write (c->volume, piece, PIECE, off, 0));
  cost_close (c);
  free (piece);
}

static void
without_checkpoints (struct cost_pool *c)
{
  const char *snapshot[] = { "root@before" };

  cost_open_quiet (c);
  report ("plain.each", amplify (c, EVERY, 1, 0));
  report ("plain.thousand", amplify (c, 20 * EVERY, EVERY, 0));
  must (pool_snapshot (c->pool, snapshot, 1, 0));
  report ("plain.touch", amplify (c, 4 * EVERY, EVERY, SPACED));
  must (pool_remove (c->pool, snapshot[0], 0));
  must (pool_reclaim (c->pool));
  cost_close (c);
}

static void
with_checkpoints (struct cost_pool *c, const char *what, uint64_t n,
                  uint64_t every)
{
  struct amplified a;

  amplify (c, n, every, 0);
  a = amplify (c, n, every, 0);
  report (what, a);
  printf ("amplify.%s.pairs-a-second=%.3f\n", what, a.flushes / 2 / a.seconds);
}

void
cost_amplify (void)
{
  struct cost_pool *c = &amplified;

  make (c);
  without_checkpoints (c);
  cost_open (c);
  with_checkpoints (c, "all.each", 40000 / cost_scale, 1);
  with_checkpoints (c, "all.thousand", 3000000 / cost_scale, EVERY);
  cost_close (c);
}
