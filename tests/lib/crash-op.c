/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random operations that make sense in the present state of a world.
 *
 * Names are numbers, so that an operation is a plain value: volume N is vN,
 * its snapshot M is vN@sM.  With several actors the tens say who may make
 * and remove a name: v0 to v9 are for all to read and write, v10 to v19
 * belong to actor 1, and v0@s10 is actor 1's snapshot of v0.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "crash-world.h"

#define OWN_VOLUMES 5
#define OWN_SNAPSHOTS 3
#define MOST_VOLUMES 12         /* volumes and snapshots */

const char *const crash_kind_names[CRASH_KINDS] = {
  "write", "partial", "large", "fua", "trim", "zero", "flush", "create",
  "snapshot", "group", "clone", "remove", "rollback", "resize", "shrink",
  "rename", "grow", "import", "reclaim", "checkpoint", "upgrade", "repair",
  "read", "check", "reopen", "kill", "badflush",
};

const struct crash_mix crash_mix_plain = { {
  [CRASH_WRITE] = 22, [CRASH_PARTIAL] = 14, [CRASH_LARGE] = 3, [CRASH_FUA] = 2,
  [CRASH_TRIM] = 6, [CRASH_ZERO] = 4, [CRASH_FLUSH] = 6, [CRASH_CREATE] = 2,
  [CRASH_SNAPSHOT] = 3, [CRASH_GROUP] = 1, [CRASH_CLONE] = 2,
  [CRASH_REMOVE] = 4, [CRASH_ROLLBACK] = 1, [CRASH_RESIZE] = 1,
  [CRASH_SHRINK] = 1,
  [CRASH_RENAME] = 1, [CRASH_GROW] = 1, [CRASH_IMPORT] = 1,
  [CRASH_RECLAIM] = 3, [CRASH_CHECKPOINT] = 1, [CRASH_READ] = 12,
  [CRASH_CHECK] = 1,
} };
const struct crash_mix crash_mix_full = { {
  [CRASH_WRITE] = 40, [CRASH_PARTIAL] = 16, [CRASH_LARGE] = 24, [CRASH_FUA] = 2,
  [CRASH_TRIM] = 4, [CRASH_ZERO] = 1, [CRASH_FLUSH] = 4, [CRASH_CREATE] = 2,
  [CRASH_SNAPSHOT] = 3, [CRASH_GROUP] = 1, [CRASH_CLONE] = 1,
  [CRASH_REMOVE] = 3, [CRASH_ROLLBACK] = 1, [CRASH_RESIZE] = 1,
  [CRASH_SHRINK] = 1,
  [CRASH_RENAME] = 1, [CRASH_IMPORT] = 1, [CRASH_RECLAIM] = 2,
  [CRASH_CHECKPOINT] = 1, [CRASH_READ] = 8,
} };
const struct crash_mix crash_mix_verbs = { {
  [CRASH_WRITE] = 16, [CRASH_PARTIAL] = 8, [CRASH_LARGE] = 2, [CRASH_FUA] = 1,
  [CRASH_TRIM] = 4, [CRASH_ZERO] = 2, [CRASH_FLUSH] = 3, [CRASH_CREATE] = 5,
  [CRASH_SNAPSHOT] = 10, [CRASH_GROUP] = 4, [CRASH_CLONE] = 8,
  [CRASH_REMOVE] = 14, [CRASH_ROLLBACK] = 5, [CRASH_RESIZE] = 3,
  [CRASH_SHRINK] = 3,
  [CRASH_RENAME] = 3, [CRASH_GROW] = 1, [CRASH_IMPORT] = 3,
  [CRASH_RECLAIM] = 6, [CRASH_CHECKPOINT] = 2, [CRASH_READ] = 4,
  [CRASH_CHECK] = 1,
} };
const struct crash_mix crash_mix_data = { {
  [CRASH_WRITE] = 34, [CRASH_PARTIAL] = 24, [CRASH_LARGE] = 3, [CRASH_FUA] = 3,
  [CRASH_TRIM] = 8, [CRASH_ZERO] = 6, [CRASH_FLUSH] = 6, [CRASH_RECLAIM] = 1,
  [CRASH_CHECKPOINT] = 1, [CRASH_READ] = 15, [CRASH_CHECK] = 1,
} };

