/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Trim and zero with MAY_TRIM give space back to the file system, ALLOCATE
 * and zero without MAY_TRIM really take it, and extents shows holes where
 * they are: on tmpfs, which has no ZERO_RANGE, and on disk.
 */

#include <config.h>

#include <sys/stat.h>
#include <unistd.h>

#include "devices.h"
#include "test.h"

#define SIZE (4U << 20)
#define K 1024

static uint64_t
allocated (struct vdev *d)
{
  struct vdev_stat st;

  CHECK_EQ_INT (vdev_flush (d), 0);     /* delayed allocation */
  CHECK_EQ_INT (vdev_stat (d, &st), 0);
  return st.allocated;
}

struct map {
  char text[64];                /* a letter per 64 KiB */
};

static int
draw (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  struct map *m = opaque;

  CHECK (offset % (64 * K) == 0 && length % (64 * K) == 0);
  memset (m->text + offset / (64 * K), type == VDEV_DATA ? 'd'
          : type == (VDEV_HOLE | VDEV_ZEROES) ? '.' : '?',
          length / (64 * K));
  return 0;
}

static void
looks (struct vdev *d, const char *expect)
{
  struct map m = { "" };

  CHECK_EQ_INT (vdev_extents (d, strlen (expect) * 64 * K, 0, 0, draw, &m),
                0);
  CHECK_EQ_STR (m.text, expect);
}

static void
reads_zero (struct vdev *d, size_t len, uint64_t off)
{
  CLEANUP_FREE uint8_t *buf = malloc (len);

  CHECK (buf != NULL);
  CHECK_EQ_INT (vdev_read (d, buf, len, off), 0);
  CHECK (base_is_zero (buf, len));
}

static void
check_in (const char *dir)
{
  CLEANUP_FREE char *path = base_asprintf ("%s/space", dir);
  static uint8_t ones[SIZE];
  struct vdev *d;
  struct stat st;

  CHECK_EQ_INT (devices_file_open (path, VDEV_OPEN_CREATE, &d), 0);
  CHECK_EQ_INT (vdev_resize (d, SIZE), 0);
  /* The question what can be done here has left nothing behind. */
  CHECK_EQ_INT (allocated (d), 0);
  CHECK (vdev_has (d, VDEV_TRIM | VDEV_TRIM_ZEROES | VDEV_ZERO |
                   VDEV_FAST_ZERO | VDEV_EXTENTS | VDEV_RESIZE));
  looks (d, "................");

  memset (ones, 1, SIZE);
  CHECK_EQ_INT (vdev_write (d, ones, 128 * K, 64 * K, 0), 0);
  CHECK_EQ_INT (vdev_write (d, ones, 64 * K, 512 * K, 0), 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  looks (d, ".dd.....d.......");

  CHECK_EQ_INT (vdev_write (d, ones, SIZE, 0, 0), 0);
  CHECK (allocated (d) >= SIZE);
  CHECK (stat (path, &st) == 0);
  CHECK_EQ_INT (allocated (d), st.st_blocks * 512);
  CHECK_EQ_INT (vdev_trim (d, 1024 * K, 0, 0), 0);
  CHECK (allocated (d) <= SIZE - 1024 * K + 64 * K);
  CHECK_EQ_INT (vdev_zero (d, 1024 * K, 1024 * K, VDEV_MAY_TRIM), 0);
  CHECK (allocated (d) <= SIZE - 2048 * K + 64 * K);
  reads_zero (d, 2048 * K, 0);
  looks (d, "................................dddd");

  /* Zero in place keeps the space. */
  CHECK_EQ_INT (vdev_zero (d, 1024 * K, 2048 * K, 0), 0);
  CHECK (allocated (d) >= SIZE - 2048 * K);
  reads_zero (d, 1024 * K, 2048 * K);
  /* ALLOCATE takes it where there was none, MAY_TRIM or not. */
  CHECK_EQ_INT (vdev_zero (d, 1024 * K, 0, VDEV_ALLOCATE), 0);
  CHECK (allocated (d) >= SIZE - 1024 * K);
  CHECK_EQ_INT (vdev_zero (d, 1024 * K, 1024 * K,
                           VDEV_ALLOCATE | VDEV_MAY_TRIM | VDEV_FAST), 0);
  CHECK (allocated (d) >= SIZE);
  reads_zero (d, 3072 * K, 0);
  /* An edge inside a page, with bytes on both sides. */
  CHECK_EQ_INT (vdev_write (d, ones, SIZE, 0, 0), 0);
  CHECK_EQ_INT (vdev_zero (d, 100, 5000, VDEV_ALLOCATE), 0);
  CHECK_EQ_INT (vdev_trim (d, 100, 15000, 0), 0);
  memset (ones + 5000, 0, 100);
  memset (ones + 15000, 0, 100);
  CLEANUP_FREE uint8_t *all = malloc (SIZE);
  CHECK (all != NULL);
  CHECK_EQ_INT (vdev_read (d, all, SIZE, 0), 0);
  CHECK_EQ_MEM (all, ones, SIZE);

  vdev_unref (d);
  CHECK (stat (path, &st) == 0 && st.st_size == SIZE);
  CHECK (unlink (path) == 0);
}

TEST_MAIN
{
  char tmpfs[] = "/dev/shm/nbdvol-space.XXXXXX";

  CHECK (mkdtemp (tmpfs) != NULL);
  check_in (tmpfs);
  CHECK (rmdir (tmpfs) == 0);
  check_in (test_tmpdir ());
}
