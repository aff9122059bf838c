/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The first flush of a commit makes durable that the commit before it was.
 * From then on, should both copies of that superblock rot, the pool is
 * refused with one line instead of being opened as it was still earlier; up
 * to the second flush, and for all that a crash leaves of the new superblock.
 */

#include <config.h>

#include "crash-try.h"
#include "devices-test.h"
#include "format.h"
#include "test.h"

#define B ORACLE_PAGE
#define BLOCKS 64

static uint64_t
generation (const struct image *i, unsigned copy)
{
  static const uint64_t where[] = { FORMAT_SLOT_A, FORMAT_SLOT_B };
  struct format_super s;

  image_read (i, &s, sizeof s, where[copy]);
  return format_super_valid (&s) ? le64toh (s.generation) : 0;
}

/* Behind POINT nothing of the new superblock has landed; lose the one before
 * in both copies.
 */
static void
look (struct bench *b, uint64_t point)
{
  struct image *i = bench_cut (b, point, 0);
  const unsigned newest = generation (i, 0) < generation (i, 1);
  const uint64_t twin = (BLOCKS - 2 + newest) * (uint64_t) B;
  uint8_t noise[512];

  memset (noise, 0x5a, sizeof noise);
  image_write (i, noise, sizeof noise, newest ? FORMAT_SLOT_B : FORMAT_SLOT_A);
  image_write (i, noise, sizeof noise, twin);
  CHECK (generation (i, newest) == 0 && generation (i, 1 - newest) > 0);
  bench_open (b, i, -EBADMSG);
  image_free (i);
}

/* The flushes of the commit that has just been: the last two. */
static void
last_flushes (struct bench *b, uint64_t *first, uint64_t *second)
{
  const struct recorder_log log = recorder_log (b->w.log);
  size_t i;

  *first = *second = 0;
  for (i = 0; i < log.n; i++)
    if (log.ops[i].kind == RECORDER_FLUSH) {
      *first = *second;
      *second = log.ops[i].completed_at;
    }
}

TEST_MAIN
{
  uint64_t first, second, point;
  struct bench b;
  unsigned n;

  printf ("directed: the same on every run, as if by SEED=0\n");
  bench_init (&b, &crash_pool_engine, BLOCKS, 8);
  for (n = 0; n < 6; n++) {
    BENCH_DO (&b, .kind = CRASH_FUA, .off = n * B, .len = B,
              .flags = VDEV_FUA, .stamp = 8 * n + 1);
    last_flushes (&b, &first, &second);
    CHECK (first < second);
    for (point = first; point < second; point++)
      look (&b, point);
  }
  bench_fini (&b);
}
