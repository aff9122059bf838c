/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A flush of the disk that fails poisons the pool: whoever waits for that
 * commit, for a later one or for space gets EIO, and so does everybody who
 * comes later; nobody waits for ever, nothing more is written, reads go on.
 *
 * Six simulated threads on a nearly full pool, under many seeds; the flush
 * number N fails, for N from 1 up.  A thread that is not woken shows as a
 * simulation that stands still.
 */

#include <config.h>

#include <unistd.h>

#include "crash-image.h"
#include "devices-test.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define BLOCKS 64
#define THREADS 6

static struct pool *p;
static struct vdev *disk;
static unsigned refused, served;

static void
put (uint8_t *buf, uint64_t x)
{
  unsigned i;

  for (i = 0; i < B; i++)
    buf[i] = (uint8_t) ((x + 1) * (i + 3) >> 2) | 1;
}

struct client { struct base_thread t; uint64_t seed; unsigned number; };

static void *
client (void *arg)
{
  struct client *c = arg;
  uint8_t buf[2 * B], before[B];
  struct base_rng rng;
  bool bad = false;
  struct vdev *d;
  unsigned i;
  int r;

  base_rng_seed (&rng, c->seed);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  for (i = 0; i < 12; i++) {
    uint64_t block = base_rng_below (&rng, 14);

    switch (base_rng_below (&rng, 4)) {
    case 0:
      r = vdev_flush (d);
      break;
    case 1:
      put (buf, i);
      r = vdev_write (d, buf, B, block * B, VDEV_FUA);
      break;
    default:
      put (buf, i);
      put (buf + B, i + 1);
      r = vdev_write (d, buf, 2 * B, block * B, 0);
    }
    CHECK_MSG (r == 0 || r == -EIO || r == -ENOSPC, "%s", strerror (-r));
    /* Once EIO, for ever EIO; a refusal for want of space comes first. */
    CHECK (!bad || r != 0);
    bad |= r == -EIO;
    refused += r == -EIO;
    served += r == 0;
  }
  /* Volumes can be read all the same. */
  CHECK_EQ_INT (vdev_read (d, before, B, 0), 0);
  vdev_unref (d);
  return NULL;
}

static void
one (uint64_t seed, unsigned nth)
{
  struct image *image = image_new (BLOCKS * B);
  struct pool_format_options o = { 0 };
  struct pool_options po = { .cache_size = 1 << 20 };
  struct sim_options so = {
    .seed = seed, .policy = seed % 2 ? SIM_RANDOM : SIM_PRIORITY,
    .stay = seed % 2 ? 100 : 240, .spurious = seed % 3 == 0,
  };
  struct client c[THREADS];
  struct recorder_log log;
  struct pool_info info;
  struct vdev *d;
  uint8_t buf[B];
  uint64_t i, writes;
  int r;

  disk = image_vdev (image);
  CHECK (recorder_open (vdev_ref (disk), &d) == 0);
  CHECK (pool_format (d, &o) == 0);
  CHECK (pool_open (vdev_ref (d), &po, &p) == 0);
  CHECK (pool_create (p, "v", 20 * B, 0) == 0);
  CHECK (pool_create (p, "w", BLOCKS * B, 0) == 0);
  {
    struct vdev *v;

    CHECK (pool_volume_open (p, "w", false, NULL, &v) == 0);
    for (i = 0, r = 0; r == 0 && i < BLOCKS; i++) {
      put (buf, i);
      r = vdev_write (v, buf, B, i * B, 0);
    }
    for (i = i > 14 ? i - 14 : 0; r == -ENOSPC && i < BLOCKS; i++)
      CHECK (vdev_trim (v, B, i * B, 0) == 0);
    vdev_unref (v);
  }
  CHECK (pool_flush (p) == 0);

  image_vdev_fail_flush (disk, nth);
  sim_start (&so);
  for (i = 0; i < THREADS; i++) {
    c[i].seed = seed * THREADS + i;
    c[i].number = (unsigned) i;
    CHECK (base_thread_create (&c[i].t, client, &c[i]) == 0);
  }
  for (i = 0; i < THREADS; i++)
    base_thread_join (&c[i].t);
  sim_stop (NULL);

  pool_get_info (p, &info);
  log = recorder_log (d);
  for (writes = 0, i = 0; i < log.n; i++)
    if (log.ops[i].kind == RECORDER_FLUSH && log.ops[i].error != 0)
      break;
  if (i < log.n) {
    CHECK (info.state == POOL_POISONED);
    CHECK (info.last_error[0] != '\0');
    CHECK_EQ_INT (pool_flush (p), -EIO);
    CHECK_EQ_INT (pool_create (p, "x", B, 0), -EIO);
    CHECK_EQ_INT (pool_remove (p, "w", 0), -EIO);
    /* No superblock after it: what failed is never made to look done. */
    log = recorder_log (d);
    for (; i < log.n; i++)
      writes += log.ops[i].kind == RECORDER_WRITE && log.ops[i].off == 0;
    CHECK_EQ_INT (writes, 0);
    CHECK (pool_close (p) < 0);
  }
  else {
    CHECK (info.state != POOL_POISONED);
    CHECK (pool_close (p) == 0);
  }
  vdev_unref (d);
  vdev_unref (disk);
  image_free (image);
}

TEST_MAIN
{
  uint64_t seed = test_seed (), n = test_env ("SEEDS", 400), i;

  alarm (300);
  for (i = 0; i < n; i++)
    one (seed + i, 1 + (unsigned) (i % 12));
  printf ("%u requests served, %u refused with EIO\n", served, refused);
  CHECK (served > n && refused > n);
}
