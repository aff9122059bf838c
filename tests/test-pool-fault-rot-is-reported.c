/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A bit that rots is never read as data.  In a small pool with a snapshot
 * and a clone one bit is inverted in each block of the backing in turn, and
 * each block is replaced by another one, as a misdirected write does.  The
 * pool can be opened for reading all the same, and each block of each volume
 * is read right or is EBADMSG, unless the volume's record is lost; and what
 * cannot be read is found by the check.
 */

#include <config.h>

#include "crash-try.h"
#include "test.h"

#define B ORACLE_PAGE
#define BLOCKS 64

static unsigned lost, failed_reads, found, harmless;

/* True if all could be read. */
static bool
read_volume (struct bench *b, struct pool *p, const struct oracle_volume *v)
{
  uint8_t buf[B];
  uint64_t off, len, where;
  struct vdev *d;
  bool all = true;
  int r;

  r = pool_volume_open (p, v->name, true, NULL, &d);
  CHECK_MSG (r == 0 || r == -ENOENT, "%s: %s", v->name, strerror (-r));
  if (r < 0) {
    lost++;
    return false;
  }
  for (off = 0; off < v->size; off += B) {
    len = BASE_MIN (v->size - off, B);
    r = vdev_read (d, buf, len, off);
    CHECK_MSG (r == 0 || r == -EBADMSG, "%s: %s", v->name, strerror (-r));
    if (r == 0)
      CHECK_MSG (oracle_same (oracle_find (b->w.live, v->name), buf, len,
                              off, &where), "%s: wrong bytes at %" PRIu64,
                 v->name, off);
    else {
      all = false;
      failed_reads++;
    }
  }
  vdev_unref (d);
  return all;
}

static void
look (struct bench *b, const struct image *i)
{
  struct pool_options o = { .readonly = true };
  struct pool_check_options co = { .data = true };
  struct pool_check_result result;
  struct image *copy = image_overlay (i);
  struct vdev *disk = image_vdev (copy);
  bool all = true;
  struct pool *p;
  size_t k;
  int r;

  r = pool_open (vdev_ref (disk), &o, &p);
  CHECK_MSG (r == 0, "opening: %s", base_error_text ());
  for (k = 0; k < b->w.live->n; k++)
    all &= read_volume (b, p, &b->w.live->v[k]);
  CHECK (pool_check (p, &co, &result) == 0);
  CHECK (all || result.errors > 0);
  found += result.errors > 0;
  harmless += all && result.errors == 0;
  CHECK (pool_close (p) == 0);
  vdev_unref (disk);
  image_free (copy);
}

TEST_MAIN
{
  uint8_t block[B], other[B];
  struct image *whole, *i;
  struct base_rng rng;
  struct bench b;
  uint64_t n, bit;

  base_rng_seed (&rng, test_seed ());
  bench_init (&b, &crash_pool_engine, BLOCKS, 8);
  BENCH_DO (&b, .kind = CRASH_WRITE, .off = 0, .len = 6 * B, .stamp = 1);
  BENCH_DO (&b, .kind = CRASH_SNAPSHOT);
  BENCH_DO (&b, .kind = CRASH_CLONE, .on_snapshot = true, .to_vol = 1);
  BENCH_DO (&b, .kind = CRASH_WRITE, .off = B, .len = 4 * B, .stamp = 2);
  BENCH_DO (&b, .kind = CRASH_WRITE, .vol = 1, .off = 3 * B, .len = 2 * B,
            .stamp = 3);
  BENCH_DO (&b, .kind = CRASH_FLUSH, .pool_wide = true);
  whole = bench_cut (&b, crash_world_position (&b.w), UINT64_MAX);
  bench_open (&b, whole, 0);
  for (n = 0; n < BLOCKS; n++) {
    image_read (whole, block, B, n * B);
    for (bit = 0; bit < 4; bit++) {
      uint64_t at = base_rng_below (&rng, bit < 2 ? 512 : B);

      i = image_overlay (whole);
      image_read (whole, other, B, n * B);
      other[at] ^= 1 << base_rng_below (&rng, 8);
      image_write (i, other, B, n * B);
      look (&b, i);
      image_free (i);
    }
    /* Another block of the same pool, right in itself, in the wrong place. */
    image_read (whole, other, B, base_rng_below (&rng, BLOCKS) * B);
    if (memcmp (block, other, B) != 0) {
      i = image_overlay (whole);
      image_write (i, other, B, n * B);
      look (&b, i);
      image_free (i);
    }
  }
  printf ("%u volumes lost, %u blocks unreadable, %u times found by the "
          "check, %u times without harm\n", lost, failed_reads, found,
          harmless);
  CHECK (lost > 0 && failed_reads > 0 && found > 0);
  image_free (whole);
  bench_fini (&b);
}
