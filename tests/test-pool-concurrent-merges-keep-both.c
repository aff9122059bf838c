/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two writes to different parts of one block both stay.  A sub-block write
 * has read the block and stands before it goes on; meanwhile somebody else
 * writes to the block, or over it, or trims it, and is answered.  What the
 * first one puts there must be merged with that, never with what it had read.
 */

#include <config.h>

#include "crash-image.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define BLOCKS 8

enum other { PART, WHOLE, TRIM, ZERO_PART, FLUSHED, OTHERS };

static struct gate gate;
static struct pool *p;
static struct vdev *v;
static uint8_t want[BLOCKS * B];

/* A write across two blocks, of neither of which it covers all. */
static void *
writer (void *arg)
{
  uint8_t buf[B];
  struct vdev *d;

  (void) arg;
  memset (buf, 0x99, B);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  CHECK_EQ_INT (vdev_write (d, buf, B, 3 * B + 1000, 0), 0);
  vdev_unref (d);
  return NULL;
}

static void
put (uint64_t off, uint64_t len, uint8_t byte)
{
  memset (want + off, byte, len);
  CHECK_EQ_INT (vdev_write (v, want + off, len, off, 0), 0);
}

static void
meanwhile (enum other o, uint64_t block)
{
  const uint64_t off = block * B + (block == 3 ? 100 : 3000);

  switch (o) {
  case PART:
    put (off, 200, 0x11);
    break;
  case WHOLE:
    put (block * B, B, 0x22);
    break;
  case TRIM:
    memset (want + block * B, 0, B);
    CHECK_EQ_INT (vdev_trim (v, B, block * B, 0), 0);
    break;
  case ZERO_PART:
    memset (want + off, 0, 300);
    CHECK_EQ_INT (vdev_zero (v, 300, off, VDEV_MAY_TRIM), 0);
    break;
  default:
    put (off, 7, 0x33);
    CHECK_EQ_INT (pool_flush (p), 0);
    put (off + 7, 7, 0x44);
    CHECK_EQ_INT (pool_flush (p), 0);
  }
}

/* The write stands in its read number NTH. */
static void
one (uint64_t seed, enum other o, unsigned nth, uint64_t block)
{
  struct sim_options so = { .seed = seed, .stay = 100 };
  struct image *image = image_new (128 * B);
  struct vdev *disk = image_vdev (image);
  struct base_thread t;
  uint8_t got[BLOCKS * B];
  struct pool_check_result r;

  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (gate_open (disk, &gate), NULL, &p) == 0);
  CHECK (pool_create (p, "v", BLOCKS * B, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &v) == 0);
  put (0, BLOCKS * B, 0x55);
  CHECK (pool_flush (p) == 0);

  sim_start (&so);
  gate_close (&gate, GATE_READ, nth);
  CHECK (base_thread_create (&t, writer, NULL) == 0);
  gate_wait (&gate);
  meanwhile (o, block);
  CHECK (!gate.late);
  gate_let_go (&gate);
  base_thread_join (&t);
  sim_stop (NULL);

  memset (want + 3 * B + 1000, 0x99, B);
  CHECK_EQ_INT (vdev_read (v, got, sizeof got, 0), 0);
  CHECK_EQ_MEM (got, want, sizeof got);
  CHECK (pool_flush (p) == 0);
  CHECK (pool_check (p, NULL, &r) == 0 && r.errors == 0 && r.leaks == 0);
  vdev_unref (v);
  CHECK (pool_close (p) == 0);
  gate_free (&gate);
  image_free (image);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 10);
  unsigned o, nth;
  uint64_t i;

  for (i = 0; i < n; i++)
    for (o = 0; o < OTHERS; o++)
      for (nth = 1; nth <= 2; nth++) {
        one (seed + i, o, nth, 3);
        one (seed + i, o, nth, 4);
      }
}
