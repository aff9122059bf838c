/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The life of a world: disks, opening, the engine's hooks, comparing.
 *
 * Comparing does not trust the engine's word on which commit it has opened:
 * each candidate state is kept in the race until a byte, name or size
 * differs, and at least one must be left at the end.
 */

#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "crash-world.h"
#include "devices-test.h"
#include "sim.h"

#define CHUNK (64U << 10)

static __thread struct crash_actor *current;

static void *
need (void *p)
{
  if (p == NULL) {
    fprintf (stderr, "crash-world: out of memory\n");
    abort ();
  }
  return p;
}

bool
crash_fail (struct crash_world *w, const char *fs, ...)
{
  va_list args;

  if (!w->failed) {
    w->failed = true;
    va_start (args, fs);
    vsnprintf (w->failure, sizeof w->failure, fs, args);
    va_end (args);
  }
  return false;
}

/* ---- disks ------------------------------------------------------------- */

/* A device and its recorder, used again and again: a recorder's memory is
 * too expensive to be made for each of some hundred thousand worlds.
 */
struct disk {
  struct disk *next;
  struct vdev *image, *recorder;
};
static struct disk *free_disks;

static struct disk *
disk_get (struct image *i)
{
  struct disk *d = free_disks;

  if (d) {
    free_disks = d->next;
    recorder_reset (d->recorder);
    image_vdev_switch (d->image, i);
    atomic_store (&d->recorder->sticky, 0);
    vdev_set_size (d->recorder, i->size);
    return d;
  }
  d = need (calloc (1, sizeof *d));
  d->image = image_vdev (i);
  if (recorder_open (d->image, &d->recorder) < 0) {
    fprintf (stderr, "crash-world: %s\n", base_error_text ());
    abort ();
  }
  return d;
}

uint64_t
crash_world_position (struct crash_world *w)
{
  uint64_t now;

  if (w->log == NULL)
    return 0;
  sim_hold (true);
  now = recorder_log (w->log).now;
  sim_hold (false);
  return now;
}

/* ---- hooks ------------------------------------------------------------- */

static void
crash_published (void *opaque, uint64_t id, uint64_t offset, uint64_t length)
{
  struct crash_world *w = opaque;
  struct crash_actor *a = current, *b;
  struct oracle_volume *v;

  if (w->failed)
    return;
  if (a == NULL || a->op == NULL) {
    crash_fail (w, "volume %" PRIu64 " changed by nobody's operation", id);
    return;
  }
  a->calls++;
  if (length == 0) {
    if (!a->verb)
      crash_fail (w, "%s took effect as a verb",
                  crash_kind_names[a->op->kind]);
    else if (!a->applied)
      crash_apply_verb (a);
    return;
  }
  v = oracle_find_key (w->live, a->key);
  if (v && offset < v->size)    /* the last block may go beyond the end */
    length = BASE_MIN (length, v->size - offset);
  if (a->verb || v == NULL || offset < a->off ||
      offset + length > a->off + a->len) {
    crash_fail (w, "%s changed bytes %" PRIu64 "+%" PRIu64 " of volume %"
                PRIu64 ", which nobody asked for",
                crash_kind_names[a->op->kind], offset, length, id);
    return;
  }
  if (v->id == 0)
    oracle_set_id (&w->live, a->key, id);
  else if (v->id != id) {
    crash_fail (w, "a request for volume %" PRIu64 " changed volume %" PRIu64,
                v->id, id);
    return;
  }
  oracle_write (&w->live, a->key, a->buf ? a->buf + (offset - a->off) : NULL,
                length, offset, w->block);
  a->published += length;
  a->change = ++w->changes;
  for (b = w->actors; b; b = b->next)
    if (b->reading == a->key)
      crash_actor_version (b);
}

static void
crash_cut (void *opaque, uint64_t generation BASE_UNUSED)
{
  struct crash_world *w = opaque;

  if (!w->opening && w->log)
    oracle_add_cut (&w->timeline, crash_world_position (w), w->changes,
                    oracle_state_ref (w->live));
}

