/* SPDX-License-Identifier: BSD-3-Clause
 *
 * manage: verbs that change which volumes there are.
 *
 * Each is a change at the cut of a commit of its own: everything that can
 * fail is done before, the effect is at one moment between two publishes,
 * and the caller returns when it is durable.  A snapshot therefore needs no
 * suspension: writes published before the cut are in it, later ones are not.
 *
 * Sharing: whoever comes to share a map's root gets the epoch before the
 * tick as its snap_epoch, so that all older mappings count as maybe shared,
 * and has as many node copies set aside as the map has nodes (space.c).  When
 * there is no room for these the verb is refused, not a later write.
 *
 * snap_epoch may fall again: when a snapshot that was never cloned is gone
 * and reclaimed, mappings younger than the newest remaining snapshot are
 * exclusive.  Clones and rollbacks raise share_floor, below which it never
 * falls.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "manage-internal.h"

/* ---- around every verb --------------------------------------------------- */

/* Takes table_lock and the commit hold. */
int
manage_begin (struct pool *p)
{
  int r;

  if (p->options.readonly)
    return base_fail (EROFS, "the pool is open read-only");
  base_mutex_lock (&p->table_lock);
  r = commit_hold (p);
  if (r < 0)
    base_mutex_unlock (&p->table_lock);
  else
    manage_collect_locked (p);
  return r;
}

void
manage_end (struct pool *p)
{
  commit_release (p);
  base_mutex_unlock (&p->table_lock);
}

/* Orphans that were reaped to the end leave the list.  Commit held too. */
void
manage_collect_locked (struct pool *p)
{
  struct volume *v, *next;

  for (v = p->volumes; v; v = next) {
    next = v->next;
    if (atomic_load (&v->reaped) && v->handles == 0) {
      volume_unlink_locked (p, v);
      manage_forget (v);
    }
  }
}

/* V is in no list (any more): its slot may be used again. */
void
manage_forget (struct volume *v)
{
  v->pool->slot_busy[v->slot] = false;
  volume_unref (v);
}

/* What a change takes for good, compared with what there is. */
int
manage_check_space (struct pool *p, uint64_t wanted)
{
  int64_t available;

  base_mutex_lock (&p->space.lock);
  available = space_available_locked (p);
  base_mutex_unlock (&p->space.lock);
  if (available < (int64_t) wanted)
    return base_fail (ENOSPC, "no space: %" PRIu64 " KiB have to be set "
                      "aside; remove volumes or snapshots, or grow the pool",
                      wanted * p->block_size / 1024);
  return 0;
}

/* The verb found no space: make some, with no lock held.  0 = try again.
 * IDLE counts the rounds in which there was nothing to do: then what is
 * missing is something else, and trying again will not bring it.
 */
int
manage_make_room (struct pool *p, uint64_t wanted, unsigned *idle)
{
  CLEANUP_FREE char *text = base_strdup (base_error_text ());
  int r = space_make_room (p, wanted);

  if (r == 1)
    r = ++*idle < 3 ? 0 : -ENOSPC;

  if (r == -ENOSPC && text)
    base_fail (ENOSPC, "%s", text);
  return r;
}

/* The end of a verb on NAME: of these errors it is not said yet which object
 * they are about.
 */
int
manage_result (int r, const char *name)
{
  return r == -ENOSPC ? base_fail_in (r, "%s", name) : r;
}

void
manage_effect (struct pool *p, uint64_t id)
{
  const struct pool_watch *w = &p->options.watch;

  if (w->published)
    w->published (w->opaque, id, 0, 0);
}

struct volume *
manage_find (struct pool *p, const char *name)
{
  struct volume *v = volume_find_locked (p, name);

  if (v == NULL)
    base_fail (ENOENT, "%s: no such %s", name,
               strchr (name, '@') ? "snapshot" : "volume");
  return v;
}

int
manage_exists (const char *name)
{
  return base_fail (EEXIST, "%s: exists already", name);
}

