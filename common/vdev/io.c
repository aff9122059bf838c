/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The wrappers that move data: read, write, trim, zero.
 *
 * Each checks flags, range and capabilities, then takes one of two ways.  A
 * device of alignment 1, and any aligned read, goes straight to the device:
 * no lock, no allocation, one call unless the request is longer than the
 * device's maximum.  On a device of larger alignment a write, trim or zero
 * is cut into a head and a tail inside one block each, and an aligned
 * middle.  A head or tail is merged: read the block, change it, write it,
 * under the device's range lock held exclusively on that block; the middle
 * holds the lock shared.  So a merge cannot undo a neighbour's write, and
 * aligned writers do not wait for each other.
 *
 * The three parts take the lock one after another, never two at once.
 */

#include <config.h>

#include <stdlib.h>

#include "vdev.h"
#include "vdev-internal.h"

#define DEFAULT_MAXIMUM (32U << 20)
#define LARGEST_ALIGN 65536

/* What is written where a device cannot zero. */
static const uint8_t zeroes[LARGEST_ALIGN]
__attribute__ ((__aligned__ (4096)));

static const char *
name_of (const struct vdev *d)
{
  return d->info.name ? d->info.name : d->ops->kind;
}

static inline uint32_t
maximum_of (const struct vdev *d)
{
  return d->info.maximum ? d->info.maximum : DEFAULT_MAXIMUM;
}

static inline bool
is_aligned (const struct vdev *d, uint64_t len, uint64_t off)
{
  return ((len | off) & (d->info.align - 1)) == 0;
}

/* ---- aligned ranges, in pieces of at most the maximum --------------- */

static int
read_aligned (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  const size_t maximum = maximum_of (d);
  uint8_t *p = buf;
  int r;

  while (len > maximum) {
    r = d->ops->read (d, p, maximum, off);
    if (r < 0)
      return r;
    p += maximum;
    off += maximum;
    len -= maximum;
    if (vdev_is_kicked (d))
      return vdev_shutdown_error (d);
  }
  return d->ops->read (d, p, len, off);
}

static int
write_aligned (struct vdev *d, const void *buf, size_t len, uint64_t off,
               uint32_t flags)
{
  const size_t maximum = maximum_of (d);
  const uint8_t *p = buf;
  int r;

  while (len > maximum) {
    r = d->ops->write (d, p, maximum, off, flags);
    if (r < 0)
      return r;
    p += maximum;
    off += maximum;
    len -= maximum;
    if (vdev_is_kicked (d))
      return vdev_shutdown_error (d);
  }
  return d->ops->write (d, p, len, off, flags);
}

static int
write_zeroes (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  size_t n;
  int r;

  for (; len > 0; len -= n, off += n) {
    if (vdev_is_kicked (d))
      return vdev_shutdown_error (d);
    n = BASE_MIN (len, sizeof zeroes);
    r = write_aligned (d, zeroes, n, off, flags & VDEV_FUA);
    if (r < 0)
      return r;
  }
  return 0;
}

static int
zero_aligned (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  int r;

  if (vdev_has (d, VDEV_ZERO)) {
    r = d->ops->zero (d, len, off, flags);
    if (r != -EOPNOTSUPP || (flags & VDEV_FAST))
      return r;
  }
  return write_zeroes (d, len, off, flags);
}

/* ---- unaligned ranges ----------------------------------------------- */

/* [off, off + len) as a part of one block, whole blocks, a part of one
 * block; each may be empty.
 */
struct cut {
  size_t head;
  uint64_t middle;
  size_t tail;
};

static struct cut
cut_range (const struct vdev *d, uint64_t len, uint64_t off)
{
  const uint64_t mask = d->info.align - 1;
  struct cut c;

  c.head = (size_t) BASE_MIN (-off & mask, len);
  c.tail = (size_t) ((len - c.head) & mask);
  c.middle = len - c.head - c.tail;
  return c;
}

