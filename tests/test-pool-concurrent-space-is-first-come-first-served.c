/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who waits for space is served before those who came later, also when these
 * want less and that would be there.  On a full pool a reader stands below,
 * so that nothing that was let go of comes back; after some overwrites a
 * request of two blocks has to wait for it.  Another one comes that wants one
 * block, and waits behind the first, whatever is free.
 */

#include <config.h>

#include "crash-image.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define BLOCKS 24

static struct gate gate;
static struct pool *p;
static unsigned waited;

struct client {
  struct base_thread t;
  int (*fn) (void);
  bool done;
};

static int
put (uint64_t block, uint64_t n, uint8_t byte)
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

static int do_flush (void) { return pool_flush (p); }
static int do_write (void) { return put (9, 1, 0x11); }
static int do_first (void) { return put (3, 2, 0x22); }
static int do_second (void) { return put (7, 1, 0x33); }

static void *
client (void *arg)
{
  struct client *c = arg;

  CHECK_EQ_INT (c->fn (), 0);
  c->done = true;
  return NULL;
}

/* Starts it, and lets it run until it is done or waits. */
static bool
start (struct client *c, int (*fn) (void))
{
  unsigned i;

  c->fn = fn;
  c->done = false;
  CHECK (base_thread_create (&c->t, client, c) == 0);
  for (i = 0; i < 3000 && !c->done; i++)
    sim_point ();
  return c->done;
}

static void
fill (void)
{
  uint8_t buf[B];
  struct vdev *d;
  uint64_t i;
  int r = 0;

  CHECK (pool_create (p, "v", BLOCKS * B, 0) == 0);
  for (i = 0; i < BLOCKS; i++)
    CHECK_EQ_INT (put (i, 1, 0x44), 0);
  CHECK (pool_create (p, "w", 1024 * B, 0) == 0);
  CHECK (pool_volume_open (p, "w", false, NULL, &d) == 0);
  memset (buf, 0x77, B);
  for (i = 0; r == 0; i++)
    r = vdev_write (d, buf, B, i * B, 0);
  CHECK_EQ_INT (r, -ENOSPC);
  vdev_unref (d);
  CHECK (pool_flush (p) == 0);
}

/* ROUNDS of WRITES and a flush, then the two. */
static void
compete (unsigned rounds, unsigned writes)
{
  struct client reader, c, first, second;
  unsigned i;
  bool go_on = true;

  gate_close (&gate, GATE_READ, 1);
  CHECK (!start (&reader, do_read) && gate.standing);
  for (i = 0; i < rounds * (writes + 1) && go_on; i++) {
    go_on = start (&c, i % (writes + 1) == writes ? do_flush : do_write);
    if (go_on)
      base_thread_join (&c.t);
  }
  if (go_on && !start (&first, do_first)) {
    CHECK_MSG (!start (&second, do_second) && !first.done,
               "%u times %u writes and a flush, then two blocks had to wait, "
               "and one block that came later is written", rounds, writes);
    CHECK (!gate.late);
    waited++;
    gate_let_go (&gate);
    base_thread_join (&second.t);
  }
  else
    gate_let_go (&gate);
  if (go_on)
    base_thread_join (&first.t);
  else
    base_thread_join (&c.t);
  base_thread_join (&reader.t);
}

static void
one (uint64_t seed, unsigned rounds, unsigned writes)
{
  struct sim_options so = { .seed = seed, .stay = 100 };
  struct image *image = image_new (512 * B);
  struct vdev *disk = image_vdev (image);
  struct pool_check_result r;

  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (gate_open (disk, &gate), NULL, &p) == 0);
  fill ();
  sim_start (&so);
  compete (rounds, writes);
  sim_stop (NULL);
  CHECK (pool_check (p, NULL, &r) == 0 && r.errors == 0 && r.leaks == 0);
  CHECK (pool_close (p) == 0);
  gate_free (&gate);
  image_free (image);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 2);
  unsigned rounds, writes;
  uint64_t i;

  for (i = 0; i < n; i++)
    for (rounds = 1; rounds < 4; rounds++)
      for (writes = 1; writes < 16; writes++)
        one (seed + i, rounds, writes);
  printf ("%u times a request came while another one waited\n", waited);
  CHECK (waited >= n);
}
