/* SPDX-License-Identifier: BSD-3-Clause
 *
 * In a full pool, with writers who overwrite, snapshots and clones that come
 * and go, a rollback and commits, scrubs run one after the other, some of
 * which rest most of the time.  Every overwrite succeeds all the same, and no
 * scrub calls anything damaged that is not; two blocks that are, one in a
 * snapshot that stays and one beside others that are written, so that the
 * nodes above it move all the time, are found by each.  While one rests, in
 * the midst of a map, the space of a removed volume comes back.
 *
 * Threads are scheduled by the seed.  Environment ROUNDS.
 */

#include <config.h>

#include "pool-internal.h"
#include "scrub-world.h"
#include "sim.h"
#include "test.h"

#define B WORLD_BLOCK
#define BLOCKS 320
#define LENGTH 48               /* of v */
#define WRITERS 2
#define WRITES 60

static struct image *image;
static struct pool *p;
static _Atomic unsigned running;        /* writers */
static unsigned refused, scrubs, verbs;
static uint64_t seed_of_round, bad_block;

static void
fill_block (uint8_t *buf, uint64_t stamp)
{
  uint64_t i, x;

  for (i = 0; i < B; i += 8) {
    x = (stamp + 1) * UINT64_C (0x9e3779b97f4a7c15) + i;
    memcpy (buf + i, &x, 8);
  }
}

static int
put (const char *name, uint64_t block, uint64_t stamp)
{
  uint8_t buf[B];
  struct vdev *d;
  int r;

  fill_block (buf, stamp);
  CHECK (pool_volume_open (p, name, false, NULL, &d) == 0);
  r = vdev_write (d, buf, B, block * B, 0);
  vdev_unref (d);
  return r;
}

/* ---- threads ------------------------------------------------------------- */

static void *
writer (void *arg)
{
  const uint64_t me = (uintptr_t) arg;
  struct base_rng rng;
  unsigned i;

  base_rng_seed (&rng, seed_of_round + me);
  for (i = 0; i < WRITES; ++i) {
    CHECK_MSG (put ("v", base_rng_below (&rng, LENGTH), base_rng_u64 (&rng))
               == 0, "an overwrite in a full pool: %s", base_error_text ());
    CHECK_EQ_INT (put ("z", 1 + me, base_rng_u64 (&rng)), 0);
    if (i % 8 == me)
      CHECK_EQ_INT (pool_flush (p), 0);
    else if (i % 4 == me)
      CHECK_EQ_INT (pool_checkpoint (p), 0);
  }
  running--;
  return NULL;
}

static void
pause_a_while (void)
{
  unsigned i;

  for (i = 0; i < 50; ++i)
    base_thread_yield ();
}

/* What the pool's own thread would do. */
static void *
worker (void *arg)
{
  (void) arg;
  while (running > 0) {
    CHECK (pool_work (p) >= 0);
    pause_a_while ();
  }
  return NULL;
}

/* Verbs; a pool this full may refuse those that need room. */
static bool
may_refuse (int r)
{
  CHECK_MSG (r == 0 || r == -ENOSPC, "%s", base_error_text ());
  refused += r < 0;
  verbs += r == 0;
  return r == 0;
}

static void *
keeper (void *arg)
{
  (void) arg;
  while (running > 0) {
    if (may_refuse (pool_snapshot (p, &(const char *) { "w@t" }, 1, 0))) {
      if (may_refuse (pool_clone (p, "w@t", "c", 0)))
        CHECK_EQ_INT (pool_remove (p, "c", 0), 0);
      may_refuse (put ("w", 1, running));
      may_refuse (pool_rollback (p, "w@t", 0));
      CHECK_EQ_INT (pool_remove (p, "w@t", 0), 0);
    }
    CHECK_EQ_INT (pool_checkpoint (p), 0);
    pause_a_while ();
  }
  return NULL;
}

struct seen { unsigned wanted, others; };

static void
on_damage (void *opaque, const struct pool_scrub_damage *d)
{
  struct seen *s = opaque;

  if (strcmp (d->volume, "v@s") == 0 && d->offset == bad_block * B
      && d->length == B && strcmp (d->what, "data") == 0)
    s->wanted++;
  else if (strcmp (d->volume, "z") == 0 && d->offset == 0
           && d->length == B && strcmp (d->what, "data") == 0)
    s->wanted++;
  else {
    s->others++;
    printf ("%s: %s at block %" PRIu64 ": %s\n", d->volume, d->what, d->block,
            d->why);
  }
}

static void *
scrubber (void *arg)
{
  struct pool_scrub_info result;
  struct seen seen;
  struct base_rng rng;

  (void) arg;
  base_rng_seed (&rng, seed_of_round + 100);
  do {
    struct pool_scrub_options o = { .damage = on_damage, .opaque = &seen };

    memset (&seen, 0, sizeof seen);
    o.rate = base_rng_below (&rng, 2) ? UINT64_C (1) << 50 : 1000000;
    CHECK_MSG (pool_scrub (p, &o, &result) == 0, "%s", base_error_text ());
    CHECK_EQ_INT (seen.others, 0);
    CHECK_EQ_INT (seen.wanted, 2);
    CHECK_EQ_INT (result.found, 2);
    scrubs++;
  } while (running > 0);
  return NULL;
}

/* ---- rounds -------------------------------------------------------------- */

