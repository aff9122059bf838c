/* SPDX-License-Identifier: BSD-3-Clause
 *
 * While a verb's commit stands below, data goes on being written, but only so
 * much that the next verb does not have to flush everything that came
 * meanwhile.  When the commit has ended all of it goes on.  A commit that no
 * verb waits for holds nobody back.
 */

#include <config.h>

#include "crash-image.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define MIB (UINT64_C (1) << 20)
#define NEAR 2                  /* MiB that may be written meanwhile */
#define ALL 40
#define STAND 60000             /* ms of simulated time */

/* Its next flush stands for STAND when it is armed. */
struct slow {
  struct base_mutex lock;
  struct base_cond never, begun;
  bool armed, standing;
  unsigned *count, then;        /* what *count was at the end */
};

static struct pool *p;
static struct vdev *v;
static struct slow slow;

static int
slow_flush (struct vdev *d)
{
  base_mutex_lock (&slow.lock);
  if (slow.armed) {
    slow.armed = false;
    slow.standing = true;
    base_cond_broadcast (&slow.begun);
    while (base_cond_timedwait (&slow.never, &slow.lock, STAND))
      ;
    slow.then = *slow.count;
  }
  base_mutex_unlock (&slow.lock);
  return vdev_pass_flush (d);
}

static const struct vdev_ops slow_ops = {
  .kind = "slow",
  .read = vdev_pass_read,
  .write = vdev_pass_write,
  .flush = slow_flush,
  .trim = vdev_pass_trim,
  .zero = vdev_pass_zero,
  .extents = vdev_pass_extents,
  .resize = vdev_pass_resize,
  .stat = vdev_pass_stat,
  .describe = vdev_pass_describe,
  .close = vdev_pass_close,
};

static void *
commit (void *arg)
{
  const bool *verb = arg;

  if (*verb)
    CHECK_EQ_INT (pool_snapshot (p, &(const char *) { "v@s" }, 1, 0), 0);
  else
    CHECK_EQ_INT (pool_flush (p), 0);
  return NULL;
}

static void *
writer (void *arg)
{
  unsigned *count = arg;
  uint8_t *buf = malloc (MIB);

  CHECK (buf != NULL);
  memset (buf, 0x5a, MIB);
  for (; *count < ALL; ++*count)
    CHECK_EQ_INT (vdev_write (v, buf, MIB, *count * MIB, 0), 0);
  free (buf);
  return NULL;
}

/* MiB that were written while the commit stood. */
static unsigned
during (uint64_t seed, bool verb)
{
  const struct sim_options so = { .seed = seed, .stay = 250 };
  struct image *image = image_new (256 * MIB);
  struct vdev_pass *disk = calloc (1, sizeof *disk);
  struct base_thread t[2];
  unsigned count = 0;

  CHECK (disk != NULL);
  memset (&slow, 0, sizeof slow);
  base_mutex_init (&slow.lock);
  base_cond_init (&slow.never);
  base_cond_init (&slow.begun);
  slow.count = &count;
  CHECK (vdev_pass_init (disk, &slow_ops, image_vdev (image), 0, 0) == 0);
  CHECK (pool_format (&disk->d, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (&disk->d, NULL, &p) == 0);
  CHECK (pool_create (p, "v", ALL * MIB, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &v) == 0);
  CHECK_EQ_INT (vdev_write (v, "x", 1, 0, 0), 0);

  sim_start (&so);
  slow.armed = true;
  CHECK (base_thread_create (&t[0], commit, &verb) == 0);
  base_mutex_lock (&slow.lock);
  while (!slow.standing)
    base_cond_wait (&slow.begun, &slow.lock);
  base_mutex_unlock (&slow.lock);
  CHECK (base_thread_create (&t[1], writer, &count) == 0);
  base_thread_join (&t[0]);
  base_thread_join (&t[1]);
  sim_stop (NULL);

  CHECK_EQ_INT (count, ALL);
  vdev_unref (v);
  CHECK (pool_close (p) == 0);
  base_cond_destroy (&slow.begun);
  base_cond_destroy (&slow.never);
  base_mutex_destroy (&slow.lock);
  image_free (image);
  return slow.then;
}

TEST_MAIN
{
  const uint64_t seed = test_seed ();

  CHECK_EQ_INT (during (seed, true), NEAR);
  CHECK_EQ_INT (during (seed, false), ALL);
}
