/* SPDX-License-Identifier: BSD-3-Clause
 *
 * table: volumes and snapshots, in memory and as records.
 *
 * Every volume, snapshot and orphan has a record of 512 bytes in a slot of
 * the table tree.  All of them are in memory, on one list.  A snapshot's
 * record holds only its own part of the name and the id of its volume, so
 * renaming a volume renames its snapshots by changing one record.
 *
 * The list, names and labels belong to table_lock; p->table, the image of
 * the tree's leaves as last committed, belongs to the holder of the commit.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

/* ---- names --------------------------------------------------------------- */

static bool
name_ok (const char *s, size_t n)
{
  size_t i;

  if (n == 0 || n > FORMAT_NAME_MAX)
    return false;
  for (i = 0; i < n; ++i) {
    const char c = s[i];
    const bool alnum = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
      || (c >= '0' && c <= '9');

    if (!alnum && (i == 0 || strchr ("._+-", c) == NULL))
      return false;
    if (c == '.' && i > 0 && s[i - 1] == '.')
      return false;
  }
  return true;
}

int
pool_check_name (const char *text, int want_snapshot)
{
  const char *at = strchr (text, '@');
  const size_t n = at ? (size_t) (at - text) : strlen (text);

  if (at && want_snapshot == 0)
    return base_fail (EINVAL, "%s: a volume is wanted here, not a snapshot",
                      text);
  if (at == NULL && want_snapshot == 1)
    return base_fail (EINVAL, "%s: a snapshot is wanted here: VOLUME@SNAP",
                      text);
  if (!name_ok (text, n) || (at && !name_ok (at + 1, strlen (at + 1))))
    return base_fail (EINVAL, "'%.401s': malformed name: 1 to 200 of "
                      "A-Z a-z 0-9 . _ + - starting with a letter or digit, "
                      "without '..'", text);
  return 0;
}

struct label *
volume_make_label (const char *fs, ...)
{
  char text[POOL_NAME_MAX + 1];
  struct label *l;
  va_list args;

  va_start (args, fs);
  vsnprintf (text, sizeof text, fs, args);
  va_end (args);
  l = base_malloc (sizeof *l + strlen (text) + 1);
  if (l) {
    l->next = NULL;
    strcpy (l->text, text);
  }
  return l;
}

/* L (taken over) is V's full name from now on.  Older ones may be in use by
 * requests in flight: they stay as long as V.
 */
void
volume_set_label (struct volume *v, struct label *l)
{
  l->next = v->labels;
  v->labels = l;
  v->label = l->text;
}

/* The full name, from the record. */
int
volume_label (struct volume *v)
{
  struct label *l;

  if (v->parent)
    l = volume_make_label ("%s@%.*s", v->parent->label, v->rec.name_length,
                           v->rec.name);
  else if (v->rec.kind == FORMAT_ORPHAN)
    l = volume_make_label ("removed volume %" PRIu64, v->id);
  else
    l = volume_make_label ("%.*s", v->rec.name_length, v->rec.name);
  if (l == NULL)
    return base_fail (ENOMEM, "out of memory");
  volume_set_label (v, l);
  return 0;
}

/* ---- volumes ------------------------------------------------------------- */

struct volume *
volume_new (struct pool *p)
{
  struct volume *v = base_calloc (1, sizeof *v);

  if (v == NULL) {
    base_fail (ENOMEM, "out of memory");
    return NULL;
  }
  v->pool = p;
  atomic_init (&v->refs, 1);
  base_rwlock_init (&v->lock);
  return v;
}

void
volume_ref (struct volume *v)
{
  atomic_fetch_add (&v->refs, 1);
}

void
volume_unref (struct volume *v)
{
  struct label *l;

  if (v == NULL || atomic_fetch_sub (&v->refs, 1) != 1)
    return;
  tree_free (v);
  stats_free (v);
  base_rwlock_destroy (&v->lock);
  while (v->labels) {
    l = v->labels;
    v->labels = l->next;
    free (l);
  }
  free (v);
}

/* Orphans and hidden imports have no name that can be found, and neither has
 * what a failed commit would have made.
 */
