/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io: a volume as a device: reading, flushing, extents, and the handle.
 *
 * A read looks its blocks up, a leaf at a time, joins neighbours on disk into
 * one read straight into the caller's buffer, and verifies every block.  It
 * holds no lock over I/O; what protects it is its registration as a reader,
 * which keeps the places it looked up from being reused.
 *
 * Writing is in write.c, trim and zero in unmap.c.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "io-internal.h"

#define LOOKUP 256              /* entries looked up at once */

int
io_enter (struct handle *h)
{
  atomic_fetch_add (&h->v->inflight, 1);
  if (atomic_load (&h->shut)) {
    io_exit (h);
    return base_fail (ESHUTDOWN, "connection ended");
  }
  return 0;
}

void
io_exit (struct handle *h)
{
  struct volume *v = h->v;

  if (atomic_fetch_sub (&v->inflight, 1) == 1
      && atomic_load (&v->draining)) {
    LOCK_FOR_SCOPE (&v->pool->table_lock);
    base_cond_broadcast (&v->pool->drained);
  }
}

/* ---- reading ------------------------------------------------------------- */

static bool
block_ok (struct pool *p, const struct format_entry *e, const void *buf)
{
  return (base_crc32c (buf, p->block_size)
          ^ pool_mix (p, format_place (e), format_birth (e)))
    == le32toh (e->check);
}

/* BLOCK did not verify: perhaps it was replaced while it was being read and
 * by now stands elsewhere.
 */
static int
read_again (struct volume *v, uint64_t block, struct format_entry *e,
            void *buf)
{
  struct pool *p = v->pool;
  struct format_entry now;
  bool hole;
  int64_t n;
  int r;

  for (;;) {
    n = tree_lookup (v, block, 1, &now, 1, &hole);
    if (n < 0)
      return (int) n;
    if (hole || format_type (&now) != FORMAT_DATA) {
      memset (buf, 0, p->block_size);
      return 0;
    }
    if (format_entry_same (&now, e)) {
      const uint64_t first = block * p->block_size;

      event_checksum (p, v->label, format_place (e), "bytes %" PRIu64 "..%"
                      PRIu64, first, first + p->block_size - 1);
      return base_fail (EBADMSG, "%s: bytes %" PRIu64 "..%" PRIu64
                        ", block %" PRIu64 " of the pool: checksum error",
                        v->label, first, first + p->block_size - 1,
                        format_place (e));
    }
    *e = now;
    r = vdev_read (p->backing, buf, p->block_size,
                   format_place (e) * p->block_size);
    if (r < 0)
      return base_fail_in (r, "%s", v->label);
    if (block_ok (p, e, buf))
      return 0;
  }
}

int
io_read_block (struct volume *v, uint64_t block, struct format_entry *e,
               void *buf)
{
  struct pool *p = v->pool;
  int r;

  if (format_type (e) != FORMAT_DATA) {
    memset (buf, 0, p->block_size);
    return 0;
  }
  r = vdev_read (p->backing, buf, p->block_size,
                 format_place (e) * p->block_size);
  if (r < 0) {
    r = base_fail_in (r, "%s", v->label);
    event_backing (p, v->label, format_place (e));
    return r;
  }
  return block_ok (p, e, buf) ? 0 : read_again (v, block, e, buf);
}

/* N whole blocks from BLOCK, with entries E. */
static int
read_blocks (struct volume *v, uint64_t block, struct format_entry *e,
             uint64_t n, char *buf)
{
  struct pool *p = v->pool;
  const uint64_t bs = p->block_size;
  uint64_t i, j, k;
  int r;

  for (i = 0; i < n; i = j) {
    j = i + 1;
    if (format_type (&e[i]) != FORMAT_DATA) {
      memset (buf + i * bs, 0, bs);
      continue;
    }
    while (j < n && format_type (&e[j]) == FORMAT_DATA
           && format_place (&e[j]) == format_place (&e[i]) + (j - i))
      j++;
    r = vdev_read (p->backing, buf + i * bs, (j - i) * bs,
                   format_place (&e[i]) * bs);
    if (r < 0) {
      r = base_fail_in (r, "%s", v->label);
      event_backing (p, v->label, format_place (&e[i]));
      return r;
    }
    for (k = i; k < j; ++k)
      if (!block_ok (p, &e[k], buf + k * bs)) {
        r = read_again (v, block + k, &e[k], buf + k * bs);
        if (r < 0)
          return r;
      }
  }
  return 0;
}

/* Part of one block. */
static int
read_part (struct volume *v, uint64_t block, struct format_entry *e,
           char *buf, size_t len, size_t skip)
{
  CLEANUP_FREE char *bounce = NULL;
  int r;

  if (format_type (e) != FORMAT_DATA) {
    memset (buf, 0, len);
    return 0;
  }
  bounce = base_malloc (v->pool->block_size);
  if (bounce == NULL)
    return base_fail (ENOMEM, "out of memory");
  r = io_read_block (v, block, e, bounce);
  if (r == 0)
    memcpy (buf, bounce + skip, len);
  return r;
}

