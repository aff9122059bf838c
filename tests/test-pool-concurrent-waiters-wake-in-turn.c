/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Of those that wait for space only the one whose turn it is wakes up.  256
 * threads overwrite blocks of a full pool, and most of the requests stand in
 * the queue; each of these may cost a few context switches, not one for each
 * that waits.  On a busy machine a thread can be done before the next one has
 * begun: then they all start again, until most of one round have waited.
 */

#include <config.h>

#include <sys/resource.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define POOL (12ULL << 20)
#define BLOCK 4096
#define THREADS 256             /* of 16 connections */
#define WRITES 25               /* of each thread */
#define ENOUGH (THREADS * WRITES / 2)   /* that waited, to say something */
#define ROUNDS 200
#define MOST 8                  /* switches of one that waits, on average */

static struct pool *p;

struct writer {
  struct base_thread t;
  uint64_t seed, blocks;
};

/* The number of blocks that fit. */
static uint64_t
fill (void)
{
  uint8_t buf[BLOCK];
  struct vdev *d;
  uint64_t n;
  int r = 0;

  memset (buf, 0x55, sizeof buf);
  CHECK_EQ_INT (pool_create (p, "v", 2 * POOL, 0), 0);
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &d), 0);
  for (n = 0; r == 0; ++n)
    r = vdev_write (d, buf, BLOCK, n * BLOCK, 0);
  CHECK_EQ_INT (r, -ENOSPC);
  CHECK_EQ_INT (vdev_flush (d), 0);
  vdev_unref (d);
  return n - 1;
}

static void *
overwrite (void *arg)
{
  struct writer *w = arg;
  uint8_t buf[BLOCK];
  struct base_rng rng;
  struct vdev *d;
  unsigned i;

  base_rng_seed (&rng, w->seed);
  memset (buf, 0x66, sizeof buf);
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &d), 0);
  for (i = 0; i < WRITES; ++i)
    CHECK_EQ_INT (vdev_write (d, buf, BLOCK,
                              base_rng_below (&rng, w->blocks) * BLOCK, 0), 0);
  vdev_unref (d);
  return NULL;
}

static uint64_t
switches (void)
{
  struct rusage u;

  CHECK_EQ_INT (getrusage (RUSAGE_SELF, &u), 0);
  return (uint64_t) u.ru_nvcsw;
}

static void
overwrite_all (uint64_t blocks)
{
  static struct writer w[THREADS];
  size_t i;

  for (i = 0; i < THREADS; ++i) {
    w[i].seed = i;
    w[i].blocks = blocks;
    CHECK_EQ_INT (base_thread_create (&w[i].t, overwrite, &w[i]), 0);
  }
  for (i = 0; i < THREADS; ++i)
    base_thread_join (&w[i].t);
}

static uint64_t
waits (void)
{
  struct pool_info info;

  pool_get_info (p, &info);
  return info.space_waits;
}

TEST_MAIN
{
  const struct pool_format_options options = { .capacity = POOL };
  struct vdev *mem;
  uint64_t blocks, waited = 0, switched = 0;
  unsigned rounds;

  CHECK_EQ_INT (devices_mem_open (POOL, &mem), 0);
  CHECK_EQ_INT (pool_format (mem, &options), 0);
  CHECK_EQ_INT (pool_open (mem, NULL, &p), 0);
  blocks = fill ();
  for (rounds = 0; waited <= ENOUGH && rounds < ROUNDS; ++rounds) {
    waited = waits ();
    switched = switches ();
    overwrite_all (blocks);
    waited = waits () - waited;
    switched = switches () - switched;
  }
  printf ("round %u: %" PRIu64 " waited, %" PRIu64 " switches\n",
          rounds, waited, switched);
  CHECK (waited > ENOUGH);
  CHECK (switched <= waited * MOST);
  CHECK_EQ_INT (pool_close (p), 0);
}
