/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Zero detection keeps volumes thin under clients that know no other way to
 * write zeroes.  A written block that is all zero becomes a hole, whether it
 * is written whole or comes out zero by a merge, in the middle of data, over
 * a hole or over data, which is let go of; and what stays is right.
 */

#include <config.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define B 4096U
#define BLOCKS 600              /* three leaves */

static struct pool *p;
static struct vdev *d;
static uint8_t shadow[BLOCKS * B], buf[BLOCKS * B];

static int
count_data (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  uint64_t *n = opaque;

  (void) offset;
  if (!(type & VDEV_HOLE))
    *n += length / B;
  return 0;
}

/* As many blocks of data as are not all zero, by every account. */
static void
look (void)
{
  struct pool_volume_info info;
  uint64_t want = 0, n = 0, i;

  for (i = 0; i < BLOCKS; i++)
    want += !base_is_zero (shadow + i * B, B);
  CHECK_EQ_INT (pool_volume_info (p, "v", false, &info), 0);
  CHECK_EQ_INT (info.used / B, want);
  CHECK_EQ_INT (vdev_extents (d, BLOCKS * B, 0, 0, count_data, &n), 0);
  CHECK_EQ_INT (n, want);
  CHECK_EQ_INT (vdev_read (d, buf, sizeof buf, 0), 0);
  CHECK_EQ_MEM (buf, shadow, sizeof buf);
}

static void
put (uint64_t off, uint64_t len)
{
  memcpy (buf, shadow + off, len);
  CHECK_EQ_INT (vdev_write (d, buf, len, off, 0), 0);
  look ();
}

TEST_MAIN
{
  struct pool_check_result r;
  struct vdev *backing;
  struct base_rng rng;
  unsigned i;

  base_rng_seed (&rng, test_seed ());
  CHECK (devices_mem_open (32 << 20, &backing) == 0);
  CHECK (pool_format (backing, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (backing, NULL, &p) == 0);
  CHECK (pool_create (p, "v", BLOCKS * B, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);

  put (0, BLOCKS * B);                  /* over a hole */
  memset (shadow + 10 * B, 0x11, 20 * B);
  memset (shadow + 15 * B, 0, 3 * B);
  put (10 * B, 20 * B);                 /* in the middle of data */
  memset (shadow + 20 * B, 0, B);
  put (20 * B, B);                      /* over data */
  memset (shadow + 22 * B, 0, 100);
  put (22 * B, 100);
  memset (shadow + 22 * B + 100, 0, B - 100);
  put (22 * B + 100, B - 100);          /* in two parts */
  memset (shadow, 0, sizeof shadow);
  put (0, BLOCKS * B);
  for (i = 0; i < 400; i++) {
    uint64_t off = base_rng_below (&rng, BLOCKS * B);
    uint64_t len = 1 + base_rng_below (&rng, i % 3 ? 3 * B : 300 * B);

    if (i % 2)
      off = off / B * B, len = (len + B - 1) / B * B;
    len = BASE_MIN (len, BLOCKS * B - off);
    memset (shadow + off, base_rng_below (&rng, 2) ? 0x22 : 0, len);
    put (off, len);
  }
  CHECK_EQ_INT (pool_flush (p), 0);
  CHECK (pool_check (p, NULL, &r) == 0 && r.errors == 0 && r.leaks == 0);
  vdev_unref (d);
  CHECK (pool_close (p) == 0);
}
