/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pool's own memory: four threads send a million requests of 4 KiB to
 * random places of the volume of 1 TiB, one write among four, without a
 * flush, so that commits come by the engine's own limits.  A fifth thread
 * looks at RssAnon of this process: what the program has allocated and
 * touched, not the page cache behind the mapped words of constdev.  The
 * figure is the peak less what there was before the pool was opened.
 *
 * Every read must find the constant or zeroes.
 */

#include <config.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cost.h"

#define THREADS 4

struct client {
  struct base_thread thread;
  struct cost_pool *pool;
  struct base_rng rng;
  uint64_t requests, found;     /* of these, reads that found data */
};

struct watcher {
  struct base_thread thread;
  atomic_bool stop;
  uint64_t peak;                /* bytes; the thread's until it is joined */
};

static uint64_t
anonymous_bytes (void)
{
  CLEANUP_FILE FILE *fp = fopen ("/proc/self/status", "re");
  char line[256];
  uint64_t kib;

  while (fp && fgets (line, sizeof line, fp))
    if (sscanf (line, "RssAnon: %" SCNu64 " kB", &kib) == 1)
      return kib << 10;
  cost_die ("no RssAnon in /proc/self/status");
}

static void *
watch (void *opaque)
{
  const struct timespec pause = { .tv_nsec = 5000000 };
  struct watcher *w = opaque;

  while (!atomic_load (&w->stop)) {
    w->peak = BASE_MAX (w->peak, anonymous_bytes ());
    nanosleep (&pause, NULL);
  }
  return NULL;
}

static void *
client (void *opaque)
{
  struct client *c = opaque;
  struct vdev *d = c->pool->volume;
  uint8_t buf[BLOCK];
  uint64_t i;

  for (i = 0; i < c->requests; ++i) {
    const uint64_t off
      = base_rng_below (&c->rng, c->pool->capacity / BLOCK) * BLOCK;

    if (i % 4 == 0) {
      must (vdev_write (d, cost_block, BLOCK, off, 0));
      continue;
    }
    must (vdev_read (d, buf, BLOCK, off));
    if (memcmp (buf, cost_block, BLOCK) == 0)
      c->found++;
    else if (!base_is_zero (buf, BLOCK)) {
      base_fail (EIO, "neither the constant nor zeroes at %" PRIu64, off);
      cost_die ("read");
    }
  }
  return NULL;
}

void
cost_memory (void)
{
  struct cost_pool *c = &cost_pools[COST_LARGEST];
  struct client clients[THREADS];
  struct watcher w = { .peak = 0 };
  uint64_t before, opened, found = 0;
  double start;
  size_t i;

  before = anonymous_bytes ();
  must (base_thread_create (&w.thread, watch, &w));
  cost_open (c);
  opened = anonymous_bytes ();
  start = cost_wall_us ();
  for (i = 0; i < THREADS; ++i) {
    clients[i] = (struct client) {
      .pool = c, .requests = 1000000 / THREADS / cost_scale };
    base_rng_seed (&clients[i].rng, base_rng_u64 (&cost_rng));
    must (base_thread_create (&clients[i].thread, client, &clients[i]));
  }
  for (i = 0; i < THREADS; ++i) {
    base_thread_join (&clients[i].thread);
    found += clients[i].found;
  }
  printf ("memory.seconds=%.1f\n", (cost_wall_us () - start) / 1e6);
  must (vdev_flush (c->volume));
  atomic_store (&w.stop, true);
  base_thread_join (&w.thread);
  printf ("memory.requests=%" PRIu64 "\nmemory.reads-of-data=%" PRIu64 "\n",
          1000000 / cost_scale, found);
  printf ("memory.before-mib=%.1f\nmemory.opened-mib=%.1f\n",
          (double) before / 0x100000, (double) (opened - before) / 0x100000);
  printf ("memory.peak-mib=%.1f\n", (double) (w.peak - before) / 0x100000);
  cost_close (c);
}
