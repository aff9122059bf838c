/* SPDX-License-Identifier: BSD-3-Clause
 *
 * check-record: the records of the table.
 *
 * Leaves of the table come in one by one and each record in them is judged
 * by itself and kept in short form.  When all are there, names, ids and
 * parents are judged together (by sorting, not by comparing all pairs), each
 * record gets the label that messages use, and its map is walked: orphans
 * last, because a node that an orphan has half released must not be met by
 * anybody else.
 */

#include "check-internal.h"

#include <stdlib.h>

BASE_VECTOR (record_vector, struct check_record);

struct check_records {
  struct record_vector v;
  uint64_t slots;
};

int
check_records_new (struct check *c, struct check_records **ret)
{
  struct check_records *r = base_calloc (1, sizeof *r);

  if (r == NULL)
    return base_fail (ENOMEM, "check: out of memory");
  r->slots = le32toh (c->super->slots);
  *ret = r;
  return 0;
}

void
check_records_free (struct check_records *r)
{
  size_t i;

  if (r == NULL)
    return;
  for (i = 0; i < r->v.len; i++) {
    free (r->v.ptr[i].name);
    free (r->v.ptr[i].label);
  }
  record_vector_reset (&r->v);
  free (r);
}

/* ---- one record ---------------------------------------------------------- */

static bool
name_ok (const struct format_record *f)
{
  size_t i;

  if (f->name_length < 1 || f->name_length > FORMAT_NAME_MAX)
    return false;
  for (i = 0; i < f->name_length; i++) {
    const char k = f->name[i];
    const bool alnum = (k >= 'a' && k <= 'z') || (k >= 'A' && k <= 'Z') ||
      (k >= '0' && k <= '9');

    if (!alnum && (i == 0 || k == '\0' || strchr ("._+-", k) == NULL))
      return false;
    if (k == '.' && i > 0 && f->name[i - 1] == '.')
      return false;
  }
  return base_is_zero (f->name + f->name_length,
                       sizeof f->name - f->name_length);
}

/* What only makes sense in a record that people see, or will see. */
static const char *
judge_named (const struct check *c, const struct format_record *f)
{
  const uint64_t size = le64toh (f->size);

  if (!name_ok (f))
    return "malformed name";
  if (size == 0 || size > FORMAT_MAX_VOLUME)
    return "size out of range";
  if (f->cursor != 0)
    return "cursor although it is not being removed";
  if (f->kind != FORMAT_SNAPSHOT && le32toh (f->snap_epoch) > c->epoch)
    return "epoch from the future";
  if (!(f->flags & FORMAT_RECORD_OVERLAY) &&
      (f->base_size != 0 ||
       !base_is_zero (f->base_uuid, sizeof f->base_uuid)))
    return "a base although it is no overlay";
  return NULL;
}

/* What is wrong with a record that is not FREE, or NULL. */
static const char *
judge (const struct check *c, const struct format_record *f)
{
  const uint64_t id = le64toh (f->id);
  const char *why;

  if (f->kind != FORMAT_ORPHAN)
    why = judge_named (c, f);
  else if (f->name_length != 0 || !base_is_zero (f->name, sizeof f->name))
    why = "a removed volume has a name";
  else
    why = le64toh (f->cursor) % c->fan != 0 ? "cursor inside of a leaf" : NULL;
  if (why)
    return why;
  if (f->flags & ~(FORMAT_RECORD_READONLY | FORMAT_RECORD_OVERLAY |
                   FORMAT_RECORD_CLONED))
    return "unknown flags";
  if (id == 0 || id >= le64toh (c->super->next_id))
    return "id is not below the next id";
  if ((f->kind == FORMAT_SNAPSHOT) != (f->parent != 0))
    return "parent does not fit its kind";
  if (le32toh (f->epoch) > c->epoch || le32toh (f->share_floor) > c->epoch)
    return "epoch from the future";
  if (!base_is_zero (f->reserved0, sizeof f->reserved0) ||
      f->reserved1 != 0 ||
      !base_is_zero (f->reserved2, sizeof f->reserved2) ||
      !base_is_zero (f->root.reserved, sizeof f->root.reserved))
    return "reserved bytes are set";
  return NULL;
}

static void
take (struct check *c, struct check_records *all, uint64_t slot,
      const struct format_record *f)
{
  struct check_record r = { .slot = slot };
  const char *why;

  if (f->kind == FORMAT_FREE) {
    if (!base_is_zero (f, sizeof *f))
      check_error (c, "table: record %" PRIu64 ": is free, but not empty",
                   slot);
    return;
  }
  if (f->kind > FORMAT_INCOMPLETE) {
    check_error (c, "table: record %" PRIu64 ": unknown kind %u", slot,
                 f->kind);
    c->blind = true;
    return;
  }
  why = judge (c, f);
  if (why)
    check_error (c, "table: record %" PRIu64 ": %s", slot, why);

  r.kind = f->kind;
  r.flags = f->flags;
  r.id = le64toh (f->id);
  r.parent = le64toh (f->parent);
  r.size = le64toh (f->size);
  r.root = f->root;
  r.mapped = le64toh (f->mapped);
  r.nodes = le64toh (f->nodes);
  r.shared = le64toh (f->shared);
  r.cursor = le64toh (f->cursor);
  r.epoch = le32toh (f->epoch);
  r.snap_epoch = le32toh (f->snap_epoch);
  r.name = base_asprintf ("%.*s", BASE_MIN (f->name_length, FORMAT_NAME_MAX),
                          f->name);
  if (r.name == NULL || record_vector_append (&all->v, r) < 0) {
    free (r.name);
    c->stop = base_fail (ENOMEM, "check: out of memory");
  }
}

