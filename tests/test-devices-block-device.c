/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A block device has its true size and sees growth, cannot be resized from
 * here, discards and zeroes at any offset, and is not opened twice.
 */

#include <config.h>

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices.h"
#include "test.h"

#define SIZE (8U << 20)

static uint8_t expect[SIZE], got[SIZE];

/* A loop device on FILE; its descriptor. */
static int
make_loop (const char *file, char *name, size_t n)
{
  struct loop_config config = { 0 };
  int control, backing, number, fd;

  control = open ("/dev/loop-control", O_RDWR | O_CLOEXEC);
  number = control == -1 ? -1 : ioctl (control, LOOP_CTL_GET_FREE);
  if (number == -1)
    test_skip ("loop devices cannot be made here");
  close (control);
  snprintf (name, n, "/dev/loop%d", number);
  fd = open (name, O_RDWR | O_CLOEXEC);
  backing = open (file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  CHECK (backing >= 0 && ftruncate (backing, SIZE) == 0);
  config.fd = (uint32_t) backing;
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  if (fd == -1 || ioctl (fd, LOOP_CONFIGURE, &config) == -1)
    test_skip ("loop devices cannot be made here");
  close (backing);
  return fd;
}

static void
same (struct vdev *d)
{
  CHECK_EQ_INT (vdev_read (d, got, SIZE, 0), 0);
  CHECK_EQ_MEM (got, expect, SIZE);
}

static void
zeroing (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  int r = vdev_zero (d, len, off, flags);

  if (r == -EOPNOTSUPP)
    CHECK (flags & VDEV_FAST);
  else {
    CHECK_EQ_INT (r, 0);
    memset (expect + off, 0, len);
  }
  same (d);
}

static void
bytes (struct vdev *d)
{
  memset (expect, 0x5a, SIZE);
  CHECK_EQ_INT (vdev_write (d, expect, SIZE, 0, VDEV_FUA), 0);
  same (d);
  zeroing (d, 1 << 20, 1 << 20, 0);
  zeroing (d, 100000, 12345, 0);
  zeroing (d, 100, 3000000, 0);
  zeroing (d, 513, 3000500, VDEV_ALLOCATE);
  zeroing (d, 100001, 4000001, VDEV_MAY_TRIM);
  zeroing (d, 100001, 5000001, VDEV_MAY_TRIM | VDEV_FAST);
  zeroing (d, 100001, 6000001, VDEV_FAST);
  /* A discard is a hint; outside of it nothing changes. */
  CHECK_EQ_INT (vdev_trim (d, 1000001, 7000001, 0), 0);
  CHECK_EQ_INT (vdev_read (d, expect + 7000001, 1000001, 7000001), 0);
  same (d);
}

TEST_MAIN
{
  char name[32];
  char *file = test_path ("backing");
  int fd = make_loop (file, name, sizeof name);
  struct vdev *d, *d2;
  struct vdev_stat st;

  CHECK_EQ_INT (devices_file_open (name, 0, &d), 0);
  CHECK_EQ_INT (vdev_size (d), SIZE);
  CHECK (!vdev_has (d, VDEV_RESIZE) && vdev_has (d, VDEV_FLUSH | VDEV_ZERO));
  CHECK_EQ_INT (vdev_resize (d, 2 * SIZE), -EOPNOTSUPP);
  CHECK_EQ_INT (devices_file_open (name, 0, &d2), -EBUSY);
  bytes (d);
  CHECK (truncate (file, 2 * SIZE) == 0);
  CHECK (ioctl (fd, LOOP_SET_CAPACITY, 0) == 0);
  CHECK_EQ_INT (vdev_size (d), SIZE);
  CHECK_EQ_INT (vdev_stat (d, &st), 0);
  CHECK_EQ_INT (vdev_size (d), 2 * SIZE);
  vdev_unref (d);

  CHECK_EQ_INT (devices_file_open (name, VDEV_OPEN_DIRECT, &d), 0);
  CHECK (d->info.align >= 512);
  bytes (d);
  vdev_unref (d);
  close (fd);                   /* the loop device goes by itself */
  free (file);
}
