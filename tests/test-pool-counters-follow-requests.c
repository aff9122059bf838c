/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Each request to a volume is counted once: by its kind, by its bytes if it
 * succeeded, as an error if not, and by how long it took.  A device below
 * that takes its time, by the clock of the simulation, moves a request into
 * the bucket of exactly that time.  The counters are the volume's: a rename
 * and a rollback keep them, a clone and a new volume of the same name begin
 * at 0, a snapshot counts its reads, and what a removed volume did stays in
 * the pool's sum.  Syncs are the flushes that the device below sees.
 */

#include <config.h>

#include "devices-test.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define US UINT64_C (1000)
#define MS (1000 * US)
#define S (1000 * MS)

static struct vdev *faulty;
static struct pool *p;

static struct pool_counters
counters (const char *name)
{
  struct pool_counters c;
  uint64_t sum[POOL_LATENCIES] = { 0 };
  unsigned i, k;

  CHECK_EQ_INT (pool_volume_counters (p, name, &c), 0);
  for (i = 0; i < POOL_LATENCIES; i++)
    for (k = 0; k < POOL_LATENCY_BUCKETS; k++)
      sum[i] += c.latency[i][k];
  CHECK_EQ_INT (sum[POOL_LATENCY_READ], c.reads);
  CHECK_EQ_INT (sum[POOL_LATENCY_WRITE], c.writes);
  CHECK_EQ_INT (sum[POOL_LATENCY_FLUSH], c.flushes);
  return c;
}

static struct pool_info
info (void)
{
  struct pool_info i;

  pool_get_info (p, &i);
  return i;
}

static struct vdev *
connect (const char *name)
{
  struct vdev *d;

  CHECK_EQ_INT (pool_volume_open (p, name, false, NULL, &d), 0);
  return d;
}

/* ---- kinds, bytes, errors ------------------------------------------------ */

