/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A bit that rotted costs what it named and no more.  In a small pool with a
 * snapshot, a clone and a volume apart one bit is inverted in each block of
 * the backing in turn.  If the pool opens, everything but that volume is
 * removed and reclaimed, and the pool goes on: the volume apart is as it was
 * (or says that it is damaged), a new one can be made, written and flushed,
 * also after opening again.
 */

#include <config.h>

#include "crash-try.h"
#include "test.h"

#define B ORACLE_PAGE
#define BLOCKS 96

static unsigned refused, survived, leaked;

static void
fill (uint8_t *buf, size_t len, uint8_t seed)
{
  size_t i;

  for (i = 0; i < len; i++)
    buf[i] = (uint8_t) (seed + i / B);
}

/* The volume apart is as the oracle knows it, or says that it is damaged. */
static void
compare_apart (struct bench *b, struct pool *p)
{
  uint8_t buf[4 * B];
  uint64_t where;
  struct vdev *d;
  int r;

  CHECK (pool_volume_open (p, "v2", true, NULL, &d) == 0);
  r = vdev_read (d, buf, sizeof buf, 0);
  CHECK_MSG (r == 0 || r == -EBADMSG, "%s", base_error_text ());
  CHECK (r != 0 || oracle_same (oracle_find (b->w.live, "v2"), buf,
                                sizeof buf, 0, &where));
  vdev_unref (d);
}

static void
compare_new (struct pool *p)
{
  uint8_t want[3 * B], got[3 * B];
  struct vdev *d;

  CHECK (pool_volume_open (p, "new", true, NULL, &d) == 0);
  fill (want, sizeof want, 77);
  CHECK (vdev_read (d, got, sizeof got, 0) == 0);
  CHECK (memcmp (want, got, sizeof got) == 0);
  vdev_unref (d);
}

static void
write_new (struct pool *p, uint64_t n)
{
  uint8_t buf[3 * B];
  struct vdev *d;

  CHECK_MSG (pool_create (p, "new", 8 * B, 0) == 0, "block %" PRIu64 ": %s",
             n, base_error_text ());
  CHECK (pool_volume_open (p, "new", false, NULL, &d) == 0);
  fill (buf, sizeof buf, 77);
  CHECK (vdev_write (d, buf, sizeof buf, 0, 0) == 0);
  CHECK_MSG (vdev_flush (d) == 0, "block %" PRIu64 ": %s", n,
             base_error_text ());
  vdev_unref (d);
}

static void
go_on (struct bench *b, const struct image *i, uint64_t n)
{
  struct pool_options o = { .readonly = false };
  struct pool_check_options co = { .data = true };
  struct pool_check_result result;
  struct image *copy = image_overlay (i);
  struct vdev *disk = image_vdev (copy);
  struct pool *p;
  int r;

  r = pool_open (vdev_ref (disk), &o, &p);
  if (r < 0) {
    CHECK_MSG (r == -EBADMSG, "opening: %s", strerror (-r));
    vdev_unref (disk);
    refused++;
    goto out;
  }
  CHECK_MSG (pool_remove (p, "v0", POOL_RECURSIVE) == 0, "block %" PRIu64
             ": %s", n, base_error_text ());
  CHECK_MSG (pool_remove (p, "v1", 0) == 0, "block %" PRIu64 ": %s", n,
             base_error_text ());
  CHECK_MSG (pool_reclaim (p) == 0, "block %" PRIu64 ": %s", n,
             base_error_text ());
  write_new (p, n);
  compare_apart (b, p);
  CHECK (pool_close (p) == 0);

  CHECK (pool_open (vdev_ref (disk), &o, &p) == 0);
  compare_new (p);
  compare_apart (b, p);
  CHECK (pool_check (p, &co, &result) == 0);
  leaked += result.leaks > 0;
  survived++;
  CHECK (pool_close (p) == 0);
 out:
  vdev_unref (disk);
  image_free (copy);
}

TEST_MAIN
{
  struct image *whole, *i;
  struct base_rng rng;
  struct bench b;
  uint8_t block[B];
  uint64_t n, bit;

  base_rng_seed (&rng, test_seed ());
  bench_init (&b, &crash_pool_engine, BLOCKS, 8);
  BENCH_DO (&b, .kind = CRASH_WRITE, .off = 0, .len = 6 * B, .stamp = 1);
  BENCH_DO (&b, .kind = CRASH_SNAPSHOT);
  BENCH_DO (&b, .kind = CRASH_CLONE, .on_snapshot = true, .to_vol = 1);
  BENCH_DO (&b, .kind = CRASH_WRITE, .off = B, .len = 4 * B, .stamp = 2);
  BENCH_DO (&b, .kind = CRASH_WRITE, .vol = 1, .off = 3 * B, .len = 2 * B,
            .stamp = 3);
  BENCH_DO (&b, .kind = CRASH_CREATE, .vol = 2, .len = 4 * B);
  BENCH_DO (&b, .kind = CRASH_WRITE, .vol = 2, .off = 0, .len = 3 * B,
            .stamp = 4);
  BENCH_DO (&b, .kind = CRASH_FLUSH, .pool_wide = true);
  whole = bench_cut (&b, crash_world_position (&b.w), UINT64_MAX);
  for (n = 0; n < BLOCKS; n++)
    for (bit = 0; bit < 4; bit++) {
      i = image_overlay (whole);
      image_read (whole, block, B, n * B);
      block[base_rng_below (&rng, bit < 2 ? 512 : B)]
        ^= 1 << base_rng_below (&rng, 8);
      image_write (i, block, B, n * B);
      go_on (&b, i, n);
      image_free (i);
    }
  printf ("%u times refused, %u times survived, %u times with a leak\n",
          refused, survived, leaked);
  CHECK (refused > 0 && survived > BLOCKS && leaked > 0);
  image_free (whole);
  bench_fini (&b);
}
