/* SPDX-License-Identifier: BSD-3-Clause
 *
 * On a full pool the longest requests go on as well: the room to work with
 * between two commits is kept from everything else, also when the pool has
 * been filled to the last block and by many small volumes.  Overwrites of
 * what a volume has by itself, of one block, of as many as are written in one
 * piece, and of many more, are answered with success and in finite time.
 *
 * In simulated time, so that a request that waits for ever is found out.
 */

#include <config.h>

#include "crash-image.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define LONGEST 64              /* blocks */
#define PATIENCE UINT64_C (600000000000)        /* ns of simulated time, */
#define TURNS 300000            /* and turns of the others */

static struct pool *p;
static uint8_t buf[LONGEST * B], other[LONGEST * B];

struct client {
  struct base_thread t;
  struct vdev *d;
  uint64_t block, n;
  uint8_t byte;
  int result;
  bool done;
};

static void *
client (void *arg)
{
  struct client *c = arg;

  memset (buf, c->byte, c->n * B);
  c->result = vdev_write (c->d, buf, c->n * B, c->block * B, 0);
  c->done = true;
  return NULL;
}

/* The answer; that there is one is checked. */
static int
answer (struct vdev *d, uint64_t seed, uint64_t block, uint64_t n,
        uint8_t byte)
{
  struct sim_options so = { .seed = seed };
  struct client c = { .d = d, .block = block, .n = n, .byte = byte };
  uint64_t since;
  unsigned turns;

  sim_start (&so);
  since = sim_now ();
  CHECK (base_thread_create (&c.t, client, &c) == 0);
  for (turns = 0; !c.done && turns < TURNS && sim_now () - since < PATIENCE;
       turns++)
    base_thread_yield ();
  CHECK_MSG (c.done, "%" PRIu64 " blocks at %" PRIu64 " are never answered",
             n, block);
  base_thread_join (&c.t);
  sim_stop (NULL);
  return c.result;
}

static void
overwrite (struct vdev *d, uint64_t seed, uint64_t block, uint64_t n)
{
  const uint8_t byte = (uint8_t) (seed % 251 + 1);
  const int r = answer (d, seed, block, n, byte);

  CHECK_MSG (r == 0, "%" PRIu64 " blocks at %" PRIu64 ": %s", n, block,
             strerror (-r));
  memset (buf, byte, n * B);
  CHECK_EQ_INT (vdev_read (d, other, n * B, block * B), 0);
  CHECK_EQ_MEM (buf, other, n * B);
}

/* Blocks of N at a time until not even one fits. */
static void
fill (struct base_rng *rng)
{
  char name[] = "f0";
  struct vdev *d;
  unsigned i, n;
  uint64_t at;
  int r;

  for (i = 0; i < 4; i++) {
    name[1] = (char) ('0' + i);
    r = pool_create (p, name, 4096 * B, 0);
    CHECK (r == 0 || r == -ENOSPC);
    if (r < 0)
      break;
    CHECK (pool_volume_open (p, name, false, NULL, &d) == 0);
    for (n = 8, at = 0; n > 0; ) {
      r = answer (d, at, at, n, 0x66);
      CHECK (r == 0 || r == -ENOSPC);
      at += r == 0 ? n + base_rng_below (rng, 40) : 0;
      n -= r == -ENOSPC;
    }
    vdev_unref (d);
  }
}

static void
one (uint64_t seed)
{
  static const uint64_t sizes[] = { 64, 100, 256, 1024 };
  const uint64_t blocks = sizes[seed % BASE_ARRAY_SIZE (sizes)];
  struct image *image = image_new (blocks * B);
  struct vdev *disk = image_vdev (image);
  struct pool_check_result r;
  struct base_rng rng;
  struct vdev *d;
  uint64_t volume = BASE_MIN (blocks / 4, LONGEST), n, i;

  base_rng_seed (&rng, seed);
  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  CHECK (pool_create (p, "v", volume * B, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  CHECK_EQ_INT (answer (d, seed, 0, volume, 0x77), 0);
  fill (&rng);
  for (i = 0; i < 40; i++) {
    n = i % 4 == 0 ? volume : 1 + base_rng_below (&rng, volume);
    overwrite (d, seed * 100 + i, base_rng_below (&rng, volume - n + 1), n);
    if (i % 7 == 0)
      CHECK_EQ_INT (vdev_flush (d), 0);
  }
  vdev_unref (d);
  CHECK (pool_check (p, NULL, &r) == 0 && r.errors == 0 && r.leaks == 0);
  CHECK (pool_close (p) == 0);
  image_free (image);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 12);
  uint64_t i;

  for (i = 0; i < n; i++)
    one (seed + i);
}
