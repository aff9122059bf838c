/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Performing verbs on a world and judging them.
 *
 * A verb takes effect in the oracle when the engine's hook says so
 * (crash_apply_verb), and must have done so when it is acknowledged, must
 * not when it is refused; an acknowledged one is durable.  Operations that
 * make no sense in the present state, because a sequence is being made
 * smaller, are passed over.
 */

#include <config.h>

#include <stdlib.h>

#include "crash-world.h"

/* ---- taking effect ----------------------------------------------------- */

static struct oracle_volume *
named (struct crash_actor *a, unsigned vol, int snap)
{
  char name[ORACLE_NAME];

  if (snap >= 0)
    crash_snapshot_name (name, vol, snap);
  else
    crash_volume_name (name, vol);
  return oracle_find (a->w->live, name);
}

static struct oracle_volume *
source (struct crash_actor *a, const struct crash_op *op)
{
  return named (a, op->vol, op->on_snapshot ? op->snap : -1);
}

static void
add_copy (struct crash_world *w, struct oracle_volume *from, const char *name,
          bool snapshot)
{
  uint64_t from_key = from->key, key = ++w->next_key;

  oracle_add (&w->live, name, key, from->size, snapshot, from);
  oracle_share (&w->live, from_key);
  oracle_share (&w->live, key);
}

static void
apply_snapshot (struct crash_actor *a, unsigned vol, unsigned snap)
{
  char name[ORACLE_NAME];
  struct oracle_volume *v = named (a, vol, -1);

  crash_snapshot_name (name, vol, snap);
  if (v && oracle_find (a->w->live, name) == NULL)
    add_copy (a->w, v, name, true);
}

/* Calls FN for the keys of volume VOL and its snapshots. */
static void
each_of_volume (struct crash_actor *a, unsigned vol,
                void (*fn) (struct crash_actor *a, uint64_t key,
                            const char *name))
{
  char name[ORACLE_NAME];
  uint64_t keys[64];
  size_t i, n = 0, len;

  crash_volume_name (name, vol);
  len = strlen (name);
  for (i = 0; i < a->w->live->n && n < 64; i++) {
    const struct oracle_volume *v = &a->w->live->v[i];
    if (strncmp (v->name, name, len) == 0 &&
        (v->name[len] == '\0' || v->name[len] == '@'))
      keys[n++] = v->key;
  }
  for (i = 0; i < n; i++)
    fn (a, keys[i], oracle_find_key (a->w->live, keys[i])->name);
}

static void
drop_one (struct crash_actor *a, uint64_t key, const char *name BASE_UNUSED)
{
  oracle_drop (&a->w->live, key);
}

static void
rename_one (struct crash_actor *a, uint64_t key, const char *name)
{
  char new_name[2 * ORACLE_NAME], base[ORACLE_NAME];
  const char *at = strchr (name, '@');

  crash_volume_name (base, a->op->to_vol);
  snprintf (new_name, sizeof new_name, "%s%s", base, at ? at : "");
  oracle_rename (&a->w->live, key, new_name);
}

static void
apply_rename (struct crash_actor *a)
{
  char name[ORACLE_NAME];

  if (!a->op->on_snapshot) {
    each_of_volume (a, a->op->vol, rename_one);
    return;
  }
  crash_snapshot_name (name, a->op->vol, a->op->to_snap);
  oracle_rename (&a->w->live, source (a, a->op)->key, name);
}

