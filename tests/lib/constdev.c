/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The device that keeps metadata and regenerates data; see constdev.h.
 *
 * One bit per block of the span, 1 = the block is the constant, whatever the
 * child holds there.  A bit is set or cleared before the request is answered
 * and by one atomic operation; two requests on one block at once are the
 * caller's race, as on any device.
 */

#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "constdev.h"

struct constdev {
  struct vdev_pass p;
  uint8_t block[CONSTDEV_BLOCK];        /* the constant */
  _Atomic uint64_t *bits;       /* mapped */
  uint64_t span;                /* bytes that the bits cover */
  _Atomic uint64_t writes, flushes, trims, written, constant, read;
};

static struct constdev *
constdev_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct constdev, p.d);
}

void
constdev_fill (void *buf)
{
  uint8_t *p = buf;
  size_t i;

  for (i = 0; i < CONSTDEV_BLOCK; ++i)
    p[i] = (uint8_t) (i * 37 + (i >> 8) * 11 + 1);
}

static bool
is_constant (struct constdev *c, uint64_t off)
{
  const uint64_t i = off / CONSTDEV_BLOCK;

  return atomic_load_explicit (&c->bits[i / 64], memory_order_relaxed)
    >> (i % 64) & 1;
}

static void
set_constant (struct constdev *c, uint64_t off, bool on)
{
  const uint64_t i = off / CONSTDEV_BLOCK, bit = UINT64_C (1) << (i % 64);

  if (is_constant (c, off) == on)
    return;
  if (on)
    atomic_fetch_or (&c->bits[i / 64], bit);
  else
    atomic_fetch_and (&c->bits[i / 64], ~bit);
}

/* Bytes from OFF that are all constant, or all not, at most LEN. */
static size_t
run_of_bits (struct constdev *c, size_t len, uint64_t off)
{
  const bool first = is_constant (c, off);
  size_t n = CONSTDEV_BLOCK;

  while (n < len && is_constant (c, off + n) == first)
    n += CONSTDEV_BLOCK;
  return n;
}

static int
constdev_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  struct constdev *c = constdev_of (d);
  uint8_t *p = buf;
  size_t n, i;
  int r = 0;

  atomic_fetch_add_explicit (&c->read, len, memory_order_relaxed);
  for (; len > 0 && r == 0; p += n, off += n, len -= n) {
    n = run_of_bits (c, len, off);
    if (is_constant (c, off))
      for (i = 0; i < n; i += CONSTDEV_BLOCK)
        memcpy (p + i, c->block, CONSTDEV_BLOCK);
    else
      r = vdev_read (c->p.child, p, n, off);
  }
  return r;
}

/* Bytes from P that are the constant, or that are something else, at most
 * LEN.
 */
static size_t
run_of_bytes (struct constdev *c, const uint8_t *p, size_t len, bool *constant)
{
  size_t n = CONSTDEV_BLOCK;

  *constant = memcmp (p, c->block, CONSTDEV_BLOCK) == 0;
  while (n < len
         && (memcmp (p + n, c->block, CONSTDEV_BLOCK) == 0) == *constant)
    n += CONSTDEV_BLOCK;
  return n;
}

static void
mark_range (struct constdev *c, uint64_t len, uint64_t off, bool on)
{
  const uint64_t end = off + len;

  for (; off < end; off += CONSTDEV_BLOCK)
    set_constant (c, off, on);
}

static int
constdev_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
                uint32_t flags)
{
  struct constdev *c = constdev_of (d);
  const uint8_t *p = buf;
  bool constant;
  size_t n;
  int r = 0;

  atomic_fetch_add_explicit (&c->writes, 1, memory_order_relaxed);
  atomic_fetch_add_explicit (&c->written, len, memory_order_relaxed);
  for (; len > 0 && r == 0; p += n, off += n, len -= n) {
    n = run_of_bytes (c, p, len, &constant);
    if (constant)
      atomic_fetch_add_explicit (&c->constant, n, memory_order_relaxed);
    else
      r = vdev_write (c->p.child, p, n, off, flags);
    if (r == 0)
      mark_range (c, n, off, constant);
  }
  return r;
}

static int
constdev_flush (struct vdev *d)
{
  struct constdev *c = constdev_of (d);

  atomic_fetch_add_explicit (&c->flushes, 1, memory_order_relaxed);
  return vdev_pass_flush (d);
}