void
check_records_leaf (struct check *c, uint64_t first,
                    uint64_t n BASE_UNUSED, enum check_leaf state,
                    const uint8_t *leaf, void *opaque)
{
  struct check_records *all = opaque;
  const uint64_t per_leaf = c->bs / FORMAT_RECORD_SIZE;
  struct format_record f;
  uint64_t i, slot;

  if (state != CHECK_PRESENT)
    return;
  for (i = 0; i < per_leaf && c->stop == 0; i++) {
    slot = first * per_leaf + i;
    memcpy (&f, leaf + i * sizeof f, sizeof f);
    if (slot < all->slots)
      take (c, all, slot, &f);
    else if (!base_is_zero (&f, sizeof f))
      check_error (c, "table: record %" PRIu64 ": is beyond the end", slot);
  }
}

/* ---- all together -------------------------------------------------------- */

static int
by_id (const void *a, const void *b)
{
  const struct check_record *ra = a, *rb = b;

  return ra->id < rb->id ? -1 : ra->id > rb->id;
}

/* Orphans last, then by the names as people see them. */
static int
by_name (const void *a, const void *b)
{
  const struct check_record *ra = a, *rb = b;
  const bool oa = ra->kind == FORMAT_ORPHAN, ob = rb->kind == FORMAT_ORPHAN;

  if (oa != ob)
    return oa ? 1 : -1;
  if (ra->kind != rb->kind)
    return ra->kind < rb->kind ? -1 : 1;
  if (ra->parent != rb->parent)
    return ra->parent < rb->parent ? -1 : 1;
  return strcmp (ra->name, rb->name);
}

static const struct check_record *
find_id (const struct check_records *all, uint64_t id)
{
  const struct check_record key = { .id = id };

  return all->v.len == 0 ? NULL :
    bsearch (&key, all->v.ptr, all->v.len, sizeof key, by_id);
}

static char *
label (const struct check_records *all, const struct check_record *r)
{
  const struct check_record *parent;

  switch (r->kind) {
  case FORMAT_VOLUME:
    return base_asprintf ("volume %s", r->name);
  case FORMAT_SNAPSHOT:
    parent = find_id (all, r->parent);
    return base_asprintf ("snapshot %s@%s",
                          parent && parent->kind == FORMAT_VOLUME ?
                          parent->name : "?", r->name);
  case FORMAT_INCOMPLETE:
    return base_asprintf ("import %s", r->name);
  default:
    return base_asprintf ("removed volume (id %" PRIu64 ")", r->id);
  }
}

/* Wants the records sorted by id. */
static void
check_ids (struct check *c, struct check_records *all)
{
  const struct check_record *parent;
  size_t i;

  for (i = 0; i < all->v.len; i++) {
    struct check_record *r = &all->v.ptr[i];

    r->label = label (all, r);
    if (r->label == NULL) {
      c->stop = base_fail (ENOMEM, "check: out of memory");
      return;
    }
    if (i > 0 && r[-1].id == r->id)
      check_error (c, "%s: has the same id as %s", r->label, r[-1].label);
    if (r->kind != FORMAT_SNAPSHOT)
      continue;
    parent = find_id (all, r->parent);
    if (parent == NULL || parent->kind != FORMAT_VOLUME)
      check_error (c, "%s: its volume (id %" PRIu64 ") does not exist",
                   r->label, r->parent);
  }
}

void
check_records_all (struct check *c, struct check_records *all)
{
  size_t i;

  if (all->v.len == 0)
    return;
  qsort (all->v.ptr, all->v.len, sizeof *all->v.ptr, by_id);
  check_ids (c, all);
  if (c->stop)
    return;
  qsort (all->v.ptr, all->v.len, sizeof *all->v.ptr, by_name);

  for (i = 0; i < all->v.len && c->stop == 0; i++) {
    struct check_record *r = &all->v.ptr[i];

    if (i > 0 && r->kind != FORMAT_ORPHAN && r->kind != FORMAT_INCOMPLETE &&
        by_name (&r[-1], r) == 0)
      check_error (c, "%s: there are two of this name", r->label);
    c->result->volumes += r->kind == FORMAT_VOLUME;
    c->result->snapshots += r->kind == FORMAT_SNAPSHOT;
    check_map (c, r);
  }
}
