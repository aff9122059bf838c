/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life of a device and the operations that move no data.
 *
 * The wrappers that do move data are in io.c and extents.c.  Together they
 * are the only callers of struct vdev_ops, so that every device may rely on
 * the checks made here and none has to repeat them.
 */

#include <config.h>

#include <stdlib.h>

#include "vdev.h"
#include "vdev-internal.h"

static int
check_facts (const struct vdev_ops *ops, const struct vdev_info *info,
             uint64_t size)
{
  const char *name = info->name ? info->name : ops->kind;
  const struct { uint32_t cap; bool there; } promises[] = {
    { VDEV_FLUSH, ops->flush != NULL },
    { VDEV_TRIM, ops->trim != NULL },
    { VDEV_ZERO, ops->zero != NULL },
    { VDEV_EXTENTS, ops->extents != NULL },
    { VDEV_RESIZE, ops->resize != NULL },
  };
  size_t i;

  if (!ops->read || !ops->close || (!(info->caps & VDEV_RO) && !ops->write))
    return base_fail (EINVAL, "%s: an operation is missing", name);
  for (i = 0; i < BASE_ARRAY_SIZE (promises); ++i) {
    if ((info->caps & promises[i].cap) && !promises[i].there)
      return base_fail (EINVAL, "%s: capability %#x without its operation",
                        name, promises[i].cap);
  }
  if (!base_is_power_of_2 (info->align) || info->align > 65536)
    return base_fail (EINVAL, "%s: alignment %u is not a power of two in "
                      "1..65536", name, info->align);
  if (info->maximum % info->align != 0)
    return base_fail (EINVAL, "%s: maximum request %u is not a multiple of "
                      "the alignment %u", name, info->maximum, info->align);
  if (size > INT64_MAX || size % info->align != 0)
    return base_fail (EINVAL, "%s: size %llu is too large or not a multiple "
                      "of the alignment %u", name,
                      (unsigned long long) size, info->align);
  return 0;
}

int
vdev_init (struct vdev *d, const struct vdev_ops *ops,
           const struct vdev_info *info, uint64_t size)
{
  struct base_range_lock *edges = NULL;
  int r;

  r = check_facts (ops, info, size);
  if (r < 0)
    return r;
  if (info->align > 1) {
    edges = base_malloc (sizeof *edges);
    if (edges == NULL)
      return base_fail (ENOMEM, "%s: out of memory", ops->kind);
    base_range_lock_init (edges);
  }

  d->ops = ops;
  d->info = *info;
  if (d->info.preferred == 0)
    d->info.preferred = BASE_MAX (info->align, 4096);
  if (d->info.trim_align == 0)
    d->info.trim_align = info->align;
  atomic_init (&d->size, size);
  atomic_init (&d->refs, 1);
  atomic_init (&d->sticky, 0);
  atomic_init (&d->kicked, false);
  d->edges = edges;
  return 0;
}

void
vdev_fini (struct vdev *d)
{
  if (d->edges) {
    base_range_lock_destroy (d->edges);
    free (d->edges);
  }
  free (d->info.name);
}

void
vdev_set_size (struct vdev *d, uint64_t size)
{
  atomic_store_explicit (&d->size, size, memory_order_release);
}

struct vdev *
vdev_ref (struct vdev *d)
{
  atomic_fetch_add_explicit (&d->refs, 1, memory_order_relaxed);
  return d;
}

void
vdev_unref (struct vdev *d)
{
  if (d == NULL)
    return;
  if (atomic_fetch_sub_explicit (&d->refs, 1, memory_order_acq_rel) == 1)
    d->ops->close (d);
}

void
vdev_cleanup_unref (struct vdev **dp)
{
  vdev_unref (*dp);
}

static const char *
name_of (const struct vdev *d)
{
  return d->info.name ? d->info.name : d->ops->kind;
}

int
vdev_shutdown_error (struct vdev *d)
{
  return base_fail (ESHUTDOWN, "%s: the device is closing", name_of (d));
}

int
vdev_refuse (struct vdev *d, const char *op, uint64_t len, uint64_t off)
{
  if (vdev_is_kicked (d))
    return vdev_shutdown_error (d);
  return base_fail (ERANGE, "%s: %s of %llu bytes at %llu reaches outside the "
                    "device (%llu bytes)", name_of (d), op,
                    (unsigned long long) len, (unsigned long long) off,
                    (unsigned long long) vdev_size (d));
}

int
vdev_flush (struct vdev *d)
{
  int r, none = 0;

  if (vdev_is_kicked (d))
    return vdev_shutdown_error (d);
  r = atomic_load_explicit (&d->sticky, memory_order_acquire);
  if (r < 0)
    return base_fail (-r, "%s: an earlier flush failed", name_of (d));
  if (!vdev_has (d, VDEV_FLUSH))
    return 0;
  r = d->ops->flush (d);
  /* What the failed flush covered may be lost, and nothing that is flushed
   * later brings it back: the kernel, for one, marks such pages clean.
   */
  if (r < 0)
    atomic_compare_exchange_strong (&d->sticky, &none, r);
  return r;
}

int
vdev_cache (struct vdev *d, uint64_t len, uint64_t off)
{
  uint64_t mask = d->info.align - 1;
  int r;

  r = vdev_admit (d, "cache", len, off);
  if (r < 0 || len == 0 || d->ops->cache == NULL)
    return r;
  len = ((off + len + mask) & ~mask) - (off & ~mask);
  return d->ops->cache (d, len, off & ~mask);
}

int
vdev_resize (struct vdev *d, uint64_t size)
{
  if (vdev_is_kicked (d))
    return vdev_shutdown_error (d);
  if (vdev_has (d, VDEV_RO))
    return base_fail (EROFS, "%s: the device is read-only", name_of (d));
  if (!vdev_has (d, VDEV_RESIZE))
    return base_fail (EOPNOTSUPP, "%s: this kind of device cannot be resized",
                      name_of (d));
  if (size > INT64_MAX || size % d->info.align != 0)
    return base_fail (EINVAL, "%s: size %llu is too large or not a multiple "
                      "of %u", name_of (d), (unsigned long long) size,
                      d->info.align);
  return d->ops->resize (d, size);
}

int
vdev_start (struct vdev *d)
{
  if (vdev_is_kicked (d))
    return vdev_shutdown_error (d);
  return d->ops->start ? d->ops->start (d) : 0;
}

void
vdev_kick (struct vdev *d)
{
  if (!atomic_exchange (&d->kicked, true) && d->ops->kick)
    d->ops->kick (d);
}

int
vdev_stat (struct vdev *d, struct vdev_stat *st)
{
  st->allocated = UINT64_MAX;
  if (vdev_is_kicked (d))
    return vdev_shutdown_error (d);
  return d->ops->stat ? d->ops->stat (d, st) : 0;
}

char *
vdev_text (struct vdev *d)
{
  char *text = NULL;
  size_t size;
  FILE *fp;
  bool bad;

  fp = open_memstream (&text, &size);
  if (fp == NULL)
    return NULL;
  if (d->ops->describe)
    d->ops->describe (d, fp);
  else
    fprintf (fp, "%s:%s", d->ops->kind, d->info.name ? d->info.name : "");
  bad = ferror (fp);
  /* A NUL in the text: memory ran out in vdev_describe_argument. */
  if (fclose (fp) == EOF || bad || strlen (text) != size) {
    free (text);
    return NULL;
  }
  return text;
}
