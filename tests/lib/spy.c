/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The spy device; spy.h is its manual.  It is no decorator over mem, so that
 * the tests of the wrappers stand on as little of what they test as possible.
 */

#include <config.h>

#include "spy.h"
#include "test.h"

static struct spy *
spy_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct spy, d);
}

static int
note (struct vdev *d, enum spy_op op, uint64_t len, uint64_t off,
      uint32_t flags)
{
  struct spy *s = spy_of (d);
  struct spy_call call = { .op = op, .off = off, .len = len, .flags = flags };

  CHECK (spy_call_vector_append (&s->calls, call) == 0);
  s->count[op]++;
  return s->error[op] ? base_fail (-s->error[op], "spy: as planned") : 0;
}

/* What the wrappers promise an operation on a range. */
static void
check_range (struct vdev *d, uint64_t len, uint64_t off)
{
  CHECK (len > 0);
  CHECK (len <= vdev_size (d) && off <= vdev_size (d) - len);
  CHECK (((len | off) & (d->info.align - 1)) == 0);
}

static int
spy_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  int r = note (d, SPY_READ, len, off, 0);

  check_range (d, len, off);
  CHECK (d->info.maximum == 0 || len <= d->info.maximum);
  if (r == 0)
    memcpy (buf, spy_of (d)->bytes + off, len);
  return r;
}

static int
spy_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
           uint32_t flags)
{
  int r = note (d, SPY_WRITE, len, off, flags);

  check_range (d, len, off);
  CHECK (d->info.maximum == 0 || len <= d->info.maximum);
  CHECK ((flags & ~(uint32_t) (VDEV_FUA | VDEV_IF_ABSENT)) == 0);
  CHECK (!(flags & VDEV_FUA) || vdev_has (d, VDEV_FUA_NATIVE));
  if (r == 0)
    memcpy (spy_of (d)->bytes + off, buf, len);
  return r;
}

static int
spy_flush (struct vdev *d)
{
  return note (d, SPY_FLUSH, 0, 0, 0);
}

static int
spy_trim (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  int r = note (d, SPY_TRIM, len, off, flags);

  check_range (d, len, off);
  CHECK ((flags & ~(uint32_t) VDEV_FUA) == 0);
  if (r == 0 && vdev_has (d, VDEV_TRIM_ZEROES))
    memset (spy_of (d)->bytes + off, 0, len);
  return r;
}

static int
spy_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  int r = note (d, SPY_ZERO, len, off, flags);

  check_range (d, len, off);
  CHECK (!(flags & VDEV_FUA) || vdev_has (d, VDEV_FUA_NATIVE));
  CHECK (!(flags & VDEV_MAY_TRIM) || !(flags & VDEV_ALLOCATE));
  if (r == 0)
    memset (spy_of (d)->bytes + off, 0, len);
  return r;
}

static int
spy_extents (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags,
             vdev_extent_fn fn, void *opaque)
{
  struct spy *s = spy_of (d);
  size_t i;
  int r = note (d, SPY_EXTENTS, len, off, flags);

  check_range (d, len, off);
  for (i = 0; r == 0 && s->extents[i].len > 0; ++i)
    r = fn (opaque, s->extents[i].off, s->extents[i].len,
            s->extents[i].type);
  return r;
}

static int
spy_cache (struct vdev *d, uint64_t len, uint64_t off)
{
  check_range (d, len, off);
  return note (d, SPY_CACHE, len, off, 0);
}

static int
spy_resize (struct vdev *d, uint64_t size)
{
  int r = note (d, SPY_RESIZE, size, 0, 0);

  CHECK (size <= SPY_CAPACITY);
  if (r == 0)
    vdev_set_size (d, size);
  return r;
}

static int
spy_start (struct vdev *d)
{
  return note (d, SPY_START, 0, 0, 0);
}

static void
spy_kick (struct vdev *d)
{
  note (d, SPY_KICK, 0, 0, 0);
}

static int
spy_stat (struct vdev *d, struct vdev_stat *st)
{
  st->allocated = 12345;
  return note (d, SPY_STAT, 0, 0, 0);
}

static void
spy_describe (struct vdev *d, FILE *fp)
{
  note (d, SPY_DESCRIBE, 0, 0, 0);
  fprintf (fp, "spy:(a,b)");
}

static void
spy_close (struct vdev *d)
{
  note (d, SPY_CLOSE, 0, 0, 0);
  vdev_fini (d);
}

static const struct vdev_ops spy_ops = {
  .kind = "spy",
  .read = spy_read,
  .write = spy_write,
  .flush = spy_flush,
  .trim = spy_trim,
  .zero = spy_zero,
  .extents = spy_extents,
  .cache = spy_cache,
  .resize = spy_resize,
  .start = spy_start,
  .kick = spy_kick,
  .stat = spy_stat,
  .describe = spy_describe,
  .close = spy_close,
};

void
spy_open (struct spy *s, uint32_t caps, uint32_t align, uint32_t maximum,
          uint64_t size)
{
  struct vdev_info info = {
    .name = base_strdup ("spy"), .align = align, .maximum = maximum,
    .caps = caps,
  };

  memset (s, 0, sizeof *s);
  CHECK (size <= SPY_CAPACITY && info.name != NULL);
  s->bytes = base_calloc (1, SPY_CAPACITY);
  CHECK (s->bytes != NULL);
  CHECK_EQ_INT (vdev_init (&s->d, &spy_ops, &info, size), 0);
}

void
spy_forget (struct spy *s)
{
  s->calls.len = 0;
  memset (s->count, 0, sizeof s->count);
}

void
spy_free (struct spy *s)
{
  spy_call_vector_reset (&s->calls);
  free (s->bytes);
}
