/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a pool costs, by its size: bytes and CPU per write, snapshot, open,
 * memory.  bench/pool-cost.sh runs the steps and records the figures.
 *
 *   pool-cost DIR build      makes three pools below DIR: 256 MiB, 16 GiB,
 *                            1 TiB, with one volume each, whose mapped
 *                            blocks are spread at random over the whole
 *                            range, 10 million in the largest
 *   pool-cost DIR writes     random 4 KiB writes in a working set of
 *                            128 MiB, a flush every 64 (local); over the
 *                            whole volume (whole), which leaves free places
 *                            scattered all over the pool; in the working set
 *                            again (aged).  The three pools in turn.
 *   pool-cost DIR open       the largest: after a clean close, after kill -9
 *   pool-cost DIR memory     the largest: a million random requests
 *   pool-cost DIR amplify    16 GiB: what is written for each byte
 *   pool-cost DIR snapshot   the largest: snapshots with nothing dirty
 *
 * Each step opens what the one before has closed, and prints KEY=VALUE
 * lines.  SCALE=N divides the number of blocks and of requests (to try the
 * program out; such figures mean nothing).  SEED=N is taken and printed.
 *
 * The pools stand on constdev over files: all metadata is really written to
 * the disk and flushed there, data is one constant block that exists as a
 * bit.  The cost of writing the data itself, the same for every
 * size, is thereby left out of the CPU figure, which makes differences
 * between the sizes stand out more, not less.  Bytes count data as well.
 */

#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cost.h"

#define LOCAL_ROUNDS 150        /* short, so that a disturbance hits all */
#define WHOLE_ROUNDS 15
#define SNAPSHOTS 15
#define OPENINGS 5

/* Ascending, with random gaps, so that each leaf is written once. */
static void
fill (struct cost_pool *c)
{
  const uint64_t blocks = c->capacity / BLOCK;
  const uint64_t start = base_monotonic_ns ();
  uint64_t i;

  for (i = 0; i < c->mapped; ++i) {
    /* The I-th of as many equal parts. */
    const uint64_t from = (uint64_t) ((__uint128_t) blocks * i / c->mapped);
    const uint64_t to
      = (uint64_t) ((__uint128_t) blocks * (i + 1) / c->mapped);
    const uint64_t b = from + base_rng_below (&cost_rng, to - from);

    must (vdev_write (c->volume, cost_block, BLOCK, b * BLOCK, 0));
  }
  must (vdev_flush (c->volume));
  printf ("build.%s.blocks=%" PRIu64 "\nbuild.%s.seconds=%.1f\n", c->name,
          c->mapped, c->name,
          (double) (base_monotonic_ns () - start) / 1e9);
}

static void
build (void)
{
  size_t i;

  for (i = 0; i < COST_POOLS; ++i) {
    cost_make (&cost_pools[i]);
    cost_open (&cost_pools[i]);
    fill (&cost_pools[i]);
    cost_close (&cost_pools[i]);
  }
}

/* ---- writes ----------------------------------------------------------- */

struct round {
  double bytes, cpu_us, wall_us, writes, flushes;       /* per write */
};

/* N writes at random in [START, START + LENGTH), a flush every 64. */
static struct round
write_round (struct cost_pool *c, uint64_t n, uint64_t start, uint64_t length)
{
  struct constdev_counts before, after;
  struct round r;
  double cpu, wall;
  uint64_t i;

  constdev_counts (c->backing, &before);
  cpu = cost_cpu_us ();
  wall = cost_wall_us ();
  for (i = 0; i < n; ++i) {
    const uint64_t off
      = start + base_rng_below (&cost_rng, length / BLOCK) * BLOCK;

    must (vdev_write (c->volume, cost_block, BLOCK, off, 0));
    if (i % 64 == 63)
      must (vdev_flush (c->volume));
  }
  r.cpu_us = (cost_cpu_us () - cpu) / (double) n;
  r.wall_us = (cost_wall_us () - wall) / (double) n;
  constdev_counts (c->backing, &after);
  r.bytes = (double) (after.written - before.written) / (double) n;
  r.writes = (double) (after.writes - before.writes) / (double) n;
  r.flushes = (double) (after.flushes - before.flushes) / (double) n;
  return r;
}

