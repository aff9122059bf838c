/* SPDX-License-Identifier: BSD-3-Clause
 *
 * linear-load.h explains.
 *
 * The blocks that are looked at stand in two clusters: the first blocks of a
 * volume, and some around the end of the map's first leaf, so that requests
 * cross from one leaf to the next.  Places are counted in cells of a quarter
 * of a block, through both clusters: cell c is a part of block c / CELLS.
 *
 * Stamps are taken relaxed: they count, and order no memory, so that TSan
 * sees what the pool orders and nothing more.
 */

#include <config.h>

#include <stdatomic.h>

#include "bare.h"
#include "linear.h"
#include "linear-load.h"
#include "pool.h"
#include "test.h"

#define CELLS LINEAR_CELLS
#define FIRST 3                 /* blocks of the first cluster */
#define HOT 7                   /* ... and of both */
#define VOLUMES 2
#define KEPT 3                  /* rounds that a snapshot lives, at most */

static const char *const volume_name[VOLUMES] = { "v", "w" };

/* What was seen of a volume at one moment. */
struct view {
  bool taken;
  uint32_t value[HOT][CELLS];
};

/* Snapshots of one moment, or a clone. */
struct shot {
  uint64_t call, ret;
  struct view view[VOLUMES];
};

struct world {
  const struct load *load;
  struct pool *p;
  uint64_t hot[HOT];            /* their blocks in the volume */
  uint64_t size;                /* of a volume, bytes */
  size_t cell;                  /* bytes */
  struct vdev *handle[VOLUMES][LOAD_MAX_THREADS];
  unsigned handles;
  _Atomic uint64_t clock;
};

struct worker {
  struct world *w;
  struct base_thread t;
  unsigned number;              /* from 1 */
  uint32_t written;             /* values so far */
  struct base_rng rng;
  uint8_t *buf;                 /* HOT blocks */
  struct linear_history h[VOLUMES][HOT];
  uint64_t requests, refused;
  struct shot *shot;            /* of the keeper */
  size_t shots;
};

static uint64_t
stamp (struct world *w)
{
  uint64_t r;

  atomic_signal_fence (memory_order_seq_cst);
  r = atomic_fetch_add_explicit (&w->clock, 1, memory_order_relaxed);
  atomic_signal_fence (memory_order_seq_cst);
  return r;
}

/* ---- cells --------------------------------------------------------------- */

static uint64_t
offset_of (const struct world *w, unsigned cell)
{
  return w->hot[cell / CELLS] * w->load->block_size + cell % CELLS * w->cell;
}

static void
fill (const struct world *w, uint8_t *buf, unsigned n, uint32_t value)
{
  size_t i;

  for (i = 0; i < n * w->cell; i += sizeof value)
    memcpy (buf + i, &value, sizeof value);
}

static uint32_t
value_of (const struct world *w, const uint8_t *buf)
{
  uint32_t value;

  memcpy (&value, buf, sizeof value);
  CHECK_MSG (memcmp (buf, buf + sizeof value, w->cell - sizeof value) == 0,
             "a cell holds parts of two writes");
  return value;
}

/* ---- the histories ------------------------------------------------------- */

/* One request of N cells from FIRST; VALUE has one for each. */
static void
record (struct worker *me, unsigned volume, enum linear_kind kind,
        unsigned first, unsigned n, const uint32_t *value, uint64_t call,
        uint64_t ret)
{
  struct linear_op op = { .kind = kind, .call = call, .ret = ret,
                          .who = me->number };
  unsigned i;

  for (i = first; i < first + n; i++) {
    op.cells |= 1U << i % CELLS;
    op.value[i % CELLS] = value[i - first];
    if (i % CELLS == CELLS - 1 || i + 1 == first + n) {
      linear_add (&me->h[volume][i / CELLS], &op);
      op.cells = 0;
      memset (op.value, 0, sizeof op.value);
    }
  }
}

static void
print_bad (const struct load *l, unsigned volume, unsigned i,
           const struct linear_history *h, size_t at)
{
  printf ("SEED=%" PRIu64 ", volume %s, block %u of those looked at: who, "
          "call to return, and cells of\n", l->seed, volume_name[volume], i);
  linear_print (stdout, h, at);
  fflush (stdout);
}

static void
judge_block (const struct load *l, unsigned volume, unsigned i,
             struct linear_history *h, struct load_result *r)
{
  enum linear_verdict v;
  size_t at = 0;

