/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Many threads on one volume and its snapshot: every request is counted, and
 * who asks meanwhile sees no counter get smaller, and every histogram with as
 * many requests in it as are said to have been.  So does the pool's sum, also
 * while volumes that were written to are removed.
 */

#include <config.h>

#include <stdatomic.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define B 4096U
#define THREADS 24              /* more than there are shards */
#define ROUNDS 200
#define BLOCKS 512
#define SHARDS 16
#define HOT 200000              /* reads, by two threads of one shard */

static struct pool *p;
static atomic_bool done;
static atomic_uint numbered;    /* threads that have their number */
static atomic_int hot = -1;     /* the shard; -1 = not known yet */

struct client { struct base_thread t; unsigned me, number; };

/* A read of a hole takes less than a microsecond. */
static void
read_much (struct vdev *d)
{
  uint8_t byte;
  unsigned i;

  for (i = 0; i < HOT; i++)
    if (vdev_read (d, &byte, 1, 0) != 0)
      abort ();
}

static void *
client (void *arg)
{
  struct client *c = arg;
  struct vdev *d;
  uint8_t buf[B];
  unsigned i;

  c->number = base_thread_number ();
  atomic_fetch_add (&numbered, 1);
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &d), 0);
  while (atomic_load (&hot) < 0)
    base_thread_yield ();
  if (c->number % SHARDS == (unsigned) atomic_load (&hot))
    read_much (d);
  memset (buf, (int) c->me + 1, B);
  for (i = 0; i < ROUNDS; i++) {
    const uint64_t block = (c->me * 31 + i) % BLOCKS;

    CHECK_EQ_INT (vdev_write (d, buf, B, block * B, 0), 0);
    CHECK_EQ_INT (vdev_read (d, buf, B, block * B), 0);
    CHECK_EQ_INT (vdev_read (d, buf, 512, block * B), 0);
    if (i % 16 == 0)
      CHECK_EQ_INT (vdev_flush (d), 0);
    if (i % 32 == 0)
      CHECK_EQ_INT (vdev_trim (d, B, block * B, 0), 0);
  }
  vdev_unref (d);
  return NULL;
}

static uint64_t
sum (const uint64_t *buckets)
{
  uint64_t n = 0;
  unsigned i;

  for (i = 0; i < POOL_LATENCY_BUCKETS; i++)
    n += buckets[i];
  return n;
}

static void *
look (void *arg)
{
  struct pool_counters a = { 0 }, b;
  struct pool_info x, y;

  (void) arg;
  pool_get_info (p, &x);
  while (!atomic_load (&done)) {
    CHECK_EQ_INT (pool_volume_counters (p, "v", &b), 0);
    CHECK (b.reads >= a.reads && b.writes >= a.writes
           && b.flushes >= a.flushes && b.trims >= a.trims
           && b.bytes_read >= a.bytes_read
           && b.bytes_written >= a.bytes_written);
    CHECK_EQ_INT (sum (b.latency[POOL_LATENCY_READ]), b.reads);
    a = b;
    pool_get_info (p, &y);
    CHECK (y.reads >= x.reads && y.writes >= x.writes
           && y.bytes_written >= x.bytes_written && y.commits >= x.commits);
    CHECK (y.reads >= a.reads);
    x = y;
    base_thread_yield ();
  }
  return NULL;
}

/* Volumes that come, are written to, and go. */
static void
others (unsigned n)
{
  struct vdev *d;
  uint8_t buf[B];
  unsigned i;

  memset (buf, 77, B);
  for (i = 0; i < n; i++) {
    CHECK_EQ_INT (pool_create (p, "o", BLOCKS * B, 0), 0);
    CHECK_EQ_INT (pool_volume_open (p, "o", false, NULL, &d), 0);
    CHECK_EQ_INT (vdev_write (d, buf, B, 0, 0), 0);
    vdev_unref (d);
    CHECK_EQ_INT (pool_remove (p, "o", 0), 0);
    CHECK_EQ_INT (pool_reclaim (p), 0);
  }
}

/* The first shard that two threads have; how many have it. */
static unsigned
choose (const struct client *c)
{
  unsigned have[SHARDS] = { 0 }, i;

  while (atomic_load (&numbered) < THREADS)
    base_thread_yield ();
  for (i = 0; i < THREADS; i++)
    have[c[i].number % SHARDS]++;
  for (i = 0; have[i] < 2; i++)
    ;
  atomic_store (&hot, (int) i);
  return have[i];
}

TEST_MAIN
{
  const unsigned flushes = (ROUNDS + 15) / 16, trims = (ROUNDS + 31) / 32;
  static struct client c[THREADS];
  struct pool_counters n;
  struct base_thread looker;
  struct pool_info i;
  struct vdev *backing;
  unsigned k, hots;

  CHECK_EQ_INT (devices_mem_open (64 << 20, &backing), 0);
  CHECK_EQ_INT (pool_format (backing, &(struct pool_format_options) { 0 }), 0);
  CHECK_EQ_INT (pool_open (backing, NULL, &p), 0);
  CHECK_EQ_INT (pool_start (p), 0);
  CHECK_EQ_INT (pool_create (p, "v", BLOCKS * B, 0), 0);
  CHECK_EQ_INT (base_thread_create (&looker, look, NULL), 0);
  for (k = 0; k < THREADS; k++) {
    c[k].me = k;
    CHECK_EQ_INT (base_thread_create (&c[k].t, client, &c[k]), 0);
  }
  hots = choose (c);
  others (5);
  for (k = 0; k < THREADS; k++)
    base_thread_join (&c[k].t);
  atomic_store (&done, true);
  base_thread_join (&looker);

  CHECK_EQ_INT (pool_volume_counters (p, "v", &n), 0);
  CHECK_EQ_INT (n.writes, THREADS * ROUNDS);
  CHECK_EQ_INT (n.reads, 2 * THREADS * ROUNDS + hots * HOT);
  CHECK_EQ_INT (n.bytes_written, (uint64_t) THREADS * ROUNDS * B);
  CHECK_EQ_INT (n.bytes_read, (uint64_t) THREADS * ROUNDS * (B + 512)
                + hots * HOT);
  CHECK_EQ_INT (n.flushes, THREADS * flushes);
  CHECK_EQ_INT (n.trims, THREADS * trims);
  CHECK_EQ_INT (n.errors, 0);
  pool_get_info (p, &i);
  CHECK_EQ_INT (i.writes, n.writes + 5);
  CHECK_EQ_INT (i.reads, n.reads);
  CHECK_EQ_INT (pool_close (p), 0);
}
