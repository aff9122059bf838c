/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The device under the cost figures (lib/constdev.c) keeps the contract of
 * every device, and constant blocks read back, also after it was closed,
 * without a byte in the store.
 */

#include <config.h>

#include <unistd.h>

#include "constdev.h"
#include "devices.h"
#include "test.h"
#include "vdev-conformance.h"

#define SIZE (UINT64_C (64) << 20)
#define AT (UINT64_C (5) << 20)

static struct vdev *
open_at (const char *name, uint64_t span)
{
  CLEANUP_FREE char *path = test_path (name), *map = NULL;
  struct vdev *file, *d;

  map = base_asprintf ("%s.map", path);
  CHECK (map != NULL);
  CHECK_EQ_INT (devices_file_open (path, VDEV_OPEN_CREATE, &file), 0);
  CHECK_EQ_INT (constdev_open (file, map, span, &d), 0);
  return d;
}

static struct vdev *
make (void *opaque BASE_UNUSED, uint64_t size)
{
  CLEANUP_FREE char *path = test_path ("conform");
  CLEANUP_FREE char *map = test_path ("conform.map");
  struct vdev *d;

  unlink (path);
  unlink (map);
  d = open_at ("conform", 2 * size);
  CHECK_EQ_INT (vdev_resize (d, size), 0);
  return d;
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
  const struct vdev_conformance c = {
    .name = "constdev", .make = make, .ops = 5000, .no_large = true,
  };
  static uint8_t block[CONSTDEV_BLOCK], data[3 * CONSTDEV_BLOCK];
  static uint8_t want[3 * CONSTDEV_BLOCK];
  struct constdev_counts counts;
  struct vdev *d;

  vdev_conformance (&c);

  constdev_fill (block);
  d = open_at ("data", SIZE);
  CHECK_EQ_INT (vdev_resize (d, SIZE), 0);
  for (uint64_t off = 0; off < SIZE; off += CONSTDEV_BLOCK)
    CHECK_EQ_INT (vdev_write (d, block, sizeof block, off, 0), 0);
  constdev_counts (d, &counts);
  CHECK_EQ_INT (counts.written, SIZE);
  CHECK_EQ_INT (counts.constant, SIZE);
  CHECK_EQ_INT (allocated (d), 0);

  /* One block of something else between two constant ones. */
  memset (data, 7, sizeof data);
  CHECK_EQ_INT (vdev_write (d, data, sizeof block, AT + sizeof block, 0), 0);
  CHECK (allocated (d) > 0);
  vdev_unref (d);

  d = open_at ("data", SIZE);
  memcpy (want, block, sizeof block);
  memset (want + sizeof block, 7, sizeof block);
  memcpy (want + 2 * sizeof block, block, sizeof block);
  CHECK_EQ_INT (vdev_read (d, data, sizeof data, AT), 0);
  CHECK_EQ_MEM (data, want, sizeof data);
  vdev_unref (d);
}
