/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device against flat memory: random operations from a seed, and threads
 * that write disjoint ranges that share blocks.
 */

#include <config.h>

#include "vdev-conformance.h"
#include "test.h"

#define LONGEST 40000

/* ---- extents -------------------------------------------------------- */

struct extent {
  uint64_t offset, length;
};

BASE_VECTOR (extent_vector, struct extent);

struct cover {
  uint64_t next, end;
  uint32_t last;
  bool any;
  struct extent_vector zeroes;
};

static int
check_extent (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  struct cover *c = opaque;
  struct extent e = { offset, length };

  CHECK_EQ_INT (offset, c->next);
  CHECK (length > 0 && length <= c->end - offset);
  CHECK_MSG (!c->any || type != c->last, "two extents of type %u", type);
  CHECK ((type & ~(uint32_t) (VDEV_HOLE | VDEV_ZEROES | VDEV_IS_ABSENT))
         == 0);
  if (type & VDEV_ZEROES)
    CHECK_EQ_INT (extent_vector_append (&c->zeroes, e), 0);
  c->next += length;
  c->last = type;
  c->any = true;
  return 0;
}

static void
check_reads_zero (struct vdev *d, uint64_t length, uint64_t offset)
{
  uint8_t *buf = malloc (length);

  CHECK (buf != NULL);
  CHECK_EQ_INT (vdev_read (d, buf, length, offset), 0);
  CHECK_MSG (base_is_zero (buf, length), "%" PRIu64 " bytes at %" PRIu64
             " are not zero", length, offset);
  free (buf);
}

/* One is enough: exactly one call, from the start. */
static int
check_one (void *opaque, uint64_t offset, uint64_t length,
           uint32_t type BASE_UNUSED)
{
  struct cover *c = opaque;

  CHECK (!c->any);
  CHECK_EQ_INT (offset, c->next);
  CHECK (length > 0 && length <= c->end - offset);
  c->any = true;
  return 0;
}

static int
stop_with (void *opaque, uint64_t offset BASE_UNUSED,
           uint64_t length BASE_UNUSED, uint32_t type BASE_UNUSED)
{
  return *(int *) opaque;
}

void
vdev_conform_extents (struct vdev *d, uint64_t len, uint64_t off)
{
  struct cover all = { .next = off, .end = off + len };
  struct cover one = all;
  size_t i;
  int stop;

  CHECK_EQ_INT (vdev_extents (d, len, off, 0, check_extent, &all), 0);
  CHECK_EQ_INT (all.next, off + len);
  for (i = 0; i < all.zeroes.len; ++i)
    check_reads_zero (d, all.zeroes.ptr[i].length, all.zeroes.ptr[i].offset);
  extent_vector_reset (&all.zeroes);
  CHECK_EQ_INT (vdev_extents (d, len, off, VDEV_REQ_ONE, check_one, &one), 0);
  CHECK (one.any || len == 0);
  if (len > 0) {
    stop = -ENOMEM;
    CHECK_EQ_INT (vdev_extents (d, len, off, 0, stop_with, &stop), -ENOMEM);
    stop = 1;
    CHECK_EQ_INT (vdev_extents (d, len, off, 0, stop_with, &stop), 0);
  }
}

/* ---- model ---------------------------------------------------------- */

struct model {
  struct vdev *d;
  struct base_rng rng;
  uint8_t *bytes;               /* what the device must hold */
  uint8_t *buf;                 /* LONGEST */
  uint64_t size;
  unsigned flush_percent;
};

/* Mostly short, mostly at odd places; now and then aligned. */
static void
choose_range (struct model *m, uint64_t *len, uint64_t *off)
{
  const unsigned how = (unsigned) base_rng_below (&m->rng, 8);

  *off = base_rng_below (&m->rng, m->size);
  *len = base_rng_below (&m->rng, how < 4 ? 700 : how < 7 ? 9000 : LONGEST);
  if (how % 2) {
    *off &= ~UINT64_C (4095);
    *len = (*len + 4095) & ~UINT64_C (4095);
  }
  *len = BASE_MIN (BASE_MIN (*len, LONGEST), m->size - *off);
}

static void
model_write (struct model *m, uint64_t len, uint64_t off)
{
  const uint32_t flags = base_rng_below (&m->rng, 50) ? 0 : VDEV_FUA;
  uint64_t i, x = base_rng_u64 (&m->rng);

  for (i = 0; i < len; ++i)
    m->buf[i] = (uint8_t) (x >> (i & 7) * 8) + (uint8_t) (i >> 3);
  CHECK_EQ_INT (vdev_write (m->d, m->buf, len, off, flags), 0);
  memcpy (m->bytes + off, m->buf, len);
}

static void
model_zero (struct model *m, uint64_t len, uint64_t off)
{
  static const uint32_t flags[] = {
    0, 0, VDEV_MAY_TRIM, VDEV_MAY_TRIM, VDEV_ALLOCATE, VDEV_FAST,
    VDEV_FAST | VDEV_MAY_TRIM, VDEV_MAY_TRIM | VDEV_ALLOCATE,
  };
  const uint32_t fl = flags[base_rng_below (&m->rng,
                                            BASE_ARRAY_SIZE (flags))];
  int r;

  r = vdev_zero (m->d, len, off, fl);
  if (r == -EOPNOTSUPP && (fl & VDEV_FAST))
    CHECK (!vdev_has (m->d, VDEV_FAST_ZERO));
  else {
    CHECK_EQ_INT (r, 0);
    memset (m->bytes + off, 0, len);
  }
}

