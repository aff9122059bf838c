/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When a flush of the disk fails everybody who waits is answered, with EIO
 * and at once: who waits for the commit that failed, who waits for his turn
 * to commit, who waits for space behind a reader that does not come back, and
 * who waits behind that one.  Nobody has to be woken by his own patience.
 */

#include <config.h>

#include "crash-image.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define BLOCKS 12
#define AT_ONCE UINT64_C (50000000)     /* ns of simulated time */

static struct gate gate;
static struct vdev *disk;
static struct image *image;
static struct pool *p;

struct client {
  struct base_thread t;
  int (*fn) (void);
  bool begun, done;
  int result;
  uint64_t when;
};

static int
write_n (uint64_t block, uint64_t n, uint8_t byte)
{
  uint8_t buf[2 * B];
  struct vdev *d;
  int r;

  memset (buf, byte, sizeof buf);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  r = vdev_write (d, buf, n * B, block * B, 0);
  vdev_unref (d);
  return r;
}

static int do_flush (void) { return pool_flush (p); }
static int do_create (void) { return pool_create (p, "x", B, 0); }
static int do_write (void) { return write_n (3, 2, 0x33); }
static int do_small_write (void) { return write_n (7, 1, 0x44); }

static int
do_read (void)
{
  uint8_t buf[B];
  struct vdev *d;
  int r;

  CHECK (pool_volume_open (p, "v", true, NULL, &d) == 0);
  r = vdev_read (d, buf, B, 0);
  vdev_unref (d);
  return r;
}

static void *
client (void *arg)
{
  struct client *c = arg;

  c->begun = true;
  c->result = c->fn ();
  c->when = sim_now ();
  c->done = true;
  return NULL;
}

static void
start (struct client *c, int (*fn) (void))
{
  memset (c, 0, sizeof *c);
  c->fn = fn;
  CHECK (base_thread_create (&c->t, client, c) == 0);
}

/* Let the others run until they stand or wait. */
static void
settle (void)
{
  unsigned i;

  for (i = 0; i < 2000; i++)
    sim_point ();
}

/* All N get EIO, and none needs time to pass. */
static void
check_answers (struct client *c, size_t n, uint64_t since)
{
  unsigned tries;
  size_t i;

  for (i = 0; i < n; i++) {
    for (tries = 0; tries < 5000 && !c[i].done; tries++)
      base_thread_yield ();
    CHECK_MSG (c[i].done, "waiter %zu of %zu is never woken", i, n);
    base_thread_join (&c[i].t);
    CHECK_EQ_INT (c[i].result, -EIO);
    CHECK_MSG (c[i].when - since < AT_ONCE, "waiter %zu of %zu is answered "
               "after %" PRIu64 " ms", i, n, (c[i].when - since) / 1000000);
  }
}

static void
open_pool (uint64_t blocks, bool full)
{
  uint8_t buf[B];
  struct vdev *d;
  uint64_t i;
  int r = 0;

  image = image_new (blocks * B);
  disk = image_vdev (image);
  d = gate_open (vdev_ref (disk), &gate);
  CHECK (pool_format (d, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (d, NULL, &p) == 0);
  CHECK (pool_create (p, "v", BLOCKS * B, 0) == 0);
  for (i = 0; i < BLOCKS; i++)
    CHECK_EQ_INT (write_n (i, 1, (uint8_t) i + 1), 0);
  CHECK (pool_create (p, "w", 1024 * B, 0) == 0);
  CHECK (pool_volume_open (p, "w", false, NULL, &d) == 0);
  memset (buf, 0x77, B);
  for (i = 0; full && r == 0; i++)
    r = vdev_write (d, buf, B, i * B, 0);
  CHECK (r == (full ? -ENOSPC : 0));
  vdev_unref (d);
  CHECK (pool_flush (p) == 0);
}

static void
end_pool (void)
{
  struct pool_info info;

  pool_get_info (p, &info);
  CHECK (info.state == POOL_POISONED);
  CHECK_EQ_INT (write_n (1, 1, 9), -EIO);
  CHECK_EQ_INT (do_flush (), -EIO);
  CHECK_EQ_INT (do_read (), 0);
  CHECK (pool_close (p) < 0);
  vdev_unref (disk);
  gate_free (&gate);
  image_free (image);
}

/* A commit stands in its first or second flush and will fail.  Others wait
 * for it, for the next one, and to run one of their own.
 */
static void
commit_fails (uint64_t seed)
{
  struct sim_options so = { .seed = seed, .stay = 100 };
  struct client c[4], w;
  uint64_t since;

  open_pool (256, false);
  CHECK_EQ_INT (write_n (0, 1, 99), 0);
  sim_start (&so);
  gate_close (&gate, GATE_FLUSH, 1 + seed % 2);
  start (&c[0], do_flush);
  gate_wait (&gate);
  start (&c[1], do_flush);
  start (&c[2], do_create);
  start (&w, do_small_write);   /* of the next transaction */
  settle ();
  start (&c[3], do_flush);
  settle ();
  CHECK (!c[0].done && !c[1].done && !c[2].done && !c[3].done);
  image_vdev_fail_flush (disk, 1);
  since = sim_now ();
  gate_let_go (&gate);
  check_answers (c, 4, since);
  base_thread_join (&w.t);
  CHECK (w.result == 0 || w.result == -EIO);
  sim_stop (NULL);
  end_pool ();
}

/* A reader stands below, so that nothing that was let go of comes back; some
 * wait for space.  Then a commit fails that is none of their business.
 */
static void
waiters_for_space (uint64_t seed)
{
  struct sim_options so = { .seed = seed, .stay = 100 };
  struct client reader, c[3];
  uint64_t since, waits;
  struct pool_info info;
  unsigned i, n = 0;

  open_pool (64, true);
  sim_start (&so);
  gate_close (&gate, GATE_READ, 1);
  start (&reader, do_read);
  gate_wait (&gate);
  /* Until one has to wait. */
  for (;;) {
    pool_get_info (p, &info);
    waits = info.space_waits;
    CHECK (n < 40);
    start (&c[0], do_write);
    settle ();
    if (!c[0].done)
      break;
    base_thread_join (&c[0].t);
    CHECK_EQ_INT (c[0].result, 0);
    n++;
  }
  start (&c[1], do_small_write);
  start (&c[2], do_write);
  for (i = 0; i < 3; i++)
    settle ();
  pool_get_info (p, &info);
  CHECK_EQ_INT (info.space_waits, waits + 3);
  CHECK (!c[0].done && !c[1].done && !c[2].done);
  image_vdev_fail_flush (disk, 1);
  since = sim_now ();
  CHECK_EQ_INT (pool_create (p, "x", B, 0), -EIO);
  check_answers (c, 3, since);
  CHECK (!gate.late && !reader.done);
  gate_let_go (&gate);
  base_thread_join (&reader.t);
  CHECK_EQ_INT (reader.result, 0);
  sim_stop (NULL);
  end_pool ();
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 30);
  uint64_t i;

  for (i = 0; i < n; i++) {
    commit_fails (seed + i);
    waiters_for_space (seed + i);
  }
}