void
crash_apply_verb (struct crash_actor *a)
{
  struct crash_world *w = a->w;
  const struct crash_op *op = a->op;
  char name[ORACLE_NAME];

  a->applied = true;
  a->change = ++w->changes;
  crash_volume_name (name, op->kind == CRASH_CLONE ? op->to_vol : op->vol);
  switch (op->kind) {
  case CRASH_CREATE:
    oracle_add (&w->live, name, ++w->next_key, op->len, false, NULL);
    break;
  case CRASH_GROUP:
    apply_snapshot (a, op->to_vol, op->snap);
    apply_snapshot (a, op->to_snap, op->snap);
    /* fall through */
  case CRASH_SNAPSHOT:
    apply_snapshot (a, op->vol, op->snap);
    break;
  case CRASH_CLONE:
    add_copy (w, source (a, op), name, false);
    break;
  case CRASH_REMOVE:
    if (op->on_snapshot)
      oracle_drop (&w->live, source (a, op)->key);
    else
      each_of_volume (a, op->vol, drop_one);
    break;
  case CRASH_ROLLBACK:
    oracle_become (&w->live, named (a, op->vol, -1)->key,
                   source (a, op)->key);
    oracle_share (&w->live, named (a, op->vol, -1)->key);
    break;
  case CRASH_RESIZE:
  case CRASH_SHRINK:
    oracle_resize (&w->live, named (a, op->vol, -1)->key, op->len, w->block);
    break;
  case CRASH_RENAME:
    apply_rename (a);
    break;
  case CRASH_IMPORT:
    if (a->key != 0) {
      oracle_rename (&w->live, a->key, name);
      oracle_set_hidden (&w->live, a->key, false);
    }
    break;
  }
}

/* ---- asking ------------------------------------------------------------ */

/* The answer R to a verb.  FULL: may be refused for want of space. */
static bool
verb_answer (struct crash_actor *a, const struct crash_op *op, int r,
             bool full)
{
  struct crash_world *w = a->w;
  char text[200];

  crash_op_text (op, text, sizeof text);
  if (w->failed)
    return false;
  if (r == 0) {
    if (!a->applied && op->kind != CRASH_GROW)
      return crash_fail (w, "%s: acknowledged without taking effect", text);
    w->acked = BASE_MAX (w->acked, a->change);
    crash_promise (w, a->change);
    return true;
  }
  if (crash_fault_answer (a, r, a->applied))
    return true;
  if (a->applied)
    return crash_fail (w, "%s: refused (%s: %s), but has taken effect", text,
                       strerror (-r), base_error_text ());
  if (r == -ENOSPC && full) {
    w->refused++;
    return true;
  }
  return crash_fail (w, "%s: %s (%s)", text, strerror (-r),
                     base_error_text ());
}

static void
begin_verb (struct crash_actor *a, const struct crash_op *op, uint64_t key)
{
  crash_begin (a, op, key, NULL, 0, 0);
  a->verb = true;
}

static void
close_one (struct crash_actor *a, uint64_t key, const char *name BASE_UNUSED)
{
  crash_actor_close (a, key);
}

static bool
handle_open (struct crash_actor *a, uint64_t key)
{
  unsigned i;

  for (i = 0; i < CRASH_HANDLES; i++)
    if (a->handle[i].key == key)
      return true;
  return false;
}

/* Verbs that connections stand in the way of: first ask with a handle open,
 * which must be refused or, with force, end the handle.
 */
static bool
busy_first (struct crash_actor *a, const struct crash_op *op,
            const struct oracle_volume *v, int (*ask) (struct crash_actor *a,
                                                  const struct crash_op *op,
                                                  unsigned flags))
{
  int r;

  if (op->steps == 0 || !handle_open (a, v->key))
    return true;
  begin_verb (a, op, 0);
  r = ask (a, op, op->flags & ~POOL_FORCE);
  crash_end (a);
  if (a->w->failed)
    return false;
  if ((r == -EBUSY && !a->applied) || crash_fault_answer (a, r, a->applied))
    return true;
  return crash_fail (a->w, "%s of a volume with a connection: %s",
                     crash_kind_names[op->kind],
                     r == 0 ? "success" : strerror (-r));
}

static int
ask_remove (struct crash_actor *a, const struct crash_op *op, unsigned flags)
{
  struct oracle_volume *v = source (a, op);
  char name[ORACLE_NAME];

  memcpy (name, v->name, sizeof name);
  return a->w->e->remove (a->w->pool, name, flags);
}

static bool
do_remove (struct crash_actor *a, const struct crash_op *op)
{
  struct oracle_volume *v = source (a, op);
  int r;

  if (v == NULL)
    return true;
  if (!busy_first (a, op, v, ask_remove))
    return false;
  if (op->on_snapshot)
    crash_actor_close (a, v->key);
  else
    each_of_volume (a, op->vol, close_one);
  begin_verb (a, op, 0);
  r = ask_remove (a, op, op->flags);
  crash_end (a);
  return verb_answer (a, op, r, false);
}

