/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A scrub follows a map that changes under it.  Data that stands below while
 * its map is in memory alone is verified.  Wherever a rollback, a removal or
 * a checkpoint overtakes the walk, damage that was there before and still is
 * gets found, and nothing else does.  A step that has looked something up
 * keeps it: whatever is freed and written meanwhile, what it then reads is
 * what it looked up.  Memory that is wrong as well mends nothing.
 */

#include <config.h>

#include "gate.h"
#include "pool-internal.h"
#include "scrub-world.h"
#include "sim.h"
#include "test.h"

#define B WORLD_BLOCK

static struct scrub_world w;

/* The place of block BLOCK of VOLUME, in the trees. */
static uint64_t
place_of (const char *volume, uint64_t block)
{
  uint64_t place;
  unsigned i;

  for (place = 1; place < WORLD_BLOCKS; ++place)
    for (i = 0; i < w.block[place].n; ++i)
      if (w.block[place].kind == WORLD_DATA
          && strcmp (w.block[place].range[i].volume, volume) == 0
          && w.block[place].range[i].offset == block * B)
        return place;
  CHECK_MSG (false, "%s has no block %" PRIu64, volume, block);
  return 0;
}

static void
bend (uint64_t place)
{
  uint8_t buf[B];

  image_read (w.image, buf, B, place * B);
  buf[77] ^= 16;
  image_write (w.image, buf, B, place * B);
}

static void
put (const char *volume, uint64_t block, uint8_t byte)
{
  uint8_t buf[B];
  struct vdev *d;

  memset (buf, byte, B);
  CHECK (pool_volume_open (w.p, volume, false, NULL, &d) == 0);
  CHECK_EQ_INT (vdev_write (d, buf, B, block * B, 0), 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  vdev_unref (d);
}

/* ---- maps in memory ------------------------------------------------------ */

static void
unwritten_maps (void)
{
  uint8_t want[B], buf[B];
  uint64_t place, n = 0;

  world_make (&w);
  put ("x5", 1, 201);
  put ("v", 301, 202);
  memset (want, 201, B);
  for (place = 0; place < WORLD_BLOCKS; ++place) {
    image_read (w.image, buf, B, place * B);
    if (memcmp (buf, want, B) != 0)
      continue;
    bend (place);
    n = place;
  }
  CHECK (n > 0);
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.ndamage, 1);
  CHECK_EQ_STR (w.damage[0].volume, "x5");
  CHECK_EQ_INT (w.damage[0].d.offset, B);
  CHECK_EQ_INT (w.damage[0].d.block, n);
  world_end (&w);
}

/* ---- changes between two steps ------------------------------------------- */

static unsigned calls, change_at;
static void (*change) (void);

static int
on_progress (void *opaque, uint64_t done, uint64_t total)
{
  CHECK (opaque == &w && done <= total);
  if (++calls == change_at)
    change ();
  return 0;
}

static void
roll_back (void)
{
  CHECK_EQ_INT (pool_rollback (w.p, "v@s", 0), 0);
}

static void
remove_clone (void)
{
  CHECK_EQ_INT (pool_remove (w.p, "c", 0), 0);
  CHECK_EQ_INT (pool_reclaim (w.p), 0);
  put ("x2", 0, 203);
  CHECK_EQ_INT (pool_checkpoint (w.p), 0);
}

static void
write_all_over (void)
{
  uint64_t i;

  for (i = 0; i < 3; ++i) {
    put ("v", 5 + i, 210);
    put ("x3", i, 211);
    CHECK_EQ_INT (pool_checkpoint (w.p), 0);
  }
  CHECK_EQ_INT (pool_snapshot (w.p, &(const char *) { "v@late" }, 1, 0), 0);
}

/* Blocks that only the snapshot has, and one that stays in v. */
static unsigned
changed_at (void (*fn) (void), unsigned at)
{
  const struct pool_scrub_options o = { .rate = UINT64_C (1) << 50,
                                        .progress = on_progress };
  const uint64_t bad = place_of ("v@s", 3), both = place_of ("v@s", 0);
  unsigned i, seen = 0;

  change = fn;
  change_at = at;
  calls = 0;
  bend (bad);
  bend (both);
  CHECK_MSG (world_scrub (&w, &o) == 0, "%s", base_error_text ());
  for (i = 0; i < w.ndamage; ++i) {
    CHECK (w.damage[i].d.block == bad || w.damage[i].d.block == both);
    if (strcmp (w.damage[i].volume, "v@s") == 0)
      seen += w.damage[i].d.block == bad ? 1 : 10;
  }
  CHECK_MSG (seen == 11, "change at step %u: seen %u", at, seen);
  CHECK_EQ_INT (w.result.found, 2);
  CHECK_EQ_INT (w.result.repaired, 0);
  return calls;
}

static void
changes (void (*fn) (void))
{
  unsigned at, n;

  world_make (&w);
  n = changed_at (fn, 0);
  world_abandon (&w);
  for (at = 1; at <= n; ++at) {
    world_make (&w);
    changed_at (fn, at);
    CHECK (calls >= at);
    world_abandon (&w);
  }
}

