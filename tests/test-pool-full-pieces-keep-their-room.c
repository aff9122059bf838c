/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A long write goes in pieces, and room for all of them is set aside first.
 * No piece takes what another one needs, although somebody else is waiting
 * for every block that comes free meanwhile: the write succeeds as a whole,
 * or it is refused as a whole.
 *
 * Here the pool has one block left.  The last block of the write is a hole
 * and needs it; the first one was shared with a clone that is gone, so it
 * needs none in truth, but looks as if it might.  The seed schedules the two
 * threads.
 */

#include <config.h>

#include <stdatomic.h>

#include "devices.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define POOL (4ULL << 20)       /* the longest publish is 16 blocks */
#define VOLUME (16ULL << 20)
#define BLOCK 4096ULL
#define BLOCKS 32               /* of the long write: two pieces */
#define ROUNDS 60

static struct vdev *v, *w;
static struct pool *p;
static uint64_t filled;         /* blocks of w */
static atomic_bool armed;       /* a piece of the long write was published */
static atomic_bool done;
static uint8_t old[BLOCKS * BLOCK], new[BLOCKS * BLOCK], now[BLOCKS * BLOCK];

static void
published (void *opaque BASE_UNUSED, uint64_t volume_id BASE_UNUSED,
           uint64_t offset BASE_UNUSED, uint64_t length BASE_UNUSED)
{
  atomic_store (&armed, true);
}

static int
write_block (struct vdev *d, uint64_t block, const void *buf)
{
  return vdev_write (d, buf, BLOCK, block * BLOCK, 0);
}

/* Takes the first block that comes free after the first piece. */
static void *
thief (void *opaque BASE_UNUSED)
{
  while (!atomic_load (&armed) && !atomic_load (&done))
    base_thread_yield ();
  while (!atomic_load (&done) && write_block (w, filled, old) == -ENOSPC)
    ;
  return NULL;
}

static void
prepare (void)
{
  struct pool_info info;
  uint64_t i;

  for (i = 0; i < BLOCKS - 1; i++)
    CHECK (write_block (v, i, old + i * BLOCK) == 0);
  CHECK (pool_snapshot (p, &(const char *) { "v@s" }, 1, 0) == 0);
  CHECK (pool_clone (p, "v@s", "clone", 0) == 0);
  CHECK (pool_remove (p, "clone", 0) == 0);
  CHECK (pool_remove (p, "v@s", 0) == 0);
  CHECK (pool_reclaim (p) == 0);
  for (i = 1; i < BLOCKS - 1; i++)
    CHECK (write_block (v, i, old + i * BLOCK) == 0);
  for (filled = 0; write_block (w, filled, old) == 0; filled++)
    ;
  do {
    CHECK (filled > 0);
    CHECK (vdev_trim (w, BLOCK, --filled * BLOCK, 0) == 0);
    CHECK (pool_flush (p) == 0);
    pool_get_info (p, &info);
  } while (info.available < BLOCK);
  CHECK_EQ_INT (info.available, BLOCK);
}

static bool
long_write (uint64_t seed)
{
  const struct sim_options so = {
    .seed = seed, .policy = seed % 2 ? SIM_RANDOM : SIM_PRIORITY,
    .stay = 4 };
  struct base_thread t;
  int r;

  atomic_store (&armed, false);
  atomic_store (&done, false);
  sim_start (&so);
  CHECK (base_thread_create (&t, thief, NULL) == 0);
  r = vdev_write (v, new, sizeof new, 0, 0);
  atomic_store (&done, true);
  base_thread_join (&t);
  sim_stop (NULL);
  CHECK (r == 0 || r == -ENOSPC);
  CHECK (vdev_read (v, now, sizeof now, 0) == 0);
  CHECK_EQ_MEM (now, r == 0 ? new : old, sizeof now);
  return r == 0;
}

TEST_MAIN
{
  const uint64_t seed = test_seed ();
  const struct pool_options options = { .watch = { .published = published } };
  struct vdev *backing;
  int round, succeeded = 0;

  memset (old, 'o', sizeof old - BLOCK);
  memset (new, 'n', sizeof new);
  CHECK (devices_mem_open (POOL, &backing) == 0);
  CHECK (pool_format (backing, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (backing, &options, &p) == 0);
  CHECK (pool_create (p, "v", VOLUME, 0) == 0);
  CHECK (pool_create (p, "w", VOLUME, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &v) == 0);
  CHECK (pool_volume_open (p, "w", false, NULL, &w) == 0);
  for (round = 0; round < ROUNDS; round++) {
    prepare ();
    succeeded += long_write (seed + round);
    CHECK (vdev_trim (v, VOLUME, 0, 0) == 0);
    CHECK (vdev_trim (w, VOLUME, 0, 0) == 0);
    CHECK (pool_flush (p) == 0);
  }
  printf ("%d of %d succeeded\n", succeeded, ROUNDS);
  CHECK (succeeded > 0);
  vdev_unref (v);
  vdev_unref (w);
  CHECK (pool_close (p) == 0);
}
