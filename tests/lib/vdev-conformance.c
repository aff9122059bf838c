/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rules of vdev.h one by one.  The random and the concurrent parts are
 * in vdev-conformance-model.c.
 */

#include <config.h>

#include "vdev-conformance.h"
#include "test.h"

#define DEFAULT_MAXIMUM (32U << 20)

static uint64_t
size_of (const struct vdev_conformance *c)
{
  return c->size ? c->size : 2 << 20;
}

/* Random bytes, none of them zero. */
static void
fill (uint8_t *p, size_t n, unsigned salt)
{
  struct base_rng rng;
  uint64_t x;
  size_t i;

  base_rng_seed (&rng, salt);
  for (i = 0; i < n; i += sizeof x) {
    x = base_rng_u64 (&rng) | UINT64_C (0x0101010101010101);
    memcpy (p + i, &x, BASE_MIN (sizeof x, n - i));
  }
}

static void
check_bytes (struct vdev *d, const uint8_t *expect, size_t len, uint64_t off)
{
  uint8_t *got = malloc (len);

  CHECK (got != NULL);
  memset (got, 0xee, len);
  CHECK_EQ_INT (vdev_read (d, got, len, off), 0);
  CHECK_EQ_MEM (got, expect, len);
  free (got);
}

static void
check_zero (struct vdev *d, size_t len, uint64_t off)
{
  uint8_t *zero = calloc (1, len);

  CHECK (zero != NULL);
  check_bytes (d, zero, len, off);
  free (zero);
}

/* ---- facts ---------------------------------------------------------- */

void
vdev_conform_facts (const struct vdev_conformance *c)
{
  struct vdev *d = c->make (c->opaque, size_of (c));
  const struct vdev_info *info = &d->info;
  struct vdev_stat st;
  char *text;

  CHECK_EQ_INT (vdev_size (d), size_of (c));
  CHECK (info->name != NULL && d->ops->kind != NULL);
  CHECK (base_is_power_of_2 (info->align) && info->align <= 65536);
  CHECK (base_is_power_of_2 (info->preferred));
  CHECK (info->maximum % info->align == 0);
  CHECK ((d->edges != NULL) == (info->align > 1));
  CHECK (!vdev_has (d, VDEV_RO));
  /* What makes no sense alone. */
  CHECK (!vdev_has (d, VDEV_TRIM_ZEROES) || vdev_has (d, VDEV_TRIM));
  CHECK (!vdev_has (d, VDEV_FAST_ZERO) || vdev_has (d, VDEV_ZERO));
  CHECK_EQ_INT (vdev_start (d), 0);
  CHECK_EQ_INT (vdev_stat (d, &st), 0);
  text = vdev_text (d);
  CHECK (text != NULL && text[0] != '\0');
  free (text);
  CHECK (vdev_ref (d) == d);
  vdev_unref (d);
  check_zero (d, 4096, 0);
  vdev_unref (d);
  vdev_unref (NULL);
}

/* ---- ranges --------------------------------------------------------- */

static int
no_extent (void *opaque BASE_UNUSED, uint64_t offset BASE_UNUSED,
           uint64_t length BASE_UNUSED, uint32_t type BASE_UNUSED)
{
  CHECK (!"an extent of a request that was refused");
  return 0;
}

/* Every operation on a range gives EXPECT.  BUF has room for one byte, so an
 * operation that goes on is seen by the sanitizers too.
 */
static void
all_give (struct vdev *d, uint64_t len, uint64_t off, int expect)
{
  uint8_t buf[1] = { 0x55 };

  CHECK_EQ_INT (vdev_read (d, buf, len, off), expect);
  CHECK_EQ_INT (vdev_write (d, buf, len, off, 0), expect);
  CHECK_EQ_INT (vdev_write (d, buf, len, off, VDEV_FUA), expect);
  CHECK_EQ_INT (vdev_trim (d, len, off, 0), expect);
  CHECK_EQ_INT (vdev_zero (d, len, off, 0), expect);
  CHECK_EQ_INT (vdev_zero (d, len, off, VDEV_MAY_TRIM), expect);
  CHECK_EQ_INT (vdev_extents (d, len, off, 0, no_extent, NULL), expect);
  CHECK_EQ_INT (vdev_cache (d, len, off), expect);
  CHECK (buf[0] == 0x55);
  if (expect < 0)
    CHECK (base_error_text ()[0] != '\0');
}

