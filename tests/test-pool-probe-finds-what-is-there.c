/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Before a pool is made, what stands on the backing is found wherever it is:
 * a single byte in a file of zeroes and holes makes it foreign.  Of a device
 * that knows no holes the first and the last MiB are looked at.
 */

#include <config.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define SIZE (UINT64_C (64) << 20)

static enum pool_probe_result
probe (struct vdev *d)
{
  enum pool_probe_result result;

  CHECK_MSG (pool_probe (d, &result) == 0, "%s", base_error_text ());
  return result;
}

static void
put (struct vdev *d, uint64_t off, char c)
{
  CHECK (vdev_write (d, &c, 1, off, 0) == 0);
}

static void
with_holes (void)
{
  static const uint64_t places[] = {
    0, 4095, 65536, (1 << 20) - 1, 1 << 20, 2 << 20, SIZE / 2 + 7, SIZE - 1 };
  struct pool_format_options o = { .block_size = 0 };
  struct vdev *d;
  size_t i;

  CHECK (devices_mem_open (SIZE, &d) == 0);
  CHECK (probe (d) == POOL_PROBE_EMPTY);
  for (i = 0; i < BASE_ARRAY_SIZE (places); i++) {
    put (d, places[i], 'x');
    CHECK_MSG (probe (d) == POOL_PROBE_FOREIGN, "byte %llu",
               (unsigned long long) places[i]);
    put (d, places[i], 0);      /* allocated, and zero */
    CHECK (probe (d) == POOL_PROBE_EMPTY);
  }
  CHECK (pool_format (d, &o) == 0);
  CHECK (probe (d) == POOL_PROBE_POOL);
  vdev_unref (d);
}

/* A decorator that only takes the extents away. */
static struct vdev *
without_extents (struct vdev *child)
{
  static const struct vdev_ops ops = {
    .kind = "plain",
    .read = vdev_pass_read, .write = vdev_pass_write,
    .flush = vdev_pass_flush, .trim = vdev_pass_trim, .zero = vdev_pass_zero,
    .cache = vdev_pass_cache, .resize = vdev_pass_resize,
    .start = vdev_pass_start, .kick = vdev_pass_kick,
    .stat = vdev_pass_stat, .describe = vdev_pass_describe,
    .close = vdev_pass_close,
  };
  struct vdev_pass *p = calloc (1, sizeof *p);

  CHECK (p != NULL);
  CHECK (vdev_pass_init (p, &ops, child, VDEV_EXTENTS, 0) == 0);
  return &p->d;
}

static void
without_holes (void)
{
  static const uint64_t places[] = { 0, (1 << 20) - 1, SIZE - (1 << 20),
                                     SIZE - 1 };
  struct vdev *d;
  size_t i;

  CHECK (devices_mem_open (SIZE, &d) == 0);
  d = without_extents (d);
  CHECK (probe (d) == POOL_PROBE_EMPTY);
  for (i = 0; i < BASE_ARRAY_SIZE (places); i++) {
    put (d, places[i], 'x');
    CHECK (probe (d) == POOL_PROBE_FOREIGN);
    put (d, places[i], 0);
  }
  vdev_unref (d);
}

TEST_MAIN
{
  with_holes ();
  without_holes ();
}