#define COLUMN(rounds, n, member)                                       \
  __extension__ ({                                                      \
    double column_[LOCAL_ROUNDS];                                             \
    size_t i_;                                                          \
    for (i_ = 0; i_ < (n); ++i_)                                        \
      column_[i_] = (rounds)[i_].member;                                \
    cost_median (column_, (n));                                         \
  })

/* Prints and returns the medians. */
static struct round
report_rounds (const char *what, const struct cost_pool *c,
               const struct round *rounds, size_t n)
{
  const struct round m = {
    .bytes = COLUMN (rounds, n, bytes),
    .cpu_us = COLUMN (rounds, n, cpu_us),
    .wall_us = COLUMN (rounds, n, wall_us),
    .writes = COLUMN (rounds, n, writes),
    .flushes = COLUMN (rounds, n, flushes),
  };

  printf ("%s.%s.bytes-per-write=%.0f\n", what, c->name, m.bytes);
  printf ("%s.%s.cpu-us-per-write=%.2f\n", what, c->name, m.cpu_us);
  printf ("%s.%s.wall-us-per-write=%.1f\n", what, c->name, m.wall_us);
  printf ("%s.%s.backing-writes-per-write=%.3f\n", what, c->name, m.writes);
  printf ("%s.%s.backing-flushes-per-write=%.4f\n", what, c->name,
          m.flushes);
  return m;
}

/* Most to least among the sizes. */
static void
report_spread (const char *what, const struct round median[COST_POOLS])
{
  struct round least = median[0], most = median[0];
  size_t i;

  for (i = 1; i < COST_POOLS; ++i) {
    least.bytes = fmin (least.bytes, median[i].bytes);
    most.bytes = fmax (most.bytes, median[i].bytes);
    least.cpu_us = fmin (least.cpu_us, median[i].cpu_us);
    most.cpu_us = fmax (most.cpu_us, median[i].cpu_us);
  }
  printf ("%s.bytes-spread=%.3f\n", what, most.bytes / least.bytes);
  printf ("%s.cpu-spread=%.3f\n", what, most.cpu_us / least.cpu_us);
}

/* N rounds of each pool, in turn, the first one rotating; medians. */
static void
take_turns (const char *what, size_t n, uint64_t writes, bool local,
            struct round median[COST_POOLS])
{
  struct round rounds[COST_POOLS][LOCAL_ROUNDS];
  size_t i, k, which;

  for (k = 0; k < n; ++k)
    for (i = 0; i < COST_POOLS; ++i) {
      struct cost_pool *c = &cost_pools[(i + k) % COST_POOLS];

      which = (i + k) % COST_POOLS;
      rounds[which][k] = local
        ? write_round (c, writes, c->capacity / 4, WORKING_SET)
        : write_round (c, writes, 0, c->capacity);
    }
  for (i = 0; i < COST_POOLS; ++i) {
    median[i] = report_rounds (what, &cost_pools[i], rounds[i], n);
    printf ("%s.%s.first-round-cpu-us-per-write=%.2f\n", what,
            cost_pools[i].name, rounds[i][0].cpu_us);
  }
}

static void
writes (void)
{
  const uint64_t n = BASE_MAX (2560 / cost_scale / 64, 1) * 64;
  struct round median[COST_POOLS];
  size_t i;

  for (i = 0; i < COST_POOLS; ++i) {
    cost_forget_pages (&cost_pools[i]);
    cost_open (&cost_pools[i]);
  }
  take_turns ("local", LOCAL_ROUNDS, n, true, median);
  report_spread ("local", median);
  take_turns ("whole", WHOLE_ROUNDS, n / 2, false, median);
  take_turns ("aged", LOCAL_ROUNDS, n, true, median);
  report_spread ("aged", median);
  for (i = 0; i < COST_POOLS; ++i)
    cost_close (&cost_pools[i]);
}

/* ---- open ------------------------------------------------------------- */

