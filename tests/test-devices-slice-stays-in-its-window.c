/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A slice reaches its window and nothing else, and a slice that does not fit
 * is refused and leaves the child with the caller.
 */

#include <config.h>

#include "devices.h"
#include "spy.h"
#include "test.h"

static void
refused (struct vdev *child, uint64_t offset, uint64_t length, int error)
{
  struct vdev *d = NULL;

  CHECK_EQ_INT (devices_slice_open (child, offset, length, &d), error);
  CHECK (d == NULL);
  CHECK_EQ_INT (atomic_load (&child->refs), 1);
}

TEST_MAIN
{
  struct vdev *mem, *d, *d2;
  uint8_t all[65536], expect[65536];
  struct spy s;

  CHECK_EQ_INT (devices_mem_open (65536, &mem), 0);
  refused (mem, 65537, 0, -ERANGE);
  refused (mem, 65536, 1, -ERANGE);
  refused (mem, 0, 65537, -ERANGE);
  refused (mem, 1, UINT64_MAX, -ERANGE);
  refused (mem, UINT64_MAX, 2, -ERANGE);

  vdev_ref (mem);
  CHECK_EQ_INT (devices_slice_open (mem, 1000, 3000, &d), 0);
  CHECK_EQ_INT (vdev_size (d), 3000);
  memset (expect, 1, sizeof expect);
  CHECK_EQ_INT (vdev_write (mem, expect, sizeof expect, 0, 0), 0);
  memset (expect + 1000, 2, 3000);
  CHECK_EQ_INT (vdev_write (d, expect + 1000, 3000, 0, 0), 0);
  CHECK_EQ_INT (vdev_write (d, expect, 3001, 0, 0), -ERANGE);
  CHECK_EQ_INT (vdev_write (d, expect, 1, 3000, 0), -ERANGE);
  CHECK_EQ_INT (vdev_zero (d, 10, 0, 0), 0);
  CHECK_EQ_INT (vdev_trim (d, 10, 2990, 0), 0);
  memset (expect + 1000, 0, 10);
  memset (expect + 3990, 0, 10);
  CHECK_EQ_INT (vdev_read (mem, all, sizeof all, 0), 0);
  CHECK_EQ_MEM (all, expect, sizeof all);
  /* A slice of a slice; length 0 is the rest. */
  CHECK_EQ_INT (devices_slice_open (d, 500, 0, &d2), 0);
  CHECK_EQ_INT (vdev_size (d2), 2500);
  CHECK_EQ_INT (vdev_read (d2, all, 2500, 0), 0);
  CHECK_EQ_MEM (all, expect + 1500, 2500);
  vdev_unref (d2);
  vdev_unref (mem);

  spy_open (&s, SPY_ALL_CAPS, 4096, 0, SPY_CAPACITY);
  refused (&s.d, 512, 0, -EINVAL);
  refused (&s.d, 4096, 512, -EINVAL);
  memset (s.d.info.uuid, 9, 16);
  CHECK_EQ_INT (devices_slice_open (&s.d, 4096, 8192, &d), 0);
  CHECK_EQ_INT (d->info.align, 4096);
  CHECK (base_is_zero (d->info.uuid, 16));
  CHECK_EQ_INT (vdev_write (d, "x", 1, 1, 0), 0);
  CHECK_EQ_INT (s.bytes[4097], 'x');
  vdev_unref (d);
  spy_free (&s);
}
