/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A slab that is being backed belongs to nobody before the flush behind its
 * allocation is done: while that flush stands, requests of others that need
 * space do not get it there, and their data goes nowhere that a crash could
 * take away.  What they write when it has gone on may lie in it; and every
 * commit that has put something there says that the slab is backed.
 */

#include <config.h>

#include "crash-image.h"
#include "devices-test.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define BLOCKS 2048
#define CLIENTS 4
#define EACH 250                /* blocks a client writes */

static struct gate gate;
static struct pool *p;

struct client { struct base_thread t; uint64_t first; unsigned done; };

static void *
client (void *arg)
{
  struct client *c = arg;
  uint8_t buf[B];
  struct vdev *d;

  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  for (; c->done < EACH; c->done++) {
    memset (buf, (int) c->done + 1, B);
    CHECK_EQ_INT (vdev_write (d, buf, B, (c->first + c->done) * B, 0), 0);
  }
  vdev_unref (d);
  return NULL;
}

/* Commits all the time, and looks at each. */
static void *
committer (void *arg)
{
  const struct client *c = arg;
  struct pool_check_result r;
  unsigned i, done;
  int err;

  do {
    for (i = done = 0; i < CLIENTS; i++)
      done += c[i].done;
    CHECK_EQ_INT (pool_flush (p), 0);
    err = pool_check (p, NULL, &r);
    CHECK (err == 0 || err == -EBUSY);
    CHECK_MSG (err < 0 || (r.errors == 0 && r.leaks == 0),
               "the check finds %" PRIu64 " errors", r.errors);
  } while (done < CLIENTS * EACH);
  return NULL;
}

/* Nothing is written to a block before a flush that was issued after its
 * allocation was done has completed.  Returns how often one was allocated.
 */
static unsigned
check_log (const struct recorder_log *log, uint64_t since)
{
  uint64_t allocated[BLOCKS] = { 0 }, ready[BLOCKS], i, j, k;
  unsigned n = 0;

  for (j = 0; j < BLOCKS; j++)
    ready[j] = UINT64_MAX;
  for (i = 0; i < log->n; i++) {
    const struct recorder_op *op = &log->ops[i];

    for (j = op->off / B; j < (op->off + op->len + B - 1) / B; j++)
      if (op->kind == RECORDER_ZERO && (op->flags & VDEV_ALLOCATE)) {
        allocated[j] = op->completed_at;
        ready[j] = op->issued_at < since ? 0 : UINT64_MAX;
        n += op->issued_at >= since;
      }
      else if (op->kind == RECORDER_WRITE && op->issued_at >= since) {
        for (k = 0; k < log->n && ready[j] == UINT64_MAX; k++)
          if (log->ops[k].kind == RECORDER_FLUSH
              && log->ops[k].issued_at > allocated[j])
            ready[j] = log->ops[k].completed_at;
        CHECK_MSG (allocated[j] > 0 && ready[j] < op->issued_at,
                   "event %" PRIu64 ": block %" PRIu64 " is written before "
                   "its slab was flushed", op->issued_at, j);
      }
  }
  return n;
}

static unsigned
one (uint64_t seed)
{
  struct sim_options so = {
    .seed = seed, .policy = seed % 2 ? SIM_RANDOM : SIM_PRIORITY,
    .stay = seed % 2 ? 100 : 240 };
  struct pool_format_options o = { .slab_size = 8 * B };
  struct image *image = image_new (BLOCKS * B);
  struct vdev *log, *disk;
  struct client c[CLIENTS];
  struct base_thread t;
  struct recorder_log l;
  uint64_t since;
  unsigned i, n;

  CHECK (recorder_open (image_vdev (image), &log) == 0);
  disk = gate_open (vdev_ref (log), &gate);
  CHECK (pool_format (disk, &o) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  CHECK (pool_create (p, "v", CLIENTS * EACH * B, 0) == 0);
  since = recorder_log (log).now + 1;

  sim_start (&so);
  gate_close (&gate, GATE_FLUSH, 1 + seed % 4);
  for (i = 0; i < CLIENTS; i++) {
    c[i].first = i * EACH;
    c[i].done = 0;
    CHECK (base_thread_create (&c[i].t, client, &c[i]) == 0);
  }
  for (i = 0; i < 20000; i++)
    sim_point ();
  CHECK (base_thread_create (&t, committer, c) == 0);
  gate_let_go (&gate);
  for (i = 0; i < CLIENTS; i++)
    base_thread_join (&c[i].t);
  base_thread_join (&t);
  sim_stop (NULL);

  CHECK_EQ_INT (pool_flush (p), 0);
  l = recorder_log (log);
  n = check_log (&l, since);
  CHECK (pool_close (p) == 0);
  vdev_unref (log);
  gate_free (&gate);
  image_free (image);
  return n;
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 10);
  uint64_t i, total = 0;

  for (i = 0; i < n; i++)
    total += one (seed + i);
  printf ("%" PRIu64 " blocks were backed\n", total);
  CHECK (total > n * 50);
}
