/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening writes the superblock that it opened once more.  The second flush of
 * a checkpoint fails: its superblock is in the page cache and no later flush
 * brings it to the platter, while a transaction that was written after its cut
 * is in the ring.  The next run opens what the cache shows, and the checkpoint
 * in which it brings the transaction to the trees names the generation that
 * was opened in a marker.  Had it not written that superblock again, a crash
 * now would leave a marker that names one which is nowhere, and the pool would
 * not open.
 */

#include <config.h>

#include <inttypes.h>

#include "crash-try.h"
#include "devices-test.h"
#include "test.h"

#define B ORACLE_PAGE
#define BLOCKS 128

static void
init (struct bench *b)
{
  struct pool_format_options o = { .journal_size = 12 * B };

  memset (b, 0, sizeof *b);
  crash_determine (1);
  b->blank = image_new (BLOCKS * B);
  b->image = image_new (BLOCKS * B);
  crash_world_init (&b->w, &crash_pool_engine, b->image, true);
  b->w.cache_size = 1 << 20;
  b->w.fault_device = true;
  crash_actor_init (&b->a, &b->w, 0);
  CHECK_MSG (crash_world_format (&b->w, &o), "%s", b->w.failure);
}

static bool done, failing;

/* Before each flush.  The first is that of the checkpoint's nodes: somebody
 * else writes and flushes meanwhile.  That of its superblock fails.
 */
static void
before_flush (void *opaque)
{
  struct bench *b = opaque;
  struct crash_op wr = { .kind = CRASH_WRITE, .off = B, .len = 2 * B,
                         .stamp = 3 };
  struct crash_op flush = { .kind = CRASH_FLUSH, .pool_wide = true };
  struct recorder_log log = recorder_log (b->w.log);
  struct crash_actor a;

  if (!failing && crash_pool_engine.is_super (b->w.disk,
                                              log.ops[log.n - 1].off)) {
    failing = true;
    image_vdev_fail_flush (b->w.disk, 1);
  }
  if (done)
    return;
  done = true;
  crash_actor_init (&a, &b->w, 1);
  CHECK_MSG (crash_do (&a, &wr) && crash_do (&a, &flush), "%s", b->w.failure);
  crash_actor_fini (&a);
}

TEST_MAIN
{
  struct bench b;
  struct faulty_rule hook = {
    .op = FAULTY_FLUSH, .action = FAULTY_HOOK, .nth = 1, .sticky = true,
    .hook = before_flush, .opaque = &b,
  };
  uint64_t from;

  printf ("directed: the same on every run, as if by SEED=0\n");
  init (&b);
  BENCH_DO (&b, .kind = CRASH_CREATE, .len = 8 * B);
  /* Room enough that nobody has to back a slab later. */
  BENCH_DO (&b, .kind = CRASH_WRITE, .len = 8 * B, .stamp = 1);
  BENCH_DO (&b, .kind = CRASH_CHECKPOINT);
  BENCH_DO (&b, .kind = CRASH_TRIM, .len = 8 * B);
  BENCH_DO (&b, .kind = CRASH_CHECKPOINT);
  BENCH_DO (&b, .kind = CRASH_CHECKPOINT);
  BENCH_DO (&b, .kind = CRASH_WRITE, .len = 2 * B, .stamp = 5);
  BENCH_DO (&b, .kind = CRASH_FLUSH, .pool_wide = true);
  from = crash_world_position (&b.w);

  b.w.poisoned = true;
  CHECK_EQ_INT (faulty_add (b.w.fault, &hook), 0);
  BENCH_DO (&b, .kind = CRASH_CHECKPOINT);
  faulty_clear (b.w.fault);
  CHECK (done && failing);
  CHECK_EQ_INT (crash_pool_engine.flush (b.w.pool), -EIO);
  b.w.poisoned = false;
  BENCH_DO (&b, .kind = CRASH_KILL);
  bench_crash_all (&b, from, crash_world_position (&b.w));
  bench_fini (&b);
}