const struct crash_mix crash_mix_writes = { {
  [CRASH_WRITE] = 40, [CRASH_PARTIAL] = 20, [CRASH_LARGE] = 6,
  [CRASH_TRIM] = 6, [CRASH_ZERO] = 4, [CRASH_READ] = 8,
} };

void
crash_volume_name (char *name, unsigned vol)
{
  snprintf (name, ORACLE_NAME, "v%u", vol);
}

void
crash_snapshot_name (char *name, unsigned vol, unsigned snap)
{
  snprintf (name, ORACLE_NAME, "v%u@s%u", vol, snap);
}

void
crash_op_text (const struct crash_op *op, char *text, size_t size)
{
  snprintf (text, size, "%s v%u%s%u off=%" PRIu64 " len=%" PRIu64
            " to=v%u@s%u flags=%u steps=%u%s stamp=%" PRIu64,
            crash_kind_names[op->kind], op->vol,
            op->on_snapshot ? "@s" : "/s", op->snap, op->off, op->len,
            op->to_vol, op->to_snap, op->flags, op->steps,
            op->pool_wide ? " pool" : "", op->stamp);
}

/* Content: each page of a stamp is different from all others; one stamp in
 * eight has pages of zeroes among them.
 */
void
crash_fill (uint8_t *buf, size_t len, uint64_t off, uint64_t stamp)
{
  while (len > 0) {
    uint64_t page = off / ORACLE_PAGE, in = off % ORACLE_PAGE;
    size_t i, n = BASE_MIN (len, ORACLE_PAGE - in);
    uint64_t w = (stamp * UINT64_C (0x9e3779b97f4a7c15) ^ page)
      * UINT64_C (0xd6e8feb86659fd93);

    w ^= w >> 32;
    if (stamp % 8 == 0 && (w & 3) == 0)
      memset (buf, 0, n);
    else if (in % 8 == 0 && n % 8 == 0)
      for (i = 0; i < n; i += 8) {
        uint64_t x = w * (2 * ((in + i) / 8) + 1);
        memcpy (buf + i, &x, 8);
      }
    else
      for (i = 0; i < n; i++)
        buf[i] = w * (2 * ((in + i) / 8) + 1) >> (in + i) % 8 * 8;
    buf += n;
    off += n;
    len -= n;
  }
}

/* ---- choosing ---------------------------------------------------------- */

struct chooser {
  struct crash_actor *a;
  struct crash_world *w;
  struct base_rng *rng;
  struct crash_op *op;
};

static bool
one_in (struct chooser *c, unsigned n)
{
  return base_rng_below (c->rng, n) == 0;
}

/* The numbers in a name; false for a hidden volume. */
static bool
numbers (const struct oracle_volume *v, unsigned *vol, unsigned *snap)
{
  char *end;

  *snap = 0;
  if (v->hidden || v->name[0] != 'v')
    return false;
  *vol = (unsigned) strtoul (v->name + 1, &end, 10);
  if (v->snapshot)
    *snap = (unsigned) strtoul (end + 2, NULL, 10);     /* behind "@s" */
  return true;
}

enum which { USABLE, OWN, USABLE_SNAPSHOT, OWN_SNAPSHOT };

static bool
fits (struct chooser *c, const struct oracle_volume *v, enum which which)
{
  unsigned vol, snap, me = c->a->number;
  bool want_snapshot = which == USABLE_SNAPSHOT || which == OWN_SNAPSHOT;

  if (!numbers (v, &vol, &snap) || v->snapshot != want_snapshot)
    return false;
  if (!c->w->concurrent)
    return true;
  switch (which) {
  case USABLE: return vol < 10 || vol / 10 == me;
  case OWN: return vol / 10 == me;
  case USABLE_SNAPSHOT:
  case OWN_SNAPSHOT: return snap / 10 == me;
  }
  return false;
}

/* A volume or snapshot by lot; sets the numbers in *VOL and *SNAP. */
static const struct oracle_volume *
choose (struct chooser *c, enum which which, uint8_t *vol, uint8_t *snap)
{
  const struct oracle_volume *v = NULL;
  unsigned a, b;
  size_t i, n = 0;

  for (i = 0; i < c->w->live->n; i++)
    if (fits (c, &c->w->live->v[i], which) &&
        base_rng_below (c->rng, ++n) == 0)
      v = &c->w->live->v[i];
  if (v && numbers (v, &a, &b)) {
    *vol = a;
    if (snap)
      *snap = b;
  }
  return v;
}

