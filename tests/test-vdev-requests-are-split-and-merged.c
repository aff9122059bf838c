/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The wrappers hand a device only what it can take: long requests are cut at
 * its maximum, unaligned edges are merged, and an aligned request that fits
 * is exactly one call.
 */

#include <config.h>

#include "spy.h"
#include "test.h"

static uint8_t buf[SPY_CAPACITY], got[SPY_CAPACITY];

static void
is_call (const struct spy *s, size_t i, enum spy_op op, uint64_t off,
         uint64_t len)
{
  CHECK (i < s->calls.len);
  CHECK_EQ_INT (s->calls.ptr[i].op, op);
  CHECK_EQ_INT (s->calls.ptr[i].off, off);
  CHECK_EQ_INT (s->calls.ptr[i].len, len);
}

static void
plain_path (void)
{
  struct spy s;

  spy_open (&s, SPY_ALL_CAPS, 1, 0, SPY_CAPACITY);
  CHECK (s.d.edges == NULL);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 12345, 77, 0), 0);
  CHECK_EQ_INT (vdev_read (&s.d, got, 12345, 77), 0);
  CHECK_EQ_INT (vdev_zero (&s.d, 12345, 77, VDEV_MAY_TRIM), 0);
  CHECK_EQ_INT (vdev_trim (&s.d, 12345, 77, 0), 0);
  CHECK_EQ_INT (vdev_cache (&s.d, 12345, 77), 0);
  is_call (&s, 0, SPY_WRITE, 77, 12345);
  is_call (&s, 1, SPY_READ, 77, 12345);
  is_call (&s, 2, SPY_ZERO, 77, 12345);
  CHECK_EQ_INT (s.calls.ptr[2].flags, VDEV_MAY_TRIM);
  is_call (&s, 3, SPY_TRIM, 77, 12345);
  is_call (&s, 4, SPY_CACHE, 77, 12345);
  CHECK_EQ_INT (s.calls.len, 5);
  vdev_unref (&s.d);
  spy_free (&s);
}

static void
splitting (void)
{
  struct spy s;
  size_t i;

  spy_open (&s, SPY_ALL_CAPS, 1, 1000, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 1000, 1, 0), 0);
  CHECK_EQ_INT (s.calls.len, 1);
  spy_forget (&s);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 3500, 1, VDEV_FUA), 0);
  for (i = 0; i < 4; ++i) {
    is_call (&s, i, SPY_WRITE, 1 + 1000 * i, i < 3 ? 1000 : 500);
    CHECK_EQ_INT (s.calls.ptr[i].flags, VDEV_FUA);
  }
  CHECK_EQ_INT (s.calls.len, 4);
  spy_forget (&s);
  CHECK_EQ_INT (vdev_read (&s.d, got, 2001, 1), 0);
  is_call (&s, 2, SPY_READ, 2001, 1);
  CHECK_EQ_MEM (got, buf, 2001);
  /* Trim and zero have no maximum. */
  spy_forget (&s);
  CHECK_EQ_INT (vdev_zero (&s.d, 1 << 20, 0, 0), 0);
  CHECK_EQ_INT (vdev_trim (&s.d, 1 << 20, 0, 0), 0);
  CHECK_EQ_INT (s.calls.len, 2);
  /* A failing piece ends it. */
  spy_forget (&s);
  s.error[SPY_WRITE] = -ENOSPC;
  CHECK_EQ_INT (vdev_write (&s.d, buf, 3500, 0, 0), -ENOSPC);
  CHECK_EQ_INT (s.calls.len, 1);
  vdev_unref (&s.d);
  spy_free (&s);
}

