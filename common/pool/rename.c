/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rename: another name for a volume or a snapshot.
 *
 * Only one record changes: a snapshot's record holds its own part of the
 * name alone, so renaming a volume renames its snapshots.  The labels, full
 * names in memory, are made before the commit and put in their places at its
 * cut, so that nothing can fail once the new name is durable.  Connections
 * are left alone.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "manage-internal.h"

struct relabel {
  struct volume *v;
  struct label *label;
};
BASE_VECTOR (relabel_vector, struct relabel);

struct rename {
  struct volume *v;
  const char *name;             /* the part that changes */
  struct relabel_vector labels;
};

static void
apply_rename (struct pool *p, struct cut *cut, void *opaque)
{
  struct rename *x = opaque;
  size_t i;

  memset (x->v->rec.name, 0, sizeof x->v->rec.name);
  x->v->rec.name_length = (uint8_t) strlen (x->name);
  memcpy (x->v->rec.name, x->name, strlen (x->name));
  for (i = 0; i < x->labels.len; ++i)
    volume_set_label (x->labels.ptr[i].v, x->labels.ptr[i].label);
  x->labels.len = 0;
  manage_add_record (cut, x->v);
  manage_effect (p, x->v->id);
}

static int
add_label (struct rename *x, struct volume *v, struct label *label)
{
  int r;

  if (label == NULL)
    return base_fail (ENOMEM, "out of memory");
  r = relabel_vector_append (&x->labels,
                             (struct relabel) { .v = v, .label = label });
  if (r < 0) {
    free (label);
    return base_fail (ENOMEM, "out of memory");
  }
  return 0;
}

/* The full names that V and its snapshots will have. */
static int
make_labels (struct pool *p, struct rename *x, const char *new_name)
{
  struct volume *s;
  int r;

  r = add_label (x, x->v, volume_make_label ("%s", new_name));
  for (s = p->volumes; s && r == 0; s = s->next)
    if (s->parent == x->v)
      r = add_label (x, s, volume_make_label ("%s@%.*s", new_name,
                                              s->rec.name_length,
                                              s->rec.name));
  return r;
}

static void
drop_labels (struct rename *x)
{
  size_t i;

  for (i = 0; i < x->labels.len; ++i)
    free (x->labels.ptr[i].label);
  relabel_vector_reset (&x->labels);
}

static int
check_rename (const char *name, const char *new_name)
{
  const char *a = strchr (name, '@'), *b = strchr (new_name, '@');

  if ((a == NULL) != (b == NULL)
      || (a && (a - name != b - new_name
                || memcmp (name, new_name, (size_t) (a - name)) != 0)))
    return base_fail (EINVAL, "%s: cannot become %s: a volume is renamed to "
                      "VOLUME, a snapshot to another snapshot of its volume",
                      name, new_name);
  return 0;
}

static int
rename_held (struct pool *p, const char *name, const char *new_name)
{
  const char *at = strchr (new_name, '@');
  struct rename x = { .name = at ? at + 1 : new_name };
  struct change change = { .apply = apply_rename, .opaque = &x, .size = 1 };
  int r;

  x.v = manage_find (p, name);
  if (x.v == NULL)
    return -ENOENT;
  if (strcmp (name, new_name) == 0)
    return 0;
  if (volume_taken_locked (p, new_name))
    return manage_exists (new_name);
  r = make_labels (p, &x, new_name);
  if (r == 0)
    r = commit_run (p, &change, false);
  drop_labels (&x);
  return r;
}

int
pool_rename (struct pool *p, const char *name, const char *new_name)
{
  int r;

  r = pool_check_name (name, 2);
  if (r == 0)
    r = pool_check_name (new_name, 2);
  if (r == 0)
    r = check_rename (name, new_name);
  if (r == 0)
    r = manage_begin (p);
  if (r < 0)
    return r;
  r = rename_held (p, name, new_name);
  manage_end (p);
  return r;
}
