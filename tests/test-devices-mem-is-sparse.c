/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory of 2^63 - 1 bytes costs what is written to it, gives it back, and
 * is right up to its last byte.
 */

#include <config.h>

#include "devices.h"
#include "test.h"

#define END ((uint64_t) INT64_MAX)

struct seen {
  size_t n;
  uint64_t data;
};

static int
note (void *opaque, uint64_t offset BASE_UNUSED, uint64_t length,
      uint32_t type)
{
  struct seen *s = opaque;

  s->n++;
  if (type == VDEV_DATA)
    s->data += length;
  return 0;
}

static void
extents (struct vdev *d, size_t n, uint64_t data)
{
  struct seen s = { 0 };

  CHECK_EQ_INT (vdev_extents (d, vdev_size (d), 0, 0, note, &s), 0);
  CHECK_EQ_INT (s.n, n);
  CHECK_EQ_INT (s.data, data);
}

static uint64_t
allocated (struct vdev *d)
{
  struct vdev_stat st;

  CHECK_EQ_INT (vdev_stat (d, &st), 0);
  return st.allocated;
}

TEST_MAIN
{
  struct vdev *d = NULL;
  uint8_t buf[10000], got[10000], zero[10000] = { 0 };
  uint64_t off;

  CHECK_EQ_INT (devices_mem_open (END + 1, &d), -EINVAL);
  CHECK_EQ_INT (devices_mem_open (UINT64_MAX, &d), -EINVAL);
  CHECK (d == NULL);
  CHECK_EQ_INT (devices_mem_open (0, &d), 0);
  CHECK_EQ_INT (vdev_read (d, buf, 0, 0), 0);
  CHECK_EQ_INT (vdev_read (d, buf, 1, 0), -ERANGE);
  vdev_unref (d);

  CHECK_EQ_INT (devices_mem_open (END, &d), 0);
  extents (d, 1, 0);
  memset (buf, 7, sizeof buf);
  CHECK_EQ_INT (vdev_write (d, buf, sizeof buf, END - sizeof buf, 0), 0);
  CHECK_EQ_INT (vdev_write (d, buf, 1, END, 0), -ERANGE);
  CHECK_EQ_INT (vdev_write (d, buf, 2, END - 1, 0), -ERANGE);
  CHECK_EQ_INT (vdev_read (d, got, sizeof got, END - sizeof got), 0);
  CHECK_EQ_MEM (got, buf, sizeof got);
  CHECK (allocated (d) <= 4 * 4096);
  /* Far apart, in descending order; across pages and chunks. */
  for (off = UINT64_C (1) << 62; off > 8192; off /= 2) {
    CHECK_EQ_INT (vdev_write (d, buf, 100, off - 50, 0), 0);
    CHECK_EQ_INT (vdev_read (d, got, 200, off - 100), 0);
    CHECK_EQ_MEM (got, zero, 50);
    CHECK_EQ_MEM (got + 50, buf, 100);
    CHECK_EQ_MEM (got + 150, zero, 50);
  }
  CHECK (allocated (d) <= 130 * 4096);
  /* All of it at once. */
  CHECK_EQ_INT (vdev_zero (d, END - 5000, 0, VDEV_FAST), 0);
  CHECK_EQ_INT (vdev_read (d, got, sizeof got, END - sizeof got), 0);
  CHECK_EQ_MEM (got, zero, 5000);
  CHECK_EQ_MEM (got + 5000, buf, 5000);
  CHECK_EQ_INT (allocated (d), 2 * 4096);
  CHECK_EQ_INT (vdev_trim (d, END, 0, 0), 0);
  extents (d, 1, 0);
  CHECK_EQ_INT (allocated (d), 0);

  /* Shrink in the middle of a page: what grows back is zero. */
  CHECK_EQ_INT (vdev_write (d, buf, sizeof buf, 0, 0), 0);
  CHECK_EQ_INT (vdev_write (d, buf, 1, END - 1, 0), 0);
  CHECK_EQ_INT (vdev_resize (d, 5000), 0);
  CHECK_EQ_INT (allocated (d), 2 * 4096);
  CHECK_EQ_INT (vdev_resize (d, END), 0);
  CHECK_EQ_INT (vdev_read (d, got, sizeof got, 0), 0);
  CHECK_EQ_MEM (got, buf, 5000);
  CHECK_EQ_MEM (got + 5000, zero, 5000);
  CHECK_EQ_INT (vdev_read (d, got, 1, END - 1), 0);
  CHECK_EQ_INT (got[0], 0);
  vdev_unref (d);
}