/* ---- actors ------------------------------------------------------------ */

void
crash_actor_init (struct crash_actor *a, struct crash_world *w,
                  unsigned number)
{
  memset (a, 0, sizeof *a);
  a->w = w;
  a->number = number;
  a->next = w->actors;
  w->actors = a;
}

void
crash_actor_fini (struct crash_actor *a)
{
  struct crash_actor **p;

  crash_actor_close (a, 0);
  for (p = &a->w->actors; *p != a; p = &(*p)->next)
    ;
  *p = a->next;
  free (a->version);
}

void
crash_actor_close (struct crash_actor *a, uint64_t key)
{
  unsigned i;

  for (i = 0; i < CRASH_HANDLES; i++)
    if (a->handle[i].key != 0 && (key == 0 || a->handle[i].key == key)) {
      vdev_unref (a->handle[i].d);
      a->handle[i].key = 0;
      a->handle[i].d = NULL;
    }
}

struct vdev *
crash_actor_handle (struct crash_actor *a, uint64_t key)
{
  struct crash_handle *h = NULL;
  struct oracle_volume *v;
  char name[ORACLE_NAME];
  unsigned i;
  int r;

  /* The calling thread is A's from now on. */
  current = a;
  for (i = 0; i < CRASH_HANDLES; i++) {
    if (a->handle[i].key == key)
      return a->handle[i].d;
    if (a->handle[i].key == 0)
      h = &a->handle[i];
  }
  if (h == NULL) {
    crash_actor_close (a, a->handle[0].key);
    h = &a->handle[0];
  }
  v = oracle_find_key (a->w->live, key);
  memcpy (name, v->name, sizeof name);
  r = a->w->e->volume_open (a->w->pool, name, false, NULL, &h->d);
  if (r < 0) {
    h->d = NULL;
    if (!crash_fault_answer (a, r, false))
      crash_fail (a->w, "open %s: %s (%s)", name, strerror (-r),
                  base_error_text ());
    return NULL;
  }
  h->key = key;
  return h->d;
}

void
crash_begin (struct crash_actor *a, const struct crash_op *op, uint64_t key,
             const uint8_t *buf, uint64_t off, uint64_t len)
{
  current = a;
  a->op = op;
  a->key = key;
  a->buf = buf;
  a->off = off;
  a->len = len;
  a->published = 0;
  a->change = 0;
  a->calls = 0;
  a->verb = a->applied = false;
}

void
crash_end (struct crash_actor *a)
{
  a->op = NULL;
}

/* ---- comparing --------------------------------------------------------- */

struct listed { char name[ORACLE_NAME]; uint64_t id, size; bool snapshot; };

struct observed {
  struct listed v[64];
  size_t n;
  bool bad;
};

static int
observe (void *opaque, const struct pool_volume_info *info)
{
  struct observed *o = opaque;
  struct listed *l = &o->v[o->n];

  if (o->n == BASE_ARRAY_SIZE (o->v) || strlen (info->name) >= ORACLE_NAME) {
    o->bad = true;
    return 0;
  }
  strcpy (l->name, info->name);
  l->id = info->id;
  l->size = info->size;
  l->snapshot = info->snapshot;
  o->n++;
  return 0;
}

static size_t
visible (const struct oracle_state *s)
{
  size_t i, n = 0;

  for (i = 0; i < s->n; i++)
    n += !s->v[i].hidden;
  return n;
}

