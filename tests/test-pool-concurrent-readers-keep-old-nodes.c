/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A block that was let go of is not used again while somebody may still look
 * at it.  A reader that has found where a node of the map stands, and is a
 * little late with reading it, finds it there, however many commits have
 * gone by and however much was written meanwhile; and a check that has begun
 * proves the commit it began with.
 *
 * The pool is so arranged that the freed node is the next place to be used.
 */

#include <config.h>

#include "crash-image.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define LEAF (256 * B)
#define GAP 60                  /* free blocks in front of the node */

static struct gate gate;
static struct pool *p;

struct client {
  struct base_thread t;
  bool check;
  int result;
  uint8_t seen;
  struct pool_check_result found;
};

static void
put (const char *name, uint64_t block, uint8_t byte)
{
  uint8_t buf[B];
  struct vdev *d;

  memset (buf, byte, B);
  CHECK (pool_volume_open (p, name, false, NULL, &d) == 0);
  CHECK_EQ_INT (vdev_write (d, buf, B, block * B, 0), 0);
  vdev_unref (d);
}

static void *
client (void *arg)
{
  struct client *c = arg;
  struct pool_check_options o = { .data = true };
  uint8_t buf[B];
  struct vdev *d;

  if (c->check) {
    c->result = pool_check (p, &o, &c->found);
    return NULL;
  }
  CHECK (pool_volume_open (p, "v", true, NULL, &d) == 0);
  c->result = vdev_read (d, buf, B, LEAF);
  c->seen = buf[0];
  vdev_unref (d);
  return NULL;
}

/* Volume v of two leaves, whose nodes stand behind a gap. */
static void
arrange (struct vdev *disk)
{
  struct vdev *d;
  unsigned i;

  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (vdev_ref (disk), NULL, &p) == 0);
  CHECK (pool_create (p, "v", 2 * LEAF, 0) == 0);
  CHECK (pool_create (p, "w", 2 * LEAF, 0) == 0);
  for (i = 0; i < GAP; i++)
    put ("w", i, 0x11);
  put ("v", 0, 0x22);
  put ("v", 256, 0x23);
  CHECK (pool_flush (p) == 0);
  CHECK (pool_volume_open (p, "w", false, NULL, &d) == 0);
  CHECK (vdev_trim (d, 2 * LEAF, 0, 0) == 0);
  vdev_unref (d);
  CHECK (pool_close (p) == 0);
  /* Opened again: nothing is cached, and allocation starts at the front. */
  CHECK (pool_open (vdev_ref (disk), NULL, &p) == 0);
}

/* Read number NTH of the reader stands. */
static bool
one (uint64_t seed, unsigned nth, bool check)
{
  struct sim_options so = { .seed = seed, .stay = 100 };
  struct image *image = image_new (512 * B);
  struct vdev *disk = gate_open (image_vdev (image), &gate);
  struct client c = { .check = check };
  bool stood;
  unsigned i;

  arrange (disk);
  sim_start (&so);
  gate_close (&gate, GATE_READ, nth);
  CHECK (base_thread_create (&c.t, client, &c) == 0);
  for (i = 0; i < 5000 && !gate.standing; i++)
    sim_point ();
  stood = gate.standing;
  if (stood) {
    put ("v", 257, 0x33);       /* the leaf moves */
    CHECK_EQ_INT (pool_flush (p), 0);
    for (i = 0; i < 2 * GAP; i++)
      put ("w", i, 0x44);
    CHECK_EQ_INT (pool_flush (p), 0);
    CHECK_MSG (!gate.late, "somebody waits for the reader");
    gate_let_go (&gate);
  }
  base_thread_join (&c.t);
  sim_stop (NULL);

  CHECK_MSG (c.result == 0, "%s, late in read %u: %s",
             check ? "the check" : "a reader", nth, strerror (-c.result));
  if (check)
    CHECK_MSG (c.found.errors == 0 && c.found.leaks == 0,
               "the check, late in read %u, finds %" PRIu64 " errors", nth,
               c.found.errors);
  else
    CHECK_EQ_INT (c.seen, 0x23);
  CHECK (pool_close (p) == 0);
  vdev_unref (disk);
  gate_free (&gate);
  image_free (image);
  return stood;
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 3);
  uint64_t i;
  unsigned nth;

  for (i = 0; i < n; i++) {
    /* Root, leaf, data. */
    for (nth = 1; one (seed + i, nth, false); nth++)
      ;
    CHECK (nth == 4);
    for (nth = 1; one (seed + i, nth, true); nth++)
      ;
    CHECK (nth > 10);
  }
}
