/* SPDX-License-Identifier: BSD-3-Clause
 *
 * linear.h explains what is judged.  How:
 *
 * Calls and returns are gone through in order of time.  A configuration is
 * a state of the block and, of the requests under way, which have taken
 * effect.  Nothing takes effect before it must: at the return of a request
 * that has not, all sequences of writes under way are tried that end in its
 * taking effect.  A read takes effect as soon as the state is what it read,
 * which takes nothing from anybody.  Equal configurations are one, and a
 * history is bad when none is left.
 */

#include <config.h>

#include "base.h"
#include "linear.h"
#include "test.h"

#define CONFIGURATIONS (UINT32_C (1) << 20)

struct state {
  uint32_t done;                /* bits: slots of requests under way */
  uint32_t cell[LINEAR_CELLS];
};

/* A set: an array in order of arrival, and a hash table of indexes + 1. */
struct set {
  struct state *s;
  uint32_t n, room;
  uint32_t *hash;               /* 2 * room */
};

struct judge {
  const struct linear_op *slot[LINEAR_OPEN];    /* NULL = free */
  struct set now, next, seen;
  bool too_large;
};

/* ---- histories ----------------------------------------------------------- */

void
linear_add (struct linear_history *h, const struct linear_op *op)
{
  if (h->n == h->room) {
    h->room = h->room ? 2 * h->room : 64;
    h->op = realloc (h->op, h->room * sizeof h->op[0]);
    CHECK (h->op != NULL);
  }
  h->op[h->n++] = *op;
}

void
linear_append (struct linear_history *to, const struct linear_history *from)
{
  size_t i;

  for (i = 0; i < from->n; i++)
    linear_add (to, &from->op[i]);
}

void
linear_reset (struct linear_history *h)
{
  free (h->op);
  memset (h, 0, sizeof *h);
}

/* ---- sets of configurations ---------------------------------------------- */

static uint32_t
hash_of (const struct state *s)
{
  uint64_t h = s->done;
  unsigned i;

  for (i = 0; i < LINEAR_CELLS; i++)
    h = (h ^ s->cell[i]) * UINT64_C (0x9e3779b97f4a7c15);
  return (uint32_t) (h >> 32);
}

static uint32_t *
find (const struct set *set, const struct state *s)
{
  uint32_t i = hash_of (s);

  for (;; i++) {
    uint32_t *h = &set->hash[i & (2 * set->room - 1)];

    if (*h == 0 || memcmp (&set->s[*h - 1], s, sizeof *s) == 0)
      return h;
  }
}

/* The last one first: so nobody stands in the way of one that is looked
 * for.
 */
static void
set_clear (struct set *set)
{
  while (set->n > 0) {
    set->n--;
    *find (set, &set->s[set->n]) = 0;
  }
}

static void
grow (struct set *set)
{
  uint32_t i;

  free (set->hash);
  set->room = set->room ? 2 * set->room : 16;
  set->s = realloc (set->s, set->room * sizeof set->s[0]);
  set->hash = calloc (2 * set->room, sizeof set->hash[0]);
  CHECK (set->s != NULL && set->hash != NULL);
  for (i = 0; i < set->n; i++)
    *find (set, &set->s[i]) = i + 1;
}

/* True if it was not there. */
static bool
set_add (struct set *set, const struct state *s)
{
  uint32_t *h;

  if (set->n == set->room)
    grow (set);
  h = find (set, s);
  if (*h != 0)
    return false;
  set->s[set->n++] = *s;
  *h = set->n;
  return true;
}

static void
set_free (struct set *set)
{
  free (set->s);
  free (set->hash);
}

static void
swap (struct set *a, struct set *b)
{
  const struct set t = *a;

  *a = *b;
  *b = t;
}

/* ---- taking effect ------------------------------------------------------- */

static bool
agrees (const struct linear_op *op, const uint32_t *cell)
{
  bool zero = true;
  unsigned i;

  for (i = 0; i < LINEAR_CELLS; i++) {
    if (op->kind == LINEAR_READ && (op->cells >> i & 1)
        && op->value[i] != cell[i])
      return false;
    zero = zero && cell[i] == 0;
  }
  return op->kind == LINEAR_READ || zero == (op->kind == LINEAR_HOLE);
}

/* All reads that may take effect in this state. */
static void
serve_reads (const struct judge *j, struct state *s)
{
  unsigned i;

  for (i = 0; i < LINEAR_OPEN; i++)
    if (j->slot[i] && !(s->done >> i & 1) && j->slot[i]->kind != LINEAR_WRITE
        && agrees (j->slot[i], s->cell))
      s->done |= UINT32_C (1) << i;
}

