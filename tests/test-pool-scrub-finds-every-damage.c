/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One bit is flipped in each block of an open pool in turn, and a scrub names
 * exactly what that costs: each volume and snapshot that has the block, the
 * bytes, the block.  What memory has a good copy of stands there again as it
 * was; where there is none, nothing is written.  A free block is no damage.
 */

#include <config.h>

#include "format.h"
#include "scrub-world.h"
#include "test.h"

#define B WORLD_BLOCK

static struct scrub_world w;
static struct base_rng rng;
static unsigned mended, lost, logged;

/* Inverts a bit of the block; *OLD gets what it was. */
static void
flip (uint64_t place, uint8_t *old)
{
  const uint64_t bytes = w.block[place].kind == WORLD_FIXED ? 512 : B;
  uint8_t buf[B];

  image_read (w.image, old, B, place * B);
  memcpy (buf, old, B);
  buf[base_rng_below (&rng, bytes)] ^= 1 << base_rng_below (&rng, 8);
  image_write (w.image, buf, B, place * B);
}

static void
check_is (uint64_t place, const uint8_t *want)
{
  uint8_t now[B];

  image_read (w.image, now, B, place * B);
  CHECK_EQ_MEM (now, want, B);
}

/* All that have the block are named. */
static void
check_ranges (uint64_t place, const char *what)
{
  const struct world_block *b = &w.block[place];
  unsigned i;

  CHECK_EQ_INT (w.ndamage, b->n);
  for (i = 0; i < b->n; ++i) {
    CHECK_EQ_STR (w.damage[i].volume, b->range[i].volume);
    CHECK_EQ_INT (w.damage[i].d.offset, b->range[i].offset);
    CHECK_EQ_INT (w.damage[i].d.length, b->range[i].length);
    CHECK_EQ_STR (w.damage[i].what, what);
    CHECK_EQ_STR (w.damage[i].why, "checksum error");
    CHECK_EQ_INT (w.damage[i].d.block, place);
    CHECK (!w.damage[i].d.repaired);
  }
}

/* One is, with everything right. */
static void
check_mended (uint64_t place)
{
  const struct world_block *b = &w.block[place];
  char text[64];

  CHECK_EQ_INT (w.result.found, 1);
  CHECK_EQ_INT (w.result.repaired, 1);
  CHECK_EQ_INT (w.ndamage, 1);
  CHECK_EQ_INT (w.damage[0].d.block, place);
  CHECK (w.damage[0].d.repaired);
  CHECK_EQ_STR (w.damage[0].what, b->kind == WORLD_NODE ? "map node" : b->name);
  CHECK_EQ_STR (w.damage[0].volume, b->n > 0 ? b->range[0].volume : "");
  CHECK_EQ_INT (w.event.kind, POOL_EVENT_REPAIRED);
  snprintf (text, sizeof text, "(block %" PRIu64 " of the pool)", place);
  CHECK (strstr (w.event.text, text) != NULL);
  mended++;
}

/* The log says the first range, once for each block and only so often. */
static void
check_event (uint64_t place)
{
  char text[64];

  if (w.nevents == 0)
    return;
  CHECK_EQ_INT (w.nevents, 1);
  CHECK_EQ_INT (w.event.kind, POOL_EVENT_CHECKSUM);
  CHECK_EQ_STR (w.event.volume, w.block[place].range[0].volume);
  snprintf (text, sizeof text, "(block %" PRIu64 " of the pool)", place);
  CHECK (strstr (w.event.text, text) != NULL);
  snprintf (text, sizeof text, "bytes %" PRIu64 "..%" PRIu64 " ",
            w.block[place].range[0].offset, w.block[place].range[0].offset
            + w.block[place].range[0].length - 1);
  CHECK (strstr (w.event.text, text) != NULL);
  logged++;
}

/* MEMORY: it has all nodes and pages. */
static void
one (uint64_t place, bool memory)
{
  const struct world_block *b = &w.block[place];
  uint8_t old[B];

  flip (place, old);
  CHECK_MSG (world_scrub (&w, NULL) == 0, "%s", base_error_text ());
  switch (b->kind) {
  case WORLD_FREE: case WORLD_RING:
    CHECK_EQ_INT (w.result.found, 0);
    CHECK_EQ_INT (w.ndamage, 0);
    break;
  case WORLD_FIXED:
    check_mended (place);
    break;
  case WORLD_TREE:
    check_mended (place);
    check_is (place, old);
    break;
  case WORLD_NODE:
    if (memory) {
      check_mended (place);
      check_is (place, old);
      break;
    }
    /* fall through */
  case WORLD_DATA:
    CHECK_EQ_INT (w.result.found, 1);
    CHECK_EQ_INT (w.result.repaired, 0);
    CHECK_EQ_INT (w.writes, 0);
    check_ranges (place, b->kind == WORLD_DATA ? "data" : "map node");
    check_event (place);
    lost++;
  }
  if (b->kind != WORLD_FIXED)
    image_write (w.image, old, B, place * B);
}