/* LEN bytes at OFF, all of whose blocks have entries in E (the first is of
 * OFF's block).
 */
static int
read_entries (struct volume *v, struct format_entry *e, char *buf, size_t len,
              uint64_t off)
{
  const uint64_t bs = v->pool->block_size;
  const uint64_t first = off / bs;
  uint64_t n;
  size_t part;
  int r;

  while (len > 0) {
    const uint64_t block = off / bs;

    if (off % bs == 0 && len >= bs) {
      n = len / bs;
      part = n * bs;
      r = read_blocks (v, block, e + (block - first), n, buf);
    }
    else {
      part = BASE_MIN (len, bs - off % bs);
      r = read_part (v, block, e + (block - first), buf, part, off % bs);
    }
    if (r < 0)
      return r;
    buf += part;
    off += part;
    len -= part;
  }
  return 0;
}

static int
read_range (struct volume *v, char *buf, size_t len, uint64_t off)
{
  const uint64_t bs = v->pool->block_size;
  struct format_entry e[LOOKUP];
  bool hole;
  int r = 0;

  while (len > 0 && r == 0) {
    const uint64_t block = off / bs;
    const uint64_t want = (off + len - 1) / bs - block + 1;
    size_t part;
    int64_t n;

    n = tree_lookup (v, block, want, e, LOOKUP, &hole);
    if (n < 0)
      return (int) n;
    part = BASE_MIN (len, (block + (uint64_t) n) * bs - off);
    if (hole)
      memset (buf, 0, part);
    else
      r = read_entries (v, e, buf, part, off);
    buf += part;
    off += part;
    len -= part;
  }
  return r;
}

static int
io_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  struct handle *h = (struct handle *) d;
  const uint64_t since = base_monotonic_ns ();
  struct pool *p = h->pool;
  struct reader reader;
  int r;

  r = io_enter (h);
  if (r < 0)
    return r;
  reader = reader_enter (p);
  r = read_range (h->v, buf, len, off);
  reader_exit (p, reader);
  stats_timed (h->v, POOL_LATENCY_READ, since, len, r);
  io_exit (h);
  return r;
}

/* ---- the rest ------------------------------------------------------------ */

static int
io_flush (struct vdev *d)
{
  struct handle *h = (struct handle *) d;
  const uint64_t since = base_monotonic_ns ();
  int r;

  r = io_enter (h);
  if (r < 0)
    return r;
  r = pool_poisoned (h->pool) < 0
    ? base_fail (EIO, "poisoned after an earlier error")
    : journal_to (h->pool, journal_target (h->pool));
  stats_timed (h->v, POOL_LATENCY_FLUSH, since, 0, r);
  io_exit (h);
  return r;
}

/* Report the N entries from BLOCK, joined. */
static int
report_entries (struct volume *v, const struct format_entry *e, uint64_t block,
                uint64_t n, vdev_extent_fn fn, void *opaque)
{
  const uint64_t bs = v->pool->block_size;
  uint64_t i, j;
  int r;

  for (i = 0; i < n; i = j) {
    const bool data = format_type (&e[i]) == FORMAT_DATA;

    for (j = i + 1; j < n && (format_type (&e[j]) == FORMAT_DATA) == data;
         ++j)
      ;
    r = fn (opaque, (block + i) * bs, (j - i) * bs,
            data ? VDEV_DATA : VDEV_HOLE | VDEV_ZEROES);
    if (r != 0)
      return r;
  }
  return 0;
}

static int
extents_range (struct volume *v, uint64_t len, uint64_t off,
               vdev_extent_fn fn, void *opaque)
{
  const uint64_t bs = v->pool->block_size;
  const uint64_t end = base_div_up (off + len, bs);
  struct format_entry e[LOOKUP];
  uint64_t block;
  bool hole;
  int64_t n;
  int r;

  for (block = off / bs; block < end; block += (uint64_t) n) {
    struct reader reader = reader_enter (v->pool);

    n = tree_lookup (v, block, end - block, e, LOOKUP, &hole);
    reader_exit (v->pool, reader);
    if (n < 0)
      return (int) n;
    if (hole)
      r = fn (opaque, block * bs, (uint64_t) n * bs, VDEV_HOLE | VDEV_ZEROES);
    else
      r = report_entries (v, e, block, (uint64_t) n, fn, opaque);
    if (r != 0)
      return r;
  }
  return 0;
}

static int
io_extents (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags,
            vdev_extent_fn fn, void *opaque)
{
  struct handle *h = (struct handle *) d;
  int r;

  (void) flags;
  r = io_enter (h);
  if (r < 0)
    return r;
  r = extents_range (h->v, len, off, fn, opaque);
  io_exit (h);
  return r;
}

static int
ignore_extent (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  (void) opaque;
  (void) offset;
  (void) length;
  (void) type;
  return 0;
}

/* Brings the map's nodes into the cache; the data is the page cache's. */
static int
io_cache (struct vdev *d, uint64_t len, uint64_t off)
{
  return io_extents (d, len, off, 0, ignore_extent, NULL);
}

