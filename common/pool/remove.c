/* SPDX-License-Identifier: BSD-3-Clause
 *
 * remove: rm and rollback, and what comes after a removal.
 *
 * Removing makes a record an orphan; reap.c brings its space back.  Rollback
 * gives the volume its snapshot's root and leaves the old map as an orphan.
 * Both are refused while the volume has connections, unless these may be
 * ended.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "manage-internal.h"

int
manage_no_connections (struct volume *v, bool force)
{
  CLEANUP_FREE char *names = NULL;
  struct handle *h;
  size_t size = 0;
  FILE *fp;

  if (v->handles > 0 && !force) {
    fp = open_memstream (&names, &size);
    if (fp == NULL)
      return base_fail (ENOMEM, "out of memory");
    for (h = v->first_handle; h; h = h->next)
      fprintf (fp, "%s%s", h == v->first_handle ? "" : ", ", h->client);
    fclose (fp);
    return base_fail (EBUSY, "%s: has %u connection%s (%.200s); end them, or "
                      "use --force", v->label, v->handles,
                      v->handles == 1 ? "" : "s", names);
  }
  io_drain_locked (v);
  return 0;
}

/* ---- remove -------------------------------------------------------------- */

/* What a failed commit puts back. */
struct removed {
  struct volume *v, *parent;
  struct format_record rec;
  uint32_t snap_epoch;
};
BASE_VECTOR (removed_vector, struct removed);

struct removal {
  struct volume_vector victims;
  struct removed_vector removed;
  struct volume *keep;          /* a removed snapshot's volume */
};

/* V becomes an orphan. */
static void
orphan (struct pool *p, struct volume *v)
{
  if (v->rec.kind == FORMAT_SNAPSHOT) {
    v->snap_epoch = UINT32_MAX;
    if (v->parent && (v->rec.flags & FORMAT_RECORD_CLONED)) {
      struct format_record *rec = &v->parent->rec;

      rec->share_floor
        = htole32 (BASE_MAX (le32toh (rec->share_floor),
                             le32toh (v->rec.epoch)));
    }
  }
  else
    volume_set_shared (v, 0);
  v->rec.kind = FORMAT_ORPHAN;
  v->rec.parent = 0;
  v->rec.flags = 0;
  v->rec.cursor = 0;
  v->rec.name_length = 0;
  memset (v->rec.name, 0, sizeof v->rec.name);
  v->parent = NULL;
  atomic_fetch_add (&p->orphans, 1);
}

static void
apply_remove (struct pool *p, struct cut *cut, void *opaque)
{
  struct removal *x = opaque;
  size_t i;

  for (i = 0; i < x->victims.len; ++i) {
    struct volume *v = x->victims.ptr[i];

    x->removed.ptr[i]
      = (struct removed) { v, v->parent, v->rec, v->snap_epoch };
    orphan (p, v);
    manage_add_record (cut, v);
  }
  if (x->keep)
    manage_add_record (cut, x->keep);
  manage_effect (p, x->victims.ptr[0]->id);
}

/* The pool is poisoned: what is on disk is unknown, but nothing was removed
 * that anybody was told of.  The counts of space mean nothing any more.
 */
static void
undo_remove (struct pool *p, void *opaque)
{
  struct removal *x = opaque;
  size_t i;

  for (i = 0; i < x->victims.len; ++i) {
    const struct removed *old = &x->removed.ptr[i];

    old->v->rec = old->rec;
    old->v->parent = old->parent;
    old->v->snap_epoch = old->snap_epoch;
    atomic_fetch_sub (&p->orphans, 1);
  }
}

/* V and, if allowed, its snapshots; nobody connected. */
static int
collect_victims (struct pool *p, struct volume *v, unsigned flags,
                 struct removal *x)
{
  struct volume *s;
  size_t i;
  int r;

