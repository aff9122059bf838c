/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Superblocks rot.  Any one of the four copies (two slots, each with a twin)
 * may be lost, in part or whole, without anything being lost: the pool opens
 * as it was, says so, and the next commit writes the copy again.  What must
 * not happen is that an older state is opened as if nothing had been: a pool
 * whose newest superblock is gone in both copies either is the same in the
 * other slot or is refused with one line.
 */

#include <config.h>

#include "crash-try.h"
#include "format.h"
#include "test.h"

#define B ORACLE_PAGE
#define BLOCKS 64

enum rot { ROT_BIT, ROT_ZERO, ROT_NOISE, ROTS };

static uint64_t
place_of (unsigned copy)
{
  static const uint64_t where[] = {
    FORMAT_SLOT_A, (BLOCKS - 2) * (uint64_t) B,
    FORMAT_SLOT_B, (BLOCKS - 1) * (uint64_t) B };

  return where[copy];
}

static void
rot (struct image *i, unsigned copy, enum rot how)
{
  struct base_rng rng;
  uint8_t s[512];
  unsigned k;

  image_read (i, s, sizeof s, place_of (copy));
  base_rng_seed (&rng, copy + 1);
  if (how == ROT_BIT)
    s[base_rng_below (&rng, 508)] ^= 1 << base_rng_below (&rng, 8);
  else
    for (k = 0; k < sizeof s; k++)
      s[k] = how == ROT_ZERO ? 0 : (uint8_t) base_rng_u64 (&rng);
  image_write (i, s, sizeof s, place_of (copy));
}

static uint64_t
generation (const struct image *i, unsigned copy)
{
  struct format_super s;

  image_read (i, &s, sizeof s, place_of (copy));
  return format_super_valid (&s) ? le64toh (s.generation) : 0;
}

/* Open I, write, close; all copies must be valid then. */
static void
check_repairs (const struct crash_engine *e, struct image *i)
{
  struct image *copy = image_overlay (i);
  struct vdev *disk = image_vdev (copy), *d;
  struct pool *p;
  uint8_t byte = 1;
  unsigned k;

  CHECK (e->open (vdev_ref (disk), &(struct pool_options) { 0 }, &p) == 0);
  CHECK (e->volume_open (p, "v0", false, NULL, &d) == 0);
  for (k = 0; k < 2; k++) {
    byte ^= 0x55;
    CHECK (vdev_write (d, &byte, 1, 0, VDEV_FUA) == 0);
  }
  vdev_unref (d);
  e->abandon (p);
  for (k = 0; k < 4; k++)
    CHECK (generation (copy, k) > 0);
  CHECK (generation (copy, 0) == generation (copy, 1));
  CHECK (generation (copy, 2) == generation (copy, 3));
  vdev_unref (disk);
  image_free (copy);
}

/* The state of B on disk, everything landed, with copies lost. */
static void
check_rot (struct bench *b)
{
  struct image *whole = bench_cut (b, crash_world_position (&b->w),
                                   UINT64_MAX), *i;
  unsigned copy, newest = generation (whole, 0) > generation (whole, 2) ? 0
    : 2;
  enum rot how;

  bench_open (b, whole, 0);
  for (copy = 0; copy < 4; copy++)
    for (how = 0; how < ROTS; how++) {
      i = image_overlay (whole);
      rot (i, copy, how);
      CHECK (generation (i, copy) == 0);
      bench_open (b, i, 0);
      check_repairs (b->w.e, i);
      image_free (i);
    }
  /* The older slot is of no use to anybody. */
  i = image_overlay (whole);
  rot (i, 2 - newest, ROT_NOISE);
  rot (i, 2 - newest + 1, ROT_ZERO);
  bench_open (b, i, 0);
  image_free (i);
  /* None left. */
  i = image_overlay (whole);
  for (copy = 0; copy < 4; copy++)
    rot (i, copy, ROT_NOISE);
  bench_open (b, i, -EBADMSG);
  image_free (i);
  image_free (whole);
}

/* Both copies of the newest are gone: WANT = 0 the same state, else refused.
 */
static void
check_newest_gone (struct bench *b, int want)
{
  struct image *i = bench_cut (b, crash_world_position (&b->w), UINT64_MAX);
  unsigned newest = generation (i, 0) > generation (i, 2) ? 0 : 2;

  rot (i, newest, ROT_BIT);
  rot (i, newest + 1, ROT_NOISE);
  bench_open (b, i, want);
  image_free (i);
}

TEST_MAIN
{
  struct bench b;
  unsigned i;

  printf ("directed: the same on every run, as if by SEED=0\n");
  bench_init (&b, &crash_pool_engine, BLOCKS, 8);
  for (i = 0; i < 3; i++) {
    BENCH_DO (&b, .kind = CRASH_FUA, .off = i * B, .len = B,
              .flags = VDEV_FUA, .stamp = 8 * i + 1);
    check_rot (&b);
  }
  /* A run that has just begun has written what it opened to both slots: no
   * superblock of an older run is left to fall back to.
   */
  BENCH_DO (&b, .kind = CRASH_KILL);
  check_rot (&b);
  check_newest_gone (&b, 0);
  /* After a clean close both copies of the newest are named by a marker. */
  BENCH_DO (&b, .kind = CRASH_FUA, .off = 4 * B, .len = B,
            .flags = VDEV_FUA, .stamp = 41);
  crash_actor_close (&b.a, 0);
  CHECK_MSG (crash_world_close (&b.w), "%s", b.w.failure);
  check_rot (&b);
  check_newest_gone (&b, -EBADMSG);
  crash_actor_fini (&b.a);
  crash_world_fini (&b.w);
  image_free (b.image);
  image_free (b.blank);
}