/* ROOM: blocks that are free in the end. */
static void
make (uint64_t room)
{
  struct vdev *d, *disk;
  uint64_t i;
  int r = 0;

  image = image_new (BLOCKS * B);
  disk = image_vdev (image);
  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  CHECK (pool_create (p, "v", LENGTH * B, 0) == 0);
  CHECK (pool_create (p, "w", 2 * B, 0) == 0);
  CHECK (pool_create (p, "f", BLOCKS * B, 0) == 0);
  CHECK (pool_create (p, "z", 3 * B, 0) == 0);
  for (i = 0; i < 3; ++i)
    CHECK (put ("z", i, 5000 + i) == 0);
  for (i = 0; i < LENGTH; ++i)
    CHECK (put ("v", i, i) == 0);
  CHECK (put ("w", 0, 77) == 0);
  CHECK (pool_snapshot (p, &(const char *) { "v@s" }, 1, 0) == 0);
  for (i = 0; i < LENGTH; ++i)  /* v is exclusive again */
    CHECK (put ("v", i, 1000 + i) == 0);
  for (i = 0; r == 0; ++i)
    r = put ("f", i, 2000 + i);
  CHECK_EQ_INT (r, -ENOSPC);
  CHECK (pool_volume_open (p, "f", false, NULL, &d) == 0);
  CHECK (room == 0 || vdev_trim (d, room * B, 0, 0) == 0);
  vdev_unref (d);
  CHECK (pool_checkpoint (p) == 0);
}

/* The block that holds STAMP, wherever it is. */
static void
damage (uint64_t stamp)
{
  uint8_t want[B], buf[B];
  uint64_t i, n = 0;

  fill_block (want, stamp);
  for (i = 0; i < BLOCKS; ++i) {
    image_read (image, buf, B, i * B);
    if (memcmp (buf, want, B) != 0)
      continue;
    buf[5] ^= 1;
    image_write (image, buf, B, i * B);
    n++;
  }
  CHECK_EQ_INT (n, 1);
}

static void
one_round (uint64_t seed)
{
  const struct sim_options so = {
    .seed = seed, .policy = seed % 2 ? SIM_RANDOM : SIM_PRIORITY,
    .stay = 100 + seed % 100, .spurious = true,
  };
  struct base_thread t[WRITERS + 3];
  uintptr_t i, n = 0;

  seed_of_round = seed;
  make (seed / 2 % 2 ? 0 : 40);
  bad_block = seed % LENGTH;
  damage (bad_block);
  damage (5000);
  running = WRITERS;
  sim_start (&so);
  for (i = 0; i < WRITERS; ++i)
    CHECK (base_thread_create (&t[n++], writer, (void *) i) == 0);
  CHECK (base_thread_create (&t[n++], worker, NULL) == 0);
  CHECK (base_thread_create (&t[n++], keeper, NULL) == 0);
  CHECK (base_thread_create (&t[n++], scrubber, NULL) == 0);
  for (i = 0; i < n; ++i)
    base_thread_join (&t[i]);
  sim_stop (NULL);
  CHECK (pool_close (p) == 0);
  image_free (image);
}

static _Atomic bool let_go, resting;

/* In the map of f. */
static int
stand (void *opaque, uint64_t done, uint64_t total)
{
  (void) opaque;
  if (done < total - 40 * B)
    return 0;
  resting = true;
  while (!let_go)
    base_thread_yield ();
  return 0;
}

static void *
rest (void *arg)
{
  const struct pool_scrub_options o = { .rate = UINT64_C (1) << 50,
                                        .progress = stand };
  struct pool_scrub_info result;

  (void) arg;
  CHECK_EQ_INT (pool_scrub (p, &o, &result), 0);
  CHECK_EQ_INT (result.found, 0);
  return NULL;
}

static void
space_comes_back (uint64_t seed)
{
  const struct sim_options so = { .seed = seed, .stay = 100 };
  struct pool_info before, now;
  struct base_thread t;

  make (0);
  let_go = resting = false;
  sim_start (&so);
  CHECK (base_thread_create (&t, rest, NULL) == 0);
  while (!resting)
    base_thread_yield ();
  pool_get_info (p, &before);
  CHECK (before.scrub.state == POOL_SCRUB_RUNNING && before.scrub.done > 0);
  CHECK (pool_remove (p, "f", 0) == 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  CHECK_EQ_INT (pool_checkpoint (p), 0);
  pool_get_info (p, &now);
  CHECK_MSG (now.available > before.available + 50 * B, "%" PRIu64 " and %"
             PRIu64, before.available, now.available);
  /* And it can be used: nothing waits for a reader. */
  base_mutex_lock (&p->space.lock);
  limbo_drain_locked (p);
  CHECK (p->space.limbo == NULL);
  base_mutex_unlock (&p->space.lock);
  CHECK_EQ_INT (pool_create (p, "g", 50 * B, 0), 0);
  for (seed = 0; seed < 50; ++seed)
    CHECK_EQ_INT (put ("g", seed, seed), 0);
  CHECK_EQ_INT (atomic_load (&p->limbo_waiters), 0);
  let_go = true;
  base_thread_join (&t);
  sim_stop (NULL);
  CHECK (pool_close (p) == 0);
  image_free (image);
}

TEST_MAIN
{
  const uint64_t rounds = test_env ("ROUNDS", 100);
  struct base_rng rng;
  uint64_t i;

  base_rng_seed (&rng, test_seed ());
  for (i = 0; i < rounds; ++i)
    one_round (base_rng_u64 (&rng));
  for (i = 0; i < 10; ++i)
    space_comes_back (base_rng_u64 (&rng));
  printf ("%u scrubs beside %u verbs; %u were refused\n", scrubs, verbs,
          refused);
  CHECK (scrubs >= rounds && verbs > rounds && refused > 0);
}
