/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The volatile device: a disk with a cache that forgets.
 *
 * The operations work page by page or group by group on what is held
 * (volatile-hold.c).  A request is not atomic: two that overlap may mix by
 * pages, as the contract allows.
 */

#include <config.h>

#include <stdlib.h>

#include "devices-test.h"
#include "volatile-internal.h"

static inline struct volatile_device *
volatile_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct volatile_device, p.d);
}

/* A part of a request inside one page. */
struct piece {
  uint64_t number;              /* of the group */
  unsigned page;
  size_t from, len;             /* in the page */
};

static struct piece
first_piece (uint64_t len, uint64_t off)
{
  struct piece p;

  p.number = off / GROUP_SIZE;
  p.page = (unsigned) (off / PAGE_SIZE % GROUP_PAGES);
  p.from = off % PAGE_SIZE;
  p.len = (size_t) BASE_MIN (len, PAGE_SIZE - p.from);
  return p;
}

static uint8_t
sectors_of (size_t from, size_t len)
{
  const unsigned first = (unsigned) (from / SECTOR);
  const unsigned last = (unsigned) ((from + len - 1) / SECTOR);

  return (uint8_t) ((ALL_SECTORS << first) & (ALL_SECTORS >> (7 - last)));
}

static int
read_group (struct volatile_device *v, uint8_t *buf, size_t len, uint64_t off)
{
  const uint64_t number = off / GROUP_SIZE;
  struct shard *s = volatile_shard (v, number);
  struct group *g;
  struct piece p;
  int r;

  LOCK_FOR_SCOPE (&s->lock);
  r = vdev_read (v->p.child, buf, len, off);
  g = volatile_find_group (s, number);
  if (r < 0 || g == NULL || g->held == 0)
    return r;
  for (; len > 0; buf += p.len, off += p.len, len -= p.len) {
    p = first_piece (len, off);
    if (g->dirty[p.page] == 0)
      continue;
    if (g->page[p.page])
      memcpy (buf, g->page[p.page] + p.from, p.len);
    else
      memset (buf, 0, p.len);
  }
  return 0;
}

static int
volatile_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  uint8_t *p = buf;
  size_t n;
  int r;

  for (; len > 0; p += n, off += n, len -= n) {
    n = BASE_MIN (len, GROUP_SIZE - off % GROUP_SIZE);
    r = read_group (volatile_of (d), p, n, off);
    if (r < 0)
      return r;
  }
  return 0;
}

/* Make page I of G one with bytes.  It is about to be changed in the range
 * of P only.
 */
static int
fill_page (struct volatile_device *v, struct group *g, const struct piece *p)
{
  const uint64_t off = g->number * GROUP_SIZE +
    (uint64_t) p->page * PAGE_SIZE;
  const size_t end = volatile_page_bytes (v, off);
  uint8_t *bytes;
  int r;

  if (g->page[p->page])
    return 0;
  bytes = base_calloc (1, PAGE_SIZE);
  if (bytes == NULL)
    return base_fail (ENOMEM, "volatile: out of memory");
  /* A page of zeroes that the child has in part: zeroes on both sides. */
  if (g->dirty[p->page] == 0 && p->len < end) {
    r = vdev_read (v->p.child, bytes, end, off);
    if (r < 0) {
      free (bytes);
      return r;
    }
  }
  g->page[p->page] = bytes;
  return 0;
}

/* Hold one piece; BUF NULL means zeroes. */
static int
hold_piece (struct volatile_device *v, const uint8_t *buf, size_t len,
            uint64_t off)
{
  const struct piece p = first_piece (len, off);
  struct shard *s = volatile_shard (v, p.number);
  struct group *g = NULL;
  int r;

  LOCK_FOR_SCOPE (&s->lock);
  r = volatile_make_group (s, p.number, &g);
  if (r < 0)
    return r;
  if (buf == NULL && p.len == PAGE_SIZE) {
    free (g->page[p.page]);
    g->page[p.page] = NULL;
  }
  else {
    r = fill_page (v, g, &p);
    if (r < 0)
      return r;
    if (buf)
      memcpy (g->page[p.page] + p.from, buf, p.len);
    else
      memset (g->page[p.page] + p.from, 0, p.len);
  }
  volatile_set_dirty (v, g, p.page,
                      g->dirty[p.page] | sectors_of (p.from, p.len));
  return 0;
}

