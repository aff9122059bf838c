/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Copy-on-write images; crash-image.h is the manual.
 */

#include <config.h>

#include <stdlib.h>

#include "crash-image.h"
#include "sim.h"

/* Pages come and go with every state. */
static struct image_page *free_pages;

static void *
need (void *p)
{
  if (p == NULL) {
    fprintf (stderr, "crash-image: out of memory\n");
    abort ();
  }
  return p;
}

static struct image_page *
page_new (void)
{
  struct image_page *p = free_pages;

  if (p)
    free_pages = p->next;
  else
    p = need (malloc (sizeof *p));
  p->hash = 0;
  return p;
}

static void
page_free (struct image_page *p)
{
  p->next = free_pages;
  free_pages = p;
}

struct image *
image_new (uint64_t size)
{
  struct image *i = need (calloc (1, sizeof *i));

  image_resize (i, size);
  return i;
}

struct image *
image_overlay (const struct image *base)
{
  struct image *i = need (calloc (1, sizeof *i));

  i->size = base->size;
  i->npages = base->npages;
  i->page = need (malloc (i->npages * sizeof *i->page + 1));
  memcpy (i->page, base->page, i->npages * sizeof *i->page);
  i->own = need (calloc (i->npages + 1, sizeof *i->own));
  return i;
}

static void
drop (struct image *i, size_t n)
{
  if (i->own[n])
    page_free (i->page[n]);
  i->page[n] = NULL;
  i->own[n] = false;
}

void
image_free (struct image *i)
{
  size_t n;

  if (i == NULL)
    return;
  for (n = 0; n < i->npages; n++)
    drop (i, n);
  free (i->page);
  free (i->own);
  free (i);
}

void
image_read (const struct image *i, void *buf, size_t len, uint64_t off)
{
  uint8_t *b = buf;

  while (len > 0) {
    size_t in = off % IMAGE_PAGE, n = BASE_MIN (len, IMAGE_PAGE - in);
    const struct image_page *p = off < i->size ? i->page[off / IMAGE_PAGE]
      : NULL;

    if (p)
      memcpy (b, p->bytes + in, n);
    else
      memset (b, 0, n);
    b += n;
    off += n;
    len -= n;
  }
}

/* The page N, ours, to be changed; KEEP its bytes or not. */
static struct image_page *
own (struct image *i, size_t n, bool keep)
{
  struct image_page *p = i->page[n];

  if (!i->own[n]) {
    i->page[n] = page_new ();
    i->own[n] = true;
    if (keep && p)
      memcpy (i->page[n]->bytes, p->bytes, IMAGE_PAGE);
    else if (keep)
      memset (i->page[n]->bytes, 0, IMAGE_PAGE);
  }
  i->page[n]->hash = 0;
  return i->page[n];
}

void
image_write (struct image *i, const void *buf, size_t len, uint64_t off)
{
  const uint8_t *b = buf;

  if (off >= i->size)
    return;
  len = BASE_MIN (len, i->size - off);
  while (len > 0) {
    size_t in = off % IMAGE_PAGE, n = BASE_MIN (len, IMAGE_PAGE - in);
    struct image_page *p = own (i, off / IMAGE_PAGE, n < IMAGE_PAGE);

    memmove (p->bytes + in, b, n);      /* gcc makes memcpy a slow loop here */
    b += n;
    off += n;
    len -= n;
  }
}

void
image_zero (struct image *i, uint64_t len, uint64_t off)
{
  if (off >= i->size)
    return;
  len = BASE_MIN (len, i->size - off);
  while (len > 0) {
    size_t in = off % IMAGE_PAGE, n = BASE_MIN (len, IMAGE_PAGE - in);
    size_t nr = off / IMAGE_PAGE;

    if (n == IMAGE_PAGE)
      drop (i, nr);
    else if (i->page[nr])
      memset (own (i, nr, true)->bytes + in, 0, n);
    off += n;
    len -= n;
  }
}

void
image_resize (struct image *i, uint64_t size)
{
  size_t n = base_div_up (size, IMAGE_PAGE), nr;

  if (size < i->size)
    image_zero (i, i->size - size, size);
  for (nr = n; nr < i->npages; nr++)
    drop (i, nr);
  i->page = need (realloc (i->page, n * sizeof *i->page + 1));
  i->own = need (realloc (i->own, n * sizeof *i->own + 1));
  for (nr = i->npages; nr < n; nr++) {
    i->page[nr] = NULL;
    i->own[nr] = false;
  }
  i->npages = n;
  i->size = size;
}

static uint64_t
mix (uint64_t h, uint64_t w)
{
  h = (h ^ w) * UINT64_C (0x9fb21c651e98df25);
  return h ^ h >> 35;
}