static int
ask_rollback (struct crash_actor *a, const struct crash_op *op,
              unsigned flags)
{
  char name[ORACLE_NAME];

  crash_snapshot_name (name, op->vol, op->snap);
  return a->w->e->rollback (a->w->pool, name, flags);
}

static bool
do_rollback (struct crash_actor *a, const struct crash_op *op)
{
  struct oracle_volume *v = named (a, op->vol, -1);
  int r;

  if (v == NULL || source (a, op) == NULL)
    return true;
  if (!busy_first (a, op, v, ask_rollback))
    return false;
  crash_actor_close (a, v->key);
  begin_verb (a, op, 0);
  r = ask_rollback (a, op, op->flags);
  crash_end (a);
  return verb_answer (a, op, r, true);
}

static int
ask_resize (struct crash_actor *a, const struct crash_op *op, unsigned flags)
{
  char name[ORACLE_NAME];

  crash_volume_name (name, op->vol);
  return a->w->e->resize (a->w->pool, name, op->len, flags);
}

static bool
do_resize (struct crash_actor *a, const struct crash_op *op)
{
  struct oracle_volume *v = named (a, op->vol, -1);
  bool shrink;
  int r;

  if (v == NULL || v->size == op->len)
    return true;
  shrink = op->len < v->size;
  if (shrink && !(op->flags & POOL_SHRINK))
    return true;
  if (shrink && !busy_first (a, op, v, ask_resize))
    return false;
  v = named (a, op->vol, -1);
  crash_actor_close (a, v->key);
  begin_verb (a, op, 0);
  r = ask_resize (a, op, op->flags);
  crash_end (a);
  /* A shrink needs room too: a record for what is cut off, a last block. */
  return verb_answer (a, op, r, true);
}

static bool
do_group (struct crash_actor *a, const struct crash_op *op)
{
  char text[3][ORACLE_NAME];
  const char *names[3];
  uint8_t vols[3] = { op->vol, op->to_vol, op->to_snap };
  size_t i, n = op->to_snap == op->vol || op->to_snap == op->to_vol ? 2 : 3;
  int r;

  for (i = 0; i < n; i++) {
    if (named (a, vols[i], -1) == NULL ||
        named (a, vols[i], op->snap) != NULL)
      return true;
    crash_snapshot_name (text[i], vols[i], op->snap);
    names[i] = text[i];
  }
  begin_verb (a, op, 0);
  r = a->w->e->snapshot (a->w->pool, names, n, 0);
  crash_end (a);
  return verb_answer (a, op, r, true);
}

static bool
do_import (struct crash_actor *a, const struct crash_op *op)
{
  struct crash_world *w = a->w;
  struct pool_import *import;
  char name[ORACLE_NAME], hidden[ORACLE_NAME];
  uint64_t key, at = 0;
  unsigned i;
  int r;

  crash_volume_name (name, op->vol);
  if (oracle_find (w->live, name) != NULL)
    return true;
  begin_verb (a, op, 0);
  r = w->e->import_begin (w->pool, name, op->len, &import);
  crash_end (a);
  if (r < 0) {
    w->import_left |= w->with_faults;
    a->applied = false;
    return verb_answer (a, op, r, true);
  }
  key = ++w->next_key;
  snprintf (hidden, sizeof hidden, "import-%u", a->number);
  oracle_add (&w->live, hidden, key, op->len, false, NULL);
  oracle_set_hidden (&w->live, key, true);
  for (i = 0; i < op->steps && at < op->len && r == 0; i++) {
    uint64_t len = BASE_MIN (op->len - at, (1 + i) * UINT64_C (3000));
    uint8_t *buf = malloc (len);
    crash_fill (buf, len, at, op->stamp + i);
    crash_begin (a, op, key, buf, at, len);
    r = vdev_write (w->e->import_vdev (import), buf, len, at, 0);
    crash_end (a);
    free (buf);
    at += len;
  }
  if (r == 0 && !op->pool_wide) {
    begin_verb (a, op, key);
    r = w->e->import_commit (import);
    crash_end (a);
    w->import_left |= r < 0 && w->with_faults;
    if (r < 0 && !a->applied)
      oracle_drop (&w->live, key);
    return verb_answer (a, op, r, true);
  }
  w->e->import_drop (import);
  w->import_left |= w->with_faults;
  oracle_drop (&w->live, key);
  a->applied = r == 0;
  a->change = 0;
  return verb_answer (a, op, r, true);
}

