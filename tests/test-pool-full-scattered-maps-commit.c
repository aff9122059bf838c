/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The most expensive transactions fit.  Volumes with one or two blocks in
 * each leaf of a map of two levels, on pools so small and so full that a
 * commit needs all that was kept for it: for copies of as many nodes as one
 * transaction may hold, for new ones, for those that a snapshot shares, and
 * for counts, bitmaps and records, while the old state still stands.  No
 * flush may fail, overwrites and trims are never refused, and everything is
 * as the oracle says.
 */

#include <config.h>

#include "crash-try.h"
#include "test.h"

#define B ORACLE_PAGE
#define LEAF (UINT64_C (256) * B)
#define LEAVES 30
#define PER_LEAF 2              /* blocks of a leaf that are used */

static struct base_rng rng;

static uint64_t
some (uint64_t n)
{
  return base_rng_below (&rng, n);
}

static uint64_t
block (uint64_t leaf)
{
  return leaf * LEAF + some (PER_LEAF) * B;
}

static void
put (struct bench *b, uint8_t vol, uint64_t at)
{
  BENCH_DO (b, .kind = CRASH_WRITE, .vol = vol, .off = at, .len = B,
            .stamp = 8 * some (1 << 20) + 1);
}

/* Leaf after leaf from one by chance on, without a commit of ours between. */
static void
sweep (struct bench *b, uint8_t vol, uint64_t n, uint64_t writes)
{
  uint64_t i, first = some (LEAVES);

  for (i = 0; i < n; i++) {
    const uint64_t at = block ((first + i) % LEAVES);

    if (i < writes)
      put (b, vol, at);
    else
      BENCH_DO (b, .kind = CRASH_TRIM, .vol = vol, .off = at, .len = B);
  }
  BENCH_DO (b, .kind = CRASH_FLUSH, .pool_wide = true);
}

static void
step (struct bench *b)
{
  const uint8_t vol = (uint8_t) some (2);
  const uint8_t snap = (uint8_t) some (2);
  uint64_t i, n;

  switch (some (12)) {
  case 0:
    BENCH_DO (b, .kind = CRASH_SNAPSHOT, .vol = vol, .snap = snap);
    break;
  case 1:
    BENCH_DO (b, .kind = CRASH_REMOVE, .vol = vol, .on_snapshot = true,
              .snap = snap);
    BENCH_DO (b, .kind = CRASH_RECLAIM, .steps = (uint8_t) some (3));
    break;
  case 2:
    BENCH_DO (b, .kind = CRASH_TRIM, .vol = vol, .off = some (LEAVES) * LEAF,
              .len = some (LEAVES) * LEAF + B);
    break;
  case 3:
    if (some (2))
      BENCH_DO (b, .kind = CRASH_CLONE, .vol = vol, .to_vol = 2);
    else {
      BENCH_DO (b, .kind = CRASH_REMOVE, .vol = 2);
      BENCH_DO (b, .kind = CRASH_RECLAIM, .steps = (uint8_t) some (3));
    }
    break;
  case 4: case 5: case 6:
    /* Fill it. */
    n = b->w.refused + 3;
    for (i = 0; i < 80 && b->w.refused < n; i++)
      put (b, vol, block (some (LEAVES)));
    break;
  default:
    sweep (b, vol, 1 + some (LEAVES), some (8));
  }
}

/* One volume has two blocks in each leaf and another one takes all the rest;
 * then so many overwrites and one trim in each of the other leaves, with no
 * flush between: as many nodes are dirty, and as few blocks free, as can be.
 */
static void
worst (uint64_t blocks, unsigned overwrites, bool shared)
{
  struct bench b;
  uint64_t i, n;

  base_rng_seed (&rng, blocks + overwrites);
  bench_init (&b, &crash_pool_engine, blocks, LEAVES * 256);
  for (i = 0; i < LEAVES && b.w.refused == 0; i++)
    BENCH_DO (&b, .kind = CRASH_WRITE, .off = i * LEAF, .len = 2 * B,
              .stamp = 8 * i + 1);
  if (shared)
    BENCH_DO (&b, .kind = CRASH_SNAPSHOT);
  BENCH_DO (&b, .kind = CRASH_CREATE, .vol = 1, .len = blocks * B);
  n = b.w.refused + 1;
  for (i = 0; i < blocks && b.w.refused < n; i++)
    put (&b, 1, i * B);
  BENCH_DO (&b, .kind = CRASH_FLUSH, .pool_wide = true);
  for (i = 0; i < overwrites; i++)
    put (&b, 0, i * LEAF);
  for (; i < LEAVES; i++)
    BENCH_DO (&b, .kind = CRASH_TRIM, .off = i * LEAF, .len = B);
  BENCH_DO (&b, .kind = CRASH_FLUSH, .pool_wide = true);
  bench_fini (&b);
}

static uint64_t
one (uint64_t seed)
{
  static const uint64_t sizes[] = { 64, 72, 96, 128, 200 };
  const uint64_t steps = test_env ("STEPS", 250);
  uint64_t i, refused;
  struct bench b;

  base_rng_seed (&rng, seed);
  bench_init (&b, &crash_pool_engine, sizes[seed % BASE_ARRAY_SIZE (sizes)],
              LEAVES * 256);
  BENCH_DO (&b, .kind = CRASH_CREATE, .vol = 1, .len = LEAVES * LEAF);
  for (i = 0; i < steps; i++) {
    step (&b);
    if (i % 10 == 0)
      BENCH_DO (&b, .kind = CRASH_CHECK);
  }
  refused = b.w.refused;
  bench_fini (&b);
  return refused;
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 10);
  uint64_t i, refused = 0;

  for (i = 0; i < 12; i++) {
    worst (60, (unsigned) i, false);
    worst (160, (unsigned) i, false);
    worst (256, (unsigned) i, true);
    worst (320, (unsigned) i, false);
  }
  for (i = 0; i < n; i++)
    refused += one (seed + i);
  printf ("%" PRIu64 " requests refused\n", refused);
  CHECK (refused > n * 10);
}