  v = linear_check (h, &at);
  r->judged += h->n;
  test_count (h->n);
  if (v == LINEAR_BAD)
    print_bad (l, volume, i, h, at);
  CHECK_MSG (v != LINEAR_TOO_LARGE, "seed %" PRIu64 ": the history cannot be "
             "judged", l->seed);
  CHECK_MSG (v == LINEAR_OK, "seed %" PRIu64 ": the history is not "
             "linearizable", l->seed);
}

static void
judge_shot (const struct load *l, const struct shot *shot,
            struct linear_history h[VOLUMES][HOT])
{
  struct linear_seen seen[VOLUMES * HOT];
  unsigned volume, i;
  size_t n = 0, at = 0;

  for (volume = 0; volume < VOLUMES; volume++)
    for (i = 0; i < HOT && shot->view[volume].taken; i++) {
      seen[n].h = &h[volume][i];
      memcpy (seen[n++].value, shot->view[volume].value[i],
              sizeof seen[0].value);
    }
  CHECK_MSG (linear_cut (seen, n, shot->call, shot->ret, &at),
             "seed %" PRIu64 ": the snapshot of %" PRIu64 " to %" PRIu64
             " is not one moment (block %zu of those looked at)", l->seed,
             shot->call, shot->ret, at);
}

static void
judge (const struct load *l, struct worker *worker, unsigned n,
       struct load_result *r)
{
  struct linear_history h[VOLUMES][HOT];
  const struct worker *keeper = &worker[0];
  unsigned volume, i, k;
  size_t s;

  memset (h, 0, sizeof h);
  for (volume = 0; volume < VOLUMES; volume++)
    for (i = 0; i < HOT; i++) {
      for (k = 0; k < n; k++)
        linear_append (&h[volume][i], &worker[k].h[volume][i]);
      judge_block (l, volume, i, &h[volume][i], r);
    }
  for (s = 0; s < keeper->shots; s++)
    judge_shot (l, &keeper->shot[s], h);
  r->cuts += keeper->shots;
  for (volume = 0; volume < VOLUMES; volume++)
    for (i = 0; i < HOT; i++)
      linear_reset (&h[volume][i]);
}

/* ---- requests ------------------------------------------------------------ */

/* A range of cells within a cluster; whole blocks in one of two cases. */
static void
draw_range (struct worker *me, unsigned *first, unsigned *n)
{
  const bool far = base_rng_below (&me->rng, 2) == 0;
  const unsigned base = far ? FIRST : 0, blocks = far ? HOT - FIRST : FIRST;
  unsigned from, to;

  if (base_rng_below (&me->rng, 2) == 0) {
    from = (unsigned) base_rng_below (&me->rng, blocks) * CELLS;
    to = from + CELLS
      * (1 + (unsigned) base_rng_below (&me->rng, blocks - from / CELLS));
  }
  else {
    from = (unsigned) base_rng_below (&me->rng, blocks * CELLS);
    to = from + 1 + (unsigned) base_rng_below (&me->rng,
                                               blocks * CELLS - from);
    to = BASE_MIN (to, from + 1 + CELLS);
  }
  *first = base * CELLS + from;
  *n = to - from;
}

/* The result of a request that changes something: was it done? */
static bool
done (struct worker *me, int r)
{
  CHECK_MSG (r == 0 || r == -ENOSPC, "seed %" PRIu64 ": %s",
             me->w->load->seed, base_error_text ());
  me->refused += r != 0;
  return r == 0;
}

static void
do_write (struct worker *me, unsigned volume, struct vdev *d)
{
  struct world *w = me->w;
  uint32_t value = (me->number + 1) << 24 | ++me->written;
  uint32_t values[HOT * CELLS];
  unsigned first, n, i;
  uint32_t flags = base_rng_below (&me->rng, 8) ? 0 : VDEV_FUA;
  uint64_t call, ret;
  int r;

  draw_range (me, &first, &n);
  fill (w, me->buf, n, value);
  for (i = 0; i < n; i++)
    values[i] = value;
  call = stamp (w);
  r = vdev_write (d, me->buf, n * w->cell, offset_of (w, first), flags);
  ret = stamp (w);
  if (done (me, r))
    record (me, volume, LINEAR_WRITE, first, n, values, call, ret);
}

