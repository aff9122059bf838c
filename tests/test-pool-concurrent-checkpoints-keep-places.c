/* SPDX-License-Identifier: BSD-3-Clause
 *
 * While a checkpoint runs, blocks that its own trees name are let go of by
 * transactions after its cut, and these may be durable before it is.  None of
 * them becomes a node of that checkpoint: after each one the durable state
 * names every block once.  The pool is nearly full, so that what is let go of
 * is wanted at once.
 */

#include <config.h>

#include "crash-image.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define POOL 128
#define BLOCKS 52
#define WRITERS 3
#define CHECKPOINTS 8

static struct image *image;
static struct pool *p;
static bool stop;

static void
put (struct vdev *d, uint64_t block, int byte)
{
  uint8_t buf[B];

  memset (buf, byte, B);
  CHECK_EQ_INT (vdev_write (d, buf, B, block * B, 0), 0);
}

static void *
client (void *arg)
{
  struct base_rng rng;
  struct vdev *d;

  base_rng_seed (&rng, (uintptr_t) arg);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  while (!stop) {
    put (d, base_rng_below (&rng, BLOCKS), 1 + base_rng_below (&rng, 200));
    CHECK_EQ_INT (vdev_flush (d), 0);
  }
  vdev_unref (d);
  return NULL;
}

/* What a crash right now would leave. */
static void
look (void)
{
  struct pool_options o = { .readonly = true };
  struct image *copy = image_overlay (image);
  struct pool_check_result r;
  struct pool *q;

  CHECK (pool_open (image_vdev (copy), &o, &q) == 0);
  CHECK (pool_check (q, NULL, &r) == 0);
  CHECK_MSG (r.errors == 0 && r.leaks == 0, "the check finds %" PRIu64
             " errors and %" PRIu64 " leaks", r.errors, r.leaks);
  CHECK (pool_close (q) == 0);
  image_free (copy);
}

static void
one (uint64_t seed)
{
  struct sim_options so = {
    .seed = seed, .policy = seed % 2 ? SIM_RANDOM : SIM_PRIORITY,
    .stay = seed % 2 ? 60 : 200 };
  struct base_thread t[WRITERS];
  struct vdev *disk, *d;
  uintptr_t i;

  image = image_new (POOL * B);
  disk = image_vdev (image);
  stop = false;
  CHECK (pool_format (disk, &(struct pool_format_options) {
    .journal_size = 30 * B }) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  CHECK (pool_create (p, "v", BLOCKS * B, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  for (i = 0; i < BLOCKS; i++) {
    uint8_t buf[B];

    memset (buf, 7, B);
    if (vdev_write (d, buf, B, i * B, 0) < 0)
      break;
  }
  CHECK (i >= 20);
  sim_start (&so);
  for (i = 0; i < WRITERS; i++)
    CHECK (base_thread_create (&t[i], client,
                               (void *) (seed * WRITERS + i + 1)) == 0);
  for (i = 0; i < CHECKPOINTS; i++) {
    CHECK_EQ_INT (pool_checkpoint (p), 0);
    sim_hold (true);
    look ();
    sim_hold (false);
  }
  stop = true;
  for (i = 0; i < WRITERS; i++)
    base_thread_join (&t[i]);
  sim_stop (NULL);
  vdev_unref (d);
  CHECK (pool_close (p) == 0);
  image_free (image);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 30);
  uint64_t i;

  for (i = 0; i < n; i++)
    one (seed + i);
}