bool
volume_is_named (const struct volume *v)
{
  return atomic_load (&v->durable)
    && (v->rec.kind == FORMAT_VOLUME || v->rec.kind == FORMAT_SNAPSHOT);
}

struct volume *
volume_find_locked (struct pool *p, const char *name)
{
  struct volume *v;

  for (v = p->volumes; v; v = v->next)
    if (volume_is_named (v) && strcmp (v->label, name) == 0)
      return v;
  return NULL;
}

/* A name that a volume may not have: taken, also by an import under way. */
struct volume *
volume_taken_locked (struct pool *p, const char *name)
{
  struct volume *v;

  for (v = p->volumes; v; v = v->next)
    if ((volume_is_named (v) || v->rec.kind == FORMAT_INCOMPLETE)
        && strcmp (v->label, name) == 0)
      return v;
  return NULL;
}

struct volume *
volume_by_id_locked (struct pool *p, uint64_t id)
{
  struct volume *v;

  for (v = p->volumes; v; v = v->next)
    if (v->id == id)
      return v;
  return NULL;
}

void
volume_link_locked (struct pool *p, struct volume *v)
{
  v->next = p->volumes;
  p->volumes = v;
}

void
volume_unlink_locked (struct pool *p, struct volume *v)
{
  struct volume **vp = &p->volumes;

  stats_add_locked (v, &p->totals.gone);
  while (*vp != v)
    vp = &(*vp)->next;
  *vp = v->next;
  v->next = NULL;
}

/* ---- the table ----------------------------------------------------------- */

static uint32_t
per_leaf (const struct pool *p)
{
  return p->block_size / FORMAT_RECORD_SIZE;
}

/* More slots: the pool's reserve grows with the table. */
static int
grow_table (struct pool *p)
{
  const uint32_t more = per_leaf (p);
  struct format_record *table;
  bool *busy;
  int r;

  table = base_realloc (p->table, (p->slots + more) * sizeof table[0]);
  if (table == NULL)
    return base_fail (ENOMEM, "out of memory");
  p->table = table;
  busy = base_realloc (p->slot_busy, (p->slots + more) * sizeof busy[0]);
  if (busy == NULL)
    return base_fail (ENOMEM, "out of memory");
  p->slot_busy = busy;
  memset (table + p->slots, 0, more * sizeof table[0]);
  memset (busy + p->slots, 0, more * sizeof busy[0]);

  LOCK_FOR_SCOPE (&p->space.lock);
  if (space_available_locked (p) < 2 * FORMAT_MAX_LEVELS)
    return base_fail (ENOSPC, "the pool is full: no room for more records");
  r = systree_resize (&p->table_tree, p->slots + more);
  if (r == 0)
    p->slots += more;
  return r;
}

/* A slot that no record has. */
int
table_slot (struct pool *p, uint32_t *slot)
{
  uint32_t i;
  int r;

  for (i = 0; i < p->slots && p->slot_busy[i]; ++i)
    ;
  if (i == p->slots) {
    r = grow_table (p);
    if (r < 0)
      return r;
  }
  p->slot_busy[i] = true;
  *slot = i;
  return 0;
}

void
table_store (struct pool *p, const struct volume *v)
{
  p->table[v->slot] = v->rec;
  systree_mark (&p->table_tree, v->slot / per_leaf (p));
}

void
table_clear (struct pool *p, uint32_t slot)
{
  memset (&p->table[slot], 0, sizeof p->table[slot]);
  systree_mark (&p->table_tree, slot / per_leaf (p));
}

int
table_fill (struct systree *t, uint64_t i, void *buf)
{
  const uint32_t n = per_leaf (t->pool);

  memcpy (buf, &t->pool->table[i * n], t->pool->block_size);
  return 0;
}

int
table_leaf (struct systree *t, uint64_t i, const void *buf)
{
  const uint32_t n = per_leaf (t->pool);

  memcpy (&t->pool->table[i * n], buf, t->pool->block_size);
  return 0;
}

/* ---- loading ------------------------------------------------------------- */