void
vdev_conform_ranges (const struct vdev_conformance *c)
{
  const uint64_t size = size_of (c);
  struct vdev *d = c->make (c->opaque, size);
  const uint64_t i64 = INT64_MAX, u64 = UINT64_MAX;
  uint8_t last[1] = { 0xa5 }, buf[1];

  all_give (d, 2, size - 1, -ERANGE);
  all_give (d, 1, size, -ERANGE);
  all_give (d, size + 1, 0, -ERANGE);
  all_give (d, size, 1, -ERANGE);
  all_give (d, 1, i64, -ERANGE);
  all_give (d, 1, i64 + 1, -ERANGE);
  all_give (d, 1, u64, -ERANGE);
  all_give (d, u64, 0, -ERANGE);
  all_give (d, u64, 1, -ERANGE);        /* the sum is 0 */
  all_give (d, u64, u64, -ERANGE);
  all_give (d, u64 - size + 2, size - 1, -ERANGE);      /* the sum is 1 */
  all_give (d, i64, i64, -ERANGE);
  all_give (d, 0, size + 1, -ERANGE);
  all_give (d, 0, u64, -ERANGE);

  all_give (d, 0, 0, 0);
  all_give (d, 0, 1, 0);
  all_give (d, 0, size, 0);

  CHECK_EQ_INT (vdev_write (d, buf, 1, 0, VDEV_REQ_ONE), -EINVAL);
  CHECK_EQ_INT (vdev_write (d, buf, 1, 0, 1 << 30), -EINVAL);
  CHECK_EQ_INT (vdev_trim (d, 1, 0, VDEV_FAST), -EINVAL);
  CHECK_EQ_INT (vdev_zero (d, 1, 0, VDEV_IF_ABSENT), -EINVAL);
  CHECK_EQ_INT (vdev_extents (d, 1, 0, VDEV_FUA, no_extent, NULL), -EINVAL);

  check_zero (d, size, 0);      /* none of this left a trace */
  CHECK_EQ_INT (vdev_write (d, last, 1, size - 1, 0), 0);
  check_bytes (d, last, 1, size - 1);
  CHECK_EQ_INT (vdev_flush (d), 0);
  vdev_unref (d);
}

/* ---- unaligned ends ------------------------------------------------- */

/* Write, trim or zero [at + head, at + len - tail) for all combinations of
 * small heads and tails and see that the neighbours stay.
 */
void
vdev_conform_edges (const struct vdev_conformance *c)
{
  static const int shifts[] = { 0, 1, 3, 511, 512, 513, 4095 };
  enum { AREA = 4 * 65536 };
  struct vdev *d = c->make (c->opaque, size_of (c));
  uint8_t *expect = malloc (AREA), *other = malloc (AREA);
  size_t i, j, what, from, to;

  CHECK (expect != NULL && other != NULL);
  for (what = 0; what < 4; ++what) {
    for (i = 0; i < BASE_ARRAY_SIZE (shifts); ++i) {
      for (j = 0; j < BASE_ARRAY_SIZE (shifts); ++j) {
        from = 65536 + shifts[i];
        to = (what & 1 ? 65536 + 8192 : 3 * 65536) - shifts[j];
        fill (expect, AREA, (unsigned) (i * 100 + j));
        fill (other, AREA, (unsigned) (i * 100 + j + 50));
        CHECK_EQ_INT (vdev_write (d, expect, AREA, 0, 0), 0);
        if (what < 2) {
          CHECK_EQ_INT (vdev_write (d, other + from, to - from, from, 0), 0);
          memcpy (expect + from, other + from, to - from);
        }
        else if (what == 2) {
          CHECK_EQ_INT (vdev_zero (d, to - from, from, 0), 0);
          memset (expect + from, 0, to - from);
        }
        else {
          CHECK_EQ_INT (vdev_trim (d, to - from, from, 0), 0);
          if (vdev_has (d, VDEV_TRIM_ZEROES))
            memset (expect + from, 0, to - from);
          else
            CHECK_EQ_INT (vdev_read (d, expect + from, to - from, from), 0);
        }
        check_bytes (d, expect, AREA, 0);
        check_bytes (d, expect + from, to - from, from);
      }
    }
  }
  free (expect);
  free (other);
  vdev_unref (d);
}

