/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A full pool goes on working.  Random overwrites of exclusive blocks, ten
 * times the size of the pool, from four connections with a flush every
 * eight, all succeed; then trims, and the removal of every snapshot and of a
 * volume; then it can be filled again as far as before.
 *
 * Environment ROUNDS: how often all that, each on what the last one left.
 */

#include <config.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define POOL (12ULL << 20)
#define VOLUME (16ULL << 20)
#define BLOCK 4096
#define CONNECTIONS 4

static struct pool *p;
static struct base_rng rng;

static void
put_stamp (uint8_t *buf, uint64_t stamp)
{
  size_t i;

  for (i = 0; i < BLOCK; i += 8) {
    uint64_t x = (stamp + 1) * (2 * i + 1);
    memcpy (buf + i, &x, 8);
  }
}

/* Fill NAME from block *N on; sets *N to the first block that did not fit. */
static void
fill (const char *name, uint64_t *n)
{
  uint8_t buf[BLOCK];
  struct vdev *d;
  int r = 0;

  CHECK (pool_volume_open (p, name, false, NULL, &d) == 0);
  for (; r == 0 && *n < VOLUME / BLOCK; ++*n) {
    put_stamp (buf, *n);
    r = vdev_write (d, buf, BLOCK, *n * BLOCK, 0);
    CHECK (r == 0 || r == -ENOSPC);
    if (r < 0)
      break;
  }
  CHECK_EQ_INT (r, -ENOSPC);
  vdev_unref (d);
}

struct connection {
  struct base_thread t;
  uint64_t seed, first, count, writes;
};

/* Each has blocks of its own, so that it knows what it must read. */
static void *
overwrite (void *arg)
{
  struct connection *c = arg;
  struct base_rng r;
  struct vdev *d;
  uint8_t buf[BLOCK], again[BLOCK];
  uint64_t i, block;

  base_rng_seed (&r, c->seed);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  for (i = 1; i <= c->writes; i++) {
    block = c->first + base_rng_below (&r, c->count);
    put_stamp (buf, base_rng_u64 (&r));
    CHECK_EQ_INT (vdev_write (d, buf, BLOCK, block * BLOCK, 0), 0);
    if (i % 8 == 0)
      CHECK_EQ_INT (vdev_flush (d), 0);
    if (i % 16 == 0) {
      CHECK (vdev_read (d, again, BLOCK, block * BLOCK) == 0);
      CHECK (memcmp (buf, again, BLOCK) == 0);
    }
  }
  vdev_unref (d);
  return NULL;
}

static void
overwrite_all (uint64_t blocks)
{
  struct connection c[CONNECTIONS];
  unsigned i;

  for (i = 0; i < CONNECTIONS; i++) {
    c[i].seed = base_rng_u64 (&rng);
    c[i].first = blocks * i / CONNECTIONS;
    c[i].count = blocks * (i + 1) / CONNECTIONS - c[i].first;
    c[i].writes = 10 * POOL / BLOCK / CONNECTIONS;
    CHECK (base_thread_create (&c[i].t, overwrite, &c[i]) == 0);
  }
  for (i = 0; i < CONNECTIONS; i++)
    base_thread_join (&c[i].t);
}

static void
check_clean (void)
{
  struct pool_check_options o = { .data = true };
  struct pool_check_result r;

  CHECK (pool_check (p, &o, &r) == 0);
  CHECK (r.errors == 0 && r.leaks == 0);
}

static uint64_t
one_round (void)
{
  static const char *const snapshots[] = { "w@a", "w@b", "w@c" };
  uint64_t v = 0, w = 0, i;
  uint8_t buf[BLOCK];
  struct vdev *d;

  /* A second volume with three snapshots holds a part of the pool. */
  CHECK (pool_create (p, "v", VOLUME, 0) == 0);
  CHECK (pool_create (p, "w", VOLUME, 0) == 0);
  for (i = 0; i < 3; i++) {
    CHECK (pool_volume_open (p, "w", false, NULL, &d) == 0);
    for (w = 0; w < 200; w++) {
      put_stamp (buf, w * 3 + i);
      CHECK (vdev_write (d, buf, BLOCK, w * BLOCK, 0) == 0);
    }
    vdev_unref (d);
    CHECK (pool_snapshot (p, &snapshots[i], 1, 0) == 0);
  }
  fill ("v", &v);
  overwrite_all (v);
  check_clean ();

  /* Everything that gives space back must work, full as it is. */
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  CHECK_EQ_INT (vdev_trim (d, v / 4 * BLOCK, v / 2 * BLOCK, 0), 0);
  CHECK_EQ_INT (vdev_zero (d, v / 8 * BLOCK, 0, VDEV_MAY_TRIM), 0);
  vdev_unref (d);
  for (i = 0; i < 3; i++)
    CHECK_EQ_INT (pool_remove (p, snapshots[i], 0), 0);
  CHECK_EQ_INT (pool_remove (p, "w", 0), 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  v /= 8;                       /* what was zeroed stays a hole */
  fill ("v", &v);
  check_clean ();
  CHECK_EQ_INT (pool_remove (p, "v", 0), 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  return v;
}

TEST_MAIN
{
  const uint64_t rounds = test_env ("ROUNDS", 3);
  struct pool_info info;
  struct vdev *backing;
  uint64_t i, most = 0, n, used = 0;

  base_rng_seed (&rng, test_seed ());
  CHECK (devices_mem_open (POOL, &backing) == 0);
  CHECK (pool_format (backing, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (backing, NULL, &p) == 0);
  CHECK (pool_start (p) == 0);
  for (i = 0; i < rounds; i++) {
    n = one_round ();
    pool_get_info (p, &info);
    if (i == 0) {
      most = n;
      used = info.used;
    }
    /* No round leaves anything behind. */
    CHECK_EQ_INT (n, most);
    CHECK (info.used <= used + 4 * BLOCK);
  }
  CHECK (pool_close (p) == 0);
}
