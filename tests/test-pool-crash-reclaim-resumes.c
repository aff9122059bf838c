/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reclaiming goes on where it stood.  A removed map with more leaves than one
 * step takes comes back over several commits; the process is killed between
 * any two of them, the volume is written to meanwhile, and the power fails at
 * every moment: nothing is freed twice, nothing is forgotten, and what others
 * share stays.
 */

#include <config.h>

#include "crash-try.h"
#include "test.h"

#define B ORACLE_PAGE
#define LEAF (UINT64_C (256) * B)       /* mapped by one leaf */
#define LEAVES 40               /* a step takes 32 */

static uint64_t
now (struct bench *b)
{
  return crash_world_position (&b->w);
}

static void
one_block_per_leaf (struct bench *b, unsigned first, unsigned step,
                    uint64_t stamp)
{
  unsigned i;

  for (i = first; i < LEAVES; i += step)
    BENCH_DO (b, .kind = CRASH_WRITE, .off = i * LEAF + i % 7 * B, .len = B,
              .stamp = stamp * 1000 + 8 * i + 1);
  BENCH_DO (b, .kind = CRASH_FLUSH, .pool_wide = true);
}

/* Step by step until nothing is left.  KILLS: a new process each time.
 * WRITES: of the volume meanwhile.
 */
static void
reclaim (struct bench *b, bool kills, bool writes)
{
  uint64_t from = now (b), point;
  unsigned i;

  for (i = 0; i < 4; i++) {
    BENCH_DO (b, .kind = CRASH_RECLAIM, .steps = 1);
    BENCH_DO (b, .kind = CRASH_CHECK);
    if (writes)
      one_block_per_leaf (b, i % 5, 11, 10 + i);
    if (kills)
      BENCH_DO (b, .kind = CRASH_KILL);
  }
  for (point = from; point <= now (b); point++) {
    bench_crash (b, point, 0);
    bench_crash (b, point, UINT64_MAX);
  }
}

static void
removed (bool kills)
{
  struct bench b;

  bench_init (&b, &crash_pool_engine, 320, LEAVES * 256);
  one_block_per_leaf (&b, 0, 1, 1);
  BENCH_DO (&b, .kind = CRASH_SNAPSHOT, .snap = 0);
  /* Every third leaf is the volume's own by now. */
  one_block_per_leaf (&b, 0, 3, 2);
  BENCH_DO (&b, .kind = CRASH_REMOVE, .on_snapshot = true, .snap = 0);
  reclaim (&b, kills, true);
  BENCH_DO (&b, .kind = CRASH_REMOVE, .vol = 0);
  reclaim (&b, kills, false);
  bench_fini (&b);
}

TEST_MAIN
{
  printf ("directed: the same on every run, as if by SEED=0\n");
  removed (false);
  removed (true);
}
