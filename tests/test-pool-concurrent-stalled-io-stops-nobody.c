/* SPDX-License-Identifier: BSD-3-Clause
 *
 * No lock is held across I/O.  While one request stands below the pool for
 * as long as it likes, in the write of its data, in a read, or in the flush
 * of a commit, everybody else goes on: writes to the same volume, reads of
 * the same block, and, unless it is a commit that stands, commits and
 * snapshots.
 */

#include <config.h>

#include "crash-image.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define BLOCKS 16
#define SIZE (512 * B)          /* a map of two levels */

static struct gate gate;
static struct pool *p;
static struct vdev *v;          /* the main thread's handle */

struct client { struct base_thread t; enum gate_op op; uint8_t seen; };

static void
put (struct vdev *d, uint64_t block, uint8_t byte)
{
  uint8_t buf[B];

  memset (buf, byte, B);
  CHECK_EQ_INT (vdev_write (d, buf, B, block * B, 0), 0);
}

static uint8_t
get (struct vdev *d, uint64_t block)
{
  uint8_t buf[B];

  CHECK_EQ_INT (vdev_read (d, buf, B, block * B), 0);
  CHECK_MSG (memcmp (buf, buf + 1, B - 1) == 0, "block %" PRIu64 " is mixed",
             block);
  return buf[0];
}

/* Does with block 3 what will stand. */
static void *
client (void *arg)
{
  struct client *c = arg;
  struct vdev *d;

  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  switch (c->op) {
  case GATE_READ:
    c->seen = get (d, 3);
    break;
  case GATE_WRITE:
    put (d, 3, 103);
    break;
  case GATE_FLUSH:
    CHECK_EQ_INT (vdev_flush (d), 0);
  }
  vdev_unref (d);
  return NULL;
}

static void
not_late (const char *what)
{
  CHECK_MSG (!gate.late, "%s waited for a request that stands below", what);
}

/* The others, while a request of kind OP stands. */
static void
others (enum gate_op op)
{
  put (v, 5, 55);
  not_late ("a write");
  CHECK_EQ_INT (get (v, 5), 55);
  CHECK_EQ_INT (get (v, 3), 13);
  not_late ("a read");
  CHECK_EQ_INT (vdev_trim (v, B, 6 * B, 0), 0);
  CHECK_EQ_INT (vdev_write (v, "x", 1, 7 * B + 9, 0), 0);
  not_late ("a trim or a part of a block");
  if (op == GATE_FLUSH)
    return;
  CHECK_EQ_INT (vdev_flush (v), 0);
  not_late ("a flush");
  CHECK_EQ_INT (pool_snapshot (p, &(const char *) { "v@s" }, 1, 0), 0);
  not_late ("a snapshot");
  /* Its old block may be let go of meanwhile, and must stay for the reader. */
  if (op == GATE_READ)
    put (v, 3, 33);
  put (v, 8, 88);
  CHECK_EQ_INT (pool_flush (p), 0);
  not_late ("a commit");
}

static void
check_snapshot (void)
{
  struct vdev *s;

  CHECK (pool_volume_open (p, "v@s", false, NULL, &s) == 0);
  CHECK_EQ_INT (get (s, 3), 13);
  CHECK_EQ_INT (get (s, 5), 55);
  CHECK_EQ_INT (get (s, 8), 18);
  vdev_unref (s);
}

static void
one (uint64_t seed, enum gate_op op)
{
  static const uint8_t after[] = {
    [GATE_READ] = 33, [GATE_WRITE] = 103, [GATE_FLUSH] = 13 };
  struct sim_options so = { .seed = seed, .stay = 100 };
  struct image *image = image_new (256 * B);
  struct vdev *disk = gate_open (image_vdev (image), &gate);
  struct client c = { .op = op };
  struct pool_check_result r;
  unsigned i;

  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  CHECK (pool_create (p, "v", SIZE, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &v) == 0);
  for (i = 0; i < BLOCKS; i++)
    put (v, i, (uint8_t) (10 + i));
  if (op != GATE_FLUSH)
    CHECK (pool_flush (p) == 0);

  sim_start (&so);
  gate_close (&gate, op, 1);
  CHECK (base_thread_create (&c.t, client, &c) == 0);
  gate_wait (&gate);
  others (op);
  gate_let_go (&gate);
  base_thread_join (&c.t);
  sim_stop (NULL);

  CHECK_EQ_INT (get (v, 3), after[op]);
  CHECK_EQ_INT (get (v, 5), 55);
  CHECK_EQ_INT (get (v, 6), 0);
  if (op == GATE_READ)
    CHECK_EQ_INT (c.seen, 13);
  if (op != GATE_FLUSH)
    check_snapshot ();
  CHECK (pool_flush (p) == 0);
  CHECK (pool_check (p, NULL, &r) == 0 && r.errors == 0 && r.leaks == 0);
  vdev_unref (v);
  CHECK (pool_close (p) == 0);
  gate_free (&gate);
  image_free (image);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 30);
  uint64_t i;

  for (i = 0; i < n; i++) {
    one (seed + i, GATE_READ);
    one (seed + i, GATE_WRITE);
    one (seed + i, GATE_FLUSH);
  }
}
