/* SPDX-License-Identifier: BSD-3-Clause
 *
 * After one failed flush every later flush and FUA request of that device
 * fails and does not reach the disk, while reads and plain writes go on; so
 * it is for every decorator over a device whose flush failed.
 */

#include <config.h>

#include "devices.h"
#include "devices-test.h"
#include "spy.h"
#include "test.h"

static void
one_device (uint32_t caps)
{
  struct spy s;
  uint8_t buf[512] = { 1 };

  spy_open (&s, caps, 1, 0, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_flush (&s.d), 0);
  s.error[SPY_FLUSH] = -ENOSPC;
  CHECK_EQ_INT (vdev_flush (&s.d), -ENOSPC);
  s.error[SPY_FLUSH] = 0;       /* the disk is well again: too late */
  spy_forget (&s);
  CHECK_EQ_INT (vdev_flush (&s.d), -ENOSPC);
  CHECK (strstr (base_error_text (), "earlier flush") != NULL);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 512, 0, VDEV_FUA), -ENOSPC);
  CHECK_EQ_INT (vdev_trim (&s.d, 512, 0, VDEV_FUA), -ENOSPC);
  CHECK_EQ_INT (vdev_zero (&s.d, 512, 0, VDEV_FUA), -ENOSPC);
  CHECK_EQ_INT (s.calls.len, 0);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 512, 0, 0), 0);
  CHECK_EQ_INT (vdev_read (&s.d, buf, 512, 0), 0);
  /* Another failure does not change the words of the first. */
  CHECK_EQ_INT (vdev_flush (&s.d), -ENOSPC);
  vdev_unref (&s.d);
  spy_free (&s);
}

static struct vdev *
slice_over (struct vdev *child)
{
  struct vdev *d;

  CHECK_EQ_INT (devices_slice_open (child, 4096, 0, &d), 0);
  return d;
}

static struct vdev *
recorder_over (struct vdev *child)
{
  struct vdev *d;

  CHECK_EQ_INT (recorder_open (child, &d), 0);
  return d;
}

static struct vdev *
volatile_over (struct vdev *child)
{
  struct vdev *d;

  CHECK_EQ_INT (volatile_open (child, 1, 0, &d), 0);
  return d;
}

static struct vdev *
faulty_over (struct vdev *child)
{
  struct vdev *d;

  CHECK_EQ_INT (faulty_open (child, &d), 0);
  return d;
}

static void
decorated (struct vdev *(*over) (struct vdev *))
{
  const struct faulty_rule rule = {
    .op = FAULTY_FLUSH, .action = FAULTY_FAIL, .nth = 2,
  };
  struct vdev *mem, *faulty, *d;

  CHECK_EQ_INT (devices_mem_open (1 << 20, &mem), 0);
  CHECK_EQ_INT (faulty_open (mem, &faulty), 0);
  CHECK_EQ_INT (faulty_add (faulty, &rule), 0);
  d = over (faulty);
  CHECK_EQ_INT (vdev_write (d, "x", 1, 0, VDEV_FUA), 0);
  CHECK_EQ_INT (vdev_flush (d), -EIO);
  CHECK_EQ_INT (vdev_flush (d), -EIO);
  CHECK_EQ_INT (vdev_write (d, "x", 1, 0, VDEV_FUA), -EIO);
  CHECK_EQ_INT (vdev_write (d, "y", 1, 0, 0), 0);
  CHECK_EQ_INT (vdev_flush (d), -EIO);
  vdev_unref (d);
}

TEST_MAIN
{
  one_device (SPY_ALL_CAPS);
  one_device (SPY_ALL_CAPS & ~VDEV_FUA_NATIVE);
  decorated (slice_over);
  decorated (recorder_over);
  decorated (volatile_over);
  decorated (faulty_over);
}