static struct state
after_write (const struct judge *j, const struct state *s, unsigned slot)
{
  const struct linear_op *op = j->slot[slot];
  struct state r = *s;
  unsigned i;

  for (i = 0; i < LINEAR_CELLS; i++)
    if (op->cells >> i & 1)
      r.cell[i] = op->value[i];
  r.done |= UINT32_C (1) << slot;
  serve_reads (j, &r);
  return r;
}

/* All ways from S to a state in which SLOT has taken effect. */
static void
reach (struct judge *j, const struct state *start, unsigned slot)
{
  const uint32_t bit = UINT32_C (1) << slot;
  struct state s = *start, t;
  uint32_t at;
  unsigned i;

  /* The requests that took effect in vain leave the slot's bit clear. */
  if (s.done & bit) {
    s.done &= ~bit;
    set_add (&j->next, &s);
    return;
  }
  at = j->seen.n;
  if (!set_add (&j->seen, &s))
    return;
  for (; at < j->seen.n && j->seen.n < CONFIGURATIONS; at++)
    for (i = 0; i < LINEAR_OPEN; i++) {
      s = j->seen.s[at];
      if (j->slot[i] == NULL || (s.done >> i & 1)
          || j->slot[i]->kind != LINEAR_WRITE)
        continue;
      t = after_write (j, &s, i);
      if (!(t.done & bit))
        set_add (&j->seen, &t);
      else {
        t.done &= ~bit;
        set_add (&j->next, &t);
      }
    }
  if (j->seen.n >= CONFIGURATIONS)
    j->too_large = true;
}

static void
called (struct judge *j, const struct linear_op *op)
{
  unsigned slot;
  uint32_t i;

  for (slot = 0; slot < LINEAR_OPEN && j->slot[slot]; slot++)
    ;
  CHECK_MSG (slot < LINEAR_OPEN, "too many requests at once");
  j->slot[slot] = op;
  if (op->kind == LINEAR_WRITE)
    return;
  set_clear (&j->next);
  for (i = 0; i < j->now.n; i++) {
    struct state s = j->now.s[i];

    serve_reads (j, &s);
    set_add (&j->next, &s);
  }
  swap (&j->now, &j->next);
}

/* False if no configuration is left. */
static bool
returned (struct judge *j, const struct linear_op *op)
{
  unsigned slot;
  uint32_t i;

  for (slot = 0; j->slot[slot] != op; slot++)
    ;
  set_clear (&j->next);
  set_clear (&j->seen);
  for (i = 0; i < j->now.n && !j->too_large; i++)
    reach (j, &j->now.s[i], slot);
  j->slot[slot] = NULL;
  swap (&j->now, &j->next);
  return j->now.n > 0;
}

/* ---- going through ------------------------------------------------------- */

static int
by_call (const void *a, const void *b)
{
  const struct linear_op *x = a, *y = b;

  return x->call < y->call ? -1 : x->call > y->call;
}

static int
by_return (const void *a, const void *b)
{
  const struct linear_op *const *x = a, *const *y = b;

  return (*x)->ret < (*y)->ret ? -1 : (*x)->ret > (*y)->ret;
}

enum linear_verdict
linear_check (struct linear_history *h, size_t *at)
{
  const struct linear_op **end = calloc (h->n + 1, sizeof *end);
  struct judge j = { .too_large = false };
  size_t c = 0, r = 0;
  bool ok = true;

  CHECK (end != NULL);
  if (h->n > 0)
    qsort (h->op, h->n, sizeof h->op[0], by_call);
  for (c = 0; c < h->n; c++)
    end[c] = &h->op[c];
  qsort (end, h->n, sizeof *end, by_return);
  set_add (&j.now, &(struct state) { .done = 0 });
  for (c = 0; r < h->n && ok && !j.too_large; )
    if (c < h->n && h->op[c].call < end[r]->ret)
      called (&j, &h->op[c++]);
    else
      ok = returned (&j, end[r++]);
  if (!ok && at)
    *at = (size_t) (end[r - 1] - h->op);
  free (end);
  set_free (&j.now);
  set_free (&j.next);
  set_free (&j.seen);
  return j.too_large ? LINEAR_TOO_LARGE : ok ? LINEAR_OK : LINEAR_BAD;
}

