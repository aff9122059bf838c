/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pool opened read-only writes nothing at all: not to recover after a
 * crash, not to mend a superblock, not at close; and still shows everything
 * as at one commit that holds what was promised.
 */

#include <config.h>

#include "crash-try.h"
#include "test.h"

#define B ORACLE_PAGE

static int
count (void *opaque, const struct pool_volume_info *info)
{
  unsigned *n = opaque;

  (void) info;
  ++*n;
  return 0;
}

static void
look (const struct image *state)
{
  struct image *copy = image_overlay (state);
  struct vdev *disk = image_vdev (copy), *log, *d;
  struct pool_options o = { .readonly = true };
  struct pool_check_result result;
  struct pool *p;
  uint8_t buf[B], again[B];
  unsigned n = 0, i;
  uint64_t hash = image_hash (copy);

  CHECK (recorder_open (disk, &log) == 0);
  for (i = 0; i < 2; i++) {
    CHECK (pool_open (vdev_ref (log), &o, &p) == 0);
    CHECK (pool_list (p, true, count, &n) == 0);
    CHECK (pool_volume_open (p, "v0", false, NULL, &d) == 0);
    CHECK (vdev_read (d, i ? again : buf, B, 2 * B) == 0);
    CHECK_EQ_INT (vdev_write (d, buf, B, 0, 0), -EROFS);
    CHECK_EQ_INT (vdev_trim (d, B, 0, 0), -EROFS);
    CHECK (vdev_flush (d) == 0);
    vdev_unref (d);
    CHECK_EQ_INT (pool_create (p, "x", B, 0), -EROFS);
    CHECK_EQ_INT (pool_remove (p, "v0", POOL_RECURSIVE), -EROFS);
    CHECK_EQ_INT (pool_grow (p, 0), -EROFS);
    CHECK (pool_work (p) <= 0);
    CHECK (pool_check (p, NULL, &result) == 0 && result.errors == 0);
    CHECK (pool_close (p) == 0);
  }
  CHECK_EQ_MEM (buf, again, B);
  CHECK (n > 0 && n % 2 == 0);
  for (i = 0; i < recorder_log (log).n; i++)
    CHECK (recorder_log (log).ops[i].kind == RECORDER_FLUSH);
  CHECK (image_hash (copy) == hash);
  vdev_unref (log);
  image_free (copy);
}

TEST_MAIN
{
  struct bench b;
  struct image *state;
  uint64_t from, point;

  printf ("directed: the same on every run, as if by SEED=0\n");
  bench_init (&b, &crash_pool_engine, 64, 8);
  from = crash_world_position (&b.w);
  BENCH_DO (&b, .kind = CRASH_WRITE, .off = 0, .len = 4 * B, .stamp = 1);
  BENCH_DO (&b, .kind = CRASH_SNAPSHOT);
  BENCH_DO (&b, .kind = CRASH_WRITE, .off = B, .len = 3 * B, .stamp = 2);
  BENCH_DO (&b, .kind = CRASH_CREATE, .vol = 1, .len = 3 * B);
  BENCH_DO (&b, .kind = CRASH_REMOVE, .on_snapshot = true);
  BENCH_DO (&b, .kind = CRASH_FLUSH, .pool_wide = true);
  for (point = from; point <= crash_world_position (&b.w); point++) {
    state = bench_cut (&b, point, point * UINT64_C (0x9fb21c651e98df25));
    look (state);
    image_free (state);
  }
  bench_fini (&b);
}
