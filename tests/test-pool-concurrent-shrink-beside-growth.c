/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A volume is shrunk to the middle of a block, which needs a new place, while
 * requests stand in the queue for space, whose first backs slabs, and while
 * the pool is told to grow (to the size it has, which takes the same locks),
 * which keeps others from backing any.  No disk is left below, so that who is
 * first asks again and again.  Nobody waits for ever, whatever the order.
 */

#include <config.h>

#include "crash-image.h"
#include "devices-test.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define BLOCK UINT64_C (4096)
#define DISK (UINT64_C (24) << 20)
#define MOST 16                 /* blocks of a request */
#define SPARE 64                /* blocks that are free */
#define TIMES 40                /* shrinks, and growths */
#define RUNS 40
#define WRITERS 4

static struct pool *p;
static struct vdev *v;
static uint64_t filled;         /* blocks of v */

/* Until no more fits, but SPARE. */
static void
fill (void)
{
  uint8_t buf[BLOCK];
  uint64_t n;
  int r = 0;

  memset (buf, 0x55, sizeof buf);
  for (n = 0; r == 0; ++n)
    r = vdev_write (v, buf, BLOCK, n * BLOCK, 0);
  CHECK_EQ_INT (r, -ENOSPC);
  CHECK (n > SPARE + MOST);
  filled = n - 1 - SPARE;
  CHECK_EQ_INT (vdev_trim (v, SPARE * BLOCK, filled * BLOCK, 0), 0);
  CHECK_EQ_INT (vdev_flush (v), 0);
}

static void *
overwrite (void *arg)
{
  static uint8_t buf[MOST * BLOCK];
  struct base_rng *rng = arg;
  uint64_t n;
  unsigned i;

  memset (buf, 0x66, sizeof buf);
  for (i = 0; i < 4 * TIMES; ++i) {
    n = 1 + base_rng_below (rng, MOST);
    CHECK_EQ_INT (vdev_write (v, buf, n * BLOCK,
                              base_rng_below (rng, filled - n) * BLOCK, 0), 0);
  }
  return NULL;
}

static void *
shrink (void *arg)
{
  unsigned i;

  for (i = 1; i <= TIMES; ++i)
    CHECK_EQ_INT (pool_resize (p, "s", BLOCK - 16 * i, POOL_SHRINK), 0);
  return arg;
}

static void *
grow (void *arg)
{
  unsigned i;

  for (i = 0; i < TIMES; ++i)
    CHECK_EQ_INT (pool_grow (p, 0), 0);
  return arg;
}

static void
prepare (struct image *image)
{
  const struct faulty_rule full = { .op = FAULTY_ZERO, .action = FAULTY_FAIL,
    .nth = 1, .sticky = true, .error = ENOSPC };
  struct vdev *faulty, *s;

  CHECK_EQ_INT (faulty_open (image_vdev (image), &faulty), 0);
  CHECK_EQ_INT (pool_format (faulty, &(struct pool_format_options) { 0 }), 0);
  CHECK_EQ_INT (pool_open (faulty, NULL, &p), 0);
  CHECK_EQ_INT (pool_create (p, "s", BLOCK, 0), 0);
  CHECK_EQ_INT (pool_volume_open (p, "s", false, NULL, &s), 0);
  CHECK_EQ_INT (vdev_write (s, "x", 1, 0, 0), 0);
  vdev_unref (s);
  CHECK_EQ_INT (pool_create (p, "v", 2 * DISK, 0), 0);
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &v), 0);
  CHECK_EQ_INT (faulty_add (faulty, &full), 0);
  fill ();
}

/* Requests that waited. */
static uint64_t
run (uint64_t seed)
{
  const struct sim_options so = { .seed = seed, .stay = 128 };
  struct image *image = image_new (DISK);
  struct base_thread t[WRITERS + 2];
  struct base_rng rng[WRITERS];
  struct pool_info before, after;
  unsigned i;

  prepare (image);
  pool_get_info (p, &before);
  sim_start (&so);
  for (i = 0; i < WRITERS; ++i) {
    base_rng_seed (&rng[i], seed + i);
    CHECK_EQ_INT (base_thread_create (&t[i], overwrite, &rng[i]), 0);
  }
  CHECK_EQ_INT (base_thread_create (&t[i++], shrink, NULL), 0);
  CHECK_EQ_INT (base_thread_create (&t[i++], grow, NULL), 0);
  while (i > 0)
    base_thread_join (&t[--i]);
  sim_stop (NULL);
  pool_get_info (p, &after);

  vdev_unref (v);
  CHECK_EQ_INT (pool_close (p), 0);
  image_free (image);
  return after.space_waits - before.space_waits;
}

TEST_MAIN
{
  const uint64_t seed = test_seed ();
  uint64_t waits = 0;
  unsigned i;

  for (i = 0; i < RUNS; ++i)
    waits += run (seed + i);
  printf ("%" PRIu64 " requests waited\n", waits);
  CHECK (waits > RUNS);
}