/* Names, sizes, kinds and what ids are known.  WHY may be NULL. */
static bool
same_list (const struct oracle_state *s, const struct observed *o, char *why,
           size_t whysize)
{
  size_t i;

  if (visible (s) != o->n) {
    snprintf (why, whysize, "%zu volumes instead of %zu", o->n, visible (s));
    return false;
  }
  for (i = 0; i < o->n; i++) {
    const struct listed *l = &o->v[i];
    const struct oracle_volume *v = oracle_find (s, l->name);

    if (v == NULL || v->hidden) {
      snprintf (why, whysize, "%s should not be there", l->name);
      return false;
    }
    if (v->size != l->size || v->snapshot != l->snapshot ||
        (v->id != 0 && l->id != 0 && v->id != l->id)) {
      snprintf (why, whysize, "%s has size %" PRIu64 ", id %" PRIu64
                " instead of %" PRIu64 ", %" PRIu64, l->name, l->size, l->id,
                v->size, v->id);
      return false;
    }
  }
  return true;
}

struct race {
  const struct oracle_cut *cut;
  size_t n, left;
  bool *alive;
  char why[256];                /* why the newest one dropped out */
};

static void
race_data (struct race *race, const char *name, const uint8_t *buf,
           size_t len, uint64_t off)
{
  uint64_t where = 0;
  size_t i;

  for (i = 0; i < race->n; i++) {
    if (!race->alive[i] ||
        oracle_same (oracle_find (race->cut[i].state, name), buf, len, off,
                     &where))
      continue;
    race->alive[i] = false;
    race->left--;
    snprintf (race->why, sizeof race->why, "%s differs at byte %" PRIu64,
              name, where);
  }
}

static bool
race_volume (struct crash_world *w, struct race *race, const struct listed *l)
{
  uint8_t buf[CHUNK];
  uint64_t off;
  struct vdev *d;
  size_t n;
  int r;

  r = w->e->volume_open (w->pool, l->name, true, NULL, &d);
  if (r < 0)
    return crash_fail (w, "open %s: %s (%s)", l->name, strerror (-r),
                       base_error_text ());
  for (off = 0; off < l->size && r == 0 && race->left > 0; off += n) {
    n = BASE_MIN (l->size - off, CHUNK);
    r = vdev_read (d, buf, n, off);
    if (r == 0)
      race_data (race, l->name, buf, n, off);
  }
  vdev_unref (d);
  if (r < 0)
    return crash_fail (w, "read %s at %" PRIu64 ": %s (%s)", l->name, off,
                       strerror (-r), base_error_text ());
  return true;
}

/* Which of the N cuts is it?  false = none.  *FOUND, which may be NULL: the
 * newest one's state.  A cut that reads the same may be the one; so only what
 * is exclusive in all of them is known to be.
 */
static bool
identify (struct crash_world *w, const struct oracle_cut *cut, size_t n,
          struct oracle_state **found)
{
  struct race race = { .cut = cut, .n = n, .left = n };
  struct observed o = { .n = 0 };
  CLEANUP_FREE bool *alive = NULL;
  char why[256];
  size_t i;
  int r;

  r = w->e->list (w->pool, false, observe, &o);
  if (r < 0 || o.bad)
    return crash_fail (w, "list: %s", strerror (-r));
  race.alive = alive = need (calloc (n + 1, sizeof *alive));
  for (i = 0; i < n; i++) {
    alive[i] = same_list (cut[i].state, &o, why, sizeof why);
    if (!alive[i]) {
      race.left--;
      memcpy (race.why, why, sizeof why);
    }
  }
  for (i = 0; i < o.n && race.left > 0; i++)
    if (!race_volume (w, &race, &o.v[i]))
      return false;
  if (race.left == 0)
    return crash_fail (w, "not as at any one of %zu commits it may be at: %s",
                       n, n > 0 ? race.why : "there is none");
  if (found == NULL)
    return true;
  for (*found = NULL, i = n; i-- > 0; )
    if (alive[i] && *found == NULL)
      *found = oracle_state_ref (cut[i].state);
    else if (alive[i])
      oracle_exclusive_in_both (found, cut[i].state);
  return true;
}

bool
crash_world_compare (struct crash_world *w)
{
  struct oracle_cut now = { .state = w->live };

  return !w->failed && identify (w, &now, 1, NULL);
}