/* ---- changes in the middle of a step ------------------------------------- */

static struct gate gate;
static struct image *image;
static struct pool *p;

static int
write_to (const char *volume, uint64_t block, uint8_t byte)
{
  uint8_t buf[B];
  struct vdev *d;
  int r;

  memset (buf, byte, B);
  CHECK (pool_volume_open (p, volume, false, NULL, &d) == 0);
  r = vdev_write (d, buf, B, block * B, 0);
  vdev_unref (d);
  return r;
}

static void *
scrub_it (void *arg)
{
  const struct pool_scrub_options o = { .rate = UINT64_C (1) << 50 };

  CHECK_MSG (pool_scrub (p, &o, arg) == 0, "%s", base_error_text ());
  return NULL;
}

/* Everything is written anew, and every place that is free is taken. */
static void *
turn_over (void *arg)
{
  uint8_t i, round;

  for (round = 0; round < 4; ++round) {
    for (i = 0; i < 8; ++i)
      CHECK_EQ_INT (write_to ("v", i, 50 + 10 * round + i), 0);
    CHECK_EQ_INT (pool_checkpoint (p), 0);
  }
  *(bool *) arg = true;
  return NULL;
}

/* The scrub stands at its read number NTH.  False: it has not so many. */
static bool
stands_at (unsigned nth, uint64_t seed)
{
  const struct sim_options so = { .seed = seed, .stay = 128 };
  struct pool_scrub_info result;
  struct base_thread a, b;
  struct vdev *disk;
  bool turned = false;
  unsigned i;
  uint64_t n;
  int r = 0;

  image = image_new (96 * B);
  disk = gate_open (image_vdev (image), &gate);
  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  CHECK (pool_create (p, "v", 8 * B, 0) == 0);
  CHECK (pool_create (p, "f", 96 * B, 0) == 0);
  for (i = 0; i < 8; ++i)
    CHECK_EQ_INT (write_to ("v", i, (uint8_t) (1 + i)), 0);
  for (n = 0; r == 0; ++n)
    r = write_to ("f", n, 99);
  CHECK_EQ_INT (r, -ENOSPC);
  CHECK_EQ_INT (pool_checkpoint (p), 0);

  sim_start (&so);
  gate_close (&gate, GATE_READ, nth);
  CHECK (base_thread_create (&a, scrub_it, &result) == 0);
  for (i = 0; i < 20000 && !gate.standing; ++i)
    base_thread_yield ();
  r = gate.standing;
  CHECK (base_thread_create (&b, turn_over, &turned) == 0);
  for (i = 0; i < 4000 && !turned; ++i)
    base_thread_yield ();
  if (r)
    gate_let_go (&gate);
  base_thread_join (&a);
  base_thread_join (&b);
  sim_stop (NULL);
  CHECK_MSG (result.found == 0, "read %u: %" PRIu64 " blocks called damaged",
             nth, result.found);
  CHECK (pool_close (p) == 0);
  gate_free (&gate);
  image_free (image);
  return r;
}

/* ---- memory that is wrong ------------------------------------------------ */

static void
wrong_memory (void)
{
  const struct format_entry *e;
  uint64_t place, at;
  struct volume *v;
  struct node *n;

  world_make (&w);
  v = volume_find_locked (w.p, "x3");
  e = &v->root_entry;
  place = format_place (e);
  n = node_cached (w.p, e, v->levels - 1);
  CHECK (n != NULL);
  bend (place);
  ((uint8_t *) n->e)[4000] ^= 1;
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.writes, 0);
  CHECK_EQ_INT (w.result.found, 1);
  CHECK_EQ_INT (w.result.repaired, 0);
  CHECK_EQ_STR (w.damage[0].volume, "x3");
  ((uint8_t *) n->e)[4000] ^= 1;
  node_unref (n);
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.result.repaired, 1);

  at = format_place (&w.p->space_tree.entry[0][0]);
  bend (at);
  w.p->durable_bits[20] ^= 1;
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.writes, 0);
  CHECK_EQ_INT (w.result.repaired, 0);
  CHECK_EQ_STR (w.damage[0].what, "space tree");
  w.p->durable_bits[20] ^= 1;
  /* It is to be written anew in any case: that is done at once. */
  systree_mark (&w.p->space_tree, 0);
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.result.found, 1);
  CHECK_EQ_INT (w.result.repaired, 1);
  CHECK (format_place (&w.p->space_tree.entry[0][0]) != at);
  CHECK (world_scrub (&w, NULL) == 0);
  CHECK_EQ_INT (w.result.found, 0);
  world_end (&w);
}

TEST_MAIN
{
  struct base_rng rng;
  unsigned n;

  base_rng_seed (&rng, test_seed ());
  unwritten_maps ();
  changes (roll_back);
  changes (remove_clone);
  changes (write_all_over);
  for (n = 1; stands_at (n, base_rng_u64 (&rng)); ++n)
    ;
  printf ("it stood at %u reads\n", n - 1);
  CHECK (n > 15);
  wrong_memory ();
}
