/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Each operation in the table of each decorator reaches the same operation
 * of the child with the same arguments, or is listed here as changed, with
 * the reason; and each capability of the child is the decorator's, or listed.
 *
 * An operation that is added to struct vdev_ops fails the first assertion
 * until it is in this test.
 */

#include <config.h>

#include "devices.h"
#include "devices-test.h"
#include "spy.h"
#include "test.h"

#define OFFSET 8192             /* of the slice */

struct decorator {
  const char *name;
  int (*open) (struct vdev *child, struct vdev **ret);
  uint64_t shift;               /* added to offsets */
  unsigned changed;             /* 1 << enum spy_op */
  uint32_t caps_cleared;
};

static int
open_slice (struct vdev *child, struct vdev **ret)
{
  return devices_slice_open (child, OFFSET, 1 << 20, ret);
}

static int
open_volatile (struct vdev *child, struct vdev **ret)
{
  return volatile_open (child, 1, 0, ret);
}

static const struct decorator decorators[] = {
  /* A slice does not know what is behind it, nor its part of the space. */
  { "slice", open_slice, OFFSET,
    1 << SPY_RESIZE | 1 << SPY_STAT, VDEV_RESIZE },
  /* The log wants FUA as write and flush. */
  { "recorder", recorder_open, 0, 0, VDEV_FUA_NATIVE },
  { "faulty", faulty_open, 0, 0, 0 },
  /* Writes, trims and zeroes wait for the flush; what is held has no blocks
   * that are absent and lands in any order.
   */
  { "volatile", open_volatile, 0,
    1 << SPY_WRITE | 1 << SPY_TRIM | 1 << SPY_ZERO,
    VDEV_FUA_NATIVE | VDEV_ABSENT | VDEV_ORDERED },
};

static int
no_matter (void *opaque BASE_UNUSED, uint64_t offset BASE_UNUSED,
           uint64_t length BASE_UNUSED, uint32_t type BASE_UNUSED)
{
  return 0;
}

/* Call operation OP of D as the wrappers would.  False: D has none. */
static bool
call (struct vdev *d, enum spy_op op)
{
  const struct vdev_ops *ops = d->ops;
  static uint8_t buf[4096];
  struct vdev_stat st;
  FILE *fp;

#define CALL(OP, ...)                                           \
  do {                                                          \
    if (ops->OP == NULL)                                        \
      return false;                                             \
    CHECK_EQ_INT (ops->OP (d __VA_OPT__ (,) __VA_ARGS__), 0);   \
  } while (0)
  switch (op) {
  case SPY_READ: CALL (read, buf, 4096, 4096); break;
  case SPY_WRITE: CALL (write, buf, 4096, 4096, 0); break;
  case SPY_FLUSH: CALL (flush); break;
  case SPY_TRIM: CALL (trim, 4096, 4096, 0); break;
  case SPY_ZERO: CALL (zero, 4096, 4096, VDEV_MAY_TRIM); break;
  case SPY_EXTENTS: CALL (extents, 4096, 4096, 0, no_matter, NULL); break;
  case SPY_CACHE: CALL (cache, 4096, 4096); break;
  case SPY_RESIZE: CALL (resize, 65536); break;
  case SPY_START: CALL (start); break;
  case SPY_STAT:
    CALL (stat, &st);
    CHECK_EQ_INT (st.allocated, 12345);
    break;
  case SPY_KICK:
    if (ops->kick == NULL)
      return false;
    ops->kick (d);
    break;
  case SPY_DESCRIBE:
    if (ops->describe == NULL)
      return false;
    fp = fopen ("/dev/null", "w");
    CHECK (fp != NULL);
    ops->describe (d, fp);
    fclose (fp);
    break;
  case SPY_CLOSE: case SPY_OPS:
    break;
  }
  return true;
}

