/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The device that keeps metadata and regenerates data; see constdev.h.
 *
 * The map is one page of header and then one word per block of the span: the
 * block's slot in the store, counted from 1 (0 = it never had one), and what
 * the block is now: CONSTANT, STORED in its slot, or neither, which is zero.
 * A block keeps its slot whatever it becomes.  Words are changed by one
 * atomic operation before the request is answered; two requests on one block
 * at once are the caller's race, as on any device.
 */

#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "constdev.h"

#define BLOCK CONSTDEV_BLOCK
#define CONSTANT (UINT32_C (1) << 31)
#define STORED (UINT32_C (1) << 30)
#define SLOT (STORED - 1)
#define AHEAD (UINT64_C (64) << 20)     /* bytes allocated at once below */

struct header {
  _Atomic uint64_t size;        /* bytes, of the device */
  _Atomic uint64_t slots;       /* given out */
};

struct constdev {
  struct vdev d;
  struct vdev *store;           /* owned */
  uint8_t block[BLOCK];         /* the constant */
  struct header *header;        /* mapped */
  _Atomic uint32_t *word;       /* mapped, behind the header's page */
  uint64_t span;                /* bytes */
  struct base_mutex lock;       /* of the growth of the store */
  _Atomic uint64_t writes, flushes, trims, written, constant, read;
};

static struct constdev *
constdev_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct constdev, d);
}

void
constdev_fill (void *buf)
{
  uint8_t *p = buf;
  size_t i;

  for (i = 0; i < BLOCK; ++i)
    p[i] = (uint8_t) (i * 37 + (i >> 8) * 11 + 1);
}

static uint32_t
word_at (struct constdev *c, uint64_t off)
{
  return atomic_load_explicit (&c->word[off / BLOCK], memory_order_acquire);
}

static void
become (struct constdev *c, uint64_t off, uint32_t what)
{
  const uint32_t old = word_at (c, off);

  if (old != ((old & SLOT) | what))
    atomic_store_explicit (&c->word[off / BLOCK], (old & SLOT) | what,
                           memory_order_release);
}

static void
range_becomes (struct constdev *c, uint64_t len, uint64_t off, uint32_t what)
{
  const uint64_t end = off + len;

  for (; off < end; off += BLOCK)
    become (c, off, what);
}

/* ---- the store ----------------------------------------------------------- */

static uint64_t
place_in_store (uint32_t word)
{
  return (uint64_t) ((word & SLOT) - 1) * BLOCK;
}

/* The store has LAST bytes, allocated. */
static int
grow_store (struct constdev *c, uint64_t last)
{
  uint64_t size;
  int r;
  LOCK_FOR_SCOPE (&c->lock);

  size = vdev_size (c->store);
  if (last <= size)
    return 0;
  r = vdev_resize (c->store, size + AHEAD);
  if (r == 0)
    r = vdev_zero (c->store, AHEAD, size, VDEV_ALLOCATE);
  return r;
}

static int
give_slot (struct constdev *c, uint64_t off)
{
  const uint64_t slot = atomic_fetch_add (&c->header->slots, 1) + 1;
  uint32_t none = word_at (c, off);
  int r = 0;

  if (slot > SLOT)
    return base_fail (ENOSPC, "constdev: out of slots");
  if (slot * BLOCK > vdev_size (c->store))
    r = grow_store (c, slot * BLOCK);
  /* Another writer may have given it one. */
  while (r == 0 && (none & SLOT) == 0
         && !atomic_compare_exchange_weak (&c->word[off / BLOCK], &none,
                                           none | (uint32_t) slot))
    ;
  return r;
}

/* Blocks [OFF, OFF + LEN) are not the constant. */
static int
write_store (struct constdev *c, const uint8_t *p, size_t len, uint64_t off)
{
  size_t n, i;
  int r = 0;

  for (i = 0; i < len && r == 0; i += BLOCK)
    if ((word_at (c, off + i) & SLOT) == 0)
      r = give_slot (c, off + i);
  for (; len > 0 && r == 0; p += n, off += n, len -= n) {
    const uint64_t place = place_in_store (word_at (c, off));

    for (n = BLOCK; n < len; n += BLOCK)
      if (place_in_store (word_at (c, off + n)) != place + n)
        break;
    r = vdev_write (c->store, p, n, place, 0);
    if (r == 0)
      range_becomes (c, n, off, STORED);
  }
  return r;
}

/* ---- operations ---------------------------------------------------------- */

static int
constdev_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  struct constdev *c = constdev_of (d);
  uint8_t *p = buf;
  size_t n;
  int r = 0;

  atomic_fetch_add_explicit (&c->read, len, memory_order_relaxed);
  for (; len > 0 && r == 0; p += n, off += n, len -= n) {
    const uint32_t word = word_at (c, off);

    n = BLOCK;
    if (word & CONSTANT)
      memcpy (p, c->block, BLOCK);
    else if (word & STORED) {
      while (n < len && word_at (c, off + n) == word + n / BLOCK)
        n += BLOCK;
      r = vdev_read (c->store, p, n, place_in_store (word));
    }
    else
      memset (p, 0, BLOCK);
  }
  return r;
}