static void *
new_block (const struct vdev *d)
{
  void *block = base_memalign (d->info.align, d->info.align);

  if (block == NULL)
    base_fail (ENOMEM, "%s: out of memory", name_of (d));
  return block;
}

/* Read N bytes that lie inside one block, by way of BLOCK. */
static int
read_edge (struct vdev *d, uint8_t *block, void *buf, size_t n, uint64_t off)
{
  const uint64_t in = off & (d->info.align - 1);
  int r;

  if (n == 0)
    return 0;
  r = d->ops->read (d, block, d->info.align, off - in);
  if (r < 0)
    return r;
  memcpy (buf, block + in, n);
  return 0;
}

static int
read_unaligned (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  const struct cut c = cut_range (d, len, off);
  CLEANUP_FREE uint8_t *block = new_block (d);
  uint8_t *p = buf;
  int r;

  if (block == NULL)
    return -ENOMEM;
  r = read_edge (d, block, p, c.head, off);
  if (r == 0 && c.middle > 0)
    r = read_aligned (d, p + c.head, c.middle, off + c.head);
  if (r == 0)
    r = read_edge (d, block, p + (len - c.tail), c.tail, off + len - c.tail);
  return r;
}

/* Merge the N bytes at SRC (NULL: zeroes) into one block. */
static int
merge_edge (struct vdev *d, uint8_t *block, const void *src, size_t n,
            uint64_t off, uint32_t flags)
{
  const uint32_t align = d->info.align;
  const uint64_t in = off & (align - 1);
  struct base_range lock;
  int r;

  if (n == 0)
    return 0;
  base_range_lock_acquire (d->edges, &lock, off - in, align, true);
  r = d->ops->read (d, block, align, off - in);
  if (r == 0) {
    if (src)
      memcpy (block + in, src, n);
    else
      memset (block + in, 0, n);
    r = d->ops->write (d, block, align, off - in, flags & VDEV_FUA);
  }
  base_range_lock_release (d->edges, &lock);
  return r;
}

/* Merge head and tail of [OFF, OFF + LEN) from SRC, or zeroes if NULL. */
static int
merge_edges (struct vdev *d, const uint8_t *src, uint64_t len, uint64_t off,
             uint32_t flags)
{
  const struct cut c = cut_range (d, len, off);
  CLEANUP_FREE uint8_t *block = NULL;
  int r;

  if (c.head == 0 && c.tail == 0)
    return 0;
  block = new_block (d);
  if (block == NULL)
    return -ENOMEM;
  r = merge_edge (d, block, src, c.head, off, flags);
  if (r == 0)
    r = merge_edge (d, block, src ? src + (len - c.tail) : NULL, c.tail,
                    off + len - c.tail, flags);
  return r;
}

static int
write_merged (struct vdev *d, const uint8_t *buf, size_t len, uint64_t off,
              uint32_t flags)
{
  const struct cut c = cut_range (d, len, off);
  struct base_range lock;
  int r = 0;

  if (c.middle > 0) {
    base_range_lock_acquire (d->edges, &lock, off + c.head, c.middle, false);
    r = write_aligned (d, buf + c.head, c.middle, off + c.head, flags);
    base_range_lock_release (d->edges, &lock);
  }
  if (r == 0)
    r = merge_edges (d, buf, len, off, flags);
  return r;
}

/* The middle comes first: with FAST it may refuse, and then nothing has
 * changed.
 */
static int
zero_merged (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct cut c = cut_range (d, len, off);
  struct base_range lock;
  int r = 0;

  if (c.middle > 0) {
    base_range_lock_acquire (d->edges, &lock, off + c.head, c.middle, false);
    r = zero_aligned (d, c.middle, off + c.head, flags);
    base_range_lock_release (d->edges, &lock);
  }
  if (r == 0)
    r = merge_edges (d, NULL, len, off, flags);
  return r;
}

static int
trim_merged (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct cut c = cut_range (d, len, off);
  struct base_range lock;
  int r = 0;

  if (c.middle > 0) {
    base_range_lock_acquire (d->edges, &lock, off + c.head, c.middle, false);
    r = d->ops->trim (d, c.middle, off + c.head, flags);
    base_range_lock_release (d->edges, &lock);
  }
  if (r == 0 && vdev_has (d, VDEV_TRIM_ZEROES))
    r = merge_edges (d, NULL, len, off, flags);
  return r;
}