/* A record that is not in the list yet, with NAME (the part of its own). */
int
manage_new_volume (struct pool *p, unsigned kind, const char *name,
                   struct volume *parent, struct volume **ret)
{
  struct volume *v = volume_new (p);
  int r;

  if (v == NULL)
    return -ENOMEM;
  r = table_slot (p, &v->slot);
  if (r == 0) {
    v->id = p->next_id++;
    v->rec.kind = (uint8_t) kind;
    v->rec.id = htole64 (v->id);
    v->rec.name_length = (uint8_t) strlen (name);
    memcpy (v->rec.name, name, strlen (name));
    v->rec.created = (int64_t) htole64 ((uint64_t) base_wall_seconds ());
    v->parent = parent;
    if (parent)
      v->rec.parent = htole64 (parent->id);
    r = volume_label (v);
  }
  if (r < 0) {
    if (v->id)
      manage_forget (v);
    else
      volume_unref (v);
    return r;
  }
  *ret = v;
  return 0;
}

unsigned
manage_levels (const struct pool *p, uint64_t size)
{
  const uint64_t blocks = base_div_up (size, p->block_size);

  return format_levels (base_div_up (blocks, p->fan), p->fan_shift);
}

void
manage_add_record (struct cut *cut, struct volume *v)
{
  cut->records.ptr[cut->records.len++] = v;     /* reserved by commit_run */
}

static void
add_share (struct cut *cut, struct volume *dst, struct volume *src)
{
  cut->after.ptr[cut->after.len++]
    = (struct cut_share) { .dst = dst, .src = src };
}

/* ---- create -------------------------------------------------------------- */

static void
apply_create (struct pool *p, struct cut *cut, void *opaque)
{
  struct volume *v = opaque;

  v->rec.epoch = htole32 (cut->epoch);
  volume_link_locked (p, v);
  manage_add_record (cut, v);
  manage_effect (p, v->id);
}

int
manage_create (struct pool *p, unsigned kind, const char *name, uint64_t size,
               struct volume **ret)
{
  struct change change = { .apply = apply_create, .size = 1 };
  struct volume *v;
  int r;

  r = manage_new_volume (p, kind, name, NULL, &v);
  if (r < 0)
    return r;
  v->rec.size = htole64 (size);
  v->levels = manage_levels (p, size);
  v->rec.root.levels = (uint8_t) v->levels;
  change.opaque = v;
  r = commit_run (p, &change, false);
  if (r < 0) {
    if (volume_by_id_locked (p, v->id) == NULL)
      manage_forget (v);
    return r;
  }
  *ret = v;
  return 0;
}

int
manage_check_size (const char *volume, uint64_t size)
{
  if (size == 0 || size > FORMAT_MAX_VOLUME)
    return base_fail (EINVAL, "%s: size %" PRIu64 ": must be 1 byte to 4 PiB",
                      volume, size);
  return 0;
}

static int
try_create (struct pool *p, const char *volume, uint64_t size, unsigned flags)
{
  struct volume *v;
  int r;

  r = manage_begin (p);
  if (r < 0)
    return r;
  if (volume_taken_locked (p, volume))
    r = flags & POOL_EXIST_OK ? 0 : manage_exists (volume);
  else
    r = manage_create (p, FORMAT_VOLUME, volume, size, &v);
  manage_end (p);
  return r;
}

int
pool_create (struct pool *p, const char *volume, uint64_t size, unsigned flags)
{
  unsigned idle = 0;
  int r;

  r = pool_check_name (volume, 0);
  if (r == 0)
    r = manage_check_size (volume, size);
  if (r < 0)
    return r;
  do {
    r = try_create (p, volume, size, flags);
    if (r != -ENOSPC)
      break;
    r = manage_make_room (p, 2 * FORMAT_MAX_LEVELS, &idle);
  } while (r == 0);
  return manage_result (r, volume);
}

/* ---- snapshot ------------------------------------------------------------ */