/* Until the volume can be read from. */
static double
timed_open (struct cost_pool *c)
{
  const double start = cost_wall_us ();

  cost_open (c);
  return (cost_wall_us () - start) / 1000;
}

/* A process that dies with writes behind and before its last flush. */
static void
killed_writer (struct cost_pool *c)
{
  int status;
  pid_t pid;

  fflush (stdout);
  pid = fork ();
  if (pid == 0) {
    cost_open (c);
    write_round (c, 640, 0, c->capacity);
    write_round (c, 63, 0, c->capacity);
    kill (getpid (), SIGKILL);
  }
  if (pid < 0 || waitpid (pid, &status, 0) != pid
      || !WIFSIGNALED (status) || WTERMSIG (status) != SIGKILL)
    cost_die ("the process to be killed ended by itself");
}

static void
open_times (void)
{
  struct cost_pool *c = &cost_pools[COST_LARGEST];
  double clean[OPENINGS], killed[OPENINGS], cold;
  size_t i;

  cost_forget_pages (c);
  cold = timed_open (c);
  cost_close (c);
  for (i = 0; i < OPENINGS; ++i) {
    clean[i] = timed_open (c);
    cost_close (c);
  }
  for (i = 0; i < OPENINGS; ++i) {
    killed_writer (c);
    killed[i] = timed_open (c);
    cost_close (c);
  }
  printf ("open.clean-ms=%.1f\n", cost_median (clean, OPENINGS));
  printf ("open.clean-uncached-ms=%.1f\n", cold);
  printf ("open.killed-ms=%.1f\n", cost_median (killed, OPENINGS));
}

/* ---- snapshot --------------------------------------------------------- */

/* What the disk takes for as little as any durable commit with two flushes
 * can: four blocks and a flush, twice, in a file of its own.
 */
static double
two_flushes (struct vdev *file)
{
  const double start = cost_wall_us ();
  size_t i, k;

  for (i = 0; i < 2; ++i) {
    for (k = 0; k < 4; ++k)
      must (vdev_write (file, cost_block, BLOCK, (5 * i + k) * BLOCK, 0));
    must (vdev_flush (file));
  }
  return (cost_wall_us () - start) / 1000;
}

static void
snapshots (void)
{
  struct cost_pool *c = &cost_pools[COST_LARGEST];
  const uint64_t run = base_rng_u64 (&cost_rng);
  struct vdev *file = cost_plain_file (16 * BLOCK);
  double ms[SNAPSHOTS], floor_ms[SNAPSHOTS];
  char name[64];
  const char *names[] = { name };
  size_t i;

  cost_open (c);
  for (i = 0; i < SNAPSHOTS; ++i) {
    write_round (c, 64, 0, c->capacity);
    floor_ms[i] = two_flushes (file);
    snprintf (name, sizeof name, "root@%" PRIx64 ".%zu", run, i);
    ms[i] = cost_wall_us ();
    must (pool_snapshot (c->pool, names, 1, 0));
    ms[i] = (cost_wall_us () - ms[i]) / 1000;
  }
  printf ("snapshot.ms=%.3f\n", cost_median (ms, SNAPSHOTS));
  printf ("snapshot.most-ms=%.3f\n", ms[SNAPSHOTS - 1]);   /* sorted */
  printf ("snapshot.two-flushes-ms=%.3f\n", cost_median (floor_ms, SNAPSHOTS));
  cost_close (c);
  vdev_unref (file);
}

int
main (int argc, char **argv)
{
  static const struct { const char *name; void (*run) (void); } steps[] = {
    { "build", build }, { "writes", writes }, { "open", open_times },
    { "amplify", cost_amplify }, { "memory", cost_memory },
    { "snapshot", snapshots },
  };
  size_t i;

  if (argc == 3)
    for (i = 0; i < BASE_ARRAY_SIZE (steps); ++i)
      if (strcmp (argv[2], steps[i].name) == 0) {
        cost_begin (argv[1]);
        steps[i].run ();
        return 0;
      }
  fprintf (stderr, "usage: pool-cost DIR "
           "build|writes|open|amplify|memory|snapshot\n");
  return 2;
}
