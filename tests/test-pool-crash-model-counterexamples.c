/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The short histories in which a rule of the pool's durability matters.  A
 * model of the design, searched breadth first with one rule switched off,
 * gave a shortest counterexample for each; here they are played on the pool,
 * with a crash at every point of the commits concerned and every survivor
 * alone, and nothing may be lost.
 *
 *   reuse, ckreuse   a freed block is not used again before the commit that
 *                    freed it is durable in slot and twin
 *   ckflush1         the superblock waits for what it names
 *   ckflush2         a flush is answered when the superblock is durable
 *   cut              a commit holds exactly what came before its cut
 *   unshare, qcut    a block that a snapshot shares stays
 *   rewritesb, rflush    after a failed flush the next run makes durable what
 *                    it has opened before it goes on
 */

#include <config.h>

#include "crash-try.h"
#include "test.h"

#define B ORACLE_PAGE

static uint64_t
now (struct bench *b)
{
  return crash_world_position (&b->w);
}

static void
write_all (struct bench *b, unsigned blocks, uint64_t stamp)
{
  unsigned i;

  for (i = 0; i < blocks; i++)
    BENCH_DO (b, .kind = CRASH_WRITE, .off = i * B, .len = B,
              .stamp = stamp * 1000 + 8 * i + 1);
}

static void
flush (struct bench *b)
{
  BENCH_DO (b, .kind = CRASH_FLUSH, .pool_wide = true);
}

/* Overwrites in a pool so small that every freed block is wanted at once. */
static void
reuse (void)
{
  struct bench b;
  uint64_t from;
  unsigned i;

  bench_init (&b, &crash_pool_engine, 40, 6);
  write_all (&b, 6, 1);
  flush (&b);
  from = now (&b);
  for (i = 2; i < 8; i++) {
    write_all (&b, 6, i);
    if (i % 2)
      flush (&b);
  }
  bench_crash_all (&b, from, now (&b));
  bench_fini (&b);
}

/* One write, one flush: every point, every survivor alone; and behind the
 * answer with all lost that was not durable.
 */
static void
flushes (void)
{
  struct bench b;
  uint64_t from;

  bench_init (&b, &crash_pool_engine, 64, 8);
  write_all (&b, 8, 1);
  flush (&b);
  from = now (&b);
  write_all (&b, 2, 2);
  flush (&b);
  bench_crash (&b, now (&b), 0);
  BENCH_DO (&b, .kind = CRASH_FUA, .off = 3 * B + 5, .len = 100, .flags = 1,
            .stamp = 77);
  bench_crash (&b, now (&b), 0);
  BENCH_DO (&b, .kind = CRASH_TRIM, .off = 0, .len = 4 * B, .flags = 1);
  bench_crash (&b, now (&b), 0);
  bench_crash_all (&b, from, now (&b));
  bench_fini (&b);
}

static void
snapshots (void)
{
  struct bench b;
  uint64_t from;

  bench_init (&b, &crash_pool_engine, 64, 6);
  write_all (&b, 6, 1);
  BENCH_DO (&b, .kind = CRASH_SNAPSHOT, .snap = 0);
  bench_crash (&b, now (&b), 0);
  from = now (&b);
  write_all (&b, 3, 2);                 /* unshare */
  flush (&b);
  write_all (&b, 4, 3);
  BENCH_DO (&b, .kind = CRASH_SNAPSHOT, .snap = 1);
  write_all (&b, 2, 4);
  BENCH_DO (&b, .kind = CRASH_CLONE, .on_snapshot = true, .snap = 0,
            .to_vol = 1);
  BENCH_DO (&b, .kind = CRASH_WRITE, .vol = 1, .off = B, .len = 2 * B,
            .stamp = 901);
  write_all (&b, 6, 5);
  BENCH_DO (&b, .kind = CRASH_REMOVE, .on_snapshot = true, .snap = 0);
  write_all (&b, 6, 6);                 /* wants the blocks that are freed */
  BENCH_DO (&b, .kind = CRASH_RECLAIM, .pool_wide = true, .steps = 1);
  write_all (&b, 6, 7);
  BENCH_DO (&b, .kind = CRASH_ROLLBACK, .on_snapshot = true, .snap = 1);
  write_all (&b, 2, 8);
  BENCH_DO (&b, .kind = CRASH_REMOVE, .vol = 1, .flags = POOL_RECURSIVE);
  BENCH_DO (&b, .kind = CRASH_RECLAIM, .pool_wide = true, .steps = 1);
  write_all (&b, 6, 9);
  flush (&b);
  bench_crash_all (&b, from, now (&b));
  bench_fini (&b);
}

/* A flush fails, the process starts again on what the page cache shows; from
 * then on a power cut must not take it back further.
 */
static void
failed_flush (void)
{
  struct bench b;
  uint64_t from;
  unsigned i;

  for (i = 0; i < 6; i++) {
    bench_init (&b, &crash_pool_engine, 64, 6);
    write_all (&b, 6, 1);
    flush (&b);
    write_all (&b, 2, 2);
    b.w.changes += i;           /* another of its variants */
    BENCH_DO (&b, .kind = CRASH_BADFLUSH);
    from = now (&b);
    bench_crash (&b, from, 0);
    bench_crash (&b, from, UINT64_MAX);
    write_all (&b, 3, 3);
    flush (&b);
    BENCH_DO (&b, .kind = CRASH_KILL);
    write_all (&b, 2, 4);
    bench_crash_all (&b, from, now (&b));
    bench_fini (&b);
  }
}

TEST_MAIN
{
  printf ("directed: the same on every run, as if by SEED=0\n");
  reuse ();
  flushes ();
  snapshots ();
  failed_flush ();
}
