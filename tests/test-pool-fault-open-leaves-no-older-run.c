/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When a pool has been opened no superblock of an older run is left, on the
 * platter and not only in the page cache.  A crash right after opening, in
 * which everything is lost that was not flushed, and then the loss of both
 * copies of the newest superblock: what opens is still the same state.
 */

#include <config.h>

#include "crash-try.h"
#include "format.h"
#include "test.h"

#define B ORACLE_PAGE
#define BLOCKS 64

static uint64_t
generation (const struct image *i, uint64_t place)
{
  struct format_super s;

  image_read (i, &s, sizeof s, place);
  return format_super_valid (&s) ? le64toh (s.generation) : 0;
}

/* Of the run that wrote the superblock. */
static uint64_t
nonce (const struct image *i, uint64_t place)
{
  struct format_super s;

  image_read (i, &s, sizeof s, place);
  return s.nonce;
}

static void
lose (struct image *i, uint64_t place)
{
  uint8_t noise[512];

  memset (noise, 0xa5, sizeof noise);
  image_write (i, noise, sizeof noise, place);
}

/* The pool of B has just been opened. */
static void
look (struct bench *b, uint64_t subset)
{
  struct image *i = bench_cut (b, crash_world_position (&b->w), subset);
  const uint64_t a = generation (i, FORMAT_SLOT_A);
  const uint64_t z = generation (i, FORMAT_SLOT_B);

  CHECK (a > 0 && z > 0);
  CHECK_EQ_INT (nonce (i, FORMAT_SLOT_A), nonce (i, FORMAT_SLOT_B));
  bench_open (b, i, 0);
  lose (i, a > z ? FORMAT_SLOT_A : FORMAT_SLOT_B);
  bench_open (b, i, 0);
  lose (i, (BLOCKS - (a > z ? 2 : 1)) * (uint64_t) B);
  bench_open (b, i, 0);
  image_free (i);
}

TEST_MAIN
{
  struct bench b;
  unsigned i;

  printf ("directed: the same on every run, as if by SEED=0\n");
  bench_init (&b, &crash_pool_engine, BLOCKS, 8);
  for (i = 0; i < 4; i++) {
    BENCH_DO (&b, .kind = CRASH_FUA, .off = i * B, .len = B,
              .flags = VDEV_FUA, .stamp = 8 * i + 1);
    /* Slot A and slot B in turn. */
    if (i % 2)
      BENCH_DO (&b, .kind = CRASH_FUA, .off = (i + 1) * B, .len = B,
                .flags = VDEV_FUA, .stamp = 8 * i + 3);
    BENCH_DO (&b, .kind = i / 2 ? CRASH_REOPEN : CRASH_KILL);
    look (&b, 0);
    look (&b, UINT64_MAX);
  }
  bench_fini (&b);
}