static void
do_zero (struct worker *me, unsigned volume, struct vdev *d)
{
  static const uint32_t zeroes[HOT * CELLS];
  struct world *w = me->w;
  const uint64_t how = base_rng_below (&me->rng, 4);
  unsigned first, n;
  uint64_t call, ret, len, off;
  int r;

  draw_range (me, &first, &n);
  off = offset_of (w, first);
  len = n * w->cell;
  if (how == 3 && base_rng_below (&me->rng, 4) == 0) {
    first = 0;                  /* all the volume, leaves as a whole */
    n = HOT * CELLS;
    off = 0;
    len = w->size;
  }
  memset (me->buf, 0, n * w->cell);
  call = stamp (w);
  if (how == 0)
    r = vdev_write (d, me->buf, len, off, 0);
  else if (how == 1)
    r = vdev_zero (d, len, off, VDEV_MAY_TRIM);
  else
    r = vdev_trim (d, len, off, 0);
  ret = stamp (w);
  if (done (me, r))
    record (me, volume, LINEAR_WRITE, first, n, zeroes, call, ret);
}

static void
do_read (struct worker *me, unsigned volume, struct vdev *d)
{
  struct world *w = me->w;
  uint32_t values[HOT * CELLS];
  unsigned first, n, i;
  uint64_t call, ret;
  int r;

  draw_range (me, &first, &n);
  call = stamp (w);
  r = vdev_read (d, me->buf, n * w->cell, offset_of (w, first));
  ret = stamp (w);
  CHECK_MSG (r == 0, "seed %" PRIu64 ": %s", w->load->seed,
             base_error_text ());
  for (i = 0; i < n; i++)
    values[i] = value_of (w, me->buf + i * w->cell);
  record (me, volume, LINEAR_READ, first, n, values, call, ret);
}

struct told {
  const struct world *w;
  enum linear_kind kind[HOT];
};

static int
extent (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  struct told *t = opaque;
  const uint64_t bs = t->w->load->block_size;
  unsigned i;

  for (i = 0; i < HOT; i++)
    if (t->w->hot[i] * bs >= offset && t->w->hot[i] * bs < offset + length)
      t->kind[i] = type & VDEV_ZEROES ? LINEAR_HOLE : LINEAR_DATA;
  return 0;
}

static void
do_extents (struct worker *me, unsigned volume, struct vdev *d)
{
  struct world *w = me->w;
  struct told t = { .w = w };
  struct linear_op op = { .who = me->number };
  unsigned i;

  op.call = stamp (w);
  CHECK (vdev_extents (d, w->size, 0, 0, extent, &t) == 0);
  op.ret = stamp (w);
  for (i = 0; i < HOT; i++) {
    op.kind = t.kind[i];
    CHECK (op.kind == LINEAR_HOLE || op.kind == LINEAR_DATA);
    linear_add (&me->h[volume][i], &op);
  }
}

static void *
work (void *arg)
{
  struct worker *me = arg;
  struct world *w = me->w;
  unsigned i;

  for (i = 0; i < w->load->requests; i++) {
    const unsigned volume = base_rng_below (&me->rng, 4) == 0;
    struct vdev *d = w->handle[volume][me->number % w->handles];
    const uint64_t what = base_rng_below (&me->rng, 32);

    if (what < 13)
      do_write (me, volume, d);
    else if (what < 18)
      do_zero (me, volume, d);
    else if (what < 30)
      do_read (me, volume, d);
    else if (what < 31)
      do_extents (me, volume, d);
    else if (base_rng_below (&me->rng, 2))
      CHECK_EQ_INT (vdev_flush (d), 0);
    else
      CHECK_EQ_INT (pool_checkpoint (w->p), 0);
    me->requests++;
  }
  return NULL;
}

/* ---- the keeper ---------------------------------------------------------- */

static void
look (struct worker *me, const char *name, struct view *v)
{
  struct world *w = me->w;
  struct vdev *d;
  unsigned i;

  CHECK_MSG (pool_volume_open (w->p, name, true, NULL, &d) == 0, "%s",
             base_error_text ());
  for (i = 0; i < HOT * CELLS; i++) {
    CHECK_MSG (vdev_read (d, me->buf, w->cell, offset_of (w, i)) == 0,
               "seed %" PRIu64 ": %s", w->load->seed, base_error_text ());
    v->value[i / CELLS][i % CELLS] = value_of (w, me->buf);
  }
  vdev_unref (d);
  v->taken = true;
}

/* It is still what it was. */
static void
look_again (struct worker *me, const char *name, const struct view *was)
{
  struct view now;

  look (me, name, &now);
  CHECK_MSG (memcmp (now.value, was->value, sizeof now.value) == 0,
             "seed %" PRIu64 ": %s has changed", me->w->load->seed, name);
}