static bool
do_rename (struct crash_actor *a, const struct crash_op *op)
{
  struct oracle_volume *v = source (a, op);
  char name[ORACLE_NAME], new_name[ORACLE_NAME];
  int r;

  if (op->on_snapshot)
    crash_snapshot_name (new_name, op->vol, op->to_snap);
  else
    crash_volume_name (new_name, op->to_vol);
  if (v == NULL || oracle_find (a->w->live, new_name) != NULL)
    return true;
  memcpy (name, v->name, sizeof name);
  begin_verb (a, op, 0);
  r = a->w->e->rename (a->w->pool, name, new_name);
  crash_end (a);
  return verb_answer (a, op, r, true);
}

static bool
do_create (struct crash_actor *a, const struct crash_op *op)
{
  char name[ORACLE_NAME];
  bool exists = named (a, op->vol, -1) != NULL;
  int r;

  crash_volume_name (name, op->vol);
  begin_verb (a, op, 0);
  r = a->w->e->create (a->w->pool, name, op->len, 0);
  crash_end (a);
  if (exists)
    return (r == -EEXIST && !a->applied) ||
      crash_fault_answer (a, r, a->applied) ||
      crash_fail (a->w, "create of a name that exists: %s", strerror (-r));
  return verb_answer (a, op, r, true);
}

static bool
do_copy (struct crash_actor *a, const struct crash_op *op)
{
  struct oracle_volume *v = source (a, op);
  char name[ORACLE_NAME], new_name[ORACLE_NAME];
  const char *names[1] = { new_name };
  int r;

  if (op->kind == CRASH_SNAPSHOT)
    crash_snapshot_name (new_name, op->vol, op->snap);
  else
    crash_volume_name (new_name, op->to_vol);
  if (op->kind == CRASH_SNAPSHOT)
    v = named (a, op->vol, -1);
  if (v == NULL || oracle_find (a->w->live, new_name) != NULL)
    return true;
  memcpy (name, v->name, sizeof name);
  begin_verb (a, op, 0);
  if (op->kind == CRASH_SNAPSHOT)
    r = a->w->e->snapshot (a->w->pool, names, 1, 0);
  else
    r = a->w->e->clone (a->w->pool, name, new_name, 0);
  crash_end (a);
  return verb_answer (a, op, r, true);
}

bool
crash_do_verb (struct crash_actor *a, const struct crash_op *op)
{
  struct crash_world *w = a->w;
  int r;

  switch (op->kind) {
  case CRASH_CREATE:
    return do_create (a, op);
  case CRASH_SNAPSHOT:
  case CRASH_CLONE:
    return do_copy (a, op);
  case CRASH_GROUP:
    return do_group (a, op);
  case CRASH_REMOVE:
    return do_remove (a, op);
  case CRASH_ROLLBACK:
    return do_rollback (a, op);
  case CRASH_RESIZE:
  case CRASH_SHRINK:
    return do_resize (a, op);
  case CRASH_RENAME:
    return do_rename (a, op);
  case CRASH_IMPORT:
    return do_import (a, op);
  case CRASH_GROW:
    if (op->len <= w->image->size || op->len > w->grow_limit)
      return true;
    begin_verb (a, op, 0);
    r = w->e->grow (w->pool, op->len);
    crash_end (a);
    /* Somebody else may have grown it further meanwhile. */
    if (r == -EINVAL && w->concurrent && op->len <= w->image->size)
      return true;
    return verb_answer (a, op, r, true);
  default:
    return crash_fail (w, "unknown operation %u", op->kind);
  }
}
