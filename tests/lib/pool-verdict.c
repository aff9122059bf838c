/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-verdict: see pool-verdict.h.  The device is a window on the caller's
 * memory instead of devices_mem_open, so that an image can be bent and
 * checked thousands of times without copying it.
 */

#include <stdlib.h>

#include "pool-verdict.h"

struct window {
  struct vdev d;
  const uint8_t *image;
};

static int
window_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  memcpy (buf, ((struct window *) d)->image + off, len);
  return 0;
}

static void
window_close (struct vdev *d)
{
  vdev_fini (d);
  free (d);
}

static const struct vdev_ops window_ops = {
  .kind = "window",
  .read = window_read,
  .close = window_close,
};

struct vdev *
image_vdev (const uint8_t *image, size_t size)
{
  struct window *w = calloc (1, sizeof *w);
  const struct vdev_info info = {
    .name = strdup ("image"), .align = 1, .preferred = 4096, .caps = VDEV_RO,
  };

  if (w == NULL || info.name == NULL ||
      vdev_init (&w->d, &window_ops, &info, size) < 0)
    abort ();
  w->image = image;
  return &w->d;
}

static void
keep (void *opaque, const struct pool_check_problem *p)
{
  struct verdict *v = opaque;

  if (v->n < VERDICT_LINES)
    v->line[v->n++] = *p;
}

void
verdict_of (struct verdict *v, const uint8_t *image, size_t size,
            const struct format_super *super, bool data)
{
  struct vdev *d = image_vdev (image, size);
  const struct pool_check_options o = {
    .data = data, .problem = keep, .opaque = v,
  };

  v->n = 0;
  v->result = check_image (d, super, &o, &v->r);
  vdev_unref (d);
}

bool
verdict_says (const struct verdict *v, const char *a, const char *b)
{
  unsigned i;

  for (i = 0; i < v->n; i++)
    if (strstr (v->line[i].text, a) &&
        (b == NULL || strstr (v->line[i].text, b)))
      return true;
  return false;
}

void
verdict_print (const struct verdict *v)
{
  unsigned i;

  printf ("result %d, %" PRIu64 " errors, %" PRIu64 " leaked\n", v->result,
          v->r.errors, v->r.leaks);
  for (i = 0; i < v->n; i++)
    printf ("  %s%s\n", v->line[i].leak ? "leak: " : "", v->line[i].text);
}
