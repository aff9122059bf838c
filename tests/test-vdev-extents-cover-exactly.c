/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whatever a device reports, callers of vdev_extents get exactly the range
 * they asked for, coalesced, and where the device says nothing, data.
 */

#include <config.h>

#include "spy.h"
#include "test.h"

#define HZ (VDEV_HOLE | VDEV_ZEROES)

struct seen {
  struct { uint64_t off, len; uint32_t type; } e[16];
  size_t n;
  int answer;                   /* at the second extent */
};

static int
note (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  struct seen *s = opaque;

  CHECK (s->n < BASE_ARRAY_SIZE (s->e));
  s->e[s->n].off = offset;
  s->e[s->n].len = length;
  s->e[s->n].type = type;
  s->n++;
  return s->n == 2 ? s->answer : 0;
}

static void
ask (struct spy *s, struct seen *seen, uint64_t len, uint64_t off,
     uint32_t flags)
{
  memset (seen, 0, sizeof *seen);
  CHECK_EQ_INT (vdev_extents (&s->d, len, off, flags, note, seen), 0);
}

static void
is_extent (const struct seen *seen, size_t i, uint64_t off, uint64_t len,
           uint32_t type)
{
  CHECK (i < seen->n);
  CHECK_EQ_INT (seen->e[i].off, off);
  CHECK_EQ_INT (seen->e[i].len, len);
  CHECK_EQ_INT (seen->e[i].type, type);
}

static void
report (struct spy *s, size_t i, uint64_t off, uint64_t len, uint32_t type)
{
  s->extents[i].off = off;
  s->extents[i].len = len;
  s->extents[i].type = type;
  s->extents[i + 1].len = 0;
}

static void
odd_reports (struct spy *s)
{
  struct seen seen;

  /* Nothing at all. */
  s->extents[0].len = 0;
  ask (s, &seen, 1000, 500, 0);
  CHECK_EQ_INT (seen.n, 1);
  is_extent (&seen, 0, 500, 1000, VDEV_DATA);

  /* More than was asked for on both sides; neighbours of one type. */
  report (s, 0, 0, 600, HZ);
  report (s, 1, 600, 100, HZ);
  report (s, 2, 700, 100, VDEV_DATA);
  report (s, 3, 800, UINT64_MAX, HZ);
  ask (s, &seen, 1000, 500, 0);
  CHECK_EQ_INT (seen.n, 3);
  is_extent (&seen, 0, 500, 200, HZ);
  is_extent (&seen, 1, 700, 100, VDEV_DATA);
  is_extent (&seen, 2, 800, 700, HZ);

  /* A gap, an overlap, and an early end. */
  report (s, 0, 100, 100, HZ);
  report (s, 1, 300, 100, HZ);
  report (s, 2, 350, 150, VDEV_ZEROES);
  ask (s, &seen, 600, 100, 0);
  CHECK_EQ_INT (seen.n, 5);
  is_extent (&seen, 0, 100, 100, HZ);
  is_extent (&seen, 1, 200, 100, VDEV_DATA);
  is_extent (&seen, 2, 300, 100, HZ);
  is_extent (&seen, 3, 400, 100, VDEV_ZEROES);
  is_extent (&seen, 4, 500, 200, VDEV_DATA);

  /* Outside altogether. */
  report (s, 0, 0, 100, HZ);
  report (s, 1, 5000, 100, HZ);
  ask (s, &seen, 100, 1000, 0);
  CHECK_EQ_INT (seen.n, 1);
  is_extent (&seen, 0, 1000, 100, VDEV_DATA);
}

static void
one_is_enough (struct spy *s)
{
  struct seen seen;

  report (s, 0, 0, 100, HZ);
  report (s, 1, 100, 100, HZ);
  report (s, 2, 200, 100, VDEV_DATA);
  ask (s, &seen, 1000, 0, VDEV_REQ_ONE);
  CHECK_EQ_INT (seen.n, 1);
  is_extent (&seen, 0, 0, 200, HZ);
  s->extents[1].len = 0;
  ask (s, &seen, 1000, 50, VDEV_REQ_ONE);
  CHECK_EQ_INT (seen.n, 1);
  is_extent (&seen, 0, 50, 50, HZ);
}

static void
stopping (struct spy *s)
{
  struct seen seen = { .answer = -ENOSPC };

  report (s, 0, 0, 100, HZ);
  report (s, 1, 100, 100, VDEV_DATA);
  report (s, 2, 200, 100, HZ);
  report (s, 3, 300, 100, VDEV_DATA);
  CHECK_EQ_INT (vdev_extents (&s->d, 400, 0, 0, note, &seen), -ENOSPC);
  CHECK_EQ_INT (seen.n, 2);
  memset (&seen, 0, sizeof seen);
  seen.answer = 1;
  CHECK_EQ_INT (vdev_extents (&s->d, 400, 0, 0, note, &seen), 0);
  CHECK_EQ_INT (seen.n, 2);
  /* An error of the device itself. */
  s->error[SPY_EXTENTS] = -EIO;
  memset (&seen, 0, sizeof seen);
  CHECK_EQ_INT (vdev_extents (&s->d, 400, 0, 0, note, &seen), -EIO);
  CHECK_EQ_INT (seen.n, 0);
  s->error[SPY_EXTENTS] = 0;
}

TEST_MAIN
{
  struct spy s;
  struct seen seen;

  spy_open (&s, SPY_ALL_CAPS, 1, 0, SPY_CAPACITY);
  odd_reports (&s);
  one_is_enough (&s);
  stopping (&s);
  vdev_unref (&s.d);
  spy_free (&s);

  spy_open (&s, SPY_ALL_CAPS, 4096, 0, SPY_CAPACITY);
  report (&s, 0, 0, 8192, HZ);
  ask (&s, &seen, 5000, 100, 0);
  CHECK_EQ_INT (seen.n, 1);
  is_extent (&seen, 0, 100, 5000, HZ);
  CHECK (s.calls.ptr[0].off == 0 && s.calls.ptr[0].len == 8192);
  vdev_unref (&s.d);
  spy_free (&s);

  spy_open (&s, VDEV_FLUSH, 1, 0, SPY_CAPACITY);
  report (&s, 0, 0, 8192, HZ);
  ask (&s, &seen, 5000, 100, 0);
  CHECK_EQ_INT (seen.n, 1);
  is_extent (&seen, 0, 100, 5000, VDEV_DATA);
  CHECK_EQ_INT (s.calls.len, 0);
  vdev_unref (&s.d);
  spy_free (&s);
}