static int
check_record (struct pool *p, const struct format_record *rec, uint32_t slot)
{
  const bool named = rec->kind != FORMAT_ORPHAN;
  const uint64_t size = le64toh (rec->size);
  const uint64_t blocks = base_div_up (size, p->block_size);

  if (rec->kind > FORMAT_INCOMPLETE
      || (named && !name_ok (rec->name, rec->name_length))
      || (named && (size == 0 || size > FORMAT_MAX_VOLUME))
      || rec->root.levels < 1 || rec->root.levels * p->fan_shift >= 64
      || (named && tree_span (p, rec->root.levels - 1) < blocks)
      || le64toh (rec->id) == 0
      || (named && (le64toh (rec->nodes) > pool_blocks (p)
                    || le64toh (rec->mapped) > pool_blocks (p)
                    || le64toh (rec->shared) > le64toh (rec->nodes))))
    return base_fail (EBADMSG, "record %" PRIu32 " of the table is "
                      "malformed", slot);
  return 0;
}

static int
load_record (struct pool *p, uint32_t slot)
{
  const struct format_record *rec = &p->table[slot];
  struct volume *v;
  int r;

  r = check_record (p, rec, slot);
  if (r < 0)
    return r;
  v = volume_new (p);
  if (v == NULL)
    return -ENOMEM;
  v->rec = *rec;
  atomic_store (&v->durable, true);
  v->slot = slot;
  p->slot_busy[slot] = true;
  v->id = le64toh (rec->id);
  v->levels = rec->root.levels;
  v->root_entry = rec->root.entry;
  v->mapped = le64toh (rec->mapped);
  v->nodes = le64toh (rec->nodes);
  v->shared = le64toh (rec->shared);
  v->snap_epoch = le32toh (rec->snap_epoch);
  /* An import that a crash cut short goes the way of a removed volume. */
  if (rec->kind == FORMAT_INCOMPLETE)
    v->rec.kind = FORMAT_ORPHAN;
  if (v->rec.kind == FORMAT_VOLUME)
    p->space.shared += v->shared;
  if (v->rec.kind == FORMAT_ORPHAN)
    atomic_fetch_add (&p->orphans, 1);
  volume_link_locked (p, v);
  return 0;
}

/* Snapshots whose volume's record is lost, in a pool that is open for
 * reading and damaged.
 */
static void
drop_fatherless (struct pool *p)
{
  struct volume *v, *next;

  for (v = p->volumes; v; v = next) {
    next = v->next;
    if (v->rec.kind == FORMAT_SNAPSHOT
        && volume_by_id_locked (p, le64toh (v->rec.parent)) == NULL) {
      event_log (p, POOL_EVENT_WARNING, "", "snapshot %.*s: the record of its "
                 "volume is lost; it cannot be read", v->rec.name_length,
                 v->rec.name);
      volume_unlink_locked (p, v);
      volume_unref (v);
    }
  }
}

static int
link_parents (struct pool *p)
{
  struct volume *v, *w;
  int r;

  for (v = p->volumes; v; v = v->next) {
    if (v->rec.kind == FORMAT_SNAPSHOT)
      continue;
    r = volume_label (v);
    if (r < 0)
      return r;
  }
  for (v = p->volumes; v; v = v->next) {
    if (v->rec.kind == FORMAT_SNAPSHOT) {
      v->parent = volume_by_id_locked (p, le64toh (v->rec.parent));
      if (v->parent == NULL || v->parent->rec.kind != FORMAT_VOLUME)
        return base_fail (EBADMSG, "record %" PRIu32 " of the table is "
                          "a snapshot of no volume", v->slot);
      r = volume_label (v);
      if (r < 0)
        return r;
    }
    for (w = v->next; w; w = w->next)
      if (w->id == v->id)
        return base_fail (EBADMSG, "records %" PRIu32 " and %" PRIu32
                          " of the table have the same id", v->slot,
                          w->slot);
  }
  return 0;
}

int
table_load (struct pool *p)
{
  uint32_t i;
  int r;

  for (i = 0; i < p->slots; ++i)
    if (p->table[i].kind != FORMAT_FREE) {
      r = load_record (p, i);
      if (r < 0)
        return r;
    }
  if (atomic_load (&p->damaged) && p->options.readonly)
    drop_fatherless (p);
  return link_parents (p);
}
