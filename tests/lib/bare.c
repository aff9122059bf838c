/* SPDX-License-Identifier: BSD-3-Clause
 *
 * bare.h explains.
 */

#include <config.h>

#include "bare.h"
#include "test.h"

#define PIECE 2048
#define SELDOM 16               /* after one of so many pieces others are let
                                 * run, for 1, 16 or 256 yields */
#define LONGEST 256
#define READS 64                /* under way at once, at most */

/* A read under way; LEN 0 = none. */
struct under_way { uint64_t off; size_t len; };

struct bare {
  struct vdev d;
  uint8_t *bytes;
  _Atomic uint64_t random;
  bool watch;
  struct under_way read[READS];
};

/* Not in order of anything: relaxed, so that it orders no threads. */
static void
between (struct bare *b)
{
  uint64_t x = atomic_fetch_add_explicit (&b->random,
                                          UINT64_C (0x9e3779b97f4a7c15),
                                          memory_order_relaxed);
  unsigned n;

  x = (x ^ x >> 30) * UINT64_C (0xbf58476d1ce4e5b9);
  x >>= 32;
  if (x % SELDOM != 0)
    return;
  for (x /= SELDOM, n = 1; n < LONGEST && x % 4 == 0; x /= 4)
    n *= 16;
  for (; n > 0; n--)
    base_thread_yield ();
}

static struct under_way *
begin_read (struct bare *b, uint64_t off, size_t len)
{
  unsigned i;

  if (!b->watch)
    return NULL;
  for (i = 0; i < READS && b->read[i].len > 0; i++)
    ;
  CHECK (i < READS);
  b->read[i] = (struct under_way) { off, len };
  return &b->read[i];
}

static void
look_for_readers (const struct bare *b, uint64_t off, uint64_t len)
{
  unsigned i;

  for (i = 0; i < READS && b->watch; i++)
    if (b->read[i].len > 0 && b->read[i].off < off + len
        && off < b->read[i].off + b->read[i].len)
      CHECK_MSG (false, "bytes from %" PRIu64 " are overwritten while they "
                 "are read", off);
}

static int
bare_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  struct bare *b = (struct bare *) d;
  struct under_way *read = begin_read (b, off, len);
  size_t i;

  for (i = 0; i < len; i += PIECE) {
    between (b);
    memcpy ((uint8_t *) buf + i, b->bytes + off + i, BASE_MIN (PIECE, len - i));
  }
  between (b);
  if (read)
    read->len = 0;
  return 0;
}

static int
bare_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
            uint32_t flags)
{
  struct bare *b = (struct bare *) d;
  size_t i;

  (void) flags;
  for (i = 0; i < len; i += PIECE) {
    between (b);
    look_for_readers (b, off + i, BASE_MIN (PIECE, len - i));
    memcpy (b->bytes + off + i, (const uint8_t *) buf + i,
            BASE_MIN (PIECE, len - i));
  }
  between (b);
  return 0;
}

static int
bare_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  struct bare *b = (struct bare *) d;

  (void) flags;
  between (b);
  look_for_readers (b, off, len);
  memset (b->bytes + off, 0, len);
  between (b);
  return 0;
}

static int
bare_flush (struct vdev *d)
{
  between ((struct bare *) d);
  return 0;
}

static void
bare_close (struct vdev *d)
{
  struct bare *b = (struct bare *) d;

  vdev_fini (d);
  free (b->bytes);
  free (b);
}

static const struct vdev_ops bare_ops = {
  .kind = "bare", .read = bare_read, .write = bare_write, .flush = bare_flush,
  .trim = bare_zero, .zero = bare_zero, .close = bare_close,
};

struct vdev *
bare_open (uint64_t size, uint64_t seed, bool one_writer, bool watch)
{
  struct bare *b = calloc (1, sizeof *b);
  struct vdev_info info = {
    .name = strdup ("bare"), .align = 1, .preferred = 4096, .trim_align = 512,
    .caps = VDEV_FLUSH | VDEV_TRIM | VDEV_TRIM_ZEROES | VDEV_ZERO
      | VDEV_FAST_ZERO | VDEV_MULTI_CONN
      | (one_writer ? VDEV_ONE_WRITER : 0),
  };

  CHECK (b != NULL && info.name != NULL);
  b->watch = watch;
  b->bytes = calloc (1, size);
  b->random = seed * UINT64_C (0xd1342543de82ef95);
  CHECK (b->bytes != NULL);
  CHECK (vdev_init (&b->d, &bare_ops, &info, size) == 0);
  return &b->d;
}