static void
problem (void *opaque, const struct pool_check_problem *p)
{
  struct crash_world *w = opaque;

  crash_fail (w, "check: %s%s", p->leak ? "leak: " : "", p->text);
}

bool
crash_world_check (struct crash_world *w, bool data)
{
  struct pool_check_options o = {
    .data = data, .problem = problem, .opaque = w,
  };
  struct pool_check_result result;
  int r;

  if (w->failed)
    return false;
  /* With a fault about, it may find what is not there, or stop. */
  if (w->with_faults)
    o.problem = NULL;
  r = w->e->check (w->pool, &o, &result);
  if (w->with_faults)
    return true;
  /* On a pool that is full and written to all the time it may give up. */
  if (r == -EBUSY && w->concurrent)
    return true;
  if (r < 0)
    return crash_fail (w, "check: %s (%s)", strerror (-r),
                       base_error_text ());
  if (result.errors + result.leaks > 0)
    crash_fail (w, "check: %" PRIu64 " errors, %" PRIu64 " leaks",
                result.errors, result.leaks);
  return !w->failed;
}

/* ---- life -------------------------------------------------------------- */

void
crash_world_init (struct crash_world *w, const struct crash_engine *e,
                  struct image *image, bool record)
{
  struct disk *d = disk_get (image);

  memset (w, 0, sizeof *w);
  w->e = e;
  w->image = image;
  w->spare = d;
  w->disk = d->image;
  w->log = record ? d->recorder : NULL;
  w->block = ORACLE_PAGE;
  w->grow_limit = image->size;
  w->largest_volume = 64;
  w->largest_write = 24;
  w->live = oracle_state_new ();
  current = NULL;
}

void
crash_world_fini (struct crash_world *w)
{
  struct disk *d = w->spare;

  if (w->pool)
    w->e->abandon (w->pool);
  d->next = free_disks;
  free_disks = d;
  oracle_state_unref (w->live);
  oracle_timeline_reset (&w->timeline);
  free (w->span);
  current = NULL;
}

static bool
open_pool (struct crash_world *w)
{
  struct pool_options o = {
    .cache_size = w->cache_size, .name = "pool",
    .watch = { .published = crash_published, .cut = crash_cut, .opaque = w },
  };
  struct vdev *d = w->log ? w->log : w->disk;
  int r;

  /* The pool drops its reference, the device stays. */
  atomic_store (&w->disk->sticky, 0);
  atomic_store (&d->sticky, 0);
  d = vdev_ref (d);
  if (w->drop_flush)
    d = image_no_flush (d);
  if (w->fault_device) {
    r = faulty_open (d, &w->fault);
    if (r < 0)
      abort ();
    d = w->fault;
  }
  w->opening = true;
  r = w->e->open (d, &o, &w->pool);
  w->opening = false;
  if (r < 0) {
    w->pool = NULL;
    vdev_unref (d);
    return crash_fail (w, "open: %s (%s)", strerror (-r), base_error_text ());
  }
  return !w->failed;
}

bool
crash_world_format (struct crash_world *w, const struct pool_format_options *o)
{
  struct vdev *d = w->log ? w->log : w->disk;
  char name[ORACLE_NAME];
  unsigned i;
  int r;

  if (o->block_size)
    w->block = o->block_size;
  r = w->e->format (d, o);
  if (r < 0)
    return crash_fail (w, "format: %s (%s)", strerror (-r),
                       base_error_text ());
  if (!open_pool (w))
    return false;
  for (i = 0; i < w->e->fixed_volumes; i++) {
    crash_volume_name (name, i);
    oracle_add (&w->live, name, ++w->next_key, w->e->fixed_size, false, NULL);
  }
  oracle_add_cut (&w->timeline, crash_world_position (w), ++w->changes,
                  oracle_state_ref (w->live));
  crash_promise (w, w->changes);
  return true;
}

/* The pool has been opened: it must be one of N cuts, which from now on is
 * the truth and promised.
 */