  r = volume_vector_append (&x->victims, v);
  if (r < 0)
    return base_fail (ENOMEM, "out of memory");
  if (v->rec.kind == FORMAT_SNAPSHOT)
    x->keep = v->parent;
  for (s = p->volumes; s; s = s->next) {
    if (s->parent != v)
      continue;
    if (!(flags & POOL_RECURSIVE))
      return base_fail (EBUSY, "%s: has snapshots; remove them first, or use "
                        "-r", v->label);
    r = volume_vector_append (&x->victims, s);
    if (r < 0)
      return base_fail (ENOMEM, "out of memory");
  }
  for (i = 0; i < x->victims.len; ++i) {
    r = manage_no_connections (x->victims.ptr[i], flags & POOL_FORCE);
    if (r < 0)
      return r;
  }
  return 0;
}

/* Requests inside a volume may need the commit to finish: connections end
 * before it is held, under table_lock, which keeps new ones out.
 */
static int
remove_locked (struct pool *p, const char *name, unsigned flags)
{
  struct removal x = { .keep = NULL };
  struct change change = { .apply = apply_remove, .failed = undo_remove,
    .opaque = &x };
  struct volume *v;
  int r;

  v = volume_find_locked (p, name);
  if (v == NULL && (flags & POOL_MISSING_OK))
    return 0;
  if (v == NULL)
    return manage_find (p, name) ? 0 : -ENOENT;
  r = collect_victims (p, v, flags, &x);
  if (r == 0 && removed_vector_reserve (&x.removed, x.victims.len) < 0)
    r = base_fail (ENOMEM, "out of memory");
  if (r == 0)
    r = commit_hold (p);
  if (r == 0) {
    change.size = x.victims.len;
    r = commit_run (p, &change, false);
    commit_release (p);
  }
  volume_vector_reset (&x.victims);
  removed_vector_reset (&x.removed);
  return r;
}

int
pool_remove (struct pool *p, const char *name, unsigned flags)
{
  int r;

  r = pool_check_name (name, 2);
  if (r < 0)
    return r;
  if (p->options.readonly)
    return base_fail (EROFS, "the pool is open read-only");
  base_mutex_lock (&p->table_lock);
  r = remove_locked (p, name, flags);
  base_mutex_unlock (&p->table_lock);
  pool_wake (p);
  return r;
}

/* ---- rollback ------------------------------------------------------------ */

struct rollback {
  struct volume *v, *snap, *old;
  uint64_t wanted;
};

static int
check_rollback (struct pool *p, void *opaque)
{
  struct rollback *x = opaque;

  x->wanted = x->snap->nodes - BASE_MIN (x->snap->nodes, x->v->shared);
  return manage_check_space (p, x->wanted);
}

static void
apply_rollback (struct pool *p, struct cut *cut, void *opaque)
{
  struct rollback *x = opaque;
  struct volume *v = x->v, *snap = x->snap, *old = x->old;

  /* The old map moves to the orphan as it is: same references. */
  old->rec.root = v->rec.root;
  old->rec.mapped = v->rec.mapped;
  old->rec.nodes = v->rec.nodes;
  old->root_entry = v->root_entry;
  old->levels = v->levels;
  old->mapped = v->mapped;
  old->nodes = v->nodes;
  old->snap_epoch = v->snap_epoch;
  old->rec.epoch = htole32 (cut->epoch);
  atomic_fetch_add (&p->orphans, 1);
  volume_link_locked (p, old);

  manage_inherit (v, snap);
  v->mapped = snap->mapped;
  v->nodes = snap->nodes;
  v->snap_epoch = cut->epoch;
  volume_set_shared (v, v->nodes);
  p->epoch = cut->epoch + 1;
  cut->after.ptr[cut->after.len++]
    = (struct cut_share) { .dst = v, .src = snap };
  manage_add_record (cut, v);
  manage_add_record (cut, old);
  manage_effect (p, v->id);
}

