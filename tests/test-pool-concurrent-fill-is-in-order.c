/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Several clients make a pool fuller and emptier at the same time, around a
 * threshold, while commits run.  What is said of it is said in the order in
 * which it happened: a threshold is left only after it was reached, and
 * reached again only after it was left; and in the end what was said last is
 * what info shows, with as many times as there were events.
 *
 * The seed schedules the threads.
 */

#include <config.h>

#include "devices.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096ULL
#define CLIENTS 3
#define STEP 18                 /* blocks; some three points each */
#define ROUNDS 8

static struct pool *p;
static struct vdev *d;

/* Event by event, as they come. */
static unsigned reached;        /* threshold, percent */
static uint64_t times[POOL_FILL_THRESHOLDS];
static unsigned events;

static unsigned
below (unsigned percent)
{
  unsigned i, t = 0;

  for (i = 0; i < POOL_FILL_THRESHOLDS; i++)
    if (pool_fill_thresholds[i] < percent)
      t = pool_fill_thresholds[i];
  return t;
}

static void
on_event (void *opaque, const struct pool_event *event)
{
  unsigned i;

  (void) opaque;
  sim_point ();
  if (event->kind == POOL_EVENT_FILLING) {
    CHECK_MSG (event->percent > reached, "%u%% was reached already",
               event->percent);
    for (i = 0; i < POOL_FILL_THRESHOLDS; i++)
      times[i] += pool_fill_thresholds[i] > reached
        && pool_fill_thresholds[i] <= event->percent;
    reached = event->percent;
    events++;
  }
  else if (event->kind == POOL_EVENT_NOT_FILLING) {
    CHECK_MSG (event->percent <= reached, "%u%% was not reached",
               event->percent);
    reached = below (event->percent);
    events++;
  }
}

static void
put (uint64_t block, uint64_t n, uint8_t byte)
{
  uint8_t buf[STEP * B];

  memset (buf, byte, n * B);
  CHECK_EQ_INT (vdev_write (d, buf, n * B, block * B, 0), 0);
}

struct client { struct base_thread t; unsigned me; };

static void *
client (void *arg)
{
  const struct client *c = arg;
  const uint64_t at = 1000 + c->me * 100;
  unsigned i;

  for (i = 0; i < ROUNDS; i++) {
    put (at, STEP, (uint8_t) (i + 1));
    if ((i + c->me) % 3 == 0)
      CHECK_EQ_INT (c->me ? vdev_flush (d) : pool_checkpoint (p), 0);
    CHECK_EQ_INT (vdev_trim (d, STEP * B, at * B, 0), 0);
  }
  return NULL;
}

static void
one (uint64_t seed)
{
  const struct sim_options so = {
    .seed = seed, .policy = seed % 2 ? SIM_RANDOM : SIM_PRIORITY,
    .stay = 4 };
  struct client c[CLIENTS];
  struct pool_info info;
  unsigned i;

  sim_start (&so);
  for (i = 0; i < CLIENTS; i++) {
    c[i].me = i;
    CHECK (base_thread_create (&c[i].t, client, &c[i]) == 0);
  }
  for (i = 0; i < CLIENTS; i++)
    base_thread_join (&c[i].t);
  sim_stop (NULL);
  pool_get_info (p, &info);
  CHECK_EQ_INT (info.threshold, reached);
  for (i = 0; i < POOL_FILL_THRESHOLDS; i++)
    CHECK_EQ_INT (info.crossed[i], times[i]);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 300);
  const struct pool_options options = { .event = on_event };
  const struct pool_format_options format = { .slab_size = 64 << 10 };
  struct pool_info info;
  struct vdev *backing;
  uint64_t i;

  CHECK (devices_mem_open (4 << 20, &backing) == 0);
  CHECK (pool_format (backing, &format) == 0);
  CHECK (pool_open (backing, &options, &p) == 0);
  CHECK (pool_create (p, "v", 8 << 20, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  i = 0;
  do {
    put (i++, 1, 1);
    pool_get_info (p, &info);
  } while (info.percent < 76);
  CHECK_EQ_INT (events, 0);
  for (i = 0; i < n; i++)
    one (seed + i);
  printf ("%u events\n", events);
  CHECK (events >= n / 2);
  vdev_unref (d);
  CHECK (pool_close (p) == 0);
}