static int
hold (struct vdev *d, const uint8_t *buf, uint64_t len, uint64_t off)
{
  struct volatile_device *v = volatile_of (d);
  size_t n;
  int r;

  for (; len > 0; off += n, len -= n) {
    n = (size_t) BASE_MIN (len, PAGE_SIZE - off % PAGE_SIZE);
    r = hold_piece (v, buf, n, off);
    if (r < 0)
      return r;
    if (buf)
      buf += n;
  }
  return volatile_pass_early (v);
}

static int
volatile_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
                uint32_t flags BASE_UNUSED)
{
  return hold (d, buf, len, off);
}

static int
volatile_trim (struct vdev *d, uint64_t len, uint64_t off,
               uint32_t flags BASE_UNUSED)
{
  return hold (d, NULL, len, off);
}

/* Space has to be found now, and only the child can tell, so ALLOCATE passes
 * the zeroes down and forgets what was held there.
 */
static int
allocate (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  struct volatile_device *v = volatile_of (d);
  struct group *g;
  struct piece p;
  uint64_t n;
  int r;

  /* First and last page may have other bytes that are held. */
  r = hold (d, NULL, len, off);
  for (; r == 0 && len > 0; off += n, len -= n) {
    n = BASE_MIN (len, GROUP_SIZE - off % GROUP_SIZE);
    struct shard *s = volatile_shard (v, off / GROUP_SIZE);
    LOCK_FOR_SCOPE (&s->lock);

    r = vdev_zero (v->p.child, n, off, flags);
    if (r < 0)
      return r;
    g = volatile_find_group (s, off / GROUP_SIZE);
    for (uint64_t at = 0; g && at < n; at += p.len) {
      p = first_piece (n - at, off + at);
      if (p.len == PAGE_SIZE && g->page[p.page] == NULL)
        volatile_set_dirty (v, g, p.page, 0);
    }
  }
  return r;
}

static int
volatile_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  return flags & VDEV_ALLOCATE ? allocate (d, len, off, flags & ~VDEV_FAST)
    : hold (d, NULL, len, off);
}

static int
volatile_flush (struct vdev *d)
{
  int r = volatile_pass_all (volatile_of (d));

  return r < 0 ? r : vdev_pass_flush (d);
}

static int
compare_numbers (const void *va, const void *vb)
{
  const uint64_t *a = va, *b = vb;

  return *a < *b ? -1 : *a > *b;
}

/* One group: pages that are held, and between them what the child says. */
static int
group_extents (struct volatile_device *v, uint64_t len, uint64_t off,
               vdev_extent_fn fn, void *opaque)
{
  struct shard *s = volatile_shard (v, off / GROUP_SIZE);
  struct group *g;
  struct piece p;
  int r = 0;

  LOCK_FOR_SCOPE (&s->lock);
  g = volatile_find_group (s, off / GROUP_SIZE);
  for (; r == 0 && len > 0; off += p.len, len -= p.len) {
    p = first_piece (len, off);
    if (g == NULL || g->dirty[p.page] == 0)
      r = vdev_extents (v->p.child, p.len, off, 0, fn, opaque);
    else
      r = fn (opaque, off, p.len, g->page[p.page] ? VDEV_DATA
              : VDEV_HOLE | VDEV_ZEROES);
  }
  return r;
}

