/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The memory device: sparse, up to 2^63 - 1 bytes, for tests and scratch.
 *
 *   directory   sorted array of the chunks that have ever been written to
 *   chunk       4 MiB: pointers to 1024 pages, NULL where a hole is
 *   page        4 KiB
 *
 * A sorted array and not a hash, because extents, trim and zero over an
 * exabyte must skip what is not there.  Chunks stay until the device is
 * resized or closed, so a chunk that was found may be used without the
 * directory's lock.  Pages come and go; they and their bytes are guarded by
 * one of 64 locks, chosen by the number of the 64 KiB they are in.
 */

#include <config.h>

#include <stdlib.h>

#include "devices.h"

#define PAGE_SIZE 4096u
#define CHUNK_PAGES 1024u
#define CHUNK_SIZE ((uint64_t) PAGE_SIZE * CHUNK_PAGES)
#define STRIPE_SIZE 65536u      /* bytes under one lock at a time */
#define STRIPES 64u

struct chunk {
  uint64_t number;
  uint8_t *page[CHUNK_PAGES];   /* lock: the stripe */
};

BASE_VECTOR (chunk_vector, struct chunk *);

struct mem_device {
  struct vdev d;
  struct base_rwlock lock;      /* before stripe */
  struct chunk_vector chunks;   /* ascending; lock: lock */
  struct base_rwlock stripe[STRIPES];
  _Atomic uint64_t pages;       /* allocated */
};

static inline struct mem_device *
mem_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct mem_device, d);
}

static inline struct base_rwlock *
stripe_of (struct mem_device *m, uint64_t off)
{
  return &m->stripe[off / STRIPE_SIZE % STRIPES];
}

/* Bytes from OFF to the end of its stripe, page or chunk, at most LEN. */
static inline uint64_t
rest_of (uint64_t unit, uint64_t len, uint64_t off)
{
  return BASE_MIN (len, unit - off % unit);
}

/* Index of the first chunk whose number is at least NUMBER. */
static size_t
lower_bound (const struct mem_device *m, uint64_t number)
{
  size_t lo = 0, hi = m->chunks.len, mid;

  while (lo < hi) {
    mid = lo + (hi - lo) / 2;
    if (m->chunks.ptr[mid]->number < number)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* The first chunk from NUMBER on, or NULL. */
static struct chunk *
next_chunk (struct mem_device *m, uint64_t number)
{
  RDLOCK_FOR_SCOPE (&m->lock);
  const size_t i = lower_bound (m, number);

  return i < m->chunks.len ? m->chunks.ptr[i] : NULL;
}

static struct chunk *
find_chunk (struct mem_device *m, uint64_t number)
{
  struct chunk *c = next_chunk (m, number);

  return c && c->number == number ? c : NULL;
}

static int
make_chunk (struct mem_device *m, uint64_t number, struct chunk **ret)
{
  struct chunk *c;
  size_t i;

  *ret = find_chunk (m, number);
  if (*ret)
    return 0;

  WRLOCK_FOR_SCOPE (&m->lock);
  i = lower_bound (m, number);
  if (i < m->chunks.len && m->chunks.ptr[i]->number == number) {
    *ret = m->chunks.ptr[i];
    return 0;
  }
  c = base_calloc (1, sizeof *c);
  if (c == NULL || chunk_vector_reserve (&m->chunks, 1) < 0) {
    free (c);
    return base_fail (ENOMEM, "mem: out of memory");
  }
  c->number = number;
  memmove (&m->chunks.ptr[i + 1], &m->chunks.ptr[i],
           (m->chunks.len - i) * sizeof m->chunks.ptr[0]);
  m->chunks.ptr[i] = c;
  m->chunks.len++;
  *ret = c;
  return 0;
}

static int
mem_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  struct mem_device *m = mem_of (d);
  uint8_t *p = buf, *page;
  struct chunk *c;
  size_t n, n2;

  for (; len > 0; len -= n) {
    n = rest_of (STRIPE_SIZE, len, off);
    c = find_chunk (m, off / CHUNK_SIZE);
    if (c == NULL) {
      n = rest_of (CHUNK_SIZE, len, off);
      memset (p, 0, n);
      p += n;
      off += n;
      continue;
    }
    RDLOCK_FOR_SCOPE (stripe_of (m, off));
    for (n2 = n; n2 > 0; ) {
      const size_t piece = rest_of (PAGE_SIZE, n2, off);

      page = c->page[off / PAGE_SIZE % CHUNK_PAGES];
      if (page)
        memcpy (p, page + off % PAGE_SIZE, piece);
      else
        memset (p, 0, piece);
      p += piece;
      off += piece;
      n2 -= piece;
    }
  }
  return 0;
}

/* Copy N bytes inside one stripe. */
static int
write_stripe (struct mem_device *m, struct chunk *c, const uint8_t *p,
              size_t n, uint64_t off)
{
  uint8_t **page;
  size_t piece;

  WRLOCK_FOR_SCOPE (stripe_of (m, off));
  for (; n > 0; p += piece, off += piece, n -= piece) {
    piece = rest_of (PAGE_SIZE, n, off);
    page = &c->page[off / PAGE_SIZE % CHUNK_PAGES];
    if (*page == NULL) {
      *page = base_calloc (1, PAGE_SIZE);
      if (*page == NULL)
        return base_fail (ENOMEM, "mem: out of memory");
      atomic_fetch_add_explicit (&m->pages, 1, memory_order_relaxed);
    }
    memcpy (*page + off % PAGE_SIZE, p, piece);
  }
  return 0;
}

static int
mem_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
           uint32_t flags BASE_UNUSED)
{
  struct mem_device *m = mem_of (d);
  const uint8_t *p = buf;
  struct chunk *c;
  size_t n;
  int r;

  for (; len > 0; p += n, off += n, len -= n) {
    n = rest_of (STRIPE_SIZE, len, off);
    r = make_chunk (m, off / CHUNK_SIZE, &c);
    if (r == 0)
      r = write_stripe (m, c, p, n, off);
    if (r < 0)
      return r;
  }
  return 0;
}

