/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A cut is one moment: a commit holds what was published before it and
 * nothing of what came after, in its maps and in what its records say of
 * them.  Several clients write and trim one volume without a pause while
 * another one commits and compares each commit with what had been published
 * at its cut.
 */

#include <config.h>

#include "crash-image.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define BLOCKS 256
#define POOL 2048
#define WRITERS 4
#define COMMITS 12
#define CUTS 8                  /* that are remembered */

static struct image *image;
static struct pool *p;
static bool stop;
static bool now[BLOCKS];        /* what is published, ... */
static bool at_cut[CUTS][BLOCKS];       /* ... and what was at the last cuts */
static bool trimming[WRITERS + 1];

/* Threads are told apart by their blocks: WHO has those that leave that rest.
 */
static void
published (void *opaque, uint64_t id, uint64_t offset, uint64_t length)
{
  uint64_t i;

  (void) opaque;
  (void) id;
  for (i = offset / B; i < (offset + length) / B; i++)
    now[i] = !trimming[i % (WRITERS + 1)];
}

static void
cut (void *opaque, uint64_t transaction)
{
  (void) opaque;
  memcpy (at_cut[transaction % CUTS], now, sizeof now);
}

static void
change (struct vdev *d, unsigned who, uint64_t n, bool trim)
{
  uint8_t buf[B];

  n = n * (WRITERS + 1) + who;
  trimming[who] = trim;
  memset (buf, 0x11, B);
  CHECK_EQ_INT (trim ? vdev_trim (d, B, n * B, 0)
                : vdev_write (d, buf, B, n * B, 0), 0);
}

struct client { struct base_thread t; unsigned who; uint64_t seed; };

static void *
client (void *arg)
{
  struct client *c = arg;
  struct base_rng rng;
  struct vdev *d;

  base_rng_seed (&rng, c->seed);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  while (!stop)
    change (d, c->who, base_rng_below (&rng, BLOCKS / (WRITERS + 1)),
            base_rng_below (&rng, 3) == 0);
  vdev_unref (d);
  return NULL;
}

/* The last commit, as a crash right now would leave it. */
static void
look (void)
{
  struct pool_options o = { .readonly = true };
  struct image *copy = image_overlay (image);
  struct pool_check_result r;
  struct pool_volume_info info;
  struct pool_info pi;
  struct vdev *d;
  struct pool *q;
  uint64_t i, n = 0;
  const bool *was;
  uint8_t byte;

  CHECK (pool_open (image_vdev (copy), &o, &q) == 0);
  pool_get_info (q, &pi);
  was = at_cut[pi.transaction % CUTS];
  CHECK (pool_check (q, NULL, &r) == 0);
  CHECK_MSG (r.errors == 0 && r.leaks == 0, "the check finds %" PRIu64
             " errors", r.errors);
  CHECK (pool_volume_open (q, "v", true, NULL, &d) == 0);
  for (i = 0; i < BLOCKS; i++) {
    CHECK_EQ_INT (vdev_read (d, &byte, 1, i * B), 0);
    CHECK_MSG ((byte != 0) == was[i], "block %" PRIu64 " is %s in the "
               "commit, but was %s at its cut", i, byte ? "there" : "a hole",
               was[i] ? "there" : "a hole");
    n += was[i];
  }
  vdev_unref (d);
  CHECK (pool_volume_info (q, "v", false, &info) == 0);
  CHECK_EQ_INT (info.used / B, n);
  CHECK (pool_close (q) == 0);
  image_free (copy);
}

static void
one (uint64_t seed)
{
  struct sim_options so = {
    .seed = seed, .policy = seed % 2 ? SIM_RANDOM : SIM_PRIORITY,
    .stay = seed % 2 ? 60 : 200 };
  struct pool_options o = {
    .watch = { .published = published, .cut = cut } };
  struct client c[WRITERS];
  struct vdev *disk, *d;
  unsigned i;

  image = image_new (POOL * B);
  disk = image_vdev (image);
  memset (now, 0, sizeof now);
  stop = false;
  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (disk, &o, &p) == 0);
  CHECK (pool_create (p, "v", BLOCKS * B, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  sim_start (&so);
  for (i = 0; i < WRITERS; i++) {
    c[i].who = i + 1;
    c[i].seed = seed * WRITERS + i;
    CHECK (base_thread_create (&c[i].t, client, &c[i]) == 0);
  }
  for (i = 0; i < COMMITS; i++) {
    /* So that the volume is never clean at a cut. */
    change (d, 0, i, false);
    CHECK_EQ_INT (vdev_flush (d), 0);
    sim_hold (true);
    look ();
    sim_hold (false);
  }
  stop = true;
  for (i = 0; i < WRITERS; i++)
    base_thread_join (&c[i].t);
  sim_stop (NULL);
  vdev_unref (d);
  CHECK (pool_close (p) == 0);
  look ();
  image_free (image);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 30);
  uint64_t i;

  for (i = 0; i < n; i++)
    one (seed + i);
}