/* ---- the wrappers --------------------------------------------------- */

/* Checks of the three that change data.  1: there is nothing to do. */
static inline int
admit_change (struct vdev *d, const char *op, uint64_t len, uint64_t off,
              uint32_t flags, uint32_t allowed)
{
  int r;

  if (flags & ~allowed)
    return base_fail (EINVAL, "%s: %s: flags %#x", name_of (d), op,
                      flags & ~allowed);
  r = vdev_admit (d, op, len, off);
  if (r < 0)
    return r;
  if (len == 0)
    return 1;
  if (vdev_has (d, VDEV_RO))
    return base_fail (EROFS, "%s: the device is read-only", name_of (d));
  if (flags & VDEV_FUA) {
    r = atomic_load_explicit (&d->sticky, memory_order_acquire);
    if (r < 0)
      return base_fail (-r, "%s: an earlier flush failed", name_of (d));
  }
  return 0;
}

/* The flags that the device sees. */
static inline uint32_t
native (const struct vdev *d, uint32_t flags)
{
  return vdev_has (d, VDEV_FUA_NATIVE) ? flags : flags & ~VDEV_FUA;
}

/* FUA where the device has none. */
static inline int
settle (struct vdev *d, uint32_t flags, int r)
{
  if (r == 0 && (flags & VDEV_FUA) && !vdev_has (d, VDEV_FUA_NATIVE))
    return vdev_flush (d);
  return r;
}

int
vdev_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  int r;

  r = vdev_admit (d, "read", len, off);
  if (r < 0 || len == 0)
    return r;
  if (is_aligned (d, len, off))
    return read_aligned (d, buf, len, off);
  return read_unaligned (d, buf, len, off);
}

int
vdev_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
            uint32_t flags)
{
  int r;

  r = admit_change (d, "write", len, off, flags, VDEV_FUA | VDEV_IF_ABSENT);
  if (r != 0)
    return r < 0 ? r : 0;
  if (flags & VDEV_IF_ABSENT) {
    if (!vdev_has (d, VDEV_ABSENT))
      return base_fail (EOPNOTSUPP, "%s: this device has no absent blocks",
                        name_of (d));
    if (!is_aligned (d, len, off))
      return base_fail (EINVAL, "%s: a write to absent blocks must be aligned "
                        "to %u", name_of (d), d->info.align);
  }
  if (d->edges == NULL)
    r = write_aligned (d, buf, len, off, native (d, flags));
  else
    r = write_merged (d, buf, len, off, native (d, flags));
  return settle (d, flags, r);
}

int
vdev_trim (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  int r;

  r = admit_change (d, "trim", len, off, flags, VDEV_FUA);
  if (r != 0)
    return r < 0 ? r : 0;
  if (!vdev_has (d, VDEV_TRIM))
    r = 0;
  else if (d->edges == NULL)
    r = d->ops->trim (d, len, off, native (d, flags));
  else
    r = trim_merged (d, len, off, native (d, flags));
  return settle (d, flags, r);
}

int
vdev_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  int r;

  r = admit_change (d, "zero", len, off, flags,
                    VDEV_FUA | VDEV_MAY_TRIM | VDEV_FAST | VDEV_ALLOCATE);
  if (r != 0)
    return r < 0 ? r : 0;
  if ((flags & VDEV_FAST) && !vdev_has (d, VDEV_ZERO))
    return base_fail (EOPNOTSUPP, "%s: this device has no fast zeroing",
                      name_of (d));
  if (flags & VDEV_ALLOCATE)
    flags &= ~VDEV_MAY_TRIM;
  if (d->edges == NULL)
    r = zero_aligned (d, len, off, native (d, flags));
  else
    r = zero_merged (d, len, off, native (d, flags));
  return settle (d, flags, r);
}
