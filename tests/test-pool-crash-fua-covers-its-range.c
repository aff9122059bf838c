/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What FUA promises, where it is easily forgotten.  A request that is so long
 * that it goes in pieces waits for the transaction its last piece joined,
 * also when commits happened in between; and a trim that finds a hole waits
 * for whatever made the hole.  Behind each answer the power fails, and
 * nothing is left that was not flushed.
 */

#include <config.h>

#include "crash-try.h"
#include "test.h"

#define B ORACLE_PAGE

static uint64_t
now (struct bench *b)
{
  return crash_world_position (&b->w);
}

/* In a pool that is full: the pieces need commits to go on. */
static void
long_writes (void)
{
  struct bench b;
  unsigned i;

  bench_init (&b, &crash_pool_engine, 128, 32);
  BENCH_DO (&b, .kind = CRASH_LARGE, .off = 0, .len = 32 * B, .stamp = 1);
  BENCH_DO (&b, .kind = CRASH_CREATE, .vol = 1, .len = 128 * B);
  for (i = 0; i < 128; i++)     /* refused at last */
    BENCH_DO (&b, .kind = CRASH_WRITE, .vol = 1, .off = i * B, .len = B,
              .stamp = 8 * i + 3);
  BENCH_DO (&b, .kind = CRASH_FLUSH, .pool_wide = true);
  CHECK (b.w.refused > 0);
  for (i = 0; i < 6; i++) {
    const size_t cuts = b.w.timeline.ncuts;

    BENCH_DO (&b, .kind = CRASH_FUA, .off = i * 512, .len = 31 * B,
              .flags = VDEV_FUA, .stamp = 8 * i + 5);
    CHECK (b.w.timeline.ncuts > cuts + 1);
    bench_crash (&b, now (&b), 0);
  }
  bench_fini (&b);
}

/* The hole is somebody else's: nothing is left to do but to wait. */
static void
holes (bool zero)
{
  struct bench b;
  unsigned i;

  bench_init (&b, &crash_pool_engine, 64, 8);
  for (i = 0; i < 3; i++) {
    BENCH_DO (&b, .kind = CRASH_WRITE, .off = 0, .len = 8 * B,
              .stamp = 8 * i + 1);
    BENCH_DO (&b, .kind = CRASH_FLUSH, .pool_wide = true);
    if (i == 0)
      BENCH_DO (&b, .kind = CRASH_TRIM, .off = B, .len = 4 * B);
    else if (i == 1)
      BENCH_DO (&b, .kind = CRASH_ZERO, .off = 0, .len = 8 * B);
    else                        /* in part */
      BENCH_DO (&b, .kind = CRASH_TRIM, .off = 2 * B, .len = 2 * B);
    BENCH_DO (&b, .kind = zero ? CRASH_ZERO : CRASH_TRIM, .off = 2 * B,
              .len = 2 * B, .flags = VDEV_FUA);
    /* It changed nothing, so the oracle holds it to nothing by itself. */
    crash_promise (&b.w, b.w.changes);
    bench_crash (&b, now (&b), 0);
  }
  bench_fini (&b);
}

TEST_MAIN
{
  printf ("directed: the same on every run, as if by SEED=0\n");
  long_writes ();
  holes (false);
  holes (true);
}