/* One byte more than the longest operation, at an odd place. */
void
vdev_conform_large (const struct vdev_conformance *c)
{
  struct vdev *d;
  uint8_t *buf;
  size_t n;

  if (c->no_large)
    return;
  n = (size_t) DEFAULT_MAXIMUM + 1;
  d = c->make (c->opaque, DEFAULT_MAXIMUM + (2 << 16));
  if (d->info.maximum > 0)
    n = BASE_MIN (n, (size_t) d->info.maximum + 1);
  buf = malloc (n);
  CHECK (buf != NULL);
  fill (buf, n, 7);
  CHECK_EQ_INT (vdev_write (d, buf, n, 3, 0), 0);
  check_bytes (d, buf, n, 3);
  check_zero (d, 3, 0);
  check_zero (d, 100, 3 + n);
  CHECK_EQ_INT (vdev_zero (d, n, 3, 0), 0);
  check_zero (d, n, 3);
  free (buf);
  vdev_unref (d);
}

/* ---- trim and zero -------------------------------------------------- */

void
vdev_conform_zeroing (const struct vdev_conformance *c)
{
  static const uint32_t flags[] = {
    0, VDEV_MAY_TRIM, VDEV_ALLOCATE, VDEV_ALLOCATE | VDEV_MAY_TRIM, VDEV_FUA,
    VDEV_FAST, VDEV_FAST | VDEV_MAY_TRIM, VDEV_FUA | VDEV_ALLOCATE,
  };
  enum { AREA = 3 * 65536, FROM = 60001, LEN = 70001 };
  struct vdev *d = c->make (c->opaque, size_of (c));
  uint8_t *expect = malloc (AREA);
  size_t i;
  int r;

  CHECK (expect != NULL);
  for (i = 0; i < BASE_ARRAY_SIZE (flags); ++i) {
    fill (expect, AREA, (unsigned) i);
    CHECK_EQ_INT (vdev_write (d, expect, AREA, 0, 0), 0);
    r = vdev_zero (d, LEN, FROM, flags[i]);
    if (r == -EOPNOTSUPP)
      CHECK ((flags[i] & VDEV_FAST) && !vdev_has (d, VDEV_FAST_ZERO));
    else {
      CHECK_EQ_INT (r, 0);
      memset (expect + FROM, 0, LEN);
    }
    check_bytes (d, expect, AREA, 0);
    /* On a range that reads as zero already, too. */
    if (r == 0)
      CHECK_EQ_INT (vdev_zero (d, LEN, FROM, flags[i]), 0);
    check_bytes (d, expect, AREA, 0);
    vdev_conform_extents (d, AREA, 0);
  }

  fill (expect, AREA, 99);
  CHECK_EQ_INT (vdev_write (d, expect, AREA, 0, VDEV_FUA), 0);
  CHECK_EQ_INT (vdev_trim (d, LEN, FROM, VDEV_FUA), 0);
  if (vdev_has (d, VDEV_TRIM_ZEROES))
    memset (expect + FROM, 0, LEN);
  else if (vdev_has (d, VDEV_TRIM))
    CHECK_EQ_INT (vdev_read (d, expect + FROM, LEN, FROM), 0);
  check_bytes (d, expect, AREA, 0);
  vdev_conform_extents (d, AREA, 0);
  /* A trimmed range can be written again. */
  fill (expect, AREA, 100);
  CHECK_EQ_INT (vdev_write (d, expect, AREA, 0, 0), 0);
  check_bytes (d, expect, AREA, 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  free (expect);
  vdev_unref (d);
}

/* ---- size ----------------------------------------------------------- */

void
vdev_conform_resize (const struct vdev_conformance *c)
{
  const uint64_t size = size_of (c), half = size / 2;
  struct vdev *d = c->make (c->opaque, size);
  uint8_t *buf = malloc (size);

  CHECK (buf != NULL);
  fill (buf, size, 1);
  CHECK_EQ_INT (vdev_write (d, buf, size, 0, 0), 0);
  if (!vdev_has (d, VDEV_RESIZE)) {
    CHECK_EQ_INT (vdev_resize (d, half), -EOPNOTSUPP);
    CHECK_EQ_INT (vdev_size (d), size);
    check_bytes (d, buf, size, 0);
    goto done;
  }
  CHECK_EQ_INT (vdev_resize (d, UINT64_MAX), -EINVAL);
  CHECK_EQ_INT (vdev_resize (d, half), 0);
  CHECK_EQ_INT (vdev_size (d), half);
  all_give (d, 1, half, -ERANGE);
  all_give (d, 2, half - 1, -ERANGE);
  check_bytes (d, buf, half, 0);
  CHECK_EQ_INT (vdev_resize (d, size + 65536), 0);
  CHECK_EQ_INT (vdev_size (d), size + 65536);
  check_bytes (d, buf, half, 0);
  check_zero (d, size + 65536 - half, half);
  vdev_conform_extents (d, size + 65536, 0);
  CHECK_EQ_INT (vdev_write (d, buf, 65536, size, 0), 0);
  check_bytes (d, buf, 65536, size);
  CHECK_EQ_INT (vdev_flush (d), 0);
 done:
  free (buf);
  vdev_unref (d);
}

/* ---- read-only ------------------------------------------------------ */

void
vdev_conform_reopen (const struct vdev_conformance *c)
{
  const uint64_t size = size_of (c);
  struct vdev *d;
  uint8_t *buf;

  if (c->reopen == NULL)
    return;
  buf = malloc (size);
  CHECK (buf != NULL);
  fill (buf, size, 3);
  d = c->make (c->opaque, size);
  CHECK_EQ_INT (vdev_write (d, buf, size, 0, 0), 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  vdev_unref (d);

  d = c->reopen (c->opaque);
  CHECK (vdev_has (d, VDEV_RO));
  CHECK_EQ_INT (vdev_size (d), size);
  check_bytes (d, buf, size, 0);
  CHECK_EQ_INT (vdev_write (d, "x", 1, 0, 0), -EROFS);
  CHECK_EQ_INT (vdev_write (d, "x", 1, 0, VDEV_FUA), -EROFS);
  CHECK_EQ_INT (vdev_trim (d, 4096, 0, 0), -EROFS);
  CHECK_EQ_INT (vdev_zero (d, 4096, 0, 0), -EROFS);
  CHECK_EQ_INT (vdev_resize (d, size + 65536), -EROFS);
  CHECK_EQ_INT (vdev_write (d, "x", 1, size, 0), -ERANGE);
  CHECK_EQ_INT (vdev_write (d, "x", 0, 0, 0), 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  vdev_conform_extents (d, size, 0);
  check_bytes (d, buf, size, 0);
  vdev_unref (d);
  free (buf);
}

/* ---- kick ----------------------------------------------------------- */

void
vdev_conform_kick (const struct vdev_conformance *c)
{
  struct vdev *d = c->make (c->opaque, size_of (c));
  struct vdev_stat st;

  CHECK_EQ_INT (vdev_write (d, "x", 1, 0, 0), 0);
  vdev_kick (d);
  vdev_kick (d);
  all_give (d, 1, 0, -ESHUTDOWN);
  CHECK_EQ_INT (vdev_flush (d), -ESHUTDOWN);
  CHECK_EQ_INT (vdev_resize (d, 65536), -ESHUTDOWN);
  CHECK_EQ_INT (vdev_stat (d, &st), -ESHUTDOWN);
  vdev_unref (d);
}

void
vdev_conformance (const struct vdev_conformance *c)
{
  printf ("%s\n", c->name);
  vdev_conform_facts (c);
  vdev_conform_ranges (c);
  vdev_conform_edges (c);
  vdev_conform_large (c);
  vdev_conform_zeroing (c);
  vdev_conform_resize (c);
  vdev_conform_reopen (c);
  vdev_conform_kick (c);
  vdev_conform_model (c);
  vdev_conform_threads (c);
}