static void
merging (void)
{
  struct spy s;

  spy_open (&s, SPY_ALL_CAPS, 4096, 8192, SPY_CAPACITY);
  CHECK (s.d.edges != NULL);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 8192, 4096, 0), 0);
  is_call (&s, 0, SPY_WRITE, 4096, 8192);
  CHECK_EQ_INT (s.calls.len, 1);

  /* Head, two pieces of the middle, tail. */
  spy_forget (&s);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 100 + 3 * 4096 + 200, 4096 - 100, 0),
                0);
  CHECK_EQ_INT (s.count[SPY_READ], 2);
  CHECK_EQ_INT (s.count[SPY_WRITE], 4);
  CHECK_EQ_MEM (s.bytes + 4096 - 100, buf, 100 + 3 * 4096 + 200);

  /* Inside one block: one read, one write. */
  spy_forget (&s);
  CHECK_EQ_INT (vdev_write (&s.d, buf + 9, 5, 7, 0), 0);
  is_call (&s, 0, SPY_READ, 0, 4096);
  is_call (&s, 1, SPY_WRITE, 0, 4096);
  CHECK_EQ_INT (s.calls.len, 2);
  CHECK_EQ_MEM (s.bytes + 7, buf + 9, 5);

  /* Across a border, no middle. */
  spy_forget (&s);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 2, 4095, VDEV_FUA), 0);
  CHECK_EQ_INT (s.calls.len, 4);
  CHECK_EQ_INT (s.calls.ptr[1].flags, VDEV_FUA);
  CHECK_EQ_INT (s.calls.ptr[3].flags, VDEV_FUA);

  /* A read bounces the edges only. */
  spy_forget (&s);
  CHECK_EQ_INT (vdev_read (&s.d, got, 8192, 4000), 0);
  is_call (&s, 0, SPY_READ, 0, 4096);
  is_call (&s, 1, SPY_READ, 4096, 4096);
  is_call (&s, 2, SPY_READ, 8192, 4096);
  CHECK_EQ_INT (s.calls.len, 3);
  CHECK_EQ_MEM (got, s.bytes + 4000, 8192);

  /* Zero and trim: edges are written; cache and extents grow to blocks. */
  memset (s.bytes, 1, SPY_CAPACITY);
  spy_forget (&s);
  CHECK_EQ_INT (vdev_zero (&s.d, 8192, 100, 0), 0);
  is_call (&s, 0, SPY_ZERO, 4096, 4096);
  CHECK_EQ_INT (s.count[SPY_WRITE], 2);
  CHECK (s.bytes[99] == 1 && s.bytes[100] == 0 && s.bytes[8291] == 0 &&
         s.bytes[8292] == 1);
  spy_forget (&s);
  CHECK_EQ_INT (vdev_trim (&s.d, 8192, 16384 + 100, 0), 0);
  is_call (&s, 0, SPY_TRIM, 16384 + 4096, 4096);
  CHECK_EQ_INT (s.count[SPY_WRITE], 2);
  CHECK (base_is_zero (s.bytes + 16384 + 100, 8192));
  spy_forget (&s);
  CHECK_EQ_INT (vdev_cache (&s.d, 2, 4095), 0);
  is_call (&s, 0, SPY_CACHE, 0, 8192);
  vdev_unref (&s.d);
  spy_free (&s);
}

/* Without TRIM_ZEROES nobody is owed zeroes, so edges stay. */
static void
trim_of_edges (void)
{
  struct spy s;

  spy_open (&s, VDEV_FLUSH | VDEV_TRIM, 4096, 0, SPY_CAPACITY);
  memset (s.bytes, 1, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_trim (&s.d, 8192, 100, 0), 0);
  is_call (&s, 0, SPY_TRIM, 4096, 4096);
  CHECK_EQ_INT (s.calls.len, 1);
  spy_forget (&s);
  CHECK_EQ_INT (vdev_trim (&s.d, 100, 100, 0), 0);
  CHECK_EQ_INT (s.calls.len, 0);
  vdev_unref (&s.d);
  spy_free (&s);
}

static void
refused (void)
{
  struct spy s;
  struct vdev_info info = { .align = 1 };
  struct vdev d;

  spy_open (&s, SPY_ALL_CAPS, 512, 0, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 512, 1, VDEV_IF_ABSENT), -EINVAL);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 512, 512, VDEV_IF_ABSENT), 0);
  CHECK_EQ_INT (s.calls.ptr[0].flags, VDEV_IF_ABSENT);
  CHECK_EQ_INT (vdev_resize (&s.d, 1000), -EINVAL);
  CHECK_EQ_INT (s.calls.len, 1);
  /* Facts that contradict each other. */
  info.align = 3;
  CHECK_EQ_INT (vdev_init (&d, s.d.ops, &info, 0), -EINVAL);
  info.align = 131072;
  CHECK_EQ_INT (vdev_init (&d, s.d.ops, &info, 0), -EINVAL);
  info.align = 512;
  CHECK_EQ_INT (vdev_init (&d, s.d.ops, &info, 513), -EINVAL);
  info.maximum = 1000;
  CHECK_EQ_INT (vdev_init (&d, s.d.ops, &info, 512), -EINVAL);
  info.maximum = 0;
  info.align = 1;
  CHECK_EQ_INT (vdev_init (&d, s.d.ops, &info, (uint64_t) INT64_MAX + 1),
                -EINVAL);
  vdev_unref (&s.d);
  spy_free (&s);

  spy_open (&s, VDEV_FLUSH, 1, 0, SPY_CAPACITY);
  CHECK_EQ_INT (vdev_write (&s.d, buf, 512, 0, VDEV_IF_ABSENT), -EOPNOTSUPP);
  CHECK_EQ_INT (s.calls.len, 0);
  vdev_unref (&s.d);
  spy_free (&s);
}

TEST_MAIN
{
  size_t i;

  for (i = 0; i < sizeof buf; ++i)
    buf[i] = (uint8_t) (i * 7 + i / 251 + 1);
  plain_path ();
  splitting ();
  merging ();
  trim_of_edges ();
  refused ();
}
