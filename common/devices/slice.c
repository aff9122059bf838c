/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The slice device: a window of another device.
 *
 * Everything is handed down with the offset added.  A slice cannot be
 * resized, since it does not know what lies behind it, and it does not know
 * how much of its child's space is its own.  A flush flushes the whole child.
 */

#include <config.h>

#include <stdlib.h>

#include "devices.h"

struct slice_device {
  struct vdev_pass p;
  uint64_t offset;              /* fixed */
};

static inline struct slice_device *
slice_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct slice_device, p.d);
}

static int
slice_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  return vdev_pass_read (d, buf, len, off + slice_of (d)->offset);
}

static int
slice_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
             uint32_t flags)
{
  return vdev_pass_write (d, buf, len, off + slice_of (d)->offset, flags);
}

static int
slice_trim (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  return vdev_pass_trim (d, len, off + slice_of (d)->offset, flags);
}

static int
slice_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  return vdev_pass_zero (d, len, off + slice_of (d)->offset, flags);
}

struct shift {
  uint64_t offset;
  vdev_extent_fn fn;
  void *opaque;
};

static int
shift_extent (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  const struct shift *s = opaque;

  return s->fn (s->opaque, offset - s->offset, length, type);
}

static int
slice_extents (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags,
               vdev_extent_fn fn, void *opaque)
{
  struct shift s = {
    .offset = slice_of (d)->offset, .fn = fn, .opaque = opaque,
  };

  return vdev_pass_extents (d, len, off + s.offset, flags, shift_extent, &s);
}

static int
slice_cache (struct vdev *d, uint64_t len, uint64_t off)
{
  return vdev_pass_cache (d, len, off + slice_of (d)->offset);
}

static void
slice_describe (struct vdev *d, FILE *fp)
{
  fprintf (fp, "slice(");
  vdev_describe_argument (slice_of (d)->p.child, fp);
  fprintf (fp, ",%llu,%llu)", (unsigned long long) slice_of (d)->offset,
           (unsigned long long) vdev_size (d));
}

static const struct vdev_ops slice_ops = {
  .kind = "slice",
  .read = slice_read,
  .write = slice_write,
  .flush = vdev_pass_flush,
  .trim = slice_trim,
  .zero = slice_zero,
  .extents = slice_extents,
  .cache = slice_cache,
  .start = vdev_pass_start,
  .kick = vdev_pass_kick,
  .describe = slice_describe,
  .close = vdev_pass_close,
};

int
devices_slice_open (struct vdev *child, uint64_t offset, uint64_t length,
                    struct vdev **ret)
{
  const uint64_t size = vdev_size (child), mask = child->info.align - 1;
  struct slice_device *s;
  int r;

  if (offset > size || length > size - offset)
    return base_fail (ERANGE, "slice: %llu bytes at %llu reach outside %s "
                      "(%llu bytes)", (unsigned long long) length,
                      (unsigned long long) offset, child->info.name,
                      (unsigned long long) size);
  if ((offset | length) & mask)
    return base_fail (EINVAL, "slice: offset and length must be multiples of "
                      "%u", child->info.align);
  s = base_calloc (1, sizeof *s);
  if (s == NULL)
    return base_fail (ENOMEM, "slice: out of memory");
  r = vdev_pass_init (&s->p, &slice_ops, child, VDEV_RESIZE, 0);
  if (r < 0) {
    free (s);
    return r;
  }
  s->offset = offset;
  memset (s->p.d.info.uuid, 0, sizeof s->p.d.info.uuid);
  vdev_set_size (&s->p.d, length ? length : size - offset);
  *ret = &s->p.d;
  return 0;
}
