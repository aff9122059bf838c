/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The gate; gate.h is the manual.
 */

#include <config.h>

#include <stdlib.h>

#include "gate.h"
#include "sim.h"

#define PATIENCE 3600000        /* ms of simulated time */

struct gated {
  struct vdev_pass p;
  struct gate *g;
};

static struct gate *
gate_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct gated, p.d)->g;
}

static void
enter (struct vdev *d, enum gate_op op)
{
  struct gate *g = gate_of (d);
  unsigned i;

  g->inside[op]++;
  g->most[op] = BASE_MAX (g->most[op], g->inside[op]);
  for (i = 0; i < g->points; i++)
    sim_point ();
  LOCK_FOR_SCOPE (&g->lock);

  if (g->nth == 0 || g->op != op || --g->nth > 0)
    return;
  g->standing = true;
  base_cond_broadcast (&g->changed);
  while (g->standing && !g->late)
    g->late = !base_cond_timedwait (&g->changed, &g->lock, PATIENCE);
  g->standing = false;
  base_cond_broadcast (&g->changed);
}

static int
leave (struct vdev *d, enum gate_op op, int r)
{
  gate_of (d)->inside[op]--;
  return r;
}

static int
gate_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  enter (d, GATE_READ);
  return leave (d, GATE_READ, vdev_pass_read (d, buf, len, off));
}

static int
gate_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
            uint32_t flags)
{
  enter (d, GATE_WRITE);
  return leave (d, GATE_WRITE, vdev_pass_write (d, buf, len, off, flags));
}

static int
gate_flush (struct vdev *d)
{
  enter (d, GATE_FLUSH);
  return leave (d, GATE_FLUSH, vdev_pass_flush (d));
}

static const struct vdev_ops gate_ops = {
  .kind = "gate",
  .read = gate_read,
  .write = gate_write,
  .flush = gate_flush,
  .trim = vdev_pass_trim,
  .zero = vdev_pass_zero,
  .extents = vdev_pass_extents,
  .resize = vdev_pass_resize,
  .stat = vdev_pass_stat,
  .describe = vdev_pass_describe,
  .close = vdev_pass_close,
};

struct vdev *
gate_open (struct vdev *child, struct gate *g)
{
  struct gated *d = calloc (1, sizeof *d);

  memset (g, 0, sizeof *g);
  base_mutex_init (&g->lock);
  base_cond_init (&g->changed);
  if (d == NULL || vdev_pass_init (&d->p, &gate_ops, child, 0, 0) < 0) {
    fprintf (stderr, "gate: out of memory\n");
    abort ();
  }
  d->g = g;
  return &d->p.d;
}

void
gate_free (struct gate *g)
{
  base_mutex_destroy (&g->lock);
  base_cond_destroy (&g->changed);
}

void
gate_close (struct gate *g, enum gate_op op, unsigned nth)
{
  LOCK_FOR_SCOPE (&g->lock);

  g->op = op;
  g->nth = nth;
  g->late = false;
}

void
gate_wait (struct gate *g)
{
  LOCK_FOR_SCOPE (&g->lock);

  while (!g->standing && !g->late)
    base_cond_wait (&g->changed, &g->lock);
}

void
gate_let_go (struct gate *g)
{
  LOCK_FOR_SCOPE (&g->lock);

  g->nth = 0;
  g->standing = false;
  base_cond_broadcast (&g->changed);
}