/* DST is a snapshot or clone of SRC: what belongs to the map goes along. */
void
manage_inherit (struct volume *dst, const struct volume *src)
{
  dst->rec.size = src->rec.size;
  dst->rec.flags = (uint8_t)
    ((dst->rec.flags & ~FORMAT_RECORD_OVERLAY)
     | (src->rec.flags & FORMAT_RECORD_OVERLAY));
  memcpy (dst->rec.base_uuid, src->rec.base_uuid, sizeof dst->rec.base_uuid);
  dst->rec.base_size = src->rec.base_size;
}

struct snapshots {
  struct volume_vector made;    /* their parent is the source */
  uint64_t wanted;
};

/* Copies that sharing V's map anew sets aside, beyond what is. */
static uint64_t
set_aside (const struct volume *v)
{
  return v->nodes - BASE_MIN (v->shared, v->nodes);
}

static int
check_snapshots (struct pool *p, void *opaque)
{
  struct snapshots *s = opaque;
  size_t i;

  s->wanted = 0;
  for (i = 0; i < s->made.len; ++i)
    s->wanted += set_aside (s->made.ptr[i]->parent);
  return manage_check_space (p, s->wanted);
}

static void
apply_snapshots (struct pool *p, struct cut *cut, void *opaque)
{
  struct snapshots *s = opaque;
  size_t i;

  for (i = 0; i < s->made.len; ++i) {
    struct volume *snap = s->made.ptr[i], *v = snap->parent;

    manage_inherit (snap, v);
    snap->rec.epoch = htole32 (cut->epoch);
    snap->snap_epoch = UINT32_MAX;
    snap->mapped = v->mapped;
    snap->nodes = v->nodes;
    v->snap_epoch = cut->epoch;
    volume_set_shared (v, v->nodes);
    volume_link_locked (p, snap);
    add_share (cut, snap, v);
    manage_add_record (cut, snap);
    manage_add_record (cut, v);
  }
  p->epoch = cut->epoch + 1;
  manage_effect (p, s->made.ptr[0]->id);
}

static int
prepare_snapshot (struct pool *p, const char *name, unsigned flags,
                  struct snapshots *s)
{
  CLEANUP_FREE char *volume = base_strdup (name);
  char *at = volume ? strchr (volume, '@') : NULL;
  struct volume *v, *snap;
  size_t i;
  int r;

  if (volume == NULL)
    return base_fail (ENOMEM, "out of memory");
  *at = '\0';
  v = manage_find (p, volume);
  if (v == NULL)
    return -ENOENT;
  if (volume_find_locked (p, name))
    return flags & POOL_EXIST_OK ? 0 : manage_exists (name);
  for (i = 0; i < s->made.len; ++i)
    if (s->made.ptr[i]->parent == v)
      return base_fail (EINVAL, "%s: one snapshot of a volume at a time",
                        name);
  r = volume_vector_reserve (&s->made, 1);
  if (r == 0)
    r = manage_new_volume (p, FORMAT_SNAPSHOT, at + 1, v, &snap);
  if (r < 0)
    return r;
  s->made.ptr[s->made.len++] = snap;
  return 0;
}

static int
try_snapshot (struct pool *p, const char *const *names, size_t nnames,
              unsigned flags, uint64_t *wanted)
{
  struct snapshots s = { .made = { NULL, 0, 0 } };
  struct change change = { .check = check_snapshots,
    .apply = apply_snapshots, .opaque = &s };
  size_t i;
  int r;
  WRLOCK_FOR_SCOPE (&p->long_requests);

  r = manage_begin (p);
  if (r < 0)
    return r;
  for (i = 0; i < nnames && r == 0; ++i)
    r = prepare_snapshot (p, names[i], flags, &s);
  change.size = s.made.len;
  if (r == 0 && s.made.len > 0)
    r = commit_run (p, &change, false);
  if (r < 0)
    for (i = 0; i < s.made.len; ++i)
      if (volume_by_id_locked (p, s.made.ptr[i]->id) == NULL)
        manage_forget (s.made.ptr[i]);
  manage_end (p);
  *wanted = BASE_MAX (s.wanted, 2 * FORMAT_MAX_LEVELS);
  volume_vector_reset (&s.made);
  return r;
}