/* Give back pages inside one stripe; zero parts of pages.  Of a page that
 * the device ends in, all there is counts as the whole.
 */
static void
zero_stripe (struct mem_device *m, struct chunk *c, size_t n, uint64_t off)
{
  const uint64_t size = vdev_size (&m->d);
  uint8_t **page;
  size_t piece;

  WRLOCK_FOR_SCOPE (stripe_of (m, off));
  for (; n > 0; off += piece, n -= piece) {
    piece = rest_of (PAGE_SIZE, n, off);
    page = &c->page[off / PAGE_SIZE % CHUNK_PAGES];
    if (*page == NULL)
      continue;
    if (piece < PAGE_SIZE && (off % PAGE_SIZE != 0 || off + piece != size)) {
      memset (*page + off % PAGE_SIZE, 0, piece);
      continue;
    }
    free (*page);
    *page = NULL;
    atomic_fetch_sub_explicit (&m->pages, 1, memory_order_relaxed);
  }
}

/* Memory is "really backed" as far as it can be: ALLOCATE keeps nothing
 * back, as a write could still meet ENOMEM.
 */
static int
mem_zero (struct vdev *d, uint64_t len, uint64_t off,
          uint32_t flags BASE_UNUSED)
{
  struct mem_device *m = mem_of (d);
  const uint64_t end = off + len;
  struct chunk *c;
  uint64_t n;

  while (off < end) {
    c = next_chunk (m, off / CHUNK_SIZE);
    if (c == NULL || c->number > (end - 1) / CHUNK_SIZE)
      break;
    off = BASE_MAX (off, c->number * CHUNK_SIZE);
    for (; off < end && off / CHUNK_SIZE == c->number; off += n) {
      n = rest_of (STRIPE_SIZE, end - off, off);
      zero_stripe (m, c, n, off);
    }
  }
  return 0;
}

static int
mem_trim (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  return mem_zero (d, len, off, flags);
}