/* An operation that fails below fails above. */
static void
error_comes_back (const struct decorator *t, enum spy_op op)
{
  uint8_t buf[512] = { 0 };
  struct vdev_stat st;
  struct vdev *d;
  struct spy s;
  int r = -EBADMSG;

  if ((t->changed & 1U << op) || op == SPY_KICK || op == SPY_DESCRIBE ||
      op == SPY_CLOSE)
    return;
  spy_open (&s, SPY_ALL_CAPS, 1, 0, SPY_CAPACITY);
  CHECK_EQ_INT (t->open (&s.d, &d), 0);
  s.error[op] = -EBADMSG;
  switch (op) {
  case SPY_READ: r = vdev_read (d, buf, 512, 0); break;
  case SPY_WRITE: r = vdev_write (d, buf, 512, 0, 0); break;
  case SPY_FLUSH: r = vdev_flush (d); break;
  case SPY_TRIM: r = vdev_trim (d, 512, 0, 0); break;
  case SPY_ZERO: r = vdev_zero (d, 512, 0, 0); break;
  case SPY_EXTENTS: r = vdev_extents (d, 512, 0, 0, no_matter, NULL); break;
  case SPY_CACHE: r = vdev_cache (d, 512, 0); break;
  case SPY_RESIZE: r = vdev_resize (d, 512); break;
  case SPY_START: r = vdev_start (d); break;
  case SPY_STAT: r = vdev_stat (d, &st); break;
  case SPY_KICK: case SPY_DESCRIBE: case SPY_CLOSE: case SPY_OPS: break;
  }
  CHECK_MSG (r == -EBADMSG, "%s: the error of operation %d got lost",
             t->name, op);
  vdev_unref (d);
  spy_free (&s);
}

static void
check_operation (const struct decorator *t, enum spy_op op)
{
  const bool ranged = op == SPY_READ || op == SPY_WRITE || op == SPY_TRIM ||
    op == SPY_ZERO || op == SPY_EXTENTS || op == SPY_CACHE;
  const struct spy_call *c;
  struct vdev *d;
  struct spy s;
  bool there;

  spy_open (&s, SPY_ALL_CAPS, 1, 0, SPY_CAPACITY);
  CHECK_EQ_INT (t->open (&s.d, &d), 0);
  spy_forget (&s);
  there = call (d, op);
  if (t->changed & 1U << op)
    CHECK_MSG (s.count[op] == 0, "%s: operation %d is listed as changed and "
               "is not", t->name, op);
  else if (op != SPY_CLOSE) {
    CHECK_MSG (there && s.count[op] == 1 && s.calls.len == 1,
               "%s: operation %d is not forwarded", t->name, op);
    c = &s.calls.ptr[0];
    if (ranged) {
      CHECK_EQ_INT (c->off, 4096 + t->shift);
      CHECK_EQ_INT (c->len, 4096);
    }
    if (op == SPY_ZERO)
      CHECK_EQ_INT (c->flags, VDEV_MAY_TRIM);
    if (op == SPY_RESIZE) {
      CHECK_EQ_INT (c->len, 65536);
      CHECK_EQ_INT (vdev_size (d), 65536);
    }
  }
  vdev_unref (d);
  CHECK_EQ_INT (s.count[SPY_CLOSE], 1);
  spy_free (&s);
}

static void
check_facts (const struct decorator *t)
{
  struct vdev *d;
  struct spy s;
  char *text;

  spy_open (&s, SPY_ALL_CAPS, 1, 4096, SPY_CAPACITY);
  s.d.info.trim_align = 8192;
  s.d.info.preferred = 16384;
  CHECK_EQ_INT (t->open (&s.d, &d), 0);
  CHECK_MSG (d->info.caps == (SPY_ALL_CAPS & ~t->caps_cleared),
             "%s: capabilities %#x", t->name, d->info.caps);
  CHECK_EQ_INT (d->info.align, 1);
  CHECK_EQ_INT (d->info.maximum, 4096);
  CHECK_EQ_INT (d->info.preferred, 16384);
  CHECK_EQ_INT (d->info.trim_align, 8192);
  text = vdev_text (d);
  CHECK (text != NULL && strncmp (text, t->name, strlen (t->name)) == 0);
  CHECK (strstr (text, "(spy:\\(a\\,b\\)") != NULL);
  free (text);
  vdev_unref (d);
  spy_free (&s);

  /* Over a read-only device they are read-only. */
  spy_open (&s, VDEV_RO, 1, 0, SPY_CAPACITY);
  CHECK_EQ_INT (t->open (&s.d, &d), 0);
  CHECK_EQ_INT (d->info.caps, VDEV_RO);
  CHECK_EQ_INT (vdev_write (d, "x", 1, 0, 0), -EROFS);
  vdev_unref (d);
  spy_free (&s);
}

TEST_MAIN
{
  size_t i;
  int op;

  /* kind and the operations, which are all pointers */
  CHECK_EQ_INT (sizeof (struct vdev_ops) / sizeof (void *), 1 + SPY_OPS);
  for (i = 0; i < BASE_ARRAY_SIZE (decorators); ++i) {
    check_facts (&decorators[i]);
    for (op = 0; op < SPY_OPS; ++op) {
      check_operation (&decorators[i], (enum spy_op) op);
      error_comes_back (&decorators[i], (enum spy_op) op);
    }
  }
}