static size_t
count_volumes (const struct chooser *c)
{
  size_t i, n = 0;

  for (i = 0; i < c->w->live->n; i++)
    n += !c->w->live->v[i].hidden;
  return n;
}

/* A volume number that is free. */
static bool
free_volume (struct chooser *c, uint8_t *vol)
{
  unsigned i, first = c->w->concurrent ? c->a->number * 10 : 0;
  unsigned start = base_rng_below (c->rng, OWN_VOLUMES);
  unsigned most = c->w->concurrent ? 2 * MOST_VOLUMES : MOST_VOLUMES;
  char name[ORACLE_NAME];

  if (count_volumes (c) >= most)
    return false;
  for (i = 0; i < OWN_VOLUMES; i++) {
    *vol = first + (start + i) % OWN_VOLUMES;
    crash_volume_name (name, *vol);
    if (oracle_find (c->w->live, name) == NULL)
      return true;
  }
  return false;
}

static bool
free_snapshot (struct chooser *c, unsigned vol, uint8_t *snap)
{
  unsigned i, first = c->w->concurrent ? c->a->number * 10 : 0;
  unsigned start = base_rng_below (c->rng, OWN_SNAPSHOTS);
  unsigned most = c->w->concurrent ? 2 * MOST_VOLUMES : MOST_VOLUMES;
  char name[ORACLE_NAME];

  if (count_volumes (c) >= most)
    return false;
  for (i = 0; i < OWN_SNAPSHOTS; i++) {
    *snap = first + (start + i) % OWN_SNAPSHOTS;
    crash_snapshot_name (name, vol, *snap);
    if (oracle_find (c->w->live, name) == NULL)
      return true;
  }
  return false;
}

static uint64_t
some_size (struct chooser *c)
{
  uint64_t blocks = c->w->image->size / c->w->block;
  uint64_t most = BASE_MIN (BASE_MAX (blocks / 3, 8), c->w->largest_volume);
  uint64_t n = 1 + base_rng_below (c->rng, most);

  n *= c->w->block;
  return one_in (c, 4) ? n - base_rng_below (c->rng, c->w->block) : n;
}

/* Whole blocks, or up to the end of the volume. */
static void
range (struct chooser *c, const struct oracle_volume *v, unsigned least,
       unsigned most)
{
  struct crash_op *op = c->op;
  uint64_t block = c->w->block, blocks = base_div_up (v->size, block);

  op->off = base_rng_below (c->rng, blocks) * block;
  op->len = (least + base_rng_below (c->rng, most - least + 1)) * block;
  /* Large ones should be large also near the end. */
  if (op->off + op->len > v->size && least > 1)
    op->off = v->size > op->len ? (v->size - op->len) / block * block : 0;
  op->len = BASE_MIN (op->len, v->size - op->off);
}

static void
odd_range (struct chooser *c, const struct oracle_volume *v)
{
  struct crash_op *op = c->op;
  uint64_t block = c->w->block;

  op->off = base_rng_below (c->rng, v->size);
  switch (base_rng_below (c->rng, 4)) {
  case 0: op->len = 1 + base_rng_below (c->rng, 600); break;
  case 1: op->off &= ~UINT64_C (511); op->len = 512; break;
  case 2: op->len = 1 + base_rng_below (c->rng, block); break;
  default: op->len = 1 + base_rng_below (c->rng, 5 * block / 2);
  }
  op->len = BASE_MIN (op->len, v->size - op->off);
}