/* What was seen at one moment between CALL and RET. */
static void
seen_at_once (struct worker *me, const struct shot *shot)
{
  unsigned volume;

  for (volume = 0; volume < VOLUMES; volume++)
    if (shot->view[volume].taken)
      record (me, volume, LINEAR_READ, 0, HOT * CELLS,
              &shot->view[volume].value[0][0], shot->call, shot->ret);
  me->shot = realloc (me->shot, (me->shots + 1) * sizeof me->shot[0]);
  CHECK (me->shot != NULL);
  me->shot[me->shots++] = *shot;
}

static void
snapshot_name (char *name, unsigned volume, unsigned round)
{
  sprintf (name, "%s@s%u", volume_name[volume], round);
}

/* A snapshot of one volume or of both; false if there was no room. */
static bool
take (struct worker *me, unsigned round, struct shot *shot)
{
  const unsigned n = base_rng_below (&me->rng, 3) ? VOLUMES : 1;
  const unsigned first = n == 1 ? (unsigned) base_rng_below (&me->rng, 2) : 0;
  char text[VOLUMES][32];
  const char *names[VOLUMES];
  unsigned i;
  int r;

  memset (shot, 0, sizeof *shot);
  for (i = 0; i < n; i++) {
    snapshot_name (text[i], first + i, round);
    names[i] = text[i];
  }
  shot->call = stamp (me->w);
  r = pool_snapshot (me->w->p, names, n, 0);
  shot->ret = stamp (me->w);
  if (!done (me, r))
    return false;
  for (i = 0; i < n; i++)
    look (me, names[i], &shot->view[first + i]);
  seen_at_once (me, shot);
  return true;
}

/* A clone of a snapshot or of a volume that is being written; what is written
 * into it shows nowhere else.
 */
static void
try_clone (struct worker *me, unsigned round, const struct shot *shot)
{
  const unsigned volume = (unsigned) base_rng_below (&me->rng, VOLUMES);
  const bool live = base_rng_below (&me->rng, 2);
  struct shot own = { .call = stamp (me->w) };
  struct world *w = me->w;
  char name[32];
  struct vdev *d;
  int r;

  if (!live && !shot->view[volume].taken)
    return;
  snapshot_name (name, volume, round);
  r = pool_clone (w->p, live ? volume_name[volume] : name, "c", 0);
  own.ret = stamp (w);
  if (!done (me, r))
    return;
  if (live) {
    look (me, "c", &own.view[volume]);
    seen_at_once (me, &own);
  }
  else
    look_again (me, "c", &shot->view[volume]);
  CHECK (pool_volume_open (w->p, "c", false, NULL, &d) == 0);
  fill (w, me->buf, CELLS, UINT32_C (0xdead));
  r = vdev_write (d, me->buf, w->load->block_size, offset_of (w, CELLS), 0);
  (void) done (me, r);
  r = vdev_trim (d, w->load->block_size, offset_of (w, FIRST * CELLS), 0);
  (void) done (me, r);
  vdev_unref (d);
  if (!live)
    look_again (me, name, &shot->view[volume]);
  CHECK_MSG (pool_remove (w->p, "c", 0) == 0, "%s", base_error_text ());
}

static void
forget (struct worker *me, unsigned round, const struct shot *shot)
{
  char name[32];
  unsigned volume;

  for (volume = 0; volume < VOLUMES; volume++) {
    if (!shot->view[volume].taken)
      continue;
    snapshot_name (name, volume, round);
    look_again (me, name, &shot->view[volume]);
    CHECK_MSG (pool_remove (me->w->p, name, 0) == 0, "%s",
               base_error_text ());
  }
}

static void
housework (struct worker *me)
{
  struct pool *p = me->w->p;
  int r = 0;

  switch (base_rng_below (&me->rng, 4)) {
  case 0: r = pool_checkpoint (p); break;
  case 1: r = pool_flush (p); break;
  case 2: r = pool_reclaim (p); break;
  default: r = pool_work (p); break;
  }
  CHECK_MSG (r >= 0, "%s", base_error_text ());
}

static void *
keep (void *arg)
{
  struct worker *me = arg;
  struct shot shot[KEPT];
  unsigned round;

  memset (shot, 0, sizeof shot);
  for (round = 0; round < me->w->load->rounds; round++) {
    struct shot *s = &shot[round % KEPT];

    if (round >= KEPT)
      forget (me, round - KEPT, s);
    if (take (me, round, s) && base_rng_below (&me->rng, 2) == 0)
      try_clone (me, round, s);
    housework (me);
    me->requests++;
  }
  for (round = round < KEPT ? 0 : round - KEPT; round < me->w->load->rounds;
       round++)
    forget (me, round, &shot[round % KEPT]);
  return NULL;
}