void
linear_print (FILE *fp, const struct linear_history *h, size_t at)
{
  static const char *const kind[] = { "write", "read", "hole", "data" };
  const struct linear_op *bad = &h->op[at];
  size_t i, first = at;
  unsigned c;

  while (first > 0 && (h->op[first - 1].ret > bad->call || at - first < 12))
    first--;
  for (i = first; i < h->n && h->op[i].call < bad->ret; i++) {
    const struct linear_op *op = &h->op[i];

    fprintf (fp, "%c %2u %6" PRIu64 " to %6" PRIu64 " %-5s",
             i == at ? '*' : ' ', op->who, op->call, op->ret, kind[op->kind]);
    for (c = 0; c < LINEAR_CELLS; c++)
      if (op->kind > LINEAR_READ || !(op->cells >> c & 1))
        fprintf (fp, " %8s", "-");
      else
        fprintf (fp, " %8" PRIx32, op->value[c]);
    fprintf (fp, "\n");
  }
}

/* ---- cuts ---------------------------------------------------------------- */

struct window { uint64_t from, to; };

struct windows {
  struct window *w;
  size_t n, room;
};

static void
add_window (struct windows *ws, uint64_t from, uint64_t to)
{
  if (ws->n == ws->room) {
    ws->room = ws->room ? 2 * ws->room : 16;
    ws->w = realloc (ws->w, ws->room * sizeof ws->w[0]);
    CHECK (ws->w != NULL);
  }
  ws->w[ws->n++] = (struct window) { from, to };
}

/* Does OP tell of CELL? */
static bool
tells (const struct linear_op *op, unsigned cell)
{
  return (op->kind == LINEAR_WRITE || op->kind == LINEAR_READ)
    && (op->cells >> cell & 1);
}

/* VALUE was written into CELL at [CALL, RET]: when may it have stood there?
 * From the call on.  It was there at the latest when the write returned or
 * somebody had read it.  It had gone when a write or a read of something else
 * returned that had been called after that.
 */
static struct window
window_of (const struct linear_history *h, unsigned cell, uint32_t value,
           uint64_t call, uint64_t ret)
{
  struct window w = { call, UINT64_MAX };
  size_t i;

  for (i = 0; i < h->n && value != 0; i++) {
    const struct linear_op *op = &h->op[i];

    if (op->kind == LINEAR_READ && tells (op, cell)
        && op->value[cell] == value && op->ret < ret)
      ret = op->ret;
  }
  for (i = 0; i < h->n; i++) {
    const struct linear_op *op = &h->op[i];

    if (tells (op, cell) && op->call > ret && op->ret < w.to
        && (op->kind == LINEAR_WRITE || op->value[cell] != value))
      w.to = op->ret;
  }
  return w;
}

static void
windows_of (const struct linear_history *h, unsigned cell, uint32_t value,
            struct windows *ws)
{
  size_t i;

  ws->n = 0;
  if (value == 0) {
    const struct window w = window_of (h, cell, 0, 0, 0);

    add_window (ws, w.from, w.to);
  }
  for (i = 0; i < h->n; i++) {
    const struct linear_op *op = &h->op[i];

    if (op->kind == LINEAR_WRITE && (op->cells >> cell & 1)
        && op->value[cell] == value) {
      const struct window w = window_of (h, cell, value, op->call, op->ret);

      add_window (ws, w.from, w.to);
    }
  }
}

/* What POSSIBLE and WS have in common. */
static void
intersect (struct windows *possible, const struct windows *ws)
{
  struct windows r = { .n = 0 };
  size_t i, k;

  for (i = 0; i < possible->n; i++)
    for (k = 0; k < ws->n; k++) {
      const uint64_t from = BASE_MAX (possible->w[i].from, ws->w[k].from);
      const uint64_t to = BASE_MIN (possible->w[i].to, ws->w[k].to);
      bool known = false;
      size_t m;

      for (m = 0; m < r.n; m++)
        known = known || (r.w[m].from <= from && r.w[m].to >= to);
      if (from <= to && !known)
        add_window (&r, from, to);
    }
  free (possible->w);
  *possible = r;
}

bool
linear_cut (const struct linear_seen *seen, size_t n, uint64_t call,
            uint64_t ret, size_t *at)
{
  struct windows possible = { .n = 0 }, ws = { .n = 0 };
  bool ok = true;
  unsigned cell;
  size_t i;

  add_window (&possible, call, ret);
  for (i = 0; i < n && ok; i++)
    for (cell = 0; cell < LINEAR_CELLS && ok; cell++) {
      windows_of (seen[i].h, cell, seen[i].value[cell], &ws);
      intersect (&possible, &ws);
      ok = possible.n > 0;
      if (!ok && at)
        *at = i;
    }
  free (possible.w);
  free (ws.w);
  return ok;
}