int
pool_snapshot (struct pool *p, const char *const *names, size_t nnames,
               unsigned flags)
{
  unsigned idle = 0;
  uint64_t wanted = 0;
  size_t i;
  int r = 0;

  for (i = 0; i < nnames && r == 0; ++i)
    r = pool_check_name (names[i], 1);
  if (r < 0)
    return r;
  do {
    r = try_snapshot (p, names, nnames, flags, &wanted);
    if (r != -ENOSPC)
      break;
    r = manage_make_room (p, wanted, &idle);
  } while (r == 0);
  return manage_result (r, names[0]);
}

/* ---- clone --------------------------------------------------------------- */

struct clone {
  struct volume *src, *dst;
  uint64_t wanted;
};

static int
check_clone (struct pool *p, void *opaque)
{
  struct clone *c = opaque;

  c->wanted = c->src->nodes;
  if (c->src->rec.kind == FORMAT_VOLUME)
    c->wanted += set_aside (c->src);
  return manage_check_space (p, c->wanted);
}

static void
apply_clone (struct pool *p, struct cut *cut, void *opaque)
{
  struct clone *c = opaque;
  struct volume *src = c->src, *dst = c->dst;

  manage_inherit (dst, src);
  dst->rec.epoch = htole32 (cut->epoch);
  dst->rec.origin = htole64 (src->id);
  dst->snap_epoch = cut->epoch;
  dst->rec.share_floor = htole32 (cut->epoch);
  dst->mapped = src->mapped;
  dst->nodes = src->nodes;
  volume_link_locked (p, dst);
  volume_set_shared (dst, dst->nodes);
  if (src->rec.kind == FORMAT_SNAPSHOT)
    src->rec.flags |= FORMAT_RECORD_CLONED;
  else {
    src->snap_epoch = cut->epoch;
    src->rec.share_floor = htole32 (cut->epoch);
    volume_set_shared (src, src->nodes);
  }
  p->epoch = cut->epoch + 1;
  add_share (cut, dst, src);
  manage_add_record (cut, src);
  manage_add_record (cut, dst);
  manage_effect (p, dst->id);
}

static int
try_clone (struct pool *p, const char *name, const char *volume,
           unsigned flags, uint64_t *wanted)
{
  struct clone c = { NULL, NULL, 0 };
  struct change change = { .check = check_clone, .apply = apply_clone,
    .opaque = &c, .size = 1 };
  int r;
  WRLOCK_FOR_SCOPE (&p->long_requests);

  r = manage_begin (p);
  if (r < 0)
    return r;
  c.src = manage_find (p, name);
  if (c.src == NULL)
    r = -ENOENT;
  else if (volume_taken_locked (p, volume)) {
    r = flags & POOL_EXIST_OK ? 0 : manage_exists (volume);
    goto out;
  }
  if (r == 0)
    r = manage_new_volume (p, FORMAT_VOLUME, volume, NULL, &c.dst);
  if (r == 0) {
    snprintf (c.dst->rec.origin_name, sizeof c.dst->rec.origin_name, "%.63s",
              c.src->label);
    r = commit_run (p, &change, false);
    if (r < 0 && volume_by_id_locked (p, c.dst->id) == NULL)
      manage_forget (c.dst);
  }
 out:
  manage_end (p);
  *wanted = BASE_MAX (c.wanted, 2 * FORMAT_MAX_LEVELS);
  return r;
}

int
pool_clone (struct pool *p, const char *name, const char *volume,
            unsigned flags)
{
  unsigned idle = 0;
  uint64_t wanted = 0;
  int r;

  r = pool_check_name (name, 2);
  if (r == 0)
    r = pool_check_name (volume, 0);
  if (r < 0)
    return r;
  do {
    r = try_clone (p, name, volume, flags, &wanted);
    if (r != -ENOSPC)
      break;
    r = manage_make_room (p, wanted, &idle);
  } while (r == 0);
  return manage_result (r, volume);
}
