/* SPDX-License-Identifier: BSD-3-Clause
 *
 * While blocks that nobody shares are overwritten and committed, the pool
 * never has more room than it has at rest, not even for a moment in the
 * middle of a commit: who was admitted then would find it short.
 *
 * One thread writes and commits, one looks; the seed schedules them.
 */

#include <config.h>

#include <stdatomic.h>

#include "devices.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define POOL (32ULL << 20)
#define VOLUME (256ULL << 20)
#define BLOCK 4096ULL
#define LEAVES 3                /* each commit writes as many, and their root */
#define LEAF (1ULL << 20)
#define COMMITS 6

static struct pool *p;
static struct vdev *d;
static atomic_bool done;

static uint64_t
room (void)
{
  struct pool_info info;

  pool_get_info (p, &info);
  return info.available;
}

static void *
look (void *opaque)
{
  uint64_t *most = opaque;

  while (!atomic_load (&done))
    *most = BASE_MAX (*most, room ());
  return NULL;
}

static void
write_all (uint8_t byte)
{
  uint8_t buf[BLOCK];
  uint64_t i;

  memset (buf, byte, sizeof buf);
  for (i = 0; i < LEAVES; i++)
    CHECK (vdev_write (d, buf, sizeof buf, i * LEAF, 0) == 0);
  CHECK (pool_flush (p) == 0);
}

static void
one (uint64_t seed)
{
  const struct sim_options so = {
    .seed = seed, .policy = seed % 2 ? SIM_RANDOM : SIM_PRIORITY,
    .stay = 4 };
  const uint64_t at_rest = room ();
  uint64_t most = 0;
  struct base_thread t;
  unsigned i;

  atomic_store (&done, false);
  sim_start (&so);
  CHECK (base_thread_create (&t, look, &most) == 0);
  for (i = 0; i < COMMITS; i++)
    write_all (i + 1);
  atomic_store (&done, true);
  base_thread_join (&t);
  sim_stop (NULL);
  CHECK_MSG (most <= at_rest, "seed %" PRIu64 ": %" PRIu64
             " bytes too many were seen", seed, most - at_rest);
  CHECK_EQ_INT (room (), at_rest);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 30);
  struct vdev *backing;
  uint64_t i;

  CHECK (devices_mem_open (POOL, &backing) == 0);
  CHECK (pool_format (backing, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (backing, NULL, &p) == 0);
  CHECK (pool_create (p, "v", VOLUME, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  write_all (1);
  write_all (2);
  for (i = 0; i < n; i++)
    one (seed + i);
  vdev_unref (d);
  CHECK (pool_close (p) == 0);
}