static bool
is_constant (const struct constdev *c, const uint8_t *p)
{
  return memcmp (p, c->block, BLOCK) == 0;
}

static int
constdev_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
                uint32_t flags BASE_UNUSED)
{
  struct constdev *c = constdev_of (d);
  const uint8_t *p = buf;
  size_t n;
  int r = 0;

  atomic_fetch_add_explicit (&c->writes, 1, memory_order_relaxed);
  atomic_fetch_add_explicit (&c->written, len, memory_order_relaxed);
  for (; len > 0 && r == 0; p += n, off += n, len -= n) {
    const bool constant = is_constant (c, p);

    for (n = BLOCK; n < len && is_constant (c, p + n) == constant; )
      n += BLOCK;
    if (constant) {
      atomic_fetch_add_explicit (&c->constant, n, memory_order_relaxed);
      range_becomes (c, n, off, CONSTANT);
    }
    else
      r = write_store (c, p, n, off);
  }
  return r;
}

static int
constdev_flush (struct vdev *d)
{
  struct constdev *c = constdev_of (d);

  atomic_fetch_add_explicit (&c->flushes, 1, memory_order_relaxed);
  return vdev_flush (c->store);
}

/* Zero is the same, also with ALLOCATE: there is always room. */
static int
constdev_trim (struct vdev *d, uint64_t len, uint64_t off,
               uint32_t flags BASE_UNUSED)
{
  struct constdev *c = constdev_of (d);

  atomic_fetch_add_explicit (&c->trims, 1, memory_order_relaxed);
  range_becomes (c, len, off, 0);
  return 0;
}

static int
constdev_resize (struct vdev *d, uint64_t size)
{
  struct constdev *c = constdev_of (d);
  const uint64_t old = vdev_size (d);

  if (size > c->span)
    return base_fail (ENOSPC, "constdev: the map covers %llu bytes",
                      (unsigned long long) c->span);
  if (size < old)
    range_becomes (c, old - size, size, 0);
  atomic_store (&c->header->size, size);
  vdev_set_size (d, size);
  return 0;
}

static int
constdev_stat (struct vdev *d, struct vdev_stat *st)
{
  return vdev_stat (constdev_of (d)->store, st);
}

static void
unmap (struct constdev *c)
{
  munmap (c->header, BLOCK + c->span / BLOCK * sizeof c->word[0]);
}

static void
constdev_close (struct vdev *d)
{
  struct constdev *c = constdev_of (d);

  unmap (c);
  vdev_unref (c->store);
  base_mutex_destroy (&c->lock);
  vdev_fini (d);
  free (c);
}

static const struct vdev_ops constdev_ops = {
  .kind = "constdev",
  .read = constdev_read,
  .write = constdev_write,
  .flush = constdev_flush,
  .trim = constdev_trim,
  .zero = constdev_trim,
  .resize = constdev_resize,
  .stat = constdev_stat,
  .close = constdev_close,
};

/* ---- opening ------------------------------------------------------------- */

static int
map_words (struct constdev *c, const char *path)
{
  const size_t size = BLOCK + c->span / BLOCK * sizeof c->word[0];
  CLEANUP_FD int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  uint8_t *map;

  if (fd < 0 || ftruncate (fd, (off_t) size) < 0)
    return base_fail_errno (errno, "constdev: %s", path);
  map = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    return base_fail_errno (errno, "constdev: %s", path);
  c->header = (void *) map;
  c->word = (void *) (map + BLOCK);
  return 0;
}

static int
init_device (struct constdev *c)
{
  struct vdev_info info = {
    .name = base_asprintf ("constdev(%s)", c->store->info.name),
    .align = BLOCK,
    .preferred = BLOCK,
    .caps = VDEV_FLUSH | VDEV_TRIM | VDEV_TRIM_ZEROES | VDEV_ZERO
      | VDEV_FAST_ZERO | VDEV_RESIZE | VDEV_MULTI_CONN,
  };
  int r;

  if (info.name == NULL)
    return base_fail (ENOMEM, "constdev: out of memory");
  r = vdev_init (&c->d, &constdev_ops, &info, c->header->size);
  if (r < 0)
    free (info.name);
  return r;
}

int
constdev_open (struct vdev *store, const char *map, uint64_t span,
               struct vdev **ret)
{
  struct constdev *c = base_calloc (1, sizeof *c);
  int r;

  if (c == NULL)
    return base_fail (ENOMEM, "constdev: out of memory");
  constdev_fill (c->block);
  c->store = store;
  c->span = base_div_up (span, BLOCK) * BLOCK;
  r = map_words (c, map);
  if (r < 0) {
    free (c);
    return r;
  }
  r = init_device (c);
  if (r < 0) {
    unmap (c);
    free (c);
    return r;
  }
  base_mutex_init (&c->lock);
  *ret = &c->d;
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