static int
rollback_held (struct pool *p, struct rollback *x)
{
  struct change change = { .check = check_rollback, .apply = apply_rollback,
    .opaque = x, .size = 1 };
  int r;

  /* Nobody writes any more: after this the volume's map is clean. */
  r = commit_run (p, NULL, false);
  if (r == 0)
    r = manage_new_volume (p, FORMAT_ORPHAN, "", NULL, &x->old);
  if (r < 0)
    return r;
  r = commit_run (p, &change, false);
  if (r < 0 && volume_by_id_locked (p, x->old->id) == NULL)
    manage_forget (x->old);
  return r;
}

static int
try_rollback (struct pool *p, const char *snapshot, unsigned flags,
              uint64_t *wanted)
{
  struct rollback x = { NULL, NULL, NULL, 0 };
  int r = 0;
  LOCK_FOR_SCOPE (&p->table_lock);

  x.snap = manage_find (p, snapshot);
  if (x.snap == NULL)
    return -ENOENT;
  x.v = x.snap->parent;
  r = manage_no_connections (x.v, flags & POOL_FORCE);
  if (r == 0)
    r = commit_hold (p);
  if (r < 0)
    return r;
  r = rollback_held (p, &x);
  commit_release (p);
  *wanted = BASE_MAX (x.wanted, 2 * FORMAT_MAX_LEVELS);
  return r;
}

int
pool_rollback (struct pool *p, const char *snapshot, unsigned flags)
{
  unsigned idle = 0;
  uint64_t wanted = 0;
  int r;

  r = pool_check_name (snapshot, 1);
  if (r < 0)
    return r;
  if (p->options.readonly)
    return base_fail (EROFS, "the pool is open read-only");
  do {
    r = try_rollback (p, snapshot, flags, &wanted);
    if (r != -ENOSPC)
      break;
    r = manage_make_room (p, wanted, &idle);
  } while (r == 0);
  pool_wake (p);
  return manage_result (r, snapshot);
}

/* ---- after removals ------------------------------------------------------ */

/* What V's snap_epoch may be when nothing is being reclaimed. */
static uint32_t
lowest_snap_epoch (struct pool *p, const struct volume *v)
{
  uint32_t epoch = le32toh (v->rec.share_floor);
  const struct volume *s;

  for (s = p->volumes; s; s = s->next)
    if (s->parent == v)
      epoch = BASE_MAX (epoch, le32toh (s->rec.epoch));
  return epoch;
}

/* An orphan that is left alone still shares what it names. */
static bool
some_stuck (struct pool *p)
{
  const struct volume *v;

  for (v = p->volumes; v; v = v->next)
    if (atomic_load (&v->stuck))
      return true;
  return false;
}

static void
apply_lower (struct pool *p, struct cut *cut, void *opaque)
{
  struct volume_vector *lowered = opaque;
  size_t i;

  for (i = 0; i < lowered->len; ++i) {
    struct volume *v = lowered->ptr[i];

    v->snap_epoch = lowest_snap_epoch (p, v);
    /* Shared with nobody: nothing has to be set aside any more. */
    if (v->snap_epoch == 0)
      volume_set_shared (v, 0);
    manage_add_record (cut, v);
  }
}

/* Orphans are gone: collect them, and let go of what their sharing cost. */
int
manage_after_reclaim (struct pool *p)
{
  struct volume_vector lowered = { NULL, 0, 0 };
  struct change change = { .apply = apply_lower, .opaque = &lowered };
  struct volume *v;
  int r;

  r = manage_begin (p);
  if (r < 0)
    return r;
  for (v = p->volumes; v && r == 0; v = v->next)
    if (v->rec.kind == FORMAT_VOLUME && !some_stuck (p)
        && lowest_snap_epoch (p, v) < v->snap_epoch)
      r = volume_vector_append (&lowered, v);
  change.size = lowered.len;
  if (r == 0 && lowered.len > 0 && atomic_load (&p->orphans) == 0)
    r = commit_run (p, &change, false);
  manage_end (p);
  volume_vector_reset (&lowered);
  return r;
}