static int
volatile_extents (struct vdev *d, uint64_t len, uint64_t off,
                  uint32_t flags BASE_UNUSED, vdev_extent_fn fn, void *opaque)
{
  struct volatile_device *v = volatile_of (d);
  const uint64_t end = off + len;
  struct number_vector list = { 0 };
  uint64_t n, start;
  size_t i;
  int r;

  r = volatile_list_groups (v, &list);
  if (list.len > 1)
    qsort (list.ptr, list.len, sizeof list.ptr[0], compare_numbers);
  for (i = 0; r == 0 && off < end; off += n) {
    while (i < list.len && list.ptr[i] < off / GROUP_SIZE)
      ++i;
    start = i < list.len && list.ptr[i] < UINT64_MAX / GROUP_SIZE
      ? list.ptr[i] * GROUP_SIZE : end;
    if (start > off) {
      n = BASE_MIN (start, end) - off;
      r = vdev_extents (v->p.child, n, off, 0, fn, opaque);
    }
    else {
      n = BASE_MIN (end - off, GROUP_SIZE - off % GROUP_SIZE);
      r = group_extents (v, n, off, fn, opaque);
    }
  }
  number_vector_reset (&list);
  return r;
}

/* Nothing else is going on, and to pass something down early is allowed. */
static int
volatile_resize (struct vdev *d, uint64_t size)
{
  int r = volatile_pass_all (volatile_of (d));

  return r < 0 ? r : vdev_pass_resize (d, size);
}

static void
volatile_describe (struct vdev *d, FILE *fp)
{
  struct volatile_device *v = volatile_of (d);

  fprintf (fp, "volatile(");
  vdev_describe_argument (v->p.child, fp);
  fprintf (fp, ",seed=%llu,early=%u)", (unsigned long long) v->seed,
           v->early);
}

static void
volatile_close (struct vdev *d)
{
  struct volatile_device *v = volatile_of (d);
  size_t i, j, k;

  for (i = 0; i < SHARDS; ++i) {
    struct shard *s = &v->shard[i];

    for (j = 0; j < s->nslots; ++j) {
      for (k = 0; s->slot[j] && k < GROUP_PAGES; ++k)
        free (s->slot[j]->page[k]);
      free (s->slot[j]);
    }
    free (s->slot);
    base_mutex_destroy (&s->lock);
  }
  base_mutex_destroy (&v->rng_lock);
  vdev_pass_close (d);
}

static const struct vdev_ops volatile_ops = {
  .kind = "volatile",
  .read = volatile_read,
  .write = volatile_write,
  .flush = volatile_flush,
  .trim = volatile_trim,
  .zero = volatile_zero,
  .extents = volatile_extents,
  .cache = vdev_pass_cache,
  .resize = volatile_resize,
  .start = vdev_pass_start,
  .kick = vdev_pass_kick,
  .stat = vdev_pass_stat,
  .describe = volatile_describe,
  .close = volatile_close,
};

int
volatile_open (struct vdev *child, uint64_t seed, unsigned early,
               struct vdev **ret)
{
  struct volatile_device *v = base_calloc (1, sizeof *v);
  uint32_t set = VDEV_FLUSH | VDEV_TRIM | VDEV_TRIM_ZEROES | VDEV_ZERO |
    VDEV_FAST_ZERO | VDEV_MULTI_CONN;
  size_t i;
  int r;

  if (v == NULL)
    return base_fail (ENOMEM, "volatile: out of memory");
  if (vdev_has (child, VDEV_RO))
    set = 0;
  r = vdev_pass_init (&v->p, &volatile_ops, child,
                      VDEV_FUA_NATIVE | VDEV_ABSENT | VDEV_ORDERED, set);
  if (r < 0) {
    free (v);
    return r;
  }
  for (i = 0; i < SHARDS; ++i)
    base_mutex_init (&v->shard[i].lock);
  base_mutex_init (&v->rng_lock);
  base_rng_seed (&v->rng, seed);
  v->seed = seed;
  v->early = early;
  *ret = &v->p.d;
  return 0;
}

uint64_t
volatile_held (struct vdev *d)
{
  return SECTOR * atomic_load_explicit (&volatile_of (d)->held,
                                        memory_order_relaxed);
}