static bool
make_data (struct chooser *c, enum crash_kind kind)
{
  struct crash_op *op = c->op;
  const struct oracle_volume *v;
  unsigned most;

  if (one_in (c, kind == CRASH_READ ? 4 : 24)) {
    v = choose (c, USABLE_SNAPSHOT, &op->vol, &op->snap);
    op->on_snapshot = v != NULL;
  }
  else
    v = NULL;
  if (v == NULL)
    v = choose (c, USABLE, &op->vol, NULL);
  if (v == NULL)
    return false;
  most = BASE_MAX (v->size / c->w->block, 1);
  switch (kind) {
  case CRASH_PARTIAL:
    odd_range (c, v);
    break;
  case CRASH_LARGE:
    range (c, v, 8, (unsigned) c->w->largest_write);
    break;
  case CRASH_FUA:
    op->flags = VDEV_FUA;
    if (one_in (c, 2))
      odd_range (c, v);
    else
      range (c, v, 1, 3);
    break;
  case CRASH_TRIM:
  case CRASH_ZERO:
  case CRASH_READ:
    if (one_in (c, 3))
      odd_range (c, v);
    else if (one_in (c, 3))
      range (c, v, most, most + 1);
    else
      range (c, v, 1, 4);
    if (kind != CRASH_READ && one_in (c, 8))
      op->flags |= VDEV_FUA;
    if (kind == CRASH_ZERO && one_in (c, 2))
      op->flags |= VDEV_MAY_TRIM;
    if (kind == CRASH_ZERO && one_in (c, 4))
      op->flags |= VDEV_FAST;
    break;
  default:
    range (c, v, 1, 4);
  }
  op->stamp = base_rng_u64 (c->rng) >> 16;
  return true;
}

static bool
make_group (struct chooser *c)
{
  struct crash_op *op = c->op;
  char name[ORACLE_NAME];
  uint8_t more;

  if (choose (c, USABLE, &op->vol, NULL) == NULL ||
      choose (c, USABLE, &op->to_vol, NULL) == NULL || op->vol == op->to_vol)
    return false;
  if (!free_snapshot (c, op->vol, &op->snap))
    return false;
  crash_snapshot_name (name, op->to_vol, op->snap);
  if (oracle_find (c->w->live, name) != NULL)
    return false;
  /* A third one, or the first again. */
  op->to_snap = op->vol;
  if (choose (c, USABLE, &more, NULL) != NULL && more != op->to_vol) {
    crash_snapshot_name (name, more, op->snap);
    if (oracle_find (c->w->live, name) == NULL)
      op->to_snap = more;
  }
  return true;
}

static bool
make_resize (struct chooser *c, bool shrink)
{
  const struct oracle_volume *v = choose (c, OWN, &c->op->vol, NULL);
  unsigned tries;

  if (v == NULL)
    return false;
  for (tries = 0; tries < 4; tries++) {
    c->op->len = some_size (c);
    if (c->op->len != v->size && (c->op->len < v->size) == shrink)
      break;
  }
  if (tries == 4 && !shrink)
    c->op->len = v->size + 1 + base_rng_below (c->rng, 2 * c->w->block);
  else if (tries == 4)
    c->op->len = 1 + base_rng_below (c->rng, v->size);
  if (shrink)
    c->op->flags = one_in (c, 8) ? POOL_SHRINK : POOL_SHRINK | POOL_FORCE;
  c->op->steps = one_in (c, 8);
  return c->op->len != v->size;
}

static bool
make_remove (struct chooser *c)
{
  struct crash_op *op = c->op;

  if (!one_in (c, 3) &&
      choose (c, OWN_SNAPSHOT, &op->vol, &op->snap) != NULL) {
    op->on_snapshot = true;
    return true;
  }
  if (c->w->e->fixed_volumes)
    return false;
  op->flags = POOL_RECURSIVE;
  op->steps = one_in (c, 8);
  return choose (c, OWN, &op->vol, NULL) != NULL;
}

static bool
make_rename (struct chooser *c)
{
  struct crash_op *op = c->op;

  if (one_in (c, 2) &&
      choose (c, OWN_SNAPSHOT, &op->vol, &op->snap) != NULL) {
    op->on_snapshot = true;
    op->to_vol = op->vol;
    return free_snapshot (c, op->vol, &op->to_snap);
  }
  return choose (c, OWN, &op->vol, NULL) != NULL &&
    free_volume (c, &op->to_vol);
}

static bool
make_clone (struct chooser *c)
{
  struct crash_op *op = c->op;

  if (one_in (c, 4))
    return choose (c, USABLE, &op->vol, NULL) != NULL &&
      free_volume (c, &op->to_vol);
  op->on_snapshot = true;
  return choose (c, USABLE_SNAPSHOT, &op->vol, &op->snap) != NULL &&
    free_volume (c, &op->to_vol);
}