static void
model_trim (struct model *m, uint64_t len, uint64_t off)
{
  CHECK_EQ_INT (vdev_trim (m->d, len, off, 0), 0);
  if (vdev_has (m->d, VDEV_TRIM_ZEROES))
    memset (m->bytes + off, 0, len);
  else if (vdev_has (m->d, VDEV_TRIM))
    CHECK_EQ_INT (vdev_read (m->d, m->bytes + off, len, off), 0);
}

static void
model_step (struct model *m)
{
  uint64_t len, off, what = base_rng_below (&m->rng, 100);

  choose_range (m, &len, &off);
  if (what < m->flush_percent) {
    CHECK_EQ_INT (vdev_flush (m->d), 0);
    return;
  }
  what = base_rng_below (&m->rng, 100);
  if (what < 40)
    model_write (m, len, off);
  else if (what < 50)
    model_zero (m, len, off);
  else if (what < 56)
    model_trim (m, len, off);
  else if (what < 60)
    vdev_conform_extents (m->d, len, off);
  else if (what < 61)
    CHECK_EQ_INT (vdev_cache (m->d, len, off), 0);
  else {
    CHECK_EQ_INT (vdev_read (m->d, m->buf, len, off), 0);
    CHECK_EQ_MEM (m->buf, m->bytes + off, len);
  }
}

void
vdev_conform_model (const struct vdev_conformance *c)
{
  struct model m = {
    .size = c->size ? c->size : 2 << 20,
    .flush_percent = c->flush_percent ? c->flush_percent : 2,
  };
  uint64_t i, ops = test_env ("OPS", c->ops ? c->ops : 20000);
  uint8_t *all;

  base_rng_seed (&m.rng, test_seed ());
  m.d = c->make (c->opaque, m.size);
  m.bytes = calloc (1, m.size);
  m.buf = malloc (LONGEST);
  all = malloc (m.size);
  CHECK (m.bytes != NULL && m.buf != NULL && all != NULL);
  for (i = 0; i < ops; ++i)
    model_step (&m);
  CHECK_EQ_INT (vdev_read (m.d, all, m.size, 0), 0);
  CHECK_EQ_MEM (all, m.bytes, m.size);
  vdev_conform_extents (m.d, m.size, 0);
  vdev_unref (m.d);
  free (m.bytes);
  free (m.buf);
  free (all);
}

/* ---- threads -------------------------------------------------------- */

#define STRIP 700               /* does not divide any block */

struct writer {
  struct base_thread thread;
  struct vdev *d;
  uint8_t *bytes;               /* shared, by disjoint strips */
  uint64_t size, rounds;
  unsigned number, threads;
  struct base_rng rng;
};

/* Each thread has every THREADS-th strip, so that every block has several
 * owners, and reads back what it wrote.
 */
static void *
write_strips (void *opaque)
{
  struct writer *w = opaque;
  const uint64_t strips = w->size / STRIP / w->threads;
  uint8_t buf[STRIP];
  uint64_t i, off;
  size_t from, n;

  for (i = 0; i < w->rounds; ++i) {
    off = base_rng_below (&w->rng, strips) * w->threads + w->number;
    from = base_rng_below (&w->rng, STRIP);
    n = 1 + base_rng_below (&w->rng, STRIP - from);
    off = off * STRIP + from;
    switch (base_rng_below (&w->rng, 16)) {
    case 0:
      CHECK_EQ_INT (vdev_zero (w->d, n, off, 0), 0);
      memset (w->bytes + off, 0, n);
      break;
    case 1:
      if (base_rng_below (&w->rng, 8) == 0)
        CHECK_EQ_INT (vdev_flush (w->d), 0);
      break;
    case 2: case 3: case 4:
      CHECK_EQ_INT (vdev_read (w->d, buf, n, off), 0);
      CHECK_EQ_MEM (buf, w->bytes + off, n);
      break;
    default:
      memset (buf, (int) base_rng_below (&w->rng, 256), n);
      CHECK_EQ_INT (vdev_write (w->d, buf, n, off, 0), 0);
      memcpy (w->bytes + off, buf, n);
    }
  }
  return NULL;
}

void
vdev_conform_threads (const struct vdev_conformance *c)
{
  const unsigned threads = c->threads ? c->threads : 4;
  const uint64_t size = 65536 * 2, ops = c->ops ? c->ops : 20000;
  struct vdev *d = c->make (c->opaque, size);
  struct writer *w = calloc (threads, sizeof *w);
  uint8_t *bytes = calloc (1, size), *all = malloc (size);
  unsigned i;

  CHECK (w != NULL && bytes != NULL && all != NULL);
  for (i = 0; i < threads; ++i) {
    w[i].d = d;
    w[i].bytes = bytes;
    w[i].size = size;
    w[i].rounds = test_env ("OPS", ops) / threads / 2;
    w[i].number = i;
    w[i].threads = threads;
    base_rng_seed (&w[i].rng, test_seed () + i);
    CHECK_EQ_INT (base_thread_create (&w[i].thread, write_strips, &w[i]), 0);
  }
  for (i = 0; i < threads; ++i)
    base_thread_join (&w[i].thread);
  CHECK_EQ_INT (vdev_read (d, all, size, 0), 0);
  CHECK_EQ_MEM (all, bytes, size);
  free (all);
  free (bytes);
  free (w);
  vdev_unref (d);
}
