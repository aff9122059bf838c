/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A block that cannot be read is told of, with all that it costs, and does
 * not end a scrub; everything else is verified, and nothing is written, since
 * an error of the backing proves nothing of the bytes.  A pool that is
 * poisoned, before, between two steps or by the flush after a repair, ends it
 * with EIO and without another write.  Without memory it ends with ENOMEM, and
 * the next one runs.
 */

#include <config.h>

#include "alloc-faulty.h"
#include "scrub-world.h"
#include "sim.h"
#include "test.h"

#define B WORLD_BLOCK

static struct scrub_world w;

static void
unreadable (uint64_t place, uint64_t all)
{
  const struct world_block *b = &w.block[place];
  const unsigned n = BASE_MAX (b->n, 1);
  unsigned i;

  w.unreadable = place;
  CHECK_MSG (world_scrub (&w, NULL) == 0, "%s", base_error_text ());
  w.unreadable = 0;
  CHECK_EQ_INT (w.writes, 0);
  CHECK_EQ_INT (w.result.state, POOL_SCRUB_DONE);
  CHECK_EQ_INT (w.result.found, 1);
  CHECK_EQ_INT (w.result.repaired, 0);
  CHECK_EQ_INT (w.ndamage, n);
  for (i = 0; i < n; ++i) {
    CHECK_EQ_STR (w.damage[i].why, "cannot be read");
    CHECK_EQ_INT (w.damage[i].d.block, place);
    if (b->n > 0) {
      CHECK_EQ_STR (w.damage[i].volume, b->range[i].volume);
      CHECK_EQ_INT (w.damage[i].d.offset, b->range[i].offset);
      CHECK_EQ_INT (w.damage[i].d.length, b->range[i].length);
    }
    else
      CHECK_EQ_STR (w.damage[i].what, b->name);
  }
  /* Nodes above it get no bit, and are not counted. */
  if (b->kind == WORLD_DATA)
    CHECK (w.result.done < all && w.result.done >= all - 7 * B);
}

/* ---- poison -------------------------------------------------------------- */

static unsigned calls, poison_at;

static int
poison_it (void *opaque, uint64_t done, uint64_t total)
{
  uint8_t buf[B];
  struct vdev *d;

  CHECK (opaque == &w && done <= total);
  if (++calls != poison_at)
    return 0;
  memset (buf, 9, B);
  CHECK (pool_volume_open (w.p, "x1", false, NULL, &d) == 0);
  CHECK (vdev_write (d, buf, B, 0, 0) == 0);
  image_vdev_fail_flush (w.inner, 1);
  CHECK_EQ_INT (vdev_flush (d), -EIO);
  vdev_unref (d);
  w.writes = 0;
  return 0;
}

static void
check_failed (void)
{
  struct pool_info info;

  CHECK_EQ_INT (w.result.state, POOL_SCRUB_FAILED);
  pool_get_info (w.p, &info);
  CHECK_EQ_INT (info.state, POOL_POISONED);
  CHECK_EQ_INT (info.scrub.state, POOL_SCRUB_FAILED);
  CHECK_EQ_INT (pool_scrub_stop (w.p), 0);
}

/* In a new pool; its scrub asks N times.  Returns how often it asked. */
static unsigned
poisoned_at (unsigned n)
{
  const struct pool_scrub_options o = { .rate = UINT64_C (1) << 50,
                                        .progress = poison_it };
  int r;

  world_make (&w);
  calls = 0;
  poison_at = n;
  r = world_scrub (&w, &o);
  if (n == 0)
    CHECK_EQ_INT (r, 0);
  else {
    CHECK_EQ_INT (r, -EIO);
    CHECK (strstr (base_error_text (), "poisoned") != NULL);
    CHECK_EQ_INT (calls, n);
    CHECK_EQ_INT (w.writes, 0);
    check_failed ();
    CHECK_EQ_INT (world_scrub (&w, NULL), -EIO);
    CHECK_EQ_INT (w.writes, 0);
    check_failed ();
  }
  world_abandon (&w);
  return calls;
}

/* Block PLACE can be mended, but what was written cannot be made durable. */
static void
repair_that_poisons (uint64_t place)
{
  uint8_t block[B];

  world_make (&w);
  image_read (w.image, block, B, place * B);
  block[100] ^= 4;
  image_write (w.image, block, B, place * B);
  image_vdev_fail_flush (w.inner, 1);
  CHECK_EQ_INT (world_scrub (&w, NULL), -EIO);
  CHECK_EQ_INT (w.writes, 1);
  CHECK_EQ_INT (w.result.repaired, 0);
  check_failed ();
  world_abandon (&w);
}

/* ---- memory -------------------------------------------------------------- */

/* Allocation number NTH fails; false if there are not so many. */
static bool
without_memory (uint64_t nth, uint64_t place)
{
  uint8_t block[B];
  bool failed;
  int r;

  image_read (w.image, block, B, place * B);
  block[100] ^= 4;
  image_write (w.image, block, B, place * B);
  alloc_faulty_set (nth, false);
  r = world_scrub (&w, NULL);
  failed = alloc_faulty_failures () > 0;
  alloc_faulty_set (0, false);
  CHECK (r == -ENOMEM || (r == 0 && w.result.repaired == 1));
  CHECK_EQ_INT (w.result.state, r < 0 ? POOL_SCRUB_FAILED : POOL_SCRUB_DONE);
  if (r < 0) {
    CHECK (world_scrub (&w, NULL) == 0);
    CHECK_EQ_INT (w.result.repaired, 1);
  }
  return failed;
}

TEST_MAIN
{
  uint64_t place, all;
  unsigned i, n;

  world_make (&w);
  CHECK (world_scrub (&w, NULL) == 0);
  all = w.result.done;
  for (place = 1; place < WORLD_BLOCKS; ++place)
    if (w.block[place].kind > WORLD_RING)
      unreadable (place, all);
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.result.done, all);
  CHECK_EQ_INT (w.result.found, 0);
  for (place = 1; w.block[place].kind != WORLD_NODE; ++place)
    ;
  for (i = 1; without_memory (i, place); ++i)
    ;
  CHECK (i > 10);
  world_end (&w);

  n = poisoned_at (0);
  CHECK (n > 20);
  for (i = 1; i <= n; ++i)
    CHECK_EQ_INT (poisoned_at (i), i);

  for (place = 1; place < WORLD_BLOCKS; ++place)
    if (w.block[place].kind == WORLD_TREE
        || w.block[place].kind == WORLD_NODE
        || (w.block[place].kind == WORLD_FIXED
            && strncmp (w.block[place].name, "superblock", 10) == 0))
      repair_that_poisons (place);
}