static int
io_stat (struct vdev *d, struct vdev_stat *st)
{
  struct handle *h = (struct handle *) d;
  RDLOCK_FOR_SCOPE (&h->v->lock);

  st->allocated = h->v->mapped * h->pool->block_size;
  return 0;
}

static void
io_describe (struct vdev *d, FILE *fp)
{
  struct handle *h = (struct handle *) d;
  CLEANUP_FREE char *text = vdev_text (h->pool->backing);
  CLEANUP_FREE char *escaped = text ? vdev_escape (text) : NULL;

  fprintf (fp, "pool(%s,volume=%s)", escaped ? escaped : "?", h->v->label);
}

static void
io_kick (struct vdev *d)
{
  struct handle *h = (struct handle *) d;

  atomic_store (&h->shut, true);
  space_wake_all (h->pool);
}

static void
io_close (struct vdev *d)
{
  struct handle *h = (struct handle *) d;
  struct volume *v = h->v;
  struct handle **hp;

  base_mutex_lock (&h->pool->table_lock);
  for (hp = &v->first_handle; *hp != h; hp = &(*hp)->next)
    ;
  *hp = h->next;
  v->handles--;
  base_mutex_unlock (&h->pool->table_lock);
  volume_unref (v);
  free (h->client);
  vdev_fini (d);
  free (h);
}

static const struct vdev_ops io_ops = {
  .kind = "pool",
  .read = io_read,
  .write = io_write,
  .flush = io_flush,
  .trim = io_trim,
  .zero = io_zero,
  .extents = io_extents,
  .cache = io_cache,
  .kick = io_kick,
  .stat = io_stat,
  .describe = io_describe,
  .close = io_close,
};

/* The hidden handle of an import may be resized. */
static const struct vdev_ops io_import_ops = {
  .kind = "pool",
  .read = io_read,
  .write = io_write,
  .flush = io_flush,
  .trim = io_trim,
  .zero = io_zero,
  .extents = io_extents,
  .cache = io_cache,
  .resize = import_resize,
  .kick = io_kick,
  .stat = io_stat,
  .describe = io_describe,
  .close = io_close,
};

/* table_lock held. */
static int
open_with (struct pool *p, struct volume *v, bool readonly,
           const char *client, const struct vdev_ops *ops,
           struct handle **ret)
{
  struct handle *h;
  struct vdev_info info = {
    .align = 1,
    .preferred = p->block_size,
    .maximum = POOL_MAXIMUM,
    .trim_align = p->block_size,
    .caps = VDEV_FLUSH | VDEV_FUA_NATIVE | VDEV_TRIM | VDEV_TRIM_ZEROES
      | VDEV_ZERO | VDEV_FAST_ZERO | VDEV_EXTENTS | VDEV_MULTI_CONN,
  };
  int r;

  r = stats_attach_locked (v);
  if (r < 0)
    return r;
  h = base_calloc (1, sizeof *h);
  if (h == NULL)
    return base_fail (ENOMEM, "out of memory");
  if (ops->resize)
    info.caps |= VDEV_RESIZE;
  if (readonly || p->options.readonly || v->rec.kind == FORMAT_SNAPSHOT
      || (v->rec.flags & FORMAT_RECORD_READONLY))
    info.caps |= VDEV_RO;
  h->pool = p;
  h->v = v;
  info.name = base_strdup (v->label);
  h->client = base_strdup (client ? client : "local");
  if (info.name == NULL || h->client == NULL)
    r = base_fail (ENOMEM, "out of memory");
  else
    r = vdev_init (&h->d, ops, &info, le64toh (v->rec.size));
  if (r < 0) {
    free (info.name);
    free (h->client);
    free (h);
    return r;
  }
  volume_ref (v);
  h->next = v->first_handle;
  v->first_handle = h;
  v->handles++;
  *ret = h;
  return 0;
}

int
io_open (struct pool *p, struct volume *v, bool readonly, const char *client,
         struct handle **ret)
{
  return open_with (p, v, readonly, client, &io_ops, ret);
}

int
io_open_import (struct pool *p, struct volume *v, struct handle **ret)
{
  return open_with (p, v, false, "import", &io_import_ops, ret);
}

int
pool_volume_open (struct pool *p, const char *name, bool readonly,
                  const char *client, struct vdev **ret)
{
  struct volume *v;
  struct handle *h;
  int r;

  r = pool_check_name (name, 2);
  if (r < 0)
    return r;
  LOCK_FOR_SCOPE (&p->table_lock);
  v = volume_find_locked (p, name);
  if (v == NULL)
    return base_fail (ENOENT, "%s: no such %s", name,
                      strchr (name, '@') ? "snapshot" : "volume");
  r = io_open (p, v, readonly, client, &h);
  if (r == 0)
    *ret = &h->d;
  return r;
}

/* End all connections of V and wait until no request is inside. */
void
io_drain_locked (struct volume *v)
{
  struct pool *p = v->pool;
  struct handle *h;

  for (h = v->first_handle; h; h = h->next)
    vdev_kick (&h->d);
  atomic_store (&v->draining, true);
  while (atomic_load (&v->inflight) > 0)
    base_cond_wait (&p->drained, &p->table_lock);
  atomic_store (&v->draining, false);
}