static void
check_clean (void)
{
  struct pool_check_options o = { .data = true };
  struct pool_check_result r;

  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.result.found, 0);
  CHECK_EQ_INT (w.writes, 0);
  CHECK (pool_check (w.p, &o, &r) == 0);
  CHECK (r.errors == 0 && r.leaks == 0);
}

/* Both copies of a generation, the newest (AGO 0) or the one before. */
static void
both_copies (unsigned ago)
{
  struct pool_info info;
  uint64_t place, n = 0;
  uint8_t old[B];
  bool odd;

  pool_get_info (w.p, &info);
  odd = (info.generation - ago) % 2;
  for (place = 0; place < WORLD_BLOCKS; ++place)
    if (w.block[place].kind == WORLD_FIXED
        && strncmp (w.block[place].name, "superblock", 10) == 0
        && strchr (w.block[place].name, odd ? 'A' : 'B') != NULL) {
      flip (place, old);
      n++;
    }
  CHECK_EQ_INT (n, 2);
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.result.found, 2);
  CHECK_EQ_INT (w.result.repaired, 2);
  check_clean ();
}

/* Neighbours are one range. */
static void
neighbours (void)
{
  uint64_t place, first = 0;
  uint8_t old[2][B];

  for (place = 1; place < WORLD_BLOCKS && first == 0; ++place) {
    const struct world_block *a = &w.block[place - 1], *b = &w.block[place];

    if (a->kind == WORLD_DATA && b->kind == WORLD_DATA && a->n == 1
        && b->n == 1 && b->range[0].id == a->range[0].id
        && b->range[0].offset == a->range[0].offset + B)
      first = place - 1;
  }
  CHECK (first > 0);
  flip (first, old[0]);
  flip (first + 1, old[1]);
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.result.found, 2);
  CHECK_EQ_INT (w.ndamage, 1);
  CHECK_EQ_INT (w.damage[0].d.block, first);
  CHECK_EQ_INT (w.damage[0].d.offset, w.block[first].range[0].offset);
  CHECK_EQ_INT (w.damage[0].d.length, 2 * B);
  image_write (w.image, old[0], B, first * B);
  image_write (w.image, old[1], B, (first + 1) * B);
}

static int
read_one (void *opaque, const struct pool_volume_info *info)
{
  static uint8_t buf[512 * B];
  struct vdev *d;

  (void) opaque;
  CHECK (pool_volume_open (w.p, info->name, true, NULL, &d) == 0);
  CHECK_EQ_INT (vdev_read (d, buf, info->size, 0), 0);
  vdev_unref (d);
  return 0;
}

/* Opened for reading: named, and not touched, though memory has the nodes.
 * BEFORE: damaged before that.
 */
static void
readonly (uint64_t place, bool before)
{
  const struct world_block *b = &w.block[place];
  uint8_t old[B], bent[B];
  unsigned i, seen = 0;

  if (!before) {
    world_reopen (&w, true);
    CHECK (pool_list (w.p, false, read_one, NULL) == 0);
  }
  flip (place, old);
  image_read (w.image, bent, B, place * B);
  if (before)
    world_reopen (&w, true);
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.writes, 0);
  CHECK_EQ_INT (w.result.repaired, 0);
  for (i = 0; i < w.ndamage; ++i)
    seen += w.damage[i].d.block == place;
  CHECK_EQ_INT (seen, b->kind == WORLD_FREE || b->kind == WORLD_RING ? 0
                : BASE_MAX (1, b->n));
  check_is (place, bent);
  image_write (w.image, old, B, place * B);
}

TEST_MAIN
{
  unsigned kinds[WORLD_DATA + 1] = { 0 };
  uint64_t place;

  base_rng_seed (&rng, test_seed ());
  world_make (&w);
  check_clean ();
  for (place = 0; place < WORLD_BLOCKS; ++place) {
    kinds[w.block[place].kind]++;
    if (w.block[place].kind > WORLD_RING || place % 37 == 0)
      one (place, true);
  }
  check_clean ();
  both_copies (0);
  both_copies (1);
  CHECK (pool_checkpoint (w.p) == 0);
  world_look (&w);
  neighbours ();

  world_reopen (&w, false);     /* no node is in memory */
  world_look (&w);
  for (place = 0; place < WORLD_BLOCKS; ++place)
    if (w.block[place].kind == WORLD_NODE)
      one (place, false);
  check_clean ();

  world_reopen (&w, true);
  world_look (&w);
  for (place = 0; place < WORLD_BLOCKS; ++place)
    if (w.block[place].kind > WORLD_RING) {
      /* A clean close has zeroed the owner record. */
      readonly (place, false);
      if (w.block[place].kind == WORLD_TREE)
        readonly (place, true);
    }
  for (place = 0; place <= WORLD_DATA; ++place)
    printf ("kind %" PRIu64 ": %u blocks\n", place, kinds[place]);
  printf ("mended %u, lost %u, logged %u\n", mended, lost, logged);
  CHECK (kinds[WORLD_TREE] >= 7 && kinds[WORLD_NODE] >= 6
         && kinds[WORLD_DATA] >= 20 && kinds[WORLD_FIXED] == 9);
  CHECK (logged >= 20);
  world_end (&w);
}