static bool
adopt (struct crash_world *w, const struct oracle_cut *cut, size_t n)
{
  struct oracle_state *s;
  size_t i;

  if (!identify (w, cut, n, &s))
    return false;
  for (i = 0; i < s->n; i++)
    if (s->v[i].hidden) {
      oracle_drop (&s, s->v[i].key);
      i = (size_t) -1;
    }
  for (i = 0; i < s->n; i++)
    w->next_key = BASE_MAX (w->next_key, s->v[i].key);
  oracle_state_unref (w->live);
  w->live = s;
  oracle_add_cut (&w->timeline, crash_world_position (w), ++w->changes,
                  oracle_state_ref (s));
  crash_promise (w, w->changes);
  w->acked = w->changes;
  return true;
}

static void
lost (void *opaque, const struct pool_lost *l)
{
  struct crash_world *w = opaque;

  crash_fail (w, "repair: lost %" PRIu64 "+%" PRIu64 " of %s%s", l->offset,
              l->length, l->name, l->whole ? ", whole" : "");
}

static bool
repair (struct crash_world *w)
{
  struct pool_repair_options o = { .lost = lost, .opaque = w };
  struct pool_repair_result result;
  struct vdev *d = w->log ? w->log : w->disk;
  int r;

  atomic_store (&d->sticky, 0);
  if (w->drop_flush)
    d = image_no_flush (vdev_ref (d));
  r = w->e->repair (d, &o, &result);
  if (w->drop_flush)
    vdev_unref (d);
  if (r < 0)
    return crash_fail (w, "repair: %s (%s)", strerror (-r),
                       base_error_text ());
  if (result.after.errors + result.after.leaks > 0)
    return crash_fail (w, "repair left %" PRIu64 " errors, %" PRIu64 " leaks",
                       result.after.errors, result.after.leaks);
  return !w->failed;
}

void
crash_world_span (struct crash_world *w, enum crash_kind kind)
{
  struct crash_span *s = need (calloc (1, sizeof *s));

  free (w->span);
  w->span = s;
  w->nspans = w->cap_spans = 1;
  s->op.kind = kind;
  s->end = crash_world_position (w);
}

bool
crash_world_open (struct crash_world *w, const struct oracle_timeline *from,
                  size_t first, size_t end)
{
  size_t i;

  /* Should it crash again while it opens, any of them may be left. */
  for (i = first; i < end; i++)
    oracle_add_cut (&w->timeline, 0, ++w->changes,
                    oracle_state_ref (from->cut[i].state));
  if (w->repair_first && !repair (w))
    return false;
  if (!open_pool (w))
    return false;
  return adopt (w, from->cut + first, end - first);
}

bool
crash_world_restart (struct crash_world *w, struct crash_actor *a)
{
  size_t first, end;

  crash_actor_close (a, 0);
  w->e->abandon (w->pool);
  w->pool = NULL;
  if (w->log == NULL)
    return crash_fail (w, "no log, so nobody knows what must be there");
  oracle_candidates (&w->timeline, crash_world_position (w), &first, &end);
  if (!open_pool (w))
    return false;
  return adopt (w, w->timeline.cut + first, end - first);
}

bool
crash_world_close (struct crash_world *w)
{
  int r;

  if (w->failed)
    return false;
  r = w->e->close (w->pool);
  w->pool = NULL;
  if (w->failed)
    return false;
  if (r < 0)
    return crash_fail (w, "close: %s (%s)", strerror (-r),
                       base_error_text ());
  crash_promise (w, w->changes);
  w->acked = w->changes;
  return true;
}

bool
crash_world_reopen (struct crash_world *w, struct crash_actor *a)
{
  struct oracle_cut now;
  bool ok;

  crash_actor_close (a, 0);
  if (!crash_world_close (w) || !open_pool (w))
    return false;
  now.state = oracle_state_ref (w->live);
  ok = adopt (w, &now, 1);
  oracle_state_unref (now.state);
  return ok;
}