static int
mem_extents (struct vdev *d, uint64_t len, uint64_t off,
             uint32_t flags BASE_UNUSED, vdev_extent_fn fn, void *opaque)
{
  struct mem_device *m = mem_of (d);
  const uint64_t end = off + len;
  struct chunk *c;
  uint64_t n;
  bool data;
  int r = 0;

  for (; r == 0 && off < end; off += n) {
    c = next_chunk (m, off / CHUNK_SIZE);
    data = false;
    if (c == NULL)
      n = end - off;
    else if (off < c->number * CHUNK_SIZE)
      n = BASE_MIN (end, c->number * CHUNK_SIZE) - off;
    else {
      RDLOCK_FOR_SCOPE (stripe_of (m, off));
      n = rest_of (PAGE_SIZE, end - off, off);
      data = c->page[off / PAGE_SIZE % CHUNK_PAGES] != NULL;
    }
    r = fn (opaque, off, n, data ? VDEV_DATA : VDEV_HOLE | VDEV_ZEROES);
  }
  return r;
}

static void
free_chunk (struct mem_device *m, struct chunk *c)
{
  size_t i;

  for (i = 0; i < CHUNK_PAGES; ++i) {
    if (c->page[i])
      atomic_fetch_sub_explicit (&m->pages, 1, memory_order_relaxed);
    free (c->page[i]);
  }
  free (c);
}

static int
mem_resize (struct vdev *d, uint64_t size)
{
  struct mem_device *m = mem_of (d);
  const uint64_t old = vdev_size (d);
  size_t first, i;

  if (size < old) {
    mem_zero (d, old - size, size, 0);
    WRLOCK_FOR_SCOPE (&m->lock);
    first = lower_bound (m, base_div_up (size, CHUNK_SIZE));
    for (i = first; i < m->chunks.len; ++i)
      free_chunk (m, m->chunks.ptr[i]);
    m->chunks.len = first;
  }
  vdev_set_size (d, size);
  return 0;
}

static int
mem_stat (struct vdev *d, struct vdev_stat *st)
{
  st->allocated = PAGE_SIZE *
    atomic_load_explicit (&mem_of (d)->pages, memory_order_relaxed);
  return 0;
}

static void
mem_describe (struct vdev *d, FILE *fp)
{
  fprintf (fp, "mem:%llu", (unsigned long long) vdev_size (d));
}

static void
mem_close (struct vdev *d)
{
  struct mem_device *m = mem_of (d);
  size_t i;

  for (i = 0; i < m->chunks.len; ++i)
    free_chunk (m, m->chunks.ptr[i]);
  chunk_vector_reset (&m->chunks);
  for (i = 0; i < STRIPES; ++i)
    base_rwlock_destroy (&m->stripe[i]);
  base_rwlock_destroy (&m->lock);
  vdev_fini (d);
  free (m);
}

static const struct vdev_ops mem_ops = {
  .kind = "mem",
  .read = mem_read,
  .write = mem_write,
  .trim = mem_trim,
  .zero = mem_zero,
  .extents = mem_extents,
  .resize = mem_resize,
  .stat = mem_stat,
  .describe = mem_describe,
  .close = mem_close,
};

int
devices_mem_open (uint64_t size, struct vdev **ret)
{
  struct mem_device *m = base_calloc (1, sizeof *m);
  struct vdev_info info = {
    .name = base_strdup ("mem"),
    .align = 1,
    .preferred = PAGE_SIZE,
    .trim_align = PAGE_SIZE,
    .caps = VDEV_TRIM | VDEV_TRIM_ZEROES | VDEV_ZERO | VDEV_FAST_ZERO |
            VDEV_EXTENTS | VDEV_RESIZE | VDEV_MULTI_CONN,
  };
  size_t i;
  int r;

  if (m == NULL || info.name == NULL)
    r = base_fail (ENOMEM, "mem: out of memory");
  else
    r = vdev_init (&m->d, &mem_ops, &info, size);
  if (r < 0) {
    free (info.name);
    free (m);
    return r;
  }
  base_rwlock_init (&m->lock);
  for (i = 0; i < STRIPES; ++i)
    base_rwlock_init (&m->stripe[i]);
  *ret = &m->d;
  return 0;
}
