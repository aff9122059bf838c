/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A scrub reads no faster than it is told, at no moment: what the backing has
 * been asked for is never more than the rate times the time that went by, one
 * step, and what is worth no rest.  Nor does it read much slower.  It reads
 * each block once, also what volumes share, and counts it so.  It can be
 * stopped, by another thread and by its caller, while it rests too; a second
 * one is refused while it runs; and how far it is can be asked.
 *
 * The clock is simulated: no real time is looked at.
 */

#include <config.h>

#include "scrub-world.h"
#include "sim.h"
#include "test.h"

#define B WORLD_BLOCK
#define STEP (16 * B)           /* here no more stand side by side, with the
                                 * nodes on the way */
#define SLACK 0.010             /* s */
#define FIXED 9                         /* sectors of 512 bytes */

static struct scrub_world w;
static uint64_t rate, began, calls, stop_at;
static uint64_t last, bytes_then;       /* last call, or end of a slow read */

/* With what was read so far. */
static int
on_progress (void *opaque, uint64_t done, uint64_t total)
{
  const uint64_t bytes = w.bytes_read;
  struct pool_info info;
  const double s = (double) (sim_now () - began) / 1e9;

  CHECK (opaque == &w);
  CHECK (done <= total);
  CHECK_MSG ((double) (bytes - bytes_then)
             <= (s + 2 * SLACK) * (double) rate + STEP,
             "%" PRIu64 " bytes after %f s", bytes - bytes_then, s);
  /* Counted anew from any gap on. */
  if (sim_now () - last > UINT64_C (90000000000)) {
    began = sim_now ();
    bytes_then = bytes;
  }
  last = sim_now ();
  pool_get_info (w.p, &info);
  w.bytes_read = bytes;         /* info reads the owner record */
  CHECK_EQ_INT (info.scrub.state, POOL_SCRUB_RUNNING);
  CHECK_EQ_INT (info.scrub.done, done);
  CHECK_EQ_INT (info.scrub.rate, rate);
  CHECK (info.scrub.started > 0 && info.scrub.ended == 0);
  return ++calls == stop_at;
}

static int
scrub_at (uint64_t asked)
{
  const struct pool_scrub_options o = { .rate = asked,
                                        .progress = on_progress };

  rate = asked ? asked : POOL_SCRUB_RATE;
  began = last = sim_now ();
  calls = bytes_then = 0;
  return world_scrub (&w, &o);
}

static void
pace (uint64_t asked)
{
  uint64_t place, blocks = 0, ns;
  struct pool_info info;

  CHECK (scrub_at (asked) == 0);
  ns = sim_now () - began;
  for (place = 0; place < WORLD_BLOCKS; ++place)
    blocks += w.block[place].kind >= WORLD_TREE;
  CHECK_EQ_INT (w.result.done, blocks * B);
  CHECK_EQ_INT (w.result.total, blocks * B);
  CHECK_EQ_INT (w.bytes_read, blocks * B + FIXED * 512);
  CHECK_MSG ((double) ns / 1e9 >= (double) w.bytes_read / (double) rate
             - 2 * SLACK,
             "%" PRIu64 " bytes in %" PRIu64 " ns", w.bytes_read, ns);
  /* The clock moves a little whenever it is looked at. */
  CHECK_MSG ((double) ns / 1e9 <= (double) w.bytes_read / (double) rate
             + 2e-3 + 5e-6 * (double) calls,
             "%" PRIu64 " bytes in %" PRIu64 " ns", w.bytes_read, ns);
  /* Nobody waits for more than 100 ms to be asked. */
  CHECK (calls >= ns / 100000000);
  pool_get_info (w.p, &info);
  CHECK_EQ_INT (info.scrub.state, POOL_SCRUB_DONE);
  CHECK_EQ_INT (info.scrub.done, blocks * B);
  CHECK (info.scrub.ended > 0);
}

/* One read takes long.  That is not made up for later. */
static void
slow_read (void)
{
  unsigned nth;

  for (nth = 12; nth < 30; nth += 3) {
    w.slow = nth;
    CHECK (scrub_at (100000) == 0);
    CHECK_EQ_INT (w.slow, 0);
  }
}

static void
by_its_caller (void)
{
  struct pool_info info;

  stop_at = 7;
  CHECK_EQ_INT (scrub_at (20000), -ECANCELED);
  CHECK_EQ_INT (calls, 7);
  CHECK_EQ_INT (w.result.state, POOL_SCRUB_STOPPED);
  pool_get_info (w.p, &info);
  CHECK_EQ_INT (info.scrub.state, POOL_SCRUB_STOPPED);
  CHECK (info.scrub.done < info.scrub.total);
  stop_at = 0;
}

static void *
slow_scrub (void *arg)
{
  *(int *) arg = scrub_at (10);
  return NULL;
}

static bool
is_resting (void)
{
  struct pool_info info;

  pool_get_info (w.p, &info);
  return info.scrub.state == POOL_SCRUB_RUNNING && w.bytes_read > 0;
}

static void
by_others (uint64_t seed)
{
  const struct sim_options so = { .seed = seed, .stay = 100 };
  struct pool_scrub_info other;
  struct base_thread t;
  uint64_t before;
  int r = 1;

  CHECK_EQ_INT (pool_scrub_stop (w.p), 0);
  sim_start (&so);
  CHECK (base_thread_create (&t, slow_scrub, &r) == 0);
  while (!is_resting ())
    base_thread_yield ();
  CHECK_EQ_INT (pool_scrub (w.p, NULL, &other), -EBUSY);
  CHECK_EQ_INT (other.state, POOL_SCRUB_RUNNING);
  CHECK (strstr (base_error_text (), "running already") != NULL);
  CHECK (strstr (base_error_text (), "\n") == NULL);
  before = sim_now ();
  CHECK_EQ_INT (pool_scrub_stop (w.p), 1);
  /* It has ended, and did not rest to the end before. */
  CHECK (!is_resting ());
  CHECK (sim_now () - before < 100000000);
  base_thread_join (&t);
  sim_stop (NULL);
  CHECK_EQ_INT (r, -ECANCELED);
  CHECK_EQ_INT (w.result.state, POOL_SCRUB_STOPPED);
  CHECK_EQ_INT (pool_scrub_stop (w.p), 0);
}

TEST_MAIN
{
  struct pool_info info;
  struct base_rng rng;
  unsigned i;

  base_rng_seed (&rng, test_seed ());
  world_make (&w);
  pool_get_info (w.p, &info);
  CHECK_EQ_INT (info.scrub.state, POOL_SCRUB_NONE);
  pace (10000);
  pace (100000);
  pace (1000000);               /* every step rests, or none */
  pace (1);
  pace (0);
  pace (UINT64_C (1) << 60);
  slow_read ();
  by_its_caller ();
  for (i = 0; i < 20; ++i)
    by_others (base_rng_u64 (&rng));
  pace (50000);
  world_end (&w);
}
