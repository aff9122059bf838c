/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A volume gives back what was written to it: aligned and not, small and
 * large, over a trim and a zero, before and after the pool is closed and
 * opened again.  One client, no snapshot, no crash, room enough: the plain
 * test that a planted bug (tests/mutants/) must pass, so that it is killed
 * by what looks for it.
 */

#include <config.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define SIZE (4U << 20)

static struct base_rng rng;
static uint8_t flat[SIZE], buf[SIZE];

static void
compare (struct vdev *d)
{
  uint64_t off, len;

  CHECK (vdev_read (d, buf, SIZE, 0) == 0);
  CHECK_EQ_MEM (buf, flat, SIZE);
  for (off = 0; off < SIZE; off += len) {
    len = 1 + base_rng_below (&rng, 100000);
    len = BASE_MIN (len, SIZE - off);
    CHECK (vdev_read (d, buf, len, off) == 0);
    CHECK_EQ_MEM (buf, flat + off, len);
  }
}

static void
change (struct vdev *d)
{
  static const uint64_t longest[] = { 600, 4096, 20000, 300000 };
  uint64_t off = base_rng_below (&rng, SIZE), i;
  uint64_t len = 1 + base_rng_below (&rng, longest[base_rng_below (&rng, 4)]);

  if (base_rng_below (&rng, 2)) {
    off &= ~UINT64_C (4095);
    len = (len + 4095) & ~UINT64_C (4095);
  }
  len = BASE_MIN (len, SIZE - off);
  switch (base_rng_below (&rng, 8)) {
  case 0:
    CHECK (vdev_trim (d, len, off, 0) == 0);
    memset (flat + off, 0, len);
    break;
  case 1:
    CHECK (vdev_zero (d, len, off, VDEV_MAY_TRIM) == 0);
    memset (flat + off, 0, len);
    break;
  default:
    for (i = 0; i < len; i++)
      buf[i] = (uint8_t) base_rng_u64 (&rng);
    CHECK (vdev_write (d, buf, len, off, 0) == 0);
    memcpy (flat + off, buf, len);
  }
}

TEST_MAIN
{
  struct vdev *backing, *d;
  struct pool *p;
  unsigned round, i;

  base_rng_seed (&rng, test_seed ());
  CHECK (devices_mem_open (16U << 20, &backing) == 0);
  CHECK (pool_format (backing, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (vdev_ref (backing), NULL, &p) == 0);
  CHECK (pool_create (p, "v", SIZE, 0) == 0);
  for (round = 0; round < 6; round++) {
    CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
    CHECK (vdev_size (d) == SIZE);
    compare (d);
    for (i = 0; i < 100; i++) {
      change (d);
      if (i % 10 == 0)
        CHECK (vdev_flush (d) == 0);
    }
    compare (d);
    vdev_unref (d);
    CHECK (pool_close (p) == 0);
    CHECK (pool_open (vdev_ref (backing), NULL, &p) == 0);
  }
  CHECK (pool_close (p) == 0);
  vdev_unref (backing);
}