static void
counted (void)
{
  static uint8_t buf[5 * B];
  struct vdev *d = connect ("v");
  struct pool_counters c = counters ("v");
  const struct faulty_rule fail = { .op = FAULTY_READ, .action = FAULTY_FAIL,
    .nth = 1 };

  CHECK_EQ_INT (c.reads + c.writes + c.flushes + c.trims + c.zeroes
                + c.bytes_read + c.bytes_written + c.errors, 0);
  memset (buf, 7, sizeof buf);
  CHECK_EQ_INT (vdev_write (d, buf, sizeof buf, B, 0), 0);
  CHECK_EQ_INT (vdev_write (d, buf, 100, 50, VDEV_FUA), 0);
  CHECK_EQ_INT (vdev_write (d, buf, B, 20 * B, 0), 0);
  CHECK_EQ_INT (vdev_read (d, buf, 3 * B, B + 1), 0);
  CHECK_EQ_INT (vdev_read (d, buf, 1, 0), 0);
  CHECK_EQ_INT (vdev_trim (d, B, B, 0), 0);
  CHECK_EQ_INT (vdev_trim (d, B, 3 * B, 0), 0);
  CHECK_EQ_INT (vdev_zero (d, B, 2 * B, 0), 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  c = counters ("v");
  CHECK_EQ_INT (c.writes, 3);
  CHECK_EQ_INT (c.bytes_written, 6 * B + 100);
  CHECK_EQ_INT (c.reads, 2);
  CHECK_EQ_INT (c.bytes_read, 3 * B + 1);
  CHECK_EQ_INT (c.trims, 2);
  CHECK_EQ_INT (c.zeroes, 1);
  CHECK_EQ_INT (c.flushes, 1);
  CHECK_EQ_INT (c.errors, 0);

  /* One that fails is one, and its bytes were not read. */
  CHECK_EQ_INT (faulty_add (faulty, &fail), 0);
  CHECK_EQ_INT (vdev_read (d, buf, B, 20 * B), -EIO);
  faulty_clear (faulty);
  c = counters ("v");
  CHECK_EQ_INT (c.reads, 3);
  CHECK_EQ_INT (c.bytes_read, 3 * B + 1);
  CHECK_EQ_INT (c.errors, 1);
  vdev_unref (d);
}

/* ---- latencies ----------------------------------------------------------- */

static uint64_t late;           /* ns that the device below takes */

static void
be_late (void *opaque)
{
  (void) opaque;
  sim_set_now (sim_now () + late);
}

static void
one_more (const char *what, enum pool_latency kind, uint64_t ns,
          const struct pool_counters *before)
{
  const struct pool_counters c = counters ("v");
  unsigned want = 0, i;

  /* Looking at the clock takes some of these microseconds, too. */
  while (want < POOL_LATENCY_BUCKETS - 1 && ns >= (UINT64_C (1) << want) * US)
    want++;
  for (i = 0; i < POOL_LATENCY_BUCKETS; i++)
    CHECK_MSG (c.latency[kind][i] == before->latency[kind][i] + (i == want),
               "%s of %" PRIu64 " us: bucket %u has %" PRIu64
               ", and had %" PRIu64, what, ns / US, i, c.latency[kind][i],
               before->latency[kind][i]);
}

static void
slow (struct vdev *d, uint64_t ns)
{
  const struct faulty_rule rule = { .op = FAULTY_ANY, .action = FAULTY_HOOK,
    .nth = 1, .hook = be_late };
  const struct pool_counters before = counters ("v");
  const uint64_t applied = faulty_applied (faulty);
  static uint8_t n;
  uint8_t buf[B];

  late = ns;
  memset (buf, ++n ? n : ++n, B);
  CHECK_EQ_INT (faulty_add (faulty, &rule), 0);
  CHECK_EQ_INT (vdev_write (d, buf, B, 30 * B, 0), 0);
  one_more ("write", POOL_LATENCY_WRITE, ns, &before);
  CHECK_EQ_INT (faulty_add (faulty, &rule), 0);
  CHECK_EQ_INT (vdev_read (d, buf, B, 30 * B), 0);
  one_more ("read", POOL_LATENCY_READ, ns, &before);
  CHECK_EQ_INT (faulty_add (faulty, &rule), 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  one_more ("flush", POOL_LATENCY_FLUSH, ns, &before);
  CHECK_EQ_INT (faulty_applied (faulty) - applied, 3);
  faulty_clear (faulty);
}

static void
timed (void)
{
  struct vdev *d = connect ("v");
  uint64_t b[POOL_LATENCY_BUCKETS] = { 0 };

  /* Well inside a bucket: the simulation's clock moves at each look. */
  slow (d, 48 * US);
  slow (d, 1500 * US);
  slow (d, 10 * MS);
  slow (d, 700 * MS);
  slow (d, 3 * S);
  slow (d, 12 * S);
  slow (d, 20 * S);
  slow (d, 1000 * S);
  vdev_unref (d);

  CHECK_EQ_INT (pool_latency_bound (b, 500), 0);
  b[3] = 99;
  b[10] = 1;
  CHECK_EQ_INT (pool_latency_bound (b, 500), 8);
  CHECK_EQ_INT (pool_latency_bound (b, 990), 8);
  CHECK_EQ_INT (pool_latency_bound (b, 991), 1024);
  CHECK_EQ_INT (pool_latency_bound (b, 999), 1024);
  b[10] = 2;
  CHECK_EQ_INT (pool_latency_bound (b, 990), 1024);
  b[POOL_LATENCY_BUCKETS - 1] = 100;
  CHECK_EQ_INT (pool_latency_bound (b, 999), UINT64_MAX);
  b[0] = 1000;
  CHECK_EQ_INT (pool_latency_bound (b, 500), 1);
}

/* ---- whose they are ------------------------------------------------------ */

static void
empty (const char *name)
{
  const struct pool_counters c = counters (name);

  CHECK_EQ_INT (c.reads + c.writes + c.trims + c.errors, 0);
}

static void
owned (void)
{
  const struct pool_counters old = counters ("v");
  const struct pool_info before = info ();
  struct pool_import *import;
  struct pool_counters c;
  struct vdev *d;
  uint8_t buf[B];

  CHECK_EQ_INT (before.reads, old.reads);
  CHECK_EQ_INT (before.errors, old.errors);
  CHECK_EQ_INT (pool_snapshot (p, (const char *[]) { "v@s" }, 1, 0), 0);
  CHECK_EQ_INT (pool_clone (p, "v", "c", 0), 0);
  empty ("v@s");
  empty ("c");
  d = connect ("v@s");
  CHECK_EQ_INT (vdev_read (d, buf, B, 0), 0);
  vdev_unref (d);
  CHECK_EQ_INT (counters ("v@s").reads, 1);
  CHECK_EQ_INT (counters ("v").reads, old.reads);

  CHECK_EQ_INT (pool_rename (p, "v", "w"), 0);
  CHECK_EQ_INT (pool_rollback (p, "w@s", 0), 0);
  c = counters ("w");
  CHECK_EQ_MEM (&c, &old, sizeof c);
  CHECK_EQ_INT (counters ("w@s").reads, 1);
  CHECK_EQ_INT (pool_volume_counters (p, "v", &c), -ENOENT);

  CHECK_EQ_INT (pool_import_begin (p, "i", 4 * B, &import), 0);
  memset (buf, 3, B);
  CHECK_EQ_INT (vdev_write (pool_import_vdev (import), buf, B, 0, 0), 0);
  CHECK_EQ_INT (pool_import_commit (import), 0);
  CHECK_EQ_INT (counters ("i").bytes_written, B);

  CHECK_EQ_INT (pool_remove (p, "w", POOL_RECURSIVE), 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  CHECK_EQ_INT (pool_create (p, "w", 64 * B, 0), 0);
  empty ("w");
  CHECK_EQ_INT (info ().reads, before.reads + 1);
  CHECK_EQ_INT (info ().bytes_written, before.bytes_written + B);
  CHECK_EQ_INT (info ().trims, before.trims);
  CHECK_EQ_INT (info ().flushes, before.flushes);
}

/* ---- the pool ------------------------------------------------------------ */

static uint64_t
flushes_below (struct vdev *recorder)
{
  const struct recorder_log log = recorder_log (recorder);
  uint64_t n = 0;
  size_t i;

  for (i = 0; i < log.n; i++)
    n += log.ops[i].kind == RECORDER_FLUSH;
  recorder_reset (recorder);
  return n;
}

static void
pool_wide (struct vdev *recorder)
{
  struct vdev *d = connect ("w");
  struct pool_info a, b;
  uint8_t buf[B];

  a = info ();
  flushes_below (recorder);
  memset (buf, 9, B);
  CHECK_EQ_INT (vdev_write (d, buf, B, 0, 0), 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  CHECK_EQ_INT (vdev_write (d, buf, B, B, VDEV_FUA), 0);
  b = info ();
  CHECK_EQ_INT (b.commits - a.commits, 2);
  CHECK_EQ_INT (b.checkpoints - a.checkpoints, 0);
  CHECK_EQ_INT (b.syncs - a.syncs, 2);
  CHECK_EQ_INT (flushes_below (recorder), 2);
  CHECK_EQ_INT (vdev_write (d, buf, B, 2 * B, 0), 0);
  CHECK_EQ_INT (pool_checkpoint (p), 0);
  a = b;
  b = info ();
  CHECK_EQ_INT (b.checkpoints - a.checkpoints, 1);
  CHECK_EQ_INT (b.commits - a.commits, 1);
  CHECK_EQ_INT (b.syncs - a.syncs, flushes_below (recorder));
  vdev_unref (d);
}

TEST_MAIN
{
  struct vdev *mem, *recorder;

  CHECK_EQ_INT (devices_mem_open (32 << 20, &mem), 0);
  CHECK_EQ_INT (faulty_open (mem, &faulty), 0);
  CHECK_EQ_INT (recorder_open (faulty, &recorder), 0);
  CHECK_EQ_INT (pool_format (recorder, &(struct pool_format_options) { 0 }),
                0);
  CHECK_EQ_INT (pool_open (recorder, NULL, &p), 0);
  CHECK_EQ_INT (info ().commits, 0);
  CHECK_EQ_INT (pool_create (p, "v", 64 * B, 0), 0);
  counted ();
  timed ();
  owned ();
  pool_wide (recorder);
  CHECK_EQ_INT (pool_close (p), 0);
}
