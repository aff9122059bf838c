/* SPDX-License-Identifier: BSD-3-Clause
 *
 * import: a volume that is filled before anybody sees it.
 *
 * Its record is INCOMPLETE: the name is taken, but nobody finds it, and
 * after a crash it is reclaimed like a removed volume.  One commit publishes
 * it.  Its device may be resized freely, for a source whose length is not
 * known: nothing was written past the end that it gets at last.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "manage-internal.h"
#include "io-internal.h"

struct pool_import {
  struct pool *p;
  struct volume *v;
  struct handle *h;
};

int
import_resize (struct vdev *d, uint64_t size)
{
  struct handle *h = (struct handle *) d;
  int r;

  r = manage_check_size (h->v->label, size);
  if (r == 0)
    r = manage_raise (h->v, manage_levels (h->pool, size));
  if (r == 0)
    vdev_set_size (d, size);
  return r;
}

/* ---- dropping ------------------------------------------------------------ */

static void
apply_drop (struct pool *p, struct cut *cut, void *opaque)
{
  struct volume *v = opaque;

  v->rec.kind = FORMAT_ORPHAN;
  v->rec.name_length = 0;
  memset (v->rec.name, 0, sizeof v->rec.name);
  if (format_type (&v->rec.root.entry) == FORMAT_HOLE)
    v->rec.root.levels = (uint8_t) v->levels;
  atomic_fetch_add (&p->orphans, 1);
  manage_add_record (cut, v);
}

static int
drop (struct pool *p, struct volume *v)
{
  struct change change = { .apply = apply_drop, .opaque = v, .size = 1 };
  int r;

  r = manage_begin (p);
  if (r < 0)
    return r;
  r = commit_run (p, &change, false);
  manage_end (p);
  return r;
}

/* V goes, now or, if there is no memory for it, with later work: until then
 * its name stays taken.
 */
static void
drop_or_leave (struct pool *p, struct volume *v)
{
  if (drop (p, v) < 0) {
    atomic_store (&v->left, true);
    atomic_fetch_add (&p->imports_left, 1);
  }
  pool_wake (p);
}

static struct volume *
find_left (struct pool *p)
{
  struct volume *v;
  LOCK_FOR_SCOPE (&p->table_lock);

  for (v = p->volumes; v; v = v->next)
    if (atomic_load (&v->left))
      break;
  return v;
}

int
import_drop_left (struct pool *p)
{
  struct volume *v = find_left (p);
  int r = v ? drop (p, v) : 0;

  if (v && r == 0) {
    atomic_store (&v->left, false);
    atomic_fetch_sub (&p->imports_left, 1);
  }
  return r;
}

void
pool_import_drop (struct pool_import *i)
{
  vdev_unref (&i->h->d);
  drop_or_leave (i->p, i->v);
  free (i);
}

/* ---- beginning ----------------------------------------------------------- */

static int
try_begin (struct pool *p, const char *volume, uint64_t size,
           struct pool_import *i)
{
  int r;

  r = manage_begin (p);
  if (r < 0)
    return r;
  if (volume_taken_locked (p, volume))
    r = base_fail (EEXIST, "%s: exists already", volume);
  if (r == 0)
    r = manage_create (p, FORMAT_INCOMPLETE, volume, size, &i->v);
  if (r == 0)
    r = io_open_import (p, i->v, &i->h);
  manage_end (p);
  if (r < 0 && i->v) {
    CLEANUP_FREE char *text = base_strdup (base_error_text ());

    drop_or_leave (p, i->v);
    return base_fail (-r, "%s", text ? text : "import failed");
  }
  return r;
}

int
pool_import_begin (struct pool *p, const char *volume, uint64_t size,
                   struct pool_import **ret)
{
  unsigned idle = 0;
  struct pool_import *i;
  int r;

  r = pool_check_name (volume, 0);
  if (r == 0)
    r = manage_check_size (volume, size);
  if (r < 0)
    return r;
  i = base_calloc (1, sizeof *i);
  if (i == NULL)
    return base_fail (ENOMEM, "out of memory");
  i->p = p;
  do {
    r = try_begin (p, volume, size, i);
    if (r != -ENOSPC)
      break;
    r = manage_make_room (p, 2 * FORMAT_MAX_LEVELS, &idle);
  } while (r == 0);
  if (r < 0) {
    free (i);
    return manage_result (r, volume);
  }
  *ret = i;
  return 0;
}

struct vdev *
pool_import_vdev (struct pool_import *i)
{
  return &i->h->d;
}

/* ---- publishing ---------------------------------------------------------- */

static void
apply_publish (struct pool *p, struct cut *cut, void *opaque)
{
  struct pool_import *i = opaque;
  struct volume *v = i->v;

  v->rec.kind = FORMAT_VOLUME;
  v->rec.size = htole64 (vdev_size (&i->h->d));
  if (format_type (&v->rec.root.entry) == FORMAT_HOLE)
    v->rec.root.levels = (uint8_t) v->levels;
  manage_add_record (cut, v);
  manage_effect (p, v->id);
}

int
pool_import_commit (struct pool_import *i)
{
  struct change change = { .apply = apply_publish, .opaque = i, .size = 1 };
  struct pool *p = i->p;
  int r;

  r = manage_begin (p);
  if (r == 0) {
    r = commit_run (p, &change, false);
    manage_end (p);
  }
  if (r < 0) {
    CLEANUP_FREE char *text = base_strdup (base_error_text ());

    pool_import_drop (i);
    return base_fail (-r, "%s", text ? text : "import failed");
  }
  vdev_unref (&i->h->d);
  free (i);
  return 0;
}
