/* SPDX-License-Identifier: BSD-3-Clause
 *
 * FUA without native FUA is a write and a flush; zero without native zero is
 * a write of zeroes, and FAST is then refused with nothing changed; trim
 * without TRIM does nothing; a device without FLUSH needs none.
 */

#include <config.h>

#include "spy.h"
#include "test.h"

static uint8_t buf[SPY_CAPACITY];

static void
fua (void)
{
  struct spy s;

  spy_open (&s, SPY_ALL_CAPS & ~VDEV_FUA_NATIVE, 1, 1000, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 2500, 0, VDEV_FUA), 0);
  CHECK_EQ_INT (s.calls.len, 4);        /* three pieces, one flush */
  CHECK_EQ_INT (s.calls.ptr[3].op, SPY_FLUSH);
  CHECK_EQ_INT (s.calls.ptr[0].flags, 0);
  spy_forget (&s);
  CHECK_EQ_INT (vdev_zero (&s.d, 2500, 0, VDEV_FUA | VDEV_MAY_TRIM), 0);
  CHECK_EQ_INT (vdev_trim (&s.d, 2500, 0, VDEV_FUA), 0);
  CHECK_EQ_INT (s.calls.len, 4);
  CHECK_EQ_INT (s.calls.ptr[0].flags, VDEV_MAY_TRIM);
  CHECK_EQ_INT (s.calls.ptr[1].op, SPY_FLUSH);
  CHECK_EQ_INT (s.calls.ptr[3].op, SPY_FLUSH);
  /* A write that failed is not flushed. */
  spy_forget (&s);
  s.error[SPY_WRITE] = -EIO;
  CHECK_EQ_INT (vdev_write (&s.d, buf, 10, 0, VDEV_FUA), -EIO);
  CHECK_EQ_INT (s.count[SPY_FLUSH], 0);
  s.error[SPY_WRITE] = 0;
  /* Nor is it acknowledged when the flush fails. */
  s.error[SPY_FLUSH] = -EIO;
  CHECK_EQ_INT (vdev_write (&s.d, buf, 10, 0, VDEV_FUA), -EIO);
  vdev_unref (&s.d);
  spy_free (&s);

  spy_open (&s, SPY_ALL_CAPS, 1, 0, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 10, 0, VDEV_FUA), 0);
  CHECK_EQ_INT (vdev_zero (&s.d, 10, 0, VDEV_FUA), 0);
  CHECK_EQ_INT (vdev_trim (&s.d, 10, 0, VDEV_FUA), 0);
  CHECK_EQ_INT (s.calls.len, 3);
  CHECK (s.calls.ptr[0].flags == VDEV_FUA && s.calls.ptr[1].flags == VDEV_FUA
         && s.calls.ptr[2].flags == VDEV_FUA);
  vdev_unref (&s.d);
  spy_free (&s);

  spy_open (&s, 0, 1, 0, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 10, 0, VDEV_FUA), 0);
  CHECK_EQ_INT (vdev_flush (&s.d), 0);
  CHECK_EQ_INT (s.count[SPY_FLUSH], 0);
  vdev_unref (&s.d);
  spy_free (&s);
}

static void
zero (void)
{
  struct spy s;
  unsigned calls;

  memset (buf, 0xaa, sizeof buf);
  spy_open (&s, VDEV_FLUSH, 1, 0, SPY_CAPACITY);
  memcpy (s.bytes, buf, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_zero (&s.d, 300000, 1, VDEV_FAST), -EOPNOTSUPP);
  CHECK_EQ_INT (vdev_zero (&s.d, 300000, 1, VDEV_FAST | VDEV_MAY_TRIM),
                -EOPNOTSUPP);
  CHECK_EQ_INT (s.calls.len, 0);
  CHECK_EQ_MEM (s.bytes, buf, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_zero (&s.d, 300000, 1, VDEV_ALLOCATE), 0);
  CHECK (s.count[SPY_ZERO] == 0 && s.count[SPY_WRITE] > 0);
  CHECK (base_is_zero (s.bytes + 1, 300000));
  CHECK_EQ_MEM (s.bytes + 300001, buf, 1000);
  CHECK (s.bytes[0] == 0xaa);
  calls = s.count[SPY_WRITE];
  CHECK_EQ_INT (vdev_trim (&s.d, 1000, 400000, 0), 0);
  CHECK (s.count[SPY_WRITE] == calls && s.count[SPY_TRIM] == 0);
  CHECK_EQ_INT (vdev_trim (&s.d, 1000, SPY_CAPACITY - 999, 0), -ERANGE);
  vdev_unref (&s.d);
  spy_free (&s);

  /* Native, but not today. */
  spy_open (&s, SPY_ALL_CAPS, 512, 0, SPY_CAPACITY);
  memcpy (s.bytes, buf, SPY_CAPACITY);
  s.error[SPY_ZERO] = -EOPNOTSUPP;
  CHECK_EQ_INT (vdev_zero (&s.d, 5000, 100, VDEV_FAST), -EOPNOTSUPP);
  CHECK_EQ_MEM (s.bytes, buf, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_zero (&s.d, 5000, 100, 0), 0);
  CHECK (base_is_zero (s.bytes + 100, 5000));
  CHECK (s.bytes[99] == 0xaa && s.bytes[5100] == 0xaa);
  s.error[SPY_ZERO] = -ENOSPC;
  CHECK_EQ_INT (vdev_zero (&s.d, 5000, 100, 0), -ENOSPC);
  /* ALLOCATE and MAY_TRIM together: to allocate wins. */
  s.error[SPY_ZERO] = 0;
  spy_forget (&s);
  CHECK_EQ_INT (vdev_zero (&s.d, 512, 0, VDEV_ALLOCATE | VDEV_MAY_TRIM), 0);
  CHECK_EQ_INT (s.calls.ptr[0].flags, VDEV_ALLOCATE);
  vdev_unref (&s.d);
  spy_free (&s);
}

TEST_MAIN
{
  fua ();
  zero ();
}
