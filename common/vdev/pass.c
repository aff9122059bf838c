/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operations of a decorator that it does not change.
 *
 * They go through the wrappers of the child, so that a decorator over a
 * device of another alignment or maximum needs to know nothing of it.
 */

#include <config.h>

#include <stdlib.h>

#include "vdev.h"

static struct vdev *
child_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct vdev_pass, d)->child;
}

int
vdev_pass_init (struct vdev_pass *p, const struct vdev_ops *ops,
                struct vdev *child, uint32_t clear, uint32_t set)
{
  struct vdev_info info = child->info;
  int r;

  info.caps = (info.caps & ~clear) | set;
  info.name = base_asprintf ("%s(%s)", ops->kind,
                             child->info.name ? child->info.name
                             : child->ops->kind);
  if (info.name == NULL)
    return base_fail (ENOMEM, "%s: out of memory", ops->kind);
  r = vdev_init (&p->d, ops, &info, vdev_size (child));
  if (r < 0) {
    free (info.name);
    return r;
  }
  p->child = child;
  return 0;
}

int
vdev_pass_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  return vdev_read (child_of (d), buf, len, off);
}

int
vdev_pass_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
                 uint32_t flags)
{
  return vdev_write (child_of (d), buf, len, off, flags);
}

int
vdev_pass_flush (struct vdev *d)
{
  return vdev_flush (child_of (d));
}

int
vdev_pass_trim (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  return vdev_trim (child_of (d), len, off, flags);
}

int
vdev_pass_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  return vdev_zero (child_of (d), len, off, flags);
}

int
vdev_pass_extents (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags,
                   vdev_extent_fn fn, void *opaque)
{
  return vdev_extents (child_of (d), len, off, flags, fn, opaque);
}

int
vdev_pass_cache (struct vdev *d, uint64_t len, uint64_t off)
{
  return vdev_cache (child_of (d), len, off);
}

int
vdev_pass_resize (struct vdev *d, uint64_t size)
{
  int r = vdev_resize (child_of (d), size);

  if (r == 0)
    vdev_set_size (d, vdev_size (child_of (d)));
  return r;
}

int
vdev_pass_start (struct vdev *d)
{
  return vdev_start (child_of (d));
}

void
vdev_pass_kick (struct vdev *d)
{
  vdev_kick (child_of (d));
}

int
vdev_pass_stat (struct vdev *d, struct vdev_stat *st)
{
  int r = vdev_stat (child_of (d), st);

  /* A block device below looks at its size again in stat. */
  if (r == 0)
    vdev_set_size (d, vdev_size (child_of (d)));
  return r;
}

void
vdev_pass_describe (struct vdev *d, FILE *fp)
{
  fprintf (fp, "%s(", d->ops->kind);
  vdev_describe_argument (child_of (d), fp);
  fputc (')', fp);
}

void
vdev_pass_close (struct vdev *d)
{
  struct vdev_pass *p = BASE_CONTAINER_OF (d, struct vdev_pass, d);

  vdev_unref (p->child);
  vdev_fini (d);
  free (p);
}