static uint64_t
page_hash (struct image_page *p)
{
  uint64_t h[4] = { 1, 2, 3, 4 }, w[4], any = 0;
  size_t i;

  if (p->hash != 0)
    return p->hash;
  for (i = 0; i < IMAGE_PAGE; i += 32) {
    memcpy (w, p->bytes + i, 32);
    any |= w[0] | w[1] | w[2] | w[3];
    h[0] = mix (h[0], w[0]);
    h[1] = mix (h[1], w[1]);
    h[2] = mix (h[2], w[2]);
    h[3] = mix (h[3], w[3]);
  }
  p->hash = any ? mix (mix (mix (h[0], h[1]), h[2]), h[3]) | 2 : 1;
  return p->hash;
}

uint64_t
image_hash (struct image *i)
{
  uint64_t h = mix (7, i->size);
  size_t n;

  for (n = 0; n < i->npages; n++)
    if (i->page[n] && page_hash (i->page[n]) != 1)
      h += mix (i->page[n]->hash, n + 1);
  return h;
}

/* ---- the device -------------------------------------------------------- */

struct image_dev {
  struct vdev d;
  struct image *i;
  unsigned failing;             /* flushes up to the one that fails; 0 = none */
};

static struct image_dev *
dev (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct image_dev, d);
}

static int
dev_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  sim_point ();
  image_read (dev (d)->i, buf, len, off);
  sim_point ();
  return 0;
}

static int
dev_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
           uint32_t flags BASE_UNUSED)
{
  sim_point ();
  image_write (dev (d)->i, buf, len, off);
  sim_point ();
  return 0;
}

static int
dev_flush (struct vdev *d)
{
  sim_point ();
  sim_point ();
  if (dev (d)->failing > 0 && --dev (d)->failing == 0)
    return base_fail (EIO, "image: flush fails as told");
  return 0;
}

static int
dev_zero (struct vdev *d, uint64_t len, uint64_t off,
          uint32_t flags BASE_UNUSED)
{
  sim_point ();
  image_zero (dev (d)->i, len, off);
  sim_point ();
  return 0;
}

static int
dev_extents (struct vdev *d, uint64_t len, uint64_t off,
             uint32_t flags BASE_UNUSED, vdev_extent_fn fn, void *opaque)
{
  const struct image *i = dev (d)->i;

  while (len > 0) {
    uint64_t n = BASE_MIN (len, IMAGE_PAGE - off % IMAGE_PAGE);
    int r = fn (opaque, off, n, i->page[off / IMAGE_PAGE] ? VDEV_DATA
                : VDEV_HOLE | VDEV_ZEROES);
    if (r != 0)
      return r;
    off += n;
    len -= n;
  }
  return 0;
}

static int
dev_resize (struct vdev *d, uint64_t size)
{
  sim_point ();
  image_resize (dev (d)->i, size);
  vdev_set_size (d, size);
  sim_point ();
  return 0;
}

static void
dev_close (struct vdev *d)
{
  vdev_fini (d);
  free (dev (d));
}

static const struct vdev_ops image_ops = {
  .kind = "image",
  .read = dev_read,
  .write = dev_write,
  .flush = dev_flush,
  .trim = dev_zero,
  .zero = dev_zero,
  .extents = dev_extents,
  .resize = dev_resize,
  .close = dev_close,
};

struct vdev *
image_vdev (struct image *i)
{
  struct image_dev *d = need (calloc (1, sizeof *d));
  struct vdev_info info = {
    .name = need (strdup ("image")), .align = 1, .preferred = 4096,
    .trim_align = 512,
    .caps = VDEV_FLUSH | VDEV_TRIM | VDEV_TRIM_ZEROES | VDEV_ZERO |
      VDEV_FAST_ZERO | VDEV_EXTENTS | VDEV_RESIZE | VDEV_MULTI_CONN,
  };

  d->i = i;
  if (vdev_init (&d->d, &image_ops, &info, i->size) < 0) {
    fprintf (stderr, "crash-image: %s\n", base_error_text ());
    abort ();
  }
  return &d->d;
}

void
image_vdev_switch (struct vdev *d, struct image *i)
{
  dev (d)->i = i;
  dev (d)->failing = 0;
  atomic_store (&d->sticky, 0);
  vdev_set_size (d, i->size);
}

void
image_vdev_fail_flush (struct vdev *d, unsigned nth)
{
  dev (d)->failing = nth;
}

/* ---- forgetting flushes ------------------------------------------------ */

static int
no_flush (struct vdev *d BASE_UNUSED)
{
  return 0;
}

static const struct vdev_ops no_flush_ops = {
  .kind = "no-flush",
  .read = vdev_pass_read,
  .write = vdev_pass_write,
  .flush = no_flush,
  .trim = vdev_pass_trim,
  .zero = vdev_pass_zero,
  .extents = vdev_pass_extents,
  .resize = vdev_pass_resize,
  .stat = vdev_pass_stat,
  .describe = vdev_pass_describe,
  .close = vdev_pass_close,
};

struct vdev *
image_no_flush (struct vdev *child)
{
  struct vdev_pass *p = need (calloc (1, sizeof *p));

  if (vdev_pass_init (p, &no_flush_ops, child, 0, 0) < 0) {
    fprintf (stderr, "crash-image: %s\n", base_error_text ());
    abort ();
  }
  return &p->d;
}
