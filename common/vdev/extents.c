/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The extents wrapper.
 *
 * A device reports what it finds convenient: ranges that begin before or end
 * behind the question, neighbours of one type, or, when a hole was filled
 * under its feet, fewer than asked for.  The walk below turns that into what
 * the contract promises: ascending, contiguous, no two neighbours alike,
 * exactly the range of the question.  What the device said nothing about is
 * data, which is always a true answer.
 */

#include <config.h>

#include "vdev.h"
#include "vdev-internal.h"

struct walk {
  uint64_t next, end;           /* the part not yet told */
  uint64_t offset, length;      /* the last extent, kept back to grow */
  uint32_t type;
  bool one;                     /* VDEV_REQ_ONE */
  bool stopped;
  int result;
  vdev_extent_fn fn;
  void *opaque;
};

static void
tell (struct walk *w)
{
  if (w->length == 0 || w->stopped)
    return;
  w->result = w->fn (w->opaque, w->offset, w->length, w->type);
  w->length = 0;
  if (w->result != 0 || w->one)
    w->stopped = true;
}

/* LENGTH bytes from w->next on are of TYPE. */
static void
add (struct walk *w, uint64_t length, uint32_t type)
{
  if (length == 0)
    return;
  if (w->length > 0 && w->type != type)
    tell (w);
  if (w->length == 0) {
    w->offset = w->next;
    w->type = type;
  }
  w->length += length;
  w->next += length;
}

/* The function that the device calls. */
static int
report (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  struct walk *w = opaque;
  uint64_t end;

  if (BASE_ADD_OVERFLOW (offset, length, &end))
    end = UINT64_MAX;
  end = BASE_MIN (end, w->end);
  if (w->stopped || end <= w->next)
    return w->stopped || w->next == w->end;
  if (offset > w->next)
    add (w, BASE_MIN (offset, w->end) - w->next, VDEV_DATA);
  add (w, end - w->next, type);
  return w->stopped || w->next == w->end;
}

int
vdev_extents (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags,
              vdev_extent_fn fn, void *opaque)
{
  const uint64_t mask = d->info.align - 1;
  struct walk w = {
    .next = off, .end = off + len, .one = flags & VDEV_REQ_ONE,
    .fn = fn, .opaque = opaque,
  };
  uint64_t start, end;
  int r;

  if (flags & ~VDEV_REQ_ONE)
    return base_fail (EINVAL, "%s: extents: flags %#x", d->ops->kind, flags);
  r = vdev_admit (d, "extents", len, off);
  if (r < 0 || len == 0)
    return r;

  if (vdev_has (d, VDEV_EXTENTS)) {
    start = off & ~mask;
    end = (off + len + mask) & ~mask;
    r = d->ops->extents (d, end - start, start, flags, report, &w);
    if (r < 0 && !w.stopped)
      return r;
  }
  /* With REQ_ONE a device may well stop after the first. */
  if (!w.stopped && !(w.one && w.length > 0))
    add (&w, w.end - w.next, VDEV_DATA);
  tell (&w);
  return w.result < 0 ? w.result : 0;
}