/* ---- setting up ---------------------------------------------------------- */

static void
open_world (struct world *w, struct base_rng *rng)
{
  const struct load *l = w->load;
  struct pool_format_options f = { .block_size = l->block_size };
  struct pool_options o = { .cache_size = l->one_node_cached ? 1 : 0 };
  struct vdev *backing = bare_open (l->blocks * l->block_size, l->seed,
                                    l->one_writer, l->simulated);
  const uint64_t fan = l->block_size / 16;
  unsigned volume, i;

  for (i = 0; i < HOT; i++)
    w->hot[i] = i < FIRST ? i : fan - 2 + (i - FIRST);
  w->cell = l->block_size / CELLS;
  w->size = (fan + HOT) * l->block_size;
  w->clock = 1;
  w->handles = 1 + (unsigned) base_rng_below (rng, l->threads);
  CHECK_MSG (pool_format (backing, &f) == 0, "%s", base_error_text ());
  CHECK_MSG (pool_open (backing, &o, &w->p) == 0, "%s", base_error_text ());
  for (volume = 0; volume < VOLUMES; volume++) {
    CHECK_MSG (pool_create (w->p, volume_name[volume], w->size, 0) == 0, "%s",
               base_error_text ());
    for (i = 0; i < w->handles; i++)
      CHECK (pool_volume_open (w->p, volume_name[volume], false, NULL,
                               &w->handle[volume][i]) == 0);
  }
  if (l->background)
    CHECK (pool_start (w->p) == 0);
}

static void
close_world (struct world *w, struct worker *keeper)
{
  struct pool_check_options o = { .data = true };
  struct shot shot = { .call = 0 };
  struct pool_check_result r;
  unsigned volume, i;

  for (volume = 0; volume < VOLUMES; volume++)
    for (i = 0; i < w->handles; i++)
      vdev_unref (w->handle[volume][i]);
  shot.call = stamp (w);
  for (volume = 0; volume < VOLUMES; volume++)
    look (keeper, volume_name[volume], &shot.view[volume]);
  shot.ret = stamp (w);
  seen_at_once (keeper, &shot);
  CHECK_MSG (pool_reclaim (w->p) == 0, "%s", base_error_text ());
  CHECK_EQ_INT (pool_check (w->p, &o, &r), 0);
  CHECK_MSG (r.errors == 0 && r.leaks == 0, "seed %" PRIu64 ": the check "
             "finds %" PRIu64 " errors", w->load->seed, r.errors);
  CHECK_EQ_INT (pool_close (w->p), 0);
}

void
load_draw (struct load *l, uint64_t seed)
{
  struct base_rng rng;

  base_rng_seed (&rng, seed);
  memset (l, 0, sizeof *l);
  l->seed = seed;
  l->threads = 2 + (unsigned) base_rng_below (&rng, LOAD_MAX_THREADS - 1);
  l->requests = 60;
  l->rounds = 5;
  l->block_size = base_rng_below (&rng, 4) ? 4096 : 8192;
  l->blocks = 64 << base_rng_below (&rng, 4);
  l->one_writer = base_rng_below (&rng, 2);
  l->one_node_cached = base_rng_below (&rng, 2);
}

void
load_run (const struct load *l, struct load_result *r)
{
  struct worker worker[LOAD_MAX_THREADS + 1];
  struct world w = { .load = l };
  struct base_rng rng;
  unsigned i, k, volume;

  base_rng_seed (&rng, l->seed);
  open_world (&w, &rng);
  memset (worker, 0, sizeof worker);
  for (i = 0; i <= l->threads; i++) {
    worker[i].w = &w;
    worker[i].number = i;
    worker[i].buf = malloc (HOT * (size_t) l->block_size);
    CHECK (worker[i].buf != NULL);
    base_rng_seed (&worker[i].rng, base_rng_u64 (&rng));
    CHECK (base_thread_create (&worker[i].t, i == 0 ? keep : work,
                               &worker[i]) == 0);
  }
  for (i = 0; i <= l->threads; i++)
    base_thread_join (&worker[i].t);
  close_world (&w, &worker[0]);
  judge (l, worker, l->threads + 1, r);
  for (i = 0; i <= l->threads; i++) {
    r->requests += worker[i].requests;
    r->refused += worker[i].refused;
    for (volume = 0; volume < VOLUMES; volume++)
      for (k = 0; k < HOT; k++)
        linear_reset (&worker[i].h[volume][k]);
    free (worker[i].buf);
    free (worker[i].shot);
  }
}