/* Nothing is ever really allocated: what is trimmed reads as zero. */
static int
constdev_trim (struct vdev *d, uint64_t len, uint64_t off,
               uint32_t flags BASE_UNUSED)
{
  struct constdev *c = constdev_of (d);
  int r;

  atomic_fetch_add_explicit (&c->trims, 1, memory_order_relaxed);
  r = vdev_zero (c->p.child, len, off, VDEV_MAY_TRIM);
  if (r == 0)
    mark_range (c, len, off, false);
  return r;
}

static int
constdev_resize (struct vdev *d, uint64_t size)
{
  struct constdev *c = constdev_of (d);
  const uint64_t old = vdev_size (d);

  if (size > c->span)
    return base_fail (ENOSPC, "constdev: the bits cover %llu bytes",
                      (unsigned long long) c->span);
  if (size < old)
    mark_range (c, old - size, size, false);
  return vdev_pass_resize (d, size);
}

static void
constdev_close (struct vdev *d)
{
  struct constdev *c = constdev_of (d);

  munmap ((void *) c->bits, c->span / CONSTDEV_BLOCK / 8);
  vdev_pass_close (d);
}

static const struct vdev_ops constdev_ops = {
  .kind = "constdev",
  .read = constdev_read,
  .write = constdev_write,
  .flush = constdev_flush,
  .trim = constdev_trim,
  .zero = constdev_trim,
  .cache = vdev_pass_cache,
  .resize = constdev_resize,
  .start = vdev_pass_start,
  .kick = vdev_pass_kick,
  .stat = vdev_pass_stat,
  .describe = vdev_pass_describe,
  .close = constdev_close,
};

static int
map_bits (struct constdev *c, const char *path)
{
  const size_t size = c->span / CONSTDEV_BLOCK / 8;
  CLEANUP_FD int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  void *map;

  if (fd < 0 || ftruncate (fd, (off_t) size) < 0)
    return base_fail_errno (errno, "constdev: %s", path);
  map = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    return base_fail_errno (errno, "constdev: %s", path);
  c->bits = map;
  return 0;
}

/* Facts of the child, but in whole blocks, and nothing told of extents. */
static int
init_device (struct constdev *c, struct vdev *child)
{
  struct vdev_info info = child->info;
  int r;

  info.align = CONSTDEV_BLOCK;
  info.caps &= VDEV_RO | VDEV_FLUSH | VDEV_RESIZE | VDEV_MULTI_CONN;
  info.caps |= VDEV_TRIM | VDEV_TRIM_ZEROES | VDEV_ZERO | VDEV_FAST_ZERO;
  info.name = base_asprintf ("constdev(%s)", child->info.name);
  if (info.name == NULL)
    return base_fail (ENOMEM, "constdev: out of memory");
  r = vdev_init (&c->p.d, &constdev_ops, &info, vdev_size (child));
  if (r < 0)
    free (info.name);
  else
    c->p.child = child;
  return r;
}

int
constdev_open (struct vdev *child, const char *bits, uint64_t span,
               struct vdev **ret)
{
  struct constdev *c = base_calloc (1, sizeof *c);
  int r;

  if (c == NULL)
    return base_fail (ENOMEM, "constdev: out of memory");
  constdev_fill (c->block);
  /* Whole words of bits. */
  c->span = base_div_up (span, CONSTDEV_BLOCK * 64) * CONSTDEV_BLOCK * 64;
  if (vdev_size (child) > c->span)
    r = base_fail (EINVAL, "constdev: the bits cover %llu bytes",
                   (unsigned long long) c->span);
  else
    r = map_bits (c, bits);
  if (r < 0) {
    free (c);
    return r;
  }
  r = init_device (c, child);
  if (r < 0) {
    munmap ((void *) c->bits, c->span / CONSTDEV_BLOCK / 8);
    free (c);
    return r;
  }
  *ret = &c->p.d;
  return 0;
}

void
constdev_counts (struct vdev *d, struct constdev_counts *counts)
{
  struct constdev *c = constdev_of (d);

  counts->writes = atomic_load (&c->writes);
  counts->flushes = atomic_load (&c->flushes);
  counts->trims = atomic_load (&c->trims);
  counts->written = atomic_load (&c->written);
  counts->constant = atomic_load (&c->constant);
  counts->read = atomic_load (&c->read);
}