static bool
make_rollback (struct chooser *c)
{
  struct crash_op *op = c->op;
  char name[ORACLE_NAME];
  const struct oracle_volume *v;

  if (choose (c, OWN_SNAPSHOT, &op->vol, &op->snap) == NULL)
    return false;
  op->on_snapshot = true;
  op->steps = one_in (c, 8);
  crash_volume_name (name, op->vol);
  v = oracle_find (c->w->live, name);
  return v != NULL && fits (c, v, OWN);
}

static bool
make_grow (struct chooser *c)
{
  struct crash_world *w = c->w;
  uint64_t blocks = w->image->size / w->block;
  uint64_t slab = BASE_MAX (blocks / 64 * 8, 8);

  /* By whole slabs, whatever they are here, or by a little. */
  blocks += one_in (c, 8) ? 1 : slab * (1 + base_rng_below (c->rng, 2));
  c->op->len = blocks * w->block;
  return c->op->len <= w->grow_limit;
}

bool
crash_op_make (struct crash_actor *a, enum crash_kind kind,
               struct base_rng *rng, struct crash_op *op)
{
  struct chooser c = { a, a->w, rng, op };

  memset (op, 0, sizeof *op);
  op->kind = kind;
  if (!(a->w->e->kinds >> kind & 1))
    return false;
  switch (kind) {
  case CRASH_WRITE: case CRASH_PARTIAL: case CRASH_LARGE: case CRASH_FUA:
  case CRASH_TRIM: case CRASH_ZERO: case CRASH_READ:
    return make_data (&c, kind);
  case CRASH_FLUSH:
    op->pool_wide = choose (&c, USABLE, &op->vol, NULL) == NULL ||
      one_in (&c, 3);
    return true;
  case CRASH_CREATE:
    op->len = some_size (&c);
    return free_volume (&c, &op->vol);
  case CRASH_SNAPSHOT:
    return choose (&c, USABLE, &op->vol, NULL) != NULL &&
      free_snapshot (&c, op->vol, &op->snap);
  case CRASH_GROUP:
    return make_group (&c);
  case CRASH_CLONE:
    return make_clone (&c);
  case CRASH_REMOVE:
    return make_remove (&c);
  case CRASH_ROLLBACK:
    return make_rollback (&c);
  case CRASH_RESIZE:
  case CRASH_SHRINK:
    return make_resize (&c, kind == CRASH_SHRINK);
  case CRASH_RENAME:
    return make_rename (&c);
  case CRASH_GROW:
    return make_grow (&c);
  case CRASH_IMPORT:
    op->len = some_size (&c);
    op->steps = base_rng_below (rng, 5);
    op->stamp = base_rng_u64 (rng) >> 16;
    op->pool_wide = one_in (&c, 4);     /* dropped, not published */
    return free_volume (&c, &op->vol);
  case CRASH_RECLAIM:
    op->pool_wide = one_in (&c, 2);
    op->steps = 1 + base_rng_below (rng, 4);
    return true;
  case CRASH_CHECK:
    op->pool_wide = one_in (&c, 2);     /* data, too */
    return true;
  case CRASH_UPGRADE:
  case CRASH_REPAIR:
    return false;               /* nothing that an open pool does */
  default:
    return true;
  }
}

void
crash_op_random (struct crash_actor *a, const struct crash_mix *mix,
                 struct base_rng *rng, struct crash_op *op)
{
  unsigned total = 0, tries, i;

  for (i = 0; i < CRASH_KINDS; i++)
    if (a->w->e->kinds >> i & 1)
      total += mix->weight[i];
  for (tries = 0; tries < 6; tries++) {
    uint64_t n = base_rng_below (rng, total);
    for (i = 0; i < CRASH_KINDS; i++)
      if (a->w->e->kinds >> i & 1) {
        if (n < mix->weight[i])
          break;
        n -= mix->weight[i];
      }
    if (crash_op_make (a, i, rng, op))
      return;
  }
  if (crash_op_make (a, CRASH_CREATE, rng, op))
    return;
  crash_op_make (a, CRASH_FLUSH, rng, op);
}
